"""The cache directory of bare clones: where one lives, how large they are, how they go.

A clone is a cache and nothing more: whatever is wrong with one, it is removed and made anew.
What is fetched into it, and when, is not known here.
"""

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from pkgharvest.model.errors import TimedOut, Unavailable
from pkgharvest.model.locators import Locator

_CLONE = re.compile(r"[a-z0-9][a-z0-9.-]*-[0-9a-f]{16}\.git")
"""What this directory's own entries are called; nothing else in it is ever removed."""

_LEFT_BEHIND = ("*.lock", "tmp_*", ".tmp-*", "*.keep")
"""What a git that was killed does not clear away, and the next one stumbles over or hoards."""

_POLL_SECONDS = 0.05


class CloneCache:
    """The clones under ``directory``, one a repository; the directory is made when needed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def path_of(self, locator: Locator) -> Path:
        """Return where the clone of ``locator`` lives, or would: the same for all spellings."""
        digest = hashlib.sha256(locator.key.encode()).hexdigest()[:16]
        readable = re.sub(r"[^a-z0-9.]+", "-", locator.key.lower()).strip("-.")[:60].strip("-.")
        return self.directory / f"{readable or 'clone'}-{digest}.git"

    @contextlib.asynccontextmanager
    async def hold(self, locator: Locator, seconds: float) -> AsyncIterator[Path]:
        """Lend the clone's path, which need not exist, to one holder at a time.

        Other processes are kept out too, until this one ends, however it does; so whatever lock
        is found in the clone is nobody's, and cleared. Raises TimedOut where it is not free
        within ``seconds``, Unavailable where the directory cannot be used.
        """
        path = self.path_of(locator)
        lock = _lock_of(path)
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            async with asyncio.timeout(seconds):
                while not _acquired(lock):  # noqa: ASYNC110 - a lock of processes has no event
                    await asyncio.sleep(_POLL_SECONDS)
            _clear(path)
        except TimeoutError as error:
            raise TimedOut(f"the clone of {locator.url} is in use by another process") from error
        except OSError as error:
            lock.release()
            raise Unavailable(
                f"the cache directory {self.directory} cannot be used: {error.strerror or error}"
            ) from error
        try:
            yield path
        finally:
            lock.release()

    def size(self) -> int:
        """Return the bytes that all clones take."""
        return sum(directory_size(path) for path in self._clones())

    def remove(self, locator: Locator) -> int:
        """Remove the clone of ``locator``, if there is one; return the bytes that it took.

        One that is in use stays: the next `keep_only` clears it.
        """
        return _remove(self.path_of(locator))

    def keep_only(self, locators: Iterable[Locator]) -> int:
        """Remove the clones of all other repositories, and what killed processes left behind.

        Returns the bytes freed. Clones in use are not touched.
        """
        kept = {self.path_of(locator).name for locator in locators}
        freed = 0
        for path in self._clones():
            freed += _tidy(path) if path.name in kept else _remove(path)
        return freed

    def _clones(self) -> Iterator[Path]:
        """Go through the clones, those included that are no more than their lock's file."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            names = {path.name.removesuffix(".lock") for path in self.directory.iterdir()}
            for name in sorted(names):
                if _CLONE.fullmatch(name):
                    yield self.directory / name


def remove_path(path: Path) -> None:
    """Remove what is at ``path``, if anything is: a clone that its holder finds beyond use."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def directory_size(directory: Path) -> int:
    """Return the bytes of all files under ``directory``; 0 where there is no such directory."""
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(OSError):
                total += Path(folder, name).lstat().st_size
    return total


def _lock_of(path: Path) -> FileLock:
    return FileLock(path.with_name(f"{path.name}.lock"), timeout=0)


def _acquired(lock: FileLock) -> bool:
    try:
        lock.acquire()
    except Timeout:
        return False
    return True


def _clear(path: Path) -> int:
    """Remove from a clone that is held what a killed git left in it; return the bytes."""
    freed = 0
    for pattern in _LEFT_BEHIND:
        for left in list(path.rglob(pattern)):
            freed += left.lstat().st_size if left.is_file() else directory_size(left)
            remove_path(left)
    return freed


def _tidy(path: Path) -> int:
    lock = _lock_of(path)
    if not _acquired(lock):
        return 0
    try:
        return _clear(path)
    finally:
        lock.release()


def _remove(path: Path) -> int:
    lock = _lock_of(path)
    if not path.parent.is_dir() or not _acquired(lock):
        return 0
    try:
        freed = directory_size(path)
        remove_path(path)
        Path(lock.lock_file).unlink(missing_ok=True)
        return freed
    finally:
        lock.release()
