"""GitHub with a token: GraphQL tells many repositories at once, REST what it cannot.

Two kinds of queries: the facts of all of them, and commits of those whose head is another than
the catalogue's. Contributors come by REST, where commits do not tell them and where there may be
new ones. A repository of which GraphQL does not tell is asked for by REST, whose statuses tell
why: gone, blocked, withheld, or only too much for one query. Where there is no GraphQL at all,
all of them are.
"""

import contextlib
import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from pkgharvest.model import activity
from pkgharvest.model.clock import Clock
from pkgharvest.model.errors import Malformed, SourceError
from pkgharvest.model.forges import github as forge
from pkgharvest.model.observations import (
    Activity,
    Contributor,
    FetchTarget,
    RepositoryFacts,
    RepositoryResult,
)
from pkgharvest.sources.base import HistorySource
from pkgharvest.sources.batching import Batcher, BatchTooLarge
from pkgharvest.sources.github import graphql
from pkgharvest.sources.github.commits import Commits
from pkgharvest.sources.github.contributors import Contributors
from pkgharvest.sources.github.graphql import (
    Facts,
    History,
    NotServed,
    NotTold,
    Page,
    Unreadable,
    Written,
)
from pkgharvest.sources.github.rest import MAX_PAGES, GitHubRestApi
from pkgharvest.sources.github.rest_source import GitHubRestSource
from pkgharvest.sources.github.result_builder import (
    LOOKBACK,
    ResultBuilder,
    empty_activity,
    moved_result,
    repository_name,
)
from pkgharvest.transport.base import Request, Transport


def _free(url: str, points: int) -> None:
    """Note no costs."""


