"""Published histories give the published records, over REST and a real socket."""

import datetime as dt
from typing import Any

import pytest

from pkgharvest.model import locators
from pkgharvest.model.activity import weekly_counts
from pkgharvest.model.instants import utc_day
from pkgharvest.model.observations import FetchTarget
from tests.standins.github import FakeRepository, GitHubStandIn, repository_of
from tests.support.github_case import read
from tests.support.histories import SLUGS, head_at, load, record


def published(slug: str) -> tuple[FakeRepository, dict[str, Any], dt.datetime]:
    """Return a repository as it was when the record of ``slug`` was made, and that record."""
    facts = record(slug)
    instant = dt.datetime.fromisoformat(facts["last_fetched"])
    history = load(slug)
    repo = repository_of(
        history.commits,
        head_at(history, instant),
        owner="octo",
        name=slug,
        stars=facts["repo_watchers"],
        forks=facts["repo_forks"],
        description=facts["repo_description"],
    )
    return repo, facts, instant


@pytest.mark.parametrize("slug", SLUGS)
def test_a_published_history_gives_the_published_record(slug: str) -> None:
    repo, facts, instant = published(slug)
    locator = locators.parse_locator(f"octo/{slug}")
    target = FetchTarget(package_id=1, slug=slug, sources=("repo",), locator=locator)

    with GitHubStandIn([repo]) as github:
        result = read(github, target, now=instant.astimezone(dt.UTC))

    activity, repository = result.activity, result.repository
    assert result.problem is None
    assert activity is not None
    assert repository is not None
    weeks = weekly_counts(activity.days, utc_day(instant))
    assert list(weeks) == facts["commits_over_52"]
    assert activity.committed_at == dt.datetime.fromisoformat(facts["last_updated"])
    assert activity.commit_count in {None, len(repo.commits)}
    assert (repository.stars, repository.forks) == (facts["repo_watchers"], facts["repo_forks"])
    assert repository.description == facts["repo_description"]
    assert result.contributors is not None
    assert sum(person.commits for person in result.contributors) == len(repo.commits)


def test_there_are_published_histories() -> None:
    assert len(SLUGS) >= 20
