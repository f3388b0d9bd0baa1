"""Categories and grids, field by field: the resources of the Django Packages API v4, key for key.

Nothing heavy is imported here, as in ``fields``.
"""

from pkgharvest.render.fields import Column, Json, Style, instant, link
from pkgharvest.shelf import Category, Grid


def _packages(grid: Grid, style: Style) -> Json:
    return [link(style, "packages", number) for number in grid.package_ids]


CATEGORY: tuple[Column[Category], ...] = (
    Column("id", "local id", lambda c, s: c.id),
    Column("title", "what people call it", lambda c, s: c.title),
    Column("slug", "its name in the catalogue, unique", lambda c, s: c.slug),
    Column("description", "what belongs into it", lambda c, s: c.description),
    Column("title_plural", "what people call several of its kind", lambda c, s: c.title_plural),
    Column("show_pypi", "whether PyPI tells of such packages", lambda c, s: c.show_pypi),
    Column("created", "when it was made", lambda c, s: instant(c.created, s)),
    Column("modified", "when it last changed", lambda c, s: instant(c.modified, s)),
)
"""A category, in the API's order."""

COUNTED: tuple[Column[Category], ...] = (
    *CATEGORY,
    Column("packages", "how many packages are in it", lambda c, s: c.size),
)
"""What ``--fields`` may name of a category."""

GRID: tuple[Column[Grid], ...] = (
    Column("id", "local id", lambda g, s: g.id),
    Column("title", "what people call it", lambda g, s: g.title),
    Column("slug", "its name in the catalogue, unique", lambda g, s: g.slug),
    Column("description", "what it compares", lambda g, s: g.description),
    Column("is_locked", "whether its packages stay as they are", lambda g, s: g.is_locked),
    Column("packages", "links to its packages, by title", _packages),
    Column("header", "whether a site names it at its head", lambda g, s: g.header),
    Column("created", "when it was made", lambda g, s: instant(g.created, s)),
    Column("modified", "when it last changed", lambda g, s: instant(g.modified, s)),
)
"""A grid, in the API's order."""
