"""What git complains about, told as the errors of a source."""

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

_LONGEST = 160  # characters of a complaint that are repeated

_SAYINGS: tuple[tuple[str, type[SourceError], str], ...] = (
    (r"returned error: 410", Gone, "is gone"),
    (r"returned error: 451", Blocked, "is blocked by its host"),
    (  # a page, of whatever: it says nothing about the repository
        r"is this a git repository\?",
        Malformed,
        "its host answers, but not as git does",
    ),
    (  # a host that asks for a name may do so for what does not exist, as GitHub does
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
    (r"transport +not allowed", Malformed, "sends us on to another protocol"),
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
_NAMES = re.compile(r"'[^'\n]*'|\S*/\S*")
"""What a complaint quotes: a repository may be called ``timeout``."""

_ASKED_AGAIN = re.compile(r"could not read username|terminal prompts disabled", re.IGNORECASE)
_RATE_LIMITED = re.compile(r"returned error: 429")
_FULL = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)
_DUBIOUS = re.compile(r"dubious ownership|unsafe repository", re.IGNORECASE)
_NO_REPOSITORY = re.compile(r"not a git repository", re.IGNORECASE)


def from_host(error: GitError, locator: Locator, *, signed_in: bool = False) -> SourceError | None:
    """Say what the host of ``locator`` answered; None where it is not the host that complains.

    ``signed_in`` says whether a password was sent: a host that then asks for a name refused it.
    """
    if not error.networked:
        return None
    said = _NAMES.sub("", error.stderr)
    if _FULL.search(said):
        return Unavailable(f"no space left for the clone of {locator.url}")
    if _RATE_LIMITED.search(said):
        return RateLimited(locator.host, None)
    if signed_in and _ASKED_AGAIN.search(said):
        return Unauthorized(f"{locator.url}: the password in your netrc is refused")
    for pattern, kind, words in _SAYINGS:
        if re.search(pattern, said, re.IGNORECASE):
            return kind(f"{locator.url}: {words} ({complaint(error)})")
    return None


def from_disk(error: GitError, locator: Locator) -> SourceError:
    """Say what is wrong with the repository of ``locator`` as it is on this machine."""
    if _DUBIOUS.search(error.stderr):
        return Unavailable(
            f"git does not trust {locator.path}: it belongs to somebody else",
            hint=f"git config --global --add safe.directory {locator.path}",
        )
    if _NO_REPOSITORY.search(error.stderr):
        return NotFound(f"{locator.path} is not a git repository")
    return Malformed(f"{locator.url}: git cannot read it ({complaint(error)})")


def complaint(error: GitError) -> str:
    """Return the last fatal line of a complaint, on one line, without credentials."""
    lines = [line.strip() for line in error.stderr.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith("fatal:")]
    line = (fatal or lines or [f"git ended with {error.code}"])[-1].removeprefix("fatal:").strip()
    line = re.sub(r"//[^/\s@]*@", "//***@", line)
    line = "".join(character if character.isprintable() else "?" for character in line)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
