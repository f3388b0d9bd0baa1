"""The status of the catalog, its past runs, and rate limits in their reports."""

import datetime as dt
import itertools
import json
import statistics
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkgharvest.catalog import database, runs
from pkgharvest.catalog.runs import PastRun
from pkgharvest.catalog.status import CatalogStatus, catalog_status
from pkgharvest.model.observations import SOURCES, Failure, SourceName
from tests.support.catalogs import (
    DAY,
    HOUR,
    NOW,
    OpenCatalog,
    downloads_result,
    open_catalog,
    project_result,
    repository_result,
)

UNAVAILABLE = Failure(kind="unavailable", message="502 Bad Gateway")
NOT_FOUND = Failure(kind="not_found", message="404")


@pytest.fixture
def cat(catalog: OpenCatalog) -> OpenCatalog:
    """An empty catalog."""
    return catalog


def seen(cat: OpenCatalog, stale: dt.timedelta = DAY, worst: int = 5) -> CatalogStatus:
    return catalog_status(cat.connection, NOW, older_than=NOW - stale, worst=worst)


def last(cat: OpenCatalog, path: Path, limit: int = 5) -> tuple[PastRun, ...]:
    return runs.past_runs(cat.connection, path, limit=limit)


def report(remaining: object = 4990, reset: object = "2026-02-15T19:00:00Z") -> str:
    hosts = {"api.github.com": {"requests": 3, "remaining": remaining, "reset": reset}}
    packages = {"selected": 9, "updated": 5, "unchanged": 2, "failed": 1, "deferred": 1}
    return json.dumps(
        {"packages": packages, "requests": {"total": 11, "by_host": hosts}, "failures": [{}]}
    )


def run(
    cat: OpenCatalog, at: dt.datetime, text: str | None = None, stopped: str | None = None
) -> int:
    number = runs.begin_run(cat.connection, at, whole=True, continues=None)
    if text is not None:
        runs.end_run(cat.connection, number, at + HOUR, stopped=stopped, report=text)
    return number


# ── packages and sources ──


def test_the_status_of_an_empty_catalog(cat: OpenCatalog) -> None:
    found = seen(cat)
    assert found.totals.packages == found.totals.never_fetched == found.totals.failing == 0
    assert set(found.totals.by_status.values()) == {0}
    assert [source.median for source in found.sources] == [None] * len(found.sources)
    assert found.worst == ()


def test_the_status_counts_a_package_once_if_any_source_matches(cat: OpenCatalog) -> None:
    for name in ("a", "b", "c", "d"):
        cat.add(f"octo/{name}")
    cat.save(repository_result(), NOW - 2 * DAY, package_id=1)
    cat.save(project_result(), NOW, package_id=1)
    cat.save(repository_result(repository=None), NOW, package_id=2)
    cat.save(UNAVAILABLE, NOW, package_id=2, source="pypi")
    cat.save(UNAVAILABLE, NOW - 2 * HOUR, package_id=3)
    found = seen(cat).totals
    assert (found.packages, found.never_fetched, found.stale) == (4, 2, 1)
    assert (found.failing, found.backing_off) == (2, 1)  # an hour, and that of the third is over


def test_the_status_leaves_out_sources_that_a_package_lacks(cat: OpenCatalog) -> None:
    cat.add("octo/a", pypi_source="none")
    cat.add("octo/b")
    by_source = {source.source: source for source in seen(cat).sources}
    assert (by_source["repo"].packages, by_source["pypi"].packages) == (2, 1)


def test_the_status_counts_downloads_where_a_project_is_known(cat: OpenCatalog) -> None:
    cat.add("octo/a")
    cat.add("octo/b", pypi_name="b")
    cat.save(repository_result(), package_id=1)
    cat.save(repository_result(repository=None), package_id=2)
    counted = {
        source.source: (source.packages, source.never_fetched) for source in seen(cat).sources
    }
    assert counted == {"repo": (2, 0), "pypi": (2, 2), "downloads": (1, 1)}
    assert list(counted) == list(SOURCES)
    totals = seen(cat).totals
    assert (totals.never_fetched, totals.stale, totals.failing) == (0, 0, 0)


def test_the_status_counts_stale_and_failing_downloads(cat: OpenCatalog) -> None:
    cat.add(pypi_name="cat")
    cat.save(repository_result())
    cat.save(downloads_result(), NOW - 2 * DAY)
    assert (seen(cat).totals.stale, seen(cat).totals.failing) == (1, 0)
    cat.save(UNAVAILABLE, source="downloads")
    found = seen(cat)
    assert (found.totals.failing, found.totals.backing_off) == (1, 1)
    assert [(source.slug, source.source) for source in found.worst] == [("cat", "downloads")]


