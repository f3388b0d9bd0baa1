"""The origin of a URL (RFC 6454): which host is asked, and which host may see a credential.

Results are cached, because every transport of the chain needs the origin of the same URL.
"""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from urllib.parse import SplitResult, urlsplit, urlunsplit

from pkgharvest.model.errors import Malformed

_DEFAULT_PORTS = {"http": 80, "https": 443}

_FORBIDDEN_CHARACTERS = re.compile(r"[\x00-\x20\x7f\\]")
"""Characters that URL parsers disagree about. No valid URL has them (RFC 3986, section 2)."""

# The message omits the URL: if it cannot be parsed, neither can the password in it be removed.
_NOT_A_WEB_URL = "the address is not an http or https URL"

_MAX_CACHED_URLS = 1024


def _split_url(url: str) -> tuple[SplitResult, str, int]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise Malformed(_NOT_A_WEB_URL) from error
    if _FORBIDDEN_CHARACTERS.search(url) or parts.scheme not in _DEFAULT_PORTS or not host:
        raise Malformed(_NOT_A_WEB_URL)
    return parts, host, _DEFAULT_PORTS[parts.scheme] if port is None else port


@dataclass(frozen=True)
class Origin:
    """Scheme, host and port. The host is in lower case, the port is always set.

    >>> Origin.of("https://me:pw@PyPI.org/simple/?x=1")
    Origin(scheme='https', host='pypi.org', port=443)
    >>> str(Origin.of("http://[::1]:8080/"))
    '[::1]:8080'
    """

    scheme: str
    host: str
    port: int

    @classmethod
    @lru_cache(maxsize=_MAX_CACHED_URLS)
    def of(cls, url: str) -> "Origin":
        """Return the origin of ``url``. Raises Malformed if it is not an http or https URL."""
        parts, host, port = _split_url(url)
        return cls(parts.scheme, host, port)

    @cached_property
    def netloc(self) -> str:
        """The host, followed by the port unless that is the scheme's default."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return self.netloc


@lru_cache(maxsize=_MAX_CACHED_URLS)
def strip_userinfo(url: str) -> str:
    """Return ``url`` without user, password and fragment.

    Raises Malformed if it is not an http or https URL.

    >>> strip_userinfo("https://me:pw@pypi.org/simple/#top")
    'https://pypi.org/simple/'
    """
    parts, _, _ = _split_url(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))
