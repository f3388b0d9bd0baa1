"""A clock that jumps in the middle of a run, and back: nothing breaks, nothing shuts for ever."""

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pkgharvest.model.clock import FixedClock
from tests.standins.github import FakeContributor
from tests.standins.server import Fault, unix_now
from tests.support.command_line import CommandLine
from tests.support.github_case import NOW, repository
from tests.support.hosts import Hosts

pytestmark = pytest.mark.repositories(3)

DAY = dt.timedelta(days=1)
YEAR = 365 * DAY
JUMPS = [DAY, -DAY, 20 * YEAR, -20 * YEAR, 7_000 * YEAR]
LATER = NOW + dt.timedelta(hours=3)

SLUGS = ("r000", "r001", "r002")


class JumpingClock:
    """A clock that stands still, and jumps once, after it was looked at so many times."""

    def __init__(self, start: dt.datetime, jump: dt.timedelta, *, after: int) -> None:
        self.shown: set[dt.datetime] = set()
        self._start = start
        self._jump = jump
        self._left = after
        self._slept = 0.0

    def now(self) -> dt.datetime:
        self._left -= 1
        jumped = self._jump if self._left < 0 else dt.timedelta()
        moment = self._start + jumped + dt.timedelta(seconds=self._slept)
        self.shown.add(moment)
        return moment

    def monotonic(self) -> float:
        return self._slept

    async def sleep(self, seconds: float) -> None:
        self._slept += seconds
        await asyncio.sleep(0)


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    repositories = [
        repository(owner="octo", name=slug, id=1000 + number) for number, slug in enumerate(SLUGS)
    ]
    with Hosts(*repositories) as running:
        yield running


def instants(value: Any) -> Iterator[dt.datetime]:
    """Return every instant of a JSON document, wherever it is."""
    match value:
        case dict():
            for member in value.values():
                yield from instants(member)
        case list():
            for member in value:
                yield from instants(member)
        case str() if value[:1].isdigit() and value.endswith("Z"):
            yield dt.datetime.fromisoformat(value)


def steady(shell: CommandLine) -> list[Any]:
    """Return what a catalogue says that does not hang on when it was fetched."""
    records = shell.ok("list", "--json").json()
    return [
        {name: value for name, value in record.items() if name not in {"modified", "last_fetched"}}
        for record in records
    ]


# ── one jump ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("after", "token"), [(1, False), (4, True), (9, False)])
@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_a_jump_in_the_middle_of_a_run(
    shell: CommandLine, tmp_path: Path, hosts: Hosts, jump: dt.timedelta, after: int, token: bool
) -> None:
    if token:
        shell.variables["GH_TOKEN"] = "ghp_" + "x" * 36
    clock = JumpingClock(NOW, jump, after=after)
    shell.clock = clock
    report = shell.ok("fetch", "--all", "--json").json()
    assert len({moment > NOW - DAY / 2 and moment < NOW + DAY / 2 for moment in clock.shown}) == 2
    assert {*instants([report["started"], report["finished"]])} <= clock.shown
    for slug in SLUGS:
        record = shell.show(slug, "--full")
        assert {*instants([record["last_fetched"], record["fetches"]])} <= clock.shown
        assert record["repo_watchers"] == 72
        assert len(record["commits_over_52"]) == 52
    shell.ok("status")

    # The clock is right again: the next run finds what one that never jumped would have found.
    shell.clock = FixedClock(LATER)
    shell.ok("fetch", "--all")
    right = CommandLine(tmp_path / "right", hosts.variables)
    right.ok("add", *(f"octo/{slug}" for slug in SLUGS))
    right.clock = FixedClock(LATER)
    right.ok("fetch", "--all")
    assert steady(shell) == steady(right)
    for slug in SLUGS:
        fetched = dt.datetime.fromisoformat(shell.show(slug)["last_fetched"])
        assert LATER <= fetched < LATER + dt.timedelta(minutes=1)


# ── quotas ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_a_quota_is_waited_for_an_hour_whatever_the_clock_says(
    shell: CommandLine, hosts: Hosts, jump: dt.timedelta
) -> None:
    """The host's own clock counts, which is in its ``Date``."""
    clock = JumpingClock(NOW, jump, after=4)
    hosts.github._now = lambda: unix_now() + int(clock.monotonic())
    hosts.github.quota.remaining = 4
    shell.clock = clock
    report = shell.ok("fetch", "--all", "--wait", "--json").json()
    assert report["packages"]["updated"] == len(SLUGS)
    assert 3_500 < clock.monotonic() < 3_700
    assert {one.status for one in hosts.github.log} == {200}


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_a_quota_does_not_outlive_its_run(
    shell: CommandLine, hosts: Hosts, jump: dt.timedelta
) -> None:
    shell.clock = JumpingClock(NOW, jump, after=4)
    hosts.github.quota.remaining = 4
    assert shell.run("fetch", "--all").code == 5
    hosts.github.quota.remaining = 5_000
    shell.clock = FixedClock(LATER)
    shell.ok("fetch", "--all")
    assert {shell.show(slug)["repo_watchers"] for slug in SLUGS} == {72}


# ── what a wrong clock leaves behind ─────────────────────────────────────────────────────


@pytest.fixture
def fetched_in_years(shell: CommandLine) -> CommandLine:
    """A catalogue that was fetched while the clock was wrong by years; it is right again."""
    shell.clock = FixedClock(NOW + 20 * YEAR)
    shell.ok("fetch", "--all")
    shell.clock = FixedClock(LATER)
    return shell


def test_a_failure_of_a_wrong_clock_does_not_shut_for_years(
    shell: CommandLine, hosts: Hosts
) -> None:
    hosts.github.fault("r001", Fault(status=500))
    shell.clock = FixedClock(NOW + 20 * YEAR)
    assert shell.run("fetch", "--all").code == 3
    hosts.github.heal()
    shell.clock = FixedClock(LATER)
    shell.ok("fetch", "--all")
    assert shell.show("r001")["repo_watchers"] == 72


def test_a_success_of_a_wrong_clock_is_not_fresh_for_years(
    fetched_in_years: CommandLine, hosts: Hosts
) -> None:
    hosts.asked()
    fetched_in_years.ok("fetch", "--all", "--stale", "24h")
    assert all(hosts.asked())


def test_contributors_of_a_wrong_clock_are_not_kept_for_years(
    fetched_in_years: CommandLine, hosts: Hosts
) -> None:
    repo = hosts.github._by_name["octo/r001"]
    repo.pushed_at = LATER
    repo.contributors = [*repo.contributors, FakeContributor(name="lisa", contributions=1)]
    fetched_in_years.clock = FixedClock(LATER + DAY)
    fetched_in_years.ok("fetch", "--all")
    assert fetched_in_years.show("r001")["participants"] == ["mona", "hubot", "lisa"]
