"""The state of the catalog for a person or a monitor: freshness, failures, quotas and last runs."""

import datetime as dt
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pkgharvest.catalog import database, runs
from pkgharvest.catalog.runs import HostQuota, PastRun
from pkgharvest.catalog.status import CatalogStatus, catalog_status
from pkgharvest.model.instants import format_instant

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

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
        sources = [_to_dict(source, zone) for source in self.catalog.sources]
        return {
            "as_of": format_instant(self.as_of, zone),
            "stale_after": int(self.stale.total_seconds()),
            "packages": totals.packages,
            "never_fetched": totals.never_fetched,
            "stale": totals.stale,
            "failing": totals.failing,
            "backing_off": totals.backing_off,
            **totals.by_status,
            "sources": {source.pop("source"): source for source in sources},
            "failures": [_to_dict(failure, zone) for failure in self.catalog.worst],
            "quota": {
                quota.host: {
                    "remaining": quota.remaining,
                    "reset": None if quota.reset is None else format_instant(quota.reset, zone),
                    "told": format_instant(quota.reported, zone),
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


def _run_dict(run: PastRun, zone: dt.tzinfo | None) -> dict[str, object]:
    counts = None if run.figures is None else dict(run.figures)
    requests = None if counts is None else counts.pop("requests")
    return {
        "started": format_instant(run.started, zone),
        "finished": None if run.finished is None else format_instant(run.finished, zone),
        "state": run.state,
        "stopped": run.stopped,
        "packages": counts,
        "requests": requests,
        "saved": run.saved,
    }


def _to_dict(record: "DataclassInstance", zone: dt.tzinfo | None) -> dict[str, object]:
    """Return the fields of a record in their order, instants as text."""
    return {
        name: format_instant(value, zone) if isinstance(value, dt.datetime) else value
        for name, value in asdict(record).items()
    }
