"""Tokens: where they are found, and the one origin that each of them may be sent to.

Nothing else in the program holds a token. It leaves only through ``Credentials.header``, for its
origin, and no longer once its host has rejected it: repeated 401s get clients blocked.
"""

import ipaddress
import netrc
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from pkgharvest.model.errors import InvalidValue, Unauthorized
from pkgharvest.model.origin import Origin
from pkgharvest.settings.hosts import ForgeHost
from pkgharvest.settings.load import expand_home
from pkgharvest.settings.spec import Setting
from pkgharvest.transport.base import Request, Response, Transport

_TOKEN = re.compile(r"[\x21-\x7e]+")
"""Visible ASCII: what a header can carry unchanged (RFC 6750 allows no more)."""

_MIN_SHOWN_CHARACTERS = 12
"""In a shorter token, four characters tell too much, and it may be part of any text."""

_BEARER = "Bearer {token}"

REDACTED = "REDACTED"
"""What takes the place of a secret in a text."""


class FoundToken(NamedTuple):
    """A token, and where it was found: a variable's name, a file's path, or ``netrc``."""

    token: str
    origin: str


def last_four(token: str) -> str:
    """Return what a message may show of ``token``: its last four characters, or nothing."""
    return token[-4:] if len(token) >= _MIN_SHOWN_CHARACTERS else ""


def find_token(
    host: ForgeHost, environ: Mapping[str, str], netrc_path: Path | None = None
) -> FoundToken | None:
    """Return the token for the API of ``host``, or None.

    Tried in turn: its ``token_env``, its ``token_file``, the variables of its forge, and the
    netrc, which is ``netrc_path``, else ``$NETRC``, else ``~/.netrc``. An empty variable counts as
    unset, a netrc that is missing or not readable as empty. Raises InvalidValue for a netrc that
    cannot be parsed, as whoever has one relies on it, and for a token file that cannot be read.
    """
    if host.token_env and (token := environ.get(host.token_env.value)):
        return FoundToken(token, host.token_env.value)
    if host.token_file is not None:
        return FoundToken(*_read_token(host.token_file))
    for variable in host.token_variables:
        if token := environ.get(variable):
            return FoundToken(token, variable)
    found = _from_netrc(netrc_path or _netrc_path(environ), host)
    return FoundToken(found, "netrc") if found else None


class Credentials:
    """Tokens by origin. Its ``repr`` shows the origins only."""

    def __init__(
        self, tokens: Mapping[Origin, str], authorizations: Mapping[Origin, str] | None = None
    ) -> None:
        for origin, token in tokens.items():
            if not _TOKEN.fullmatch(token):
                raise InvalidValue(
                    f"the token for {origin} holds characters that no token has",
                    hint="a line break at its end, perhaps",
                )
        self._tokens = dict(tokens)
        self._authorizations = dict(authorizations or {})
        # A shorter token may be any word of a text. One may be part of another: longest first.
        searchable = {token for token in tokens.values() if len(token) >= _MIN_SHOWN_CHARACTERS}
        self._searchable = sorted(searchable, key=len, reverse=True)

    @classmethod
    def of(cls, tokens: Mapping[str, str]) -> "Credentials":
        """Take tokens by URL: each goes to the origin of its URL.

        Raises InvalidValue for what cannot be a token, Malformed for what is no URL.
        """
        return cls({Origin.of(url): token for url, token in tokens.items()})

    @classmethod
    def none(cls) -> "Credentials":
        """Return no credentials."""
        return cls({})

    @classmethod
    def find(
        cls,
        hosts: Iterable[ForgeHost],
        environ: Mapping[str, str],
        netrc_path: Path | None = None,
    ) -> "Credentials":
        """Find the tokens of ``hosts``. Where two share an origin, the first one's is sent there.

        A token is never sent over plain HTTP, except to this machine. Raises InvalidValue as
        `find_token` does, and for what cannot be a token.
        """
        tokens: dict[Origin, str] = {}
        authorizations: dict[Origin, str] = {}
        for host in hosts:
            origins = {Origin.of(url) for url in host.urls} - tokens.keys()
            origins = {origin for origin in origins if _is_safe(origin)}
            found = find_token(host, environ, netrc_path) if origins else None
            if found is not None:
                tokens |= dict.fromkeys(origins, found.token)
                authorization = host.forge.api.authorization if host.forge.api else _BEARER
                authorizations |= dict.fromkeys(origins, authorization)
        return cls(tokens, authorizations)

    def header(self, origin: Origin) -> str | None:
        """Return the ``Authorization`` for exactly ``origin``, or None."""
        token = self._tokens.get(origin)
        if token is None:
            return None
        return self._authorizations.get(origin, _BEARER).format(token=token)

    def last_four(self, url: str) -> str:
        """Return the last four characters of the token sent to ``url``, or nothing."""
        return last_four(self._tokens.get(Origin.of(url), ""))

    @property
    def secrets(self) -> frozenset[str]:
        """The tokens themselves."""
        return frozenset(self._tokens.values())

    def redact(self, text: str) -> str:
        """Return ``text`` with the tokens replaced, except those that are too short to tell."""
        for token in self._searchable:
            text = text.replace(token, REDACTED)
        return text

    def redact_body(self, body: bytes) -> bytes:
        """Return ``body`` with the same tokens replaced."""
        for token in self._searchable:
            body = body.replace(token.encode(), REDACTED.encode())
        return body

    def __repr__(self) -> str:
        return f"Credentials({', '.join(sorted(map(str, self._tokens)))})"


