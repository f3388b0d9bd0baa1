"""The score of each package stands in a column, so that a list is sorted by it through an index.

It follows from other columns. Whoever writes one of those settles the score after it.
"""

import sqlite3
from collections.abc import Mapping
from typing import Any

from pkgharvest.catalog.encoding import decode_instant, decode_required_instant, decode_strings
from pkgharvest.model.score import compute_score
from pkgharvest.model.versions import runs_on_python3


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