def test_a_source_as_old_as_the_limit_is_not_stale(cat: OpenCatalog) -> None:
    cat.add(pypi_source="none")
    cat.save(repository_result(), NOW - DAY)
    assert seen(cat, DAY).totals.stale == 0
    assert seen(cat, DAY - dt.timedelta(microseconds=1)).totals.stale == 1


def test_a_repository_known_to_be_gone_is_neither_stale_nor_failing(cat: OpenCatalog) -> None:
    for name in ("gone", "blocked", "off"):
        cat.add(f"octo/{name}", pypi_source="none")
    for number in (1, 2, 3):
        cat.save(repository_result(repository=None), NOW - 9 * DAY, package_id=number)
    for _ in range(2):
        cat.save(NOT_FOUND, NOW - 2 * DAY, package_id=1)
    assert (seen(cat).totals.failing, seen(cat).totals.stale) == (1, 3)
    cat.save(NOT_FOUND, NOW - DAY, package_id=1)
    cat.save(Failure(kind="blocked", message="451"), NOW, package_id=2)
    cat.save(UNAVAILABLE, NOW, package_id=3)
    found = seen(cat)
    assert (found.totals.by_status["gone"], found.totals.by_status["blocked"]) == (1, 1)
    assert (found.totals.failing, found.totals.stale, found.totals.never_fetched) == (1, 1, 0)
    assert [source.slug for source in found.worst] == ["off"]
    assert found.sources[0].packages == 1


def test_a_gone_repository_with_another_failure_is_failing(cat: OpenCatalog) -> None:
    cat.add(pypi_source="none")
    cat.save(Failure(kind="gone", message="410"), NOW - DAY)
    assert seen(cat).totals.failing == 0
    cat.save(UNAVAILABLE, NOW)
    assert seen(cat).totals.failing == 1


def test_the_worst_sources_come_first(cat: OpenCatalog) -> None:
    for name, times in (("once", 1), ("thrice", 3), ("twice", 2), ("never", 2)):
        number = cat.add(f"octo/{name}", pypi_source="none")
        if name != "never":
            cat.save(repository_result(repository=None), NOW - 9 * DAY, package_id=number)
        for _ in range(times):
            cat.save(UNAVAILABLE, NOW - HOUR, package_id=number)
    found = seen(cat, worst=3)
    assert [source.slug for source in found.worst] == ["thrice", "never", "twice"]
    assert found.totals.failing == 4
    thrice = found.worst[0]
    assert (thrice.error, thrice.message, thrice.failures) == ("unavailable", "502 Bad Gateway", 3)
    assert (thrice.last_success, thrice.last_attempt) == (NOW - 9 * DAY, NOW - HOUR)
    assert thrice.next_due == NOW + 3 * HOUR
    assert seen(cat, worst=0).worst == ()


AGES = st.lists(st.none() | st.integers(0, 72), max_size=12)


@settings(deadline=None)  # it is the disk's, for each makes a catalog
@given(st.tuples(AGES, AGES, AGES))
def test_the_status_equals_counts_in_python(each: tuple[list[int | None], ...]) -> None:
    """``ages``: hours since each source of each package was fetched; None: never."""
    ages_of = list(itertools.zip_longest(*each))
    columns: dict[SourceName, list[int | None]] = {
        source: [ages[number] for ages in ages_of] for number, source in enumerate(SOURCES)
    }
    with (
        tempfile.TemporaryDirectory() as directory,
        open_catalog(Path(directory) / "cat.db") as cat,
    ):
        for number in range(len(ages_of)):
            cat.add(f"octo/r{number}", pypi_name=f"r{number}")
        for source, ages in columns.items():
            for number, age in enumerate(ages, start=1):
                if age is not None:
                    cat.connection.execute(
                        "INSERT INTO fetches (package_id, source, last_success) VALUES (?, ?, ?)",
                        (number, source, f"{NOW - age * HOUR:%Y-%m-%dT%H:%M:%S.000000Z}"),
                    )
        found = seen(cat)
    assert found.totals.never_fetched == ages_of.count((None, None, None))
    assert found.totals.stale == sum(any(age and age > 24 for age in ages) for ages in ages_of)
    by_source = {summary.source: summary for summary in found.sources}
    for source, ages in columns.items():
        known = [NOW - age * HOUR for age in ages if age is not None]
        summary = by_source[source]
        assert (summary.packages, summary.never_fetched) == (len(ages), ages.count(None))
        assert summary.oldest == min(known, default=None)
        assert summary.median == (statistics.median_low(known) if known else None)


