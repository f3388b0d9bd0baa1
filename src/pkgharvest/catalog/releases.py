"""The releases of a package's PyPI project, as they stand in the table ``versions``."""

import sqlite3

from pkgharvest.catalog.encoding import decode_instant, encode_instant
from pkgharvest.model.package import Release

RELEASE_COLUMNS = (
    "number",
    "upload_time",
    "yanked",
    "yanked_reason",
    "is_prerelease",
    "requires_python",
)


def release_row(release: Release) -> tuple[object, ...]:
    """Return what stands in ``COLUMNS``."""
    return (
        release.version,
        encode_instant(release.upload_time),
        int(release.yanked),
        release.yanked_reason,
        int(release.is_prerelease),
        release.requires_python,
    )


def release_from_row(row: sqlite3.Row) -> Release:
    """Return the release that a row of ``versions`` holds."""
    return Release(
        version=row["number"],
        upload_time=decode_instant(row["upload_time"]),
        yanked=bool(row["yanked"]),
        yanked_reason=row["yanked_reason"],
        requires_python=row["requires_python"],
        is_prerelease=bool(row["is_prerelease"]),
    )
