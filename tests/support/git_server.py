"""git's own ``http-backend`` on the loopback interface."""

import contextlib
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote

from pkgharvest.model.locators import Locator

PAGES = {
    "nothing": ("text/html", b""),
    "line": ("text/html", b"<html>please sign in</html>"),
    "lines": ("text/html", b"<html>\n<body>please sign in</body>\n</html>\n"),
    "advertisement": ("application/x-git-upload-pack-advertisement", b""),
}
"""What answers everything without being a git server: content types and contents."""


class GitServer:
    """Serves every repository under ``directory`` by git's smart HTTP, while it is entered.

    Under ``status/CODE/`` it answers everything with that status, under ``page/NAME/`` with 200
    and one of `PAGES`, and from ``moved/`` it sends whoever asks on to what follows. Under ``old/``
    it is a server that has never heard of protocol version 2.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(directory))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.port = self._server.server_port

    def locator(self, path: str) -> Locator:
        """Return where the repository at ``path`` under the directory is."""
        return Locator(scheme="http", host="127.0.0.1", port=self.port, path=path)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _by_rote(path: str) -> tuple[int, dict[str, str], bytes] | None:
    """Answer with status, headers and content, or not at all."""
    match path.split("/"):
        case ["", "status", code, *_]:
            refusal = {"WWW-Authenticate": 'Basic realm="x"', "Content-Length": "0"}
            return int(code), refusal, b""
        case ["", "moved", *_]:
            return 301, {"Location": path.removeprefix("/moved"), "Content-Length": "0"}, b""
        case ["", "page", name, *_]:
            kind, page = PAGES[name]
            return 200, {"Content-Type": kind, "Content-Length": str(len(page))}, page
        case _:
            return None


def _handler(directory: Path) -> type[BaseHTTPRequestHandler]:
    fixed = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_PROJECT_ROOT": str(directory),
    }

    class Handler(BaseHTTPRequestHandler):
        """One request, given to a CGI program (RFC 3875)."""

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])))

        def _answer(self, body: bytes) -> None:
            path, _, query = self.path.partition("?")
            answer = _by_rote(self.path)
            if answer is not None:
                self._send(*answer)
                return
            old = path.startswith("/old/")
            variables = {
                "REQUEST_METHOD": self.command,
                "PATH_INFO": unquote(path.removeprefix("/old")),
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": "" if old else self.headers.get("Git-Protocol", ""),
                "REMOTE_ADDR": self.client_address[0],
            }
            done = subprocess.run(
                ("git", "http-backend"),
                input=body,
                env=fixed | variables,
                capture_output=True,
                check=False,
            )
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
            self._send(int(headers.pop("Status", "200").split()[0]), headers, content)

        def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
            with contextlib.suppress(ConnectionError):  # whoever asked may have been killed
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    return Handler
