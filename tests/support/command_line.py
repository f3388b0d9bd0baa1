"""Runs of the command line with their own home directory, in this process or a new one."""

import contextlib
import dataclasses
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import certifi

from pkgharvest.cli.invocation import Invocation
from pkgharvest.cli.main import main
from pkgharvest.model.clock import Clock, FixedClock
from tests.support.github_case import NOW

_LOCK_HOLDER = """
import sys, pathlib
from pkgharvest.catalog.database import fetch_lock
with fetch_lock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Return the JSON on standard output, which must hold nothing else."""
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The text after ``error: ``; standard error must hold one error and at most one hint."""
        lines = self.err.splitlines()
        assert lines[0].startswith("error: "), self.err
        assert not lines[1:] or (lines[1] == "" and lines[2].startswith("hint: ")), self.err
        assert len(lines) in {1, 3}, self.err
        return lines[0].removeprefix("error: ")

    @property
    def hint(self) -> str:
        """The hint after the error, or an empty string."""
        return self.err.partition("\n\nhint: ")[2].strip()


class CommandLine:
    """Runs ``pkgharvest`` in its own directories and environment, with a clock at NOW.

    A new process uses the clock of the machine instead.
    """

    def __init__(self, directory: Path, variables: Mapping[str, str] | None = None) -> None:
        self.cwd = directory / "here"
        self.home = directory / "home"
        for path in (self.cwd, self.home):
            path.mkdir(parents=True, exist_ok=True)
        self.clock: Clock = FixedClock(NOW)
        self.variables: dict[str, str] = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "XDG_DATA_HOME": str(self.home / "data"),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "TZ": "UTC",
            "SSL_CERT_FILE": str(_write_ca_file(self.home)),
            **(variables or {}),
        }

    @property
    def db(self) -> Path:
        """The path of the default catalog."""
        return self.home / "data" / "pkgharvest" / "pkgharvest.db"

    def create_catalog(self, content: bytes) -> None:
        """Place a catalog that was made before where ``add`` would create one."""
        self.db.parent.mkdir(parents=True)
        self.db.write_bytes(content)

    def run(self, *arguments: str, stdin: bytes = b"") -> Result:
        """Run a command in this process."""
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in "oe")
        invocation = Invocation()
        invocation.clock = self.clock
        with (
            mock.patch.dict(os.environ, self.variables, clear=True),
            mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8")),
            contextlib.chdir(self.cwd),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            _restore_signal_handlers(),
        ):
            code = main(arguments, invocation)
        return Result(code=int(code), out=_text(out), err=_text(err))

    def ok(self, *arguments: str, stdin: bytes = b"") -> Result:
        """Run a command that must succeed."""
        result = self.run(*arguments, stdin=stdin)
        assert result.code == 0, result
        return result

    def show(self, *arguments: str) -> Any:
        """Return what ``show … --json`` prints."""
        return self.ok("show", *arguments, "--json").json()

    def process(self, *arguments: str, stdin: bytes = b"") -> Result:
        """Run a command in a new process and wait for its end."""
        process_ = subprocess.run(
            self.argv(*arguments),
            env=self.variables,
            cwd=self.cwd,
            input=stdin,
            capture_output=True,
            check=False,
            timeout=30,
        )
        return Result(
            code=process_.returncode, out=process_.stdout.decode(), err=process_.stderr.decode()
        )

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command in a new process."""
        return subprocess.Popen(
            self.argv(*arguments),
            env=self.variables,
            cwd=self.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def shell(self, script: str) -> Result:
        """Run a bash ``script`` in which ``pkgharvest`` is the command, with ``pipefail``."""
        command = " ".join(f"'{word}'" for word in self.argv())
        definition = f'set -o pipefail; pkgharvest() {{ {command} "$@"; }}; '
        process = subprocess.run(
            ("bash", "--norc", "-c", definition + script),
            env=self.variables,
            cwd=self.cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=30,
        )
        return Result(
            code=process.returncode, out=process.stdout.decode(), err=process.stderr.decode()
        )

    @contextlib.contextmanager
    def locked(self, path: Path | None = None) -> Iterator["subprocess.Popen[str]"]:
        """Hold the fetch lock of the catalog in another process."""
        holder = subprocess.Popen(
            (sys.executable, "-c", _LOCK_HOLDER, str(path or self.db)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            try:
                yield holder
            finally:
                holder.kill()

    @staticmethod
    def argv(*arguments: str) -> tuple[str, ...]:
        """Return the command and arguments that start ``pkgharvest`` in a new process."""
        return (sys.executable, "-W", "error", "-m", "pkgharvest", *arguments)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a query on the catalog."""
        with contextlib.closing(sqlite3.connect(self.db)) as connection:
            return connection.execute(query, values).fetchall()

    def write(self, statement: str, *values: object) -> None:
        """Change the catalog directly, in ways no command does."""
        with contextlib.closing(sqlite3.connect(self.db)) as connection, connection:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(statement, values)


def _write_ca_file(directory: Path) -> Path:
    """Write a file with one CA certificate: reading all of them is slower than most tests."""
    certificates = Path(certifi.where()).read_text(encoding="ascii")
    end_line = "-----END CERTIFICATE-----\n"
    path = directory / "ca.pem"
    path.write_text(certificates.partition(end_line)[0] + end_line, encoding="ascii")
    return path


@contextlib.contextmanager
def _restore_signal_handlers() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()
