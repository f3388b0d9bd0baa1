"""Read packages: show, list, search, and compare those of a grid.

What packages were before is in ``history``.

``show`` has milliseconds to start, so what only one query needs is imported by that query. Lists
are lazy: a few hundred packages are held at a time, and all of them are of one moment, even while
a fetch is writing.
"""

import contextlib
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pkgharvest.catalog import database, lookup, packages
from pkgharvest.catalog.packages import (
    ALL_PARTS,
    CARD_PARTS,
    RECORD_PARTS,
    SORT_KEYS,
    PackageFilter,
    SortKey,
)
from pkgharvest.model.errors import InvalidValue
from pkgharvest.model.package import STATUSES, Package

if TYPE_CHECKING:
    from pkgharvest.api_v4.encode import OutputStyle
    from pkgharvest.formats.comparison import ComparisonEntry
    from pkgharvest.model.collections import Grid
    from pkgharvest.model.search_text import SearchHit

__all__ = [
    "ALL_PARTS",
    "CARD_PARTS",
    "RECORD_PARTS",
    "SORT_KEYS",
    "PackageFilter",
    "SortKey",
    "compare_grid",
    "count_packages",
    "find_packages",
    "list_packages",
    "open_snapshot",
    "search",
    "select_ids",
    "show_packages",
]


def find_packages(db_path: Path, names: Sequence[str]) -> dict[int, str]:
    """Return the slugs of the packages called ``names``, by id; each package once.

    A name is a slug, an id, the name of a PyPI project or the URL of a repository. Raises
    UnknownPackage and CatalogError.
    """
    with database.open_reader(db_path) as connection:
        ids = lookup.find_packages(connection, names)
        return {package.id: package.slug for package in packages.read_packages(connection, ids, ())}


def show_packages(
    db_path: Path, names: Sequence[str], parts: Collection[str] = RECORD_PARTS
) -> list[Package]:
    """Return the packages called ``names``, in that order, each once.

    ``parts`` are the parts to read beyond the columns of the package. Raises as ``find_packages``.
    """
    with database.open_reader(db_path) as connection:
        ids = lookup.find_packages(connection, names)
        return list(packages.read_packages(connection, ids, parts))


def count_packages(db_path: Path) -> int:
    """Return how many packages the catalog has. Raises CatalogError."""
    with database.open_reader(db_path) as connection:
        return packages.count_packages(connection)


@contextlib.contextmanager
def list_packages(
    db_path: Path,
    wanted: PackageFilter = PackageFilter(),  # noqa: B008 - immutable
    *,
    sort: SortKey = "name",
    reverse: bool = False,
    limit: int | None = None,
    parts: Collection[str] = RECORD_PARTS,
) -> Iterator[Iterator[Package]]:
    """Yield the packages that match ``wanted``, lazily; the catalog is open inside the block.

    Names ascend, numbers and dates descend. Raises UnknownCategory, UnknownGrid and CatalogError.
    """
    with open_snapshot(db_path) as connection:
        ids = select_ids(connection, wanted, sort=sort, reverse=reverse, limit=limit)
        yield packages.read_packages(connection, ids, parts)


def select_ids(
    connection: sqlite3.Connection,
    wanted: PackageFilter,
    *,
    sort: str = "name",
    reverse: bool = False,
    limit: int | None = None,
) -> list[int]:
    """Return the ids of the packages that match ``wanted``, sorted.

    Raises UnknownCategory, UnknownGrid, and InvalidValue for an order, a status or a limit that
    does not exist.
    """
    if sort not in SORT_KEYS:
        raise InvalidValue(f"no order {sort!r}", hint=f"one of {', '.join(SORT_KEYS)}")
    if wanted.status not in {None, *STATUSES}:
        raise InvalidValue(f"no status {wanted.status!r}", hint=f"one of {', '.join(STATUSES)}")
    if limit is not None and limit < 0:
        raise InvalidValue(f"the limit {limit} is negative")
    if wanted.category is not None:
        lookup.collection_id(connection, "categories", wanted.category)
    if wanted.grid is not None:
        lookup.collection_id(connection, "grids", wanted.grid)
    return packages.select_ids(connection, wanted, sort=sort, reverse=reverse, limit=limit)


@contextlib.contextmanager
def open_snapshot(db_path: Path) -> Iterator[sqlite3.Connection]:
    """Open the catalog to read it as it is now, whatever is written meanwhile."""
    with (
        database.open_reader(db_path) as connection,
        database.read_transaction(connection),
    ):
        yield connection


def search(
    db_path: Path, query: str, *, limit: int = 20
) -> "tuple[list[SearchHit], tuple[str, ...]]":
    """Find packages and grids by words, the best first; see ``catalog.search``.

    If nothing was found, also return slugs that look like ``query``. Raises CatalogError.
    """
    from pkgharvest.catalog.search import search as search_catalog  # noqa: PLC0415
    from pkgharvest.model.search_text import unique_words  # noqa: PLC0415

    with database.open_reader(db_path) as connection:
        hits = search_catalog(connection, query, limit=limit)
        name = "" if hits or not limit else "-".join(unique_words(query))
        suggestions = lookup.suggest_slugs(connection, "packages", name) if name else ()
    return hits, suggestions


def compare_grid(
    db_path: Path, name: str, style: "OutputStyle"
) -> "tuple[Grid, list[ComparisonEntry]]":
    """Return the grid with the slug or id ``name``, and its packages ready to be compared.

    Raises UnknownGrid and CatalogError.
    """
    from pkgharvest.catalog import collections  # noqa: PLC0415
    from pkgharvest.formats import comparison  # noqa: PLC0415

    with open_snapshot(db_path) as connection:
        grid = collections.get_grid(connection, name)
        categories = {category.id: category for category in collections.list_categories(connection)}
        members = packages.read_packages(connection, grid.package_ids)
        return grid, comparison.compare_packages(members, categories, style)
