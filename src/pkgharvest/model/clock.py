"""Time as a thing that is passed in, so that tests and replays have their own."""

import datetime as dt
import time
from typing import Protocol


class Clock(Protocol):
    """What the program asks of time."""

    def now(self) -> dt.datetime:
        """Return this instant, aware, in UTC."""

    def monotonic(self) -> float:
        """Return seconds from some fixed point; never goes back."""

    async def sleep(self, seconds: float) -> None:
        """Wait for ``seconds``."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> dt.datetime:
        """Return this instant, aware, in UTC."""
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        """Return seconds from some fixed point; never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for ``seconds``."""
        import asyncio  # noqa: PLC0415 - who only reads the catalogue never sleeps

        await asyncio.sleep(seconds)


class FixedClock:
    """A clock that stands still: for replays, which are over before a second has passed.

    ``sleep`` returns at once, and what was slept is added to ``monotonic`` and to ``now``.
    """

    def __init__(self, start: dt.datetime) -> None:
        self._start = start.astimezone(dt.UTC)
        self._slept = 0.0

    def now(self) -> dt.datetime:
        """Return the start, plus what was slept."""
        return self._start + dt.timedelta(seconds=self._slept)

    def monotonic(self) -> float:
        """Return what was slept, in seconds."""
        return self._slept

    async def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass without waiting."""
        import asyncio  # noqa: PLC0415 - as above

        self._slept += seconds
        await asyncio.sleep(0)
