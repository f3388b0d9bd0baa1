"""What is known of a package's PyPI project goes, where it is another project's."""

import sqlite3

from pkgharvest.catalog import fetches, validators
from pkgharvest.catalog.changes import Changes
from pkgharvest.catalog.releases import COLUMNS
from pkgharvest.catalog.schema import DOWNLOADS

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


def forget(connection: sqlite3.Connection, package_id: int, changes: Changes) -> None:
    """Leave nothing of a project that is the package's no longer; its name is the caller's."""
    changes.content |= _OF_A_PROJECT
    changes.replace("versions", COLUMNS, [])
    forget_answers(connection, package_id, changes)
    fetches.forget(connection, package_id, "pypi")
    forget_downloads(connection, package_id, changes)


def forget_answers(connection: sqlite3.Connection, package_id: int, changes: Changes) -> None:
    """Leave nothing that would keep the next fetch from reading all of the project."""
    changes.silent |= {"pypi_serial": None, "pypi_tried": None}
    validators.drop(connection, package_id, "pypi")


def forget_downloads(connection: sqlite3.Connection, package_id: int, changes: Changes) -> None:
    """Leave nothing of the downloads that another project had."""
    changes.silent |= dict.fromkeys(DOWNLOADS)
    validators.drop(connection, package_id, "downloads")
    fetches.forget(connection, package_id, "downloads")
