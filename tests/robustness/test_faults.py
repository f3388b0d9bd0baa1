"""Every fault case through the command line: what is reported, and that no data is lost.

Each test makes a good fetch, then updates a host that misbehaves, then repairs the host.
The table of cases is in ``tests/support/faults.py``.
"""

import contextlib
import dataclasses
import datetime as dt
import functools
import shutil
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pkgharvest.model.clock import FixedClock
from pkgharvest.model.instants import format_instant
from pkgharvest.transport import httpx_transport
from tests.standins.server import Fault
from tests.support.command_line import CommandLine, Result
from tests.support.faults import (
    FAULT_CASES,
    FAULT_POINTS,
    OTHER_HOST,
    QUOTA,
    REDIRECT_AWAY,
    FaultCase,
    FaultPoint,
    Outcome,
    applicable_cases,
    hundred_megabytes,
)
from tests.support.github_case import NOW
from tests.support.world import PUSHED, SOURCE, TOKEN, World

HOUR = dt.timedelta(hours=1)
FAULTY_TIME, REPAIRED_TIME = NOW + 2 * HOUR, NOW + 4 * HOUR
"""On the same day, so that the 52 weeks do not move."""

OTHER_SOURCES: dict[FaultPoint, frozenset[str]] = dict.fromkeys(
    FAULT_POINTS, frozenset({"pypi"})
) | {
    "pypi": frozenset({"repo"}),
    "pypistats": frozenset(),
}
"""Other sources that the same run fetches successfully."""

FAULTY_PATHS: dict[FaultPoint, str] = dict.fromkeys(FAULT_POINTS, "") | {
    "commits": "/commits",
    "contributors": "/contributors",
    "withheld": "/repos/",
}
"""Patterns of the requests that fail."""

MAY_CHANGE: dict[FaultPoint, frozenset[str]] = dict.fromkeys(FAULT_POINTS, frozenset()) | {
    # The other responses of the host are good and new.
    "commits": frozenset({"modified", "repo_watchers", "participants"}),
    "contributors": frozenset({"modified", "repo_watchers", "commits_over_52", "last_updated"}),
    # The repository was fetched and had not changed.
    "pypi": frozenset({"last_fetched"}),
}

ARGUMENTS: dict[FaultPoint, tuple[str, ...]] = dict.fromkeys(
    FAULT_POINTS, ("fetch", "--all", "--json")
) | {
    # Downloads are fetched once a day by default.
    "pypistats": ("fetch", "--all", "--json", "--source", "downloads", "--stale", "1h"),
}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as world:
        yield world