@dataclass(slots=True)
class AuthGuard:
    """The transport that takes one 401 to a token as the answer to every request with that token.

    It raises Unauthorized, which repeats the token's last four characters at most. A 401 to a
    request without a token is returned: it is about that request alone.
    """

    inner: Transport
    credentials: Credentials
    _rejecting: set[Origin] = field(default_factory=set, init=False)

    async def send(self, request: Request) -> Response:
        """Send ``request``, unless its host has rejected the token before."""
        origin = Origin.of(request.url)
        if origin in self._rejecting:
            raise self._rejection(origin, request.url)
        response = await self.inner.send(request)
        if (
            response.status == HTTPStatus.UNAUTHORIZED
            and self.credentials.header(origin) is not None
        ):
            self._rejecting.add(origin)
            raise self._rejection(origin, request.url)
        return response

    def _rejection(self, origin: Origin, url: str) -> Unauthorized:
        last_four = self.credentials.last_four(url)
        token = f"the token that ends in {last_four}" if last_four else "the token"
        return Unauthorized(
            f"{origin.host} rejects {token}",
            hint="is it mistyped, expired or revoked?",
        )


def _is_safe(origin: Origin) -> bool:
    """Return whether a token may be sent: over TLS, or to this machine."""
    if origin.scheme == "https" or origin.host == "localhost":
        return True
    try:
        return ipaddress.ip_address(origin.host).is_loopback
    except ValueError:
        return False


def _read_token(setting: Setting) -> tuple[str, str]:
    """Return the token in a file, and the file's path, which is relative to the configuration."""
    path = Path(setting.origin).parent / (expand_home(setting.value) or setting.value)
    try:
        return path.read_text(encoding="utf-8").strip(), str(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise InvalidValue(
            f"{setting.origin}: token_file {path} cannot be read: {reason.lower()}"
        ) from error


def _netrc_path(environ: Mapping[str, str]) -> Path | None:
    if named := environ.get("NETRC"):
        return Path(named)
    home = environ.get("HOME")
    return Path(home, ".netrc") if home else None


def _from_netrc(path: Path | None, host: ForgeHost) -> str | None:
    if path is None:
        return None
    try:
        entries = netrc.netrc(path).hosts
    except OSError:
        return None
    except (netrc.NetrcParseError, UnicodeDecodeError):
        # Not chained: the parser's message repeats what it could not parse, perhaps a password.
        variable = next(iter(host.token_variables), None)
        other = f", or set {variable}, which is tried first" if variable else ""
        raise InvalidValue(f"{path} cannot be understood", hint=f"correct it{other}") from None
    entry = next((entries[name] for name in _netrc_hosts(host) if name in entries), None)
    return entry[2] or None if entry else None


def _netrc_hosts(host: ForgeHost) -> tuple[str, ...]:
    """Return the names under which the netrc may have the token: the API's, and git's.

    A forge's own host is named only for its own API, not for another that a setting names.
    """
    api_host = Origin.of(host.urls[0]).host
    if host.host in host.forge.hosts:
        api = host.forge.api
        is_own_api = api is not None and api_host == Origin.of(api.public_url).host
        return (api_host, host.host) if is_own_api else (api_host,)
    return (api_host, Origin.of(f"https://{host.host}").host)
