"""What a fetch costs: requests per package, packages a second, memory; first run and unchanged.

The hosts are stand-ins on the loopback interface, each in a process of its own, which answer
after a set latency. They are Python too, so the seconds are an upper bound.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure

LATENCY = 0.05
_MOST_MEGABYTES = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One ``fetch --all``."""

    report: dict[str, Any]
    seconds: float
    megabytes: float
    """Peak of the process."""


def measure(directory: Path, count: int) -> list[Figure]:
    """Fetch ``count`` packages twice, by GitHub's REST API without a token."""
    with host("github", count) as github, host("pypi", count) as pypi:
        environ = dict(os.environ) | {
            "GITHUB_API_URL": github,
            "PKGHARVEST_PYPI_URL": pypi,
            "PKGHARVEST_DB": str(directory / f"harvest-{count}.db"),
            "XDG_CONFIG_HOME": str(directory),
        }
        for name in ("GH_TOKEN", "GITHUB_TOKEN", "NETRC"):
            environ.pop(name, None)
        names = "\n".join(f"owner/package-{number}" for number in range(count))
        words = [sys.executable, "-m", "pkgharvest", "add", "-q", "-"]
        subprocess.run(words, input=names, text=True, env=environ, check=True)
        first, second = fetch(environ), fetch(environ)
    figures = []
    for what, run, of_github, of_pypi in (
        ("first run", first, 3, 2),
        ("nothing changed", second, 2, 1),
    ):
        asked = run.report["requests"]["by_host"]
        title = f"{count:,} packages, {what}"
        for place, url, target in (
            ("GitHub, no token", github, of_github),
            ("PyPI", pypi, of_pypi),
        ):
            ratio = asked[url.removeprefix("http://")]["requests"] / count
            figures.append(
                Figure(
                    what=f"{title}: {place}",
                    measured=f"{ratio:.2f} requests a package",
                    target=f"<= {target}",
                    met=ratio <= target,
                )
            )
        figures.append(
            Figure(
                what=f"{title}: wall time at {LATENCY * 1e3:.0f} ms latency",
                measured=f"{run.seconds:.1f} s, {count / run.seconds:.0f} packages a second",
            )
        )
        figures.append(
            Figure(
                what=f"{title}: peak memory",
                measured=f"{run.megabytes:.0f} MB",
                target=f"< {_MOST_MEGABYTES} MB",
                met=run.megabytes < _MOST_MEGABYTES,
            )
        )
    return figures


@contextlib.contextmanager
def host(name: str, count: int) -> Iterator[str]:
    """Serve a stand-in in a process of its own; its URL is yielded."""
    words = [sys.executable, "-m", "benchmarks.hosts", name, str(count), str(LATENCY)]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stdin is not None
        try:
            yield running.stdout.readline().strip()
        finally:
            running.stdin.close()


def fetch(environ: Mapping[str, str]) -> Run:
    """Run ``fetch --all --json`` and measure it."""
    words = [sys.executable, "-m", "pkgharvest", "fetch", "--all", "--json", "-q"]
    started = time.perf_counter()
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=environ) as running:
        assert running.stdout is not None
        report = json.loads(running.stdout.read())
        _, _, usage = os.wait4(running.pid, 0)
        running.returncode = 0
    seconds = time.perf_counter() - started
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return Run(report=report, seconds=seconds, megabytes=usage.ru_maxrss * unit / 1e6)
