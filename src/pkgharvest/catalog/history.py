"""The history of packages: commits per day, and a snapshot for every run that changed something.

Days are never discarded: a host's API only covers the last year, and what was read earlier is
still right. ``days_from`` and ``days_until`` of a package say for which days all readings together
are complete; ``days_since`` says where the last reading began. The 52 weeks are computed from them.

Whether the stars of a package grew is not stored anywhere. ``star_deltas`` compares its stars now
with the last snapshot before the period, or with the first one in it if there is none before.
That costs an index seek for every package, which is too slow for a catalog with many. To find the
top N, it therefore looks at the ``10 * N`` most-starred packages first, at most 10,000. The N-th
best of those gained some number of stars, and a package with fewer stars than that cannot have
gained more, so the second pass leaves it out. The result is exact: the first pass is only a
filter.
"""

import datetime as dt
import json
import sqlite3
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from pkgharvest.catalog.columns import decode_required_instant, encode_instant
from pkgharvest.catalog.database import find_value
from pkgharvest.model import activity
from pkgharvest.model.instants import format_instant

if TYPE_CHECKING:
    from pkgharvest.model.observations import Activity

_SNAPSHOT_COLUMNS = "repo_id, stars, forks, open_issues, commits, version, downloads, status"

_SELECT_STATE = """
    SELECT
        repo_id,
        -- Without a host's answer, 0 means unknown.
        CASE WHEN repo_id IS NULL THEN nullif(repo_watchers, 0) ELSE repo_watchers END,
        CASE WHEN repo_id IS NULL THEN nullif(repo_forks, 0) ELSE repo_forks END,
        open_issues,
        commits,
        pypi_version,
        downloads_last_month,
        status
    FROM packages WHERE id = ?
"""

_FIRST_STATE = (None,) * 7 + ("active",)
"""The state of a package before its first snapshot."""

_INSTANT_CHARACTERS = 27
"""The length of a stored instant."""

StarDeltaKey = Literal["gained", "percent"]
STAR_DELTA_KEYS: tuple[StarDeltaKey, ...] = ("gained", "percent")

_FILTER_FACTOR = 10
_MAX_FILTER_PACKAGES = 10_000
"""Pre-filter for top-N: look at the ``10 * limit`` most-starred packages first, up to this."""

_RESOLUTION = dt.timedelta(microseconds=1)
"""The smallest difference between two stored instants."""


class Snapshot(NamedTuple):
    """The state of a package from an instant on; None for unknown values."""

    at: dt.datetime
    """The start of the run that read it."""
    stars: int | None
    forks: int | None
    commits: int | None
    """Commits of the 52 weeks before."""
    version: str | None
    downloads: int | None
    """Downloads of the 30 days before."""
    open_issues: int | None
    status: str

    def to_dict(self, zone: dt.tzinfo | None = dt.UTC) -> dict[str, object]:
        """Return the object that ``history --json`` prints, with its time in ``zone``."""
        return self._asdict() | {"at": format_instant(self.at, zone)}


class StarDelta(NamedTuple):
    """How many stars a package gained while it was the same repository."""

    package_id: int
    slug: str
    stars: int
    gained: int
    """Negative if it lost stars."""
    percent: float | None
    """Gained stars as a percentage of those before; None if there were none."""
    since: dt.datetime
    """The start of the period, or of its known part."""


# ── snapshots ──


def take_snapshot(connection: sqlite3.Connection, package_id: int, run_id: int) -> bool:
    """Store a snapshot if the package differs from its last one; return whether it does.

    A run has one snapshot of a package, however often it saves the package, at the instant the
    run began. If the clock is behind the last snapshot, as in a replay, the new one comes right
    after it, so that snapshots are in the order of the runs. Call in the transaction of the save.
    """
    state = connection.execute(_SELECT_STATE, (package_id,)).fetchone()
    if state is None:  # the package was removed meanwhile
        return False
    at = str(find_value(connection, "SELECT started FROM runs WHERE id = ?", run_id))
    before = connection.execute(
        f"SELECT at, {_SNAPSHOT_COLUMNS} FROM snapshots WHERE package_id = ?"  # noqa: S608 - our own names
        " ORDER BY at DESC LIMIT 2",
        (package_id,),
    ).fetchall()
    is_same_run = bool(before) and before[0]["at"] == at
    if is_same_run:
        del before[0]
    if tuple(state) == (tuple(before[0])[1:] if before else _FIRST_STATE):
        if is_same_run:  # back to the state before the run
            connection.execute(
                "DELETE FROM snapshots WHERE package_id = ? AND at = ?", (package_id, at)
            )
        return False
    if before and before[0]["at"] >= at:
        at = str(encode_instant(decode_required_instant(before[0]["at"]) + _RESOLUTION))
    connection.execute(
        f"INSERT OR REPLACE INTO snapshots (package_id, at, {_SNAPSHOT_COLUMNS})"  # noqa: S608
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (package_id, at, *state),
    )
    return True


