"""Categories and grids: the collections that packages are sorted into and compared in.

Fields have the names and the order of the Django Packages API v4. Create records with keyword
arguments.
"""

import datetime as dt
from typing import NamedTuple


class Category(NamedTuple):
    """A kind of package, such as apps or frameworks. A package has at most one category."""

    id: int
    title: str
    """Display name, such as "App"."""
    slug: str
    """Unique among categories."""
    description: str
    title_plural: str
    """Display name of several packages of this kind, such as "Apps"."""
    show_pypi: bool
    """Whether packages of this kind are published on PyPI."""
    created: dt.datetime
    modified: dt.datetime
    size: int
    """Number of packages in this category. Not a field of the API."""


class Grid(NamedTuple):
    """Packages to compare with each other. A package may be in several grids."""

    id: int
    title: str
    """Display name."""
    slug: str
    """Unique among grids."""
    description: str
    is_locked: bool
    """Whether its packages must not change."""
    package_ids: tuple[int, ...]
    """Its packages, ordered by title."""
    header: bool
    """Whether a site lists it in its header."""
    created: dt.datetime
    modified: dt.datetime
