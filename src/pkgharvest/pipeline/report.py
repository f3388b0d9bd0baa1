"""The record of a run, as ``fetch --json`` prints it and the catalogue keeps it."""

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from pkgharvest.catalog.results import SaveResult
from pkgharvest.model.errors import ErrorKind, RateLimited
from pkgharvest.model.instants import format_instant
from pkgharvest.model.observations import FetchOutcome, RepositoryResult, Skipped
from pkgharvest.pipeline.engine import StopReason
from pkgharvest.transport.metrics import MetricsReport

Stopped = StopReason | Literal["quota"]
Verdict = Literal["updated", "unchanged", "failed", "deferred"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFailure:
    """A source of a package that failed."""

    slug: str
    source: str
    error: ErrorKind
    message: str


_GRAVITY: tuple[Verdict, ...] = ("unchanged", "updated", "deferred", "failed")
"""What became of a package is the gravest of what became of its sources."""


@dataclass(slots=True, kw_only=True)
class RunCounters:
    """What a run has come to so far; the only thing of a run that changes."""

    selected: int
    failures: list[SourceFailure] = field(default_factory=list)
    out_of_quota: dict[str, str] = field(default_factory=dict)
    """By host, in words, that it would answer no more; the last word on each counts."""
    read_with_git: int = 0
    _verdicts: dict[int, Verdict] = field(default_factory=dict)
    """By package, whose sources may come one after another."""
    _beside: set[int] = field(default_factory=set)
    """Packages whose downloads were held up: what became of all else is what counts."""

    @property
    def verdicts(self) -> Counter[Verdict]:
        """Packages by what became of them."""
        held_up: dict[int, Verdict] = dict.fromkeys(self._beside, "deferred")
        return Counter({**held_up, **self._verdicts}.values())

    def count(self, outcome: FetchOutcome, saved: SaveResult) -> None:
        """Count what became of a source of a package."""
        verdict: Verdict = "updated" if saved.changed else "unchanged"
        refusal = exhausted_quota(outcome)
        if refusal is not None:
            host, words = refusal
            self.out_of_quota[host] = words
        if refusal is not None or isinstance(outcome.result, Skipped):
            verdict = "deferred"
        if saved.failure is not None:
            verdict = "failed"
            self.failures.append(
                SourceFailure(
                    slug=outcome.target.slug,
                    source=outcome.source,
                    error=saved.failure.kind,
                    message=saved.failure.message,
                )
            )
        package_id = outcome.target.package_id
        if verdict == "deferred" and outcome.source == "downloads":
            self._beside.add(package_id)
        else:
            before = self._verdicts.get(package_id, "unchanged")
            self._verdicts[package_id] = max(before, verdict, key=_GRAVITY.index)


def exhausted_quota(outcome: FetchOutcome) -> tuple[str, str] | None:
    """Return the host whose quota kept a source from being read, wholly or in part, and its words.

    None where no quota did.
    """
    match outcome.result:
        case Skipped(host=str(host), message=words):
            return host, words
        case RepositoryResult(problem=RateLimited(host=host, message=words)):
            return host, words
        case _:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """What a run did, when it is over."""

    started: dt.datetime
    finished: dt.datetime
    selected: int
    updated: int
    unchanged: int
    failed: int
    deferred: int
    traffic: MetricsReport
    failures: tuple[SourceFailure, ...]
    stopped: Stopped | None
    out_of_quota: tuple[str, ...] = ()
    """Hosts that would answer no more, and until when, in words."""
    wants_token: bool = False
    """GitHub is one of them, and was asked without a token."""
    read_with_git: int = 0
    """Repositories elsewhere that were asked for with git, of which no recording tells."""

    def as_json(self) -> dict[str, object]:
        """Return the object that ``fetch --json`` prints (contract, section 8)."""
        return {
            "started": format_instant(self.started),
            "finished": format_instant(self.finished),
            "packages": {
                "selected": self.selected,
                "updated": self.updated,
                "unchanged": self.unchanged,
                "failed": self.failed,
                "deferred": self.deferred,
            },
            "requests": {
                "total": self.traffic.requests,
                "by_host": {
                    host: {
                        "requests": one.requests,
                        "not_modified": one.not_modified,
                        "points": one.points,
                        "remaining": one.remaining,
                        "reset": None if one.reset is None else format_instant(one.reset),
                    }
                    for host, one in self.traffic.by_host.items()
                },
            },
            "bytes": self.traffic.bytes,
            "failures": [
                {
                    "slug": failure.slug,
                    "source": failure.source,
                    "error": failure.error,
                    "message": failure.message,
                }
                for failure in self.failures
            ],
            "stopped": self.stopped,
        }
