"""Where a benchmark plays: hosts, a catalogue with so many packages, and fetches that are measured.

Nothing of the surroundings gets in: no configuration, no token, no proxy of who runs it.
"""

import contextlib
import datetime as dt
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.hosts import OWNER, Host, running

LATENCY = 0.05
"""Seconds that every answer takes."""

_LOOK = 0.02
"""Seconds between two looks at a run that is to be stopped."""

_OVER = os.WEXITED | os.WNOHANG | os.WNOWAIT
"""To see whether a process is over, and leave it to be waited for."""

_OURS = ("PKGHARVEST_", "GITHUB_", "GH_", "XDG_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One ``fetch --all``, as it was from outside."""

    report: dict[str, Any]
    """What ``--json`` printed."""
    exit_code: int
    seconds: float
    cpu_seconds: float
    megabytes: float
    """Peak of the process. No less than that of the process that started it, a few dozen."""

    def requests(self, host: Host) -> int:
        """Return how many requests the report counts to ``host``."""
        told = self.report["requests"]["by_host"].get(host.place)
        return int(told["requests"]) if told else 0

    def packages(self, verdict: str) -> int:
        """Return of how many packages the report says so."""
        return int(self.report["packages"][verdict])


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Two hosts and a catalogue."""

    github: Host
    pypi: Host
    pypistats: Host | None
    """None: downloads are not asked for."""
    count: int
    """Packages in the catalogue."""
    catalog: Path
    environ: dict[str, str]

    def fetch(
        self, *options: str, stop_when: Callable[[], bool] | None = None
    ) -> tuple[Run, float | None]:
        """Run ``fetch --all``; SIGTERM it ``stop_when`` that becomes true.

        Return how it was, and the seconds between the signal and the end, if there was a signal.
        """
        words = [sys.executable, "-m", "pkgharvest", "fetch", "--all", "--json", "-q", *options]
        began = time.perf_counter()
        stopped: float | None = None
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            with subprocess.Popen(words, stdout=output, stderr=errors, env=self.environ) as process:
                while stop_when is not None and stopped is None:
                    if os.waitid(os.P_PID, process.pid, _OVER):
                        break
                    if stop_when():
                        process.send_signal(signal.SIGTERM)
                        stopped = time.perf_counter()
                    else:
                        time.sleep(_LOOK)
                _, status, usage = os.wait4(process.pid, 0)
                ended = time.perf_counter()
                process.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            errors.seek(0)
            printed = output.read()
            if not printed:
                raise ChildProcessError(errors.read().decode())
            report = json.loads(printed)
        unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
        run = Run(
            report=report,
            exit_code=process.returncode,
            seconds=ended - began,
            cpu_seconds=usage.ru_utime + usage.ru_stime,
            megabytes=usage.ru_maxrss * unit / 1e6,
        )
        return run, None if stopped is None else ended - stopped

    def run(self, *options: str) -> Run:
        """Run ``fetch --all`` to its end."""
        return self.fetch(*options)[0]

    def committed(self) -> dict[tuple[str, str], dt.datetime]:
        """Return which sources of which packages succeeded, and when: by (slug, source)."""
        with contextlib.closing(sqlite3.connect(f"file:{self.catalog}?mode=ro", uri=True)) as db:
            found = db.execute(
                "SELECT slug, source, last_success FROM fetches"
                " JOIN packages ON packages.id = package_id WHERE last_success IS NOT NULL"
            )
            return {
                (slug, source): dt.datetime.fromisoformat(moment) for slug, source, moment in found
            }


@contextlib.contextmanager
def stage(
    count: int,
    *,
    token: bool,
    latency: float = LATENCY,
    limited: bool = False,
    faults: float = 0.0,
    young: bool = False,
    downloads: bool = False,
) -> Iterator[Stage]:
    """Set up ``count`` packages that were never fetched.

    ``limited``: the stand-in of GitHub has its limits, and the program is told to keep to them as
    it does to api.github.com's. ``faults``: the share of requests that come to a 502. ``young``:
    repositories whose whole history lies in the window that is read. ``downloads``: pypistats is
    there, with its limits.
    """
    with (
        tempfile.TemporaryDirectory() as name,
        running("github", latency=latency, faults=faults, limited=limited, young=young) as github,
        running("pypi", latency=latency, faults=faults) as pypi,
        contextlib.ExitStack() as others,
    ):
        directory = Path(name)
        catalog = directory / "catalog.db"
        environ = {key: value for key, value in os.environ.items() if not key.startswith(_OURS)}
        environ |= {
            "GITHUB_API_URL": github.url,
            "HOME": str(directory),
            "NETRC": str(directory / "netrc"),
            "NO_PROXY": "127.0.0.1",
            "PKGHARVEST_DB": str(catalog),
            "PKGHARVEST_PYPI_URL": pypi.url,
        }
        pypistats = None
        if downloads:
            pypistats = others.enter_context(running("pypistats", latency=latency))
            environ["PKGHARVEST_PYPISTATS_URL"] = pypistats.url
        if token:
            environ["GH_TOKEN"] = "a-token-of-a-stand-in"  # noqa: S105
        if limited:
            config = directory / "pkgharvest.toml"
            table = f'[hosts."{github.place}"]\nrequests_per_minute = 900\n'
            config.write_text(table, encoding="utf-8")
            environ["PKGHARVEST_CONFIG"] = str(config)
        names = "".join(f"{OWNER}/package-{number}\n" for number in range(count))
        words = [sys.executable, "-m", "pkgharvest", "add", "-q", "-"]
        subprocess.run(words, input=names, text=True, env=environ, check=True)
        yield Stage(
            github=github,
            pypi=pypi,
            pypistats=pypistats,
            count=count,
            catalog=catalog,
            environ=environ,
        )
