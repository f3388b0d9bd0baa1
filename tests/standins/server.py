"""A loopback HTTP/1.1 server for stand-ins: keep-alive, a log of requests, faults on demand.

It knows nothing of any host: a ``Handler`` makes the replies. Standard library only, so that
benchmarks and subprocesses can use it too.
"""

import os
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request as it arrived."""

    method: str
    path: str
    """As sent, without the query."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is sent back; ``content-length`` and ``date`` are added."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """A request in the log. Its ``status`` is 0 if the connection was dropped."""

    method: str
    target: str
    """Path and query, as sent."""
    headers: Mapping[str, str]
    status: int
    length: int
    """Size of the reply's body in bytes."""

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A way for a reply to go wrong. Fields that are None leave the real reply as it is."""

    status: int | None = None
    headers: Mapping[str, str] | None = None
    """Replaces all headers of the real reply."""
    body: bytes | None = None
    drop: bool = False
    """Close the connection without a reply."""
    cut: int | None = None
    """Close the connection after that many bytes of the body."""
    reset: bool = False
    """Reset the connection (RST) where it would be closed."""
    delay: float = 0.0
    """Seconds before the reply."""
    drip: float = 0.0
    """Seconds between the bytes of the body."""

    def applied(self, reply: Reply) -> Reply:
        """Return ``reply`` with this fault's status, headers and body."""
        return Reply(
            status=reply.status if self.status is None else self.status,
            headers=reply.headers if self.headers is None else self.headers,
            body=reply.body if self.body is None else self.body,
        )


@dataclass(slots=True)
class _ArmedFault:
    pattern: re.Pattern[str]
    fault: Fault
    remaining: int | None
    skip: int


@dataclass(frozen=True, slots=True)
class _RandomFault:
    random: Random
    share: float
    fault: Fault


Handler = Callable[[Call], Reply]


class LoopbackServer:
    """A context manager that serves ``handler`` on 127.0.0.1, at ``url``."""

    def __init__(self, handler: Handler, *, latency: float = 0.0) -> None:
        self.log: list[Logged] = []
        self.latency = latency
        """Seconds before every reply."""
        self.busiest = 0
        """The largest number of concurrent requests so far."""
        self._handler = handler
        self._faults: list[_ArmedFault] = []
        self._random_fault: _RandomFault | None = None
        self._lock = threading.Lock()
        self._busy = 0
        self._closing = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        """The base URL: ``http://127.0.0.1:port``."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()

    def fault(self, pattern: str, fault: Fault, *, times: int | None = None, skip: int = 0) -> None:
        """Apply ``fault`` to requests whose path and query match ``pattern`` (``re.search``).

        It applies ``times`` times (None: always), after ``skip`` matching requests that succeed.
        Of several faults that match, the one added first applies.
        """
        with self._lock:
            self._faults.append(_ArmedFault(re.compile(pattern), fault, times, skip))

    def fault_share(self, share: float, fault: Fault, *, seed: int = 0) -> None:
        """Apply ``fault`` to that share of all requests, chosen at random from ``seed``.

        The same seed chooses the same requests, by the order of their arrival.
        """
        with self._lock:
            self._random_fault = _RandomFault(Random(seed), share, fault)

    def heal(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()
            self._random_fault = None

    @property
    def busy(self) -> int:
        """The number of requests being answered now."""
        return self._busy

    # ── used by the connections ──

    def enter_call(self, target: str) -> Fault | None:
        """Count a call as being answered, and return the fault to apply to it."""
        with self._lock:
            self._busy += 1
            self.busiest = max(self.busiest, self._busy)
            for armed in self._faults:
                if armed.remaining == 0 or not armed.pattern.search(target):
                    continue
                if armed.skip:
                    armed.skip -= 1
                    continue
                if armed.remaining is not None:
                    armed.remaining -= 1
                return armed.fault
            if (
                self._random_fault is not None
                and self._random_fault.random.random() < self._random_fault.share
            ):
                return self._random_fault.fault
        return None

    def leave_call(self, logged: Logged) -> None:
        """Log a call that was answered."""
        with self._lock:
            self._busy -= 1
            self.log.append(logged)

    def reply(self, call: Call) -> Reply:
        """Return the handler's reply, one call at a time."""
        with self._lock:
            return self._handler(call)

    def wait(self, seconds: float) -> None:
        """Wait, but no longer than the server runs."""
        if seconds > 0:
            self._closing.wait(seconds)


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = False
    block_on_close = True

    def __init__(self, owner: LoopbackServer) -> None:
        self.owner = owner
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        self._hung_up = False
        super().__init__(("127.0.0.1", 0), _Connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report an error in a handler, but not a client that hangs up."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def track(self, connection: socket.socket, *, is_open: bool) -> None:
        with self._open_lock:
            (self._open.add if is_open else self._open.discard)(connection)
        if self._hung_up:
            self.hang_up()

    def hang_up(self) -> None:
        with self._open_lock:
            self._hung_up = True
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # the client closed it first


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 60
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.track(self.connection, is_open=True)

    def finish(self) -> None:
        self.server.track(self.connection, is_open=False)
        super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Do not log to standard error."""

    def _answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        parts = urlsplit(self.path)
        call = Call(
            method=self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length) if length else b"",
        )
        owner = self.server.owner
        fault = owner.enter_call(self.path)
        reply = None
        try:
            owner.wait(owner.latency + (fault.delay if fault else 0.0))
            if fault is None or not fault.drop:
                reply = owner.reply(call)
                reply = fault.applied(reply) if fault else reply
        finally:  # logged before it is sent, so that a client with the reply finds it in the log
            owner.leave_call(
                Logged(
                    method=call.method,
                    target=self.path,
                    headers=call.headers,
                    status=reply.status if reply else 0,
                    length=len(reply.body) if reply else 0,
                )
            )
        if reply is None:
            self.close_connection = True
        else:
            self._send(reply, fault)

    def _send(self, reply: Reply, fault: Fault | None) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        bodiless = reply.status in {204, 304}
        if not bodiless:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        body = b"" if bodiless or self.command == "HEAD" else reply.body
        if fault is not None and fault.cut is not None:
            body = body[: fault.cut]
            self.close_connection = True
        if fault is not None and fault.drip:
            for index in range(len(body)):
                self.wfile.write(body[index : index + 1])
                self.wfile.flush()
                self.server.owner.wait(fault.drip)
        else:
            self.wfile.write(body)
        self.wfile.flush()
        if fault is not None and fault.reset:
            self._reset()

    def _reset(self) -> None:
        no_linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
        os.close(self.connection.detach())  # socket.close would shut it down in order first

    do_GET = do_HEAD = do_POST = _answer  # noqa: N815 - names of http.server


def unix_now() -> int:
    """Return the current Unix time in whole seconds: the default clock of the stand-ins."""
    return int(time.time())
