"""Any git repository, read by git itself: its commits per day, its authors, its newest commit.

A local one is read where it is and never written to. Of a remote one a bare, treeless clone of a
single branch is kept: the commits, without any file. That branch is called ``default`` whatever
the remote calls its own, so that renamed branches and rewritten histories are nothing special.
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
from pkgharvest.model.errors import Malformed, NotFound, Unavailable
from pkgharvest.model.locators import Locator
from pkgharvest.model.observations import Activity, FetchTarget, RepositoryResult

_BRANCH = "default"
_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHA256_DIGITS = 64
_LONGEST_LIST = 1 << 16
"""Bytes of a list of branches that tell whether there is more than one."""

_FLUSHED = re.compile(r"\S+< 0{4}")
"""A flush packet received: every version of the protocol ends its list of refs by one
(gitprotocol-common), or the first has an object's id of zeros in it instead of any ref."""

_MOST_PACKS = 30
"""Every fetch that brings something leaves a pack; more than so many are made one."""

_PARTIAL = r"^remote\..*\.promisor$|^extensions\.partialclone$"


@dataclass(frozen=True, slots=True, kw_only=True)
class GitLimits:
    """How long git may take, in seconds, and how large a clone may be, in bytes."""

    probe: float = 60
    """To ask a remote for its newest commit."""
    fetch: float = 1800
    read: float = 600
    clone: int = 2 << 30


