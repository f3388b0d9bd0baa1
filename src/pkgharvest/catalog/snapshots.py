"""The past of each package: a row of ``snapshots`` for every run that changed something of it."""

import datetime as dt
import json
import sqlite3
import sys
from collections.abc import Sequence
from typing import Literal, NamedTuple

from pkgharvest.catalog.encoding import decode_required_instant, encode_instant

_COLUMNS = "repo_id, stars, forks, open_issues, commits, version, downloads, status"

_STATE = """
    SELECT
        repo_id,
        -- 0 stands in these also for what no host ever told.
        CASE WHEN repo_id IS NULL THEN nullif(repo_watchers, 0) ELSE repo_watchers END,
        CASE WHEN repo_id IS NULL THEN nullif(repo_forks, 0) ELSE repo_forks END,
        open_issues,
        commits,
        pypi_version,
        downloads_last_month,
        status
    FROM packages WHERE id = ?
"""

_UNKNOWN = (None,) * 7 + ("active",)
"""What a package is before its first snapshot."""

_INSTANT = 27
"""Characters of an instant in a column."""

StarDeltaKey = Literal["gained", "percent"]
STAR_DELTA_KEYS: tuple[StarDeltaKey, ...] = ("gained", "percent")

_MANY_TIMES, _MOST_STARRED = 10, 1000
"""Of so many times as many as are wanted the most gained is looked for first; of no more."""

_A_MOMENT = dt.timedelta(microseconds=1)


class Snapshot(NamedTuple):
    """What a package was from an instant on; None for what was not known."""

    at: dt.datetime
    """When the run that found it began."""
    stars: int | None
    forks: int | None
    commits: int | None
    """Of the 52 weeks before."""
    version: str | None
    downloads: int | None
    """Of the month before."""
    open_issues: int | None
    status: str


class StarDelta(NamedTuple):
    """How the stars of one package went, for as long as it was the same repository."""

    package_id: int
    slug: str
    stars: int
    gained: int
    """Negative where it lost some."""
    percent: float | None
    """Of what it had; None where it had none."""
    since: dt.datetime


def take_snapshot(connection: sqlite3.Connection, package_id: int, run_id: int) -> bool:
    """Note what the package is now, where that is another than before; tell whether it is.

    A run leaves one snapshot of a package, however often it saves it, at the instant of its
    beginning. By a clock that is behind the last snapshot's, as a replay's is, it comes right
    after that one, so that the order is that of the runs. Call it in the transaction of the save.
    """
    state = connection.execute(_STATE, (package_id,)).fetchone()
    if state is None:  # removed meanwhile
        return False
    begun = connection.execute("SELECT started FROM runs WHERE id = ?", (run_id,)).fetchone()
    at = str(begun["started"])
    before = connection.execute(
        f"SELECT at, {_COLUMNS} FROM snapshots WHERE package_id = ?"  # noqa: S608 - our own names
        " ORDER BY at DESC LIMIT 2",
        (package_id,),
    ).fetchall()
    is_again = bool(before) and before[0]["at"] == at
    if is_again:
        del before[0]
    if tuple(state) == (tuple(before[0])[1:] if before else _UNKNOWN):
        if is_again:  # back to what it was when the run began
            place = "package_id = ? AND at = ?"
            connection.execute(f"DELETE FROM snapshots WHERE {place}", (package_id, at))  # noqa: S608
        return False
    if before and before[0]["at"] >= at:
        at = str(encode_instant(decode_required_instant(before[0]["at"]) + _A_MOMENT))
    connection.execute(
        f"INSERT OR REPLACE INTO snapshots (package_id, at, {_COLUMNS})"  # noqa: S608
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (package_id, at, *state),
    )
    return True


