"""Packages are removed, with what was kept for them outside the catalogue."""

from collections.abc import Sequence
from pathlib import Path

from pkgharvest.app.sourcing import clones_directory
from pkgharvest.catalog import connection, packages
from pkgharvest.catalog.columns import locator as locator_of
from pkgharvest.settings import cache_directory
from pkgharvest.transport.clones import Clones


def remove(db_path: Path, package_ids: Sequence[int]) -> list[str]:
    """Remove packages and their clones; return the slugs of those that were still there."""
    removed = []
    with (
        connection.writing(db_path) as db,
        connection.transaction(db),
    ):
        for package_id in package_ids:
            gone = packages.remove(db, package_id)
            if gone is not None:
                removed.append(gone)
    clones = kept_clones(db_path)
    for _, url in removed:
        locator = locator_of(url)
        if locator is not None:
            clones.remove(locator)
    return [slug for slug, _ in removed]


def clear_unused_clones(db_path: Path) -> int:
    """Remove the clones of repositories that this catalogue does not follow; return bytes freed."""
    with connection.reading(db_path) as conn:
        urls = packages.repository_urls(conn)
    kept = kept_clones(db_path)
    return kept.keep_only([one for one in map(locator_of, urls) if one is not None])


def kept_clones(db_path: Path) -> Clones:
    """Return the clones in the user's cache directory, or beside the catalogue at ``db_path``."""
    return Clones(clones_directory(cache_directory(db_path)))
