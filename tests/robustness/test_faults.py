"""The table of faults, row by row, on the command line: what is seen, and that nothing is lost.

Each time: a good fetch; then there are news, but the host that has them misbehaves; then it is well
again. ``faults.py`` has the table.
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
    AWAY,
    PLACES,
    QUOTA,
    ROWS,
    STRANGER,
    End,
    Place,
    Row,
    cells,
    hundred_megabytes,
)
from tests.support.github_case import NOW
from tests.support.world import PUSHED, SOURCE, TOKEN, World

HOUR = dt.timedelta(hours=1)
FAULTY, WELL = NOW + 2 * HOUR, NOW + 4 * HOUR
"""Of one day, so that the window of the curve stays where it is."""

BESIDE: dict[Place, frozenset[str]] = dict.fromkeys(PLACES, frozenset({"pypi"})) | {
    "pypi": frozenset({"repo"}),
    "pypistats": frozenset(),
}
"""Sources that the same run fetches well."""

PATTERN: dict[Place, str] = dict.fromkeys(PLACES, "") | {
    "commits": "/commits",
    "contributors": "/contributors",
    "withheld": "/repos/",
}
"""Of the requests that go wrong."""

MAY_MOVE: dict[Place, frozenset[str]] = dict.fromkeys(PLACES, frozenset()) | {
    # What else the host tells is well, and new.
    "commits": frozenset({"modified", "repo_watchers", "participants"}),
    "contributors": frozenset({"modified", "repo_watchers", "commits_over_52", "last_updated"}),
    # The repository was fetched, and nothing was new there.
    "pypi": frozenset({"last_fetched"}),
}

WORDS: dict[Place, tuple[str, ...]] = dict.fromkeys(PLACES, ("fetch", "--all", "--json")) | {
    # Of downloads there are news once a day, if nobody insists.
    "pypistats": ("fetch", "--all", "--json", "--source", "downloads", "--stale", "1h"),
}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as world:
        yield world


@pytest.fixture(scope="module")
def fetched(world: World, tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Return catalogues after a good fetch, without a token and with one."""
    made = {}
    for token in (False, True):
        shell = CommandLine(tmp_path_factory.mktemp("fetched"), world.variables(token=token))
        shell.ok("add", "octo/cat")
        shell.ok("fetch", "--all")
        made[token] = shell.db
    return made


@contextlib.contextmanager
def faulty(
    world: World, fetched: dict[bool, Path], directory: Path, place: Place
) -> Iterator[CommandLine]:
    """Bring a catalogue after its good fetch, two hours later, when there are news."""
    token = place in {"graphql", "withheld"}
    shell = CommandLine(directory, world.variables(token=token))
    shell.db.parent.mkdir(parents=True)
    shutil.copy(fetched[token], shell.db)
    shell.clock = FixedClock(FAULTY)
    world.heal()
    world.tell(SOURCE[place])
    if place == "withheld":
        world.github.forbidden.add("octo/cat")
    try:
        yield shell
    finally:
        world.heal()
        world.tell(None)


def break_(world: World, shell: CommandLine, place: Place, fault: Fault | None) -> None:
    """Let the host misbehave; without a fault nobody listens there."""
    if fault is None:
        name = {"pypi": "PKGHARVEST_PYPI_URL", "pypistats": "PKGHARVEST_PYPISTATS_URL"}.get(
            place, "GITHUB_API_URL"
        )
        shell.variables[name] = "http://127.0.0.1:1"
        return
    headers = fault.headers and {
        name: value.replace(STRANGER, world.stranger.url) for name, value in fault.headers.items()
    }
    world.server(place).fault(PATTERN[place], dataclasses.replace(fault, headers=headers))


def impatient(monkeypatch: pytest.MonkeyPatch, fault: Fault) -> None:
    """Let no host have the time that it has otherwise: a minute is too long for a test."""
    silence, whole = (5.0, 0.2) if fault.drip else (0.1, 5.0)
    hurried = functools.partial(
        httpx_transport.HttpxTransport, read_timeout=silence, total_timeout=whole
    )
    monkeypatch.setattr(httpx_transport, "HttpxTransport", hurried)


# ── what must be true of every row ───────────────────────────────────────────────────────


def expect_told(result: Result, place: Place, end: End) -> None:
    """See that exit code, standard error and the run's record tell what it was."""
    source = SOURCE[place]
    assert result.code == end.code, result
    report = result.json()
    assert report["stopped"] == end.stopped
    counts = report["packages"]
    assert (counts["failed"], counts["deferred"]) == (int(end.kind is not None), int(end == QUOTA))
    line, *others = result.err.splitlines()
    assert line.startswith("1 package")
    assert not others or (others[0] == "" and others[1].startswith("hint: ") and not others[2:])
    if end.kind is None:
        assert report["failures"] == []
        assert "failed" not in line
    else:
        (failure,) = report["failures"]
        assert list(failure) == ["slug", "source", "error", "message"]
        assert (failure["slug"], failure["source"]) == ("cat", source)
        assert failure["error"] == end.kind
        assert line.endswith(f"; failed: cat ({source}: {end.kind}: {failure['message']})")
    assert end.says in result.err
    assert TOKEN[-5:] not in result.out + result.err  # four characters may be told, and no more
    assert "Traceback" not in result.err


