"""Snapshots of packages, history, star deltas and known days."""

import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkgharvest.catalog import database, edits, history, runs
from pkgharvest.catalog.history import Snapshot
from pkgharvest.model.observations import Failure, RepositoryResult, SourceResult
from tests.support.catalogs import (
    DAY,
    EMPTY,
    HOUR,
    NOTHING_NEW,
    NOW,
    TODAY,
    OpenCatalog,
    activity,
    downloads_result,
    project,
    project_result,
    repository_facts,
    repository_result,
)

NOT_FOUND = Failure(kind="not_found", message="404")
GONE = Failure(kind="gone", message="410")


def run(
    cat: OpenCatalog, *results: SourceResult | Failure, at: dt.datetime = NOW, package_id: int = 1
) -> bool:
    """Save ``results`` in a new run that begins at ``at``; return whether it made a snapshot."""
    number = runs.begin_run(cat.connection, at, whole=True, continues=None)
    taken = False
    for result in results:
        cat.save(result, at, run=number, package_id=package_id)
        with database.transaction(cat.connection):
            taken = history.take_snapshot(cat.connection, package_id, number)
    return taken


def starred(stars: int, **changes: object) -> RepositoryResult:
    """Return a result with this number of stars."""
    facts = repository_facts(stars=stars, **changes)  # type: ignore[arg-type]
    return repository_result(repository=facts)


def stored(cat: OpenCatalog, since: dt.datetime | None = None) -> list[Snapshot]:
    return history.read_snapshots(cat.connection, 1, since)


def stars_by_instant(cat: OpenCatalog) -> list[tuple[dt.datetime, int | None]]:
    return [(snapshot.at, snapshot.stars) for snapshot in stored(cat)]


# ── snapshots ──


def test_a_snapshot_has_every_value(cat: OpenCatalog) -> None:
    assert run(cat, repository_result(), project_result(), downloads_result())
    assert stored(cat) == [
        Snapshot(
            at=NOW,
            stars=7,
            forks=3,
            commits=3,
            version="1.1",
            downloads=30,
            open_issues=1,
            status="active",
        )
    ]


def test_without_a_change_there_is_no_snapshot(cat: OpenCatalog) -> None:
    run(cat, repository_result(), project_result())
    assert not run(cat, NOTHING_NEW, at=NOW + HOUR)
    assert not run(cat, repository_result(), project_result(), at=NOW + 2 * HOUR)
    assert stars_by_instant(cat) == [(NOW, 7)]


@pytest.mark.parametrize(
    "result",
    [
        starred(8),
        repository_result(activity=activity({TODAY - DAY: 4})),
        repository_result(repository=repository_facts(archived=True)),
        repository_result(activity=EMPTY),
        project_result(project=project(version="1.2")),
        downloads_result(month=31),
        GONE,
    ],
)
def test_any_change_makes_a_snapshot(cat: OpenCatalog, result: SourceResult | Failure) -> None:
    run(cat, repository_result(), project_result(), downloads_result())
    assert run(cat, result, at=NOW + HOUR)
    assert [snapshot.at for snapshot in stored(cat)] == [NOW, NOW + HOUR]


def test_a_moved_window_makes_a_snapshot_if_commits_change(cat: OpenCatalog) -> None:
    run(cat, repository_result())
    run(cat, NOTHING_NEW, at=NOW + 350 * DAY)
    assert [snapshot.commits for snapshot in stored(cat)] == [3, 2]


def test_a_run_makes_one_snapshot_of_a_package(cat: OpenCatalog) -> None:
    run(cat, repository_result(), project_result())
    number = runs.begin_run(cat.connection, NOW + HOUR, whole=True, continues=None)
    results: list[SourceResult] = [starred(8), downloads_result(), downloads_result(month=9)]
    for minutes, result in enumerate(results):
        cat.save(result, NOW + HOUR + minutes * dt.timedelta(minutes=1), run=number)
        history.take_snapshot(cat.connection, 1, number)
    assert [(snapshot.at, snapshot.stars, snapshot.downloads) for snapshot in stored(cat)] == [
        (NOW, 7, None),
        (NOW + HOUR, 8, 9),
    ]


