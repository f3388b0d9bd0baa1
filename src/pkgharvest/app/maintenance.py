"""Look after the catalog's file, and after the clones of the repositories in it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pkgharvest.catalog import database, maintenance
from pkgharvest.catalog.maintenance import CheckResult, backup

if TYPE_CHECKING:
    from pkgharvest.git.clones import CloneCache

__all__ = [
    "CatalogCheck",
    "backup",
    "check_catalog",
    "require_catalog",
    "vacuum_catalog",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogCheck:
    """What a check of the catalog found."""

    file: CheckResult
    clones: Path
    """The directory of the clones."""
    clones_bytes: int


def require_catalog(db_path: Path, *, create: bool) -> None:
    """Make sure that ``db_path`` is a catalog this program can use; with ``create``, make one.

    Raises CatalogError.
    """
    if create:
        with database.open_writer(db_path, create=True):
            return
    with database.open_reader(db_path):
        return


def check_catalog(db_path: Path) -> CatalogCheck:
    """Check that the file is whole, and measure it and the clones. Raises CatalogError."""
    with database.open_reader(db_path) as connection:
        result = maintenance.check_catalog(connection, db_path)
    clones = clone_cache(db_path)
    return CatalogCheck(file=result, clones=clones.directory, clones_bytes=clones.size())


def vacuum_catalog(db_path: Path) -> tuple[int, int]:
    """Free unused space in the file, and remove the clones that no package needs.

    Returns the bytes that were freed in the file, and those of clones. Raises CatalogError.
    """
    with database.open_writer(db_path) as connection:
        before = maintenance.file_size(db_path)
        maintenance.vacuum_catalog(connection)
    freed = max(0, before - maintenance.file_size(db_path))
    with database.open_reader(db_path) as connection:
        locators = maintenance.repository_locators(connection)
    return freed, clone_cache(db_path).keep_only(locators)


def clone_cache(db_path: Path) -> "CloneCache":
    """Return the clones in the user's cache directory, or beside the catalog at ``db_path``."""
    from pkgharvest.git.clones import CloneCache  # noqa: PLC0415 - backup needs no git
    from pkgharvest.pipeline.sources import clones_directory  # noqa: PLC0415 - brings the sources
    from pkgharvest.settings.load import cache_directory  # noqa: PLC0415

    return CloneCache(clones_directory(cache_directory(db_path)))