def expect_kept(good: Any, bad: Any, place: Place, end: End) -> None:
    """See that no good value was lost, and that ``fetches`` tells how old each is."""
    names = list(good)[:18]
    may_move = MAY_MOVE[place]
    if end.status != "active":
        may_move = may_move | {"modified"}
    if end.code == 0:
        may_move = may_move | {"modified", "last_fetched"}
    assert {name for name in names if bad[name] != good[name]} <= may_move
    assert bad["status"] == end.status
    own = SOURCE[place]
    for source, before in good["fetches"].items():
        after = bad["fetches"][source]
        if source != own or end.code == 0:
            fetched = source in {own, *BESIDE[place]}
            assert about(after["last_success"], FAULTY if fetched else NOW), source
            assert after["last_error"] is None
            continue
        assert after["last_success"] == before["last_success"]
        if end.kind is None:
            assert after["last_error"] == "rate_limited"
            assert after["consecutive_failures"] == 0
        else:
            assert after["last_error"] == end.kind
            assert about(after["last_attempt"], FAULTY)
            assert after["consecutive_failures"] == 1
            at_once = end.kind == "unauthorized"  # another token may do
            assert about(after["next_due"], FAULTY if at_once else FAULTY + HOUR)


def about(text: str, moment: dt.datetime) -> bool:
    """Say whether ``text`` is ``moment``, or as much later as was waited for a host."""
    return moment <= dt.datetime.fromisoformat(text) < moment + dt.timedelta(minutes=1)


def expect_news(shell: CommandLine, place: Place, end: End) -> None:
    """See that all is well again."""
    record = shell.show("cat", "--full")
    assert record["status"] == "active"
    for source, one in record["fetches"].items():
        last = WELL
        if source != SOURCE[place]:
            # What a run that stopped had committed already, the next does not ask again.
            last = FAULTY if end.stopped is not None else WELL
            last = last if source in BESIDE[place] else NOW
        assert about(one["last_success"], last)
        assert one["last_error"] is None
        assert one["consecutive_failures"] == 0
    match SOURCE[place]:
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
    ("row", "place", "end"),
    [pytest.param(*cell, id=f"{cell[1]}-{cell[0].name}") for cell in cells()],
)
def test_nothing_is_lost(
    world: World,
    fetched: dict[bool, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    row: Row,
    place: Place,
    end: End,
) -> None:
    with faulty(world, fetched, tmp_path, place) as shell:
        good = shell.show("cat", "--full")
        break_(world, shell, place, row.fault)
        with monkeypatch.context() as patched:
            if row.fault is not None and (row.fault.delay or row.fault.drip):
                impatient(patched, row.fault)
            result = shell.run(*WORDS[place])
        expect_told(result, place, end)
        expect_kept(good, shell.show("cat", "--full"), place, end)
        if end.tries is not None:
            met = [one for one in world.server(place).log if PATTERN[place] in one.target]
            assert len(met) == end.tries
        expect_no_token_elsewhere(world, place, row)

        world.server(place).heal()
        world.github.forbidden.clear()
        shell.variables |= world.variables()
        shell.clock = FixedClock(WELL)
        shell.ok(*WORDS[place], "--retry-failed")
        expect_news(shell, place, end)


def expect_no_token_elsewhere(world: World, place: Place, row: Row) -> None:
    token = {f"Bearer {TOKEN}" if place in {"graphql", "withheld"} else None}
    assert {one.headers.get("authorization") for one in world.github.log} <= token
    sent = [one.headers.get("authorization") for one in world.stranger.log]
    assert sent == ([None] if row.fault == AWAY else [])


def test_the_table_is_whole() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
    for row in ROWS:
        assert set(row.elsewhere) <= set(PLACES)
        assert all(row.elsewhere.values())  # a place that is left out has its reason


# ── downloads beside the others ──────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if row.name in {"500", "429 in HTML, of no length", "no JSON"}],
    ids=lambda row: row.name,
)
def test_downloads_hold_nothing_up(
    world: World, fetched: dict[bool, Path], tmp_path: Path, row: Row
) -> None:
    """In a run for everything, the day after."""
    tomorrow = NOW + dt.timedelta(days=1)
    with faulty(world, fetched, tmp_path, "pypistats") as shell:
        world.tell("pypi")
        shell.clock = FixedClock(tomorrow)
        break_(world, shell, "pypistats", row.fault)
        result = shell.run("fetch", "--all", "--json")
        assert result.code == row.end.code
        assert [one["error"] for one in result.json()["failures"]] == [row.end.kind] * (
            row.end.kind is not None
        )
        record = shell.show("cat", "--full")
        assert record["pypi_version"] == "1.2"
        assert about(record["last_fetched"], tomorrow)
        assert record["downloads"] == {"last_day": 1, "last_week": 2, "last_month": 3}
        assert record["fetches"]["downloads"]["last_error"] == (row.end.kind or "rate_limited")


# ── a body of 100 MB ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("place", ["rest", "graphql", "pypi", "pypistats"])
@pytest.mark.parametrize(("packed", "most"), [(False, 16), (True, 140)])
def test_a_hundred_megabytes(
    world: World,
    fetched: dict[bool, Path],
    tmp_path: Path,
    place: Place,
    packed: bool,
    most: int,
) -> None:
    """Announced, it is not even begun; packed, it is unpacked up to the limit of 64 MiB.

    ``most`` is in MiB. Packed it is ten times as much, lest the half of it be little enough.
    """
    headers = {"content-type": "application/json"}
    headers |= {"content-encoding": "gzip"} if packed else {}
    fault = Fault(status=200, headers=headers, body=hundred_megabytes(packed=packed))
    end = End(code=3, kind="malformed", says="larger than 64 MiB")
    with faulty(world, fetched, tmp_path, place) as shell:
        good = shell.show("cat", "--full")
        break_(world, shell, place, fault)
        tracemalloc.start()
        try:
            result = shell.run(*WORDS[place])
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < most * 2**20
        expect_told(result, place, end)
        expect_kept(good, shell.show("cat", "--full"), place, end)
