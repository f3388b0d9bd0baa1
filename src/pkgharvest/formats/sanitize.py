"""Foreign text made harmless: nothing in it acts on a terminal, hides, or reorders a line.

Descriptions, titles and logins are written by strangers. What is dangerous is decided here,
once, for every format: JSON escapes it (``document``), all others show it (``clean``).
"""

import re

_HIDDEN = (
    "\u007f-\u009f"  # DEL and C1: U+009B alone begins an escape sequence (ECMA-48, 8-bit)
    "\u00ad"  # soft hyphen
    "\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e"
    "\u200b-\u200f"  # zero-width space and joiners, left-to-right and right-to-left marks
    "\u2028\u2029"  # line and paragraph separator
    "\u202a-\u202e"  # bidi embeddings and overrides (Unicode TR 36, "Trojan source")
    "\u2060-\u206f"  # invisible operators, bidi isolates, shaping controls
    "\ud800-\udfff"  # lone surrogates: no encoding holds them
    "\ufeff\ufff9-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e007f"  # tags: whole messages that nobody sees
)

HIDDEN_CHARACTERS = re.compile(f"[{_HIDDEN}]")
"""Every control, format and surrogate character but C0, which JSON escapes by itself."""

_DANGEROUS = f"\r\n|[\x00-\x1f{_HIDDEN}]"
"""Not compiled here: re does it once, when something is to be cleaned."""
_SPACES = frozenset("\t\n\v\f\r\x85\u2028\u2029")
_JOINERS = frozenset("\u200c\u200d")


def sanitize(text: str) -> str:
    r"""Return ``text`` as one line in which every character is seen and does nothing.

    Line breaks and tabs become spaces; what else is dangerous shows as its escape: ``\x1b``,
    ``\u202e``. The two joiners (U+200C, U+200D) carry shape and no content, so they go without
    a trace: an emoji that is joined of two shows as these two.
    """
    return re.sub(_DANGEROUS, _visible, text)


def _visible(found: re.Match[str]) -> str:
    character = found[0][-1]
    if character in _SPACES:
        return " "
    if character in _JOINERS:
        return ""
    return (
        character.encode("ascii", "backslashreplace").decode("ascii")
        if (character > "\x7f")
        else f"\\x{ord(character):02x}"
    )
