"""The contributors of a GitHub repository: when to ask for them, and asking, over REST."""

import datetime as dt
from http import HTTPStatus

from pkgharvest.model.clock import Clock
from pkgharvest.model.observations import Contributor, FetchTarget, RepositoryFacts
from pkgharvest.sources.github import rest_decode as answers
from pkgharvest.sources.github.rest import PARSER_REVISION, PER_PAGE, GitHubRestApi
from pkgharvest.sources.github.result_builder import ResultBuilder, repository_name
from pkgharvest.transport.base import Response, response_validator

_SETTLING = dt.timedelta(hours=6)
"""GitHub's list of contributors may be "a few hours old"."""


class Contributors:
    """Reads who contributed, where that may have changed."""

    def __init__(self, rest: GitHubRestApi, clock: Clock) -> None:
        self._rest = rest
        self._clock = clock

    def are_wanted(self, target: FetchTarget, repository: RepositoryFacts | None) -> bool:
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

    def have_settled(self, repository: RepositoryFacts) -> bool:
        """Tell whether the last push is so long ago that the list has it."""
        pushed = repository.pushed_at
        return pushed is None or pushed <= self._clock.now() - _SETTLING

    async def read(self, target: FetchTarget, parts: ResultBuilder) -> None:
        """Put all of them into ``parts``, most commits first. Raises SourceError."""
        url = self._url(target)
        known = self._rest.validator(target, url) if target.contributors_known else None
        answer = await self._rest.get(url, known)
        if answer.status == HTTPStatus.NO_CONTENT:
            parts.contributors = ()
        elif answer.status != HTTPStatus.NOT_MODIFIED and not answers.lists_too_many(answer):
            people: dict[str, Contributor] = {}
            listed = 0
            page: Response | None = answers.whole(answer, repository_name(target))
            turned = {answer.url}
            while page is not None:
                for person in answers.contributors(page):
                    listed += 1
                    if person is not None:
                        people.setdefault(person.name, person)
                page = await self._rest.next_page(page, turned, target)
            parts.contributors = tuple(people.values())
            if listed < PER_PAGE:  # what follows a full page changes without that page changing
                parts.vouch(response_validator(answer, url, PARSER_REVISION))
        parts.asked = True

    def withdraw(self, target: FetchTarget, parts: ResultBuilder) -> None:
        """Let nothing vouch for the last list: another was found without asking for it."""
        known = self._rest.validator(target, self._url(target))
        if known is not None:
            parts.withdraw(known)

    def _url(self, target: FetchTarget) -> str:
        return f"{self._rest.url(target)}/contributors?per_page={PER_PAGE}"
