"""The origin of a URL (RFC 6454): who is asked, and who may see a credential."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit, urlunsplit

from pkgharvest.model.errors import Malformed

_PORTS = {"http": 80, "https": 443}

_UNFIT = re.compile(r"[\x00-\x20\x7f\\]")
"""What parsers of URLs disagree about, and no URL holds (RFC 3986, section 2)."""

# The URL is not repeated: where it cannot be read, neither can what to leave out of it.
_NO_URL = "the address is not an http or https URL"


def _split(url: str) -> tuple[SplitResult, str, int]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise Malformed(_NO_URL) from error
    if _UNFIT.search(url) or parts.scheme not in _PORTS or not host:
        raise Malformed(_NO_URL)
    return parts, host, _PORTS[parts.scheme] if port is None else port


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host in lower case, and port, always given."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> "Origin":
        """Read the origin of ``url``; Malformed where it is not http or https."""
        parts, host, port = _split(url)
        return cls(parts.scheme, host, port)

    def __str__(self) -> str:
        """Return the host, with its port where that is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def strip_userinfo(url: str) -> str:
    """Return ``url`` without user, password and fragment; Malformed as ``Origin.of``."""
    parts, _, _ = _split(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))
