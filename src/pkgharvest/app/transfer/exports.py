"""Export the catalog: as lines that import restores exactly, as API v4 lists, CSV or a database.

Every export is of one moment, even while a fetch is writing, and holds a few hundred packages at a
time.
"""

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
from pkgharvest.app.queries import PackageFilter, open_snapshot, select_ids
from pkgharvest.catalog import collections, maintenance, packages
from pkgharvest.catalog.transfer import dump
from pkgharvest.formats import delimited, json_text
from pkgharvest.formats.fields import FULL_FIELDS
from pkgharvest.model.errors import CatalogError


def export_jsonl(db_path: Path, wanted: PackageFilter) -> Iterator[str]:
    """Yield the lines of a dump; see ``catalog.transfer.dump``."""
    with open_snapshot(db_path) as connection:
        yield from dump.dump_lines(connection, _ids(connection, wanted))


def export_csv(db_path: Path, wanted: PackageFilter, style: OutputStyle) -> Iterator[str]:
    """Yield the lines of a CSV of the packages, with every field."""
    with open_snapshot(db_path) as connection:
        found = packages.read_packages(connection, _ids(connection, wanted), packages.ALL_PARTS)
        yield from delimited.csv_lines(found, FULL_FIELDS, style)


def export_v4(
    db_path: Path, wanted: PackageFilter, style: OutputStyle, directory: Path
) -> list[Path]:
    """Write ``categories.json``, ``grids.json`` and ``packages.json`` into ``directory``.

    Each is one page of a list of the API, highest id first as there, and appears as a whole or not
    at all. Return their paths. Raises CatalogError if they cannot be written.
    """
    with open_snapshot(db_path) as connection:
        categories = sorted(
            collections.list_categories(connection), key=lambda category: -category.id
        )
        grids = sorted(collections.list_grids(connection), key=lambda grid: -grid.id)
        ids = _ids(connection, wanted)[::-1]
        records = packages.read_packages(connection, ids)
        pages = {
            "categories.json": _page(len(categories), iter(categories), CATEGORY_FIELDS, style),
            "grids.json": _page(len(grids), iter(grids), GRID_FIELDS, style),
            "packages.json": _page(len(ids), records, RECORD_FIELDS, style),
        }
        try:
            directory.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".pkgharvest-", dir=directory) as temporary:
                for name, pieces in pages.items():
                    with Path(temporary, name).open("w", encoding="utf-8", newline="") as file:
                        file.writelines(pieces)
                for name in pages:
                    Path(temporary, name).replace(directory / name)
        except OSError as error:
            raise CatalogError(f"{directory} cannot be written: {error.strerror}") from error
    return [directory / name for name in pages]


def export_sqlite(db_path: Path, file: Path) -> int:
    """Copy the catalog to ``file`` and check the copy; return its size in bytes.

    Raises CatalogError if it cannot be written, or exists.
    """
    return maintenance.backup(db_path, file, compact=True)


def _ids(connection: sqlite3.Connection, wanted: PackageFilter) -> list[int]:
    """Return the ids of the packages that match ``wanted``, lowest first."""
    return sorted(select_ids(connection, wanted))


def _page(
    count: int, records: Iterator[Record], columns: Sequence[Column[Record]], style: OutputStyle
) -> Iterator[str]:
    head = f'{{"count": {count}, "next": null, "previous": null, "results": ['
    for record in records:
        yield f"{head}\n{json_text.compact_json(record_values(record, columns, style))}"
        head = ","
    yield f"{head}]}}\n" if count == 0 else "\n]}\n"
