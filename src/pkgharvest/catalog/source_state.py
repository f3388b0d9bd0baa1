"""How each source of each package is doing, and the validators its responses came with.

The table ``fetches`` has the last success, the failures since, and when a source is due again.
The table ``validators`` has what a host gave for conditional requests (RFC 9110, section 8.8).
Which sources a run picks is decided in ``selection``.
"""

import datetime as dt
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from pkgharvest.catalog.encoding import encode_instant
from pkgharvest.model.errors import ErrorKind
from pkgharvest.model.observations import Failure, SourceName, Validator

_MAX_DOUBLINGS = 64
"""Enough to reach the longest timedelta from one microsecond."""

_WITHOUT_BACKOFF: frozenset[ErrorKind] = frozenset({"unauthorized", "not_recorded"})
"""Failures that are not the package's: with another token, or live, it is due at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long to leave a failing source alone; each failure in a row doubles the wait.

    >>> Backoff().wait(failures=3)
    datetime.timedelta(seconds=14400)
    """

    first: dt.timedelta = dt.timedelta(hours=1)
    """The wait after one failure."""
    most: dt.timedelta = dt.timedelta(days=7)
    """The longest wait."""

    def wait(self, failures: int) -> dt.timedelta:
        """Return the wait after so many failures in a row, including the last one."""
        doubled = 1 << min(max(0, failures - 1), _MAX_DOUBLINGS)
        # Dividing avoids a product that overflows timedelta.
        return self.most if self.first > self.most // doubled else self.first * doubled


DEFAULT_BACKOFF = Backoff()


class Attempt:
    """One attempt to fetch one source of one package, whose end is yet to be recorded."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        package_id: int,
        source: SourceName,
        at: dt.datetime,
        run_id: int,
        backoff: Backoff = DEFAULT_BACKOFF,
    ) -> None:
        self._connection = connection
        self._at = at
        self._backoff = backoff
        self._values: dict[str, object] = {
            "package_id": package_id,
            "source": source,
            "at": encode_instant(at),
            "run_id": run_id,
        }

    def record_success(self) -> None:
        """Record a success, which clears the failures before it."""
        self._connection.execute(
            """
            INSERT OR REPLACE INTO fetches (package_id, source, last_success, last_attempt, run_id)
            VALUES (:package_id, :source, :at, :at, :run_id)
            """,
            self._values,
        )

    def record_failure(self, failure: Failure, *, found: bool = False) -> int:
        """Record a failure and when to retry; return the number of 404 responses in a row.

        ``found``: the source exists, and a part of it failed.
        """
        known = self._connection.execute(
            """
            SELECT last_success, consecutive_failures, not_found_in_a_row FROM fetches
            WHERE package_id = :package_id AND source = :source
            """,
            self._values,
        ).fetchone()
        last_success, failures, not_found = known or (None, 0, 0)
        not_found = not_found + 1 if failure.kind == "not_found" and not found else 0
        has_backoff = failure.kind not in _WITHOUT_BACKOFF
        wait = self._backoff.wait(failures + 1) if has_backoff else dt.timedelta(0)
        self._connection.execute(
            """
            INSERT OR REPLACE INTO fetches (
                package_id, source, last_success, last_attempt, last_error, message,
                consecutive_failures, not_found_in_a_row, next_due, run_id
            ) VALUES (
                :package_id, :source, :last_success, :at, :last_error, :message,
                :failures, :not_found, :next_due, :run_id
            )
            """,
            self._values
            | {
                "last_success": last_success,
                "last_error": failure.kind,
                "message": failure.message,
                "failures": failures + 1,
                "not_found": not_found,
                "next_due": encode_instant(self._at + wait),
            },
        )
        return int(not_found)

    def record_rate_limited(self, message: str) -> None:
        """Record that the host's rate limit left the source unread, which is not its failure.

        ``run_id`` stays, so that the source is still due when the run is continued.
        """
        self._connection.execute(
            """
            INSERT INTO fetches (package_id, source, last_attempt, last_error, message)
            VALUES (:package_id, :source, :at, 'rate_limited', :message)
            ON CONFLICT (package_id, source) DO UPDATE SET
                last_attempt = excluded.last_attempt, last_error = excluded.last_error,
                message = excluded.message
            """,
            self._values | {"message": message},
        )


def clear_source_state(connection: sqlite3.Connection, package_id: int, source: SourceName) -> None:
    """Forget all attempts, as if the source had never been fetched."""
    connection.execute(
        "DELETE FROM fetches WHERE package_id = ? AND source = ?", (package_id, source)
    )


def store_validators(
    connection: sqlite3.Connection,
    package_id: int,
    source: SourceName,
    validators: Iterable[Validator],
) -> None:
    """Store the validators of the data that was just read, replacing those of the same paths."""
    for validator in validators:
        # A path is one resource; its query moves with the window of commits.
        path = validator.key.partition("?")[0]
        connection.execute(
            "DELETE FROM validators WHERE package_id = ? AND source = ?"
            " AND (key = ? OR substr(key, 1, ?) = ?)",
            (package_id, source, path, len(path) + 1, path + "?"),
        )
        if validator.etag is None and validator.last_modified is None:
            continue
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
    """Delete the validators, so that the next fetch reads the whole source again."""
    connection.execute(
        "DELETE FROM validators WHERE package_id = ? AND source = ?", (package_id, source)
    )
