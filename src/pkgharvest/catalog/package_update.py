"""What is about to change in one package: its columns, and the rows that hang on it."""

import datetime as dt
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pkgharvest.catalog import source_state
from pkgharvest.catalog.database import update_row
from pkgharvest.catalog.encoding import (
    decode_instant,
    decode_required_instant,
    decode_strings,
    encode_instant,
)
from pkgharvest.catalog.migrations import DOWNLOAD_COLUMNS
from pkgharvest.catalog.releases import RELEASE_COLUMNS
from pkgharvest.model.score import compute_score
from pkgharvest.model.versions import runs_on_python3

Table = Literal["participants", "versions"]


class PackageUpdate:
    """The changes of one package; nothing of ``packages`` is written before ``write``."""

    def __init__(self, connection: sqlite3.Connection, row: sqlite3.Row, at: dt.datetime) -> None:
        self._connection = connection
        self._row = row
        self._at = at
        self.content: dict[str, object] = {}
        """Columns that the record shows: a change of one is a change of the package."""
        self.silent: dict[str, object] = {}
        """Columns that change without the content having changed."""
        self.made = False
        """Whether the content has changed, as far as it is written."""

    def replace(
        self, table: Table, columns: tuple[str, ...], rows: Sequence[tuple[object, ...]]
    ) -> None:
        """Make ``rows`` the package's rows of ``table``, in their order, where they differ."""
        package_id, names = self._row["id"], ", ".join(columns)
        there = self._connection.execute(
            f"SELECT {names} FROM {table} WHERE package_id = ? ORDER BY position",  # noqa: S608
            (package_id,),
        )
        if [tuple(row) for row in there] == rows:
            return
        self.made = True
        self._connection.execute(
            f"DELETE FROM {table} WHERE package_id = ?",  # noqa: S608
            (package_id,),
        )
        self._connection.executemany(
            f"INSERT INTO {table} (package_id, position, {names})"  # noqa: S608
            f" VALUES (?, ?{', ?' * len(columns)})",
            [(package_id, position, *row) for position, row in enumerate(rows)],
        )

    def write(self) -> None:
        """Write the columns, and with a change of the content that it is ``modified``."""
        news = {
            column: value for column, value in self.content.items() if value != self._row[column]
        }
        self.made = self.made or bool(news)
        if self.made:
            # A replay's clock is an earlier day's; what was changed later stays so.
            news["modified"] = max(str(encode_instant(self._at)), self._row["modified"])
        if columns := news | self.silent:
            # Of what the row will be; reading it again would cost each save another statement.
            columns["score"] = row_score(dict(self._row) | columns)
            update_row(self._connection, "packages", self._row["id"], columns)


_OF_A_PROJECT: dict[str, object] = {
    "pypi_url": "",
    "pypi_version": None,
    "pypi_status": None,
    "pypi_requires_python": None,
    "pypi_license": None,
    "pypi_classifiers": "[]",
    "pypi_summary": None,
    "pypi_documentation_url": None,
}


def clear_project(connection: sqlite3.Connection, package_id: int, changes: PackageUpdate) -> None:
    """Leave nothing of a project that is the package's no longer; its name is the caller's."""
    changes.content |= _OF_A_PROJECT
    changes.replace("versions", RELEASE_COLUMNS, [])
    clear_project_cache(connection, package_id, changes)
    source_state.clear_source_state(connection, package_id, "pypi")
    clear_downloads(connection, package_id, changes)


def clear_project_cache(
    connection: sqlite3.Connection, package_id: int, changes: PackageUpdate
) -> None:
    """Leave nothing that would keep the next fetch from reading all of the project."""
    changes.silent |= {"pypi_serial": None, "pypi_lookup_note": None}
    source_state.delete_validators(connection, package_id, "pypi")


def clear_downloads(
    connection: sqlite3.Connection, package_id: int, changes: PackageUpdate
) -> None:
    """Leave nothing of the downloads that another project had."""
    changes.silent |= dict.fromkeys(DOWNLOAD_COLUMNS)
    source_state.delete_validators(connection, package_id, "downloads")
    source_state.clear_source_state(connection, package_id, "downloads")


def row_score(columns: Mapping[str, Any]) -> int:
    """Return the score of a package with these columns."""
    at = decode_instant(columns["last_fetched"]) or decode_required_instant(columns["modified"])
    requires, classifiers = (
        columns["pypi_requires_python"],
        decode_strings(columns["pypi_classifiers"]),
    )
    last_updated = decode_instant(columns["last_updated"])
    return compute_score(
        columns["repo_watchers"], last_updated, runs_on_python3(requires, classifiers), at
    )


def refresh_score(connection: sqlite3.Connection, package_id: int) -> None:
    """Bring the score of a package up to date with its columns."""
    _settle(connection, "SELECT * FROM packages WHERE id = ?", package_id)


def refresh_all_scores(connection: sqlite3.Connection) -> None:
    """Bring the scores of all packages up to date."""
    _settle(connection, "SELECT * FROM packages")


def _settle(connection: sqlite3.Connection, query: str, *values: int) -> None:
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    news = [(row_score(dict(row)), row["id"]) for row in cursor.execute(query, values)]
    connection.executemany("UPDATE packages SET score = ? WHERE id = ?", news)
