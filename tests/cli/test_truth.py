"""Published values computed from published histories: git at an instant, and REST."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pkgharvest.model.clock import FixedClock
from pkgharvest.model.instants import parse_instant
from tests.standins.github import FakeRepository, repository_of
from tests.support import histories
from tests.support.command_line import CommandLine
from tests.support.git_server import GitServer
from tests.support.histories import SLUGS, head_at, load
from tests.support.hosts import Hosts, make_repositories


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a bare repository for each published history."""
    directory = tmp_path_factory.mktemp("repositories")
    for slug in SLUGS:
        histories.build(load(slug), directory / f"{slug}.git")
    return directory


@pytest.fixture(scope="module")
def local(directory: Path, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """Return a catalog of all published histories."""
    shell = CommandLine(tmp_path_factory.mktemp("local"))
    shell.ok("add", "--no-pypi", *(str(directory / f"{slug}.git") for slug in SLUGS))
    return shell


def published_record(slug: str) -> dict[str, Any]:
    return histories.record(slug)


def assert_published(record: dict[str, Any], slug: str) -> None:
    published = published_record(slug)
    assert record["commits_over_52"] == published["commits_over_52"]
    assert parse_instant(record["last_updated"]) == parse_instant(published["last_updated"])


# ── git ──


@pytest.mark.parametrize("slug", SLUGS)
def test_as_of_gives_the_published_record(local: CommandLine, slug: str) -> None:
    published = published_record(slug)
    local.ok("fetch", slug, "--as-of", published["last_fetched"], "--history", "git")
    assert_published(local.show(slug), slug)


def test_as_of_implies_history_git(local: CommandLine) -> None:
    local.ok("fetch", "dj-stripe", "--as-of", published_record("dj-stripe")["last_fetched"])
    assert_published(local.show("dj-stripe"), "dj-stripe")


def test_as_of_writes_three_fields_only(directory: Path, shell: CommandLine) -> None:
    shell.ok("add", str(directory / "dj-stripe.git"), "--no-pypi")
    shell.ok("fetch", "dj-stripe")
    before = shell.show("dj-stripe", "--full")
    shell.clock = FixedClock(shell.clock.now() + dt.timedelta(hours=1))
    shell.ok("fetch", "--all", "--as-of", "2024-01-01")
    after = shell.show("dj-stripe", "--full")
    changed = {name for name in before if before[name] != after[name]}
    # The score is computed from the weekly commits.
    assert changed - {"score"} == {"commits_over_52", "last_updated", "commit_count"}
    assert after["last_updated"] < "2024-01-01"
    shell.ok("fetch", "dj-stripe")
    restored = shell.show("dj-stripe", "--full")
    for name in changed:
        assert restored[name] == before[name]


def test_as_of_before_the_first_commit(directory: Path, shell: CommandLine) -> None:
    shell.ok("add", str(directory / "django-ltree.git"), "--no-pypi")
    shell.ok("fetch", "django-ltree", "--as-of", "1999-12-31T23:59:59+05:00")
    record = shell.show("django-ltree", "--full")
    assert record["commits_over_52"] == [0] * 52
    assert (record["last_updated"], record["commit_count"]) == (None, 0)


def test_as_of_rejects_history_api(local: CommandLine) -> None:
    result = local.run("fetch", "--all", "--as-of", "2026-01-01", "--history", "api")
    assert result.code == 2
    assert "--as-of" in result.error


def test_as_of_rejects_other_sources(local: CommandLine) -> None:
    result = local.run("fetch", "--all", "--as-of", "2026-01-01", "--source", "pypi")
    assert result.code == 2
    assert "--source" in result.error


def test_as_of_a_date_means_its_midnight(directory: Path, shell: CommandLine) -> None:
    shell.ok("add", str(directory / "cacheops.git"), "--no-pypi")
    records = []
    for instant in ("2025-06-01", "2025-06-01T00:00", "2025-06-01T02:00:00+02:00"):
        shell.ok("fetch", "cacheops", "--as-of", instant)
        records.append(shell.show("cacheops"))
    assert records[0] == records[1] == records[2]


def test_a_local_repository_has_everything_git_knows(directory: Path, shell: CommandLine) -> None:
    shell.ok("add", str(directory / "django-ltree.git"), "--no-pypi")
    shell.ok("fetch", "django-ltree")
    record = shell.show("django-ltree", "--full")
    commits = load("django-ltree").commits
    assert record["commit_count"] == len(commits)
    assert record["participants"][0].startswith("Person a")
    assert record["default_branch"] == "main"
    assert record["repo_url"].startswith("file:///")
    assert (record["status"], record["repo_host"]) == ("active", None)


def test_a_remote_repository_is_cloned_once(directory: Path, shell: CommandLine) -> None:
    published = published_record("django-ltree")
    with GitServer(directory) as server:
        shell.ok("add", server.locator("django-ltree.git").url, "--no-pypi")
        shell.ok("fetch", "django-ltree")
        size = shell.ok("db", "check").out
        assert "cached clones: 0 bytes" not in size
        shell.ok("fetch", "django-ltree", "--as-of", published["last_fetched"])
        assert_published(shell.show("django-ltree"), "django-ltree")
        assert len(list((shell.home / "cache" / "pkgharvest" / "clones").glob("*.git"))) == 1


def test_a_missing_local_repository_keeps_its_values(shell: CommandLine) -> None:
    (shell.cwd / "x.git").mkdir()
    histories.git(shell.cwd / "x.git", "init", "-q", "--bare")
    shell.ok("add", "./x.git", "--no-pypi")
    shell.ok("fetch", "x")
    assert shell.show("x")["commits_over_52"] == [0] * 52
    (shell.cwd / "x.git").rename(shell.cwd / "y.git")
    result = shell.run("fetch", "x", "--json")
    assert result.code == 3
    assert result.json()["failures"][0]["error"] == "not_found"
    assert shell.show("x")["commits_over_52"] == [0] * 52


# ── REST ──


def repository_at_fetch(slug: str) -> FakeRepository:
    """Return the repository of a published record as it was when it was fetched."""
    published = published_record(slug)
    history = load(slug)
    return repository_of(
        history.commits,
        head_at(history, parse_instant(published["last_fetched"])),
        owner="octo",
        name=slug,
        stars=published["repo_watchers"],
        forks=published["repo_forks"],
        description=published["repo_description"],
    )


@pytest.fixture(scope="module")
def rest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    with Hosts(*map(repository_at_fetch, SLUGS)) as hosts:
        shell = CommandLine(tmp_path_factory.mktemp("rest"), hosts.variables)
        shell.ok("add", *(f"octo/{slug}" for slug in SLUGS))
        yield shell


@pytest.mark.parametrize("slug", SLUGS)
def test_rest_gives_the_published_record(rest: CommandLine, slug: str) -> None:
    published = published_record(slug)
    rest.clock = FixedClock(parse_instant(published["last_fetched"]))
    rest.ok("fetch", slug)
    record = rest.show(slug)
    assert_published(record, slug)
    for name in ("repo_watchers", "repo_forks", "repo_description"):
        assert record[name] == published[name]
    assert parse_instant(record["last_fetched"]) == parse_instant(published["last_fetched"])


# ── facts from GitHub, commits from git ──


def test_history_git_requests_no_commits_from_the_api(shell: CommandLine) -> None:
    with Hosts(*make_repositories(2)) as hosts:
        # git cannot reach github.com
        shell.variables |= {**hosts.variables, "HTTPS_PROXY": "http://127.0.0.1:1"}
        shell.ok("add", "octo/r001")
        result = shell.run("fetch", "r001", "--history", "git", "--json")
        assert result.code == 3
        assert hosts.github.requests("/contributors")
        assert not hosts.github.requests("/commits")
    [failure] = result.json()["failures"]
    assert (failure["source"], failure["error"]) == ("repo", "unavailable")
    record = shell.show("r001")
    assert (record["repo_watchers"], record["pypi_version"]) == (1, "1.1")
    assert record["commits_over_52"] == []
