"""A stand-in for one host in its own process: ``python -m benchmarks.hosts github``.

It prints its URL. For each line on standard input it prints one line of JSON: the requests since
the line before (``Seen``). It serves until standard input is closed. Repositories and projects are
made on request, so that ten thousand packages cost no more than ten.
"""

import argparse
import contextlib
import datetime as dt
import functools
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from tests.standins.github import FakeCommit, FakeContributor, FakeRepository, Quota
from tests.standins.github_graphql import GitHubGraphQL
from tests.standins.limits import SecondaryLimits
from tests.standins.pypi import FakeProject, FakePyPI, released
from tests.standins.pypistats import FakePyPIStats
from tests.standins.server import Fault, LoopbackServer

HostName = Literal["github", "pypi", "pypistats"]

OWNER = "owner"

_COMMITS = 30
_CONTRIBUTORS = 12
_LAST_PUSH = dt.timedelta(days=7)
_LONG_AGO = dt.timedelta(days=1_000)

_FIRST_ID = 1_000
_BOUNDLESS = 10**9
_DOWNLOADED = 1_000
"""Packages that have downloads."""

_SEED = 1
_BAD_GATEWAY = Fault(status=502, headers={}, body=b"<html><h1>502 Bad Gateway</h1></html>")

_PACKAGE = re.compile(r"package-\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The requests that a host received."""

    rest: int
    """REST requests."""
    graphql: int
    about: dict[str, int]
    """Requests by package; one query may concern many packages."""
    failed: int
    """Responses with status 5xx."""
    refused: dict[str, int]
    """Requests beyond a limit, by limit, since the host started."""
    busiest: int
    """The most concurrent requests since the host started."""


class Host:
    """A running host, seen from outside."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.url = self._line()

    @property
    def netloc(self) -> str:
        """The host and port, as reports of a fetch name them: ``127.0.0.1:port``."""
        return self.url.removeprefix("http://")

    def seen(self) -> Seen:
        """Return the requests since the last call."""
        assert self._process.stdin is not None
        print(file=self._process.stdin, flush=True)
        return Seen(**json.loads(self._line()))

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextlib.contextmanager
def running(
    name: HostName,
    *,
    latency: float,
    faults: float = 0.0,
    limited: bool = False,
    young: bool = False,
) -> Iterator[Host]:
    """Run a host: ``latency`` in seconds; ``faults``, the share of 502.

    Of GitHub, ``limited``: it has its limits; ``young``: no repository is older than a year.
    """
    words = [sys.executable, "-m", "benchmarks.hosts", name, f"--latency={latency}"]
    words += [f"--faults={faults}"]
    words += [flag for flag, on in (("--limited", limited), ("--young", young)) if on]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        try:
            yield Host(process)
        finally:
            process.stdin.close()


# ── in the process of the host ──


def repositories(now: dt.datetime, *, young: bool) -> Callable[[str], FakeRepository | None]:
    """Return what makes repositories, of ``owner/package-7`` or its id, as they are at ``now``.

    Those that are not ``young`` have a commit before every window, so that recent commits do not
    name every author: the dearer case.
    """

    @functools.lru_cache(maxsize=256)  # a repository is asked for several times in a row
    def make(key: str) -> FakeRepository | None:
        if key.isdecimal():
            number = int(key) - _FIRST_ID
        elif re.fullmatch(rf"{OWNER}/{_PACKAGE.pattern}", key):
            number = int(key.rpartition("-")[2])
        else:
            return None
        pushed = now - _LAST_PUSH
        dates = [pushed - dt.timedelta(days=3 * index) for index in range(_COMMITS)]
        if not young:
            dates.append(now - _LONG_AGO)
        return FakeRepository(
            owner=OWNER,
            name=f"package-{number}",
            id=_FIRST_ID + number,
            description=f"The package with number {number}.",
            license="MIT",
            topics=["made-up"],
            stars=number,
            pushed_at=pushed,
            updated_at=pushed,
            commits=[
                FakeCommit(
                    sha=f"{number:020}{index:020}",
                    authored=date,
                    committed=date,
                    author=f"login{index % _CONTRIBUTORS}",
                )
                for index, date in enumerate(dates)
            ],
            contributors=[
                FakeContributor(name=f"login{index}", contributions=_CONTRIBUTORS - index)
                for index in range(_CONTRIBUTORS)
            ],
        )

    return make


def project(name: str) -> FakeProject | None:
    """Make a project that points to its repository."""
    if not _PACKAGE.fullmatch(name):
        return None
    url = f"https://github.com/{OWNER}/{name}"
    return released(name, ("1.0", "1.1", "2.0"), project_urls={"Source": url})


def _github(*, latency: float, limited: bool, young: bool) -> GitHubGraphQL:
    make = repositories(dt.datetime.now(dt.UTC), young=young)
    github = GitHubGraphQL(latency=latency, make=make)
    if limited:
        github.secondary = SecondaryLimits()
    else:
        github.quota = Quota(limit=_BOUNDLESS, remaining=_BOUNDLESS)
        github.graphql_quota = Quota(limit=_BOUNDLESS, remaining=_BOUNDLESS)
    return github


class _PyPIStats(LoopbackServer):
    """A pypistats with its limits, and what it refused."""

    def __init__(self, *, latency: float) -> None:
        self.stats = FakePyPIStats(
            {
                f"package-{number}": (number, 7 * number, 30 * number)
                for number in range(_DOWNLOADED)
            }
        )
        super().__init__(self.stats.reply, latency=latency)


def _seen(server: LoopbackServer) -> Seen:
    """Take what was asked out of the server's log."""
    log, server.log = server.log, []
    about = Counter(name for logged in log for name in _PACKAGE.findall(logged.path))
    refused: dict[str, int] = {}
    queries = sum(logged.path.endswith("/graphql") for logged in log)
    if isinstance(server, GitHubGraphQL):
        for query in server.queries:
            about.update(name for name in query.variables.values() if _is_package(name))
        server.queries.clear()
        refused = dict(server.refused)
    elif isinstance(server, _PyPIStats):
        refused = {"pace": server.stats.refused}
    return Seen(
        rest=len(log) - queries,
        graphql=queries,
        about=dict(about),
        failed=sum(logged.status >= 500 for logged in log),  # noqa: PLR2004
        refused=refused,
        busiest=server.busiest,
    )


def _is_package(value: object) -> bool:
    return isinstance(value, str) and _PACKAGE.fullmatch(value) is not None


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hosts")
    parser.add_argument("name", choices=get_args(HostName))
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    parser.add_argument("--faults", type=float, default=0.0, help="share of 502")
    parser.add_argument("--limited", action="store_true", help="GitHub's limits and quotas")
    parser.add_argument("--young", action="store_true", help="no history before the window")
    given = parser.parse_args(arguments)
    latency: float = given.latency
    server: LoopbackServer
    match given.name:
        case "github":
            server = _github(latency=latency, limited=given.limited, young=given.young)
        case "pypi":
            server = LoopbackServer(FakePyPI(make=project).reply, latency=latency)
        case _:
            server = _PyPIStats(latency=latency)
    if given.faults:
        server.fault_share(given.faults, _BAD_GATEWAY, seed=_SEED)
    with server:
        print(server.url, flush=True)  # noqa: T201
        for _ in sys.stdin:
            print(json.dumps(asdict(_seen(server))), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
