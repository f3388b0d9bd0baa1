"""How long it takes to start: ``show SLUG --json`` and ``--help``, as ratios within one run."""

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measurement import Measurement
from pkgharvest.catalog import database
from pkgharvest.catalog.columns import encode_instant
from pkgharvest.model.clock import SystemClock

REFERENCE = ("-c", "import click, sqlite3, json")
RUN = ("-m", "pkgharvest")
TARGET = 1.5
HEAVY = ("httpx", "rich", "sqlite_utils", "asyncio")


def measure(directory: Path, repetitions: int = 21) -> list[Measurement]:
    """Return medians. The commands take turns, so that load on the machine affects all alike."""
    small, large = directory / "100.db", directory / "100000.db"
    fill(small, 100)
    fill(large, 100_000)
    commands = {
        "reference": REFERENCE,
        "show, 100 packages": (*RUN, "--db", str(small), "show", "package-42", "--json"),
        "show, 100,000 packages": (*RUN, "--db", str(large), "show", "package-42", "--json"),
        "--help": (*RUN, "--help"),
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(repetitions):
        for name, command in commands.items():
            times[name].append(seconds(command))
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    reference = medians.pop("reference")
    measurements = [
        Measurement(
            what="python -c 'import click, sqlite3, json'",
            measured=f"{reference * 1e3:.0f} ms",
            values={"s": reference},
        )
    ]
    for name, median in medians.items():
        ratio = median / reference
        measurements.append(
            Measurement(
                what=name,
                measured=f"{median * 1e3:.0f} ms, {ratio:.2f} x",
                values={"s": median, "x": ratio},
                target="" if name == "--help" else f"<= {TARGET} x",
                met=None if name == "--help" else ratio <= TARGET,
            )
        )
    loaded = heavy_imports()
    measurements.append(
        Measurement(
            what="--help imports",
            measured=", ".join(loaded) or "none of them",
            values={"modules": len(loaded)},
            target="no " + ", ".join(HEAVY),
            met=not loaded,
        )
    )
    return measurements


def seconds(command: Sequence[str]) -> float:
    """Run Python with ``command``; return how long it took from start to finish."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def heavy_imports() -> list[str]:
    """Return which of the heavy modules ``--help`` imports."""
    command = [sys.executable, "-X", "importtime", *RUN, "--help"]
    times = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    imported = {line.rpartition("|")[2].strip() for line in times.splitlines()}
    return [name for name in HEAVY if name in imported]


def fill(path: Path, count: int) -> None:
    """Make a catalog of ``count`` made-up packages."""
    now = encode_instant(SystemClock().now())
    with database.open_writer(path, create=True) as connection, database.transaction(connection):
        connection.executemany(
            "INSERT INTO packages (slug, title, created, modified, repo_url, repo_key, repo_host,"
            " commits_over_52, pypi_name, pypi_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    f"package-{number}",
                    f"Package {number}",
                    now,
                    now,
                    f"https://github.com/owner/package-{number}",
                    f"github.com/owner/package-{number}",
                    "github.com",
                    str([number % 7] * 52),
                    f"package-{number}",
                    f"package-{number}",
                )
                for number in range(count)
            ),
        )
        connection.executemany(
            "INSERT INTO participants (package_id, position, name, commits) VALUES (?, ?, ?, ?)",
            ((number + 1, position, f"login{position}", 9 - position) for number in range(count)
             for position in range(3)),
        )  # fmt: skip