# ── runs ──


def test_past_runs_are_newest_first(cat: OpenCatalog, path: Path) -> None:
    for number in range(3):
        run(cat, NOW + number * DAY, report(), "quota" if number == 1 else None)
    found = last(cat, path, 2)
    assert [run.started for run in found] == [NOW + 2 * DAY, NOW + DAY]
    assert [run.stopped for run in found] == [None, "quota"]
    assert {past_run.state for past_run in found} == {"finished"}
    assert found[0].finished == NOW + 2 * DAY + HOUR
    assert found[0].figures == {
        "selected": 9,
        "updated": 5,
        "unchanged": 2,
        "failed": 1,
        "deferred": 1,
        "requests": 11,
    }
    assert found[0].saved is None
    assert not path.with_name("cat.db-lock").exists()  # the lock was not tried


def test_a_past_run_without_an_end_is_at_work_or_killed(cat: OpenCatalog, path: Path) -> None:
    cat.add()
    cat.save(repository_result())
    cat.save(project_result())
    newest = run(cat, NOW)
    with database.fetch_lock(path):
        found = last(cat, path)
    assert [(past_run.id, past_run.state, past_run.saved) for past_run in found] == [
        (newest, "at_work", 0),
        (cat.run, "killed", 1),
    ]
    assert [past_run.state for past_run in last(cat, path)] == ["killed", "killed"]
    with database.fetch_lock(path):  # it was let go
        pass


def test_a_killed_run_stays_killed_after_another_run(cat: OpenCatalog, path: Path) -> None:
    run(cat, NOW, report())
    with database.fetch_lock(path):
        assert [past_run.state for past_run in last(cat, path)] == ["finished", "killed"]


def test_a_past_run_is_unfinished_if_the_lock_cannot_be_tried(cat: OpenCatalog, path: Path) -> None:
    run(cat, NOW)
    path.with_name("cat.db-lock").mkdir()
    assert [past_run.state for past_run in last(cat, path)] == ["unfinished", "killed"]


@pytest.mark.parametrize("ends", [True, False])
def test_a_past_run_that_ends_or_begins_meanwhile(
    cat: OpenCatalog, path: Path, monkeypatch: pytest.MonkeyPatch, *, ends: bool
) -> None:
    def asked(_: Path) -> bool:
        if ends:
            runs.end_run(cat.connection, cat.run, NOW, stopped=None, report=report())
        else:
            run(cat, NOW)
        return False

    monkeypatch.setattr(runs, "_is_locked", asked)
    states = [past_run.state for past_run in last(cat, path)]
    assert states == (["finished"] if ends else ["at_work", "killed"])


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"packages": 3}', '{"packages": {"selected": -1}}']
)
def test_an_unreadable_report_of_a_past_run_has_no_figures(
    cat: OpenCatalog, path: Path, text: str
) -> None:
    run(cat, NOW, report(17))
    run(cat, NOW + DAY, text)
    newest, before = last(cat, path, 2)
    assert (newest.state, newest.figures) == ("finished", None)
    assert before.figures is not None
    assert [quota.remaining for quota in runs.quotas(cat.connection)] == [17]


# ── rate limits ──


def test_rate_limits_come_from_the_newest_report_that_has_them(cat: OpenCatalog) -> None:
    run(cat, NOW, report(100))
    run(cat, NOW + DAY, report(50))
    run(cat, NOW + 2 * DAY, report(None, None))
    run(cat, NOW + 3 * DAY)
    [quota] = runs.quotas(cat.connection)
    assert (quota.host, quota.remaining) == ("api.github.com", 50)
    assert quota.reported == NOW + DAY + HOUR
    reset = dt.datetime(2026, 2, 15, 19, tzinfo=dt.UTC)
    assert quota.reset == reset
    assert not quota.is_renewed(reset - dt.timedelta(seconds=1))
    assert quota.is_renewed(reset)


def test_a_rate_limit_without_a_reset_is_never_renewed(cat: OpenCatalog) -> None:
    run(cat, NOW, report(0, None))
    [quota] = runs.quotas(cat.connection)
    assert not quota.is_renewed(NOW + 999 * DAY)
