"""Foreign text made safe to print: no credential, no control character, one short line."""

import re

_LONGEST = 80
_SCHEME = r"(?:git\+)?(?:https?|ssh|git|file|ftp)://"  # another could be a part of a secret
# Texts whose "@" is no end of userinfo: before a version or a revision, or in a local path.
_NO_USERINFO = (
    rf"(?i:({_SCHEME})?([\w-]+\.)+[\w-]+/[^:@]*@[\w.#=&+-]*"
    r"|pkg:[^:@]*@[^:@]*"
    r"|(git\+)?file:///[^/:][^:]*"
    r"|(/(?!/)|\.\.?/|~/)[^:]*"
    r"|[\w.-]+/[\w.-]+@[\w.+-]*)"
)


def redact(text: str) -> str:
    """Make ``text`` safe to print, on one line of at most 80 characters.

    Userinfo (RFC 3986, section 3.2.1) and query become ``***``, control characters are escaped.
    Where it is unclear what is userinfo, as in ``user:pass/word@host``, more is left out rather
    than less.
    """
    text = text.strip()
    if not re.fullmatch(_NO_USERINFO, text):
        text = re.sub(rf"\A(?i:({_SCHEME})?)[\s\S]*(?=@|%40)", _without_userinfo, text)
    text = re.sub(r"\?[\s\S]*", "?***", text)
    shown = "".join(map(_visible, text[: _LONGEST + 1]))
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"


def _without_userinfo(found: re.Match[str]) -> str:
    # a "?" in what is left out: what follows the "@" may belong to a query, and is cut with it
    return f"{found[1] or ''}***{'?' if '?' in found[0] else ''}"


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode()
