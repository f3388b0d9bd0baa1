"""Published figures out of published histories: git at an instant, and REST."""

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
from tests.support.hosts import Hosts, some


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a bare repository for each of the published histories."""
    directory = tmp_path_factory.mktemp("repositories")
    for slug in SLUGS:
        histories.build(load(slug), directory / f"{slug}.git")
    return directory


@pytest.fixture(scope="module")
def local(directory: Path, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """A catalogue of them all."""
    shell = CommandLine(tmp_path_factory.mktemp("local"))
    shell.ok("add", "--no-pypi", *(str(directory / f"{slug}.git") for slug in SLUGS))
    return shell


def published(slug: str) -> dict[str, Any]:
    return histories.record(slug)


def expect_published(record: dict[str, Any], slug: str) -> None:
    facts = published(slug)
    assert record["commits_over_52"] == facts["commits_over_52"]
    assert parse_instant(record["last_updated"]) == parse_instant(facts["last_updated"])


# ── git ──


@pytest.mark.parametrize("slug", SLUGS)
def test_as_of_the_records_instant(local: CommandLine, slug: str) -> None:
    facts = published(slug)
    local.ok("fetch", slug, "--as-of", facts["last_fetched"], "--history", "git")
    expect_published(local.show(slug), slug)


def test_as_of_reads_git_unasked(local: CommandLine) -> None:
    local.ok("fetch", "dj-stripe", "--as-of", published("dj-stripe")["last_fetched"])
    expect_published(local.show("dj-stripe"), "dj-stripe")


def test_as_of_writes_three_fields_and_nothing_else(directory: Path, shell: CommandLine) -> None:
    shell.ok("add", str(directory / "dj-stripe.git"), "--no-pypi")
    shell.ok("fetch", "dj-stripe")
    before = shell.show("dj-stripe", "--full")
    shell.clock = FixedClock(shell.clock.now() + dt.timedelta(hours=1))
    shell.ok("fetch", "--all", "--as-of", "2024-01-01")
    after = shell.show("dj-stripe", "--full")
    changed = {name for name in before if before[name] != after[name]}
    # The score is reckoned from the curve.
    assert changed - {"score"} == {"commits_over_52", "last_updated", "commit_count"}
    assert after["last_updated"] < "2024-01-01"
    shell.ok("fetch", "dj-stripe")
    again = shell.show("dj-stripe", "--full")
    for name in changed:
        assert again[name] == before[name]


def test_as_of_before_the_first_commit(directory: Path, shell: CommandLine) -> None:
    shell.ok("add", str(directory / "django-ltree.git"), "--no-pypi")
    shell.ok("fetch", "django-ltree", "--as-of", "1999-12-31T23:59:59+05:00")
    record = shell.show("django-ltree", "--full")
    assert record["commits_over_52"] == [0] * 52
    assert (record["last_updated"], record["commit_count"]) == (None, 0)


def test_as_of_never_by_the_api(local: CommandLine) -> None:
    result = local.run("fetch", "--all", "--as-of", "2026-01-01", "--history", "api")
    assert result.code == 2
    assert "--as-of" in result.error


def test_as_of_with_no_source_to_read(local: CommandLine) -> None:
    result = local.run("fetch", "--all", "--as-of", "2026-01-01", "--source", "pypi")
    assert result.code == 2
    assert "--source" in result.error


def test_a_date_alone_is_its_midnight(directory: Path, shell: CommandLine) -> None:
    shell.ok("add", str(directory / "cacheops.git"), "--no-pypi")
    shown = []
    for instant in ("2025-06-01", "2025-06-01T00:00", "2025-06-01T02:00:00+02:00"):
        shell.ok("fetch", "cacheops", "--as-of", instant)
        shown.append(shell.show("cacheops"))
    assert shown[0] == shown[1] == shown[2]


def test_a_local_repository_has_all_that_git_knows(directory: Path, shell: CommandLine) -> None:
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
    facts = published("django-ltree")
    with GitServer(directory) as server:
        shell.ok("add", server.locator("django-ltree.git").url, "--no-pypi")
        shell.ok("fetch", "django-ltree")
        size = shell.ok("db", "check").out
        assert "cached clones: 0 bytes" not in size
        shell.ok("fetch", "django-ltree", "--as-of", facts["last_fetched"])
        expect_published(shell.show("django-ltree"), "django-ltree")
        assert len(list((shell.home / "cache" / "pkgharvest" / "clones").glob("*.git"))) == 1


def test_a_repository_that_has_gone(shell: CommandLine) -> None:
    (shell.here / "x.git").mkdir()
    histories.git(shell.here / "x.git", "init", "-q", "--bare")
    shell.ok("add", "./x.git", "--no-pypi")
    shell.ok("fetch", "x")
    assert shell.show("x")["commits_over_52"] == [0] * 52
    (shell.here / "x.git").rename(shell.here / "y.git")
    result = shell.run("fetch", "x", "--json")
    assert result.code == 3
    assert result.json()["failures"][0]["error"] == "not_found"
    assert shell.show("x")["commits_over_52"] == [0] * 52


# ── REST ──


def as_it_was(slug: str) -> FakeRepository:
    """Return the repository of a published record, at the record's instant."""
    facts = published(slug)
    history = load(slug)
    return repository_of(
        history.commits,
        head_at(history, parse_instant(facts["last_fetched"])),
        owner="octo",
        name=slug,
        stars=facts["repo_watchers"],
        forks=facts["repo_forks"],
        description=facts["repo_description"],
    )


@pytest.fixture(scope="module")
def rest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    with Hosts(*map(as_it_was, SLUGS)) as hosts:
        shell = CommandLine(tmp_path_factory.mktemp("rest"), hosts.variables)
        shell.ok("add", *(f"octo/{slug}" for slug in SLUGS))
        yield shell


@pytest.mark.parametrize("slug", SLUGS)
def test_through_rest(rest: CommandLine, slug: str) -> None:
    facts = published(slug)
    rest.clock = FixedClock(parse_instant(facts["last_fetched"]))
    rest.ok("fetch", slug)
    record = rest.show(slug)
    expect_published(record, slug)
    for name in ("repo_watchers", "repo_forks", "repo_description"):
        assert record[name] == facts[name]
    assert parse_instant(record["last_fetched"]) == parse_instant(facts["last_fetched"])


# ── GitHub's figures, git's history ──


def test_history_git_asks_the_api_for_no_commits(shell: CommandLine) -> None:
    with Hosts(*some(2)) as hosts:
        # git's way to github.com ends at this machine
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
