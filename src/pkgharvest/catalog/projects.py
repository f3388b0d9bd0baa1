"""What is known of a package's PyPI project goes, where it is another project's."""

import sqlite3

from pkgharvest.catalog import source_state, validators
from pkgharvest.catalog.migrations import DOWNLOAD_COLUMNS
from pkgharvest.catalog.package_update import PackageUpdate
from pkgharvest.catalog.releases import RELEASE_COLUMNS

_OF_A_PROJECT: dict[str, object] = {
    "pypi_url": "",
    "pypi_version": None,
    "pypi_status": None,
    "pypi_requires_python": None,
    "pypi_license": None,
    "pypi_classifiers": "[]",
    "pypi_summary": None,
    "pypi_documentation_url": None,
}


def clear_project(connection: sqlite3.Connection, package_id: int, changes: PackageUpdate) -> None:
    """Leave nothing of a project that is the package's no longer; its name is the caller's."""
    changes.content |= _OF_A_PROJECT
    changes.replace("versions", RELEASE_COLUMNS, [])
    clear_project_cache(connection, package_id, changes)
    source_state.clear_source_state(connection, package_id, "pypi")
    clear_downloads(connection, package_id, changes)


def clear_project_cache(
    connection: sqlite3.Connection, package_id: int, changes: PackageUpdate
) -> None:
    """Leave nothing that would keep the next fetch from reading all of the project."""
    changes.silent |= {"pypi_serial": None, "pypi_lookup_note": None}
    validators.delete_validators(connection, package_id, "pypi")


def clear_downloads(
    connection: sqlite3.Connection, package_id: int, changes: PackageUpdate
) -> None:
    """Leave nothing of the downloads that another project had."""
    changes.silent |= dict.fromkeys(DOWNLOAD_COLUMNS)
    validators.delete_validators(connection, package_id, "downloads")
    source_state.clear_source_state(connection, package_id, "downloads")
