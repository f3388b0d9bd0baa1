"""Makes other people's text safe to print: one short line without credentials."""

import re

_MAX_CHARACTERS = 80
_SCHEME = r"(?:git\+)?(?:https?|ssh|git|file|ftp)://"  # any other may be part of a secret
# Texts whose "@" does not end userinfo: it precedes a version or a revision, or is in a local path.
_NO_USERINFO = (
    rf"(?i:({_SCHEME})?([\w-]+\.)+[\w-]+/[^:@]*@[\w.#=&+-]*"
    r"|pkg:[^:@]*@[^:@]*"
    r"|(git\+)?file:///[^/:][^:]*"
    r"|(/(?!/)|\.\.?/|~/)[^:]*"
    r"|[\w.-]+/[\w.-]+@[\w.+-]*)"
)


def redact(text: str) -> str:
    """Return ``text`` on one line of at most 80 characters, without credentials.

    Userinfo (RFC 3986, section 3.2.1) and query become ``***``, control characters are escaped.
    Where userinfo ends is not always clear, as in ``user:pass/word@host``. Then too much is
    masked rather than too little.

    >>> redact("https://me:secret@git.example.org/tool?key=secret")
    'https://***@git.example.org/tool?***'
    """
    text = text.strip()
    if not re.fullmatch(_NO_USERINFO, text):
        text = re.sub(rf"\A(?i:({_SCHEME})?)[\s\S]*(?=@|%40)", _mask_userinfo, text)
    text = re.sub(r"\?[\s\S]*", "?***", text)
    shown = "".join(map(_escape, text[: _MAX_CHARACTERS + 1]))
    return shown if len(shown) <= _MAX_CHARACTERS else f"{shown[: _MAX_CHARACTERS - 1]}…"


def _mask_userinfo(match: re.Match[str]) -> str:
    # After a "?" in the masked part, the rest may belong to a query: keep the "?", so that it goes.
    return f"{match[1] or ''}***{'?' if '?' in match[0] else ''}"


def _escape(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()
