"""Translating git's error messages into SourceErrors."""

import re

from pkgharvest.git.process import GitError
from pkgharvest.model.errors import (
    Blocked,
    Gone,
    Malformed,
    NotFound,
    RateLimited,
    SourceError,
    TimedOut,
    Unauthorized,
    Unavailable,
)
from pkgharvest.model.locators import Locator

_MAX_MESSAGE_CHARACTERS = 160
"""Of git's own words in our message."""

_HOST_ERRORS: tuple[tuple[str, type[SourceError], str], ...] = (
    (r"returned error: 410", Gone, "is gone"),
    (r"returned error: 451", Blocked, "is blocked by its host"),
    (  # some web page: it says nothing about the repository
        r"is this a git repository\?",
        Malformed,
        "the host does not answer as a git server",
    ),
    (  # hosts ask for a user name where there is no such repository, as GitHub does
        (
            r"could not read username|terminal prompts disabled|returned error: 404"
            r"|repository +not found|not exported|does not appear to be a git repository"
            r"|could not be found"
        ),
        NotFound,
        "not found, or private",
    ),
    (
        (
            r"authentication failed|permission denied|host key verification failed"
            r"|returned error: 40[13]|could not read password"
        ),
        Unauthorized,
        "access refused",
    ),
    (r"timed out|operation too slow|timeout", TimedOut, "did not answer in time"),
    (r"transport +not allowed", Malformed, "redirects to another protocol"),
    (
        (
            r"could not resolve|unable to look up|failed to connect|unable to connect"
            r"|couldn't connect|connection (refused|reset|closed)|network is unreachable"
            r"|no route to host|returned error: \d+|ssl|tls|certificate|rpc failed"
            r"|early eof|hung up|disconnect|unable to access|could not read from remote repository"
            r"|expected flush|couldn't find remote ref"
        ),
        Unavailable,
        "cannot be reached",
    ),
)
_QUOTED_NAMES = re.compile(r"'[^'\n]*'|\S*/\S*")
"""Names in git's message, which say nothing: a repository may be called ``timeout``."""


def from_host(error: GitError, locator: Locator, *, signed_in: bool = False) -> SourceError | None:
    """Return the error that the host of ``locator`` reported, or None if it is git's own.

    ``signed_in`` tells whether a password was sent. If the host asks for a user name even so, it
    rejected the password.
    """
    if not error.networked:
        return None
    message = _QUOTED_NAMES.sub("", error.stderr)
    if re.search(r"no space left on device|disk quota exceeded", message, re.IGNORECASE):
        return Unavailable(f"no space left for the clone of {locator.url}")
    if re.search(r"returned error: 429", message):
        return RateLimited(locator.host, None)
    if signed_in and re.search(
        r"could not read username|terminal prompts disabled", message, re.IGNORECASE
    ):
        return Unauthorized(f"{locator.url}: the password in your netrc is rejected")
    for pattern, kind, summary in _HOST_ERRORS:
        if re.search(pattern, message, re.IGNORECASE):
            return kind(f"{locator.url}: {summary} ({error_line(error)})")
    return None


def from_disk(error: GitError, locator: Locator) -> SourceError:
    """Return what is wrong with the repository of ``locator`` on this machine."""
    if re.search(r"dubious ownership|unsafe repository", error.stderr, re.IGNORECASE):
        return Unavailable(
            f"git does not trust {locator.path}: another user owns it",
            hint=f"git config --global --add safe.directory {locator.path}",
        )
    if re.search(r"not a git repository", error.stderr, re.IGNORECASE):
        return NotFound(f"{locator.path} is not a git repository")
    return Malformed(f"{locator.url}: git cannot read it ({error_line(error)})")


def error_line(error: GitError) -> str:
    """Return the last fatal line of git's message: printable, and without credentials."""
    lines = [line.strip() for line in error.stderr.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith("fatal:")]
    line = (fatal or lines or [f"git exited with {error.code}"])[-1].removeprefix("fatal:").strip()
    line = re.sub(r"//[^/\s@]*@", "//***@", line)
    line = "".join(character if character.isprintable() else "?" for character in line)
    return (
        line if len(line) <= _MAX_MESSAGE_CHARACTERS else f"{line[: _MAX_MESSAGE_CHARACTERS - 1]}…"
    )
