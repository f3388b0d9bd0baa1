"""The wire against a real socket: what hosts and networks do to it, and what comes of it."""

import asyncio
import gzip
import socket
import struct
import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from pkgharvest.model.errors import InvalidValue, Malformed, SourceError, TimedOut, Unavailable
from pkgharvest.transport.base import Request, Response
from pkgharvest.transport.credentials import Credentials
from pkgharvest.transport.httpx_transport import HttpxTransport
from tests.support.loopback import Asked, Loopback, Say, packed, reply, saying, serve

SECRET = "ghp_0123456789abcdef"

NO_PROXY = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NO_PROXY:
        monkeypatch.delenv(name, raising=False)


def wire(
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


def ask(
    say: Say,
    *,
    path: str = "/",
    build: Callable[[str], HttpxTransport] = lambda _: wire(),
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
) -> tuple[Response, Loopback]:
    async def run() -> tuple[Response, Loopback]:
        async with serve(say) as server, build(server.url) as sender:
            request = Request(
                url=server.url + path, method=method, headers=headers or {}, body=body
            )
            return await sender.send(request), server

    return asyncio.run(run())


def failure(say: Say, kind: type[SourceError], build: Callable[[str], HttpxTransport]) -> str:
    with pytest.raises(kind) as caught:
        ask(say, build=build)
    assert "\n" not in caught.value.message
    return caught.value.message


def test_answer_is_whole_and_decoded() -> None:
    raw = reply(headers={"ETag": 'W/"1"', "Link": "<a>", "link": "<b>"}, body=b"hello")
    answer, server = ask(saying(raw), path="/repos/a%2Fb?q=1#part")
    assert answer.status == 200
    assert answer.body == b"hello"
    assert answer.headers == {"etag": 'W/"1"', "link": "<a>, <b>"}
    assert answer.url == f"{server.url}/repos/a%2Fb?q=1"
    assert server.asked[0].target == "/repos/a%2Fb?q=1"
    assert server.asked[0].headers["user-agent"] == "pkgharvest/test"


def test_gzip_is_unpacked_members_and_all() -> None:
    body = gzip.compress(b"one ") + gzip.compress(b"two")
    answer, server = ask(saying(reply(headers={"Content-Encoding": "gzip"}, body=body)))
    assert answer.body == b"one two"
    assert "content-encoding" not in answer.headers
    assert server.asked[0].headers["accept-encoding"] == "gzip"


def test_post_carries_its_body() -> None:
    _, server = ask(saying(reply()), method="POST", body=b'{"query":"x"}')
    assert (server.asked[0].method, server.asked[0].body) == ("POST", b'{"query":"x"}')


def test_connections_are_kept() -> None:
    async def run() -> int:
        async with serve(saying(reply(body=b"x"))) as server, wire() as sender:
            for _ in range(3):
                await sender.send(Request(url=server.url))
            return server.connections

    assert asyncio.run(run()) == 1


def test_cookies_are_not_sent_back() -> None:
    async def run() -> list[Asked]:
        async with serve(saying(reply(headers={"Set-Cookie": "a=b"}))) as server, wire() as sender:
            await sender.send(Request(url=server.url))
            await sender.send(Request(url=server.url))
            return server.asked

    assert all("cookie" not in asked.headers for asked in asyncio.run(run()))


def test_header_values_return_as_they_came() -> None:
    answer, _ = ask(saying(reply(headers={"ETag": '"caf\xe9"'})))
    _, server = ask(saying(reply()), headers={"If-None-Match": answer.headers["etag"]})
    assert server.asked[0].headers["if-none-match"] == '"caf\xe9"'


def test_token_goes_to_its_origin_only() -> None:
    _, server = ask(
        saying(reply()), build=lambda url: wire(credentials=Credentials.of({url: SECRET}))
    )
    assert server.asked[0].headers["authorization"] == f"Bearer {SECRET}"
    elsewhere = Credentials.of({"http://127.0.0.1:9": SECRET, "https://127.0.0.1": SECRET})
    _, server = ask(saying(reply()), build=lambda _: wire(credentials=elsewhere))
    assert "authorization" not in server.asked[0].headers


def test_netrc_and_user_in_a_url_send_nothing(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{tmp_path}/netrc"
    with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123 - tmp_path is any object here
        file.write("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", path)

    async def run() -> Asked:
        async with serve(saying(reply())) as server, wire() as sender:
            await sender.send(Request(url=server.url.replace("//", "//user:pass@")))
            return server.asked[0]

    assert "authorization" not in asyncio.run(run()).headers


@pytest.mark.parametrize("status", ["404 Not Found", "503 Service Unavailable", "304 Not Modified"])
def test_any_status_is_an_answer(status: str) -> None:
    raw = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()
    answer, _ = ask(saying(raw))
    assert answer.status == int(status[:3])


# ── what goes wrong ──────────────────────────────────────────────────────────────────────


def test_connection_refused() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"

        async def run() -> None:
            async with wire() as sender:
                await sender.send(Request(url=url))

        with pytest.raises(Unavailable, match=r"^no connection to 127\.0\.0\.1:\d+: .*refused"):
            asyncio.run(run())


async def _reset(_asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(reply(body=b"x" * 1000)[:-500])
    await writer.drain()
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


async def _truncated(_asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(reply(body=b"x" * 1000)[:-500])
    await writer.drain()
    writer.close()


async def _nothing(_asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _nonsense(_asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example.org ESMTP\r\n" + SECRET.encode() + b"\r\n\r\n")
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("say", [_reset, _truncated, _nothing, _nonsense])
def test_broken_connections(say: Say) -> None:
    message = failure(say, Unavailable, lambda url: wire(credentials=Credentials.of({url: SECRET})))
    assert message.startswith("the connection to 127.0.0.1:")
    assert SECRET not in message


async def _hang(_asked: Asked, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def _drip(_asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(reply(body=b"x" * 1000)[:-1000])
    for _ in range(1000):
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


def test_silence() -> None:
    message = failure(_hang, TimedOut, lambda _: wire(read_timeout=0.1))
    assert message.endswith("was silent for 0.1 s")


def test_slow_drip() -> None:
    message = failure(_drip, TimedOut, lambda _: wire(read_timeout=5, total_timeout=0.3))
    assert message.endswith("sent no complete response in 0.3 s")


def test_a_hundred_megabytes_announced() -> None:
    async def say(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
        await writer.drain()

    assert failure(say, Malformed, lambda _: wire()).endswith("larger than 64 MiB")


def test_a_body_without_end() -> None:
    sent = 0

    async def say(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(1600):  # 100 MiB
            writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            await writer.drain()
            sent += 65536

    message = failure(say, Malformed, lambda _: wire(max_body=2**20))
    assert message.endswith("larger than 1 MiB")
    assert sent < 50 * 2**20  # the connection was dropped, not drained


def test_gzip_bomb() -> None:
    unpacked = 200 * 2**20
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(unpacked // 2**20))
    say = saying(reply(headers={"Content-Encoding": "gzip"}, body=bomb + packer.flush()))
    tracemalloc.start()
    try:
        message = failure(say, Malformed, lambda _: wire(max_body=2**20))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert message.endswith("larger than 1 MiB")
    assert peak < 16 * 2**20


@pytest.mark.parametrize(
    "raw",
    [
        packed(b"hello" * 1000)[:-20] + b"\0" * 20,
        reply(
            headers={"Content-Encoding": "gzip"}, body=gzip.compress(b"hello" * 1000, mtime=0)[:-12]
        ),
        reply(headers={"Content-Encoding": "gzip"}, body=b"hello"),
        reply(headers={"Content-Encoding": "br"}, body=b"hello"),
        reply(
            headers={"Content-Encoding": "gzip, gzip"},
            body=gzip.compress(gzip.compress(b"x", mtime=0), mtime=0),
        ),
    ],
)
def test_bodies_that_cannot_be_unpacked(raw: bytes) -> None:
    failure(saying(raw), Malformed, lambda _: wire())


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
def test_urls_that_cannot_be_asked(url: str) -> None:
    async def run() -> None:
        async with wire() as sender:
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
def test_unusable_proxy(proxy: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)

    async def run() -> None:
        async with wire():
            pass

    with pytest.raises(InvalidValue, match=said) as caught:
        asyncio.run(run())
    assert "hunter2" not in str(caught.value)
