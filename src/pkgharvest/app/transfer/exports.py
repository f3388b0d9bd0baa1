"""The catalogue goes out: as lines that come back exactly, as API v4 lists, as CSV, as a database.

Whatever is written is of one moment, though a fetch may be at work, and no more than a few hundred
packages are held at a time.
"""

import contextlib
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from pkgharvest.api_v4.encode import (
    CATEGORY_FIELDS,
    GRID_FIELDS,
    RECORD_FIELDS,
    Column,
    OutputStyle,
    Record,
    record_values,
)
from pkgharvest.catalog import collections, database, lookup, maintenance, packages
from pkgharvest.catalog.transfer import dump
from pkgharvest.formats import delimited, json_text
from pkgharvest.formats.fields import FULL_FIELDS
from pkgharvest.model.errors import CatalogError


def jsonl(db_path: Path, wanted: packages.PackageFilter) -> Iterator[str]:
    """Yield lines that ``import`` makes the same catalogue of. See ``catalog.lines``."""
    with _one_moment(db_path) as conn:
        yield from dump.dump_lines(conn, _ids(conn, wanted))


def csv(db_path: Path, wanted: packages.PackageFilter, style: OutputStyle) -> Iterator[str]:
    """Yield the lines of a CSV of the packages, with every field that there is."""
    with _one_moment(db_path) as conn:
        found = packages.read_packages(conn, _ids(conn, wanted), packages.ALL_PARTS)
        yield from delimited.csv_lines(found, FULL_FIELDS, style)


def v4(
    db_path: Path, wanted: packages.PackageFilter, style: OutputStyle, directory: Path
) -> list[Path]:
    """Write ``categories.json``, ``grids.json`` and ``packages.json`` into ``directory``.

    Each is one page of the API's list, highest id first as there, and appears whole or not at all.
    Raises CatalogError where they cannot be written.
    """
    with _one_moment(db_path) as conn:
        categories = sorted(collections.list_categories(conn), key=lambda one: -one.id)
        grids = sorted(collections.list_grids(conn), key=lambda one: -one.id)
        ids = _ids(conn, wanted)[::-1]
        records = packages.read_packages(conn, ids)
        pages = {
            "categories.json": _page(len(categories), iter(categories), CATEGORY_FIELDS, style),
            "grids.json": _page(len(grids), iter(grids), GRID_FIELDS, style),
            "packages.json": _page(len(ids), records, RECORD_FIELDS, style),
        }
        try:
            directory.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".pkgharvest-", dir=directory) as aside:
                for name, pieces in pages.items():
                    with Path(aside, name).open("w", encoding="utf-8", newline="") as file:
                        file.writelines(pieces)
                for name in pages:
                    Path(aside, name).replace(directory / name)
        except OSError as error:
            raise CatalogError(f"{directory} cannot be written: {error.strerror}") from error
    return [directory / name for name in pages]


def sqlite(db_path: Path, file: Path) -> int:
    """Copy the catalogue to ``file``, checked; return its size in bytes.

    Raises CatalogError where it cannot be written, or is there already.
    """
    return maintenance.backup(db_path, file, compact=True)


@contextlib.contextmanager
def _one_moment(db_path: Path) -> Iterator[sqlite3.Connection]:
    with database.open_reader(db_path) as conn:
        conn.execute("BEGIN")
        try:
            yield conn
        finally:
            conn.rollback()


def _ids(conn: sqlite3.Connection, wanted: packages.PackageFilter) -> list[int]:
    """Return the ids of the packages that are wanted, lowest first."""
    if wanted.category is not None:
        lookup.category_id(conn, wanted.category)
    if wanted.grid is not None:
        lookup.grid_id(conn, wanted.grid)
    return sorted(packages.select_ids(conn, wanted))


def _page(
    count: int, records: Iterator[Record], columns: Sequence[Column[Record]], style: OutputStyle
) -> Iterator[str]:
    opening = f'{{"count": {count}, "next": null, "previous": null, "results": ['
    for record in records:
        yield f"{opening}\n{json_text.compact_json(record_values(record, columns, style))}"
        opening = ","
    yield f"{opening}]}}\n" if count == 0 else "\n]}\n"
