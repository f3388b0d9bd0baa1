"""Commits per day, from which the 52 weeks of a package are computed.

Days are never discarded: a host's API only covers the last year, and what was read earlier is
still right. ``days_from`` and ``days_until`` of a package say for which days all readings together
are complete; ``days_since`` says where the last reading began.
"""

import datetime as dt
import sqlite3
from typing import NamedTuple

from pkgharvest.model import activity
from pkgharvest.model.observations import Activity


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


def replace_days(connection: sqlite3.Connection, package_id: int, commits: Activity) -> bool:
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
