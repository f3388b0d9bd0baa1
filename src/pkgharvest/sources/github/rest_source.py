"""GitHub over REST: a repository, its commits of the last year, its contributors.

Three requests for a package that was never seen, two where nothing changed. Redirects, retries,
quotas and credentials are the transport's; what the answers say is read in ``github_answers``.
"""

import dataclasses
import datetime as dt
from http import HTTPStatus

from pkgharvest.model.clock import Clock
from pkgharvest.model.errors import SourceError
from pkgharvest.model.observations import FetchTarget, RepositoryFacts, RepositoryResult
from pkgharvest.sources.base import HistorySource
from pkgharvest.sources.github import rest_decode as answers
from pkgharvest.sources.github.commits import Commits
from pkgharvest.sources.github.contributors import Contributors
from pkgharvest.sources.github.rest import PARSER_REVISION, GitHubRestApi
from pkgharvest.sources.github.result_builder import ResultBuilder, moved_result, repository_name
from pkgharvest.transport.base import Transport, response_validator


class GitHubRestSource:
    """A RepositorySource; ``history``, where given, tells the commits instead of REST.

    ``conditional=False`` sends no validators and asks for everything, as a recording must that is
    to be replayed into an empty catalogue.
    """

    def __init__(
        self,
        client: Transport,
        *,
        api_url: str = "https://api.github.com",
        clock: Clock,
        conditional: bool = True,
        history: HistorySource | None = None,
    ) -> None:
        self._rest = GitHubRestApi(client, api_url=api_url, conditional=conditional)
        self._commits = Commits(self._rest)
        self._contributors = Contributors(self._rest, clock)
        self._history = history

    async def read(self, target: FetchTarget, today: dt.date) -> RepositoryResult:
        """Look at the repository of ``target``; ``today`` is where the 52 weeks end.

        Raises SourceError where the repository itself cannot be read; commits or contributors
        that cannot are the reading's ``problem``. BudgetSpent passes through.
        """
        rest = self._rest
        url = rest.url(target)
        answer = await rest.get(url, rest.validator(target, url))
        if answer.status == HTTPStatus.NOT_MODIFIED and answer.redirects:
            answer = await rest.get(url)  # it was renamed: only a whole answer tells the name
        repository: RepositoryFacts | None = None
        if answer.status != HTTPStatus.NOT_MODIFIED:
            repository = answers.repository(answers.whole(answer, repository_name(target)))
            if target.repo_id not in {None, repository.repo_id}:
                return moved_result(target, repository)
            target = dataclasses.replace(target, locator=repository.locator)

        parts = ResultBuilder()
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
            parts.vouch(
                response_validator(answer, rest.url(target), PARSER_REVISION)
            )  # in the host's own case
        return parts.reading(repository)

    async def _read_activity(
        self,
        target: FetchTarget,
        repository: RepositoryFacts | None,
        today: dt.date,
        parts: ResultBuilder,
    ) -> None:
        if self._history is not None:
            past = await self._history.history(target, today)
            parts.activity = past.activity
            parts.validators += past.validators
            parts.problems += [past.problem] if past.problem else []
            return
        branch = repository.default_branch if repository else target.default_branch
        await self._commits.read(target, branch, today, parts)
