"""Tokens, and the one origin to which each of them may go.

Nothing else of the program holds a token. It leaves only through ``header``, for its origin.
"""

import netrc
import re
from collections.abc import Mapping
from pathlib import Path

from pkgharvest.model.errors import InvalidValue
from pkgharvest.model.origin import Origin

_TOKEN = re.compile(r"[\x21-\x7e]+")
"""Visible ASCII: what a header can carry unchanged (RFC 6750 allows no more)."""

_LONG_ENOUGH = 12
"""Of a shorter token, four characters tell too much; and it may be part of any text."""


def last_four(token: str) -> str:
    """Return what a message may say of ``token``: its last four characters, or nothing."""
    return token[-4:] if len(token) >= _LONG_ENOUGH else ""


class Credentials:
    """Tokens by origin. Its ``repr`` shows the origins only."""

    def __init__(self, tokens: Mapping[Origin, str]) -> None:
        for origin, token in tokens.items():
            if not _TOKEN.fullmatch(token):
                raise InvalidValue(
                    f"the token for {origin} holds characters that no token has",
                    hint="a line break at its end, perhaps",
                )
        self._tokens = dict(tokens)

    @classmethod
    def of(cls, tokens: Mapping[str, str]) -> "Credentials":
        """Read tokens by URL: each goes to the origin of its URL.

        Raises InvalidValue where a token cannot be one, Malformed where a URL cannot.
        """
        return cls({Origin.of(url): token for url, token in tokens.items()})

    @classmethod
    def none(cls) -> "Credentials":
        """Return no credentials."""
        return cls({})

    @classmethod
    def from_environment(
        cls,
        environ: Mapping[str, str],
        github_api_url: str,
        netrc_path: Path | None = None,
        *,
        graphql_url: str | None = None,
    ) -> "Credentials":
        """Find GitHub's token: GH_TOKEN, then GITHUB_TOKEN, then netrc. Empty is unset.

        Netrc is ``netrc_path``, else ``$NETRC``, else ``~/.netrc``. Its entry for the API's host
        counts, and for api.github.com that of github.com, where git looks; never ``default``.
        A netrc that is not there or not ours to read is none; one that cannot be understood is
        InvalidValue, for who has one relies on it. ``graphql_url``, which may be at another
        origin than the API, gets the token too.
        """
        token = environ.get("GH_TOKEN") or environ.get("GITHUB_TOKEN")
        if not token:
            token = _from_netrc(netrc_path or _netrc_path(environ), Origin.of(github_api_url).host)
        urls = (github_api_url, graphql_url or github_api_url)
        return cls.of(dict.fromkeys(urls, token) if token else {})

    def header(self, origin: Origin) -> str | None:
        """Return the ``Authorization`` for exactly ``origin``, or None."""
        token = self._tokens.get(origin)
        return None if token is None else f"Bearer {token}"

    def last_four(self, url: str) -> str:
        """Return the last four characters of the token that ``url`` is asked with, or nothing."""
        return last_four(self._tokens.get(Origin.of(url), ""))

    @property
    def secrets(self) -> frozenset[str]:
        """The tokens themselves, to be looked for and taken out."""
        return frozenset(self._tokens.values())

    @property
    def telling(self) -> frozenset[str]:
        """The tokens that can be looked for in a text: a short one is a word like others."""
        return frozenset(token for token in self.secrets if len(token) >= _LONG_ENOUGH)

    def redact(self, text: str) -> str:
        """Return ``text`` without any of the tokens that can be told from words."""
        for secret in self.telling:
            text = text.replace(secret, "REDACTED")
        return text

    def redact_body(self, body: bytes) -> bytes:
        """Return ``body`` without any of the tokens that can be told from words."""
        for secret in self.telling:
            body = body.replace(secret.encode(), b"REDACTED")
        return body

    def __repr__(self) -> str:
        return f"Credentials({', '.join(sorted(map(str, self._tokens)))})"


def _netrc_path(environ: Mapping[str, str]) -> Path | None:
    if named := environ.get("NETRC"):
        return Path(named)
    home = environ.get("HOME")
    return Path(home, ".netrc") if home else None


def _from_netrc(path: Path | None, host: str) -> str | None:
    if path is None:
        return None
    try:
        entries = netrc.netrc(path).hosts
    except OSError:
        return None
    except (netrc.NetrcParseError, UnicodeDecodeError):
        # Not chained: the parser's message repeats what it stumbled over, maybe a password.
        raise InvalidValue(
            f"{path} cannot be understood",
            hint="correct it, or set GH_TOKEN, which is looked at first",
        ) from None
    for name in (host, host.removeprefix("api.") if host == "api.github.com" else host):
        if name in entries:
            return entries[name][2] or None
    return None
