"""The testbed of a benchmark: stand-in hosts, a catalog of packages, and measured fetches.

Configuration, tokens and proxies of the machine stay out.
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

LATENCY_SECONDS = 0.05
"""How long every response takes."""

_POLL_SECONDS = 0.02
"""How often a run that will be stopped is checked."""

_OVER = os.WEXITED | os.WNOHANG | os.WNOWAIT
"""To check whether a process has ended without reaping it."""

_OURS = ("PKGHARVEST_", "GITHUB_", "GH_", "XDG_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One ``fetch --all``, measured from outside."""

    report: dict[str, Any]
    """The output of ``--json``."""
    exit_code: int
    seconds: float
    cpu_seconds: float
    megabytes: float
    """Peak memory; at least that of the parent process, a few dozen megabytes."""

    def requests(self, host: Host) -> int:
        """Return how many requests to ``host`` the report counts."""
        counts = self.report["requests"]["by_host"].get(host.netloc)
        return int(counts["requests"]) if counts else 0

    def packages(self, verdict: str) -> int:
        """Return how many packages the report counts as ``verdict``."""
        return int(self.report["packages"][verdict])


@dataclass(frozen=True, slots=True, kw_only=True)
class Testbed:
    """Hosts and a catalog."""

    github: Host
    pypi: Host
    pypistats: Host | None
    """None: downloads are off."""
    count: int
    """Packages in the catalog."""
    catalog: Path
    environ: dict[str, str]

    def fetch(
        self, *options: str, stop_when: Callable[[], bool] | None = None
    ) -> tuple[Run, float | None]:
        """Run ``fetch --all``, and send SIGTERM once ``stop_when`` returns true.

        Return the run, and the seconds from the signal to the end if there was a signal.
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
                        time.sleep(_POLL_SECONDS)
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
def open_testbed(
    count: int,
    *,
    token: bool,
    latency: float = LATENCY_SECONDS,
    limited: bool = False,
    faults: float = 0.0,
    young: bool = False,
    downloads: bool = False,
) -> Iterator[Testbed]:
    """Set up ``count`` packages that were never fetched.

    ``limited``: the stand-in for GitHub has GitHub's limits, and the program is configured to obey
    them. ``faults``: the share of requests answered with a 502. ``young``: the whole history of
    each repository is within the window. ``downloads``: pypistats runs, with its limits.
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
            table = f'[hosts."{github.netloc}"]\nrequests_per_minute = 900\n'
            config.write_text(table, encoding="utf-8")
            environ["PKGHARVEST_CONFIG"] = str(config)
        names = "".join(f"{OWNER}/package-{number}\n" for number in range(count))
        words = [sys.executable, "-m", "pkgharvest", "add", "-q", "-"]
        subprocess.run(words, input=names, text=True, env=environ, check=True)
        yield Testbed(
            github=github,
            pypi=pypi,
            pypistats=pypistats,
            count=count,
            catalog=catalog,
            environ=environ,
        )
