"""The contributors of a GitHub repository: when to ask for them, and asking, over REST."""

import datetime as dt
from http import HTTPStatus

from pkgharvest.clock import Clock
from pkgharvest.records import Contributor, Repository, Target
from pkgharvest.sources import github_answers as answers
from pkgharvest.sources.github_parts import Parts, name
from pkgharvest.sources.github_rest import PARSER, PER_PAGE, Rest
from pkgharvest.transport.exchange import Answer, validator_of

_SETTLING = dt.timedelta(hours=6)
"""GitHub's list of contributors may be "a few hours old"."""


class Contributors:
    """Reads who contributed, where that may have changed."""

    def __init__(self, rest: Rest, clock: Clock) -> None:
        self._rest = rest
        self._clock = clock

    def are_wanted(self, target: Target, repository: Repository | None) -> bool:
        """Tell whether there may be others than are known; None: the repository is unchanged."""
        if not (self._rest.conditional and target.contributors_known and target.contributors_read):
            return True
        if target.contributors_read > self._clock.now():
            return True  # a clock was wrong: nobody knows when that was
        if repository is None or repository.pushed_at is None:
            return False
        if repository.pushed_at > target.contributors_read:
            return True
        settled = repository.pushed_at + _SETTLING
        # It was read too early to have them for sure: once more, when it has.
        return target.contributors_read < settled <= self._clock.now()

    def have_settled(self, repository: Repository) -> bool:
        """Tell whether the last push is so long ago that the list has it."""
        pushed = repository.pushed_at
        return pushed is None or pushed <= self._clock.now() - _SETTLING

    async def read(self, target: Target, parts: Parts) -> None:
        """Put all of them into ``parts``, most commits first. Raises SourceError."""
        url = self._url(target)
        known = self._rest.validator(target, url) if target.contributors_known else None
        answer = await self._rest.get(url, known)
        if answer.status == HTTPStatus.NO_CONTENT:
            parts.contributors = ()
        elif answer.status != HTTPStatus.NOT_MODIFIED and not answers.lists_too_many(answer):
            people: dict[str, Contributor] = {}
            listed = 0
            page: Answer | None = answers.whole(answer, name(target))
            turned = {answer.url}
            while page is not None:
                for person in answers.contributors(page):
                    listed += 1
                    if person is not None:
                        people.setdefault(person.name, person)
                page = await self._rest.next_page(page, turned, target)
            parts.contributors = tuple(people.values())
            if listed < PER_PAGE:  # what follows a full page changes without that page changing
                parts.vouch(validator_of(answer, url, PARSER))
        parts.asked = True

    def withdraw(self, target: Target, parts: Parts) -> None:
        """Let nothing vouch for the last list: another was found without asking for it."""
        known = self._rest.validator(target, self._url(target))
        if known is not None:
            parts.withdraw(known)

    def _url(self, target: Target) -> str:
        return f"{self._rest.url(target)}/contributors?per_page={PER_PAGE}"
