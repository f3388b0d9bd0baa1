"""What is about to change in one package: its columns, and the rows that hang on it."""

import datetime as dt
import sqlite3
from collections.abc import Sequence
from typing import Literal

from pkgharvest.catalog import scores
from pkgharvest.catalog.encoding import encode_instant
from pkgharvest.catalog.rows import update_row

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
            columns["score"] = scores.row_score(dict(self._row) | columns)
            update_row(self._connection, "packages", self._row["id"], columns)
