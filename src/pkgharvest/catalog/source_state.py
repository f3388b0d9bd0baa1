"""How each source of each package is doing: when it last succeeded, how often it failed since."""

import datetime as dt
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from pkgharvest.catalog.encoding import encode_instant
from pkgharvest.model.errors import ErrorKind
from pkgharvest.model.observations import Failure, SourceName, Validator

_DOUBLINGS = 64
"""So many make the longest of a microsecond; more change nothing."""

_NOT_ITS_FAULT: frozenset[ErrorKind] = frozenset({"unauthorized", "not_recorded"})
"""What says nothing of the package: with another token, or live, it is due at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long a source that failed is left in peace: longer with each failure in a row."""

    first: dt.timedelta = dt.timedelta(hours=1)
    """After one failure; each further one doubles it."""
    most: dt.timedelta = dt.timedelta(days=7)
    """Never longer than that."""

    def wait(self, failures: int) -> dt.timedelta:
        """Return how long to wait after so many failures in a row, the last one included."""
        doubled = 1 << min(max(0, failures - 1), _DOUBLINGS)
        # Divided, for the product may be more than a timedelta holds.
        return self.most if self.first > self.most // doubled else self.first * doubled


DEFAULT_BACKOFF = Backoff()


def record_success(
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
        {"package_id": package_id, "source": source, "at": encode_instant(at), "run_id": run_id},
    )


def record_failure(
    connection: sqlite3.Connection,
    package_id: int,
    source: SourceName,
    at: dt.datetime,
    run_id: int,
    failure: Failure,
    *,
    found: bool = False,
    backoff: Backoff = DEFAULT_BACKOFF,
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
    wait = dt.timedelta(0) if failure.kind in _NOT_ITS_FAULT else backoff.wait(failures + 1)
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
            encode_instant(at),
            failure.kind,
            failure.message,
            failures + 1,
            not_found,
            encode_instant(at + wait),
            run_id,
        ),
    )
    return int(not_found)


def record_rate_limited(
    connection: sqlite3.Connection,
    package_id: int,
    source: SourceName,
    at: dt.datetime,
    message: str,
) -> None:
    """Note that a host out of quota left the source unread: it says nothing of the source.

    It stays due, and to be done by whoever goes on with the run.
    """
    connection.execute(
        """
        INSERT INTO fetches (package_id, source, last_attempt, last_error, message)
        VALUES (:package_id, :source, :at, 'rate_limited', :message)
        ON CONFLICT (package_id, source) DO UPDATE SET
            last_attempt = excluded.last_attempt, last_error = excluded.last_error,
            message = excluded.message
        """,
        {"package_id": package_id, "source": source, "at": encode_instant(at), "message": message},
    )


def clear_source_state(connection: sqlite3.Connection, package_id: int, source: SourceName) -> None:
    """Let the source be one that was never asked."""
    connection.execute(
        "DELETE FROM fetches WHERE package_id = ? AND source = ?", (package_id, source)
    )


def store_validators(
    connection: sqlite3.Connection,
    package_id: int,
    source: SourceName,
    validators: Iterable[Validator],
) -> None:
    """Keep what vouches for what was read just now, in place of what did before."""
    for validator in validators:
        # One path is one thing that was asked; its query moves with the window.
        path = validator.key.partition("?")[0]
        connection.execute(
            "DELETE FROM validators WHERE package_id = ? AND source = ?"
            " AND (key = ? OR substr(key, 1, ?) = ?)",
            (package_id, source, path, len(path) + 1, path + "?"),
        )
        if validator.etag is None and validator.last_modified is None:
            continue  # nothing to ask with
        connection.execute(
            "INSERT INTO validators (package_id, source, key, etag, last_modified, parser)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                package_id,
                source,
                validator.key,
                validator.etag,
                validator.last_modified,
                validator.parser,
            ),
        )


def delete_validators(connection: sqlite3.Connection, package_id: int, source: SourceName) -> None:
    """Forget them: the next fetch reads the whole source again."""
    connection.execute(
        "DELETE FROM validators WHERE package_id = ? AND source = ?", (package_id, source)
    )
