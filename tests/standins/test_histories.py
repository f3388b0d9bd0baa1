"""Published histories, built into real repositories, give exactly the published records."""

import asyncio
import datetime as dt
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pkgharvest.git.clones import CloneCache
from pkgharvest.git.process import GitProcess
from pkgharvest.model.activity import weekly_counts
from pkgharvest.model.instants import parse_instant, utc_day
from pkgharvest.model.locators import Locator
from pkgharvest.model.observations import Activity, FetchTarget
from pkgharvest.sources.git import GitSource
from tests.support import histories
from tests.support.git_server import GitServer


@pytest.fixture(scope="session")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a bare repository for each of the published histories."""
    directory = tmp_path_factory.mktemp("histories")
    for slug in histories.SLUGS:
        histories.build(histories.load(slug), directory / f"{slug}.git")
    return directory


@pytest.fixture(scope="module")
def server(repositories: Path) -> Iterator[GitServer]:
    with GitServer(repositories) as running:
        yield running


@pytest.fixture
def git(tmp_path: Path) -> GitSource:
    return GitSource(GitProcess(os.environ), CloneCache(tmp_path / "clones"))


def target(locator: Locator) -> FetchTarget:
    return FetchTarget(package_id=1, slug=locator.name, sources=("repo",), locator=locator)


def expect_published(slug: str, at: Callable[[dt.datetime], Activity]) -> None:
    record = histories.record(slug)
    instant = parse_instant(record["last_fetched"])
    activity = at(instant)
    assert list(weekly_counts(activity.days, utc_day(instant))) == record["commits_over_52"]
    assert activity.committed_at == parse_instant(record["last_updated"])
    history = histories.load(slug)
    head = histories.head_at(history, instant)
    assert head is not None
    assert activity.commit_count == len(histories.ancestors(history, head))
    assert activity.default_branch == "main"


def test_all_published_histories_are_there() -> None:
    assert len(histories.SLUGS) == 20


@pytest.mark.parametrize("slug", histories.SLUGS)
def test_a_published_history_is_read_in_place(
    slug: str, repositories: Path, git: GitSource
) -> None:
    local = target(Locator(scheme="file", host="", path=str(repositories / f"{slug}.git")))
    expect_published(slug, lambda instant: asyncio.run(git.history_at(local, instant)))


@pytest.mark.parametrize("slug", histories.SLUGS)
def test_a_published_history_is_read_through_a_clone(
    slug: str, server: GitServer, git: GitSource
) -> None:
    remote = target(server.locator(f"{slug}.git"))
    expect_published(slug, lambda instant: asyncio.run(git.history_at(remote, instant)))


@pytest.mark.parametrize("slug", ["django-ltree", "dj-stripe"])
def test_a_published_history_has_all_commits_and_authors(
    slug: str, repositories: Path, git: GitSource
) -> None:
    local = target(Locator(scheme="file", host="", path=str(repositories / f"{slug}.git")))
    result = asyncio.run(git.read(local, dt.date(2026, 2, 15)))
    commits = histories.load(slug).commits
    assert result.activity is not None
    assert result.activity.commit_count == sum(result.activity.days.values()) == len(commits)
    assert result.activity.committed_at == commits[0].committed
    assert result.contributors is not None
    assert {person.name: person.commits for person in result.contributors} == {
        f"Person {author}": sum(1 for commit in commits if commit.author == author)
        for author in {commit.author for commit in commits}
    }
