"""Recording runs, and which unfinished runs are continued."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from pkgharvest.catalog import database, runs
from tests.support.catalogs import HOUR, NOW


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with database.open_writer(tmp_path / "cat.db", create=True) as connection:
        yield connection


def begin(
    connection: sqlite3.Connection,
    *,
    hours: float = 0,
    whole: bool = True,
    partial: bool = False,
    continues: int | None = None,
) -> int:
    at = NOW + hours * HOUR
    return runs.begin_run(connection, at, whole=whole, partial=partial, continues=continues)


def end(connection: sqlite3.Connection, run_id: int, *, stopped: str | None = None) -> None:
    runs.end_run(connection, run_id, NOW + HOUR, stopped=stopped, report="{}")


def unfinished(connection: sqlite3.Connection, *, hours: float = 1) -> tuple[int, ...]:
    return runs.unfinished_runs(connection, NOW + hours * HOUR)


def test_a_run_is_recorded(connection: sqlite3.Connection) -> None:
    run = begin(connection, continues=begin(connection))
    runs.end_run(connection, run, NOW + HOUR, stopped="quota", report=json.dumps({"bytes": 1}))
    row = dict(connection.execute("SELECT * FROM runs WHERE id = ?", (run,)).fetchone())
    assert row == {
        "id": 2,
        "started": "2026-02-15T18:30:00.000000Z",
        "finished": "2026-02-15T19:30:00.000000Z",
        "whole": 1,
        "partial": 0,
        "continues": 1,
        "stopped": "quota",
        "report": '{"bytes": 1}',
    }


def test_without_runs_there_is_none_to_continue(connection: sqlite3.Connection) -> None:
    assert unfinished(connection) == ()


def test_a_killed_run_is_continued(connection: sqlite3.Connection) -> None:
    run = begin(connection)
    assert unfinished(connection) == (run,)


def test_a_stopped_run_is_continued(connection: sqlite3.Connection) -> None:
    run = begin(connection)
    end(connection, run, stopped="time-budget")
    assert unfinished(connection) == (run,)


def test_a_finished_run_is_not_continued(connection: sqlite3.Connection) -> None:
    end(connection, begin(connection))
    assert unfinished(connection) == ()


def test_a_chain_of_stopped_runs_is_continued(connection: sqlite3.Connection) -> None:
    first = begin(connection)
    end(connection, first, stopped="quota")
    second = begin(connection, hours=1, continues=first)
    third = begin(connection, hours=2, continues=second)
    end(connection, third, stopped="quota")
    assert unfinished(connection, hours=3) == (third, second, first)


def test_a_finished_run_ends_the_chain_of_continued_runs(connection: sqlite3.Connection) -> None:
    first = begin(connection)
    end(connection, first, stopped="quota")
    second = begin(connection, continues=first)
    end(connection, second)
    assert unfinished(connection) == ()
    third = begin(connection)
    assert unfinished(connection) == (third,)


def test_a_run_for_some_packages_is_not_continued(connection: sqlite3.Connection) -> None:
    first = begin(connection)
    begin(connection, whole=False)
    end(connection, begin(connection, whole=False))
    assert unfinished(connection) == (first,)


def test_a_run_older_than_twelve_hours_is_not_continued(connection: sqlite3.Connection) -> None:
    first = begin(connection)
    second = begin(connection, hours=6, continues=first)
    assert unfinished(connection, hours=11.9) == (second, first)
    assert unfinished(connection, hours=12) == (second,)
    assert unfinished(connection, hours=18) == ()


def test_a_partial_run_does_not_end_the_run_it_continues(connection: sqlite3.Connection) -> None:
    first = begin(connection)
    second = begin(connection, continues=first, partial=True)
    end(connection, second)
    assert unfinished(connection) == (second, first)
    end(connection, begin(connection, continues=second))
    assert unfinished(connection) == ()


def test_a_partial_run_that_continues_nothing_is_not_continued(
    connection: sqlite3.Connection,
) -> None:
    end(connection, begin(connection, partial=True))
    assert unfinished(connection) == ()


def test_runs_that_continue_each_other_do_not_loop(connection: sqlite3.Connection) -> None:
    first = begin(connection)
    second = begin(connection, continues=first)
    connection.execute("UPDATE runs SET continues = ? WHERE id = ?", (second, first))
    assert unfinished(connection) == (second, first)


def test_a_run_can_begin_right_after_another_connection_wrote(
    connection: sqlite3.Connection, tmp_path: Path
) -> None:
    """A single statement reads nothing that could be outdated when it writes."""
    asked: list[str] = []
    connection.set_trace_callback(asked.append)
    end(connection, begin(connection), stopped=None)
    assert len(asked) == 2
    assert not connection.in_transaction
    other = sqlite3.connect(tmp_path / "cat.db")
    assert other.execute("SELECT count(*) FROM runs").fetchone()[0] == 1
    other.close()
