"""GitHub with a token: GraphQL reads many repositories at once, REST what GraphQL cannot tell.

GraphQL needs a token and counts by query, not by repository: one query reads the facts of 50
repositories for 2 of the 5,000 points of an hour, where REST takes at least one of its 5,000
requests for each. Commits are a second kind of query: they cost GitHub far more time, so only
repositories whose head differs from the catalog's are in it. Two things stay with REST.
Contributors have no equivalent in GraphQL; they are requested if there may be new ones and the
commits did not name every author. And for a repository that it does not return, GraphQL gives one
reason, "could not resolve", while the statuses of REST tell apart whether it is gone, blocked,
private, or was only too much for one query. A server without GraphQL is read over REST
throughout.
"""

import contextlib
import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from pkgharvest.model.activity import count_by_day, window_start
from pkgharvest.model.clock import Clock
from pkgharvest.model.errors import Malformed
from pkgharvest.model.forges.github import graphql_url as default_graphql_url
from pkgharvest.model.json_node import JsonNode
from pkgharvest.model.observations import Activity, Contributor, FetchTarget, RepositoryResult
from pkgharvest.model.package import RepositoryFacts
from pkgharvest.sources.base import HistorySource
from pkgharvest.sources.batching import Batcher, BatchTooLarge
from pkgharvest.sources.github import graphql
from pkgharvest.sources.github.graphql import (
    AuthoredCommit,
    CommitPage,
    CommitQuery,
    Facts,
    InvalidBody,
    NoGraphqlApi,
    Unresolved,
)
from pkgharvest.sources.github.rest import (
    LOOKBACK,
    GitHubRestSource,
    ResultBuilder,
    moved_result,
    repository_name,
)
from pkgharvest.sources.github.rest_decode import Locate
from pkgharvest.sources.json_api import MAX_PAGES
from pkgharvest.transport.base import Request, Transport

T = TypeVar("T")


