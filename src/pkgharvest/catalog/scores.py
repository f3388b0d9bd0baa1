"""The score of each package stands in a column, so that a list is sorted by it through an index.

It follows from other columns. Whoever writes one of those settles the score after it.
"""

import sqlite3
from collections.abc import Mapping
from typing import Any

from pkgharvest.catalog.columns import instant, required_instant, texts
from pkgharvest.score import score
from pkgharvest.versions import runs_on_python3


def score_of(columns: Mapping[str, Any]) -> int:
    """Return the score of a package with these columns."""
    at = instant(columns["last_fetched"]) or required_instant(columns["modified"])
    requires, classifiers = columns["pypi_requires_python"], texts(columns["pypi_classifiers"])
    last_updated = instant(columns["last_updated"])
    return score(columns["repo_watchers"], last_updated, runs_on_python3(requires, classifiers), at)


def settle(connection: sqlite3.Connection, package_id: int) -> None:
    """Bring the score of a package up to date with its columns."""
    _settle(connection, "SELECT * FROM packages WHERE id = ?", package_id)


def settle_all(connection: sqlite3.Connection) -> None:
    """Bring the scores of all packages up to date."""
    _settle(connection, "SELECT * FROM packages")


def _settle(connection: sqlite3.Connection, query: str, *values: int) -> None:
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    news = [(score_of(dict(row)), row["id"]) for row in cursor.execute(query, values)]
    connection.executemany("UPDATE packages SET score = ? WHERE id = ?", news)
