"""Every error of pkgharvest, from one root.

An error says what is wrong in one line without a full stop, carries what it is about as data, and
may say what helps: a ``hint`` where that is a fact (``ISO 8601: 2026-02-15``), an ``advice`` where
it is something to do in pkgharvest. Commands, options and exit codes are not known here: each entry
point (the command line, an HTTP server) words fields and advice its own way.

    PkgharvestError
    ├── InvalidValue           a value that cannot be used, and the field it was given for
    │   └── LocatorError       a repository that cannot be understood
    ├── UnknownName            nothing in the catalog has that name
    │   └── UnknownPackage  UnknownCategory  UnknownGrid
    ├── RepositoryTaken        another package has that repository
    ├── GridLocked             the packages of a locked grid do not change
    ├── Conflict               an imported resource clashes with one in the catalog
    ├── CatalogError           the SQLite file: missing, foreign, too new, read-only, full …
    │   └── CatalogBusy        another program is writing to it
    ├── FetchLocked            another fetch is at work on the same catalog
    ├── ArchiveError           a HAR file that cannot be read or written
    ├── BudgetSpent            the run may send no further request
    └── SourceError            a source did not get what it asked for (a result, not an end)
        ├── NotFound  Gone  Blocked  Unauthorized  RateLimited
        └── Unavailable  Malformed  TimedOut  NotRecorded
"""

import datetime as dt
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

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

Remedy = Literal[
    "add_package",
    "choose_catalog",
    "choose_directory",
    "choose_other_catalog",
    "list_categories",
    "list_grids",
    "list_packages",
    "restore_backup",
    "set_title",
    "show_package",
    "unlock_grid",
]
"""What can be done in pkgharvest about an error."""


class Advice(NamedTuple):
    """What helps against an error."""

    remedy: Remedy
    subject: str = ""
    """The slug of the package or grid it concerns."""


class PkgharvestError(Exception):
    """The root. ``message`` is one line for people; ``hint`` and ``advice`` say what helps.

    Every error can be copied and pickled, whatever arguments its class takes.
    """

    def __init__(
        self, message: str, *, hint: str | None = None, advice: Advice | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.advice = advice

    def __reduce__(self) -> tuple[Any, ...]:
        """Restore the attributes instead of calling ``__init__``, whose arguments vary."""
        return _restore, (type(self), self.args), self.__dict__


def _restore(kind: type[PkgharvestError], args: tuple[Any, ...]) -> PkgharvestError:
    return kind.__new__(kind, *args)


class InvalidValue(PkgharvestError):
    """A value that cannot be used.

    ``field`` names what it was given for (``title``, ``documentation_url``), where that is known;
    ``other_field`` what it clashes with. The message repeats neither.
    """

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        other_field: str | None = None,
        hint: str | None = None,
        advice: Advice | None = None,
    ) -> None:
        super().__init__(message, hint=hint, advice=advice)
        self.field = field
        self.other_field = other_field

    def __str__(self) -> str:
        names = " and ".join(filter(None, (self.field, self.other_field)))
        return f"{names}: {self.message}" if names else self.message


class LocatorError(InvalidValue):
    """A repository that cannot be understood. The message never repeats a credential."""


class UnknownName(PkgharvestError):
    """The catalog has nothing called ``name``; ``near`` are slugs that look like it."""

    noun: ClassVar[str]
    remedy: ClassVar[Remedy]

    def __init__(self, name: str, near: tuple[str, ...] = ()) -> None:
        super().__init__(
            f"no {self.noun} {name!r} in the catalog",
            hint=f"did you mean {' or '.join(near)}?" if near else None,
            advice=None if near else Advice(self.remedy),
        )
        self.name = name
        self.near = near


class UnknownPackage(UnknownName):
    """The catalog has no such package."""

    noun = "package"
    remedy = "list_packages"


class UnknownCategory(UnknownName):
    """The catalog has no such category."""

    noun = "category"
    remedy = "list_categories"


class UnknownGrid(UnknownName):
    """The catalog has no such grid."""

    noun = "grid"
    remedy = "list_grids"


class RepositoryTaken(PkgharvestError):
    """A package cannot have the repository ``url``: it is, or was, that of the package ``slug``."""

    def __init__(self, url: str, slug: str) -> None:
        super().__init__(
            f"{url} is the repository of the package {slug}", advice=Advice("show_package", slug)
        )
        self.url = url
        self.slug = slug


class GridLocked(PkgharvestError):
    """The grid ``slug`` is locked: no package goes in or out."""

    def __init__(self, slug: str) -> None:
        super().__init__(
            f"the grid {slug} is locked: its packages stay as they are",
            advice=Advice("unlock_grid", slug),
        )
        self.slug = slug


class Conflict(PkgharvestError):
    """An imported resource clashes with the catalog: its id or slug belongs to another one."""


class CatalogError(PkgharvestError):
    """The catalog's file cannot be used as asked: missing, foreign, too new, read-only, full."""


class CatalogBusy(CatalogError):
    """Another program holds the catalog's file, and did not let go of it in time."""

    def __init__(self, path: Path | None = None) -> None:
        super().__init__(
            f"{path or 'the catalog'} is in use by another program",
            hint="try again when it is done",
        )
        self.path = path


class FetchLocked(PkgharvestError):
    """Another fetch is at work on the same catalog."""


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
