"""Search hits, and how words are compared.

Words are compared without case and accents, by their beginnings: ``tre`` matches "Trees". The
search itself is in `catalog.search`.
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

ItemType = Literal["package", "grid"]

_ASCII_WORD = re.compile("[0-9A-Za-z]+")


class SearchHit(NamedTuple):
    """A package or a grid that matches a search. For a grid, the fields with defaults keep them."""

    item_type: ItemType
    title: str
    slug: str
    description: str
    weight: int
    """How well it matches, from 0 to 100."""
    category: str = ""
    """Title of its category; "" if it has none."""
    stars: int = 0
    forks: int = 0
    downloads: int | None = None
    """Downloads in the last 30 days; None if unknown."""
    score: int = 0
    participants: tuple[str, ...] = ()
    """Contributors, most commits first."""
    topics: tuple[str, ...] = ()
    summary: str = ""
    """Summary of its project on PyPI; "" if there is none."""
    last_committed: dt.datetime | None = None
    """Committer date of the newest commit; None if unknown."""
    last_released: dt.datetime | None = None
    """Upload of the latest version; None if unknown."""


def word_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each word: letters and digits, and the marks that follow them.

    >>> list(word_spans("django-ltree 2"))
    [(0, 6), (7, 12), (13, 14)]
    """
    if text.isascii():
        yield from (word.span() for word in _ASCII_WORD.finditer(text))
        return
    start = None
    for index, character in enumerate(text):
        is_mark = start is not None and unicodedata.category(character).startswith("M")
        if character.isalnum() or is_mark:
            start = index if start is None else start
        elif start is not None:
            yield start, index
            start = None
    if start is not None:
        yield start, len(text)


def fold(text: str) -> str:
    """Remove case and accents.

    >>> fold("Écrit À Zürich")
    'ecrit a zurich'
    """
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFD", text.lower())
    return unicodedata.normalize("NFC", re.sub("[\u0300-\u036f]", "", decomposed))


def unique_words(text: str) -> dict[str, str]:
    """Return the words of ``text``, each once: folded, and as first written.

    >>> unique_words("Trees and trees, ÉTÉ")
    {'trees': 'Trees', 'and': 'and', 'ete': 'ÉTÉ'}
    """
    words: dict[str, str] = {}
    for start, end in word_spans(text):
        words.setdefault(fold(text[start:end]), text[start:end])
    return words


def match_spans(text: str, wanted: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each word that begins with one of ``wanted``, which are folded.

    >>> list(match_spans("Trees for Django", ["tre", "jango"]))
    [(0, 5)]
    """
    beginnings = tuple(wanted)
    for start, end in word_spans(text):
        if fold(text[start:end]).startswith(beginnings):
            yield start, end
