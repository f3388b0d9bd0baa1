"""The event loop of a run, which does not wait for what nobody waits for any more."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pkgharvest.pipeline.engine import StopSignal

Result = TypeVar("Result")


def run_loop(work: Coroutine[object, object, Result]) -> Result:
    """Run ``work`` to its end, as ``asyncio.run`` does, but for threads that are still busy.

    Names are looked up in threads, and a resolver without a network may take half a minute: too
    long for a person who has pressed Ctrl-C.
    """
    with asyncio.Runner() as runner:
        runner.get_loop().set_default_executor(_Impatient())
        return runner.run(work)


@contextlib.contextmanager
def stopped_by(signals: Iterable[signal.Signals], halt: StopSignal) -> Iterator[None]:
    """Let ``signals`` stop the run within the block cleanly. Call it while the loop runs."""
    loop = asyncio.get_running_loop()
    before = {one: signal.getsignal(one) for one in signals}
    for one in before:
        loop.add_signal_handler(one, halt.stop, "interrupted")
    try:
        yield
    finally:
        for one, handler in before.items():
            loop.remove_signal_handler(one)
            signal.signal(one, handler)  # asyncio leaves the system's own


class _Impatient(ThreadPoolExecutor):
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Begin nothing else, and do not wait."""
        super().shutdown(wait=False, cancel_futures=True)