def test_a_change_undone_in_the_same_run_leaves_no_snapshot(cat: OpenCatalog) -> None:
    run(cat, repository_result())
    run(cat, starred(8), starred(7), at=NOW + HOUR)
    assert stars_by_instant(cat) == [(NOW, 7)]


def test_a_package_without_values_has_no_snapshot(cat: OpenCatalog) -> None:
    assert not run(cat, NOT_FOUND)
    assert run(cat, GONE)
    assert [(snapshot.stars, snapshot.commits, snapshot.status) for snapshot in stored(cat)] == [
        (None, None, "gone")
    ]


def test_a_snapshot_of_a_repository_without_host_facts_has_no_stars(cat: OpenCatalog) -> None:
    run(cat, RepositoryResult(activity=activity({TODAY - DAY: 4}), status="active"))
    assert [(snapshot.stars, snapshot.forks, snapshot.commits) for snapshot in stored(cat)] == [
        (None, None, 4)
    ]


def test_a_snapshot_by_a_clock_that_is_behind_comes_last(cat: OpenCatalog) -> None:
    run(cat, starred(1))
    run(cat, starred(2), at=NOW - 30 * DAY)
    run(cat, starred(3), at=NOW - 60 * DAY)
    run(cat, starred(4), at=NOW + HOUR)
    moment = dt.timedelta(microseconds=1)
    assert stars_by_instant(cat) == [
        (NOW, 1),
        (NOW + moment, 2),
        (NOW + 2 * moment, 3),
        (NOW + HOUR, 4),
    ]


def test_a_removed_package_has_no_history(cat: OpenCatalog) -> None:
    run(cat, repository_result())
    edits.remove_package(cat.connection, 1)
    assert not history.take_snapshot(cat.connection, 1, cat.run)
    assert cat.connection.execute("SELECT count(*) FROM snapshots").fetchone()[0] == 0


def test_history_begins_at_since(cat: OpenCatalog) -> None:
    for number in range(4):
        run(cat, starred(number), at=NOW + number * DAY)
    assert [snapshot.stars for snapshot in stored(cat, NOW + 2 * DAY)] == [2, 3]
    assert stored(cat, NOW + 9 * DAY) == []


READINGS = st.one_of(
    st.builds(starred, st.integers(0, 3), repo_id=st.sampled_from(["42", "43"])),
    st.builds(downloads_result, month=st.integers(0, 2)),
    st.sampled_from([NOTHING_NEW, NOT_FOUND, GONE, project_result()]),
)
RUNS = st.lists(
    st.tuples(st.integers(-3, 9), st.lists(READINGS, min_size=1, max_size=3)), max_size=6
)


def test_history_is_in_order_and_ends_with_the_present(cat: OpenCatalog) -> None:
    @given(RUNS)
    def holds(plan: list[tuple[int, list[SourceResult | Failure]]]) -> None:
        with database.transaction(cat.connection):
            edits.remove_package(
                cat.connection, cat.connection.execute("SELECT max(id) FROM packages").fetchone()[0]
            )
        package_id = cat.add()
        _expect_past(cat, plan, package_id)

    holds()


