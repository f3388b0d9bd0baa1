"""Events of a run, for its listeners: a progress display, a log, a test."""

import datetime as dt
from dataclasses import dataclass
from typing import Protocol

from pkgharvest.model.observations import Failure, FetchOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """A run starts."""

    packages: int
    downloads: int = 0
    """Packages whose downloads are read in the background; they are counted separately."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadsQueued:
    """A running run has found more downloads to read."""

    downloads: int
    """How many packages more: their projects were found just now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFinished:
    """A request was answered, or failed (``status`` is None)."""

    method: str
    url: str
    status: int | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestThrottled:
    """A request waits because its host is out of quota or asked for a pause."""

    host: str
    seconds: float
    until: dt.datetime
    used_up: bool = True
    """False if the host asked for a pause although its quota may have some left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaReported:
    """A host reported a quota that differs from its last report."""

    host: str
    """With its port, unless it is the scheme's default."""
    resource: str | None
    """What is counted, by the host's name for it (GitHub: core, graphql); None if it has none."""
    remaining: int
    limit: int | None
    reset: dt.datetime | None
    """When the quota resets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRetried:
    """A request failed temporarily and is sent again."""

    url: str
    attempt: int
    seconds: float
    """How long it waits before that."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFinished:
    """One source of one package was read, and the outcome is saved."""

    outcome: FetchOutcome
    changed: bool
    failure: Failure | None
    """What counts as a failure of the run. A repository known to be gone is not a new failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished:
    """A run ends."""

    stopped: str | None
    """Why it ended early, or None."""


Event = (
    RunStarted
    | DownloadsQueued
    | RequestFinished
    | RequestThrottled
    | QuotaReported
    | RequestRetried
    | SourceFinished
    | RunFinished
)


class Listener(Protocol):
    """Receives the events of a run."""

    def __call__(self, event: Event, /) -> None:
        """Handle ``event``. Must not raise, and must return quickly."""


def ignore_events(event: Event) -> None:
    """Ignore ``event``: the listener for runs without a display."""
