"""Asking for many things at once: what many tasks want at about the same time goes together.

Each task asks for one thing and waits for it; none of them knows of the others. A batch goes out
when it is full, or when for a while nothing more has come to it. Of a batch that was too much
for the host the halves are asked for, and later batches are smaller for some time.
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

_MOMENT = 0.02
"""Seconds of silence that send a batch: tasks that begin together ask together."""

_PATIENCE = 0.5
"""The same, once there were answers: then tasks come one by one, as other hosts let them go."""

_GROWTH = 4
"""What went well lets the next batch be larger by one in so many."""


class BatchTooLarge(Exception):
    """The host could not do all that at once, or, where it was one thing, not even that."""


Ask = Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]]
"""Asks for items and returns what became of each, in their order: errors are values here.

Raises TooMuch or a PkgharvestError where that became of all of them.
"""


@dataclass(slots=True, eq=False)
class _Wish(Generic[Item, Result]):
    """An item that somebody waits for."""

    item: Item
    future: "asyncio.Future[Result]"


@dataclass(slots=True, eq=False)
class _Batch(Generic[Item, Result]):
    """Wishes that go together."""

    wishes: list[_Wish[Item, Result]] = field(default_factory=list)
    full: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None

    @property
    def is_abandoned(self) -> bool:
        """Whether nobody waits any more."""
        return all(wish.future.done() for wish in self.wishes)

    def finished(self, task: "asyncio.Task[None]") -> None:
        """Hand on what nobody foresaw, lest somebody wait for ever."""
        error = None if task.cancelled() else task.exception()
        for wish in self.wishes:
            if not wish.future.done():
                if error is None:
                    wish.future.cancel()
                else:
                    wish.future.set_exception(error)


class Batcher(Generic[Item, Result]):
    """Gathers wishes and asks for them by ``ask``, ``most`` of them at once.

    ``expected`` tells how many tasks can be waiting at the most, where that can be told: when all
    of them are, there is nothing to be patient for.
    """

    def __init__(
        self,
        ask: Ask[Item, Result],
        *,
        most: int,
        clock: Clock,
        expected: Callable[[], int] = lambda: sys.maxsize,
    ) -> None:
        self._ask = ask
        self._most = self._size = most
        self._clock = clock
        self._expected = expected
        self._open: _Batch[Item, Result] | None = None
        self._patience = _MOMENT

    async def get(self, item: Item) -> Result:
        """Return what became of ``item``, asked for with others.

        Raises what ``ask`` made of it, or of all; TooMuch where it is too much even alone.
        """
        batch = self._open
        if batch is None:
            batch = _Batch()
            self._open = batch
            batch.task = asyncio.create_task(self._run(batch))
            batch.task.add_done_callback(batch.finished)
        wish: _Wish[Item, Result] = _Wish(item, asyncio.get_running_loop().create_future())
        batch.wishes.append(wish)
        if len(batch.wishes) >= self._size:
            self._close(batch)
        try:
            return await wish.future
        except asyncio.CancelledError:
            if batch.is_abandoned and batch.task is not None:
                self._close(batch)
                batch.task.cancel()
                await asyncio.wait({batch.task})
            raise

    def _close(self, batch: _Batch[Item, Result]) -> None:
        """Let no other wish come to ``batch``."""
        batch.full.set()
        if self._open is batch:
            self._open = None

    async def _run(self, batch: _Batch[Item, Result]) -> None:
        known = 0
        while not batch.full.is_set() and known != len(batch.wishes):
            known = len(batch.wishes)
            await self._silence(_MOMENT if known >= self._expected() else self._patience, batch)
        self._close(batch)
        parts = [batch.wishes]
        while parts:
            part = [wish for wish in parts.pop() if not wish.future.done()]
            if len(part) > self._size:  # it has become smaller since they were gathered
                parts += [part[self._size :], part[: self._size]]
            elif part:
                again = await self._settle(part)
                half = (len(again) + 1) // 2
                parts += [again[half:], again[:half]]

    async def _silence(self, seconds: float, batch: _Batch[Item, Result]) -> None:
        """Wait for ``seconds``, or until ``batch`` is full."""
        silence = asyncio.ensure_future(self._clock.sleep(seconds))
        filled = asyncio.ensure_future(batch.full.wait())
        try:
            await asyncio.wait({silence, filled}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            silence.cancel()
            filled.cancel()

    async def _settle(self, part: list[_Wish[Item, Result]]) -> list[_Wish[Item, Result]]:
        """Ask for ``part``, and return those that are to be asked for again, with fewer."""
        results: Sequence[Result | Exception]
        try:
            results = await self._ask([wish.item for wish in part])
        except (BatchTooLarge, PkgharvestError) as error:
            results = [error] * len(part)
        self._patience = _PATIENCE
        again = []
        for wish, result in zip(part, results, strict=True):
            if isinstance(result, BatchTooLarge) and len(part) > 1:
                again.append(wish)
            elif wish.future.done():
                continue  # nobody waits for it any more
            elif isinstance(result, Exception):
                wish.future.set_exception(result)
            else:
                wish.future.set_result(result)
        if any(isinstance(result, BatchTooLarge) for result in results):
            self._size = min(self._size, (len(part) + 1) // 2)
        elif len(part) >= self._size:
            self._size = min(self._most, self._size + max(1, self._size // _GROWTH))
        return again
