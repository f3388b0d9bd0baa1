"""Slugs: the short names of packages in the catalog."""

import itertools
import re
from collections.abc import Iterator

from pkgharvest.model.locators import Locator


def slugify(name: str) -> str:
    """Return a slug for a name; it may be empty or all digits, which no slug may be.

    Leading hyphens are dropped, as the slug would read as an option on a command line.

    >>> slugify("Django.LTree")
    'django-ltree'
    """
    return re.sub(r"[^a-z0-9_-]+", "-", name.lower()).lstrip("-")


def slug_candidates(locator: Locator) -> Iterator[str]:
    """Yield valid, distinct slugs for a repository, best first, without end.

    >>> from pkgharvest.model.locators import parse_locator
    >>> list(itertools.islice(slug_candidates(parse_locator("Owner/Name")), 3))
    ['name', 'owner-name', 'owner-name-2']
    """
    name = slugify(locator.name)
    stem = "-".join(part for part in (slugify(locator.owner), name) if part) or "package"
    yield from filter(is_slug, dict.fromkeys((name, stem)))
    yield from (f"{stem}-{count}" for count in itertools.count(2))


def is_slug(text: str) -> bool:
    """Return whether ``text`` is a valid slug: all digits would be taken for an id.

    >>> is_slug("django-ltree"), is_slug("42"), is_slug("-x")
    (True, False, False)
    """
    return re.fullmatch(r"(?!-)(?![0-9]+\Z)[a-z0-9_-]+", text) is not None
