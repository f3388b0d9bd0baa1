"""pkgharvest: track repository and PyPI metadata for many packages in one SQLite file.

For example::

    import pkgharvest

    with pkgharvest.open("packages.db", create=True) as catalog:
        catalog.add("django/django")
        catalog.fetch(stale="24h")
        print(catalog["django"].repo_watchers)

Public names are loaded when they are first used, so importing the package costs almost nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

PROJECT_URL = "https://github.com/pkgharvest/pkgharvest"
"""Where the project lives; part of the User-Agent of every request."""

if TYPE_CHECKING:
    from pkgharvest.api import Catalog, Package
    from pkgharvest.api import open_catalog as open  # noqa: A004 - as gzip.open and dbm.open
    from pkgharvest.app.fetch import FetchOptions, RunReport
    from pkgharvest.app.packages import AddResult
    from pkgharvest.model.errors import (
        ArchiveError,
        Blocked,
        BudgetSpent,
        CatalogBusy,
        CatalogError,
        Conflict,
        FetchLocked,
        Gone,
        GridLocked,
        InvalidValue,
        LocatorError,
        Malformed,
        NotFound,
        NotRecorded,
        PkgharvestError,
        RateLimited,
        RepositoryTaken,
        SourceError,
        TimedOut,
        Unauthorized,
        Unavailable,
        UnknownCategory,
        UnknownGrid,
        UnknownName,
        UnknownPackage,
    )
    from pkgharvest.model.locators import Locator, parse_locator
    from pkgharvest.model.package import Release
    from pkgharvest.model.search_text import SearchHit

__all__ = [
    "AddResult",
    "ArchiveError",
    "Blocked",
    "BudgetSpent",
    "Catalog",
    "CatalogBusy",
    "CatalogError",
    "Conflict",
    "FetchLocked",
    "FetchOptions",
    "Gone",
    "GridLocked",
    "InvalidValue",
    "Locator",
    "LocatorError",
    "Malformed",
    "NotFound",
    "NotRecorded",
    "Package",
    "PkgharvestError",
    "RateLimited",
    "Release",
    "RepositoryTaken",
    "RunReport",
    "SearchHit",
    "SourceError",
    "TimedOut",
    "Unauthorized",
    "Unavailable",
    "UnknownCategory",
    "UnknownGrid",
    "UnknownName",
    "UnknownPackage",
    "__version__",
    "open",
    "parse_locator",
]

_MODULES = {
    "AddResult": "app.packages",
    "Catalog": "api",
    "FetchOptions": "app.fetch",
    "Locator": "model.locators",
    "Package": "api",
    "Release": "model.package",
    "RunReport": "app.fetch",
    "SearchHit": "model.search_text",
    "open": "api",
    "parse_locator": "model.locators",
}
"""Where the public names are defined; the errors, which are not listed, in ``model.errors``."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_MODULES.get(name, 'model.errors')}")
    return getattr(module, "open_catalog" if name == "open" else name)


def __dir__() -> list[str]:
    return sorted(__all__)