def read_snapshots(
    connection: sqlite3.Connection, package_id: int, since: dt.datetime | None = None
) -> list[Snapshot]:
    """Return the snapshots of a package from ``since`` on, oldest first."""
    rows = connection.execute(
        f"SELECT {', '.join(Snapshot._fields)} FROM snapshots"  # noqa: S608 - our own names
        " WHERE package_id = ? AND at >= ? ORDER BY at",
        (package_id, encode_instant(since) or ""),
    )
    return [Snapshot(decode_required_instant(at), *state) for at, *state in rows]


def star_deltas(
    connection: sqlite3.Connection,
    ids: Sequence[int] | None,
    then: dt.datetime,
    *,
    sort: StarDeltaKey | None = None,
    reverse: bool = False,
    limit: int | None = None,
) -> list[StarDelta]:
    """Return how many stars packages gained since ``then``, without those that gained none.

    ``ids``: only these packages; None for all. ``sort``: the highest first and ties by slug; None
    keeps the order of ``ids``. Only snapshots of the same repository, by its host's id, are
    compared, and moved repositories are left out.
    """
    if sort == "gained" and not reverse and limit:
        return _top_gains(connection, ids, then, limit)
    return _select_deltas(connection, ids, then, sort=sort, reverse=reverse, limit=limit)


def _top_gains(
    connection: sqlite3.Connection, ids: Sequence[int] | None, then: dt.datetime, limit: int
) -> list[StarDelta]:
    """Return the ``limit`` packages that gained most; see the top of this module."""
    condition = "" if ids is None else "WHERE id IN (SELECT value FROM json_each(:ids))"
    most_starred = connection.execute(
        f"""
        SELECT id FROM packages {condition} ORDER BY repo_watchers DESC LIMIT :count
        """,  # noqa: S608
        {"ids": json.dumps(ids), "count": min(_FILTER_FACTOR * limit, _MAX_FILTER_PACKAGES)},
    )
    filter_ids = [row[0] for row in most_starred]
    best = _select_deltas(connection, filter_ids, then, sort="gained", limit=limit)
    min_stars = max(best[-1].gained, 0) if len(best) == limit else 0
    return _select_deltas(connection, ids, then, sort="gained", limit=limit, min_stars=min_stars)


