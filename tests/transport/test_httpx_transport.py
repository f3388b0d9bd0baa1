"""HttpxTransport against real sockets, and against httpx alone where bytes do not matter."""

import asyncio
import gzip
import socket
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import respx

from pkgharvest.model.errors import InvalidValue, Malformed, SourceError, TimedOut, Unavailable
from pkgharvest.transport.base import Request, Response
from pkgharvest.transport.credentials import Credentials
from pkgharvest.transport.httpx_transport import HttpxTransport
from tests.support.loopback import (
    Loopback,
    ReceivedRequest,
    Responder,
    gzip_response,
    raw_response,
    respond_with,
    serve,
)

SECRET = "ghp_0123456789abcdef"
URL = "https://api.example/repos/a%2Fb?page=2"

NO_PROXY = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NO_PROXY:
        monkeypatch.delenv(name, raising=False)


def transport(
    *,
    credentials: Credentials | None = None,
    read_timeout: float = 5.0,
    total_timeout: float = 10.0,
    max_body: int = 64 * 2**20,
) -> HttpxTransport:
    return HttpxTransport(
        credentials=credentials or Credentials.none(),
        user_agent="pkgharvest/test",
        read_timeout=read_timeout,
        total_timeout=total_timeout,
        max_body=max_body,
    )


def send(
    respond: Responder,
    *,
    path: str = "/",
    build: Callable[[str], HttpxTransport] = lambda _: transport(),
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
) -> tuple[Response, Loopback]:
    async def run() -> tuple[Response, Loopback]:
        async with serve(respond) as server, build(server.url) as sender:
            request = Request(
                url=server.url + path, method=method, headers=headers or {}, body=body
            )
            return await sender.send(request), server

    return asyncio.run(run())


def failure(
    respond: Responder, kind: type[SourceError], build: Callable[[str], HttpxTransport]
) -> str:
    with pytest.raises(kind) as caught:
        send(respond, build=build)
    assert "\n" not in caught.value.message
    return caught.value.message


def test_a_response_is_complete_and_decoded() -> None:
    raw = raw_response(headers={"ETag": 'W/"1"', "Link": "<a>", "link": "<b>"}, body=b"hello")
    response, server = send(respond_with(raw), path="/repos/a%2Fb?q=1#part")
    assert response.status == 200
    assert response.body == b"hello"
    assert response.headers == {"etag": 'W/"1"', "link": "<a>, <b>"}
    assert response.url == f"{server.url}/repos/a%2Fb?q=1"
    assert server.received[0].target == "/repos/a%2Fb?q=1"
    assert server.received[0].headers["user-agent"] == "pkgharvest/test"


def test_gzip_is_decompressed_with_all_its_members() -> None:
    body = gzip.compress(b"one ") + gzip.compress(b"two")
    response, server = send(
        respond_with(raw_response(headers={"Content-Encoding": "gzip"}, body=body))
    )
    assert response.body == b"one two"
    assert "content-encoding" not in response.headers
    assert server.received[0].headers["accept-encoding"] == "gzip"


def test_connections_are_kept_alive() -> None:
    async def run() -> int:
        async with serve(respond_with(raw_response(body=b"x"))) as server, transport() as sender:
            for _ in range(3):
                await sender.send(Request(url=server.url))
            return server.connections

    assert asyncio.run(run()) == 1


def test_cookies_are_not_sent_back() -> None:
    async def run() -> list[ReceivedRequest]:
        async with (
            serve(respond_with(raw_response(headers={"Set-Cookie": "a=b"}))) as server,
            transport() as sender,
        ):
            await sender.send(Request(url=server.url))
            await sender.send(Request(url=server.url))
            return server.received

    assert all("cookie" not in asked.headers for asked in asyncio.run(run()))


# ── httpx alone ──


def send_mocked(
    mock: respx.MockRouter,
    request: Request,
    response: httpx.Response | Exception,
    credentials: Credentials | None = None,
) -> tuple[Response, httpx.Request]:
    """Send ``request`` to an httpx that answers with ``response``; return what it got, too."""
    route = mock.route().mock(side_effect=[response])

    async def run() -> Response:
        async with transport(credentials=credentials) as sender:
            return await sender.send(request)

    return asyncio.run(run()), route.calls.last.request


