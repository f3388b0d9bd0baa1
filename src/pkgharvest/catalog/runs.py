"""The runs of ``fetch``: begun, ended, and gone on with where one did not end."""

import datetime as dt
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pkgharvest.catalog.database import fetch_lock
from pkgharvest.catalog.encoding import decode_instant, decode_required_instant, encode_instant
from pkgharvest.model.errors import CatalogError, FetchLocked, Malformed
from pkgharvest.model.json_node import JsonNode, parse_json

_STILL_FRESH = dt.timedelta(hours=12)
"""What an unfinished run fetched longer ago than this is fetched again."""


def begin_run(
    connection: sqlite3.Connection,
    now: dt.datetime,
    *,
    whole: bool,
    continues: int | None,
    partial: bool = False,
) -> int:
    """Note that a run begins; return its id.

    ``whole``: it was asked for every package; ``partial``: and then for so many of them only, or
    for some of their sources.
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
    """Note that a run has ended, why it was stopped, and its report (JSON)."""
    connection.execute(
        "UPDATE runs SET finished = ?, stopped = ?, report = ? WHERE id = ?",
        (encode_instant(now), stopped, report, run_id),
    )


def unfinished_runs(connection: sqlite3.Connection, now: dt.datetime) -> tuple[int, ...]:
    """Return the runs that a run for every package goes on with, newest first.

    The last such run, where it was killed or stopped early lately, or did a part of what another
    had left, and those it went on with itself. Call it while holding the fetch lock: a run at work
    looks like a killed one.
    """
    rows = connection.execute(
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
        (encode_instant(now - _STILL_FRESH),),
    )
    return tuple(int(row[0]) for row in rows)


_REPORTS = 50
"""How many are looked through for quotas: what an older one tells has begun anew long since."""

RunState = Literal["finished", "at_work", "killed", "unfinished"]
"""``unfinished``: the lock cannot be asked, so killed or at work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFigures:
    """What a finished run reported."""

    selected: int
    updated: int
    unchanged: int
    failed: int
    deferred: int
    requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """One run, the newest of which may not be past."""

    id: int
    started: dt.datetime
    finished: dt.datetime | None
    state: RunState
    stopped: str | None
    """Why it was stopped early."""
    figures: RunFigures | None
    """None where it has no report, or one that cannot be read."""
    saved: int | None
    """Of a run without an end: packages of which it has saved something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostQuota:
    """What a host had left when a run ended."""

    host: str
    remaining: int
    reset: dt.datetime | None
    """When that began, or begins, anew."""
    told: dt.datetime
    """When the run ended that tells it."""

    def is_renewed(self, now: dt.datetime) -> bool:
        """Tell whether the quota has begun anew since: then it is full, whatever was left."""
        return self.reset is not None and self.reset <= now


def past_runs(connection: sqlite3.Connection, path: Path, *, limit: int) -> tuple[PastRun, ...]:
    """Return the last runs of the catalogue at ``path``, newest first."""
    rows = _rows(connection, limit)
    if not rows or rows[0]["finished"] is not None:
        return tuple(_run(connection, row, "killed") for row in rows)
    held = _is_held(path)
    suspect = rows[0]["id"]
    # It may have ended, or another have begun, before the lock was looked at.
    rows = _rows(connection, limit)
    newest: RunState
    if held is None:
        newest = "unfinished"
    else:
        begun_since = any(row["id"] > suspect for row in rows)
        newest = "at_work" if held or begun_since else "killed"
    # One run at a time: all but the newest that did not end were killed.
    return tuple(
        _run(connection, row, "killed" if number else newest) for number, row in enumerate(rows)
    )


def _is_held(path: Path) -> bool | None:
    """Tell whether a fetch is at work; None where the lock cannot be asked.

    To ask is to take it for an instant: the operating system has no other question.
    """
    try:
        with fetch_lock(path):
            return False
    except FetchLocked:
        return True
    except CatalogError:
        return None


def quotas(connection: sqlite3.Connection) -> tuple[HostQuota, ...]:
    """Return what each host had left, by the newest report that tells it; by host."""
    found: dict[str, HostQuota] = {}
    reports = connection.execute(
        f"""
        SELECT finished, {_SHORT_REPORT} AS report FROM runs
        WHERE finished IS NOT NULL AND report IS NOT NULL ORDER BY id DESC LIMIT ?
        """,  # noqa: S608 - ours
        (_REPORTS,),
    )
    for finished, report in reports:
        try:
            for quota in _quotas(report, decode_required_instant(finished)):
                found.setdefault(quota.host, quota)
        except Malformed:  # somebody wrote into the catalogue: others may be readable
            continue
    return tuple(found[host] for host in sorted(found))


_SHORT_REPORT = "CASE WHEN json_valid(report) THEN json_remove(report, '$.failures') ELSE '' END"
"""Thousands may have failed, and nobody asks here which."""


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
    return PastRun(
        id=row["id"],
        started=decode_required_instant(row["started"]),
        finished=finished,
        state=unfinished if finished is None else "finished",
        stopped=row["stopped"],
        figures=None if finished is None else _figures(row["report"]),
        saved=_saved(connection, row["id"]) if finished is None else None,
    )


def _saved(connection: sqlite3.Connection, run_id: int) -> int:
    query = "SELECT count(DISTINCT package_id) FROM fetches WHERE run_id = ?"
    return int(connection.execute(query, (run_id,)).fetchone()[0])


def _figures(report: str) -> RunFigures | None:
    try:
        whole = _parsed(report)
        packages = whole["packages"]
        return RunFigures(
            selected=packages["selected"].integer(),
            updated=packages["updated"].integer(),
            unchanged=packages["unchanged"].integer(),
            failed=packages["failed"].integer(),
            deferred=packages["deferred"].integer(),
            requests=whole["requests"]["total"].integer(),
        )
    except Malformed:
        return None


def _quotas(report: str, told: dt.datetime) -> Iterator[HostQuota]:
    for host, traffic in _parsed(report)["requests"]["by_host"].items():
        remaining = traffic.get("remaining")
        reset = traffic.get("reset")
        if remaining is not None:
            yield HostQuota(
                host=host,
                remaining=remaining.integer(),
                reset=None if reset is None else reset.instant(),
                told=told,
            )


def _parsed(report: str) -> JsonNode:
    return parse_json(report.encode(), "report")
