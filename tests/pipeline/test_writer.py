"""The transactions of a run, while another program holds the catalog."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pkgharvest.catalog import database
from pkgharvest.model.errors import CatalogBusy
from pkgharvest.pipeline.engine import StopSignal
from pkgharvest.pipeline.writer import Writer
from tests.support.catalogs import OpenCatalog, make_catalog, open_catalog


@pytest.fixture
def cat(tmp_path: Path) -> Iterator[OpenCatalog]:
    with open_catalog(make_catalog(tmp_path / "cat.db")) as cat:
        yield cat


@pytest.fixture
def other(cat: OpenCatalog, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Another program, which is writing."""
    with contextlib.closing(sqlite3.connect(tmp_path / "cat.db", isolation_level=None)) as conn:
        conn.execute("BEGIN IMMEDIATE")
        yield conn


def rename(cat: OpenCatalog) -> str:
    cat.connection.execute("UPDATE packages SET title = title || '+'")
    return cat.package().title


def test_a_free_catalog_is_written_at_once(cat: OpenCatalog) -> None:
    async def run() -> None:
        saving = Writer(cat.connection, StopSignal())
        assert await saving.save(lambda: rename(cat)) == "cat+"
        assert not cat.connection.in_transaction

    asyncio.run(run())


def test_others_go_on_while_a_save_waits_and_it_is_made_once(
    cat: OpenCatalog, other: sqlite3.Connection
) -> None:
    async def run() -> None:
        saving = asyncio.create_task(Writer(cat.connection, StopSignal()).save(lambda: rename(cat)))
        for _ in range(50):
            await asyncio.sleep(0.005)
        assert not saving.done()
        other.execute("COMMIT")
        assert await saving == "cat+"

    asyncio.run(run())
    assert cat.package().title == "cat+"


def test_patience_has_an_end(
    cat: OpenCatalog, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.3)

    async def run() -> None:
        saving = Writer(cat.connection, StopSignal())
        for _ in range(2):  # each save has all of it, as each had before
            began = time.monotonic()
            with pytest.raises(CatalogBusy):
                await saving.save(lambda: rename(cat))
            assert 0.3 <= time.monotonic() - began < 1
        other.execute("COMMIT")
        assert await saving.save(lambda: rename(cat)) == "cat+"

    asyncio.run(run())


def test_a_run_that_is_stopped_gives_up_what_it_cannot_save(
    cat: OpenCatalog, other: sqlite3.Connection
) -> None:
    async def run() -> None:
        stop = StopSignal()
        saving = Writer(cat.connection, stop)
        waiting = asyncio.create_task(saving.save(lambda: rename(cat)))
        await asyncio.sleep(0.2)
        began = time.monotonic()
        stop.stop("interrupted")
        assert await waiting is None
        for _ in range(200):  # what was done before, and waits its turn
            assert await saving.save(lambda: rename(cat)) is None
        assert time.monotonic() - began < 1
        other.execute("COMMIT")
        assert await saving.save(lambda: rename(cat)) == "cat+"

    asyncio.run(run())


def test_a_run_that_is_stopped_still_saves_what_it_can(
    cat: OpenCatalog, other: sqlite3.Connection
) -> None:
    async def run() -> None:
        stop = StopSignal()
        stop.stop("time-budget")
        asyncio.get_running_loop().call_later(0.2, other.execute, "COMMIT")
        assert await Writer(cat.connection, stop).save(lambda: rename(cat)) == "cat+"

    asyncio.run(run())


def test_a_run_that_begins_nothing_more_saves_with_patience(
    cat: OpenCatalog, other: sqlite3.Connection
) -> None:
    async def run() -> None:
        stop = StopSignal()
        stop.finish_started("request-budget")
        asyncio.get_running_loop().call_later(0.9, other.execute, "COMMIT")
        assert await Writer(cat.connection, stop).save(lambda: rename(cat)) == "cat+"

    asyncio.run(run())


def test_an_error_of_the_work_is_no_reason_to_try_again(cat: OpenCatalog) -> None:
    async def run() -> None:
        def work() -> None:
            rename(cat)
            raise ValueError

        with pytest.raises(ValueError):
            await Writer(cat.connection, StopSignal()).save(work)

    asyncio.run(run())
    assert cat.package().title == "cat"
