"""Who wrote a history, where the host has no logins: authors, counted by their addresses.

Addresses tell people apart and go no further than this file.
"""

from dataclasses import dataclass

from pkgharvest.model.observations import Contributor

_LONGEST = 200  # characters of a name
_NEVER = -(2**63)


@dataclass(slots=True)
class _Author:
    name: str
    """The newest that was used with the address."""
    named: int
    commits: int
    newest: int


class Authors:
    """A count of commits by author; ``add`` one after the other, in any order."""

    def __init__(self) -> None:
        self._by_address: dict[str, _Author] = {}

    def add(self, name: str, address: str, at: int | None) -> None:
        """Count a commit of ``at`` (Unix time of its author date, None where unreadable)."""
        shown = _without_address(name)
        second = _NEVER if at is None else at
        # A key with a line feed, which no header line of a commit holds, is no address.
        key = address.strip().lower() or f"\n{name.strip()}"
        author = self._by_address.get(key)
        if author is None:
            self._by_address[key] = _Author(shown, second, 1, second)
            return
        author.commits += 1
        author.newest = max(author.newest, second)
        if shown and (not author.name or second > author.named):
            author.name, author.named = shown, second

    def contributors(self) -> tuple[Contributor, ...]:
        """Return them by name, most commits first, then who wrote most recently.

        Addresses that show one name are one contributor; one that has no name at all is left out.
        """
        totals: dict[str, tuple[int, int]] = {}
        for author in self._by_address.values():
            commits, newest = totals.get(author.name, (0, _NEVER))
            totals[author.name] = (commits + author.commits, max(newest, author.newest))
        totals.pop("", None)
        ranked = sorted(totals.items(), key=lambda item: (-item[1][0], -item[1][1], item[0]))
        return tuple(Contributor(name=name, commits=commits) for name, (commits, _) in ranked)


def _without_address(name: str) -> str:
    """Cut a name that looks like an address before its ``@``."""
    return name.strip().lstrip("@").partition("@")[0].strip()[:_LONGEST].rstrip()
