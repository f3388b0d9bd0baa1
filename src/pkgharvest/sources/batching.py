"""Batching: requests that many tasks want at about the same time are sent as one.

Each task asks for one item and waits for it; the tasks know nothing of each other. The engine can
therefore stay a loop over single packages, and only a source whose host answers for many items at
once has to know about batches.

A batch is sent as soon as it is full, or when no item has joined it for a moment. That moment is
short for the first batches, because tasks that start together ask together. Later tasks come one
by one, as other hosts let them go, so waiting longer fills the batches better. If every task that
could ask is waiting already, there is nothing to wait for.

A batch the host rejects as too large is halved, until single items remain. Batches then stay
small, and grow again by a quarter after each full batch that succeeds.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pkgharvest.model.clock import Clock
from pkgharvest.model.errors import PkgharvestError

Item = TypeVar("Item")
Result = TypeVar("Result")

_FIRST_IDLE_SECONDS = 0.02
"""How long the first batches stay open without a new item."""

_IDLE_SECONDS = 0.5
"""The same, after the first response."""

_GROWTH_DIVISOR = 4
"""A full batch that succeeds lets the next one be larger by this part of its size."""


class BatchTooLarge(Exception):
    """The host could not handle that many items at once; for a single item, not even that one."""


Fetch = Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]]
"""Fetches items and returns a result for each, in their order. An error of one item is a value.

Raises BatchTooLarge or a PkgharvestError if that is the result of all of them.
"""


@dataclass(slots=True, eq=False)
class _Pending(Generic[Item, Result]):
    """An item that a task waits for."""

    item: Item
    future: "asyncio.Future[Result]"


@dataclass(slots=True, eq=False)
class _Batch(Generic[Item, Result]):
    """Items that are sent together."""

    pending: list[_Pending[Item, Result]] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None

    @property
    def is_abandoned(self) -> bool:
        """Whether no task waits any more."""
        return all(entry.future.done() for entry in self.pending)

    def settle_rest(self, task: "asyncio.Task[None]") -> None:
        """Pass an unexpected error on, so that no task waits forever."""
        error = None if task.cancelled() else task.exception()
        for entry in self.pending:
            if not entry.future.done():
                if error is None:
                    entry.future.cancel()
                else:
                    entry.future.set_exception(error)


class Batcher(Generic[Item, Result]):
    """Collects items and passes them to ``fetch``, at most ``max_size`` at once.

    ``expected`` returns how many tasks can be waiting at most, if that is known.
    """

    def __init__(
        self,
        fetch: Fetch[Item, Result],
        *,
        max_size: int,
        clock: Clock,
        expected: Callable[[], int] = lambda: sys.maxsize,
    ) -> None:
        self._fetch = fetch
        self._max_size = self._size = max_size
        self._clock = clock
        self._expected = expected
        self._open: _Batch[Item, Result] | None = None
        self._idle_seconds = _FIRST_IDLE_SECONDS

    async def get(self, item: Item) -> Result:
        """Return the result for ``item``, fetched together with others.

        Raises what ``fetch`` returned for the item or raised for all, and BatchTooLarge if the
        item is too much even alone.
        """
        batch = self._open
        if batch is None:
            batch = self._open = _Batch()
            batch.task = asyncio.create_task(self._run(batch))
            batch.task.add_done_callback(batch.settle_rest)
        entry: _Pending[Item, Result] = _Pending(item, asyncio.get_running_loop().create_future())
        batch.pending.append(entry)
        if len(batch.pending) >= self._size:
            self._close(batch)
        try:
            return await entry.future
        except asyncio.CancelledError:
            if batch.is_abandoned and batch.task is not None:
                self._close(batch)
                batch.task.cancel()
                await asyncio.wait({batch.task})
            raise

    def _close(self, batch: _Batch[Item, Result]) -> None:
        """Let no more items join ``batch``."""
        batch.closed.set()
        if self._open is batch:
            self._open = None

    async def _run(self, batch: _Batch[Item, Result]) -> None:
        """Wait until ``batch`` is full or idle, then fetch it in parts of the current size."""
        size = 0
        while not batch.closed.is_set() and size != len(batch.pending):
            size = len(batch.pending)
            complete = size >= self._expected()
            await self._wait(_FIRST_IDLE_SECONDS if complete else self._idle_seconds, batch)
        self._close(batch)
        parts = [batch.pending]
        while parts:
            part = [entry for entry in parts.pop() if not entry.future.done()]
            if len(part) > self._size:  # the size fell since the batch was collected
                parts += [part[self._size :], part[: self._size]]
            elif part:
                rejected = await self._fetch_part(part)
                half = (len(rejected) + 1) // 2
                parts += [rejected[half:], rejected[:half]]

    async def _wait(self, seconds: float, batch: _Batch[Item, Result]) -> None:
        """Wait for ``seconds``, or until ``batch`` is closed."""
        idle = asyncio.ensure_future(self._clock.sleep(seconds))
        closed = asyncio.ensure_future(batch.closed.wait())
        try:
            await asyncio.wait({idle, closed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            idle.cancel()
            closed.cancel()

    async def _fetch_part(self, part: list[_Pending[Item, Result]]) -> list[_Pending[Item, Result]]:
        """Fetch ``part`` and hand out the results. Return the items to fetch in smaller parts."""
        results: Sequence[Result | Exception]
        try:
            results = await self._fetch([entry.item for entry in part])
        except (BatchTooLarge, PkgharvestError) as error:
            results = [error] * len(part)
        self._idle_seconds = _IDLE_SECONDS
        rejected = []
        for entry, result in zip(part, results, strict=True):
            if isinstance(result, BatchTooLarge) and len(part) > 1:
                rejected.append(entry)
            elif entry.future.done():
                continue  # its task was cancelled meanwhile
            elif isinstance(result, Exception):
                entry.future.set_exception(result)
            else:
                entry.future.set_result(result)
        if any(isinstance(result, BatchTooLarge) for result in results):
            self._size = min(self._size, (len(part) + 1) // 2)
        elif len(part) >= self._size:
            growth = max(1, self._size // _GROWTH_DIVISOR)
            self._size = min(self._max_size, self._size + growth)
        return rejected
