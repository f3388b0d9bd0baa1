"""The event loop of a run, which does not wait for what nobody waits for any more."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


def run_loop(work: Coroutine[object, object, Result]) -> Result:
    """Run ``work`` to its end, as ``asyncio.run`` does, but for threads that are still busy.

    Names are looked up in threads, and a resolver without a network may take half a minute: too
    long for a person who has pressed Ctrl-C.
    """
    with asyncio.Runner() as runner:
        runner.get_loop().set_default_executor(_Impatient())
        return runner.run(work)


class _Impatient(ThreadPoolExecutor):
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Begin nothing else, and do not wait."""
        super().shutdown(wait=False, cancel_futures=True)
