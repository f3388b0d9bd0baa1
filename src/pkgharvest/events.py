"""What happens in a run, and who may listen. The engine is silent unless somebody does."""

import datetime as dt
from dataclasses import dataclass
from typing import Protocol

from pkgharvest.records import Failure, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A run begins."""

    packages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """A request was answered, or failed (``status`` is None)."""

    method: str
    url: str
    status: int | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled:
    """A host makes us wait."""

    host: str
    seconds: float
    until: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """A request failed in passing and is sent again."""

    url: str
    attempt: int
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """One source of one package has its outcome, and the outcome is saved."""

    outcome: Outcome
    changed: bool
    failure: Failure | None
    """What counts as a failure of the run; what is known to be gone fails no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A run ends."""

    stopped: str | None


Event = Started | Requested | Throttled | Retried | Settled | Finished


class Listener(Protocol):
    """Somebody who wants to know."""

    def __call__(self, event: Event, /) -> None:
        """Take note of ``event``; must not raise."""


def nobody(event: Event) -> None:
    """Listen to nothing."""
