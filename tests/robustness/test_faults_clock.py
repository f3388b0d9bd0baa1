"""A clock that jumps during a run and back: nothing fails, and no source is blocked forever."""

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
    """A clock that stands still and jumps once, after ``after`` readings."""

    def __init__(self, start: dt.datetime, jump: dt.timedelta, *, after: int) -> None:
        self.readings: set[dt.datetime] = set()
        self._start = start
        self._jump = jump
        self._remaining = after
        self._slept = 0.0

    def now(self) -> dt.datetime:
        self._remaining -= 1
        jumped = self._jump if self._remaining < 0 else dt.timedelta()
        moment = self._start + jumped + dt.timedelta(seconds=self._slept)
        self.readings.add(moment)
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
    """Yield every instant in a JSON document, at any depth."""
    match value:
        case dict():
            for member in value.values():
                yield from instants(member)
        case list():
            for member in value:
                yield from instants(member)
        case str() if value[:1].isdigit() and value.endswith("Z"):
            yield dt.datetime.fromisoformat(value)


def records_without_times(shell: CommandLine) -> list[Any]:
    """Return all records without the fields that depend on the time of the fetch."""
    records = shell.ok("list", "--json").json()
    return [
        {name: value for name, value in record.items() if name not in {"modified", "last_fetched"}}
        for record in records
    ]


# ── one jump ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("after", "token"), [(1, False), (4, True), (9, False)])
@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_a_clock_jump_during_a_run(
    shell: CommandLine, tmp_path: Path, hosts: Hosts, jump: dt.timedelta, after: int, token: bool
) -> None:
    if token:
        shell.variables["GH_TOKEN"] = "ghp_" + "x" * 36
    clock = JumpingClock(NOW, jump, after=after)
    shell.clock = clock
    report = shell.ok("fetch", "--all", "--json").json()
    assert (
        len({instant > NOW - DAY / 2 and instant < NOW + DAY / 2 for instant in clock.readings})
        == 2
    )
    assert {*instants([report["started"], report["finished"]])} <= clock.readings
    for slug in SLUGS:
        record = shell.show(slug, "--full")
        assert {*instants([record["last_fetched"], record["fetches"]])} <= clock.readings
        assert record["repo_watchers"] == 72
        assert len(record["commits_over_52"]) == 52
    shell.ok("status")

    # With the right clock, the next run fetches what it would have fetched without the jump.
    shell.clock = FixedClock(LATER)
    shell.ok("fetch", "--all")
    expected = CommandLine(tmp_path / "right", hosts.variables)
    expected.ok("add", *(f"octo/{slug}" for slug in SLUGS))
    expected.clock = FixedClock(LATER)
    expected.ok("fetch", "--all")
    assert records_without_times(shell) == records_without_times(expected)
    for slug in SLUGS:
        fetched = dt.datetime.fromisoformat(shell.show(slug)["last_fetched"])
        assert LATER <= fetched < LATER + dt.timedelta(minutes=1)


# ── quotas ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_the_wait_for_a_quota_does_not_depend_on_the_clock(
    shell: CommandLine, hosts: Hosts, jump: dt.timedelta
) -> None:
    """The wait follows the host's own clock, which is in its ``Date`` header."""
    clock = JumpingClock(NOW, jump, after=4)
    hosts.github._now = lambda: unix_now() + int(clock.monotonic())
    hosts.github.quota.remaining = 4
    shell.clock = clock
    report = shell.ok("fetch", "--all", "--wait", "--json").json()
    assert report["packages"]["updated"] == len(SLUGS)
    assert 3_500 < clock.monotonic() < 3_700
    assert {request.status for request in hosts.github.log} == {200}


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_a_quota_does_not_outlast_its_run_after_a_clock_jump(
    shell: CommandLine, hosts: Hosts, jump: dt.timedelta
) -> None:
    shell.clock = JumpingClock(NOW, jump, after=4)
    hosts.github.quota.remaining = 4
    assert shell.run("fetch", "--all").code == 5
    hosts.github.quota.remaining = 5_000
    shell.clock = FixedClock(LATER)
    shell.ok("fetch", "--all")
    assert {shell.show(slug)["repo_watchers"] for slug in SLUGS} == {72}


# ── after a wrong clock ──────────────────────────────────────────────────────────────────


@pytest.fixture
def fetched_with_wrong_clock(shell: CommandLine) -> CommandLine:
    """Return a catalog that was fetched with a clock 20 years ahead; the clock is right again."""
    shell.clock = FixedClock(NOW + 20 * YEAR)
    shell.ok("fetch", "--all")
    shell.clock = FixedClock(LATER)
    return shell


def test_a_failure_with_a_wrong_clock_causes_no_endless_back_off(
    shell: CommandLine, hosts: Hosts
) -> None:
    hosts.github.fault("r001", Fault(status=500))
    shell.clock = FixedClock(NOW + 20 * YEAR)
    assert shell.run("fetch", "--all").code == 3
    hosts.github.heal()
    shell.clock = FixedClock(LATER)
    shell.ok("fetch", "--all")
    assert shell.show("r001")["repo_watchers"] == 72


def test_a_success_with_a_wrong_clock_becomes_stale(
    fetched_with_wrong_clock: CommandLine, hosts: Hosts
) -> None:
    hosts.request_counts()
    fetched_with_wrong_clock.ok("fetch", "--all", "--stale", "24h")
    assert all(hosts.request_counts())


def test_contributors_read_with_a_wrong_clock_are_read_again(
    fetched_with_wrong_clock: CommandLine, hosts: Hosts
) -> None:
    repo = hosts.github._by_name["octo/r001"]
    repo.pushed_at = LATER
    repo.contributors = [*repo.contributors, FakeContributor(name="lisa", contributions=1)]
    fetched_with_wrong_clock.clock = FixedClock(LATER + DAY)
    fetched_with_wrong_clock.ok("fetch", "--all")
    assert fetched_with_wrong_clock.show("r001")["participants"] == ["mona", "hubot", "lisa"]
