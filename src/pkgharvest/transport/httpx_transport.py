"""The network: HTTP/1.1 with keep-alive, through httpx. Nothing else imports httpx.

HTTP/2 is off, because httpx deadlocks above a hundred streams. Bodies are decompressed here and
not by httpx, which decompresses each chunk completely: a few kilobytes could fill the memory.
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
from typing import Self

import httpx

from pkgharvest.model.errors import InvalidValue, Malformed, SourceError, TimedOut, Unavailable
from pkgharvest.model.origin import Origin, strip_userinfo
from pkgharvest.transport.base import FRAMING_HEADERS, Request, Response
from pkgharvest.transport.credentials import Credentials

_GZIP_WINDOW_BITS = zlib.MAX_WBITS | 16

_MAX_IDLE_CONNECTIONS = 64
_MAX_IDLE_SECONDS = 15.0

_MAX_DETAIL_CHARACTERS = 120


class HttpxTransport:
    """The transport at the end of the chain. It adds the credential of the request's origin.

    An async context manager, which closes its connections at the end. The time-outs are in
    seconds: to connect, between two chunks, and for the complete response. ``max_body`` is in
    bytes, after decompression. Proxies and CA certificates come from the environment, and raise
    InvalidValue if they cannot be used; netrc and cookies are not used.
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
        self._client = _open_client(
            httpx.Timeout(read_timeout, connect=connect_timeout, pool=total_timeout)
        )

    async def __aenter__(self) -> Self:
        """Return the transport; leaving the context closes all connections."""
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._client.aclose()

    async def send(self, request: Request) -> Response:
        """Send ``request`` once.

        Raises TimedOut; Unavailable if no response came or it broke off; Malformed if it is too
        large or cannot be decompressed, or if the request itself is invalid.
        """
        url = strip_userinfo(request.url)
        host = Origin.of(url).netloc
        try:
            async with asyncio.timeout(self._total_timeout):
                return await self._send_once(request, url, host)
        except TimeoutError as error:
            raise TimedOut(
                f"{host} sent no complete response in {self._total_timeout:g} s"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise self._source_error(error, host) from error

    async def _send_once(self, request: Request, url: str, host: str) -> Response:
        async with self._client.stream(
            request.method,
            url,
            headers=self._request_headers(request, url),
            content=request.body,
            auth=None,
        ) as response:
            response.headers.encoding = "latin-1"
            headers = dict(response.headers.items())  # repeated ones are joined
            body = await self._read_body(response, headers, host)
            # A host that echoes the token must not bring it into a message or a file.
            headers = {
                name: self._credentials.redact(value)
                for name, value in headers.items()
                if name not in FRAMING_HEADERS
            }
            return Response(
                status=response.status_code,
                headers=headers,
                body=self._credentials.redact_body(body),
                url=url,
            )

    def _request_headers(self, request: Request, url: str) -> list[tuple[bytes, bytes]]:
        headers = {name.lower(): value for name, value in request.headers.items()}
        headers["user-agent"] = self._user_agent
        headers["accept-encoding"] = "gzip"
        origin = Origin.of(url)
        parsed = httpx.URL(url)
        if parsed.host != origin.host or parsed.scheme != origin.scheme:
            # Two parsers disagree: the token would go by one host, the connection to the other.
            raise Malformed("the address is ambiguous")
        authorization = self._credentials.header(origin)
        if authorization is not None:
            headers["authorization"] = authorization
        return [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()
        ]

    async def _read_body(
        self, response: httpx.Response, headers: dict[str, str], host: str
    ) -> bytes:
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._max_body:
            raise self._too_large(host)
        body = bytearray()
        chunks = _decompress(response, headers.get("content-encoding", ""), self._max_body, host)
        async with contextlib.aclosing(chunks):
            async for chunk in chunks:
                body += chunk
                if len(body) > self._max_body:
                    raise self._too_large(host)
        return bytes(body)

    def _too_large(self, host: str) -> Malformed:
        size = self._max_body
        shown = f"{size // 2**20} MiB" if size >= 2**20 else f"{size} bytes"
        return Malformed(f"{host} sent a response larger than {shown}")

    def _source_error(self, error: Exception, host: str) -> SourceError:
        detail = self._credentials.redact(_printable_line(_root_cause(error)))
        suffix = f": {detail}" if detail else ""
        match error:
            case httpx.ConnectTimeout():
                return TimedOut(f"no connection to {host} in {self._connect_timeout:g} s")
            case httpx.TimeoutException():
                return TimedOut(f"{host} was silent for {self._read_timeout:g} s")
            case (
                httpx.UnsupportedProtocol()
                | httpx.LocalProtocolError()
                | httpx.InvalidURL()
                | UnicodeError()
            ):
                return Malformed(f"invalid request to {host}{suffix}")
            case httpx.ProxyError():
                return Unavailable(f"no connection to {host} through the proxy{suffix}")
            case httpx.ConnectError():
                return Unavailable(f"no connection to {host}{suffix}")
            case _:
                return Unavailable(f"the connection to {host} broke{suffix}")


def _open_client(timeout: httpx.Timeout) -> httpx.AsyncClient:
    """Return a pool of connections. Raises InvalidValue for an unusable proxy or certificate."""
    try:
        return httpx.AsyncClient(
            timeout=timeout,
            limits=httpx.Limits(
                max_connections=None,  # RateLimiter limits them by host
                max_keepalive_connections=_MAX_IDLE_CONNECTIONS,
                keepalive_expiry=_MAX_IDLE_SECONDS,
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
            "the environment names an invalid proxy",
            hint="set HTTP_PROXY, HTTPS_PROXY or ALL_PROXY to http://host:port",
        ) from None
    except OSError as error:
        raise InvalidValue(
            f"cannot read the CA certificates: {error.strerror or error}",
            hint="check SSL_CERT_FILE and SSL_CERT_DIR",
        ) from error


async def _decompress(
    response: httpx.Response, coding: str, max_chunk: int, host: str
) -> AsyncGenerator[bytes]:
    """Yield the decompressed body, never more than about ``max_chunk`` bytes at once."""
    match coding.strip().lower():
        case "" | "identity":
            async for raw in response.aiter_raw():
                yield raw
            return
        case "gzip" | "x-gzip":
            pass
        case _:
            raise Malformed(f"{host} sent a content encoding that was not requested")
    decompressor = zlib.decompressobj(_GZIP_WINDOW_BITS)
    is_empty = True
    try:
        async for raw in response.aiter_raw():
            is_empty = False
            rest = raw
            while rest:
                if decompressor.eof:  # another gzip member follows (RFC 1952, section 2.2)
                    decompressor = zlib.decompressobj(_GZIP_WINDOW_BITS)
                yield decompressor.decompress(rest, max_chunk + 1)
                rest = decompressor.unconsumed_tail or decompressor.unused_data
    except zlib.error as error:
        raise Malformed(f"{host} sent a body that is not gzip") from error
    if not decompressor.eof and not is_empty:
        raise Malformed(f"{host} sent a truncated gzip body")


def _root_cause(error: BaseException) -> str:
    """Return the operating system's message, if any: "all attempts failed" helps nobody."""
    cause: BaseException | None = error
    while cause is not None:
        match cause:
            case socket.gaierror() | ssl.SSLError():  # not numbered by errno
                return cause.strerror or str(cause)
            case OSError(errno=int(number)):
                return os.strerror(number)
            case _:
                cause = cause.__cause__ or cause.__context__
    return str(error)


def _printable_line(text: str) -> str:
    """Return ``text`` as one short line of printable characters, for the end of a message."""
    line = " ".join(re.sub(r"[^\x20-\x7e]+", " ", text).split())
    return (
        line if len(line) <= _MAX_DETAIL_CHARACTERS else line[: _MAX_DETAIL_CHARACTERS - 3] + "..."
    )
