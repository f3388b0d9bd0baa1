"""A server on this machine that says, byte for byte, what a test wants said."""

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


Say = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]
"""Writes the answer to one request. What it leaves open is closed after it."""


@dataclass(slots=True)
class Loopback:
    """A server that is listening, and what it was asked so far."""

    url: str
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0


def reply(
    status: str = "200 OK", headers: Mapping[str, str] | None = None, body: bytes = b""
) -> bytes:
    """Return a whole answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def packed(body: bytes) -> bytes:
    """Return ``body`` as an answer in gzip."""
    return reply(headers={"Content-Encoding": "gzip"}, body=gzip.compress(body, mtime=0))


def saying(*answers: bytes) -> Say:
    """Say each of ``answers`` in turn, the last again and again."""
    left = list(answers)

    async def say(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        await writer.drain()

    return say


async def _read(reader: asyncio.StreamReader) -> Asked | None:
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
    return Asked(method, target, headers, body)


@contextlib.asynccontextmanager
async def serve(say: Say, *, keep_alive: bool = True) -> AsyncIterator[Loopback]:
    """Listen on a port of 127.0.0.1 that is free, until the block ends."""
    loopback = Loopback("")
    tasks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loopback.connections += 1
        with contextlib.suppress(ConnectionError):
            while (asked := await _read(reader)) is not None:
                loopback.asked.append(asked)
                await say(asked, writer)
                if not keep_alive or writer.is_closing():
                    break
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(talk(reader, writer))
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
