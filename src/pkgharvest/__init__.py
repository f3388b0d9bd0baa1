"""pkgharvest: the figures of many packages, harvested into one local SQLite file.

The public names are loaded when they are first asked for, so that ``pkgharvest --help``
pays for none of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

PROJECT_URL = "https://github.com/pkgharvest/pkgharvest"
"""Where the project lives; part of the User-Agent of every request."""

if TYPE_CHECKING:
    from pkgharvest.model.errors import PkgharvestError
    from pkgharvest.model.locators import Locator
    from pkgharvest.model.package import Package

__all__ = ["PROJECT_URL", "Locator", "Package", "PkgharvestError", "__version__"]

_HOME = {
    "Locator": "pkgharvest.model.locators",
    "Package": "pkgharvest.model.observations",
    "PkgharvestError": "pkgharvest.model.errors",
}


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
