"""Changing one package: its columns, its child rows, its ``modified`` time and its score.

Every change made by a fetch or an edit goes through ``PackageUpdate``. Imports and restores write
whole rows themselves and then call ``refresh_score``.
"""

import datetime as dt
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pkgharvest.catalog import source_state
from pkgharvest.catalog.columns import RELEASE_COLUMNS, empty_values
from pkgharvest.catalog.database import update_row
from pkgharvest.catalog.encoding import (
    decode_instant,
    decode_required_instant,
    decode_strings,
    encode_instant,
)
from pkgharvest.model.locators import Locator, normalize_name
from pkgharvest.model.score import score_breakdown
from pkgharvest.model.versions import runs_on_python3


class PackageUpdate:
    """The pending changes of one package; ``write`` stores them in its columns."""

    def __init__(self, connection: sqlite3.Connection, row: sqlite3.Row, at: dt.datetime) -> None:
        self._connection = connection
        self._row = row
        self._id = int(row["id"])
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
        stored = self._connection.execute(
            f"SELECT {names} FROM {table} WHERE package_id = ? ORDER BY position",  # noqa: S608
            (self._id,),
        )
        if [tuple(row) for row in stored] == rows:
            return
        self.has_changed = True
        self._connection.execute(
            f"DELETE FROM {table} WHERE package_id = ?",  # noqa: S608
            (self._id,),
        )
        self._connection.executemany(
            f"INSERT INTO {table} (package_id, position, {names})"  # noqa: S608
            f" VALUES (?, ?{', ?' * len(columns)})",
            [(self._id, position, *row) for position, row in enumerate(rows)],
        )

    def clear_project(self) -> None:
        """Clear everything known of the PyPI project but its name."""
        self.content |= empty_values("project")
        self.replace_rows("versions", RELEASE_COLUMNS, [])
        self.clear_project_state()
        source_state.clear_source_state(self._connection, self._id, "pypi")
        self.clear_downloads()

    def clear_project_state(self) -> None:
        """Make the next fetch read the whole PyPI project again."""
        self.state |= empty_values("project_state")
        source_state.delete_validators(self._connection, self._id, "pypi")

    def clear_downloads(self) -> None:
        """Clear the download counts, because they are another project's."""
        self.state |= empty_values("downloads")
        source_state.delete_validators(self._connection, self._id, "downloads")
        source_state.clear_source_state(self._connection, self._id, "downloads")

    def write(self) -> None:
        """Write the changed columns, and ``modified`` if the content has changed."""
        changed = {
            column: value for column, value in self.content.items() if value != self._row[column]
        }
        self.has_changed = self.has_changed or bool(changed)
        if self.has_changed:
            # The clock of a replay is in the past; a later modification stays.
            changed["modified"] = max(self.at, self._row["modified"])
        if columns := changed | self.state:
            # Computed from the row as it will be: reading it again would cost a statement a save.
            columns["score"] = row_score(dict(self._row) | columns)
            update_row(self._connection, "packages", self._id, columns)


def locator_columns(locator: Locator | None) -> dict[str, object]:
    """Return the columns that say where the repository is."""
    return {
        "repo_key": None if locator is None else locator.key,
        "repo_host": None if locator is None else locator.host or None,
    }


def project_name_columns(name: str | None) -> dict[str, object]:
    """Return the columns that say which PyPI project it is."""
    return {"pypi_name": name, "pypi_key": None if name is None else normalize_name(name)}


def row_score(columns: Mapping[str, Any]) -> int:
    """Return the score of a package with these columns."""
    at = decode_instant(columns["last_fetched"]) or decode_required_instant(columns["modified"])
    classifiers = decode_strings(columns["pypi_classifiers"])
    return score_breakdown(
        columns["repo_watchers"],
        decode_instant(columns["last_updated"]),
        runs_on_python3(columns["pypi_requires_python"], classifiers),
        at,
    ).score


def refresh_score(connection: sqlite3.Connection, package_id: int) -> None:
    """Compute the score of a package again, after its columns changed."""
    _refresh_scores(connection, "SELECT * FROM packages WHERE id = ?", package_id)


def refresh_all_scores(connection: sqlite3.Connection) -> None:
    """Compute the scores of all packages again."""
    _refresh_scores(connection, "SELECT * FROM packages")


def _refresh_scores(connection: sqlite3.Connection, query: str, *values: int) -> None:
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    scores = [(row_score(dict(row)), row["id"]) for row in cursor.execute(query, values)]
    connection.executemany("UPDATE packages SET score = ? WHERE id = ?", scores)