class GitSource:
    """The source of whole histories, and of repositories on hosts that are nothing but git.

    ``at_once`` repositories are worked on at one time.
    """

    def __init__(
        self,
        process: GitProcess,
        clones: CloneCache,
        *,
        limits: GitLimits | None = None,
        at_once: int = 8,
    ) -> None:
        self._slots = asyncio.Semaphore(at_once)
        self._process = process
        self._clones = clones
        self._limits = limits or GitLimits()

    async def read(self, target: FetchTarget, today: dt.date) -> RepositoryResult:
        """Read a repository of which git is all there is.

        The days are those of its whole history, so ``today`` does not matter. Raises SourceError
        where it cannot be read.
        """
        history = await self.history(target, today)
        empty = history.activity is not None and history.activity.head is None
        return RepositoryResult(
            activity=history.activity,
            contributors=history.contributors,
            status="empty" if empty else "active",
        )

    async def history(self, target: FetchTarget, today: dt.date) -> RepositoryResult:
        """Read the commits and authors of a repository, and say nothing else about it.

        As with `read`, of all time, whatever is ``today``.
        """
        activity, contributors = await self._survey(target, None)
        return RepositoryResult(activity=activity, contributors=contributors)

    async def history_at(self, target: FetchTarget, instant: dt.datetime) -> Activity:
        """Read the activity as it was at ``instant``, an aware datetime.

        The head of that time is the first one, on the way along first parents from today's, whose
        committer date is not later; with none that old, the activity is empty.
        """
        activity, _ = await self._survey(target, instant)
        return activity

    async def _survey(self, target: FetchTarget, instant: dt.datetime | None) -> History:
        locator = target.locator
        if locator is None:
            raise NotFound(f"{target.slug} has no repository")
        try:
            async with self._slots:
                if locator.is_local:
                    return await self._local(locator, instant)
                return await self._remote(target, locator, instant)
        except GitError as error:
            signed_in = self._process.has_password_for(locator.host)
            told = from_host(error, locator, signed_in=signed_in)
            raise told or from_disk(error, locator) from error
        except CloneTooLarge as error:
            raise Malformed(f"{locator.url} is too large: {error.message}") from error

    # ── a directory of this machine ──────────────────────────────────────────────────────

    async def _local(self, locator: Locator, instant: dt.datetime | None) -> History:
        repository = GitRepository(
            process=self._process, seconds=self._limits.read, directory=_directory(locator)
        )
        if await repository.query("rev-parse", "--is-shallow-repository") == "true":
            raise Malformed(
                f"{locator.path} is a shallow clone: its older commits are not there",
                hint="git fetch --unshallow completes it",
            )
        whole = await repository.query("config", "--get-regexp", _PARTIAL) is None
        tip = await repository.tip()
        if tip.head is None:
            tip = await self._only_local_branch(repository, locator, tip)
        return await repository.read_history(tip, instant, mailmap=whole)

    async def _only_local_branch(
        self, repository: GitRepository, locator: Locator, unborn: Tip
    ) -> Tip:
        """Return what there is where HEAD leads nowhere: a single branch, or no commit at all."""
        form = "--format=%(objectname) %(refname)"
        found = await repository.query("for-each-ref", "--count=2", form, "refs/heads")
        branches = (found or "").splitlines()
        if len(branches) > 1:
            raise Malformed(
                f"{locator.path}: HEAD is on a branch that has no commit, but others have",
                hint="git symbolic-ref HEAD refs/heads/BRANCH sets another",
            )
        if not branches:
            return unborn
        head, _, ref = branches[0].partition(" ")
        return Tip(head=head, branch=branch_of(ref))

    # ── a remote ─────────────────────────────────────────────────────────────────────────

    async def _remote(
        self, target: FetchTarget, locator: Locator, instant: dt.datetime | None
    ) -> History:
        """Bring the clone up to date and read it; one that is damaged is made anew, once.

        A remote that had commits and has none is not believed: that repositories are emptied is
        so rare, and what is known so dear, that a person should look.
        """
        tip = await self._tip_at(locator)
        if tip.head is None:
            if target.head is not None:
                raise Malformed(f"{locator.url} has no commit any more")
            return Activity.empty(tip.branch), ()
        async with self._clones.hold(locator, self._limits.fetch) as path:
            fresh = not path.exists()
            try:
                return await self._cloned(locator, path, tip, instant)
            except GitError as error:
                if fresh or from_host(error, locator) is not None:
                    raise
            except CloneTooLarge:
                remove_path(path)
                raise
            remove_path(path)
            return await self._cloned(locator, path, tip, instant)

    async def _cloned(
        self, locator: Locator, path: Path, tip: Tip, instant: dt.datetime | None
    ) -> History:
        clone = GitRepository(process=self._process, seconds=self._limits.read, clone=path)
        known = await clone.tip() if _exists(path) else None
        if known is None or known.head != tip.head:
            await self._fetch(locator, clone, path, tip)
            known = await clone.tip()
        return await clone.read_history(
            Tip(head=known.head, branch=tip.branch), instant, mailmap=False
        )

    async def _tip_at(self, locator: Locator) -> Tip:
        """Ask the remote of ``locator`` for its default branch and newest commit: one request."""
        answer = await self._process.run(self._remotely(locator, "--symref", "HEAD"))
        head = branch = None
        for line in answer.decode(errors="replace").splitlines():
            value, _, name = line.partition("\t")
            if name != "HEAD":  # refs/remotes/origin/HEAD is listed too
                continue
            if value.startswith("ref: "):
                branch = branch_of(value.removeprefix("ref: "))
            elif _OID.fullmatch(value):
                head = value
        if head is None:
            return await self._only_branch(locator, branch)
        return Tip(head=head, branch=branch)

    async def _only_branch(self, locator: Locator, unborn: str | None) -> Tip:
        """Return what there is where HEAD leads nowhere: a single branch, or no commit at all.

        git takes any page without a line's end for the empty list of a web server that knows
        nothing of git (gitprotocol-http, "dumb"), and there is no setting against it. So the
        server's own packets are asked for. An empty repository behind a web server that knows
        nothing of git is refused with them: nothing tells it from a page.
        """
        question = replace(self._remotely(locator, "--heads"), trace_packets=True)
        answer = b""
        async with self._process.start(question) as running:
            while len(answer) < _LONGEST_LIST and (chunk := await running.read()):
                answer += chunk
        branches = answer.decode(errors="replace").splitlines()
        if len(branches) > 1:
            raise Malformed(f"{locator.url}: its HEAD is on a branch that has no commit")
        if branches:
            head, _, ref = branches[0].partition("\t")
            if _OID.fullmatch(head) is None:
                raise Malformed(f"{locator.url}: its list of branches cannot be understood")
            return Tip(head=head, branch=branch_of(ref))
        if not any(_FLUSHED.match(packet) for packet in running.packets):
            raise Malformed(f"{locator.url}: its host answers, but not as git does")
        return Tip(head=None, branch=unborn)

    def _remotely(self, locator: Locator, option: str, *patterns: str) -> GitCommand:
        return GitCommand(
            arguments=("ls-remote", option, "--", locator.clone_url, *patterns),
            seconds=self._limits.probe,
            protocol=locator.scheme,
        )

    async def _fetch(self, locator: Locator, clone: GitRepository, path: Path, tip: Tip) -> None:
        """Make the clone of ``locator`` if need be, and bring it to the remote's HEAD.

        Killed at any point, all of it can be done again. The URL is not written into the clone:
        no other command finds its way to the network by it.
        """
        form = "sha256" if tip.head and len(tip.head) == _SHA256_DIGITS else "sha1"
        branch = f"--initial-branch={_BRANCH}"
        init = ("init", "--quiet", "--bare", "--template=", branch, f"--object-format={form}")
        await self._process.run(clone.command(*init))
        await self._process.run(clone.command("config", "core.repositoryFormatVersion", "1"))
        await self._process.run(clone.command("config", "extensions.partialClone", "origin"))
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
                seconds=self._limits.fetch,
                clone=path,
                protocol=locator.scheme,
                max_clone_bytes=self._limits.clone,
            )
        )
        if _packs(path) > _MOST_PACKS:
            repack = ("repack", "-a", "-d", "--quiet")
            await self._process.run(clone.command(*repack, seconds=self._limits.read))


def _directory(locator: Locator) -> Path:
    """Return the directory that ``locator`` names, as it really is."""
    try:
        place = Path(locator.path).resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(f"{locator.path} does not exist") from error
    except (OSError, RuntimeError) as error:  # no right to look, or links in a circle
        raise Unavailable(f"{locator.path} cannot be read: {error}") from error
    if not place.is_dir():
        raise NotFound(f"{locator.path} is not a directory")
    return place


def _exists(path: Path) -> bool:
    return path.exists()


def _packs(path: Path) -> int:
    return sum(1 for _ in path.glob("objects/pack/*.pack"))
