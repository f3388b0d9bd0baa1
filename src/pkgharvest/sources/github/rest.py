"""GitHub over REST: a repository, its commits of the last year, its contributors.

A package that was never read takes three requests, an unchanged one takes two. The endpoints are
https://docs.github.com/rest/repos/repos#get-a-repository, …/rest/commits/commits#list-commits and
…/rest/repos/repos#list-repository-contributors. `rest_decode` reads the responses; redirects,
retries, quotas and credentials belong to the transport.
"""

import contextlib
import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote

from pkgharvest.model.activity import count_by_day, window_start
from pkgharvest.model.clock import Clock
from pkgharvest.model.errors import Malformed, SourceError
from pkgharvest.model.instants import utc_day
from pkgharvest.model.observations import (
    Activity,
    Contributor,
    FetchTarget,
    RepositoryResult,
    Validator,
)
from pkgharvest.model.package import RepositoryFacts
from pkgharvest.sources.base import HistorySource
from pkgharvest.sources.github import rest_decode
from pkgharvest.sources.github.rest_decode import API_VERSION, Commit, require_ok
from pkgharvest.sources.json_api import JsonApi
from pkgharvest.transport.base import Response, Transport, page_number, parse_link_header

PARSER_REVISION = 1
"""Revision of the decoders. Raise it when they read more or read it differently."""

LOOKBACK = dt.timedelta(weeks=53)
"""How far back commits are listed. ``since`` compares committer dates and the histogram counts
author dates, so a week is added to the 52; a commit whose dates are further apart is missed."""

_PER_PAGE = 100
_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": API_VERSION}

_MAX_SINCE_AGE = dt.timedelta(weeks=4)
"""How long one ``since`` stays in use. If it moved every day, the URL would be new every day, and
the response could never be a 304."""

_CONTRIBUTORS_DELAY = dt.timedelta(hours=6)
"""After a push, GitHub's list of contributors may be "a few hours old"."""

_UNUSABLE_REVISION = 0
"""A parser revision that no code has, so a validator that carries it is never sent."""

T = TypeVar("T")


@dataclasses.dataclass(slots=True)
class ResultBuilder:
    """The result of reading one repository, while its parts come in."""

    activity: Activity | None = None
    contributors: tuple[Contributor, ...] | None = None
    contributors_asked: bool = False
    """GitHub answered for its contributors, if only to say that they are unchanged."""
    validators: list[Validator] = dataclasses.field(default_factory=list)
    problems: list[SourceError] = dataclasses.field(default_factory=list)

    @contextlib.contextmanager
    def catch_problem(self) -> Iterator[None]:
        """Record a SourceError as a problem of one part, so that the other parts stand."""
        try:
            yield
        except SourceError as error:
            self.problems.append(error)

    def invalidate(self, validator: Validator) -> None:
        """Replace a saved validator by an unusable one: its data came through another API now."""
        self.validators.append(
            Validator(key=validator.key, etag=None, last_modified=None, parser=_UNUSABLE_REVISION)
        )

    def add_history(self, result: RepositoryResult) -> None:
        """Take over the activity that a HistorySource read, with its validators and problem."""
        self.activity = result.activity
        self.validators += result.validators
        if result.problem is not None:
            self.problems.append(result.problem)

    def build(self, repository: RepositoryFacts | None) -> RepositoryResult:
        """Return the result. It can carry one problem: the first."""
        return RepositoryResult(
            repository=repository,
            activity=self.activity,
            contributors=self.contributors,
            contributors_asked=self.contributors_asked,
            validators=tuple(self.validators),
            problem=self.problems[0] if self.problems else None,
        )


