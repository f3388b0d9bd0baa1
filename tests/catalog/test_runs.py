"""Runs that are begun and ended, and those that another goes on with."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pkgharvest.catalog import database, runs
from tests.support.catalogs import HOUR, NOW

if TYPE_CHECKING:
    from sqlite_utils import Database


@pytest.fixture
def db(tmp_path: Path) -> Iterator["Database"]:
    with database.open_writer(tmp_path / "cat.db", create=True) as db:
        yield db


def begin(
    db: "Database",
    *,
    hours: float = 0,
    whole: bool = True,
    partial: bool = False,
    continues: int | None = None,
) -> int:
    at = NOW + hours * HOUR
    return runs.begin_run(db, at, whole=whole, partial=partial, continues=continues)


def end(db: "Database", run_id: int, *, stopped: str | None = None) -> None:
    runs.end_run(db, run_id, NOW + HOUR, stopped=stopped, report="{}")


def unfinished(db: "Database", *, hours: float = 1) -> tuple[int, ...]:
    return runs.unfinished_runs(db.conn, NOW + hours * HOUR)


def test_a_run_is_written_down(db: "Database") -> None:
    run = begin(db, continues=begin(db))
    runs.end_run(db, run, NOW + HOUR, stopped="quota", report=json.dumps({"bytes": 1}))
    row = db.table("runs").get(run)
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


def test_nothing_to_go_on_with_at_first(db: "Database") -> None:
    assert unfinished(db) == ()


def test_a_killed_run_is_gone_on_with(db: "Database") -> None:
    run = begin(db)
    assert unfinished(db) == (run,)


def test_a_stopped_run_is_gone_on_with(db: "Database") -> None:
    run = begin(db)
    end(db, run, stopped="time-budget")
    assert unfinished(db) == (run,)


def test_a_finished_run_is_not(db: "Database") -> None:
    end(db, begin(db))
    assert unfinished(db) == ()


def test_a_chain_of_stopped_runs_is_all_gone_on_with(db: "Database") -> None:
    first = begin(db)
    end(db, first, stopped="quota")
    second = begin(db, hours=1, continues=first)
    third = begin(db, hours=2, continues=second)
    end(db, third, stopped="quota")
    assert unfinished(db, hours=3) == (third, second, first)


def test_a_finished_run_ends_the_chain(db: "Database") -> None:
    first = begin(db)
    end(db, first, stopped="quota")
    second = begin(db, continues=first)
    end(db, second)
    assert unfinished(db) == ()
    third = begin(db)
    assert unfinished(db) == (third,)


def test_a_run_for_some_packages_is_nothing_to_go_on_with(db: "Database") -> None:
    first = begin(db)
    begin(db, whole=False)
    end(db, begin(db, whole=False))
    assert unfinished(db) == (first,)


def test_what_is_older_than_half_a_day_is_fetched_again(db: "Database") -> None:
    first = begin(db)
    second = begin(db, hours=6, continues=first)
    assert unfinished(db, hours=11.9) == (second, first)
    assert unfinished(db, hours=12) == (second,)
    assert unfinished(db, hours=18) == ()


def test_a_part_of_what_was_left_does_not_end_it(db: "Database") -> None:
    first = begin(db)
    second = begin(db, continues=first, partial=True)
    end(db, second)
    assert unfinished(db) == (second, first)
    end(db, begin(db, continues=second))
    assert unfinished(db) == ()


def test_a_part_that_goes_on_with_nothing_is_done_with(db: "Database") -> None:
    end(db, begin(db, partial=True))
    assert unfinished(db) == ()


def test_a_circle_comes_to_an_end(db: "Database") -> None:
    first = begin(db)
    second = begin(db, continues=first)
    db.conn.execute("UPDATE runs SET continues = ? WHERE id = ?", (second, first))
    assert unfinished(db) == (second, first)


def test_a_run_can_begin_while_somebody_else_has_written(db: "Database", tmp_path: Path) -> None:
    """One statement: nothing is read first that could be out of date by the time of writing."""
    asked: list[str] = []
    db.conn.set_trace_callback(asked.append)
    end(db, begin(db), stopped=None)
    assert len(asked) == 2
    assert not db.conn.in_transaction
    other = sqlite3.connect(tmp_path / "cat.db")
    assert other.execute("SELECT count(*) FROM runs").fetchone()[0] == 1
    other.close()
