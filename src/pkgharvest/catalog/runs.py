"""The runs of ``fetch``: beginning and ending them, continuing unfinished ones, and past reports.

A run for every package can be killed or stopped early. The next such run continues it: it leaves
out the packages that the earlier one has done. Which run to continue follows from three rules.

- Only the last run for every package counts. If it finished, nothing is left to continue, whatever
  came before it. Runs for some packages neither continue nor replace it.
- A run may have continued another one, which in turn may have continued a third. What each of
  them has done is done, so all of them are left out.
- ``fetch --limit`` and the like do a part of what was left, and finish. Such a ``partial`` run
  does not end what it continued. One that continued nothing is simply done.

After twelve hours a package is due again anyway, so older runs are not continued. A run without an
end was killed, or is at work right now: only the fetch lock knows which.
"""

import datetime as dt
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pkgharvest.catalog.columns import decode_instant, decode_required_instant, encode_instant
from pkgharvest.catalog.database import fetch_lock, find_value, find_values
from pkgharvest.model.errors import CatalogError, FetchLocked, Malformed
from pkgharvest.model.json_node import parse_json

_MAX_RUN_AGE = dt.timedelta(hours=12)
"""Runs that began earlier are not continued."""


def begin_run(
    connection: sqlite3.Connection,
    now: dt.datetime,
    *,
    whole: bool,
    continues: int | None,
    partial: bool = False,
) -> int:
    """Record the beginning of a run; return its id.

    ``whole``: the run is for every package. ``partial``: of those it fetches a limited number, or
    some sources only. ``continues``: the unfinished run that it continues.
    """
    cursor = connection.execute(
        "INSERT INTO runs (started, whole, partial, continues) VALUES (?, ?, ?, ?)",
        (encode_instant(now), int(whole), int(partial), continues),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def end_run(
    connection: sqlite3.Connection,
    run_id: int,
    now: dt.datetime,
    *,
    stopped: str | None,
    report: str,
) -> None:
    """Record the end of a run, why it was stopped early, and its report as JSON."""
    connection.execute(
        "UPDATE runs SET finished = ?, stopped = ?, report = ? WHERE id = ?",
        (encode_instant(now), stopped, report, run_id),
    )


def unfinished_runs(connection: sqlite3.Connection, now: dt.datetime) -> tuple[int, ...]:
    """Return the ids of the runs that a run for every package continues, newest first.

    See the top of this module for the rules. Call while holding the fetch lock, because a run at
    work looks like a killed one.
    """
    found = find_values(
        connection,
        """
        WITH RECURSIVE chain (id, continues, started, depth) AS (
            SELECT * FROM (
                SELECT id, continues, started, 0 FROM runs
                WHERE whole AND id = (SELECT max(id) FROM runs WHERE whole)
                      AND (finished IS NULL OR stopped IS NOT NULL
                           OR partial AND continues IS NOT NULL)
            )
            UNION ALL
            SELECT runs.id, runs.continues, runs.started, depth + 1
            FROM runs JOIN chain ON runs.id = chain.continues AND runs.id < chain.id
        )
        SELECT id FROM chain WHERE started > ? ORDER BY depth
        """,
        encode_instant(now - _MAX_RUN_AGE),
    )
    return tuple(found)


_MAX_REPORTS = 50
"""Reports to search for rate limits; those in older ones have reset long since."""

RunState = Literal["finished", "at_work", "killed", "unfinished"]
"""``unfinished``: killed or at work, as the fetch lock cannot be tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """One run; the newest may still be at work."""

    id: int
    started: dt.datetime
    finished: dt.datetime | None
    state: RunState
    stopped: str | None
    """Why the run was stopped early."""
    figures: Mapping[str, int] | None
    """The numbers of packages, and of ``requests``, in its report; None if it cannot be read."""
    saved: int | None
    """For a run without an end: the number of packages it has saved something of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostQuota:
    """A host's rate limit when a run ended."""

    host: str
    remaining: int
    reset: dt.datetime | None
    """When it resets, or has reset."""
    reported: dt.datetime
    """When the run ended."""

    def is_renewed(self, now: dt.datetime) -> bool:
        """Tell whether the limit has reset since, so that all requests are available again."""
        return self.reset is not None and self.reset <= now


def past_runs(connection: sqlite3.Connection, path: Path, *, limit: int) -> tuple[PastRun, ...]:
    """Return the last runs of the catalog at ``path``, newest first."""
    rows = _rows(connection, limit)
    if not rows or rows[0]["finished"] is not None:
        return tuple(_run(connection, row, "killed") for row in rows)
    held = _is_locked(path)
    unfinished_id = rows[0]["id"]
    # The run may have ended, and another one begun, before the lock was tried.
    rows = _rows(connection, limit)
    newest: RunState = "unfinished"
    if held is not None:
        has_newer = any(row["id"] > unfinished_id for row in rows)
        newest = "at_work" if held or has_newer else "killed"
    # Only one run is at work at a time, so every older one without an end was killed.
    return tuple(
        _run(connection, row, "killed" if number else newest) for number, row in enumerate(rows)
    )


def _is_locked(path: Path) -> bool | None:
    """Tell whether a fetch is at work; None if the lock cannot be tried.

    The only way to know is to take the lock for an instant.
    """
    try:
        with fetch_lock(path):
            return False
    except FetchLocked:
        return True
    except CatalogError:
        return None


def quotas(connection: sqlite3.Connection) -> tuple[HostQuota, ...]:
    """Return the rate limit of each host from the newest report that has it, sorted by host."""
    newest: dict[str, HostQuota] = {}
    reports = connection.execute(
        f"""
        SELECT finished, {_SHORT_REPORT} AS report FROM runs
        WHERE finished IS NOT NULL AND report IS NOT NULL ORDER BY id DESC LIMIT ?
        """,  # noqa: S608 - ours
        (_MAX_REPORTS,),
    )
    for finished, report in reports:
        try:
            for quota in _quotas(report, decode_required_instant(finished)):
                newest.setdefault(quota.host, quota)
        except Malformed:  # another program wrote it; other reports may be readable
            continue
    return tuple(newest[host] for host in sorted(newest))


_SHORT_REPORT = "CASE WHEN json_valid(report) THEN json_remove(report, '$.failures') ELSE '' END"
"""Reports without their failures, which may be thousands."""


def _rows(connection: sqlite3.Connection, limit: int) -> list[sqlite3.Row]:
    return connection.execute(
        f"""
        SELECT id, started, finished, stopped, {_SHORT_REPORT} AS report FROM runs
        ORDER BY id DESC LIMIT ?
        """,  # noqa: S608
        (limit,),
    ).fetchall()


def _run(connection: sqlite3.Connection, row: sqlite3.Row, unfinished: RunState) -> PastRun:
    finished = decode_instant(row["finished"])
    saved = "SELECT count(DISTINCT package_id) FROM fetches WHERE run_id = ?"
    return PastRun(
        id=row["id"],
        started=decode_required_instant(row["started"]),
        finished=finished,
        state=unfinished if finished is None else "finished",
        stopped=row["stopped"],
        figures=None if finished is None else _figures(row["report"]),
        saved=find_value(connection, saved, row["id"]) if finished is None else None,
    )


def _figures(report: str) -> dict[str, int] | None:
    names = ("selected", "updated", "unchanged", "failed", "deferred")
    try:
        node = parse_json(report.encode(), "report")
        figures = {name: node["packages"][name].integer() for name in names}
        return figures | {"requests": node["requests"]["total"].integer()}
    except Malformed:
        return None


def _quotas(report: str, reported: dt.datetime) -> Iterator[HostQuota]:
    for host, metrics in parse_json(report.encode(), "report")["requests"]["by_host"].items():
        remaining = metrics.get("remaining")
        reset = metrics.get("reset")
        if remaining is not None:
            yield HostQuota(
                host=host,
                remaining=remaining.integer(),
                reset=None if reset is None else reset.instant(),
                reported=reported,
            )
