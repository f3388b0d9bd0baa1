"""The event loop of a run: how it is started, how signals stop it, and how it ends at once."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pkgharvest.pipeline.engine import StopSignal

Result = TypeVar("Result")


def run_loop(work: Coroutine[object, object, Result]) -> Result:
    """Run ``work`` to its end, as ``asyncio.run`` does, without waiting for busy threads.

    Host names are looked up in threads. Without a network a resolver may take half a minute, which
    is too long for a user who has pressed Ctrl-C.
    """
    with asyncio.Runner() as runner:
        runner.get_loop().set_default_executor(_AbandonedThreads())
        return runner.run(work)


@contextlib.contextmanager
def stopped_by(signals: Iterable[signal.Signals], stop: StopSignal) -> Iterator[None]:
    """Let ``signals`` stop the run cleanly within the block. Call it inside the event loop.

    A signal that the parent process ignored stays ignored: shells start background jobs with
    SIGINT ignored, and Ctrl-C in the foreground is not meant for them.
    """
    loop = asyncio.get_running_loop()
    handlers = {
        number: handler
        for number in signals
        if (handler := signal.getsignal(number)) is not signal.SIG_IGN
    }
    for number in handlers:
        loop.add_signal_handler(number, stop.stop, "interrupted")
    try:
        yield
    finally:
        for number, handler in handlers.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)  # asyncio would leave the system's default


class _AbandonedThreads(ThreadPoolExecutor):
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Start nothing else, and do not wait for what is running."""
        super().shutdown(wait=False, cancel_futures=True)
