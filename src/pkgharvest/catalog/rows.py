"""Reading, inserting and updating single rows by id."""

import sqlite3
from collections.abc import Mapping
from typing import Literal

Table = Literal["categories", "grids", "packages"]


def find_row(connection: sqlite3.Connection, table: Table, number: int) -> sqlite3.Row | None:
    """Return the row of ``table`` with the id ``number``."""
    row: sqlite3.Row | None = connection.execute(
        f"SELECT * FROM {table} WHERE id = ?",  # noqa: S608 - one of three
        (number,),
    ).fetchone()
    return row


def insert_row(connection: sqlite3.Connection, table: str, columns: Mapping[str, object]) -> None:
    """Insert a row with these columns."""
    connection.execute(
        f"INSERT INTO {table} ({', '.join(columns)})"  # noqa: S608 - our own names
        f" VALUES (?{', ?' * (len(columns) - 1)})",
        tuple(columns.values()),
    )


def update_row(
    connection: sqlite3.Connection, table: Table, number: int, columns: Mapping[str, object]
) -> None:
    """Update these columns of the row with the id ``number``."""
    if columns:
        assignments = ", ".join(f"{name} = ?" for name in columns)
        connection.execute(
            f"UPDATE {table} SET {assignments} WHERE id = ?",  # noqa: S608 - our own names
            (*columns.values(), number),
        )
