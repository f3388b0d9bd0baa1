"""Any git repository, read with git: its commits per day, its authors, its newest commit.

A local repository is read in place and never written to. For a remote one, a bare, treeless clone
of the default branch is kept: the commits without any files. Its only branch is always called
``default``, so a renamed branch or a rewritten history needs no special treatment.
"""

import asyncio
import datetime as dt
import re
from dataclasses import dataclass, replace
from pathlib import Path

from pkgharvest.git.clones import CloneCache, remove_path
from pkgharvest.git.errors import from_disk, from_host
from pkgharvest.git.process import CloneTooLarge, GitCommand, GitError, GitProcess
from pkgharvest.git.repository import GitRepository, History, Tip, branch_of
from pkgharvest.model.errors import Malformed, NotFound, NotRecorded, Unavailable
from pkgharvest.model.locators import Locator
from pkgharvest.model.observations import Activity, FetchTarget, RepositoryResult

_BRANCH = "default"
_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHA256_DIGITS = 64
_MAX_LIST_BYTES = 1 << 16
"""As much of a list of branches as is read, to tell whether it has more than one."""

_FLUSH_PACKET = re.compile(r"\S+< 0{4}")
"""A flush packet that was received. In every version of the protocol one ends the list of refs
(gitprotocol-common); in the first, an object id of zeros may stand for an empty list."""

_MAX_PACKS = 30
"""Each fetch of new commits adds a pack. More packs than this are combined into one."""

