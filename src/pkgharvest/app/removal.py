"""Packages are removed, with what was kept for them outside the catalogue."""

from collections.abc import Sequence
from pathlib import Path

from pkgharvest.catalog import database, edits
from pkgharvest.catalog.encoding import stored_locator as locator_of
from pkgharvest.git.clones import CloneCache
from pkgharvest.pipeline.sources import clones_directory
from pkgharvest.settings.load import cache_directory


def remove(db_path: Path, package_ids: Sequence[int]) -> list[str]:
    """Remove packages and their clones; return the slugs of those that were still there."""
    removed = []
    with (
        database.open_writer(db_path) as connection,
        database.transaction(connection),
    ):
        for package_id in package_ids:
            gone = edits.remove_package(connection, package_id)
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
    with database.open_reader(db_path) as conn:
        urls = edits.repository_urls(conn)
    kept = kept_clones(db_path)
    return kept.keep_only([one for one in map(locator_of, urls) if one is not None])


def kept_clones(db_path: Path) -> CloneCache:
    """Return the clones in the user's cache directory, or beside the catalogue at ``db_path``."""
    return CloneCache(clones_directory(cache_directory(db_path)))