def _expect_past(
    cat: OpenCatalog, plan: list[tuple[int, list[SourceResult | Failure]]], package_id: int
) -> None:
    for days, results in plan:
        before = history.read_snapshots(cat.connection, package_id)
        at = NOW + days * DAY
        run(cat, *results, at=at, package_id=package_id)
        after = history.read_snapshots(cat.connection, package_id)
        instants = [snapshot.at for snapshot in after]
        assert instants == sorted(set(instants))
        if before and before[-1].at == at:  # as if it were the same run
            del before[-1]
        assert after[: len(before)] == before
    rows = [tuple(row)[2:] for row in cat.connection.execute("SELECT * FROM snapshots ORDER BY at")]
    assert all(row != other for row, other in itertools.pairwise(rows))
    package = cat.package(package_id)
    if not rows:
        assert (package.status, package.repo_watchers, package.downloads) == ("active", 0, None)
        return
    last = history.read_snapshots(cat.connection, package_id)[-1]
    assert (last.stars or 0, last.forks or 0) == (package.repo_watchers, package.repo_forks)
    assert last.open_issues == package.open_issues
    assert last.commits == (sum(package.commits_over_52) if package.commits_over_52 else None)
    assert last.version == package.pypi_version
    assert last.downloads == (package.downloads and package.downloads.last_month)
    assert last.status == package.status


# ── star deltas ──


def gains(cat: OpenCatalog, days: int = 30, ids: tuple[int, ...] = (1,)) -> list[history.StarDelta]:
    return history.star_deltas(cat.connection, ids, NOW - days * DAY)


def test_a_star_delta_starts_from_the_snapshot_before_the_period(cat: OpenCatalog) -> None:
    run(cat, starred(100), at=NOW - 90 * DAY)
    run(cat, starred(110), at=NOW - 10 * DAY)
    run(cat, starred(125))
    [gain] = gains(cat)
    assert (gain.stars, gain.gained, gain.percent) == (125, 25, 25.0)
    assert gain.since == NOW - 30 * DAY
    assert [delta.gained for delta in gains(cat, 5)] == [15]


def test_a_star_delta_of_a_shorter_history_starts_from_its_first_snapshot(cat: OpenCatalog) -> None:
    run(cat, starred(0), at=NOW - 10 * DAY)
    run(cat, starred(5))
    [gain] = gains(cat)
    assert (gain.gained, gain.percent, gain.since) == (5, None, NOW - 10 * DAY)


def test_lost_stars_are_a_negative_star_delta(cat: OpenCatalog) -> None:
    run(cat, starred(3), at=NOW - 10 * DAY)
    run(cat, starred(2))
    assert [(delta.gained, delta.percent) for delta in gains(cat)] == [(-1, -33.33)]


def test_equal_stars_are_no_star_delta(cat: OpenCatalog) -> None:
    assert gains(cat) == []
    run(cat, starred(3), at=NOW - 10 * DAY)
    assert gains(cat) == []
    run(cat, starred(3), downloads_result())
    assert gains(cat) == []


def test_another_repository_has_no_star_delta(cat: OpenCatalog) -> None:
    run(cat, starred(10), at=NOW - 90 * DAY)
    run(cat, starred(5000, repo_id="43"), at=NOW - 10 * DAY)
    assert gains(cat) == []
    run(cat, starred(5001, repo_id="43"))
    [gain] = gains(cat)
    assert (gain.gained, gain.since) == (1, NOW - 10 * DAY)


def test_a_renamed_repository_keeps_its_star_delta(cat: OpenCatalog) -> None:
    run(cat, starred(10), at=NOW - 90 * DAY)
    run(cat, repository_result(repository=repository_facts("octo/tiger", stars=12)))
    assert [delta.gained for delta in gains(cat)] == [2]


def test_moved_repositories_have_no_star_delta(cat: OpenCatalog) -> None:
    run(cat, starred(10), at=NOW - 90 * DAY)
    run(cat, starred(12), at=NOW - DAY)
    run(cat, RepositoryResult(status="moved"))
    assert gains(cat) == []


