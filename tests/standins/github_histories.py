"""Repositories for the GitHub stand-in, made from published commit histories."""

import datetime as dt
import hashlib
import heapq
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from tests.standins.github_bodies import FakeCommit, FakeContributor, FakeRepository


class HistoryCommit(Protocol):
    """A commit of a published history; ``parents`` are indexes into that history."""

    @property
    def parents(self) -> Sequence[int]: ...
    @property
    def authored(self) -> dt.datetime: ...
    @property
    def committed(self) -> dt.datetime: ...
    @property
    def author(self) -> str: ...


def repository_of(
    commits: Sequence[HistoryCommit], head: int | None, *, owner: str, name: str, **facts: object
) -> FakeRepository:
    """Return a repository with the commits reachable from ``head``, in the order of ``git log``.

    Authors become logins, and contributors by their number of commits. ``facts`` are other fields
    of FakeRepository. Without ``head`` the repository is empty.
    """
    listed = _log_order(commits, head)

    def sha(index: int) -> str:
        return hashlib.sha1(f"{owner}/{name}@{index}".encode(), usedforsecurity=False).hexdigest()

    counted = Counter(commits[index].author for index in listed)
    repo = FakeRepository(
        owner=owner,
        name=name,
        empty=not listed,
        commits=[
            FakeCommit(
                sha=sha(index),
                authored=commits[index].authored,
                committed=commits[index].committed,
                author=commits[index].author,
                parents=tuple(sha(parent) for parent in commits[index].parents),
            )
            for index in listed
        ],
        contributors=[
            FakeContributor(name=login, contributions=times)
            for login, times in counted.most_common()
        ],
    )
    if listed:
        repo.pushed_at = repo.updated_at = commits[listed[0]].committed
    for field, value in facts.items():
        setattr(repo, field, value)
    return repo


def _log_order(commits: Sequence[HistoryCommit], head: int | None) -> list[int]:
    """Walk from ``head`` as ``git log`` does: next is the latest commit of those seen so far."""
    waiting = [] if head is None else [(-commits[head].committed.timestamp(), 0, head)]
    seen = set() if head is None else {head}
    order: list[int] = []
    while waiting:
        index = heapq.heappop(waiting)[2]
        order.append(index)
        for parent in commits[index].parents:
            if parent not in seen:
                seen.add(parent)
                entry = (-commits[parent].committed.timestamp(), len(seen), parent)
                heapq.heappush(waiting, entry)
    return order
