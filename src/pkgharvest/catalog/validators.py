"""What hosts gave to ask with next time, committed and deleted with the data it vouches for."""

import sqlite3
from collections.abc import Iterable

from pkgharvest.model.observations import SourceName, Validator


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
