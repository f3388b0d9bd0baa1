"""The commits of a GitHub repository over REST: one request where they fit on a page.

That a repository is empty GitHub says by a 409. A list without a head, or a head without a date,
or one that the list should have had, is no answer and fails the part: what is known stays. Any
other commit that nobody dated is left out of the days: it is in no week.
"""

import datetime as dt
from http import HTTPStatus

from pkgharvest import activity
from pkgharvest.errors import Malformed
from pkgharvest.instants import midnight
from pkgharvest.records import Activity, Target, Validator
from pkgharvest.sources import github_answers as answers
from pkgharvest.sources.github_parts import REACH, Parts, name, no_commits
from pkgharvest.sources.github_rest import PARSER, PER_PAGE, Rest
from pkgharvest.transport.exchange import Answer, validator_of
from pkgharvest.transport.link import links, page_number

_ANCHOR_AGE = dt.timedelta(weeks=4)
"""How long one ``since`` is kept in use: a window that moves daily could never be a 304."""


class Commits:
    """Reads the activity of a repository."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def read(self, target: Target, branch: str | None, today: dt.date, parts: Parts) -> None:
        """Put the activity of ``branch``, the default one, into ``parts``. Raises SourceError."""
        base = self._rest.url(target)
        since, validator = self._anchor(target, branch, today)
        url = _url(base, since)
        answer = await self._rest.get(url, validator)
        if answer.status == HTTPStatus.NOT_MODIFIED:
            return
        if answer.status == HTTPStatus.CONFLICT:  # "Git Repository is empty."
            parts.activity = no_commits(branch)
            return
        head, authored = await self._all(answer, target)
        count = None
        if head is None:  # quiet for longer than the window: its head is further back
            newest = await self._rest.get(f"{base}/commits?per_page=1")
            head = next(answers.commits(answers.whole(newest, name(target))), None)
            if head and head.committed and midnight(head.committed) >= since:
                raise Malformed(f"GitHub leaves the newest commits of {name(target)} out")
            if head is None and target.head is None:
                parts.activity = no_commits(branch)  # all it has, and nothing there to lose
                return
            relations = links(newest.headers.get("link"))
            count = page_number(relations.get("last", "")) if relations else 1
        if head is None:
            raise Malformed(f"GitHub lists no commit of {name(target)}, nor says that it is empty")
        if not head.is_told:
            raise Malformed(f"GitHub does not date the newest commit of {name(target)}")
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
        fresh, known = today - REACH, target.days_since
        if target.head and known and branch == target.default_branch:
            validator = self._rest.validator(target, _url(self._rest.url(target), known))
            if validator and fresh - _ANCHOR_AGE <= known <= activity.window_start(today):
                return known, validator
        return fresh, None

    async def _all(self, answer: Answer, target: Target) -> tuple[answers.Commit | None, list[int]]:
        """Read page after page; return the first commit, and all author dates as Unix times."""
        head: answers.Commit | None = None
        authored: dict[str, int | None] = {}
        page: Answer | None = answers.whole(answer, name(target))
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