@pytest.fixture(scope="module")
def fetched(world: World, tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Return catalogs after a good fetch, without a token and with one."""
    databases = {}
    for token in (False, True):
        shell = CommandLine(tmp_path_factory.mktemp("fetched"), world.variables(token=token))
        shell.ok("add", "octo/cat")
        shell.ok("fetch", "--all")
        databases[token] = shell.db
    return databases


@contextlib.contextmanager
def faulty_catalog(
    world: World, fetched: dict[bool, Path], directory: Path, point: FaultPoint
) -> Iterator[CommandLine]:
    """Return a catalog two hours after its good fetch, when there is new data."""
    token = point in {"graphql", "withheld"}
    shell = CommandLine(directory, world.variables(token=token))
    shell.db.parent.mkdir(parents=True)
    shutil.copy(fetched[token], shell.db)
    shell.clock = FixedClock(FAULTY_TIME)
    world.heal()
    world.update_source(SOURCE[point])
    if point == "withheld":
        world.github.forbidden.add("octo/cat")
    try:
        yield shell
    finally:
        world.heal()
        world.update_source(None)


def inject_fault(world: World, shell: CommandLine, point: FaultPoint, fault: Fault | None) -> None:
    """Make the host misbehave; without a fault it refuses connections."""
    if fault is None:
        name = {"pypi": "PKGHARVEST_PYPI_URL", "pypistats": "PKGHARVEST_PYPISTATS_URL"}.get(
            point, "GITHUB_API_URL"
        )
        shell.variables[name] = "http://127.0.0.1:1"
        return
    headers = fault.headers and {
        name: value.replace(OTHER_HOST, world.other_host.url)
        for name, value in fault.headers.items()
    }
    world.server(point).fault(FAULTY_PATHS[point], dataclasses.replace(fault, headers=headers))


def shorten_timeouts(monkeypatch: pytest.MonkeyPatch, fault: Fault) -> None:
    """Shorten the timeouts of all requests: a minute is too long for a test."""
    read_seconds, total_seconds = (5.0, 0.2) if fault.drip else (0.1, 5.0)
    transport_class = functools.partial(
        httpx_transport.HttpxTransport, read_timeout=read_seconds, total_timeout=total_seconds
    )
    monkeypatch.setattr(httpx_transport, "HttpxTransport", transport_class)


# ── assertions for every case ────────────────────────────────────────────────────────────


def assert_reported(result: Result, point: FaultPoint, outcome: Outcome) -> None:
    """Assert that exit code, standard error and report describe the outcome."""
    source = SOURCE[point]
    assert result.code == outcome.code, result
    report = result.json()
    assert report["stopped"] == outcome.stopped
    counts = report["packages"]
    assert (counts["failed"], counts["deferred"]) == (
        int(outcome.kind is not None),
        int(outcome == QUOTA),
    )
    line, *others = result.err.splitlines()
    assert line.startswith("1 package")
    assert not others or (others[0] == "" and others[1].startswith("hint: ") and not others[2:])
    if outcome.kind is None:
        assert report["failures"] == []
        assert "failed" not in line
    else:
        (failure,) = report["failures"]
        assert list(failure) == ["slug", "source", "error", "message"]
        assert (failure["slug"], failure["source"]) == ("cat", source)
        assert failure["error"] == outcome.kind
        assert line.endswith(f"; failed: cat ({source}: {outcome.kind}: {failure['message']})")
    assert outcome.message in result.err
    assert TOKEN[-5:] not in result.out + result.err  # only the last four characters may be printed
    assert "Traceback" not in result.err


def assert_nothing_lost(good: Any, bad: Any, point: FaultPoint, outcome: Outcome) -> None:
    """Assert that no good value was lost and that ``fetches`` has the age of each."""
    names = list(good)[:18]
    may_change = MAY_CHANGE[point]
    if outcome.status != "active":
        may_change = may_change | {"modified"}
    if outcome.code == 0:
        may_change = may_change | {"modified", "last_fetched"}
    assert {name for name in names if bad[name] != good[name]} <= may_change
    assert bad["status"] == outcome.status
    own_source = SOURCE[point]
    for source, before in good["fetches"].items():
        after = bad["fetches"][source]
        if source != own_source or outcome.code == 0:
            fetched = source in {own_source, *OTHER_SOURCES[point]}
            assert is_about(after["last_success"], FAULTY_TIME if fetched else NOW), source
            assert after["last_error"] is None
            continue
        assert after["last_success"] == before["last_success"]
        if outcome.kind is None:
            assert after["last_error"] == "rate_limited"
            assert after["consecutive_failures"] == 0
        else:
            assert after["last_error"] == outcome.kind
            assert is_about(after["last_attempt"], FAULTY_TIME)
            assert after["consecutive_failures"] == 1
            due_at_once = outcome.kind == "unauthorized"  # another token may work
            assert is_about(after["next_due"], FAULTY_TIME if due_at_once else FAULTY_TIME + HOUR)


def is_about(text: str, moment: dt.datetime) -> bool:
    """Return whether ``text`` is ``moment`` or at most a minute later, after waits for a host."""
    return moment <= dt.datetime.fromisoformat(text) < moment + dt.timedelta(minutes=1)


def assert_updated(shell: CommandLine, point: FaultPoint, outcome: Outcome) -> None:
    """Assert that the repaired host's new data was fetched."""
    record = shell.show("cat", "--full")
    assert record["status"] == "active"
    for source, state in record["fetches"].items():
        expected_success = REPAIRED_TIME
        if source != SOURCE[point]:
            # The next run does not fetch again what a stopped run saved.
            expected_success = FAULTY_TIME if outcome.stopped is not None else REPAIRED_TIME
            expected_success = expected_success if source in OTHER_SOURCES[point] else NOW
        assert is_about(state["last_success"], expected_success)
        assert state["last_error"] is None
        assert state["consecutive_failures"] == 0
    match SOURCE[point]:
        case "repo":
            assert record["repo_watchers"] == 100
            assert record["last_updated"] == format_instant(PUSHED)
            assert sum(record["commits_over_52"]) == 3
            assert record["participants"] == ["mona", "lisa"]
        case "pypi":
            assert record["pypi_version"] == "1.2"
        case "downloads":
            assert record["downloads"] == {"last_day": 5, "last_week": 6, "last_month": 7}


# ── the table ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fault_case", "point", "outcome"),
    [
        pytest.param(fault_case, point, outcome, id=f"{point}-{fault_case.name}")
        for fault_case, point, outcome in applicable_cases()
    ],
)
def test_a_fault_loses_no_data(
    world: World,
    fetched: dict[bool, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault_case: FaultCase,
    point: FaultPoint,
    outcome: Outcome,
) -> None:
    with faulty_catalog(world, fetched, tmp_path, point) as shell:
        good = shell.show("cat", "--full")
        inject_fault(world, shell, point, fault_case.fault)
        with monkeypatch.context() as patched:
            if fault_case.fault is not None and (fault_case.fault.delay or fault_case.fault.drip):
                shorten_timeouts(patched, fault_case.fault)
            result = shell.run(*ARGUMENTS[point])
        assert_reported(result, point, outcome)
        assert_nothing_lost(good, shell.show("cat", "--full"), point, outcome)
        if outcome.requests is not None:
            faulty_requests = [
                request
                for request in world.server(point).log
                if FAULTY_PATHS[point] in request.target
            ]
            assert len(faulty_requests) == outcome.requests
        assert_token_stays_with_github(world, point, fault_case)

        world.server(point).heal()
        world.github.forbidden.clear()
        shell.variables |= world.variables()
        shell.clock = FixedClock(REPAIRED_TIME)
        shell.ok(*ARGUMENTS[point], "--retry-failed")
        assert_updated(shell, point, outcome)


def assert_token_stays_with_github(world: World, point: FaultPoint, fault_case: FaultCase) -> None:
    token = {f"Bearer {TOKEN}" if point in {"graphql", "withheld"} else None}
    assert {request.headers.get("authorization") for request in world.github.log} <= token
    sent_tokens = [request.headers.get("authorization") for request in world.other_host.log]
    assert sent_tokens == ([None] if fault_case.fault == REDIRECT_AWAY else [])


def test_the_table_of_faults_is_consistent() -> None:
    assert len({fault_case.name for fault_case in FAULT_CASES}) == len(FAULT_CASES)
    for fault_case in FAULT_CASES:
        assert set(fault_case.special_outcomes) <= set(FAULT_POINTS)
        assert all(fault_case.special_outcomes.values())  # a point that is left out has its reason


# ── downloads in the background ──────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "fault_case",
    [
        fault_case
        for fault_case in FAULT_CASES
        if fault_case.name in {"500", "429 with HTML", "not JSON"}
    ],
    ids=lambda fault_case: fault_case.name,
)
def test_nothing_waits_for_failing_downloads(
    world: World, fetched: dict[bool, Path], tmp_path: Path, fault_case: FaultCase
) -> None:
    """In a run with all sources, a day later."""
    tomorrow = NOW + dt.timedelta(days=1)
    with faulty_catalog(world, fetched, tmp_path, "pypistats") as shell:
        world.update_source("pypi")
        shell.clock = FixedClock(tomorrow)
        inject_fault(world, shell, "pypistats", fault_case.fault)
        result = shell.run("fetch", "--all", "--json")
        assert result.code == fault_case.outcome.code
        assert [failure["error"] for failure in result.json()["failures"]] == [
            fault_case.outcome.kind
        ] * (fault_case.outcome.kind is not None)
        record = shell.show("cat", "--full")
        assert record["pypi_version"] == "1.2"
        assert is_about(record["last_fetched"], tomorrow)
        assert record["downloads"] == {"last_day": 1, "last_week": 2, "last_month": 3}
        assert record["fetches"]["downloads"]["last_error"] == (
            fault_case.outcome.kind or "rate_limited"
        )