def _select_deltas(
    connection: sqlite3.Connection,
    ids: Sequence[int] | None,
    then: dt.datetime,
    *,
    sort: StarDeltaKey | None,
    reverse: bool = False,
    limit: int | None,
    min_stars: int = 0,
) -> list[StarDelta]:
    """Return the deltas of packages that have at least ``min_stars`` stars."""
    condition = "" if ids is None else "id IN (SELECT value FROM json_each(:ids)) AND"
    order = "slug" if sort is None else f"{sort} {'' if reverse else 'DESC'} NULLS LAST, slug"
    # Instant and stars are read as one text, because one seek finds both: with 100,000 packages
    # every seek counts, and so does every row that becomes an object.
    rows = connection.execute(
        f"""
        WITH known AS MATERIALIZED (
            SELECT id, slug, repo_watchers AS stars, coalesce(
                (
                    SELECT at || stars FROM snapshots
                    WHERE package_id = id AND snapshots.repo_id = packages.repo_id
                        AND at <= :then AND stars IS NOT NULL
                    ORDER BY at DESC LIMIT 1
                ),
                (
                    SELECT at || stars FROM snapshots
                    WHERE package_id = id AND snapshots.repo_id = packages.repo_id
                        AND at > :then AND stars IS NOT NULL
                    ORDER BY at LIMIT 1
                )
            ) AS first
            FROM packages
            WHERE {condition} repo_watchers >= :min_stars
                AND repo_id IS NOT NULL AND status <> 'moved'
        ), compared AS MATERIALIZED (
            SELECT id, slug, stars, max(:then, substr(first, 1, {_INSTANT_CHARACTERS})) AS since,
                CAST(substr(first, {_INSTANT_CHARACTERS + 1}) AS INTEGER) AS had
            FROM known WHERE first IS NOT NULL
        )
        SELECT id, slug, stars, stars - had AS gained,
            round(100.0 * (stars - had) / nullif(had, 0), 2) AS percent, since
        FROM compared WHERE gained <> 0 ORDER BY {order} LIMIT :limit
        """,  # noqa: S608 - fixed pieces
        {
            "ids": json.dumps(ids),
            "then": encode_instant(then),
            "min_stars": min_stars,
            "limit": -1 if limit is None or sort is None else min(limit, sys.maxsize),
        },
    )
    start = encode_instant(then)
    deltas = [
        StarDelta(
            package_id=package_id,
            slug=slug,
            stars=stars,
            gained=gained,
            percent=percent,
            since=then if since == start else decode_required_instant(since),
        )
        for package_id, slug, stars, gained, percent, since in rows
    ]
    if sort is None and ids is not None:
        positions = {package_id: position for position, package_id in enumerate(ids)}
        deltas.sort(key=lambda delta: positions[delta.package_id])
    return deltas[:limit]


# ── commits per day ──


class Span(NamedTuple):
    """The days of which all commits are known."""

    start: dt.date
    """The first day; ``date.min`` if the whole history is known."""
    end: dt.date
    """The day after the last."""


def read_days(
    connection: sqlite3.Connection, package_id: int, since: dt.date | None = None
) -> dict[dt.date, int]:
    """Return the commits per UTC day of a package, from ``since`` on if given."""
    return {
        dt.date.fromisoformat(day): commits
        for day, commits in connection.execute(
            "SELECT day, commits FROM commit_days WHERE package_id = ? AND day >= ?",
            (package_id, "" if since is None else since.isoformat()),
        )
    }


def replace_days(connection: sqlite3.Connection, package_id: int, commits: "Activity") -> bool:
    """Replace the days that ``commits`` is complete for; return whether anything changed."""
    stored = read_days(connection, package_id, commits.since)
    days = activity.merge_days(stored, commits.days, commits.since)
    connection.executemany(
        "DELETE FROM commit_days WHERE package_id = ? AND day = ?",
        [(package_id, day.isoformat()) for day in stored.keys() - days.keys()],
    )
    connection.executemany(
        "INSERT OR REPLACE INTO commit_days (package_id, day, commits) VALUES (?, ?, ?)",
        [
            (package_id, day.isoformat(), count)
            for day, count in days.items()
            if stored.get(day) != count
        ],
    )
    return days != stored


def known_span(row: sqlite3.Row) -> Span | None:
    """Return the known days of a package from its row of ``packages``; None if there are none."""
    if row["days_from"] is None or row["days_until"] is None:
        return None
    start, end = (dt.date.fromisoformat(row[name]) for name in ("days_from", "days_until"))
    return Span(start=start, end=end)


def span_columns(row: sqlite3.Row, since: dt.date | None, today: dt.date) -> dict[str, str]:
    """Return the columns of the span after a reading that began at ``since``.

    If days are unknown between the stored span and the reading, only the reading counts.
    """
    stored, start = known_span(row), since or dt.date.min
    if stored is not None and start <= stored.end:
        start = min(start, stored.start)
    return {"days_from": start.isoformat(), "days_until": today.isoformat()}


def weekly_commits(
    connection: sqlite3.Connection, package_id: int, known: Span, count: int
) -> list[tuple[dt.date, int]]:
    """Return the first days and the commits of the last ``count`` weeks, oldest first.

    The last week ends with the known days, and no week begins before them.
    """
    week = dt.timedelta(weeks=1)
    count = min(count, (known.end - known.start) // week)
    first = known.end - count * week
    totals = activity.weekly_counts(read_days(connection, package_id, first), known.end, count)
    return [(first + number * week, commits) for number, commits in enumerate(totals)]
