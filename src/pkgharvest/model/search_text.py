"""What a search finds, and the words that it looks for.

Words are compared without case and accents, by their beginnings: ``tre`` finds Trees.
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

ItemType = Literal["package", "grid"]

_ASCII_WORD = re.compile("[0-9A-Za-z]+")
_ACCENT = re.compile("[\u0300-\u036f]")


class SearchHit(NamedTuple):
    """A package or a grid that a search found; of a grid there are no figures."""

    item_type: ItemType
    title: str
    slug: str
    description: str
    weight: int
    """How good a hit it is, of 100."""
    category: str = ""
    """The title of its category."""
    stars: int = 0
    forks: int = 0
    downloads: int | None = None
    """Of the last month; None for unknown."""
    score: int = 0
    participants: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    summary: str = ""
    """What PyPI says of it."""
    last_committed: dt.datetime | None = None
    last_released: dt.datetime | None = None


def word_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the words of ``text`` begin and end: letters, digits, and the marks on them."""
    if text.isascii():
        yield from (word.span() for word in _ASCII_WORD.finditer(text))
        return
    begin = None
    for place, one in enumerate(text):
        if one.isalnum() or (begin is not None and unicodedata.category(one).startswith("M")):
            begin = place if begin is None else begin
        elif begin is not None:
            yield begin, place
            begin = None
    if begin is not None:
        yield begin, len(text)


def fold(text: str) -> str:
    """Return ``text`` as it is compared, without case and accents."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFD", text.lower())
    return unicodedata.normalize("NFC", _ACCENT.sub("", apart))


def unique_words(text: str) -> dict[str, str]:
    """Return the words of ``text``, each once: as they are compared, and as they stand there."""
    found: dict[str, str] = {}
    for begin, end in word_spans(text):
        found.setdefault(fold(text[begin:end]), text[begin:end])
    return found


def match_spans(text: str, wanted: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield where words of ``text`` stand that begin with one of ``wanted``, which are folded."""
    beginnings = tuple(wanted)
    for begin, end in word_spans(text):
        if fold(text[begin:end]).startswith(beginnings):
            yield begin, end
