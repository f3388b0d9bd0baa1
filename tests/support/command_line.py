"""The command line as a person in a home of their own has it, in this process or in another."""

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

_HOLD = """
import sys, pathlib
from pkgharvest.catalog.database import fetch_lock
with fetch_lock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Return what standard output holds, which must be JSON and nothing else."""
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The one line after ``error: ``; anything but that and a hint is a failed test."""
        lines = self.err.splitlines()
        assert lines[0].startswith("error: "), self.err
        assert not lines[1:] or (lines[1] == "" and lines[2].startswith("hint: ")), self.err
        assert len(lines) in {1, 3}, self.err
        return lines[0].removeprefix("error: ")

    @property
    def hint(self) -> str:
        """The hint after the error, or nothing."""
        return self.err.partition("\n\nhint: ")[2].strip()


class CommandLine:
    """Runs ``pkgharvest`` in ``here``, with its own home and environment, and a clock at NOW.

    A process has the machine's clock: none can be given to it.
    """

    def __init__(self, directory: Path, variables: Mapping[str, str] | None = None) -> None:
        self.here = directory / "here"
        self.home = directory / "home"
        for one in (self.here, self.home):
            one.mkdir(parents=True, exist_ok=True)
        self.clock: Clock = FixedClock(NOW)
        self.variables: dict[str, str] = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "XDG_DATA_HOME": str(self.home / "data"),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "TZ": "UTC",
            "SSL_CERT_FILE": str(_one_certificate(self.home)),
            **(variables or {}),
        }

    @property
    def db(self) -> Path:
        """Where the catalogue is, where nobody says otherwise."""
        return self.home / "data" / "pkgharvest" / "pkgharvest.db"

    def run(self, *arguments: str, stdin: bytes = b"") -> Result:
        """Run a command in this process."""
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in "oe")
        invocation = Invocation()
        invocation.clock = self.clock
        with (
            mock.patch.dict(os.environ, self.variables, clear=True),
            mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8")),
            contextlib.chdir(self.here),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            _signals_kept(),
        ):
            code = main(arguments, invocation)
        return Result(code=int(code), out=_text(out), err=_text(err))

    def ok(self, *arguments: str, stdin: bytes = b"") -> Result:
        """Run a command that must end well."""
        result = self.run(*arguments, stdin=stdin)
        assert result.code == 0, result
        return result

    def show(self, *arguments: str) -> Any:
        """Return what ``show … --json`` prints."""
        return self.ok("show", *arguments, "--json").json()

    def process(self, *arguments: str, stdin: bytes = b"") -> Result:
        """Run a command in a process of its own, and wait for its end."""
        done = subprocess.run(
            self.words(*arguments),
            env=self.variables,
            cwd=self.here,
            input=stdin,
            capture_output=True,
            check=False,
            timeout=30,
        )
        return Result(code=done.returncode, out=done.stdout.decode(), err=done.stderr.decode())

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command in a process of its own."""
        return subprocess.Popen(
            self.words(*arguments),
            env=self.variables,
            cwd=self.here,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def shell(self, script: str) -> Result:
        """Run a shell's ``script``, in which ``pkgharvest`` is the command; pipes count whole."""
        words = " ".join(f"'{word}'" for word in self.words())
        define = f'set -o pipefail; pkgharvest() {{ {words} "$@"; }}; '
        done = subprocess.run(
            ("bash", "--norc", "-c", define + script),
            env=self.variables,
            cwd=self.here,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=30,
        )
        return Result(code=done.returncode, out=done.stdout.decode(), err=done.stderr.decode())

    @contextlib.contextmanager
    def locked(self, path: Path | None = None) -> Iterator["subprocess.Popen[str]"]:
        """Let another process hold the fetch lock of the catalogue."""
        holder = subprocess.Popen(
            (sys.executable, "-c", _HOLD, str(path or self.db)),
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
    def words(*arguments: str) -> tuple[str, ...]:
        """Return what starts a command in a process."""
        return (sys.executable, "-W", "error", "-m", "pkgharvest", *arguments)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the catalogue itself."""
        with contextlib.closing(sqlite3.connect(self.db)) as connection:
            return connection.execute(query, values).fetchall()

    def write(self, statement: str, *values: object) -> None:
        """Change the catalogue itself, as no command does."""
        with contextlib.closing(sqlite3.connect(self.db)) as connection, connection:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(statement, values)


def _one_certificate(directory: Path) -> Path:
    """Write a file of one CA: to read all the usual ones takes longer than most tests."""
    usual = Path(certifi.where()).read_text(encoding="ascii")
    end = "-----END CERTIFICATE-----\n"
    path = directory / "ca.pem"
    path.write_text(usual.partition(end)[0] + end, encoding="ascii")
    return path


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()
