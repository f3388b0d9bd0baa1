"""The runs of ``fetch``: begun, ended, and gone on with where one did not end."""

import datetime as dt
import sqlite3

from pkgharvest.catalog.encoding import encode_instant

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
