"""The clock that a run uses. It is passed in, so that tests and replays can bring their own."""

import datetime as dt
import time
from typing import Protocol


class Clock(Protocol):
    """The current time, elapsed time, and sleep."""

    def now(self) -> dt.datetime:
        """Return the current instant: timezone-aware, in UTC."""

    def monotonic(self) -> float:
        """Return the seconds since an arbitrary point. They never decrease."""

    async def sleep(self, seconds: float) -> None:
        """Wait for ``seconds``."""


class SystemClock:
    """The clock of this machine."""

    def now(self) -> dt.datetime:
        """Return the current instant: timezone-aware, in UTC."""
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        """Return the seconds since an arbitrary point. They never decrease."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for ``seconds``."""
        import asyncio  # noqa: PLC0415 - commands that only read the catalog never sleep

        await asyncio.sleep(seconds)


class FixedClock:
    """A clock that moves only when somebody sleeps, for replays and tests.

    ``sleep`` returns at once and moves both ``now`` and ``monotonic`` forward.
    """

    def __init__(self, start: dt.datetime) -> None:
        self._start = start.astimezone(dt.UTC)
        self._slept_seconds = 0.0

    def now(self) -> dt.datetime:
        """Return the start plus the seconds slept so far."""
        return self._start + dt.timedelta(seconds=self._slept_seconds)

    def monotonic(self) -> float:
        """Return the seconds slept so far."""
        return self._slept_seconds

    async def sleep(self, seconds: float) -> None:
        """Move the clock forward by ``seconds`` without waiting."""
        import asyncio  # noqa: PLC0415 - see SystemClock.sleep

        self._slept_seconds += seconds
        await asyncio.sleep(0)
