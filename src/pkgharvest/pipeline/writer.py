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
from dataclasses import dataclass
from typing import TypeVar

from pkgharvest.catalog import database, history, results
from pkgharvest.catalog.package_update import Backoff
from pkgharvest.catalog.results import SaveResult
from pkgharvest.model.errors import CatalogBusy
from pkgharvest.model.events import DownloadsQueued, Listener, SourceFinished
from pkgharvest.model.locators import Locator
from pkgharvest.model.observations import Failure, FetchOutcome, RepositoryResult, Skipped
from pkgharvest.pipeline.engine import StopSignal, found_project
from pkgharvest.pipeline.options import FetchOptions
from pkgharvest.pipeline.report import RunCounters

Result = TypeVar("Result")

_BLOCKING_WAIT_SECONDS = 0.1
"""As a rule this is enough, because others write for milliseconds too."""

_RETRY_SECONDS = 0.1

_GRACE_SECONDS = 0.5
"""How long a run that was stopped may still wait, for everything it has to save together."""


class Writer:
    """The transactions of one run, one after another."""

    def __init__(self, connection: sqlite3.Connection, stop: StopSignal) -> None:
        self.connection = connection
        self.stop = stop
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
                with database.transaction(self.connection):
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
                await self.stop.wait()
        except TimeoutError:
            return
        # There may be much left to save, and no try may cost time any more.
        database.set_busy_timeout(self.connection, 0)
        self._give_up_at = time.monotonic() + _GRACE_SECONDS


@dataclass(frozen=True, slots=True)
class OutcomeWriter:
    """Saves the outcomes of a fetch, counts them, and reports them to the listener."""

    writer: Writer
    run_id: int
    options: FetchOptions
    backoff: Backoff
    counters: RunCounters
    listener: Listener
    reads_with_git: Callable[[Locator], bool]
    """Whether the host of a repository is read with git alone."""

    async def write(self, outcome: FetchOutcome) -> None:
        """Save ``outcome`` in one transaction. Raises CatalogError."""
        saved = await self.writer.save(lambda: self._save(outcome))
        if saved is None:
            outcome, saved = self._unsaved(outcome), SaveResult(changed=False)
        self.counters.count(outcome, saved)
        self.counters.read_with_git += self._was_read_with_git(outcome)
        self.listener(SourceFinished(outcome=outcome, changed=saved.changed, failure=saved.failure))
        if "downloads" in self.options.sources and found_project(outcome):
            self.listener(DownloadsQueued(downloads=1))

    def _save(self, outcome: FetchOutcome) -> SaveResult:
        if self.options.as_of is not None:
            return self._save_as_of(outcome, self.options.as_of)
        saved = results.save_outcome(self.writer.connection, outcome, self.run_id, self.backoff)
        history.take_snapshot(self.writer.connection, outcome.target.package_id, self.run_id)
        return saved

    def _save_as_of(self, outcome: FetchOutcome, instant: dt.datetime) -> SaveResult:
        result = outcome.result
        past = result.activity if isinstance(result, RepositoryResult) else None
        if past is not None:
            results.save_as_of(self.writer.connection, outcome.target, past, instant)
        return SaveResult(
            changed=past is not None, failure=result if isinstance(result, Failure) else None
        )

    def _unsaved(self, outcome: FetchOutcome) -> FetchOutcome:
        """Return what to report of an outcome that could not be saved before the run ended."""
        if isinstance(outcome.result, Skipped):
            return outcome
        assert self.writer.stop.reason is not None
        message = "the run was stopped before this was saved"
        return dataclasses.replace(
            outcome, result=Skipped(reason=self.writer.stop.reason, message=message)
        )

    def _was_read_with_git(self, outcome: FetchOutcome) -> bool:
        """Tell whether git went to the network for it: no recording holds that."""
        locator = outcome.target.locator
        if outcome.source != "repo" or locator is None or locator.is_local:
            return False
        by_git = self.reads_with_git(locator) or self.options.history == "git"
        was_read = not isinstance(outcome.result, Skipped)
        return was_read and (by_git or self.options.as_of is not None)
