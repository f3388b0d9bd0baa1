"""The cache directory of bare clones: their paths, locks, sizes and removal.

A clone is only a cache: if anything is wrong with one, it is removed and cloned again. What is
fetched into it, and when, is decided in ``sources/git.py``.
"""

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from pkgharvest.model.errors import TimedOut, Unavailable
from pkgharvest.model.locators import Locator

_CLONE_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*-[0-9a-f]{16}\.git")
"""The names of our own entries; nothing else in the directory is ever removed."""

_LEFTOVERS = ("*.lock", "tmp_*", ".tmp-*", "*.keep")
"""Files that a killed git leaves behind. The next one would fail on them, or pile them up."""


@dataclass(frozen=True, slots=True)
class CloneCache:
    """The clones under ``directory``, one per repository. It is created when needed."""

    directory: Path

    def path_of(self, locator: Locator) -> Path:
        """Return the path of the clone of ``locator``, which need not exist."""
        digest = hashlib.sha256(locator.key.encode()).hexdigest()[:16]
        readable = re.sub(r"[^a-z0-9.]+", "-", locator.key.lower()).strip("-.")[:60].strip("-.")
        return self.directory / f"{readable or 'clone'}-{digest}.git"

    @contextlib.asynccontextmanager
    async def hold(self, locator: Locator, seconds: float) -> AsyncIterator[Path]:
        """Lock the clone of ``locator``, and yield its path, which need not exist.

        The lock also excludes other processes, and ends with ours, however that happens. So the
        lock files of git that are in the clone belong to nobody and are removed. Raises TimedOut
        if the clone is not free within ``seconds``, Unavailable if the directory cannot be used.
        """
        path = self.path_of(locator)
        lock = _file_lock(path)
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            async with asyncio.timeout(seconds):
                while True:  # a file lock has no event to wait for
                    with contextlib.suppress(Timeout):
                        lock.acquire()
                        break
                    await asyncio.sleep(0.05)
            _remove_leftovers(path)
        except TimeoutError as error:
            raise TimedOut(f"the clone of {locator.url} is in use by another process") from error
        except OSError as error:
            lock.release()
            raise Unavailable(
                f"cannot use the cache directory {self.directory}: {error.strerror or error}"
            ) from error
        try:
            yield path
        finally:
            lock.release()

    def size(self) -> int:
        """Return the size of all clones in bytes."""
        return sum(directory_size(path) for path in self._clones())

    def remove(self, locator: Locator) -> int:
        """Remove the clone of ``locator``, if it exists. Return the bytes freed.

        A clone in use stays: the next ``keep_only`` removes it.
        """
        return _remove(self.path_of(locator))

    def keep_only(self, locators: Iterable[Locator]) -> int:
        """Remove the clones of all other repositories, and what killed processes left behind.

        Return the bytes freed. Clones in use are not touched.
        """
        kept = {self.path_of(locator).name for locator in locators}
        return sum(_tidy(path) if path.name in kept else _remove(path) for path in self._clones())

    def _clones(self) -> Iterator[Path]:
        """Yield the clones, including those of which only the lock file is left."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            names = {path.name.removesuffix(".lock") for path in self.directory.iterdir()}
            yield from (
                self.directory / name for name in sorted(filter(_CLONE_NAME.fullmatch, names))
            )


def remove_path(path: Path) -> None:
    """Remove the file or directory at ``path``, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def directory_size(directory: Path) -> int:
    """Return the size of all files under ``directory`` in bytes; 0 if it does not exist."""
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(OSError):
                total += Path(folder, name).lstat().st_size
    return total


def _file_lock(path: Path) -> FileLock:
    return FileLock(path.with_name(f"{path.name}.lock"), timeout=0)


def _remove_leftovers(path: Path) -> int:
    """Remove what a killed git left in a locked clone. Return the bytes freed."""
    freed = 0
    for pattern in _LEFTOVERS:
        for leftover in list(path.rglob(pattern)):
            freed += leftover.lstat().st_size if leftover.is_file() else directory_size(leftover)
            remove_path(leftover)
    return freed


def _tidy(path: Path) -> int:
    with contextlib.suppress(Timeout), _file_lock(path):
        return _remove_leftovers(path)
    return 0


def _remove(path: Path) -> int:
    if not path.parent.is_dir():
        return 0
    with contextlib.suppress(Timeout), _file_lock(path) as lock:
        freed = directory_size(path)
        remove_path(path)
        Path(lock.lock_file).unlink(missing_ok=True)
        return freed
    return 0
