"""The demo: a catalog with the packages of the recording that comes with pkgharvest."""

import datetime as dt
from pathlib import Path

from pkgharvest.app.packages import add_packages
from pkgharvest.catalog import database
from pkgharvest.catalog.database import fetch_lock, insert_row
from pkgharvest.model.errors import Advice, CatalogError
from pkgharvest.transport.har.replay import HarArchive

DEFAULT_DB = Path("pkgharvest-demo.db")
_MADE_BY = "demo"

SLUG = "django-ltree"
"""The package that is shown as a card."""

REPOSITORIES = (
    "mariocesar/django-ltree",
    "fabiocaccamo/django-extra-settings",
    "danirus/django-comments-xtd",
    "apragacz/django-rest-registration",
    "django-otp/django-otp",
    "codingjoe/django-select2",
    "Suor/django-cacheops",
    "dj-stripe/dj-stripe",
)


def archive_path() -> Path:
    """Return the bundled recording: installed with the package, or in the project's ``data/``."""
    package = Path(__file__).parent.parent
    for directory in (package / "data", package.parent.parent / "data"):
        if (directory / "demo.har.gz").is_file():
            return directory / "demo.har.gz"
    raise CatalogError("the data of the demo is not installed", hint="reinstall pkgharvest")


def create_demo_catalog(db: Path) -> dt.datetime:
    """Create a catalog at ``db`` with the packages of the recording; return when that began.

    A catalog made by an earlier demo is replaced; any other file is refused with CatalogError.
    """
    if db.exists():
        _require_demo_catalog(db)
        with fetch_lock(db):
            for suffix in ("", "-wal", "-shm"):
                db.with_name(db.name + suffix).unlink(missing_ok=True)
    started = HarArchive.read(archive_path()).started
    with database.open_writer(db, create=True) as connection:
        insert_row(connection, "properties", {"name": "made_by", "value": _MADE_BY})
    add_packages(db, REPOSITORIES, started)
    return started


def _require_demo_catalog(db: Path) -> None:
    refusal = CatalogError(
        f"{db} already exists and was not made by the demo", advice=Advice("choose_other_catalog")
    )
    try:
        with database.open_reader(db) as conn:
            mark = conn.execute("SELECT value FROM properties WHERE name = 'made_by'").fetchone()
    except CatalogError as error:
        raise refusal from error
    if mark is None or mark["value"] != _MADE_BY:
        raise refusal