_PARTIAL_CLONE_KEYS = r"^remote\..*\.promisor$|^extensions\.partialclone$"
"""Keys in the configuration of a partial clone, which lacks files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitLimits:
    """Time-outs for git, and the maximum size of a clone."""

    probe_seconds: float = 60
    """For asking a remote for its newest commit."""
    fetch_seconds: float = 1800
    """For downloading commits."""
    read_seconds: float = 600
    """For reading a whole history."""
    max_clone_bytes: int = 2 << 30


class GitSource:
    """A HistorySource, and the RepositorySource for hosts without an API.

    It works on ``concurrency`` repositories at a time.
    """

    def __init__(
        self,
        process: GitProcess,
        clones: CloneCache,
        *,
        limits: GitLimits | None = None,
        concurrency: int = 8,
        local_only: bool = False,
    ) -> None:
        self._slots = asyncio.Semaphore(concurrency)
        self._process = process
        self._clones = clones
        self._limits = limits or GitLimits()
        self._local_only = local_only

    async def read(self, target: FetchTarget, today: dt.date) -> RepositoryResult:
        """Read a repository that has no API: its commits, authors and whether it is empty.

        The whole history is read, so ``today`` does not matter. Raises SourceError.
        """
        history = await self.history(target, today)
        empty = history.activity is not None and history.activity.head is None
        return RepositoryResult(
            activity=history.activity,
            contributors=history.contributors,
            status="empty" if empty else "active",
        )

    async def history(self, target: FetchTarget, today: dt.date) -> RepositoryResult:
        """Read only the commits and authors of a repository.

        The whole history is read, so ``today`` does not matter. Raises SourceError.
        """
        activity, contributors = await self._read_history(target, None)
        return RepositoryResult(activity=activity, contributors=contributors)

    async def history_at(self, target: FetchTarget, instant: dt.datetime) -> Activity:
        """Return the activity as of ``instant``, an aware datetime.

        The head of that time is the first commit, along first parents from today's head, whose
        committer date is not later. If there is none, the activity is empty. Raises SourceError.
        """
        activity, _ = await self._read_history(target, instant)
        return activity

    async def _read_history(self, target: FetchTarget, instant: dt.datetime | None) -> History:
        locator = target.locator
        if locator is None:
            raise NotFound(f"{target.slug} has no repository")
        if self._local_only and not locator.is_local:
            raise NotRecorded("an archive holds no git repositories")
        try:
            async with self._slots:
                if locator.is_local:
                    return await self._read_local(locator, instant)
                return await self._read_remote(target, locator, instant)
        except GitError as error:
            signed_in = self._process.has_password_for(locator.host)
            host_error = from_host(error, locator, signed_in=signed_in)
            raise host_error or from_disk(error, locator) from error
        except CloneTooLarge as error:
            raise Malformed(f"{locator.url} is too large: {error.message}") from error

    # ── local repositories ───────────────────────────────────────────────────────────────

    async def _read_local(self, locator: Locator, instant: dt.datetime | None) -> History:
        repository = GitRepository(
            process=self._process, seconds=self._limits.read_seconds, directory=_directory(locator)
        )
        if await repository.query("rev-parse", "--is-shallow-repository") == "true":
            raise Malformed(
                f"{locator.path} is a shallow clone without its older commits",
                hint="git fetch --unshallow completes it",
            )
        has_files = await repository.query("config", "--get-regexp", _PARTIAL_CLONE_KEYS) is None
        tip = await repository.tip()
        if tip.head is None:
            tip = await self._only_local_branch(repository, locator, tip)
        return await repository.read_history(tip, instant, mailmap=has_files)

    async def _only_local_branch(
        self, repository: GitRepository, locator: Locator, unborn: Tip
    ) -> Tip:
        """Return the tip if HEAD has no commit: that of the only branch, or ``unborn``."""
        row_format = "--format=%(objectname) %(refname)"
        output = await repository.query("for-each-ref", "--count=2", row_format, "refs/heads")
        branches = (output or "").splitlines()
        if len(branches) > 1:
            raise Malformed(
                f"{locator.path}: HEAD is on a branch without commits, unlike other branches",
                hint="git symbolic-ref HEAD refs/heads/BRANCH selects another branch",
            )
        if not branches:
            return unborn
        head, _, ref = branches[0].partition(" ")
        return Tip(head=head, branch=branch_of(ref))

    # ── remote repositories ──────────────────────────────────────────────────────────────

    async def _read_remote(
        self, target: FetchTarget, locator: Locator, instant: dt.datetime | None
    ) -> History:
        """Update the clone and read it. A damaged clone is replaced once.

        A remote that had commits and now has none raises Malformed: repositories are emptied so
        rarely, and the known history is so hard to get back, that a person should decide.
        """
        tip = await self._remote_tip(locator)
        if tip.head is None:
            if target.head is not None:
                raise Malformed(f"{locator.url} no longer has any commits")
            return Activity.empty(tip.branch), ()
        async with self._clones.hold(locator, self._limits.fetch_seconds) as path:
            is_new = not path.exists()
            try:
                return await self._read_clone(locator, path, tip, instant, is_new=is_new)
            except GitError as error:
                if is_new or from_host(error, locator) is not None:
                    raise
            except CloneTooLarge:
                remove_path(path)
                raise
            remove_path(path)
            return await self._read_clone(locator, path, tip, instant, is_new=True)

    async def _read_clone(
        self,
        locator: Locator,
        path: Path,
        tip: Tip,
        instant: dt.datetime | None,
        *,
        is_new: bool,
    ) -> History:
        clone = GitRepository(process=self._process, seconds=self._limits.read_seconds, clone=path)
        known = None if is_new else await clone.tip()
        if known is None or known.head != tip.head:
            await self._fetch(locator, clone, path, tip)
            known = await clone.tip()
        return await clone.read_history(
            Tip(head=known.head, branch=tip.branch), instant, mailmap=False
        )

    async def _remote_tip(self, locator: Locator) -> Tip:
        """Return the default branch and newest commit of the remote. This is one request."""
        output = await self._process.run(self._ls_remote(locator, "--symref", "HEAD"))
        head = branch = None
        for line in output.decode(errors="replace").splitlines():
            value, _, name = line.partition("\t")
            if name != "HEAD":  # such as refs/remotes/origin/HEAD
                continue
            if value.startswith("ref: "):
                branch = branch_of(value.removeprefix("ref: "))
            elif _OID.fullmatch(value):
                head = value
        if head is None:
            return await self._only_remote_branch(locator, branch)
        return Tip(head=head, branch=branch)

    async def _only_remote_branch(self, locator: Locator, unborn: str | None) -> Tip:
        """Return the tip if the remote's HEAD has no commit: that of the only branch, or none.

        git accepts any page without a line break as the empty list of a "dumb" web server
        (gitprotocol-http), and no setting prevents that. So an empty list counts only if it came
        in packets of git's own protocol. An empty repository on a dumb server is therefore
        Malformed too, as it cannot be told from a web page.
        """
        command = replace(self._ls_remote(locator, "--heads"), trace_packets=True)
        output = b""
        async with self._process.start(command) as running:
            while len(output) < _MAX_LIST_BYTES and (chunk := await running.read()):
                output += chunk
        branches = output.decode(errors="replace").splitlines()
        if len(branches) > 1:
            raise Malformed(f"{locator.url}: HEAD is on a branch without commits")
        if branches:
            head, _, ref = branches[0].partition("\t")
            if _OID.fullmatch(head) is None:
                raise Malformed(f"{locator.url}: invalid list of branches")
            return Tip(head=head, branch=branch_of(ref))
        if not any(_FLUSH_PACKET.match(packet) for packet in running.packets):
            raise Malformed(f"{locator.url}: the host answers, but not in git's protocol")
        return Tip(head=None, branch=unborn)

    def _ls_remote(self, locator: Locator, option: str, *patterns: str) -> GitCommand:
        return GitCommand(
            arguments=("ls-remote", option, "--", locator.clone_url, *patterns),
            seconds=self._limits.probe_seconds,
            protocol=locator.scheme,
        )

    async def _fetch(self, locator: Locator, clone: GitRepository, path: Path, tip: Tip) -> None:
        """Create the clone if necessary, and fetch the remote's HEAD into it.

        If it is killed at any point, it can simply be run again. The URL is not written into the
        clone, so no other command can reach the network through it.
        """
        object_format = "sha256" if tip.head and len(tip.head) == _SHA256_DIGITS else "sha1"
        init = ("init", "--quiet", "--bare", "--template=", f"--initial-branch={_BRANCH}")
        for arguments in (
            (*init, f"--object-format={object_format}"),
            ("config", "core.repositoryFormatVersion", "1"),
            ("config", "extensions.partialClone", "origin"),
        ):
            await self._process.run(clone.command(*arguments))
        origin = (
            *("-c", f"remote.origin.url={locator.clone_url}"),
            *("-c", "remote.origin.promisor=true"),
            *("-c", "remote.origin.partialCloneFilter=tree:0"),
        )
        options = ("--quiet", "--no-tags", "--no-write-fetch-head")
        ref = f"refs/heads/{tip.branch}" if tip.branch else "HEAD"
        await self._process.run(
            GitCommand(
                arguments=(*origin, "fetch", *options, "origin", f"+{ref}:refs/heads/{_BRANCH}"),
                seconds=self._limits.fetch_seconds,
                clone=path,
                protocol=locator.scheme,
                max_clone_bytes=self._limits.max_clone_bytes,
            )
        )
        if _count_packs(path) > _MAX_PACKS:
            repack = ("repack", "-a", "-d", "--quiet")
            await self._process.run(clone.command(*repack, seconds=self._limits.read_seconds))


def _directory(locator: Locator) -> Path:
    """Return the directory of ``locator``, with symbolic links resolved."""
    try:
        directory = Path(locator.path).resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(f"{locator.path} does not exist") from error
    except (OSError, RuntimeError) as error:  # no permission, or a loop of links
        raise Unavailable(f"{locator.path} cannot be read: {error}") from error
    if not directory.is_dir():
        raise NotFound(f"{locator.path} is not a directory")
    return directory


def _count_packs(path: Path) -> int:
    return sum(1 for _ in path.glob("objects/pack/*.pack"))
