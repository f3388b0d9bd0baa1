"""The network itself: HTTP/1.1 with keep-alive, through httpx. Nothing else here knows httpx.

HTTP/2 is off: httpx dead-locks above a hundred streams. Bodies are unpacked here, not by httpx,
which unpacks whatever arrived at once, so that a few kilobytes could fill the memory.
"""

import asyncio
import contextlib
import os
import re
import socket
import ssl
import zlib
from collections.abc import AsyncGenerator
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Self

import httpx

from pkgharvest.model.errors import InvalidValue, Malformed, SourceError, TimedOut, Unavailable
from pkgharvest.model.origin import Origin, strip_userinfo
from pkgharvest.transport.base import FRAMING_HEADERS, Request, Response
from pkgharvest.transport.credentials import Credentials

_GZIP = zlib.MAX_WBITS | 16

_IDLE_CONNECTIONS = 64
_IDLE_SECONDS = 15.0

_LONGEST_DETAIL = 120


class HttpxTransport:
    """The last link: sends a request as it is, with the credential of its origin added.

    An async context manager. Times are in seconds: to connect, of silence, and for the whole
    answer; ``max_body`` is in bytes, unpacked. Proxies and CA certificates are the
    environment's; netrc and cookies are not used.
    """

    def __init__(
        self,
        *,
        credentials: Credentials,
        user_agent: str,
        connect_timeout: float = 10.0,
        read_timeout: float = 30.0,
        total_timeout: float = 60.0,
        max_body: int = 64 * 2**20,
    ) -> None:
        self._credentials = credentials
        self._user_agent = user_agent
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._total_timeout = total_timeout
        self._max_body = max_body
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        """Open the pool of connections; InvalidValue where the environment's proxy is unusable."""
        try:
            self._client = httpx.AsyncClient(
                timeout=httpx.Timeout(
                    self._read_timeout, connect=self._connect_timeout, pool=self._total_timeout
                ),
                limits=httpx.Limits(
                    max_connections=None,  # Limits bounds them, by host
                    max_keepalive_connections=_IDLE_CONNECTIONS,
                    keepalive_expiry=_IDLE_SECONDS,
                ),
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                follow_redirects=False,
                http2=False,
                trust_env=True,
            )
        except ImportError as error:
            raise InvalidValue(
                "the environment names a SOCKS proxy, which needs another package",
                hint="pip install 'httpx[socks]', or unset ALL_PROXY",
            ) from error
        except (ValueError, httpx.InvalidURL):
            # Not chained: the message may hold the proxy's password.
            raise InvalidValue(
                "the environment names a proxy that cannot be understood",
                hint="HTTP_PROXY, HTTPS_PROXY or ALL_PROXY, as http://host:port",
            ) from None
        except OSError as error:
            raise InvalidValue(
                f"the CA certificates cannot be read: {error.strerror or error}",
                hint="SSL_CERT_FILE or SSL_CERT_DIR names them",
            ) from error
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.aclose()

    async def send(self, request: Request) -> Response:
        """Send ``request`` once.

        Raises TimedOut, Unavailable where no answer came or it broke off, Malformed where it is
        too large, cannot be unpacked, or the request itself cannot be sent.
        """
        url = strip_userinfo(request.url)
        host = str(Origin.of(url))
        try:
            async with asyncio.timeout(self._total_timeout):
                return await self._exchange(request, url, host)
        except TimeoutError as error:
            raise TimedOut(f"{host} had no whole answer in {self._total_timeout:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise self._translated(error, host) from error

    async def _exchange(self, request: Request, url: str, host: str) -> Response:
        if self._client is None:
            raise RuntimeError("the wire is not open")
        async with self._client.stream(
            request.method,
            url,
            headers=self._headers(request, url),
            content=request.body,
            auth=None,
        ) as response:
            headers: dict[str, str] = {}
            for raw_name, raw_value in response.headers.raw:
                name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
                headers[name] = f"{headers[name]}, {value}" if name in headers else value
            body = await self._body(response, headers, host)
            # A host that repeats the token shall not bring it into a message or a file.
            kept = {
                name: self._credentials.redact(value)
                for name, value in headers.items()
                if name not in FRAMING_HEADERS
            }
            body = self._credentials.redact_body(body)
            return Response(status=response.status_code, headers=kept, body=body, url=url)

    def _headers(self, request: Request, url: str) -> list[tuple[bytes, bytes]]:
        headers = {name.lower(): value for name, value in request.headers.items()}
        headers["user-agent"] = self._user_agent
        headers["accept-encoding"] = "gzip"
        origin = Origin.of(url)
        parsed = httpx.URL(url)
        if parsed.host != origin.host or parsed.scheme != origin.scheme:
            # Two readings of one URL: the token must not go by the one, the connection by the other
            raise Malformed("the address can be read in two ways")
        authorization = self._credentials.header(origin)
        if authorization is not None:
            headers["authorization"] = authorization
        return [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()
        ]

    async def _body(self, response: httpx.Response, headers: dict[str, str], host: str) -> bytes:
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._max_body:
            raise self._too_large(host)
        body = bytearray()
        pieces = _unpacked(response, headers.get("content-encoding", ""), self._max_body, host)
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                body += piece
                if len(body) > self._max_body:
                    raise self._too_large(host)
        return bytes(body)

    def _too_large(self, host: str) -> Malformed:
        size = self._max_body
        shown = f"{size // 2**20} MiB" if size >= 2**20 else f"{size} bytes"
        return Malformed(f"{host} sent an answer larger than {shown}")

    def _translated(self, error: Exception, host: str) -> SourceError:
        detail = self._credentials.redact(_one_line(_root(error)))
        because = f": {detail}" if detail else ""
        kind: type[TimedOut | Malformed | Unavailable]
        match error:
            case httpx.ConnectTimeout():
                kind, text = TimedOut, f"{host} was not reached in {self._connect_timeout:g} s"
            case httpx.TimeoutException():
                kind, text = TimedOut, f"{host} was silent for {self._read_timeout:g} s"
            case (
                httpx.UnsupportedProtocol()
                | httpx.LocalProtocolError()
                | httpx.InvalidURL()
                | UnicodeError()
            ):
                kind, text = Malformed, f"{host} cannot be asked this{because}"
            case httpx.ProxyError():
                kind, text = Unavailable, f"no connection to {host} through the proxy{because}"
            case httpx.ConnectError():
                kind, text = Unavailable, f"no connection to {host}{because}"
            case _:
                kind, text = Unavailable, f"the connection to {host} broke{because}"
        return kind(text)


async def _unpacked(
    response: httpx.Response, coding: str, most: int, host: str
) -> AsyncGenerator[bytes]:
    """Go through the body, unpacked, never more than about ``most`` bytes at once."""
    match coding.strip().lower():
        case "" | "identity":
            async for raw in response.aiter_raw():
                yield raw
            return
        case "gzip" | "x-gzip":
            pass
        case _:
            raise Malformed(f"{host} sent a coding that nobody asked for")
    unpacker = zlib.decompressobj(_GZIP)
    empty = True
    try:
        async for raw in response.aiter_raw():
            empty = False
            left = raw
            while left:
                if unpacker.eof:  # another member follows (RFC 1952, section 2.2)
                    unpacker = zlib.decompressobj(_GZIP)
                yield unpacker.decompress(left, most + 1)
                left = unpacker.unconsumed_tail or unpacker.unused_data
    except zlib.error as error:
        raise Malformed(f"{host} sent a body that is not gzip") from error
    if not unpacker.eof and not empty:
        raise Malformed(f"{host} sent a gzip body that is cut short")


def _root(error: BaseException) -> str:
    """Return what the system said, where it did: "all attempts failed" helps nobody."""
    cause: BaseException | None = error
    while cause is not None:
        match cause:
            case socket.gaierror() | ssl.SSLError():  # with numbers of their own
                return cause.strerror or str(cause)
            case OSError(errno=int(number)):
                return os.strerror(number)
            case _:
                cause = cause.__cause__ or cause.__context__
    return str(error)


def _one_line(text: str) -> str:
    """Return ``text`` fit for the end of a message: one short line of printable characters."""
    line = " ".join(re.sub(r"[^\x20-\x7e]+", " ", text).split())
    return line if len(line) <= _LONGEST_DETAIL else line[: _LONGEST_DETAIL - 3] + "..."
