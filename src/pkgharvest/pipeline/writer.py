"""What a run writes: it waits for other programs that write, and the run goes on meanwhile."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

from pkgharvest.catalog import database
from pkgharvest.model.errors import CatalogBusy
from pkgharvest.pipeline.engine import StopSignal

Result = TypeVar("Result")

_AT_A_TIME = 0.1
"""Seconds for which SQLite itself may wait. All else stands still while it does; as a rule it is
enough, for others write for milliseconds too."""

_PAUSE = 0.1
"""Seconds between two tries, for the rest of the run."""

_GRACE = 0.5
"""Seconds that a run which is to stop has left for waiting, all that is to be saved together."""


class Writer:
    """The transactions of one run, one after another.

    Time is the machine's here, not the run's: a replay's clock stands still, other programs do not.
    """

    def __init__(self, connection: sqlite3.Connection, halt: StopSignal) -> None:
        self._connection = connection
        self._halt = halt
        self._gives_up: float | None = None
        """When a run that is to stop waits no more."""
        database.set_busy_timeout(connection, _AT_A_TIME)

    async def save(self, work: Callable[[], Result]) -> Result | None:
        """Do ``work`` in a transaction and return what it returns; it may be tried several times.

        None where the run was stopped while another program held the catalogue: nothing was
        written, and nobody waits any more. Raises CatalogBusy where one has held it for
        ``connection.BUSY_SECONDS``.
        """
        patience = time.monotonic() + database.BUSY_SECONDS
        while True:
            try:
                with database.transaction(self._connection):
                    return work()
            except CatalogBusy:
                now = time.monotonic()
                if self._gives_up is None and now >= patience:
                    raise
                if self._gives_up is not None and now >= self._gives_up:
                    return None
            await self._pause()

    async def _pause(self) -> None:
        """Let the others work for a moment, and see whether the run is to stop."""
        if self._gives_up is not None:
            await asyncio.sleep(_PAUSE)
            return
        try:
            async with asyncio.timeout(_PAUSE):
                await self._halt.wait()
        except TimeoutError:
            return
        # There may be much to save yet, and each try is to cost nothing.
        database.set_busy_timeout(self._connection, 0)
        self._gives_up = time.monotonic() + _GRACE
