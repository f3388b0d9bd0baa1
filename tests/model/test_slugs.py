"""Slugs: what a person may give, and what is made of a repository's name."""

from itertools import islice

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pkgharvest.model.locators import Locator, parse_locator
from pkgharvest.model.slugs import is_slug, slug_candidates, slugify


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("django-ltree", "django-ltree"),
        ("Django_LTree", "django_ltree"),
        ("zope.interface", "zope-interface"),
        ("a .. b", "a-b"),
        ("a - b", "a---b"),
        (".github", "github"),
        ("--x", "x"),
        ("x.", "x-"),
        ("123", "123"),
        ("caf\u00e9", "caf-"),
        ("\u4e2d\u6587", ""),
        ("-", ""),
        ("", ""),
    ],
)
def test_slugify(name: str, made: str) -> None:
    assert slugify(name) == made


@given(st.text(st.characters()))
@example("-1")
def test_a_slug_is_valid_or_empty_or_digits(name: str) -> None:
    slug = slugify(name)
    assert slug == "" or is_slug(slug) or (slug.isascii() and slug.isdigit())
    assert slugify(slug) == slug


@pytest.mark.parametrize(
    ("repository", "first"),
    [
        ("Owner/Name", ["name", "owner-name", "owner-name-2", "owner-name-3"]),
        ("owner/123", ["owner-123", "owner-123-2"]),
        ("007/123", ["007-123", "007-123-2"]),
        ("owner/-", ["owner", "owner-2"]),
        ("https://h/x.git", ["x", "x-2", "x-3"]),
        ("https://h/123", ["123-2", "123-3"]),
        ("https://gitlab.com/a/b/c", ["c", "b-c", "b-c-2"]),
        ("/srv/\u4e2d", ["srv", "srv-2"]),
        ("/\u4e2d/123", ["123-2", "123-3"]),
        ("/\u4e2d", ["package", "package-2", "package-3"]),
        ("/", ["package", "package-2"]),
    ],
)
def test_slug_candidates_are_tried_in_this_order(repository: str, first: list[str]) -> None:
    assert list(islice(slug_candidates(parse_locator(repository)), len(first))) == first


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3))
def test_slug_candidates_are_valid_and_distinct(parts: list[str]) -> None:
    locator = Locator(scheme="file", host="", path="/" + "/".join(parts))
    some = list(islice(slug_candidates(locator), 6))
    assert all(map(is_slug, some))
    assert len(set(some)) == 6


@pytest.mark.parametrize("text", ["a", "a-b_c", "1a", "_", "a-", "2-2"])
def test_a_valid_slug(text: str) -> None:
    assert is_slug(text)


@pytest.mark.parametrize(
    "text", ["", "A", "-a", "12", "a.b", "a b", "a\n", "\u00e9", "\u0661", "-"]
)
def test_an_invalid_slug(text: str) -> None:
    assert not is_slug(text)
