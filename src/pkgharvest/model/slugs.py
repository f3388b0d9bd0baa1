"""Slugs: the short names by which people call a package."""

import itertools
import re
from collections.abc import Iterator

from pkgharvest.model.locators import Locator

_SLUG = re.compile(r"(?!-)(?![0-9]+\Z)[a-z0-9_-]+")


def slugify(name: str) -> str:
    """Make a slug of a name: ``Django.LTree`` is ``django-ltree``; may be all digits, or "".

    A leading ``-`` goes: on a command line the slug would read as an option.
    """
    return re.sub(r"[^a-z0-9_-]+", "-", name.lower()).lstrip("-")


def slug_candidates(locator: Locator) -> Iterator[str]:
    """Yield slugs for a repository, best first, without end; each is valid, none comes twice.

    The name's; where that is taken or no slug, the owner's and the name's; then with -2, -3, …
    """
    name = slugify(locator.name)
    stem = "-".join(part for part in (slugify(locator.owner), name) if part) or "package"
    yield from filter(is_slug, dict.fromkeys((name, stem)))
    yield from (f"{stem}-{count}" for count in itertools.count(2))


def is_slug(text: str) -> bool:
    """Tell whether a person may give it as a slug: all digits would be taken for an id."""
    return _SLUG.fullmatch(text) is not None
