"""The commits of each day: what the 52 weeks of a package are computed from."""

import datetime as dt
import sqlite3

from pkgharvest import activity
from pkgharvest.records import Activity


def read(
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


def replace(connection: sqlite3.Connection, package_id: int, news: Activity) -> bool:
    """Replace what ``news`` is complete for; tell whether anything changed."""
    known = read(connection, package_id, news.since)
    days = activity.merge(known, news.days, news.since)
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
