"""The state of the catalog for a person or a monitor: freshness, failures, quotas and last runs."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from pkgharvest.catalog import database, runs
from pkgharvest.catalog.runs import HostQuota, PastRun
from pkgharvest.catalog.status import CatalogStatus, FailingSource, SourceSummary, catalog_status
from pkgharvest.model.instants import format_instant

__all__ = ["HostQuota", "PastRun", "StatusReport", "read_status"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """The state of the catalog at one instant."""

    as_of: dt.datetime
    stale: dt.timedelta
    """A source that last succeeded longer ago than this is stale."""
    catalog: CatalogStatus
    quotas: tuple[HostQuota, ...]
    """By host, as the last run that knew left them."""
    runs: tuple[PastRun, ...]
    """Newest first."""

    def to_dict(self, zone: dt.tzinfo | None = dt.UTC) -> dict[str, object]:
        """Return the object that ``status --json`` prints, with its times in ``zone``."""
        totals = self.catalog.totals
        return {
            "as_of": format_instant(self.as_of, zone),
            "stale_after": int(self.stale.total_seconds()),
            "packages": totals.packages,
            "never_fetched": totals.never_fetched,
            "stale": totals.stale,
            "failing": totals.failing,
            "backing_off": totals.backing_off,
            **totals.by_status,
            "sources": {
                summary.source: _summary_dict(summary, zone) for summary in self.catalog.sources
            },
            "failures": [_failure_dict(failure, zone) for failure in self.catalog.worst],
            "quota": {
                quota.host: {
                    "remaining": quota.remaining,
                    "reset": _format(quota.reset, zone),
                    "told": _format(quota.reported, zone),
                    "renewed": quota.is_renewed(self.as_of),
                }
                for quota in self.quotas
            },
            "runs": [_run_dict(run, zone) for run in self.runs],
        }


def read_status(
    db_path: Path, now: dt.datetime, *, stale: dt.timedelta, max_failures: int, max_runs: int
) -> StatusReport:
    """Return the state of the catalog, with so many failing sources and runs at most.

    Raises CatalogError.
    """
    with database.open_reader(db_path) as connection:
        return StatusReport(
            as_of=now,
            stale=stale,
            catalog=catalog_status(connection, now, older_than=now - stale, worst=max_failures),
            runs=runs.past_runs(connection, db_path, limit=max_runs),
            quotas=runs.quotas(connection),
        )


def _summary_dict(summary: SourceSummary, zone: dt.tzinfo | None) -> dict[str, object]:
    return {
        "packages": summary.packages,
        "never_fetched": summary.never_fetched,
        "stale": summary.stale,
        "failing": summary.failing,
        "backing_off": summary.backing_off,
        "oldest": _format(summary.oldest, zone),
        "median": _format(summary.median, zone),
    }


def _failure_dict(failure: FailingSource, zone: dt.tzinfo | None) -> dict[str, object]:
    return {
        "slug": failure.slug,
        "source": failure.source,
        "error": failure.error,
        "message": failure.message,
        "failures": failure.failures,
        "last_success": _format(failure.last_success, zone),
        "last_attempt": _format(failure.last_attempt, zone),
        "next_due": _format(failure.next_due, zone),
    }


def _run_dict(run: PastRun, zone: dt.tzinfo | None) -> dict[str, object]:
    counts = run.figures
    return {
        "started": _format(run.started, zone),
        "finished": _format(run.finished, zone),
        "state": run.state,
        "stopped": run.stopped,
        "packages": None
        if counts is None
        else {
            "selected": counts.selected,
            "updated": counts.updated,
            "unchanged": counts.unchanged,
            "failed": counts.failed,
            "deferred": counts.deferred,
        },
        "requests": None if counts is None else counts.requests,
        "saved": run.saved,
    }


def _format(moment: dt.datetime | None, zone: dt.tzinfo | None) -> str | None:
    return None if moment is None else format_instant(moment, zone)