@pytest.mark.parametrize("status", [200, 204, 304, 404, 503])
def test_any_status_is_a_response(status: int, respx_mock: respx.MockRouter) -> None:
    response, _ = send_mocked(respx_mock, Request(url=URL), httpx.Response(status))
    assert response.status == status


def test_a_post_carries_its_body(respx_mock: respx.MockRouter) -> None:
    request = Request(url=URL, method="POST", body=b'{"query":"x"}')
    _, sent = send_mocked(respx_mock, request, httpx.Response(200))
    assert (sent.method, sent.content) == ("POST", b'{"query":"x"}')


def test_header_values_are_sent_back_unchanged(respx_mock: respx.MockRouter) -> None:
    etag = b'"caf\xe9"'
    raw = httpx.Response(200, headers=[(b"ETag", etag)])
    response, _ = send_mocked(respx_mock, Request(url=URL), raw)
    request = Request(url=URL, headers={"If-None-Match": response.headers["etag"]})
    _, sent = send_mocked(respx_mock, request, httpx.Response(200))
    assert (b"if-none-match", etag) in sent.headers.raw


def test_a_token_goes_to_its_origin_only(respx_mock: respx.MockRouter) -> None:
    ours = Credentials.of({"https://api.example": SECRET})
    _, sent = send_mocked(respx_mock, Request(url=URL), httpx.Response(200), ours)
    assert sent.headers["authorization"] == f"Bearer {SECRET}"
    others = Credentials.of({"http://api.example": SECRET, "https://api.example:8443": SECRET})
    _, sent = send_mocked(respx_mock, Request(url=URL), httpx.Response(200), others)
    assert "authorization" not in sent.headers


def test_netrc_and_userinfo_send_no_authorization(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, respx_mock: respx.MockRouter
) -> None:
    (tmp_path / "netrc").write_text("machine api.example login a password b\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    request = Request(url=URL.replace("//", "//user:pass@"))
    _, sent = send_mocked(respx_mock, request, httpx.Response(200))
    assert "authorization" not in sent.headers
    assert str(sent.url) == URL


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (httpx.ConnectTimeout(""), TimedOut, "no connection to api.example in 10 s"),
        (httpx.ReadTimeout(""), TimedOut, "api.example was silent for 5 s"),
        (httpx.PoolTimeout(""), TimedOut, "api.example was silent for 5 s"),
        (httpx.ProxyError("x"), Unavailable, "no connection to api.example through the proxy: x"),
        (httpx.ConnectError("x"), Unavailable, "no connection to api.example: x"),
        (httpx.ReadError("a\r\n b"), Unavailable, "the connection to api.example broke: a b"),
        (httpx.RemoteProtocolError(SECRET), Unavailable, "… broke: REDACTED"),
        (httpx.LocalProtocolError("x"), Malformed, "invalid request to api.example: x"),
        (httpx.UnsupportedProtocol("x"), Malformed, "invalid request to api.example: x"),
    ],
)
def test_errors_of_httpx_become_source_errors(
    error: Exception, kind: type[SourceError], message: str, respx_mock: respx.MockRouter
) -> None:
    ours = Credentials.of({"https://api.example": SECRET})
    with pytest.raises(kind) as caught:
        send_mocked(respx_mock, Request(url=URL), error, ours)
    assert caught.value.message.endswith(message.removeprefix("…"))


# ── what goes wrong ──────────────────────────────────────────────────────────────────────


def test_a_refused_connection_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"

        async def run() -> None:
            async with transport() as sender:
                await sender.send(Request(url=url))

        with pytest.raises(Unavailable, match=r"^no connection to 127\.0\.0\.1:\d+: .*refused"):
            asyncio.run(run())


