"""Writing: every outcome of a run goes into the catalog here, in a transaction of its own.

Another program may hold the catalog for a while. SQLite itself waits for a tenth of a second, which
blocks the event loop; after that the run waits in the loop, so that the hosts go on answering and a
signal is seen. Time is the machine's here, not the run's: a replay's clock stands still, other
programs do not.
"""

import asyncio
import dataclasses
import datetime as dt
import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

from pkgharvest.catalog import database, results, snapshots
from pkgharvest.catalog.results import SaveResult
from pkgharvest.catalog.source_state import Backoff
from pkgharvest.model.errors import CatalogBusy
from pkgharvest.model.events import DownloadsQueued, Listener, SourceFinished
from pkgharvest.model.locators import Locator
from pkgharvest.model.observations import Failure, FetchOutcome, RepositoryResult, Skipped
from pkgharvest.pipeline.engine import StopSignal
from pkgharvest.pipeline.options import FetchOptions
from pkgharvest.pipeline.report import RunCounters
from pkgharvest.pipeline.stages import found_project

Result = TypeVar("Result")

_BLOCKING_WAIT_SECONDS = 0.1
"""As a rule this is enough, because others write for milliseconds too."""

_RETRY_SECONDS = 0.1

_GRACE_SECONDS = 0.5
"""How long a run that was stopped may still wait, for everything it has to save together."""


class Writer:
    """The transactions of one run, one after another."""

    def __init__(self, connection: sqlite3.Connection, stop: StopSignal) -> None:
        self._connection = connection
        self._stop = stop
        self._give_up_at: float | None = None
        """When a stopped run waits no longer, on the monotonic clock."""
        database.set_busy_timeout(connection, _BLOCKING_WAIT_SECONDS)

    async def save(self, work: Callable[[], Result]) -> Result | None:
        """Do ``work`` in a transaction and return its result; it may be tried several times.

        None if the run was stopped while another program held the catalog: nothing was written.
        Raises CatalogBusy if one has held it for ``database.BUSY_SECONDS``.
        """
        deadline = time.monotonic() + database.BUSY_SECONDS
        while True:
            try:
                with database.transaction(self._connection):
                    return work()
            except CatalogBusy:
                now = time.monotonic()
                if self._give_up_at is None and now >= deadline:
                    raise
                if self._give_up_at is not None and now >= self._give_up_at:
                    return None
            await self._pause()

    async def _pause(self) -> None:
        """Let the reads go on for a moment, and notice whether the run was stopped."""
        if self._give_up_at is not None:
            await asyncio.sleep(_RETRY_SECONDS)
            return
        try:
            async with asyncio.timeout(_RETRY_SECONDS):
                await self._stop.wait()
        except TimeoutError:
            return
        # There may be much left to save, and no try may cost time any more.
        database.set_busy_timeout(self._connection, 0)
        self._give_up_at = time.monotonic() + _GRACE_SECONDS


class OutcomeWriter:
    """Saves the outcomes of a fetch, counts them, and reports them to the listener."""

    def __init__(
        self,
        writer: Writer,
        connection: sqlite3.Connection,
        *,
        run_id: int,
        options: FetchOptions,
        backoff: Backoff,
        counters: RunCounters,
        listener: Listener,
        stop: StopSignal,
        reads_with_git: Callable[[Locator], bool],
    ) -> None:
        self._writer = writer
        self._connection = connection
        self._run_id = run_id
        self._options = options
        self._backoff = backoff
        self._counters = counters
        self._listener = listener
        self._stop = stop
        self._reads_with_git = reads_with_git

    async def write(self, outcome: FetchOutcome) -> None:
        """Save ``outcome`` in one transaction. Raises CatalogError."""
        saved = await self._writer.save(lambda: self._save(outcome))
        if saved is None:
            outcome, saved = self._unsaved(outcome), SaveResult(changed=False)
        self._counters.count(outcome, saved)
        self._counters.read_with_git += self._was_read_with_git(outcome)
        self._listener(
            SourceFinished(outcome=outcome, changed=saved.changed, failure=saved.failure)
        )
        if "downloads" in self._options.sources and found_project(outcome):
            self._listener(DownloadsQueued(downloads=1))

    def _save(self, outcome: FetchOutcome) -> SaveResult:
        if self._options.as_of is not None:
            return self._save_as_of(outcome, self._options.as_of)
        saved = results.save_outcome(self._connection, outcome, self._run_id, self._backoff)
        snapshots.take_snapshot(self._connection, outcome.target.package_id, self._run_id)
        return saved

    def _save_as_of(self, outcome: FetchOutcome, instant: dt.datetime) -> SaveResult:
        match outcome.result:
            case RepositoryResult(activity=past) if past is not None:
                results.save_as_of(self._connection, outcome.target, past, instant)
                return SaveResult(changed=True)
            case Failure() as failure:
                return SaveResult(changed=False, failure=failure)
            case _:
                return SaveResult(changed=False)

    def _unsaved(self, outcome: FetchOutcome) -> FetchOutcome:
        """Return what to report of an outcome that could not be saved before the run ended."""
        if isinstance(outcome.result, Skipped):
            return outcome
        assert self._stop.reason is not None
        message = "the run was stopped before this was saved"
        skipped = Skipped(reason=self._stop.reason, message=message)
        return dataclasses.replace(outcome, result=skipped)

    def _was_read_with_git(self, outcome: FetchOutcome) -> bool:
        """Tell whether git went to the network for it: no recording holds that."""
        locator = outcome.target.locator
        if outcome.source != "repo" or locator is None or locator.is_local:
            return False
        by_git = self._reads_with_git(locator) or self._options.history == "git"
        was_read = not isinstance(outcome.result, Skipped)
        return was_read and (by_git or self._options.as_of is not None)
