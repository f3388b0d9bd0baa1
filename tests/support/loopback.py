"""A server on the loopback interface that responds, byte for byte, as a test wants."""

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A request as it arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


Responder = Callable[[ReceivedRequest, asyncio.StreamWriter], Awaitable[None]]
"""Writes the response to one request."""


@dataclass(slots=True)
class Loopback:
    """A listening server, and the requests that it has received."""

    url: str
    received: list[ReceivedRequest] = field(default_factory=list)
    connections: int = 0


def raw_response(
    status: str = "200 OK", headers: Mapping[str, str] | None = None, body: bytes = b""
) -> bytes:
    """Return a complete HTTP/1.1 response."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def gzip_response(body: bytes) -> bytes:
    """Return a response with ``body`` compressed by gzip."""
    return raw_response(headers={"Content-Encoding": "gzip"}, body=gzip.compress(body, mtime=0))


def respond_with(*responses: bytes) -> Responder:
    """Send each of ``responses`` in turn, and repeat the last."""
    remaining = list(responses)

    async def respond(_request: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(remaining.pop(0) if len(remaining) > 1 else remaining[0])
        await writer.drain()

    return respond


async def _read_request(reader: asyncio.StreamReader) -> ReceivedRequest | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    method, target, _ = first.split(" ")
    return ReceivedRequest(method, target, headers, body)


@contextlib.asynccontextmanager
async def serve(respond: Responder, *, keep_alive: bool = True) -> AsyncIterator[Loopback]:
    """Listen on a free port of 127.0.0.1 until the block ends."""
    loopback = Loopback("")
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loopback.connections += 1
        with contextlib.suppress(ConnectionError):
            while (request := await _read_request(reader)) is not None:
                loopback.received.append(request)
                await respond(request, writer)
                if not keep_alive or writer.is_closing():
                    break
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(handle(reader, writer))
        tasks.add(task)
        with contextlib.suppress(asyncio.CancelledError):
            await task
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    loopback.url = f"http://{host}:{port}"
    try:
        yield loopback
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)
