"""Foreign text on its way to a terminal: nothing in it acts, hides or reorders."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkgharvest.formats.sanitize import HIDDEN_CHARACTERS, sanitize

ANYTHING = st.text(st.characters())
"""Every code point, lone surrogates included."""


@given(ANYTHING)
def test_sanitized_text_has_no_dangerous_character(text: str) -> None:
    left = {unicodedata.category(character) for character in sanitize(text)}
    assert not left & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(ANYTHING)
def test_sanitizing_twice_changes_nothing(text: str) -> None:
    assert sanitize(sanitize(text)) == sanitize(text)


@given(st.text(st.characters(categories=("L", "M", "N", "P", "S", "Zs"))))
def test_sanitizing_keeps_harmless_text(text: str) -> None:
    assert sanitize(text) == text


def test_every_control_and_format_character_of_unicode_is_sanitized() -> None:
    missed = [
        f"U+{number:04X}"
        for number in range(0x20, 0x110000)
        if unicodedata.category(chr(number)) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
        and not re.fullmatch(HIDDEN_CHARACTERS, chr(number))
    ]
    assert missed == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x1b]8;;http://evil\x07click", r"\x1b]8;;http://evil\x07click"),
        ("\x9b2J", r"\x9b2J"),
        ("nul\x00del\x7f", r"nul\x00del\x7f"),
        ("one\r\ntwo\nthree\tfour\rfive", "one two three four five"),
        ("user\u202etxt.exe", r"user\u202etxt.exe"),
        ("half \ud83d", r"half \ud83d"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("\N{WOMAN}\u200d\N{PERSONAL COMPUTER}", "\N{WOMAN}\N{PERSONAL COMPUTER}"),
        ("zero\u200bwidth \ufeff", r"zero\u200bwidth \ufeff"),
        ("[red]x[/] :gear: café — ✓", "[red]x[/] :gear: café — ✓"),
    ],
)
def test_sanitized_text_shows_escapes(text: str, shown: str) -> None:
    assert sanitize(text) == shown
