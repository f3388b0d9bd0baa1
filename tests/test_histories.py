"""Published histories, built into real repositories, give exactly the published figures."""

import asyncio
import datetime as dt
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import histories
from gitserver import GitServer
from pkgharvest.activity import weeks
from pkgharvest.instants import midnight, parse_instant
from pkgharvest.locators import Locator
from pkgharvest.records import Activity, Target
from pkgharvest.sources.git import Git
from pkgharvest.transport.clones import Clones
from pkgharvest.transport.gitprocess import GitProcess


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
def git(tmp_path: Path) -> Git:
    return Git(GitProcess(os.environ), Clones(tmp_path / "clones"))


def target(locator: Locator) -> Target:
    return Target(package_id=1, slug=locator.name, sources=("repo",), locator=locator)


def expect_published(slug: str, at: Callable[[dt.datetime], Activity]) -> None:
    record = histories.record(slug)
    instant = parse_instant(record["last_fetched"])
    activity = at(instant)
    assert list(weeks(activity.days, midnight(instant))) == record["commits_over_52"]
    assert activity.committed_at == parse_instant(record["last_updated"])
    history = histories.load(slug)
    head = histories.head_at(history, instant)
    assert head is not None
    assert activity.commit_count == len(histories.ancestors(history, head))
    assert activity.default_branch == "main"


def test_all_histories_are_here() -> None:
    assert len(histories.SLUGS) == 20


@pytest.mark.parametrize("slug", histories.SLUGS)
def test_in_place(slug: str, repositories: Path, git: Git) -> None:
    here = target(Locator(scheme="file", host="", path=str(repositories / f"{slug}.git")))
    expect_published(slug, lambda instant: asyncio.run(git.history_at(here, instant)))


@pytest.mark.parametrize("slug", histories.SLUGS)
def test_through_a_clone(slug: str, server: GitServer, git: Git) -> None:
    there = target(server.locator(f"{slug}.git"))
    expect_published(slug, lambda instant: asyncio.run(git.history_at(there, instant)))


@pytest.mark.parametrize("slug", ["django-ltree", "dj-stripe"])
def test_everything_that_is_known_of_a_history(slug: str, repositories: Path, git: Git) -> None:
    here = target(Locator(scheme="file", host="", path=str(repositories / f"{slug}.git")))
    reading = asyncio.run(git.read(here, dt.date(2026, 2, 15)))
    commits = histories.load(slug).commits
    assert reading.activity is not None
    assert reading.activity.commit_count == sum(reading.activity.days.values()) == len(commits)
    assert reading.activity.committed_at == commits[0].committed
    assert reading.contributors is not None
    assert {person.name: person.commits for person in reading.contributors} == {
        f"Person {author}": sum(1 for commit in commits if commit.author == author)
        for author in {commit.author for commit in commits}
    }