class GitHubGraphqlSource:
    """A RepositorySource for many concurrent reads: the more there are, the fewer requests each.

    ``charge`` is called with the URL and the points of each query. ``history`` reads the commits
    in place of GitHub's API. ``locate`` says where the repositories of the host are, where that is
    not github.com. Not for recordings: which repositories share a query depends on timing.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        api_url: str = "https://api.github.com",
        graphql_url: str | None = None,
        clock: Clock,
        history: HistorySource | None = None,
        charge: Callable[[str, int], None] = lambda _url, _points: None,
        locate: Locate | None = None,
    ) -> None:
        self._locate = locate
        self._transport = transport
        self._url = graphql_url or default_graphql_url(api_url)
        self._charge = charge
        self._history = history
        self._rest = GitHubRestSource(
            transport, api_url=api_url, clock=clock, history=history, locate=locate
        )
        self._has_graphql = True
        """False once the server has said that it has no GraphQL API."""
        self._pending_reads = 0
        """Reads that may yet ask for commits."""
        self._facts: Batcher[str, Facts] = Batcher(
            self._fetch_facts, max_size=graphql.MAX_FACTS_PER_QUERY, clock=clock
        )
        self._commit_pages: Batcher[CommitQuery, CommitPage] = Batcher(
            self._fetch_commit_pages,
            max_size=graphql.MAX_COMMIT_PAGES_PER_QUERY,
            clock=clock,
            expected=lambda: self._pending_reads,
        )

    async def read(self, target: FetchTarget, today: dt.date) -> RepositoryResult:
        """Read the repository of ``target``, batched with others that are read at the same time.

        The 52 weeks end on the day before ``today``. Raises SourceError if the repository itself
        cannot be read. If only commits or contributors cannot, that error is the result's
        ``problem``. BudgetSpent passes through.
        """
        facts = await self._read_facts(target)
        if facts is None:
            return await self._rest.read(target, today)
        repository = facts.repository
        if target.repo_id not in {None, repository.repo_id}:
            return moved_result(target, repository)
        if facts.head is None:
            # GraphQL does not name a branch without commits. And if commits that were there are
            # gone, the statuses of REST must confirm it.
            had_commits = target.head is not None
            if target.default_branch is None or (had_commits and not facts.is_empty):
                return _add_archived_at(await self._rest.read(target, today), repository)
            repository = repository._replace(default_branch=target.default_branch)
        return await self._read_parts(target, repository, facts.head, today)

    async def _read_facts(self, target: FetchTarget) -> Facts | None:
        """Return the facts of the repository, or None if only REST can tell."""
        if not self._has_graphql:
            return None
        with self._count_pending():
            try:
                return await self._facts.get(repository_name(target))
            except (Unresolved, BatchTooLarge):
                return None

    async def _read_parts(
        self, target: FetchTarget, repository: RepositoryFacts, head: str | None, today: dt.date
    ) -> RepositoryResult:
        target = dataclasses.replace(target, locator=repository.locator)
        builder = ResultBuilder()
        authors: tuple[Contributor, ...] | None = None
        with builder.catch_problem(), self._count_pending():
            authors = await self._read_activity(target, repository, head, today, builder)
        await self._rest.read_contributors(target, repository, builder, authors)
        self._invalidate_rest(target, builder)
        return builder.build(repository)

    def _invalidate_rest(self, target: FetchTarget, builder: ResultBuilder) -> None:
        """Invalidate the REST validators of data that was just replaced through GraphQL."""
        base = self._rest.url(target)
        outdated = (base,) if builder.activity is None else (base, f"{base}/commits")
        renewed = {validator.key.partition("?")[0] for validator in builder.validators}
        for key in target.validators:
            validator, url = self._rest.saved_validator(target, key), key.partition("?")[0]
            if validator is not None and url in outdated and url not in renewed:
                builder.invalidate(validator)

    @contextlib.contextmanager
    def _count_pending(self) -> Iterator[None]:
        self._pending_reads += 1
        try:
            yield
        finally:
            self._pending_reads -= 1

    # ── commits ──────────────────────────────────────────────────────────────────────────

    async def _read_activity(
        self,
        target: FetchTarget,
        repository: RepositoryFacts,
        head: str | None,
        today: dt.date,
        builder: ResultBuilder,
    ) -> tuple[Contributor, ...] | None:
        """Read the activity into ``builder`` if it is new.

        Return the contributors if the commits name all of them, else None.
        """
        if head is None:
            builder.activity = Activity.empty(repository.default_branch)
            return None
        if head == target.head and (
            target.days_since is None or target.days_since <= window_start(today)
        ):
            return None  # the same head has the same commits before it
        if self._history is not None:
            builder.add_history(await self._history.history(target, today))
            return None
        try:
            page, commits = await self._read_commits(target, today - LOOKBACK)
        except (Unresolved, BatchTooLarge):
            await self._rest.read_commits(target, repository.default_branch, today, builder)
            return None
        if page.repo_id != repository.repo_id:
            raise Malformed(
                f"{repository_name(target)} became another repository while it was read"
            )
        builder.activity = Activity(
            head=page.head,
            committed_at=page.committed,
            default_branch=page.branch,
            commit_count=page.total,
            since=today - LOOKBACK,
            days=count_by_day(
                [commit.authored for commit in commits if commit.authored is not None]
            ),
        )
        return _count_authors(commits) if len(commits) == page.total else None

    async def _read_commits(
        self, target: FetchTarget, since: dt.date
    ) -> tuple[CommitPage, Sequence[AuthoredCommit]]:
        """Read all pages. Return the first one, and the commits of all of them."""
        query = CommitQuery(path=repository_name(target), since=since)
        first = page = await self._commit_pages.get(query)
        commits = {commit.sha: commit for commit in page.commits}
        cursors: set[str] = set()
        while page.next_cursor is not None:
            if page.next_cursor in cursors or len(cursors) >= MAX_PAGES:
                raise Malformed(f"{query.path}: too many pages of commits, or pages in a loop")
            cursors.add(page.next_cursor)
            page = await self._commit_pages.get(dataclasses.replace(query, after=page.next_cursor))
            commits |= {commit.sha: commit for commit in page.commits}
        return first, tuple(commits.values())

    # ── queries ──────────────────────────────────────────────────────────────────────────

    async def _fetch_facts(self, paths: Sequence[str]) -> Sequence[Facts | Exception]:
        request = graphql.build_facts_request(self._url, paths)
        return await self._send_query(
            request, len(paths), lambda node: graphql.decode_facts(node, self._locate)
        )

    async def _fetch_commit_pages(
        self, queries: Sequence[CommitQuery]
    ) -> Sequence[CommitPage | Exception]:
        return await self._send_query(
            graphql.build_commits_request(self._url, queries),
            len(queries),
            graphql.decode_commit_page,
        )

    async def _send_query(
        self, request: Request, count: int, decode: Callable[[JsonNode], T]
    ) -> list[T | Exception]:
        """Send a query for ``count`` repositories, a second time if the body was cut off."""
        response = await self._transport.send(request)
        try:
            try:
                cost, results = graphql.decode_response(response, count, decode)
            except InvalidBody:
                response = await self._transport.send(request)
                cost, results = graphql.decode_response(response, count, decode)
        except NoGraphqlApi:
            self._has_graphql = False
            return [Unresolved() for _ in range(count)]
        self._charge(self._url, cost)
        return results


def _count_authors(commits: Sequence[AuthoredCommit]) -> tuple[Contributor, ...] | None:
    """Count the commits of each author. Return None if an author is unknown.

    Most commits first, then the most recent author, as REST lists them; how REST orders equal
    counts is not documented. Bots have no login in GraphQL, but REST lists them.
    """
    counts = Counter([commit.author for commit in commits])
    if None in counts:
        return None
    return tuple([Contributor(name=name, commits=n) for name, n in counts.most_common() if name])


def _add_archived_at(result: RepositoryResult, facts: RepositoryFacts) -> RepositoryResult:
    """Add to a result of REST the one fact that only GraphQL has."""
    if result.repository is None or result.repository.repo_id != facts.repo_id:
        return result
    repository = result.repository._replace(archived_at=facts.archived_at)
    return dataclasses.replace(result, repository=repository)
