"""Every reading command on a large sample catalog: its time, and its query plans.

Each command runs in its own process and is timed from start to finish. Its statements are then
traced in this process, and their query plans are checked for full scans.
"""

import contextlib
import io
import os
import re
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest import mock

from benchmarks.measurement import Measurement, at_most
from benchmarks.sample_catalog import GRIDS, WEEKS, make, name
from pkgharvest.catalog import database
from pkgharvest.cli.main import main

TARGET = 1.0
"""Seconds, including start-up, on a busy machine."""

_WHOLE = "everything"
_LISTS: tuple[tuple[str, ...], ...] = (
    *(("--sort", key) for key in ("name", "stars", "updated", "fetched", "commits", "downloads")),
    ("--sort", "score"),
    ("--sort", "score", "--reverse"),
    ("--category", "categories-3"),
    ("--grid", "grids-7"),
    ("--status", "gone"),
    ("--status", "active", "--sort", "stars"),
    ("--stale", "24h"),
    ("--failing",),
    (
        *("--category", "categories-5", "--status", "active", "--stale", "1h", "--failing"),
        *("--sort", "updated", "--reverse"),
    ),
    ("--trending", "30d"),
)
_SEARCHES = (("django", "tre"), ("d",), ("nothinglikeit",))


def measure(count: int) -> list[Measurement]:
    """Create the catalog, and time every reading command: the median of three runs."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "catalog.db"
        began = time.perf_counter()
        make(path, count)
        took = time.perf_counter() - began
        title = f"{count:,} packages, {GRIDS} grids, {WEEKS} weeks"
        measurements = [
            at_most(f"{title}: to make it", took, "s"),
            *_sizes(path, title),
            at_most("python -m pkgharvest --version", _seconds(path, ("--version",)), "s"),
        ]
        measurements += [
            _timed(path, command) for command in _commands(count) if _is_there(command)
        ]
        for command in _dumps(Path(directory)):
            if _is_there(command):
                measurements += _dumped(path, command)
    return measurements


def _commands(count: int) -> Iterator[tuple[str, ...]]:
    slug = name(count // 2 + 1)
    yield "show", slug, "--json"
    yield "show", slug, "--full"
    for options in _LISTS:
        yield "list", *options, "--limit", "50"
    for words in _SEARCHES:
        yield "search", *words
    yield ("status",)
    yield "history", slug
    yield "grid", "show", "grids-7"
    yield "grid", "list"
    yield "category", "list"
    yield "category", "show", "categories-3"


def _dumps(directory: Path) -> Iterator[tuple[str, ...]]:
    yield "list", "--json"
    yield "list", "--format", "csv", "--fields", "slug,repo_watchers"
    yield "export", "-o", str(directory / "export")


def _sizes(path: Path, title: str) -> Iterator[Measurement]:
    with contextlib.closing(sqlite3.connect(path)) as conn:
        [snapshots] = conn.execute("SELECT count(*) FROM snapshots").fetchone()
    megabytes = path.stat().st_size / 1e6
    yield Measurement(
        what=f"{title}: the file",
        measured=f"{megabytes:,.0f} MB, {snapshots:,} snapshots (one where something changed)",
        values={"MB": megabytes, "snapshots": snapshots},
    )


def _is_there(command: Sequence[str]) -> bool:
    """Tell whether the program has the command and the options, by its help."""
    words = [word for word in command if not word.startswith("-")]
    for depth in (2, 1):
        shown = subprocess.run(
            [sys.executable, "-m", "pkgharvest", *words[:depth], "--help"],
            capture_output=True,
            text=True,
            check=False,
        )
        usage = re.match(r"Usage: pkgharvest ([a-z ]*[a-z])", shown.stdout)
        if shown.returncode == 0 and usage and usage[1] == " ".join(words[: len(usage[1].split())]):
            options = {word for word in command if word.startswith("--")}
            return all(option in shown.stdout for option in options)
    return False


def _seconds(path: Path, command: Sequence[str], repetitions: int = 3) -> float:
    words = [sys.executable, "-m", "pkgharvest", "--db", str(path), *command]
    times = []
    for _ in range(repetitions):
        began = time.perf_counter()
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _timed(path: Path, command: Sequence[str]) -> Measurement:
    seconds = _seconds(path, command)
    scanned = scans(path, command)
    plan = f"scans {', '.join(scanned)}" if scanned else "index"
    return Measurement(
        what=" ".join(command),
        measured=f"{seconds:.2f} s, {plan}",
        values={"s": seconds, "scans": len(scanned)},
        target=f"<= {TARGET:.0f} s",
        met=seconds <= TARGET,
    )


def _dumped(path: Path, command: Sequence[str]) -> Iterator[Measurement]:
    seconds = _seconds(path, command, 1)
    shown = " ".join(word for word in command if not word.startswith("/"))
    yield at_most(f"{shown}, {_WHOLE}", seconds, "s")
    # What the largest process that was waited for needed: each dump is one of the largest.
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    yield at_most(f"{shown}, {_WHOLE}: memory so far", memory, "MB")


def scans(path: Path, command: Sequence[str]) -> list[str]:
    """Return the tables that the command reads whole, without an index."""
    statements = dict.fromkeys(_statements(path, command))
    found: dict[str, None] = {}
    with database.open_reader(path) as conn:
        tables = {
            row[0]: row[1]
            for row in conn.execute("SELECT name, name FROM sqlite_schema WHERE type = 'table'")
        }
        for statement in statements:
            with contextlib.suppress(sqlite3.Error):
                for row in conn.execute(f"EXPLAIN QUERY PLAN {statement}"):
                    scan = re.fullmatch(r"SCAN (\w+)(?: AS \w+)?", row[3])
                    if scan and scan[1] in tables:
                        found[scan[1]] = None
    return list(found)


def _statements(path: Path, command: Sequence[str]) -> list[str]:
    """Run the command in this process; return the statements that SQLite was given."""
    statements: list[str] = []
    connect = sqlite3.connect

    def traced(*args: object, **options: object) -> sqlite3.Connection:
        opened = connect(*args, **options)  # type: ignore[call-overload]
        assert isinstance(opened, sqlite3.Connection)
        opened.set_trace_callback(statements.append)
        return opened

    with (
        mock.patch.object(sqlite3, "connect", traced),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        mock.patch.dict(os.environ, {"PKGHARVEST_NO_PROGRESS": "1"}),
    ):
        main(["--db", str(path), *command])
    return [text for text in statements if text.lstrip().upper().startswith(("SELECT", "WITH"))]