# ── a body of 100 MB ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("point", ["rest", "graphql", "pypi", "pypistats"])
@pytest.mark.parametrize(("packed", "max_mib"), [(False, 16), (True, 140)])
def test_a_response_of_a_hundred_megabytes(
    world: World,
    fetched: dict[bool, Path],
    tmp_path: Path,
    point: FaultPoint,
    packed: bool,
    max_mib: int,
) -> None:
    """A body with a length is not read at all; a gzip body is unpacked up to 64 MiB.

    ``max_mib`` is the peak of memory in MiB. The gzip body is ten times as large, so that even
    half of it would exceed the peak.
    """
    headers = {"content-type": "application/json"}
    headers |= {"content-encoding": "gzip"} if packed else {}
    fault = Fault(status=200, headers=headers, body=hundred_megabytes(packed=packed))
    outcome = Outcome(code=3, kind="malformed", message="larger than 64 MiB")
    with faulty_catalog(world, fetched, tmp_path, point) as shell:
        good = shell.show("cat", "--full")
        inject_fault(world, shell, point, fault)
        tracemalloc.start()
        try:
            result = shell.run(*ARGUMENTS[point])
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < max_mib * 2**20
        assert_reported(result, point, outcome)
        assert_nothing_lost(good, shell.show("cat", "--full"), point, outcome)
