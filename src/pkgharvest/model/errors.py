"""Every error of pkgharvest, from one root.

An error owns its wording (one line, no full stop) and may carry a hint: what to do about it.
Exit codes are not known here; the command line maps the classes to them.

    PkgharvestError
    ├── InvalidValue           an option, a setting or an argument that cannot be understood
    │   └── LocatorError       a repository that cannot be understood
    ├── UnknownPackage         nothing in the catalogue answers to that name
    ├── UnknownCategory, UnknownGrid
    ├── RepositoryTaken        another package follows that repository
    ├── GridLocked             which packages a grid compares is not to be changed
    ├── Conflict               what is imported cannot stand beside what is there
    ├── CatalogError           the SQLite file: missing, foreign, too new, read-only, full …
    │   └── CatalogBusy        another program is writing to it
    ├── HarvestLocked          another fetch is at work on the same catalogue
    ├── ArchiveError           a HAR file that cannot be read or written
    ├── BudgetSpent            the run may send no further request
    └── SourceError            a host did not give what it was asked for (a result, not an end)
        ├── NotFound  Gone  Blocked  Unauthorized  RateLimited
        └── Unavailable  Malformed  TimedOut  NotRecorded
"""

import datetime as dt
from pathlib import Path
from typing import ClassVar, Literal

ErrorKind = Literal[
    "not_found",
    "gone",
    "blocked",
    "unauthorized",
    "rate_limited",
    "unavailable",
    "malformed",
    "timeout",
    "not_recorded",
]


class PkgharvestError(Exception):
    """The root: ``message`` is one line for people, ``hint`` says what to do about it."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InvalidValue(PkgharvestError):
    """An option, a setting or an argument that cannot be understood."""


class LocatorError(InvalidValue):
    """A repository that cannot be understood. The message never repeats a credential."""


class UnknownPackage(PkgharvestError):
    """Nothing in the catalogue answers to ``name``; ``near`` are names that look like it."""

    def __init__(self, name: str, near: tuple[str, ...] = ()) -> None:
        hint = f"did you mean {' or '.join(near)}?" if near else "pkgharvest list shows them all"
        super().__init__(f"no package {name!r} in the catalogue", hint=hint)
        self.name = name
        self.near = near


class UnknownCategory(PkgharvestError):
    """The catalogue has no such category; ``near`` are slugs that look like it."""

    def __init__(self, slug: str, near: tuple[str, ...] = ()) -> None:
        super().__init__(f"no category {slug!r} in the catalogue", hint=_other("category", near))


class UnknownGrid(PkgharvestError):
    """The catalogue has no such grid; ``near`` are slugs that look like it."""

    def __init__(self, slug: str, near: tuple[str, ...] = ()) -> None:
        super().__init__(f"no grid {slug!r} in the catalogue", hint=_other("grid", near))


class RepositoryTaken(PkgharvestError):
    """A package cannot follow ``url``: the package ``slug`` does, or did before a rename."""

    def __init__(self, url: str, slug: str) -> None:
        super().__init__(
            f"{url} is the repository of the package {slug}",
            hint=f"pkgharvest show {slug} shows it; one repository is one package",
        )
        self.slug = slug


class GridLocked(PkgharvestError):
    """Which packages a grid compares is not to be changed: it is locked."""

    def __init__(self, slug: str) -> None:
        super().__init__(
            f"the grid {slug} is locked: its packages stay as they are",
            hint=f"pkgharvest grid edit {slug} --unlocked lets them be changed",
        )


def _other(kind: str, near: tuple[str, ...]) -> str:
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"pkgharvest {kind} list shows them all, {kind} add makes one"


class Conflict(PkgharvestError):
    """What is imported cannot stand beside what is there: an id or a slug is another's."""


class CatalogError(PkgharvestError):
    """The catalogue's file cannot be used as asked: missing, foreign, too new, read-only, full."""


class CatalogBusy(CatalogError):
    """Another program holds the catalogue's file, and has not let go of it in time."""

    def __init__(self, path: Path | None = None) -> None:
        super().__init__(
            f"{path or 'the catalogue'} is held by another program",
            hint="try again when it is done",
        )


class FetchLocked(PkgharvestError):
    """Another fetch is at work on the same catalogue."""


class ArchiveError(PkgharvestError):
    """A HAR file that cannot be read or written."""


class SourceError(PkgharvestError):
    """A source did not get what it asked for.

    It costs the fields of that source only; the engine turns it into a ``Failure``.
    """

    kind: ClassVar[ErrorKind] = "unavailable"


class NotFound(SourceError):
    """404: nothing there, or nothing for us to see."""

    kind = "not_found"


class Gone(SourceError):
    """410: it was there, and is no more."""

    kind = "gone"


class Blocked(SourceError):
    """451, or a 403 that carries a ``block``: withheld by the host."""

    kind = "blocked"


class Unauthorized(SourceError):
    """401, or a 403 that asks for more rights: credentials refused or needed."""

    kind = "unauthorized"


class RateLimited(SourceError):
    """The host's quota is used up, or it asks us to slow down; ``reset`` is when it opens again.

    Raised before a request is sent where the quota is known to be empty.
    """

    kind = "rate_limited"

    def __init__(self, host: str, reset: dt.datetime | None, message: str | None = None) -> None:
        until = f" until {reset:%H:%M:%S} UTC" if reset else ""
        super().__init__(message or f"the quota of {host} is used up{until}")
        self.host = host
        self.reset = reset


class Unavailable(SourceError):
    """5xx after all retries, or no connection."""

    kind = "unavailable"


class Malformed(SourceError):
    """An answer that cannot be what was asked for: not JSON, wrong types, too large, a loop."""

    kind = "malformed"


class TimedOut(SourceError):
    """No answer in time."""

    kind = "timeout"


class NotRecorded(SourceError):
    """A replay was asked for something that its archive does not hold."""

    kind = "not_recorded"


class BudgetSpent(PkgharvestError):
    """The run may send no further request; not the fault of any source."""

    def __init__(self) -> None:
        super().__init__("the run's budget of requests is spent")
