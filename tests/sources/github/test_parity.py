"""GitHub's two APIs give the same record."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import pytest

from pkgharvest.model.activity import weekly_counts
from pkgharvest.model.errors import SourceError
from pkgharvest.model.instants import utc_day
from pkgharvest.model.observations import Activity, RepositoryResult
from tests.sources.github.test_published_records import published
from tests.standins.github import FakeCommit, FakeContributor, FakeRepository
from tests.standins.github_graphql import GitHubGraphQL
from tests.support import github_case
from tests.support.github_case import DAY, NOW, TODAY, commits, days_ago, repository
from tests.support.graphql_case import read_one, stand_in
from tests.support.histories import SLUGS
from tests.support.targets import new_target, update_target


def skewed() -> FakeRepository:
    written = [
        (days_ago(0), days_ago(0)),
        (days_ago(-30), days_ago(1)),
        (days_ago(500), days_ago(2)),
        (days_ago(1), days_ago(372)),  # behind it, younger ones: a walk that stops loses them
        (dt.datetime(1970, 1, 1, tzinfo=dt.UTC), days_ago(3)),
        (dt.datetime(2026, 2, 14, 23, 30, tzinfo=dt.timezone(dt.timedelta(hours=-5))), days_ago(4)),
        (days_ago(364), days_ago(364)),
        (days_ago(365), days_ago(360)),
    ]
    return repository(
        commits=[
            FakeCommit(sha=f"{index:040x}", authored=authored, committed=committed, author="mona")
            for index, (authored, committed) in enumerate(written)
        ]
    )


def nobodys(moment: dt.datetime | str | None) -> list[FakeCommit]:
    return [FakeCommit(sha="e" * 40, authored=moment, committed=days_ago(1)), *commits(2, 3)]


def people(number: int) -> list[FakeContributor]:
    return [FakeContributor(name=f"c{n}", contributions=999 - n) for n in range(number)]


MADE_UP: dict[str, Callable[[], FakeRepository]] = {
    "usual": repository,
    "described": lambda: repository(
        description="a cat", homepage="https://cat.example", license="MIT", topics=["a", "b"]
    ),
    "unlicensed": lambda: repository(license="NOASSERTION", homepage=""),
    "issues": lambda: repository(open_issues=17),
    "many commits": lambda: repository(commits=commits(*(n / 2 for n in range(1, 352)), 400)),
    "many commits, all new": lambda: repository(
        commits=commits(*(n / 2 for n in range(1, 252))),
        contributors=[FakeContributor(name="mona", contributions=251)],
    ),
    "many contributors": lambda: repository(contributors=people(250)),
    "anonymous contributors": lambda: repository(
        contributors=[*people(2), FakeContributor(name="N N", contributions=1, anonymous=True)]
    ),
    "too many contributors": lambda: repository(too_large=True),
    "young": lambda: repository(
        commits=commits(1, 2, 3), contributors=[FakeContributor(name="mona", contributions=3)]
    ),
    "quiet": lambda: repository(commits=commits(400, 401), pushed_at=days_ago(400)),
    "empty": lambda: repository(empty=True, commits=[], contributors=[]),
    "empty and archived": lambda: repository(empty=True, commits=[], archived=True),
    "without default branch": lambda: repository(headless=True, default_branch="trunk"),
    "another default branch": lambda: repository(default_branch="trunk"),
    "archived": lambda: repository(archived=True, archived_at=days_ago(9)),
    "disabled": lambda: repository(disabled=True),
    "renamed": lambda: repository(owner="Newer", name="Name", renamed_from=["octo/cat"]),
    "gone": lambda: repository(gone=True),
    "blocked": lambda: repository(blocked=True),
    "withheld": lambda: repository(dmca_403=True),
    "not there": lambda: repository(name="dog"),
    "null author": lambda: repository(commits=nobodys(None)),
    "author unknown to GitHub": lambda: repository(commits=nobodys(days_ago(1))),
    "no such year": lambda: repository(commits=nobodys("10000-01-01T00:00:00Z")),
    "skewed": skewed,
}


def by_rest(github: GitHubGraphQL, path: str, now: dt.datetime = NOW) -> RepositoryResult:
    return github_case.read(github, new_target(path), now=now, token="a-token")


def result(read: Callable[[], RepositoryResult]) -> RepositoryResult | tuple[str, str]:
    try:
        return read()
    except SourceError as error:
        return error.kind, error.message


def comparable(found: RepositoryResult | tuple[str, str]) -> object:
    """Leave out what only GraphQL tells, and what is not part of the record."""
    if isinstance(found, tuple):
        return found
    facts, activity = found.repository, found.activity
    return replace(
        found,
        repository=facts and facts._replace(archived_at=None),
        activity=activity and replace(activity, commit_count=None),
        validators=(),
    )


@pytest.mark.parametrize("kind", MADE_UP)
def test_rest_and_graphql_give_the_same_record(kind: str) -> None:
    with stand_in() as github:
        repo = github.add(MADE_UP[kind]())

        rest = result(lambda: by_rest(github, "octo/cat"))
        batch = result(lambda: read_one(github, new_target()))

        assert comparable(batch) == comparable(rest)
        assert github.queries
        if isinstance(batch, RepositoryResult) and isinstance(rest, RepositoryResult):
            assert batch.repository is not None
            assert batch.repository.archived_at == repo.archived_at
            assert batch.activity is not None
            assert batch.activity.commit_count in {None, len(repo.commits) * repo.has_branch}


@pytest.mark.parametrize("kind", MADE_UP)
def test_after_rest_or_graphql_the_other_finds_nothing_new(kind: str) -> None:
    with stand_in() as github:
        github.add(MADE_UP[kind]())
        rest = result(lambda: by_rest(github, "octo/cat"))
        batch = result(lambda: read_one(github, new_target()))
        if not isinstance(rest, RepositoryResult) or not isinstance(batch, RepositoryResult):
            return

        later = NOW + DAY
        after_rest = read_one(github, update_target(new_target(), rest, NOW), later)
        after_batch = github_case.read(github, update_target(new_target(), batch, NOW), now=later)

        for first, second in ((rest, after_rest), (batch, after_batch)):
            assert second.problem is None
            assert second.contributors in {None, first.contributors}
            if second.activity is not None and first.activity is not None:
                assert days_from(second.activity) == days_from(first.activity)


def days_from(activity: Activity) -> object:
    """Return what is the same in ``activity`` a day later."""
    window = {day: count for day, count in activity.days.items() if day > TODAY - 364 * DAY}
    return replace(activity, days=window, since=None, commit_count=None)


@pytest.mark.parametrize("slug", SLUGS)
def test_rest_and_graphql_give_the_published_record(slug: str) -> None:
    repo, facts, instant = published(slug)
    now = instant.astimezone(dt.UTC)
    with GitHubGraphQL([repo], now=lambda: int(now.timestamp())) as github:
        rest = by_rest(github, f"octo/{slug}", now)
        batch = read_one(github, new_target(f"octo/{slug}"), now)

    assert comparable(batch) == comparable(rest)
    assert batch.activity is not None
    assert batch.activity.commit_count == len(repo.commits)
    weeks = weekly_counts(batch.activity.days, utc_day(instant))
    assert list(weeks) == facts["commits_over_52"]
