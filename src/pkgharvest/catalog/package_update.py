"""Changing one package: its columns, its child rows, its score, and how its sources are doing.

Every change by a fetch, an edit or an import goes through ``PackageUpdate``. Only a restored dump
writes whole rows itself, and then calls ``refresh_scores``.

The table ``fetches`` has the last success, the failures since, and when a source is due again.
The table ``validators`` has what a host gave for conditional requests (RFC 9110, section 8.8).
Which sources a run picks is decided in ``selection``.
"""

import datetime as dt
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pkgharvest.catalog.columns import (
    RELEASE_COLUMNS,
    decode_instant,
    decode_list,
    decode_required_instant,
    empty_values,
    encode_instant,
)
from pkgharvest.catalog.database import insert_row, update_row
from pkgharvest.model.errors import ErrorKind
from pkgharvest.model.locators import Locator, normalize_name
from pkgharvest.model.observations import Failure, SourceName, Validator
from pkgharvest.model.score import score_breakdown
from pkgharvest.model.versions import runs_on_python3


class PackageUpdate:
    """The pending changes of one package; ``write`` stores them in its columns."""

    def __init__(self, connection: sqlite3.Connection, row: sqlite3.Row, at: dt.datetime) -> None:
        self.connection = connection
        self.row = row
        self.id = int(row["id"])
        self.at = str(encode_instant(at))
        self.content: dict[str, object] = {}
        """Columns that the record shows: changing one of them changes ``modified``."""
        self.state: dict[str, object] = {}
        """Columns that change without changing ``modified``."""
        self.has_changed = False
        """Whether the content has changed, as far as it was written."""

    def replace_rows(
        self,
        table: Literal["participants", "versions"],
        columns: tuple[str, ...],
        rows: Sequence[tuple[object, ...]],
    ) -> None:
        """Replace the package's rows of ``table``, in this order, if they differ."""
        names = ", ".join(columns)
        stored = self.connection.execute(
            f"SELECT {names} FROM {table} WHERE package_id = ? ORDER BY position",  # noqa: S608
            (self.id,),
        )
        if [tuple(row) for row in stored] == rows:
            return
        self.has_changed = True
        self.delete_rows(table)
        self.connection.executemany(
            f"INSERT INTO {table} (package_id, position, {names})"  # noqa: S608
            f" VALUES (?, ?{', ?' * len(columns)})",
            [(self.id, position, *row) for position, row in enumerate(rows)],
        )

    def set_participants(self, people: Sequence[tuple[str, int]]) -> None:
        """Replace the participants: names and numbers of commits."""
        self.replace_rows("participants", ("name", "commits"), people)
        self.content["participant_names"] = "\n".join(name for name, _ in people)

    def clear_repository(self, *, unpublished_only: bool = False) -> None:
        """Clear everything known of the repository but its location and its participants.

        ``unpublished_only``: leave what records of the API v4 state.
        """
        self.content |= empty_values("repository", unpublished_only=unpublished_only)
        self.state |= empty_values("repository_state", unpublished_only=unpublished_only)
        self.delete_rows("commit_days")
        self.forget_source("repo")

    def clear_project(self, *, unpublished_only: bool = False) -> None:
        """Clear everything known of the PyPI project but its name; see ``clear_repository``."""
        self.content |= empty_values("project", unpublished_only=unpublished_only)
        self.replace_rows("versions", RELEASE_COLUMNS, [])
        self.clear_project_state()
        self.forget_source("pypi")
        self.clear_downloads()

    def clear_project_state(self) -> None:
        """Make the next fetch read the whole PyPI project again."""
        self.state |= empty_values("project_state")
        self.delete_validators("pypi")

    def clear_downloads(self) -> None:
        """Clear the download counts, because they are another project's."""
        self.state |= empty_values("downloads")
        self.forget_source("downloads")

    def add_previous_url(self, key: str) -> None:
        """Record that the package followed the repository ``key`` until now."""
        self.connection.execute(
            "INSERT OR REPLACE INTO previous_urls (package_id, url, key, until)"
            " VALUES (?, ?, ?, ?)",
            (self.id, self.row["repo_url"], key, self.at),
        )

    def had_previous_url(self, key: str | None) -> bool:
        """Tell whether the package followed the repository ``key`` under a previous name."""
        query = "SELECT 1 FROM previous_urls WHERE package_id = ? AND key = ?"
        return self.connection.execute(query, (self.id, key)).fetchone() is not None

    def delete_rows(self, table: str) -> None:
        """Delete the package's rows of ``table``."""
        self.connection.execute(
            f"DELETE FROM {table} WHERE package_id = ?",  # noqa: S608 - our own names
            (self.id,),
        )

    def forget_source(self, source: SourceName) -> None:
        """Forget all attempts, as if the source had never been fetched."""
        self.delete_validators(source)
        self.connection.execute(
            "DELETE FROM fetches WHERE package_id = ? AND source = ?", (self.id, source)
        )

    def delete_validators(self, source: SourceName) -> None:
        """Delete the validators, so that the next fetch reads the whole source again."""
        self.connection.execute(
            "DELETE FROM validators WHERE package_id = ? AND source = ?", (self.id, source)
        )

    def store_validators(self, source: SourceName, validators: Iterable[Validator]) -> None:
        """Store the validators of what was just read, replacing those of the same paths."""
        for validator in validators:
            # A path is one resource; its query moves with the window of commits.
            path = validator.key.partition("?")[0]
            self.connection.execute(
                "DELETE FROM validators WHERE package_id = ? AND source = ?"
                " AND (key = ? OR substr(key, 1, ?) = ?)",
                (self.id, source, path, len(path) + 1, path + "?"),
            )
            if validator.etag is not None or validator.last_modified is not None:
                insert_row(
                    self.connection,
                    "validators",
                    {"package_id": self.id, "source": source, **asdict(validator)},
                )

    def changed_content(self) -> dict[str, object]:
        """Return the columns of ``content`` that differ from the stored ones."""
        return {name: value for name, value in self.content.items() if value != self.row[name]}

    def write(self) -> None:
        """Write the changed columns, and ``modified`` if the content has changed."""
        changed = self.changed_content()
        self.has_changed = self.has_changed or bool(changed)
        if self.has_changed:
            # The clock of a replay is in the past; a later modification stays.
            changed["modified"] = max(self.at, self.row["modified"])
        if columns := changed | self.state:
            # Computed from the row as it will be: reading it again would cost a statement a save.
            columns["score"] = _row_score(dict(self.row) | columns)
            update_row(self.connection, "packages", self.id, columns)