class GitHubGraphqlSource:
    """A RepositorySource for many reads at a time, the more the fewer requests.

    ``graphql_url`` and ``api_url`` are asked with a token. ``charge`` is told the URL and the
    points of each query. ``history``, where given, tells the commits instead of GitHub's API.
    Not for recordings: which repositories share a query hangs on the moment.
    """

    def __init__(
        self,
        client: Transport,
        *,
        api_url: str = "https://api.github.com",
        graphql_url: str | None = None,
        clock: Clock,
        history: HistorySource | None = None,
        charge: Callable[[str, int], None] = _free,
    ) -> None:
        self._client = client
        self._url = graphql_url or forge.graphql_url(api_url)
        self._charge = charge
        self._history = history
        self._by_rest = GitHubRestSource(client, api_url=api_url, clock=clock, history=history)
        self._rest = GitHubRestApi(client, api_url=api_url)
        self._commits = Commits(self._rest)
        self._contributors = Contributors(self._rest, clock)
        self._served = True
        """There is a GraphQL API, as far as is known."""
        self._on_the_way = 0
        """Reads that may yet ask for commits."""
        self._facts: Batcher[str, Facts] = Batcher(
            self._ask_facts, most=graphql.MOST_FACTS, clock=clock
        )
        self._pages: Batcher[Page, History] = Batcher(
            self._ask_pages,
            most=graphql.MOST_HISTORIES,
            clock=clock,
            expected=lambda: self._on_the_way,
        )

    async def read(self, target: FetchTarget, today: dt.date) -> RepositoryResult:
        """Look at the repository of ``target``, together with others that are read now.

        ``today`` is where the 52 weeks end. Raises SourceError where the repository itself cannot
        be read; commits or contributors that cannot are the reading's ``problem``. BudgetSpent
        passes through.
        """
        facts = await self._told_facts(target)
        if facts is None:
            return await self._by_rest.read(target, today)
        news = facts.repository
        if target.repo_id not in {None, news.repo_id}:
            return moved_result(target, news)
        if facts.head is None:
            # GraphQL has no name for a branch without commits; and that commits which were there
            # are not any more is for the statuses of REST to confirm.
            if target.default_branch is None or (target.head is not None and not facts.empty):
                return _archived_as(news, await self._by_rest.read(target, today))
            news = dataclasses.replace(news, default_branch=target.default_branch)
        return await self._read_parts(target, news, facts.head, today)

    async def _told_facts(self, target: FetchTarget) -> Facts | None:
        if not self._served:
            return None
        with self._counted():
            try:
                return await self._facts.get(repository_name(target))
            except (NotTold, BatchTooLarge):
                return None

    async def _read_parts(
        self, before: FetchTarget, news: RepositoryFacts, head: str | None, today: dt.date
    ) -> RepositoryResult:
        target = dataclasses.replace(before, locator=news.locator)
        parts = ResultBuilder()
        authors: tuple[Contributor, ...] | None = None
        try:
            with self._counted():
                authors = await self._read_activity(target, news, head, today, parts)
        except SourceError as error:
            parts.problems.append(error)
        try:
            if parts.activity is not None and parts.activity.head is None:
                parts.contributors, parts.asked = (), True
            elif not self._contributors.are_wanted(target, news):
                pass
            elif authors is not None:
                parts.contributors, parts.asked = authors, True
                self._contributors.withdraw(target, parts)
            else:
                await self._contributors.read(target, parts)
        except SourceError as error:
            parts.problems.append(error)
        self._withdraw(target, parts)
        return parts.reading(news)

    def _withdraw(self, target: FetchTarget, parts: ResultBuilder) -> None:
        """Let what REST gave to ask with vouch no longer for what is another's word now."""
        base = self._rest.url(target)
        outdated = (base,) if parts.activity is None else (base, f"{base}/commits")
        given = {validator.key.partition("?")[0] for validator in parts.validators}
        for key in target.validators:
            known, path = self._rest.validator(target, key), key.partition("?")[0]
            if known is not None and path in outdated and path not in given:
                parts.withdraw(known)

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        self._on_the_way += 1
        try:
            yield
        finally:
            self._on_the_way -= 1

    # ── commits ──────────────────────────────────────────────────────────────────────────

    async def _read_activity(
        self,
        target: FetchTarget,
        news: RepositoryFacts,
        head: str | None,
        today: dt.date,
        parts: ResultBuilder,
    ) -> tuple[Contributor, ...] | None:
        """Put the activity into ``parts``, where it is new; return all authors, where told."""
        if head is None:
            parts.activity = empty_activity(news.default_branch)
            return None
        if head == target.head and (
            target.days_since is None or target.days_since <= activity.window_start(today)
        ):
            return None  # no commit came, and none can have come before that head
        if self._history is not None:
            past = await self._history.history(target, today)
            parts.activity = past.activity
            parts.validators += past.validators
            parts.problems += [past.problem] if past.problem else []
            return None
        try:
            last, written = await self._written(target, today - LOOKBACK)
        except (NotTold, BatchTooLarge):
            await self._commits.read(target, news.default_branch, today, parts)
            return None
        if last.repo_id != news.repo_id:
            raise Malformed(
                f"{repository_name(target)} became another repository while it was read"
            )
        parts.activity = Activity(
            head=last.head,
            committed_at=last.committed,
            default_branch=last.branch,
            commit_count=last.total,
            since=today - LOOKBACK,
            days=activity.count_by_day(
                commit.authored for commit in written if commit.authored is not None
            ),
        )
        return _authors(written) if len(written) == last.total else None

    async def _written(
        self, target: FetchTarget, since: dt.date
    ) -> tuple[History, Sequence[Written]]:
        """Read page after page; return the first, and the commits of all."""
        first = page = await self._pages.get(Page(path=repository_name(target), since=since))
        written = {commit.sha: commit for commit in page.commits}
        turned: set[str] = set()
        while page.more is not None:
            if page.more in turned or len(turned) >= MAX_PAGES:
                raise Malformed(f"the commits of {repository_name(target)} do not come to an end")
            turned.add(page.more)
            page = await self._pages.get(
                Page(path=repository_name(target), since=since, after=page.more)
            )
            written |= {commit.sha: commit for commit in page.commits}
        return first, tuple(written.values())

    # ── queries ──────────────────────────────────────────────────────────────────────────

    async def _ask_facts(self, paths: Sequence[str]) -> Sequence[Facts | Exception]:
        reply = await self._reply(graphql.facts_request(self._url, paths), len(paths))
        return reply.read(graphql.facts)

    async def _ask_pages(self, pages: Sequence[Page]) -> Sequence[History | Exception]:
        reply = await self._reply(graphql.pages_request(self._url, pages), len(pages))
        return reply.read(graphql.history)

    async def _reply(self, request: Request, count: int) -> graphql.Reply:
        """Send a query about ``count`` repositories; once more, where no whole answer came."""
        answer = await self._client.send(request)
        try:
            try:
                reply = graphql.reply(answer, count)
            except Unreadable:
                reply = graphql.reply(await self._client.send(request), count)
        except NotServed:
            self._served = False
            return graphql.Reply(1, tuple(NotTold() for _ in range(count)))
        self._charge(self._url, reply.cost)
        return reply


def _authors(written: Sequence[Written]) -> tuple[Contributor, ...] | None:
    """Count authors, most commits first, then as the newest comes; None where one is unknown.

    As REST lists them, whose order of those with equal numbers is not known. Bots have no login
    here and are listed there.
    """
    commits: Counter[str] = Counter()
    for commit in written:
        if commit.author is None:
            return None
        commits[commit.author] += 1
    return tuple(Contributor(name=login, commits=count) for login, count in commits.most_common())


def _archived_as(told: RepositoryFacts, reading: RepositoryResult) -> RepositoryResult:
    """Return ``reading``, by REST, with the one fact that only GraphQL has."""
    if reading.repository is None or reading.repository.repo_id != told.repo_id:
        return reading
    repository = dataclasses.replace(reading.repository, archived_at=told.archived_at)
    return dataclasses.replace(reading, repository=repository)
