"""A stand-in of one host in a process of its own: ``python -m benchmarks.hosts github 1000 0.05``.

It prints its URL and serves until its standard input is closed.
"""

import datetime as dt
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from standin.github import (
    FakeCommit,
    FakeContributor,
    FakeRepository,
    GitHubStandIn,
    Quota,
)
from standin.pypi import FakePyPI, released
from standin.server import LoopbackServer

_COMMITS = 30
_CONTRIBUTORS = 12


def repository(number: int, now: dt.datetime) -> FakeRepository:
    """Make a repository that was last pushed to a week ago."""
    pushed = now - dt.timedelta(days=7)
    dates = [pushed - dt.timedelta(days=3 * place) for place in range(_COMMITS)]
    return FakeRepository(
        owner="owner",
        name=f"package-{number}",
        stars=number,
        pushed_at=pushed,
        commits=[
            FakeCommit(sha=f"{number:020}{place:020}", authored=date, committed=date, author="a")
            for place, date in enumerate(dates)
        ],
        contributors=[
            FakeContributor(name=f"login{place}", contributions=_CONTRIBUTORS - place)
            for place in range(_CONTRIBUTORS)
        ],
    )


def server(host: str, count: int, latency: float) -> LoopbackServer:
    """Return the stand-in of ``host`` with ``count`` packages; ``latency`` in seconds."""
    if host == "pypi":
        projects = (
            released(
                f"package-{number}",
                ("1.0", "1.1", "2.0"),
                project_urls={"Source": f"https://github.com/owner/package-{number}"},
            )
            for number in range(count)
        )
        return LoopbackServer(FakePyPI(*projects).reply, latency=latency)
    now = dt.datetime.now(dt.UTC)
    github = GitHubStandIn((repository(number, now) for number in range(count)), latency=latency)
    github.quota = Quota(limit=10**9, remaining=10**9)
    return github


def main() -> None:
    """Serve."""
    host, count, latency = sys.argv[1:]
    with server(host, int(count), float(latency)) as running:
        print(running.url, flush=True)  # noqa: T201
        sys.stdin.read()


if __name__ == "__main__":
    main()
