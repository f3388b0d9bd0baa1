"""A git repository on this machine: its head, its log, its authors.

Nothing here uses the network; ``sources/git.py`` clones and fetches.
"""

import contextlib
import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pkgharvest.git.process import GitCommand, GitError, GitProcess
from pkgharvest.model.activity import count_by_day
from pkgharvest.model.errors import Malformed
from pkgharvest.model.observations import Activity, Contributor

_MAX_ROW_BYTES = 1 << 20
_UNIX_TIME = re.compile(rb"\d{1,18}")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

_BEFORE_ALL_DATES = -(2**63)
"""The date of a commit whose date cannot be read."""


History = tuple[Activity, tuple[Contributor, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tip:
    """The newest commit of a branch."""

    head: str | None
    """The id of the commit, or None if the repository has no commit."""
    branch: str | None
    """None if HEAD is detached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitRepository:
    """The user's repository in ``directory``, or our clone in ``clone``.

    All methods raise GitError and the other errors of ``GitProcess``.
    """

    process: GitProcess
    seconds: float
    """The time-out for reading the log."""
    directory: Path | None = None
    clone: Path | None = None

    def command(self, *arguments: str, seconds: float = 60) -> GitCommand:
        """Return the command that runs git with ``arguments`` in this repository.

        The default time-out is for commands that print one line.
        """
        return GitCommand(
            arguments=arguments, seconds=seconds, directory=self.directory, clone=self.clone
        )

    async def query(self, *arguments: str) -> str | None:
        """Run git and return its output, or None if it exits with 1, which means "no"."""
        try:
            output = await self.process.run(self.command(*arguments))
        except GitError as error:
            if error.code != 1:
                raise
            return None
        return output.decode(errors="replace").rstrip("\n")

    async def tip(self) -> Tip:
        """Return the commit and branch of HEAD."""
        ref = await self.query("symbolic-ref", "--quiet", "HEAD")
        head = await self.query("rev-parse", "--quiet", "--verify", "HEAD")
        return Tip(head=head, branch=branch_of(ref) if ref else None)

    async def read_history(
        self, tip: Tip, instant: dt.datetime | None, *, mailmap: bool
    ) -> History:
        """Read the history of ``tip``, or of its branch as it was at ``instant``.

        ``mailmap`` needs the files of the repository: a treeless clone would fetch them. Raises
        Malformed if the date of the head is outside the calendar.
        """
        head = tip.head
        if head is not None and instant is not None:
            head = await self._head_at(head, instant)
        if head is None:
            return Activity.empty(tip.branch), ()
        authors = Authors()
        days: Counter[dt.date] = Counter()
        count = 0
        committed: bytes | None = None
        author = "%aN%x00%aE" if mailmap else "%an%x00%ae"
        option = "--mailmap" if mailmap else "--no-mailmap"
        rows = _RowReader(4)
        log = self._log(head, f"%at%x00%ct%x00{author}", option)
        async with self.process.start(log) as running:
            while chunk := await running.read():
                author_times = []
                for authored_at, committed_at, name, address in rows.feed(chunk):
                    if committed is None:
                        committed = committed_at
                    second = _unix_time(authored_at)
                    if second is not None:
                        author_times.append(second)
                    count += 1
                    authors.add(
                        name.decode(errors="replace"), address.decode(errors="replace"), second
                    )
                days.update(count_by_day(author_times))
        return (
            Activity(
                head=head,
                committed_at=_instant(committed or b""),
                default_branch=tip.branch,
                commit_count=count,
                since=None,
                days=dict(sorted(days.items())),
            ),
            authors.contributors(),
        )

    async def _head_at(self, head: str, instant: dt.datetime) -> str | None:
        """Follow first parents from ``head`` to the first commit not later than ``instant``."""
        latest = (instant - _EPOCH) // dt.timedelta(seconds=1)
        rows = _RowReader(2)
        log = self._log(head, "%H%x00%ct", "--no-mailmap", "--first-parent")
        async with self.process.start(log) as running:
            while chunk := await running.read():
                for oid, committed_at in rows.feed(chunk):
                    second = _unix_time(committed_at)
                    if second is not None and second <= latest:
                        return oid.decode()
        return None

    def _log(self, head: str, row_format: str, *options: str) -> GitCommand:
        return self.command(
            *("log", "-z", f"--format=tformat:{row_format}", "--encoding=UTF-8", "--no-color"),
            *(*options, head, "--"),
            seconds=self.seconds,
        )


def branch_of(ref: str) -> str | None:
    """Return the name of the branch ``ref``, or None if it is not a branch.

    >>> branch_of("refs/heads/main"), branch_of("refs/tags/v1")
    ('main', None)
    """
    name = ref.removeprefix("refs/heads/")
    return None if name == ref else name


@dataclass(slots=True)
class _RowReader:
    """Splits a stream of NUL-terminated fields into rows of ``width`` fields."""

    width: int
    _rest: bytes = b""

    def feed(self, chunk: bytes) -> Iterator[tuple[bytes, ...]]:
        *fields, rest = (self._rest + chunk).split(b"\0")
        complete = len(fields) - len(fields) % self.width
        self._rest = b"\0".join((*fields[complete:], rest))
        if len(self._rest) > _MAX_ROW_BYTES:
            raise Malformed(f"a commit has more than {_MAX_ROW_BYTES} bytes of author data")
        return (tuple(fields[at : at + self.width]) for at in range(0, complete, self.width))


def _unix_time(field: bytes) -> int | None:
    """Return a Unix time, or None: git stores any number, and prints nothing if it is invalid."""
    return int(field) if _UNIX_TIME.fullmatch(field) else None


def _instant(field: bytes) -> dt.datetime:
    second = _unix_time(field)
    with contextlib.suppress(OverflowError):
        if second is not None:
            return _EPOCH + dt.timedelta(seconds=second)
    raise Malformed("the date of the newest commit is outside the calendar")


# ── authors ──────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Author:
    name: str = ""
    """The latest name that was used with the address."""
    named_at: int = _BEFORE_ALL_DATES
    commits: int = 0
    latest_at: int = _BEFORE_ALL_DATES


class Authors:
    """Counts commits by author, for hosts without logins. They may be added in any order.

    Authors are told apart by e-mail address. No address leaves this class.
    """

    def __init__(self) -> None:
        self._by_address: defaultdict[str, _Author] = defaultdict(_Author)

    def add(self, name: str, address: str, at: int | None) -> None:
        """Count a commit. ``at`` is its author date as a Unix time, or None if unreadable."""
        shown = _hide_address(name)
        authored_at = _BEFORE_ALL_DATES if at is None else at
        # An author without an address is identified by name. No address contains a line feed.
        key = address.strip().lower() or f"\n{name.strip()}"
        author = self._by_address[key]
        author.commits += 1
        author.latest_at = max(author.latest_at, authored_at)
        if shown and (not author.name or authored_at > author.named_at):
            author.name, author.named_at = shown, authored_at

    def contributors(self) -> tuple[Contributor, ...]:
        """Return the authors by name, most commits first, then the most recent ones.

        Addresses with the same name are one contributor. An author without a name is left out.
        """
        totals: dict[str, tuple[int, int]] = {}
        for author in self._by_address.values():
            commits, latest_at = totals.get(author.name, (0, _BEFORE_ALL_DATES))
            totals[author.name] = (commits + author.commits, max(latest_at, author.latest_at))
        totals.pop("", None)
        ranked = sorted(totals.items(), key=lambda item: (-item[1][0], -item[1][1], item[0]))
        return tuple(Contributor(name=name, commits=commits) for name, (commits, _) in ranked)


def _hide_address(name: str) -> str:
    """Return ``name`` up to its ``@``, in case it is an e-mail address."""
    return name.strip().lstrip("@").partition("@")[0].strip()[:200].rstrip()
