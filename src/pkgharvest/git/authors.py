"""The authors of a history, for hosts without logins. They are told apart by e-mail address.

No address leaves this file.
"""

from dataclasses import dataclass

from pkgharvest.model.observations import Contributor

_MAX_NAME_CHARACTERS = 200
_BEFORE_ALL_DATES = -(2**63)
"""The date of a commit whose date cannot be read."""


@dataclass(slots=True)
class _Author:
    name: str
    """The latest name that was used with the address."""
    named_at: int
    commits: int
    latest_at: int


class Authors:
    """Counts commits by author. They may be added in any order."""

    def __init__(self) -> None:
        self._by_address: dict[str, _Author] = {}

    def add(self, name: str, address: str, at: int | None) -> None:
        """Count a commit. ``at`` is its author date as a Unix time, or None if unreadable."""
        shown = _hide_address(name)
        authored_at = _BEFORE_ALL_DATES if at is None else at
        # An author without an address is identified by name. No address contains a line feed.
        key = address.strip().lower() or f"\n{name.strip()}"
        author = self._by_address.get(key)
        if author is None:
            self._by_address[key] = _Author(shown, authored_at, 1, authored_at)
            return
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
    return name.strip().lstrip("@").partition("@")[0].strip()[:_MAX_NAME_CHARACTERS].rstrip()