async def _reset(_request: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
    writer.write(raw_response(body=b"x" * 1000)[:-500])
    await writer.drain()
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


async def _truncated(_request: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
    writer.write(raw_response(body=b"x" * 1000)[:-500])
    await writer.drain()
    writer.close()


async def _nothing(_request: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _nonsense(_request: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example.org ESMTP\r\n" + SECRET.encode() + b"\r\n\r\n")
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("respond", [_reset, _truncated, _nothing, _nonsense])
def test_a_broken_connection_is_unavailable(respond: Responder) -> None:
    message = failure(
        respond, Unavailable, lambda url: transport(credentials=Credentials.of({url: SECRET}))
    )
    assert message.startswith("the connection to 127.0.0.1:")
    assert SECRET not in message


async def _hang(_request: ReceivedRequest, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def _drip(_request: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
    writer.write(raw_response(body=b"x" * 1000)[:-1000])
    for _ in range(1000):
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


def test_a_silent_host_times_out() -> None:
    message = failure(_hang, TimedOut, lambda _: transport(read_timeout=0.1))
    assert message.endswith("was silent for 0.1 s")


def test_a_slow_drip_times_out() -> None:
    message = failure(_drip, TimedOut, lambda _: transport(read_timeout=5, total_timeout=0.3))
    assert message.endswith("sent no complete response in 0.3 s")


def test_a_body_announced_as_too_large_is_malformed() -> None:
    async def respond(_request: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
        await writer.drain()

    assert failure(respond, Malformed, lambda _: transport()).endswith("larger than 64 MiB")


def test_a_body_without_end_is_malformed() -> None:
    sent = 0

    async def respond(_request: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(1600):  # 100 MiB
            writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            await writer.drain()
            sent += 65536

    message = failure(respond, Malformed, lambda _: transport(max_body=2**20))
    assert message.endswith("larger than 1 MiB")
    assert sent < 50 * 2**20  # the connection was dropped, not drained


@pytest.mark.slow
def test_a_gzip_bomb_is_malformed_and_does_not_fill_the_memory() -> None:
    unpacked = 200 * 2**20
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(unpacked // 2**20))
    respond = respond_with(
        raw_response(headers={"Content-Encoding": "gzip"}, body=bomb + packer.flush())
    )
    tracemalloc.start()
    try:
        message = failure(respond, Malformed, lambda _: transport(max_body=2**20))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert message.endswith("larger than 1 MiB")
    assert peak < 16 * 2**20


@pytest.mark.parametrize(
    "raw",
    [
        gzip_response(b"hello" * 1000)[:-20] + b"\0" * 20,
        raw_response(
            headers={"Content-Encoding": "gzip"}, body=gzip.compress(b"hello" * 1000, mtime=0)[:-12]
        ),
        raw_response(headers={"Content-Encoding": "gzip"}, body=b"hello"),
        raw_response(headers={"Content-Encoding": "br"}, body=b"hello"),
        raw_response(
            headers={"Content-Encoding": "gzip, gzip"},
            body=gzip.compress(gzip.compress(b"x", mtime=0), mtime=0),
        ),
    ],
)
def test_a_body_that_cannot_be_decompressed_is_malformed(raw: bytes) -> None:
    failure(respond_with(raw), Malformed, lambda _: transport())


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "https://",
        "nonsense",
        "http://127.0.0.1:99999/",
        "http://[::1/",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/\n",
        "http://127.0.0.1\\@example.org/",
        "http://xn--a.invalid/",
    ],
)
def test_an_invalid_url_is_malformed(url: str) -> None:
    async def run() -> None:
        async with transport() as sender:
            await sender.send(Request(url=url))

    with pytest.raises(Malformed):
        asyncio.run(run())


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ("foo://me:hunter2@example.org:1", "invalid proxy"),
        ("http://me:hunter2@[::1", "invalid proxy"),
        ("socks5://example.org:1", "SOCKS"),
    ],
)
def test_an_unusable_proxy_is_an_invalid_value(
    proxy: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)

    async def run() -> None:
        async with transport():
            pass

    with pytest.raises(InvalidValue, match=said) as caught:
        asyncio.run(run())
    assert "hunter2" not in str(caught.value)
