"""The commits of each day: what the 52 weeks of a package are computed from.

What was read once stays: a host's API tells the last year, and leaves what is older as it is. So
``days_from`` and ``days_until`` of a package say for which days all its readings together are
complete, and ``days_since`` from which day on the last one was.
"""

import datetime as dt
import sqlite3
from typing import NamedTuple

from pkgharvest.model import activity
from pkgharvest.model.observations import Activity

_ALL_TIME = dt.date.min


class Span(NamedTuple):
    """The days of which all commits are known."""

    start: dt.date
    """``date.min`` where it is the whole history."""
    end: dt.date
    """The day after the last."""


def read_days(
    connection: sqlite3.Connection, package_id: int, since: dt.date | None = None
) -> dict[dt.date, int]:
    """Return the commits per UTC day of a package, from the day ``since`` on, or of all time."""
    return {
        dt.date.fromisoformat(day): commits
        for day, commits in connection.execute(
            "SELECT day, commits FROM commit_days WHERE package_id = ? AND day >= ?",
            (package_id, "" if since is None else since.isoformat()),
        )
    }


def replace_days(connection: sqlite3.Connection, package_id: int, news: Activity) -> bool:
    """Replace what ``news`` is complete for; tell whether anything changed."""
    known = read_days(connection, package_id, news.since)
    days = activity.merge_days(known, news.days, news.since)
    connection.executemany(
        "DELETE FROM commit_days WHERE package_id = ? AND day = ?",
        [(package_id, day.isoformat()) for day in known.keys() - days.keys()],
    )
    connection.executemany(
        "INSERT OR REPLACE INTO commit_days (package_id, day, commits) VALUES (?, ?, ?)",
        [
            (package_id, day.isoformat(), commits)
            for day, commits in days.items()
            if known.get(day) != commits
        ],
    )
    return days != known


def known_span(row: sqlite3.Row) -> Span | None:
    """Return the days that are known of a package, a row of ``packages``; None for none."""
    if row["days_from"] is None or row["days_until"] is None:
        return None
    start, end = (dt.date.fromisoformat(row[name]) for name in ("days_from", "days_until"))
    return Span(start=start, end=end)


def span_columns(row: sqlite3.Row, since: dt.date | None, today: dt.date) -> dict[str, str]:
    """Return what to write of the span into ``row`` after a reading from ``since`` on."""
    known, start = known_span(row), since or _ALL_TIME
    if known is not None and start <= known.end:  # else there is a gap that nobody has read
        start = min(start, known.start)
    return {"days_from": start.isoformat(), "days_until": today.isoformat()}


def weekly_commits(
    connection: sqlite3.Connection, package_id: int, known: Span, count: int
) -> list[tuple[dt.date, int]]:
    """Return first days and commits of the last ``count`` weeks, oldest first.

    The last one ends where the days that are known do, and none begins before those.
    """
    week = dt.timedelta(weeks=1)
    count = min(count, (known.end - known.start) // week)
    first = known.end - count * week
    totals = activity.weekly_counts(read_days(connection, package_id, first), known.end, count)
    return [(first + number * week, commits) for number, commits in enumerate(totals)]
