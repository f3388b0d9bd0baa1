"""A category or a grid as it is shown: what packages are sorted into, and compared in.

Their fields are those of the Django Packages API v4, in its order; give them by name.
"""

import datetime as dt
from typing import NamedTuple


class Category(NamedTuple):
    """What kind of thing a package is: each has one category at most."""

    id: int
    title: str
    slug: str
    description: str
    title_plural: str
    show_pypi: bool
    created: dt.datetime
    modified: dt.datetime
    size: int
    """How many packages are of this category; no field of the API."""


class Grid(NamedTuple):
    """Packages that are compared: each may be in several grids."""

    id: int
    title: str
    slug: str
    description: str
    is_locked: bool
    """Which packages it compares is not to be changed."""
    package_ids: tuple[int, ...]
    """By title."""
    header: bool
    """It is among those that a site names at its head."""
    created: dt.datetime
    modified: dt.datetime
