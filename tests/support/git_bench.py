"""A test bench for git: made-up repositories, a server for them, and a source to read them."""

import asyncio
import datetime as dt
import functools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

from pkgharvest.git.clones import CloneCache
from pkgharvest.git.process import GitCommand, GitProcess, RunningGit
from pkgharvest.model.locators import Locator
from pkgharvest.model.observations import Activity, FetchTarget, RepositoryResult
from pkgharvest.sources.git import GitSource
from tests.support import histories
from tests.support.git_server import GitServer
from tests.support.histories import git

TODAY = dt.date(2026, 2, 15)
NOON = 1_770_000_000


class Spy(GitProcess):
    """A GitProcess that records its commands."""

    def __init__(self, **more: str) -> None:
        super().__init__(os.environ, **more)
        self.commands: list[GitCommand] = []

    @asynccontextmanager
    async def start(self, command: GitCommand) -> AsyncIterator[RunningGit]:
        self.commands.append(command)
        async with super().start(command) as running:
            yield running

    @property
    def networked(self) -> list[str]:
        """Return the subcommands that may use the network."""
        verbs = ("ls-remote", "fetch")
        return [next(a for a in c.arguments if a in verbs) for c in self.commands if c.protocol]


class Bench:
    """A directory of repositories, a server for it, and a source to read them."""

    def __init__(self, directory: Path, server: GitServer) -> None:
        self.name = directory.name  # of this test alone, among those that share the server
        self.served = server.directory / self.name
        self.served.mkdir()
        self.server = server
        self.spy = Spy()
        self.clones = CloneCache(directory / "clones")
        self.git = GitSource(self.spy, self.clones)

    def make(self, name: str = "x.git", *options: str) -> Path:
        path = self.served / name
        path.mkdir(parents=True)
        git(path, "init", "-q", "--bare", "--initial-branch=main", *options)
        git(path, "config", "uploadpack.allowFilter", "true")
        return path

    def remote(self, name: str = "x.git") -> Locator:
        return self.server.locator(quote(f"{self.name}/{name}"))

    def read(self, locator: Locator) -> RepositoryResult:
        return asyncio.run(self.git.read(target(locator), TODAY))

    def activity(self, locator: Locator) -> Activity:
        activity = self.read(locator).activity
        assert activity is not None
        return activity

    def names(self, locator: Locator) -> list[str]:
        return [person.name for person in self.read(locator).contributors or ()]

    def clone(self, name: str = "x.git") -> Path:
        return self.clones.path_of(self.remote(name))


def target(locator: Locator | None) -> FetchTarget:
    return FetchTarget(package_id=1, slug="x", sources=("repo",), locator=locator)


def local(path: Path) -> Locator:
    return Locator(scheme="file", host="", path=str(path))


@functools.cache
def _empty_tree(repository: Path) -> str:
    return git(repository, "hash-object", "-t", "tree", "-w", "--stdin", data=b"")


def commit(
    repository: Path,
    *,
    branch: str = "main",
    name: str = "Ann",
    email: str = "ann@example.invalid",
    at: int | str = NOON,
    committed: int | str | None = None,
    parents: tuple[str, ...] = (),
    encoding: str = "",
    signed: bool = False,
) -> str:
    """Write a commit exactly as given, even if invalid; point ``branch`` to it; return its id."""
    lines = [f"tree {_empty_tree(repository)}", *(f"parent {parent}" for parent in parents)]
    lines.append(f"author {name} <{email}> {at} +0000")
    lines.append(f"committer C <c@example.invalid> {at if committed is None else committed} +0000")
    lines += [f"encoding {encoding}"] if encoding else []
    if signed:
        lines += ["gpgsig -----BEGIN PGP SIGNATURE-----", " ", " x", " -----END PGP SIGNATURE-----"]
    body = ("\n".join(lines) + "\n\nx\n").encode(encoding or "utf-8", "surrogateescape")
    options = ("-t", "commit", "-w", "--stdin", "--literally")
    oid = git(repository, "hash-object", *options, data=body)
    # Not by update-ref, which refuses invalid commits.
    ref = repository / "refs" / "heads" / branch
    ref.parent.mkdir(parents=True, exist_ok=True)
    ref.write_text(oid + "\n", encoding="utf-8")
    return oid


def chain(repository: Path, count: int, branch: str = "main") -> list[str]:
    """Write ``count`` commits by Ann, an hour apart from `NOON` on; return them oldest first."""
    start = dt.datetime.fromtimestamp(NOON, dt.UTC)
    moments = [start + number * dt.timedelta(hours=1) for number in reversed(range(count))]
    commits = [
        histories.Commit(
            parents=(number + 1,) if number + 1 < count else (),
            authored=moment,
            committed=moment,
            author="Ann",
        )
        for number, moment in enumerate(moments)
    ]
    histories.write(repository, commits, branch)
    return git(repository, "rev-list", "--reverse", f"refs/heads/{branch}").split()


def snapshot(directory: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in sorted(directory.rglob("*"))
    }
