"""GitHub over REST: a repository, its commits of the last year, its contributors.

Three requests for a package that was never seen, two where nothing changed. Redirects, retries,
quotas and credentials are the transport's; what the answers say is read in ``github_answers``.
"""

import dataclasses
import datetime as dt
from http import HTTPStatus

from pkgharvest.clock import Clock
from pkgharvest.errors import SourceError
from pkgharvest.records import Repository, RepositoryReading, Target
from pkgharvest.sources import github_answers as answers
from pkgharvest.sources.github_commits import Commits
from pkgharvest.sources.github_contributors import Contributors
from pkgharvest.sources.github_parts import Parts, another, name
from pkgharvest.sources.github_rest import PARSER, Rest
from pkgharvest.sources.interface import HistorySource
from pkgharvest.transport.exchange import Exchange, validator_of


class GitHub:
    """A RepositorySource; ``history``, where given, tells the commits instead of REST.

    ``conditional=False`` sends no validators and asks for everything, as a recording must that is
    to be replayed into an empty catalogue.
    """

    def __init__(
        self,
        client: Exchange,
        *,
        api_url: str = "https://api.github.com",
        clock: Clock,
        conditional: bool = True,
        history: HistorySource | None = None,
    ) -> None:
        self._rest = Rest(client, api_url=api_url, conditional=conditional)
        self._commits = Commits(self._rest)
        self._contributors = Contributors(self._rest, clock)
        self._history = history

    async def read(self, target: Target, today: dt.date) -> RepositoryReading:
        """Look at the repository of ``target``; ``today`` is where the 52 weeks end.

        Raises SourceError where the repository itself cannot be read; commits or contributors
        that cannot are the reading's ``problem``. BudgetSpent passes through.
        """
        rest = self._rest
        url = rest.url(target)
        answer = await rest.get(url, rest.validator(target, url))
        if answer.status == HTTPStatus.NOT_MODIFIED and answer.redirects:
            answer = await rest.get(url)  # it was renamed: only a whole answer tells the name
        repository: Repository | None = None
        if answer.status != HTTPStatus.NOT_MODIFIED:
            repository = answers.repository(answers.whole(answer, name(target)))
            if target.repo_id not in {None, repository.repo_id}:
                return another(target, repository)
            target = dataclasses.replace(target, locator=repository.locator)

        parts = Parts()
        try:
            await self._read_activity(target, repository, today, parts)
        except SourceError as error:
            parts.problems.append(error)
        wanted = self._contributors.are_wanted(target, repository)
        try:
            if parts.activity is not None and parts.activity.head is None:
                parts.contributors, parts.asked = (), True
            elif wanted:
                await self._contributors.read(target, parts)
        except SourceError as error:
            parts.problems.append(error)
        # Whether contributors are wanted hangs on pushed_at, which a 304 does not tell. So what
        # vouches for the repository is kept only when they are told, and told after settling; and
        # what came by a redirect is not vouched for under the name that was asked.
        told = parts.asked or not wanted
        settled = repository is not None and self._contributors.have_settled(repository)
        if told and settled and not answer.redirects:
            parts.vouch(validator_of(answer, rest.url(target), PARSER))  # in the host's own case
        return parts.reading(repository)

    async def _read_activity(
        self, target: Target, repository: Repository | None, today: dt.date, parts: Parts
    ) -> None:
        if self._history is not None:
            past = await self._history.history(target, today)
            parts.activity = past.activity
            parts.validators += past.validators
            parts.problems += [past.problem] if past.problem else []
            return
        branch = repository.default_branch if repository else target.default_branch
        await self._commits.read(target, branch, today, parts)
