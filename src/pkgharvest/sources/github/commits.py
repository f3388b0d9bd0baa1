"""The commits of a GitHub repository over REST: one request where they fit on a page.

That a repository is empty GitHub says by a 409. A list without a head, or a head without a date,
or one that the list should have had, is no answer and fails the part: what is known stays. Any
other commit that nobody dated is left out of the days: it is in no week.
"""

import datetime as dt
from http import HTTPStatus

from pkgharvest.model import activity
from pkgharvest.model.errors import Malformed
from pkgharvest.model.instants import utc_day
from pkgharvest.model.observations import Activity, FetchTarget, Validator
from pkgharvest.sources.github import rest_decode as answers
from pkgharvest.sources.github.rest import PARSER_REVISION, PER_PAGE, GitHubRestApi
from pkgharvest.sources.github.result_builder import (
    LOOKBACK,
    ResultBuilder,
    empty_activity,
    repository_name,
)
from pkgharvest.transport.base import Response, response_validator
from pkgharvest.transport.headers import page_number, parse_link_header

_ANCHOR_AGE = dt.timedelta(weeks=4)
"""How long one ``since`` is kept in use: a window that moves daily could never be a 304."""


class Commits:
    """Reads the activity of a repository."""

    def __init__(self, rest: GitHubRestApi) -> None:
        self._rest = rest

    async def read(
        self, target: FetchTarget, branch: str | None, today: dt.date, parts: ResultBuilder
    ) -> None:
        """Put the activity of ``branch``, the default one, into ``parts``. Raises SourceError."""
        base = self._rest.url(target)
        since, validator = self._anchor(target, branch, today)
        url = _url(base, since)
        answer = await self._rest.get(url, validator)
        if answer.status == HTTPStatus.NOT_MODIFIED:
            return
        if answer.status == HTTPStatus.CONFLICT:  # "Git Repository is empty."
            parts.activity = empty_activity(branch)
            return
        head, authored = await self._all(answer, target)
        count = None
        if head is None:  # quiet for longer than the window: its head is further back
            newest = await self._rest.get(f"{base}/commits?per_page=1")
            head = next(answers.commits(answers.whole(newest, repository_name(target))), None)
            if head and head.committed and utc_day(head.committed) >= since:
                raise Malformed(
                    f"GitHub leaves the newest commits of {repository_name(target)} out"
                )
            if head is None and target.head is None:
                parts.activity = empty_activity(branch)  # all it has, and nothing there to lose
                return
            relations = parse_link_header(newest.headers.get("link"))
            count = page_number(relations.get("last", "")) if relations else 1
        if head is None:
            raise Malformed(
                f"GitHub lists no commit of {repository_name(target)}, nor says that it is empty"
            )
        if not head.is_told:
            raise Malformed(f"GitHub does not date the newest commit of {repository_name(target)}")
        parts.activity = Activity(
            head=head.sha,
            committed_at=head.committed,
            default_branch=branch,
            commit_count=count,
            since=since,
            days=activity.count_by_day(authored),
        )
        parts.vouch(response_validator(answer, url, PARSER_REVISION))

    def _anchor(
        self, target: FetchTarget, branch: str | None, today: dt.date
    ) -> tuple[dt.date, Validator | None]:
        """Return the day to ask from, and the validator where that was asked before."""
        fresh, known = today - LOOKBACK, target.days_since
        if target.head and known and branch == target.default_branch:
            validator = self._rest.validator(target, _url(self._rest.url(target), known))
            if validator and fresh - _ANCHOR_AGE <= known <= activity.window_start(today):
                return known, validator
        return fresh, None

    async def _all(
        self, answer: Response, target: FetchTarget
    ) -> tuple[answers.Commit | None, list[int]]:
        """Read page after page; return the first commit, and all author dates as Unix times."""
        head: answers.Commit | None = None
        authored: dict[str, int | None] = {}
        page: Response | None = answers.whole(answer, repository_name(target))
        turned = {answer.url}
        while page is not None:
            for commit in answers.commits(page):
                head = head or commit
                # A push while pages are turned moves commits to the next one: count a sha once.
                authored[commit.sha] = commit.authored
            page = await self._rest.next_page(page, turned, target)
        return head, [second for second in authored.values() if second is not None]


def _url(base: str, since: dt.date) -> str:
    return f"{base}/commits?since={since.isoformat()}T00:00:00Z&per_page={PER_PAGE}"