def test_star_deltas_are_sorted_and_limited(
    cat: OpenCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, (first, last) in enumerate([(100, 110), (10, 15), (20, 30), (0, 1)], start=1):
        if number > 1:
            cat.add(f"octo/p{number}")
        for at, stars in ((NOW - 90 * DAY, first), (NOW, last)):
            name = "octo/cat" if number == 1 else f"octo/p{number}"
            facts = repository_facts(name, stars=stars, repo_id=str(number))
            run(cat, repository_result(repository=facts), at=at, package_id=number)
    then = NOW - 30 * DAY

    def ranked(sort: history.StarDeltaKey, **more: bool | int) -> list[int]:
        found = history.star_deltas(cat.connection, None, then, sort=sort, **more)  # type: ignore[arg-type]
        return [delta.package_id for delta in found]

    assert ranked("gained") == [1, 3, 2, 4]
    assert ranked("gained", reverse=True) == [4, 2, 1, 3]
    assert ranked("percent") == [2, 3, 1, 4]
    assert ranked("percent", limit=2) == [2, 3]
    monkeypatch.setattr(history, "_FILTER_FACTOR", 1)
    for limit in range(6):  # of the most starred first, then of those that can be among the best
        assert ranked("gained", limit=limit) == [1, 3, 2, 4][:limit]
    assert [delta.package_id for delta in gains(cat, ids=(4, 1))] == [4, 1]
    assert history.star_deltas(cat.connection, (), then, sort="gained") == []


def test_star_deltas_do_not_scan_all_snapshots(cat: OpenCatalog) -> None:
    asked: list[str] = []
    cat.connection.set_trace_callback(asked.append)
    run(cat, starred(1), at=NOW - DAY)
    run(cat, starred(2))
    gains(cat)
    history.star_deltas(cat.connection, None, NOW - DAY, sort="percent")
    stored(cat)
    cat.connection.set_trace_callback(None)
    about = [query for query in asked if "FROM snapshots" in query]
    assert len(about) >= 5
    for query in about:
        plan = [row[3] for row in cat.connection.execute(f"EXPLAIN QUERY PLAN {query}")]
        assert not [step for step in plan if step.startswith("SCAN snapshots")], plan


# ── known days ──


def span(cat: OpenCatalog) -> history.Span | None:
    return history.known_span(cat.connection.execute("SELECT * FROM packages").fetchone())


def read(cat: OpenCatalog, since: dt.date | None, at: dt.datetime = NOW) -> None:
    cat.save(repository_result(activity=activity({}, since=since)), at)


def test_overlapping_days_are_one_span(cat: OpenCatalog) -> None:
    assert span(cat) is None
    read(cat, TODAY - 400 * DAY)
    assert span(cat) == (TODAY - 400 * DAY, TODAY)
    read(cat, TODAY - 300 * DAY, NOW + 100 * DAY)
    assert span(cat) == (TODAY - 400 * DAY, TODAY + 100 * DAY)
    cat.save(NOTHING_NEW, NOW + 200 * DAY)
    assert span(cat) == (TODAY - 400 * DAY, TODAY + 200 * DAY)


def test_a_gap_of_days_ends_a_span(cat: OpenCatalog) -> None:
    read(cat, None)
    assert span(cat) == (dt.date.min, TODAY)
    read(cat, TODAY + DAY, NOW + 400 * DAY)
    assert span(cat) == (TODAY + DAY, TODAY + 401 * DAY - DAY)


def test_weekly_commits_end_with_the_known_days(cat: OpenCatalog) -> None:
    days = {TODAY: 9, TODAY - DAY: 1, TODAY - 7 * DAY: 2, TODAY - 8 * DAY: 4, TODAY - 22 * DAY: 8}
    cat.save(repository_result(activity=activity(days, since=TODAY - 22 * DAY)))
    known = span(cat)
    assert known is not None
    assert history.weekly_commits(cat.connection, 1, known, 2) == [
        (TODAY - 14 * DAY, 4),
        (TODAY - 7 * DAY, 3),
    ]
    # The fourth week back is not known as a whole.
    assert [count for _, count in history.weekly_commits(cat.connection, 1, known, 99)] == [
        0,
        4,
        3,
    ]
