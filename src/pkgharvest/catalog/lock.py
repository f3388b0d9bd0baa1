"""One fetch at a time on a catalogue: a lock that dies with its process."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from pkgharvest.model.errors import CatalogError, FetchLocked


@contextlib.contextmanager
def fetch_lock(path: Path) -> Iterator[None]:
    """Hold the fetch lock of the catalogue at ``path``.

    Raises HarvestLocked at once where another process holds it. The lock is the operating
    system's, on a file beside the catalogue: a killed process leaves nothing held.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - only a fetch needs it

    real = path.resolve()
    lock = FileLock(real.with_name(real.name + "-lock"))
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise FetchLocked(
            f"another fetch is at work on {path}", hint="it continues; nothing was done here"
        ) from error
    except OSError as error:
        raise CatalogError(f"{path} cannot be locked: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()
