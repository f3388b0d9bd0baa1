"""How each source of each package is doing: when it last succeeded, how often it failed since."""

import datetime as dt
import sqlite3

from pkgharvest.catalog.columns import instant_text
from pkgharvest.errors import ErrorKind
from pkgharvest.records import Failure, SourceName

_FIRST_RETRY = dt.timedelta(hours=1)
_LAST_RETRY = dt.timedelta(days=7)
_DOUBLINGS = 16
"""More of them change nothing, and leave the numbers small."""

_NOT_ITS_FAULT: frozenset[ErrorKind] = frozenset({"unauthorized", "not_recorded"})
"""What says nothing of the package: with another token, or live, it is due at once."""


def succeeded(
    connection: sqlite3.Connection,
    package_id: int,
    source: SourceName,
    at: dt.datetime,
    run_id: int,
) -> None:
    """Note a success, which clears every failure before it."""
    connection.execute(
        """
        INSERT OR REPLACE INTO fetches (package_id, source, last_success, last_attempt, run_id)
        VALUES (:package_id, :source, :at, :at, :run_id)
        """,
        {"package_id": package_id, "source": source, "at": instant_text(at), "run_id": run_id},
    )


def failed(
    connection: sqlite3.Connection,
    package_id: int,
    source: SourceName,
    at: dt.datetime,
    run_id: int,
    failure: Failure,
    *,
    found: bool = False,
) -> int:
    """Note a failure, and when it is worth to try again; return how many 404s came in a row.

    ``found``: the source was there, and a part of it failed.
    """
    known = connection.execute(
        """
        SELECT last_success, consecutive_failures, not_found_in_a_row FROM fetches
        WHERE package_id = ? AND source = ?
        """,
        (package_id, source),
    ).fetchone()
    last_success, failures, not_found = known or (None, 0, 0)
    not_found = not_found + 1 if failure.kind == "not_found" and not found else 0
    connection.execute(
        """
        INSERT OR REPLACE INTO fetches (
            package_id, source, last_success, last_attempt, last_error, message,
            consecutive_failures, not_found_in_a_row, next_due, run_id
        ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            package_id,
            source,
            last_success,
            instant_text(at),
            failure.kind,
            failure.message,
            failures + 1,
            not_found,
            instant_text(at + _wait(failures, failure.kind)),
            run_id,
        ),
    )
    return int(not_found)


def _wait(failures_before: int, kind: ErrorKind) -> dt.timedelta:
    if kind in _NOT_ITS_FAULT:
        return dt.timedelta(0)
    return min(_FIRST_RETRY * (1 << min(failures_before, _DOUBLINGS)), _LAST_RETRY)