class GitHubRestSource:
    """A RepositorySource that sends every request for one repository.

    ``history`` reads the commits in place of REST. ``locate`` says where the repositories of the
    host are, where that is not github.com. ``conditional=False`` sends no validators and
    reads everything, for a recording that is replayed into an empty catalog. The methods below
    `read` read single parts; `GitHubGraphqlSource` uses them for what GraphQL cannot tell.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        api_url: str = "https://api.github.com",
        clock: Clock,
        conditional: bool = True,
        history: HistorySource | None = None,
        locate: rest_decode.Locate | None = None,
    ) -> None:
        self._locate = locate
        self._api = JsonApi(
            transport,
            api_url,
            headers=_HEADERS,
            parser_revision=PARSER_REVISION,
            conditional=conditional,
        )
        self._clock = clock
        self._history = history

    async def read(self, target: FetchTarget, today: dt.date) -> RepositoryResult:
        """Read the repository of ``target``. The 52 weeks end on the day before ``today``.

        Raises SourceError if the repository itself cannot be read. If only commits or
        contributors cannot, that error is the result's ``problem``. BudgetSpent passes through.
        """
        url = self.url(target)
        response = await self._api.send(url, self.saved_validator(target, url))
        if response.status == HTTPStatus.NOT_MODIFIED and response.redirects:
            # It was renamed, and only a full response tells the new name.
            response = await self._api.send(url)
        repository: RepositoryFacts | None = None
        if response.status != HTTPStatus.NOT_MODIFIED:
            response = require_ok(response, repository_name(target))
            repository = rest_decode.decode_repository(response, self._locate)
            if target.repo_id not in {None, repository.repo_id}:
                return moved_result(target, repository)
            target = dataclasses.replace(target, locator=repository.locator)

        builder = ResultBuilder()
        with builder.catch_problem():
            if self._history is not None:
                builder.add_history(await self._history.history(target, today))
            else:
                branch = repository.default_branch if repository else target.default_branch
                await self.read_commits(target, branch, today, builder)
        has_contributors = await self.read_contributors(target, repository, builder)
        # Only a full response tells ``pushed_at``, which decides whether the contributors are
        # read. So the validator is kept only if they are known, and cannot change without a push.
        # After a redirect it is not kept either: it belongs to the old name.
        if (
            has_contributors
            and repository is not None
            and self._is_contributor_list_final(repository)
            and not response.redirects
        ):
            # The locator now has the host's own spelling, which is the one to ask for next time.
            builder.validators += self._api.new_validators(response, self.url(target))
        return builder.build(repository)

    def url(self, target: FetchTarget) -> str:
        """Return the API's URL of the repository of ``target``."""
        return f"{self._api.base_url}/repos/{quote(repository_name(target), safe='/%')}"

    def saved_validator(self, target: FetchTarget, url: str) -> Validator | None:
        """Return the validator saved for ``url``, or None if there is none that may be sent."""
        return self._api.usable_validator(target.validators, url)

    # ── commits ──────────────────────────────────────────────────────────────────────────

    async def read_commits(
        self, target: FetchTarget, branch: str | None, today: dt.date, builder: ResultBuilder
    ) -> None:
        """Read the commits of ``branch``, the default one, into the activity of ``builder``.

        The activity stays None if the list is unchanged. A 409 says that the repository is empty.
        Raises SourceError. A list without a head, or a head without a date, is Malformed, so that
        what is known stays; an older commit without a date is only left out of the days.
        """
        name = repository_name(target)
        base = f"{self.url(target)}/commits"
        since, validator = self._choose_since(target, branch, today)
        url = _commits_url(base, since)
        response = await self._api.send(url, validator)
        if response.status == HTTPStatus.NOT_MODIFIED:
            return
        if response.status == HTTPStatus.CONFLICT:  # "Git Repository is empty."
            builder.activity = Activity.empty(branch)
            return
        commits = await self._read_pages(response, target, rest_decode.decode_commits)
        head = commits[0] if commits else None
        count = None
        if head is None:  # no commit since then: the head is older
            head, count = await self._read_older_head(f"{base}?per_page=1", name, since)
            if head is None and target.head is None:
                # Nothing is known that a wrong answer could erase.
                builder.activity = Activity.empty(branch)
                return
        if head is None:
            raise Malformed(f"GitHub lists no commits for {name}, but does not call it empty")
        if not head.is_dated:
            raise Malformed(f"GitHub gives no date for the newest commit of {name}")
        # A push while pages are read moves commits to the next page: count each sha once.
        authored = {commit.sha: commit.authored for commit in commits}
        builder.activity = Activity(
            head=head.sha,
            committed_at=head.committed,
            default_branch=branch,
            commit_count=count,
            since=since,
            days=count_by_day([second for second in authored.values() if second is not None]),
        )
        builder.validators += self._api.new_validators(response, url)

    def _choose_since(
        self, target: FetchTarget, branch: str | None, today: dt.date
    ) -> tuple[dt.date, Validator | None]:
        """Return the first day to list, and the validator if that day was listed before."""
        fresh, known = today - LOOKBACK, target.days_since
        if target.head and known and branch == target.default_branch:
            url = _commits_url(f"{self.url(target)}/commits", known)
            validator = self.saved_validator(target, url)
            if validator and fresh - _MAX_SINCE_AGE <= known <= window_start(today):
                return known, validator
        return fresh, None

    async def _read_older_head(
        self, url: str, name: str, since: dt.date
    ) -> tuple[Commit | None, int | None]:
        """Return the newest commit of all, and how many there are if GitHub tells.

        Pages of one commit make the number of the last page the number of commits.
        """
        response = require_ok(await self._api.send(url), name)
        commits = rest_decode.decode_commits(response)
        if not commits:
            return None, None
        committed = commits[0].committed
        if committed and utc_day(committed) >= since:
            raise Malformed(f"GitHub omits the newest commits of {name} from a list")
        links = parse_link_header(response.headers.get("link"))
        return commits[0], page_number(links.get("last", "")) if links else 1

    # ── contributors ─────────────────────────────────────────────────────────────────────

    async def read_contributors(
        self,
        target: FetchTarget,
        repository: RepositoryFacts | None,
        builder: ResultBuilder,
        authors: tuple[Contributor, ...] | None = None,
    ) -> bool:
        """Read the contributors into ``builder`` if there may be new ones, most commits first.

        ``repository`` is None if it is unchanged. ``authors`` are the contributors if the commits
        named all of them; then no request is sent. A SourceError becomes a problem of
        ``builder``. Return whether the contributors are known now.
        """
        if builder.activity is not None and builder.activity.head is None:
            builder.contributors, builder.contributors_asked = (), True
            return True
        if not self._may_have_new_contributors(target, repository):
            return True
        url = f"{self.url(target)}/contributors?per_page={_PER_PAGE}"
        validator = self.saved_validator(target, url)
        if authors is not None:
            builder.contributors, builder.contributors_asked = authors, True
            if validator is not None:
                builder.invalidate(validator)
            return True
        with builder.catch_problem():
            response = await self._api.send(url, validator if target.contributors_known else None)
            if response.status == HTTPStatus.NO_CONTENT:
                builder.contributors = ()
            elif (
                response.status != HTTPStatus.NOT_MODIFIED
                and not rest_decode.is_contributor_list_refused(response)
            ):
                listed = await self._read_pages(response, target, rest_decode.decode_contributors)
                unique: dict[str, Contributor] = {}
                for contributor in filter(None, listed):
                    unique.setdefault(contributor.name, contributor)
                builder.contributors = tuple(unique.values())
                # A full first page can stay the same while the pages after it change.
                if len(listed) < _PER_PAGE:
                    builder.validators += self._api.new_validators(response, url)
            builder.contributors_asked = True
        return builder.contributors_asked

    def _may_have_new_contributors(
        self, target: FetchTarget, repository: RepositoryFacts | None
    ) -> bool:
        read_at, now = target.contributors_read, self._clock.now()
        if not (self._api.conditional and target.contributors_known and read_at):
            return True
        if read_at > now:
            return True  # a clock was wrong, so nobody knows when they were read
        if repository is None or repository.pushed_at is None:
            return False
        if repository.pushed_at > read_at:
            return True
        # They were read so soon after the push that they may have been outdated: read them again
        # once the list must be current.
        return read_at < repository.pushed_at + _CONTRIBUTORS_DELAY <= now

    def _is_contributor_list_final(self, repository: RepositoryFacts) -> bool:
        pushed_at = repository.pushed_at
        return pushed_at is None or pushed_at <= self._clock.now() - _CONTRIBUTORS_DELAY

    async def _read_pages(
        self, first: Response, target: FetchTarget, decode: Callable[[Response], list[T]]
    ) -> list[T]:
        name = repository_name(target)
        return await self._api.read_pages(first, lambda page: decode(require_ok(page, name)))


def repository_name(target: FetchTarget) -> str:
    """Return ``owner/name`` of the repository of ``target``, which must have one."""
    assert target.locator is not None
    return target.locator.path


def moved_result(target: FetchTarget, found: RepositoryFacts) -> RepositoryResult:
    """Return the result for a name that belongs to another repository now.

    Nothing of that repository is taken over.
    """
    return RepositoryResult(
        status="moved",
        problem=Malformed(
            f"{found.locator.path} is another repository now: its id is {found.repo_id}, "
            f"that of the package's was {target.repo_id}"
        ),
    )


def _commits_url(base: str, since: dt.date) -> str:
    return f"{base}?since={since.isoformat()}T00:00:00Z&per_page={_PER_PAGE}"
