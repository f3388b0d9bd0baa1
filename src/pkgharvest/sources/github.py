"""GitHub over REST: a repository, its commits of the last year, its contributors.

Three requests for a package that was never seen, two where nothing changed. Redirects, retries,
quotas and credentials are the transport's; what the answers say is read in ``github_answers``.
"""

import dataclasses
import datetime as dt
from http import HTTPStatus
from urllib.parse import quote, urljoin

from pkgharvest import activity
from pkgharvest.clock import Clock
from pkgharvest.errors import Malformed, SourceError
from pkgharvest.records import (
    Activity,
    Contributor,
    Repository,
    RepositoryReading,
    Target,
    Validator,
)
from pkgharvest.sources import github_answers as answers
from pkgharvest.sources.interface import HistorySource
from pkgharvest.transport.exchange import Answer, Exchange, Request, conditional, validator_of
from pkgharvest.transport.link import links, page_number
from pkgharvest.transport.origin import Origin

PARSER = 1
"""Revision of the code that reads answers: validators of another revision are not used."""

_HEADERS = {
    "Accept": "application/vnd.github+json",
    "X-GitHub-Api-Version": answers.API_VERSION,
}
_PER_PAGE = 100
_MOST_PAGES = 1_000

_REACH = dt.timedelta(weeks=53)
"""How far back commits are asked for: ``since`` looks at committer dates, the histogram at author
dates, and a week's difference between the two is borne."""
_ANCHOR_AGE = dt.timedelta(weeks=4)
"""How long one ``since`` is kept in use: a window that moves daily could never be a 304."""
_SETTLING = dt.timedelta(hours=6)
"""GitHub's list of contributors may be "a few hours old"."""


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
        self._client = client
        self._api = api_url.rstrip("/")
        self._clock = clock
        self._conditional = conditional
        self._history = history

    async def read(self, target: Target, today: dt.date) -> RepositoryReading:
        """Look at the repository of ``target``; ``today`` is where the 52 weeks end.

        Raises SourceError where the repository itself cannot be read; commits or contributors
        that cannot are the reading's ``problem``. BudgetSpent passes through.
        """
        url = self._url(target)
        answer = await self._get(url, self._validator(target, url))
        if answer.status == HTTPStatus.NOT_MODIFIED and answer.redirects:
            answer = await self._get(url)  # it was renamed: only a whole answer tells the name
        repository: Repository | None = None
        if answer.status != HTTPStatus.NOT_MODIFIED:
            repository = answers.repository(answers.whole(answer, _name(target)))
            if target.repo_id not in {None, repository.repo_id}:
                return _another(target, repository)
            target = dataclasses.replace(target, locator=repository.locator)

        parts = _Parts()
        try:
            await self._read_activity(target, repository, today, parts)
        except SourceError as error:
            parts.problems.append(error)
        wanted = self._wants_contributors(target, repository)
        try:
            if parts.activity is not None and parts.activity.head is None:
                parts.contributors, parts.asked = (), True
            elif wanted:
                await self._read_contributors(target, parts)
        except SourceError as error:
            parts.problems.append(error)
        # Whether contributors are wanted hangs on pushed_at, which a 304 does not tell. So what
        # vouches for the repository is kept only when they are told, and told after settling; and
        # what came by a redirect is not vouched for under the name that was asked.
        told = parts.asked or not wanted
        if repository and told and self._has_settled(repository) and not answer.redirects:
            parts.vouch(validator_of(answer, self._url(target), PARSER))  # in the host's own case
        return RepositoryReading(
            repository=repository,
            activity=parts.activity,
            contributors=parts.contributors,
            contributors_asked=parts.asked,
            validators=tuple(parts.validators),
            problem=parts.problems[0] if parts.problems else None,
        )

    # ── commits ──────────────────────────────────────────────────────────────────────────

    async def _read_activity(
        self, target: Target, repository: Repository | None, today: dt.date, parts: "_Parts"
    ) -> None:
        if self._history is not None:
            past = await self._history.history(target, today)
            parts.activity = past.activity
            parts.validators += past.validators
            parts.problems += [past.problem] if past.problem else []
            return
        base = self._url(target)
        branch = repository.default_branch if repository else target.default_branch
        since, validator = self._anchor(target, branch, today)
        url = _commits_url(base, since)
        answer = await self._get(url, validator)
        if answer.status == HTTPStatus.NOT_MODIFIED:
            return
        if answer.status == HTTPStatus.CONFLICT:  # "Git Repository is empty."
            parts.activity = _no_commits(branch)
            return
        head, authored = await self._commits(answer, target)
        count = None
        if head is None:  # quiet for longer than the window: its head is further back
            newest = await self._get(f"{base}/commits?per_page=1")
            head = next(answers.commits(answers.whole(newest, _name(target))), None)
            relations = links(newest.headers.get("link"))
            count = page_number(relations.get("last", "")) if relations else 1
        if head is None:
            parts.activity = _no_commits(branch)
            return
        parts.activity = Activity(
            head=head.sha,
            committed_at=head.committed,
            default_branch=branch,
            commit_count=count,
            since=since,
            days=activity.per_day(authored),
        )
        parts.vouch(validator_of(answer, url, PARSER))

    def _anchor(
        self, target: Target, branch: str | None, today: dt.date
    ) -> tuple[dt.date, Validator | None]:
        """Return the day to ask from, and the validator where that was asked before."""
        fresh, known = today - _REACH, target.days_since
        if target.head and known and branch == target.default_branch:
            validator = self._validator(target, _commits_url(self._url(target), known))
            if validator and fresh - _ANCHOR_AGE <= known <= activity.window_start(today):
                return known, validator
        return fresh, None

    async def _commits(
        self, answer: Answer, target: Target
    ) -> tuple[answers.Commit | None, list[int]]:
        """Read page after page; return the first commit, and all author dates as Unix times."""
        head: answers.Commit | None = None
        authored: dict[str, int | None] = {}
        page: Answer | None = answers.whole(answer, _name(target))
        turned = {answer.url}
        while page is not None:
            for commit in answers.commits(page):
                head = head or commit
                # A push while pages are turned moves commits to the next one: count a sha once.
                authored[commit.sha] = commit.authored
            page = await self._next(page, turned, target)
        return head, [second for second in authored.values() if second is not None]

    # ── contributors ─────────────────────────────────────────────────────────────────────

    def _wants_contributors(self, target: Target, repository: Repository | None) -> bool:
        if not (self._conditional and target.contributors_known and target.contributors_read):
            return True
        if repository is None or repository.pushed_at is None:
            return False
        return repository.pushed_at > target.contributors_read - _SETTLING

    def _has_settled(self, repository: Repository) -> bool:
        pushed = repository.pushed_at
        return pushed is None or pushed <= self._clock.now() - _SETTLING

    async def _read_contributors(self, target: Target, parts: "_Parts") -> None:
        url = f"{self._url(target)}/contributors?per_page={_PER_PAGE}"
        known = self._validator(target, url) if target.contributors_known else None
        answer = await self._get(url, known)
        if answer.status == HTTPStatus.NO_CONTENT:
            parts.contributors = ()
        elif answer.status != HTTPStatus.NOT_MODIFIED and not answers.lists_too_many(answer):
            people: dict[str, Contributor] = {}
            listed = 0
            page: Answer | None = answers.whole(answer, _name(target))
            turned = {answer.url}
            while page is not None:
                for person in answers.contributors(page):
                    listed += 1
                    if person is not None:
                        people.setdefault(person.name, person)
                page = await self._next(page, turned, target)
            parts.contributors = tuple(people.values())
            if listed < _PER_PAGE:  # what follows a full page changes without that page changing
                parts.vouch(validator_of(answer, url, PARSER))
        parts.asked = True

    # ── requests ─────────────────────────────────────────────────────────────────────────

    def _url(self, target: Target) -> str:
        return f"{self._api}/repos/{quote(_name(target), safe='/%')}"

    def _validator(self, target: Target, url: str) -> Validator | None:
        known = target.validators.get(url) if self._conditional else None
        return known if known is not None and known.parser == PARSER else None

    async def _get(self, url: str, validator: Validator | None = None) -> Answer:
        answer = await self._client.send(conditional(Request(url=url, headers=_HEADERS), validator))
        if answer.status == HTTPStatus.NOT_MODIFIED and validator is None:
            raise Malformed(f"{url}: not modified, though nothing was known of it")
        return answer

    async def _next(self, page: Answer, turned: set[str], target: Target) -> Answer | None:
        """Return the page after ``page``, or None after the last; ``turned`` gains its URL."""
        link = links(page.headers.get("link")).get("next")
        if link is None:
            return None
        try:
            url = urljoin(page.url, link)
        except ValueError as error:
            raise Malformed(f"{page.url}: the link to its next page cannot be read") from error
        if Origin.of(url) != Origin.of(self._api):
            raise Malformed(f"{page.url}: its next page is at another host")
        if url in turned or len(turned) >= _MOST_PAGES:
            raise Malformed(f"{page.url}: its pages do not come to an end")
        turned.add(url)
        return answers.whole(await self._get(url), _name(target))


@dataclasses.dataclass(slots=True)
class _Parts:
    """A reading that is being put together."""

    activity: Activity | None = None
    contributors: tuple[Contributor, ...] | None = None
    asked: bool = False
    validators: list[Validator] = dataclasses.field(default_factory=list)
    problems: list[SourceError] = dataclasses.field(default_factory=list)

    def vouch(self, validator: Validator | None) -> None:
        if validator is not None:
            self.validators.append(validator)


def _another(target: Target, found: Repository) -> RepositoryReading:
    """Say that the name is somebody else's now; nothing of theirs is taken over."""
    problem = Malformed(
        f"{found.locator.path} is another repository now: its id is {found.repo_id}, "
        f"that of the package's was {target.repo_id}"
    )
    return RepositoryReading(status="moved", problem=problem)


def _no_commits(branch: str | None) -> Activity:
    return Activity(
        head=None, committed_at=None, default_branch=branch, commit_count=0, since=None, days={}
    )


def _commits_url(base: str, since: dt.date) -> str:
    return f"{base}/commits?since={since.isoformat()}T00:00:00Z&per_page={_PER_PAGE}"


def _name(target: Target) -> str:
    assert target.locator is not None
    return target.locator.path