def history(
    connection: sqlite3.Connection, package_id: int, since: dt.datetime | None = None
) -> list[Snapshot]:
    """Return the snapshots of a package from ``since`` on, oldest first."""
    rows = connection.execute(
        "SELECT * FROM snapshots WHERE package_id = ? AND at >= ? ORDER BY at",
        (package_id, encode_instant(since) or ""),
    )
    return [
        Snapshot(
            at=decode_required_instant(row["at"]),
            stars=row["stars"],
            forks=row["forks"],
            commits=row["commits"],
            version=row["version"],
            downloads=row["downloads"],
            open_issues=row["open_issues"],
            status=row["status"],
        )
        for row in rows
    ]


def star_deltas(
    connection: sqlite3.Connection,
    ids: Sequence[int] | None,
    then: dt.datetime,
    *,
    sort: StarDeltaKey | None = None,
    reverse: bool = False,
    limit: int | None = None,
) -> list[StarDelta]:
    """Return how the stars of ``ids`` went since ``then``, of those that have other ones now.

    None is all packages. They come by ``sort``, the most first and ties by slug, or as ``ids``
    are. Where less is known it is since the first that is known. Only what was the same
    repository by its host's id is compared, and what has moved is left out.
    """
    if sort == "gained" and not reverse and limit:
        return _most_gained(connection, ids, then, limit)
    return _gains(connection, ids, then, sort=sort, reverse=reverse, limit=limit)


def _most_gained(
    connection: sqlite3.Connection, ids: Sequence[int] | None, then: dt.datetime, limit: int
) -> list[StarDelta]:
    """Return the ``limit`` that gained most, without a look at the past of all.

    None gained more than the stars that it has. So of those with most stars the last of the best
    few tells how many stars it takes at least.
    """
    few = min(limit, _MOST_STARRED)
    among = "" if ids is None else "WHERE id IN (SELECT value FROM json_each(:ids))"
    starred = connection.execute(
        f"SELECT id FROM packages {among} ORDER BY repo_watchers DESC LIMIT :some",  # noqa: S608
        {"ids": json.dumps(ids), "some": _MANY_TIMES * few},
    )
    first = _gains(connection, [row[0] for row in starred], then, sort="gained", limit=limit)
    fewest = first[-1].gained if len(first) == limit else 0
    return _gains(connection, ids, then, sort="gained", limit=limit, fewest=max(fewest, 0))


def _gains(
    connection: sqlite3.Connection,
    ids: Sequence[int] | None,
    then: dt.datetime,
    *,
    sort: StarDeltaKey | None,
    reverse: bool = False,
    limit: int | None,
    fewest: int = 0,
) -> list[StarDelta]:
    """Return what ``gains`` does, of those that have ``fewest`` stars or more."""
    among = "" if ids is None else "id IN (SELECT value FROM json_each(:ids)) AND"
    order = "slug" if sort is None else f"{sort} {'' if reverse else 'DESC'} NULLS LAST, slug"
    # An instant and a figure come in one piece, as one seek brings them: of 100,000 packages each
    # seek counts, and so does each row that is made an object.
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
            WHERE {among} repo_watchers >= :fewest AND repo_id IS NOT NULL AND status <> 'moved'
        ), compared AS MATERIALIZED (
            SELECT id, slug, stars, max(:then, substr(first, 1, {_INSTANT})) AS since,
                CAST(substr(first, {_INSTANT + 1}) AS INTEGER) AS had
            FROM known WHERE first IS NOT NULL
        )
        SELECT id, slug, stars, stars - had AS gained,
            round(100.0 * (stars - had) / nullif(had, 0), 2) AS percent, since
        FROM compared WHERE gained <> 0 ORDER BY {order} LIMIT :limit
        """,  # noqa: S608 - fixed pieces
        {
            "ids": json.dumps(ids),
            "then": encode_instant(then),
            "fewest": fewest,
            "limit": -1 if limit is None or sort is None else min(limit, sys.maxsize),
        },
    )
    start = encode_instant(then)
    found = [
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
        place = {package_id: number for number, package_id in enumerate(ids)}
        found.sort(key=lambda gain: place[gain.package_id])
    return found[:limit]
