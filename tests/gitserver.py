"""A real ``git daemon`` on the loopback interface."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from pkgharvest.locators import Locator


class GitServer:
    """Serves every repository under ``directory`` by the git protocol, while it is entered."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def locator(self, path: str) -> Locator:
        """Return where the repository at ``path`` under the directory is."""
        return Locator(scheme="git", host="127.0.0.1", port=self.port, path=path)

    def __enter__(self) -> Self:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._directory),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        self._process = subprocess.Popen(
            (
                *("git", "daemon", "--reuseaddr", "--export-all", "--listen=127.0.0.1"),
                *(f"--port={self.port}", f"--base-path={self._directory}", str(self._directory)),
            ),
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return self
        self._stop()
        raise AssertionError("git daemon does not answer")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(10)
