"""A git repository that is on this machine, and what is asked of it: its head, its log.

Nothing here goes to the network.
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pkgharvest.git.authors import Authors
from pkgharvest.git.process import GitCommand, GitError, GitProcess
from pkgharvest.model.activity import count_by_day
from pkgharvest.model.errors import Malformed
from pkgharvest.model.observations import Activity, Contributor

_SHORT_SECONDS = 60.0
"""For questions whose answer is a line."""

_LONGEST_ROW = 1 << 20
_SECONDS = re.compile(rb"\d{1,18}")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

Survey = tuple[Activity, tuple[Contributor, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tip:
    """Where a history ends."""

    head: str | None
    """The commit's id; None for a repository that has no commit."""
    branch: str | None
    """None where HEAD is on no branch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitRepository:
    """A repository in ``place``, somebody's, or in ``clone``, ours. All methods raise GitError."""

    process: GitProcess
    seconds: float
    """For a reading of the whole log."""
    place: Path | None = None
    clone: Path | None = None

    def asked(self, *arguments: str, seconds: float = _SHORT_SECONDS) -> GitCommand:
        """Return the command that asks ``arguments`` of this repository."""
        return GitCommand(arguments=arguments, seconds=seconds, place=self.place, clone=self.clone)

    async def ask(self, *arguments: str) -> str | None:
        """Return a short answer; None where git says no by ending with 1."""
        try:
            answer = await self.process.run(self.asked(*arguments))
        except GitError as error:
            if error.code == 1:
                return None
            raise
        return answer.decode(errors="replace").rstrip("\n")

    async def tip(self) -> Tip:
        """Return where HEAD is."""
        ref = await self.ask("symbolic-ref", "--quiet", "HEAD")
        head = await self.ask("rev-parse", "--quiet", "--verify", "HEAD")
        return Tip(head=head, branch=branch_of(ref) if ref else None)

    async def survey(self, tip: Tip, instant: dt.datetime | None, *, mailmap: bool) -> Survey:
        """Read what leads to ``tip``, or to where the history ended at ``instant``.

        ``mailmap`` is for repositories that have their files: elsewhere it would fetch them.
        Raises Malformed where the head's own date is beyond any calendar.
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
        use = "--mailmap" if mailmap else "--no-mailmap"
        rows = _Rows(4)
        async with self.process.start(self._log(head, f"%at%x00%ct%x00{author}", use)) as running:
            while chunk := await running.read():
                seconds = []
                for authored_at, committed_at, name, address in rows.feed(chunk):
                    if committed is None:
                        committed = committed_at
                    second = _second(authored_at)
                    if second is not None:
                        seconds.append(second)
                    count += 1
                    authors.add(_text(name), _text(address), second)
                days.update(count_by_day(seconds))
        activity = Activity(
            head=head,
            committed_at=_instant(committed or b""),
            default_branch=tip.branch,
            commit_count=count,
            since=None,
            days=dict(sorted(days.items())),
        )
        return activity, authors.contributors()

    async def _head_at(self, head: str, instant: dt.datetime) -> str | None:
        """Walk first parents from ``head`` to the first that was committed by ``instant``."""
        latest = (instant - _EPOCH) // dt.timedelta(seconds=1)
        rows = _Rows(2)
        log = self._log(head, "%H%x00%ct", "--no-mailmap", "--first-parent")
        async with self.process.start(log) as running:
            while chunk := await running.read():
                for oid, committed_at in rows.feed(chunk):
                    second = _second(committed_at)
                    if second is not None and second <= latest:
                        return oid.decode()
        return None

    def _log(self, head: str, form: str, *options: str) -> GitCommand:
        return self.asked(
            *("log", "-z", f"--format=tformat:{form}", "--encoding=UTF-8", "--no-color"),
            *(*options, head, "--"),
            seconds=self.seconds,
        )


def branch_of(ref: str) -> str | None:
    """Return the branch that ``ref`` is, or None where it is something else."""
    name = ref.removeprefix("refs/heads/")
    return None if name == ref else name


class _Rows:
    """Cuts a stream of NUL-terminated fields into rows of ``width``."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[tuple[bytes, ...]]:
        *fields, rest = (self._rest + chunk).split(b"\0")
        whole = len(fields) - len(fields) % self._width
        self._rest = b"\0".join((*fields[whole:], rest))
        if len(self._rest) > _LONGEST_ROW:
            raise Malformed("an author's name is longer than any name")
        return (tuple(fields[at : at + self._width]) for at in range(0, whole, self._width))


def _text(field: bytes) -> str:
    return field.decode(errors="replace")


def _second(field: bytes) -> int | None:
    """Read a Unix time; git stores any number there, and prints nothing for what is none."""
    return int(field) if _SECONDS.fullmatch(field) else None


def _instant(field: bytes) -> dt.datetime:
    second = _second(field)
    try:
        if second is not None:
            return _EPOCH + dt.timedelta(seconds=second)
    except OverflowError:
        pass
    raise Malformed("the newest commit has a date that no calendar holds")