def replace_grids(connection: sqlite3.Connection, package_id: int, grids: Iterable[int]) -> None:
    """Put the package into exactly these grids, in this order."""
    connection.execute("DELETE FROM grid_packages WHERE package_id = ?", (package_id,))
    connection.executemany(
        "INSERT INTO grid_packages (package_id, grid_id, position) VALUES (?, ?, ?)",
        [(package_id, grid_id, position) for position, grid_id in enumerate(grids)],
    )


def locator_columns(locator: Locator | None) -> dict[str, str | None]:
    """Return the columns that say where the repository is."""
    return {
        "repo_key": None if locator is None else locator.key,
        "repo_host": None if locator is None else locator.host or None,
    }


def project_name_columns(name: str | None) -> dict[str, str | None]:
    """Return the columns that say which PyPI project it is."""
    return {"pypi_name": name, "pypi_key": None if name is None else normalize_name(name)}


def _row_score(columns: Mapping[str, Any]) -> int:
    """Return the score of a package with these columns."""
    at = decode_instant(columns["last_fetched"]) or decode_required_instant(columns["modified"])
    return score_breakdown(
        columns["repo_watchers"],
        decode_instant(columns["last_updated"]),
        runs_on_python3(columns["pypi_requires_python"], decode_list(columns["pypi_classifiers"])),
        at,
    ).score


def refresh_scores(connection: sqlite3.Connection, ids: Sequence[int] | None = None) -> None:
    """Compute the scores of these packages again, after their columns changed; None for all."""
    condition = "" if ids is None else "WHERE id IN (SELECT value FROM json_each(:ids))"
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    rows = cursor.execute(
        f"SELECT * FROM packages {condition}",  # noqa: S608 - fixed pieces
        {"ids": json.dumps(ids)},
    )
    scores = [(_row_score(dict(row)), row["id"]) for row in rows]
    connection.executemany("UPDATE packages SET score = ? WHERE id = ?", scores)


# ── how each source is doing ──

_MAX_DOUBLINGS = 64
"""Enough to reach the longest timedelta from one microsecond."""

_WITHOUT_BACKOFF: frozenset[ErrorKind] = frozenset({"unauthorized", "not_recorded"})
"""Failures that are not the package's: with another token, or live, it is due at once."""


@dataclass(frozen=True, slots=True)
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
