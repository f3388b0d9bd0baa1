"""What happens in a run, and who may listen. The engine is silent unless somebody does."""

import datetime as dt
from dataclasses import dataclass
from typing import Protocol

from pkgharvest.model.observations import Failure, FetchOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """A run begins."""

    packages: int
    downloads: int = 0
    """Packages with downloads due, which are read beside the others and counted apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadsQueued:
    """More has become due in a run that is under way."""

    downloads: int
    """How many packages more; their projects have just been found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFinished:
    """A request was answered, or failed (``status`` is None)."""

    method: str
    url: str
    status: int | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestThrottled:
    """A host makes us wait."""

    host: str
    seconds: float
    until: dt.datetime
    used_up: bool = True
    """False where it asks for a pause while its quota may have some left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaReported:
    """A host says of a quota what it had not said before."""

    host: str
    """With its port where that is not the scheme's own."""
    resource: str | None
    """GitHub's name for what is counted (core, graphql ...); None where the host has no name."""
    remaining: int
    limit: int | None
    reset: dt.datetime | None
    """When it begins anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRetried:
    """A request failed in passing and is sent again."""

    url: str
    attempt: int
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFinished:
    """One source of one package has its outcome, and the outcome is saved."""

    outcome: FetchOutcome
    changed: bool
    failure: Failure | None
    """What counts as a failure of the run; what is known to be gone fails no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished:
    """A run ends."""

    stopped: str | None


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
    """Somebody who wants to know."""

    def __call__(self, event: Event, /) -> None:
        """Take note of ``event``; must not raise."""


def ignore_events(event: Event) -> None:
    """Listen to nothing."""
