"""Makes foreign text harmless: nothing in it controls a terminal, hides, or reorders a line.

Descriptions, titles and logins are written by strangers. Which characters are dangerous is decided
here for every format: JSON escapes them (`json_text`), all other formats show them (`sanitize`).
"""

import re

_HIDDEN = (
    "\u007f-\u009f"  # DEL and C1: U+009B alone begins an escape sequence (ECMA-48, 8-bit)
    "\u00ad"  # soft hyphen
    "\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e"
    "\u200b-\u200f"  # zero-width space and joiners, left-to-right and right-to-left marks
    "\u2028\u2029"  # line and paragraph separators
    "\u202a-\u202e"  # bidi embeddings and overrides (Unicode TR 36, "Trojan source")
    "\u2060-\u206f"  # invisible operators, bidi isolates, shaping controls
    "\ud800-\udfff"  # lone surrogates: UTF-8 cannot encode them
    "\ufeff\ufff9-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e007f"  # tags: can spell out entire messages, invisibly
)

# Not compiled here, because `show --json` seldom needs them; `re` caches them on first use.
HIDDEN_CHARACTERS = f"[{_HIDDEN}]"
"""Every control, format and surrogate character except C0, which JSON always escapes."""

_DANGEROUS = f"\r\n|[\x00-\x1f{_HIDDEN}]"
_REPLACEMENTS = {
    **dict.fromkeys("\t\n\v\f\r\x85\u2028\u2029", " "),
    **dict.fromkeys("\u200c\u200d", ""),
}


def sanitize(text: str) -> str:
    r"""Return ``text`` as one line in which every character is visible and inert.

    Line breaks and tabs become spaces; other dangerous characters are shown as escapes. The two
    joiners (U+200C, U+200D) only affect shape and are dropped, so a joined emoji shows as its
    parts.

    >>> print(sanitize("\x1b[31mred\x1b[0m\nuser\u202etxt.exe"))
    \x1b[31mred\x1b[0m user\u202etxt.exe
    """
    return re.sub(_DANGEROUS, _show, text)


def _show(match: re.Match[str]) -> str:
    character = match[0][-1]
    if character in _REPLACEMENTS:
        return _REPLACEMENTS[character]
    if character > "\x7f":
        return character.encode("ascii", "backslashreplace").decode("ascii")
    return f"\\x{ord(character):02x}"
