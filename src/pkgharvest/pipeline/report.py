"""The report of a run: what is counted while it runs, and what ``fetch --json`` prints of it."""

import datetime as dt
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Literal

from pkgharvest.catalog.results import SaveResult
from pkgharvest.model.errors import ErrorKind, RateLimited
from pkgharvest.model.instants import format_instant
from pkgharvest.model.observations import FetchOutcome, RepositoryResult, Skipped
from pkgharvest.pipeline.engine import StopReason
from pkgharvest.transport.metrics import MetricsReport

Stopped = StopReason | Literal["quota"]
PackageOutcome = Literal["updated", "unchanged", "failed", "deferred"]

_BY_SEVERITY: tuple[PackageOutcome, ...] = ("unchanged", "updated", "deferred", "failed")
"""A package's outcome is the most severe of its sources' outcomes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFailure:
    """A source of a package that failed."""

    slug: str
    source: str
    error: ErrorKind
    message: str


@dataclass(slots=True, kw_only=True)
class RunCounters:
    """What a run has done so far; the only part of a run that changes."""

    selected: int
    failures: list[SourceFailure] = field(default_factory=list)
    out_of_quota: dict[str, str] = field(default_factory=dict)
    """By host, the last message that says its quota is used up."""
    read_with_git: int = 0
    _packages: dict[int, PackageOutcome] = field(default_factory=dict)
    _downloads_deferred: set[int] = field(default_factory=set)
    """Packages whose downloads were put off: what counts is the outcome of their other sources."""

    @property
    def by_outcome(self) -> Counter[PackageOutcome]:
        """How many packages came to each outcome."""
        deferred: dict[int, PackageOutcome] = dict.fromkeys(self._downloads_deferred, "deferred")
        return Counter({**deferred, **self._packages}.values())

    def count(self, outcome: FetchOutcome, saved: SaveResult) -> None:
        """Count one source of one package."""
        result: PackageOutcome = "updated" if saved.changed else "unchanged"
        match outcome.result:
            # A quota may keep a source from being read wholly or in part.
            case (
                Skipped(host=str(host), message=message)
                | RepositoryResult(problem=RateLimited(host=host, message=message))
            ):
                self.out_of_quota[host] = message
                result = "deferred"
            case Skipped():
                result = "deferred"
        if saved.failure is not None:
            result = "failed"
            self.failures.append(
                SourceFailure(
                    slug=outcome.target.slug,
                    source=outcome.source,
                    error=saved.failure.kind,
                    message=saved.failure.message,
                )
            )
        package_id = outcome.target.package_id
        if result == "deferred" and outcome.source == "downloads":
            self._downloads_deferred.add(package_id)
        else:
            self._packages[package_id] = max(
                self._packages.get(package_id, "unchanged"), result, key=_BY_SEVERITY.index
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """What a finished run did. Counts are packages; a package counts once."""

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
    """Why the run ended early, or None."""
    out_of_quota: tuple[str, ...] = ()
    """A message for each host that answers no more for now."""
    token_advice: tuple[str, ...] = ()
    """How to give a token to those of them that were asked without one."""
    read_with_git: int = 0
    """Remote repositories that were read with git, which no recording holds."""

    def to_dict(self) -> dict[str, object]:
        """Return the object that ``fetch --json`` prints."""
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
                        "requests": metrics.requests,
                        "not_modified": metrics.not_modified,
                        "points": metrics.points,
                        "remaining": metrics.remaining,
                        "reset": None if metrics.reset is None else format_instant(metrics.reset),
                    }
                    for host, metrics in self.traffic.by_host.items()
                },
            },
            "bytes": self.traffic.bytes,
            "failures": [asdict(failure) for failure in self.failures],
            "stopped": self.stopped,
        }
