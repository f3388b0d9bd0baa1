"""GitHub with a token, by the command line: batches, what they cost, and what ends them."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pkgharvest.model.clock import FixedClock, SystemClock
from tests.standins.github import FakeContributor
from tests.standins.github_graphql import GitHubGraphQL
from tests.standins.server import Fault
from tests.support.command_line import CommandLine
from tests.support.github_case import commits
from tests.support.hosts import Hosts, some

TOKEN = "ghp_" + "5ecre7" * 6 + "last"
DAY = dt.timedelta(days=1)
COUNT = 120

pytestmark = pytest.mark.repositories(COUNT)


@pytest.fixture
def shell(shell: CommandLine) -> CommandLine:
    shell.variables["GH_TOKEN"] = TOKEN
    return shell


def later(shell: CommandLine, delay: dt.timedelta = DAY) -> None:
    shell.clock = FixedClock(shell.clock.now() + delay)


def at_github(hosts: Hosts, report: Any) -> Any:
    return report["requests"]["by_host"][hosts.github.url.removeprefix("http://")]


def test_what_it_costs(shell: CommandLine, hosts: Hosts) -> None:
    first = at_github(hosts, shell.ok("fetch", "--all", "--source", "repo", "--json").json())
    assert first["requests"] <= 1.1 * COUNT
    later(shell)
    report = shell.ok("fetch", "--all", "--source", "repo", "--json").json()
    second = at_github(hosts, report)
    assert second["requests"] <= 0.04 * COUNT
    assert second["points"] == sum(query.cost for query in hosts.github.queries[-3:])
    assert report["packages"]["unchanged"] == COUNT


def test_the_record_is_that_of_rest(shell: CommandLine, tmp_path: Path, hosts: Hosts) -> None:
    plain = CommandLine(tmp_path / "plain", hosts.variables)
    plain.ok("add", *(repo.full_name for repo in some(COUNT)))
    plain.ok("fetch", "--all")
    shell.ok("fetch", "--all")
    assert hosts.github.queries
    told, expected = (
        [{**one, "last_fetched": 0, "modified": 0} for one in line.ok("list", "--json").json()]
        for line in (shell, plain)
    )
    assert told == expected


def test_contributors_that_commits_tell_are_not_asked_for(tmp_path: Path) -> None:
    repos = [
        replace(
            repo,
            commits=commits(1, 2, 3),
            contributors=[FakeContributor(name="mona", contributions=3)],
        )
        for repo in some(50)
    ]
    with Hosts(*repos) as hosts:
        shell = CommandLine(tmp_path, {**hosts.variables, "GH_TOKEN": TOKEN})
        shell.ok("add", *(repo.full_name for repo in repos))
        report = shell.ok("fetch", "--all", "--source", "repo", "--json").json()
        assert at_github(hosts, report)["requests"] == 3  # one of facts, two of commits
        assert shell.show("r007")["participants"] == ["mona"]


def test_one_that_fails_costs_the_others_nothing(shell: CommandLine, hosts: Hosts) -> None:
    github = hosts.github
    assert isinstance(github, GitHubGraphQL)
    github.remove(some(COUNT)[7])
    github.fault("octo/r008", Fault(status=500))  # by REST: its contributors
    result = shell.run("fetch", "--all", "--source", "repo", "--json")
    assert result.code == 3
    kinds = {one["slug"]: one["error"] for one in result.json()["failures"]}
    assert kinds == {"r007": "not_found", "r008": "unavailable"}
    assert result.json()["packages"]["updated"] == COUNT - 2


def test_a_batch_that_is_too_much_is_halved(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.breaks_above = 12
    report = shell.ok("fetch", "--all", "--source", "repo", "--json").json()
    assert report["packages"]["updated"] == COUNT
    sizes = [query.repositories for query in hosts.github.queries if query.status == 200]
    assert max(sizes) <= 12


def test_a_server_without_graphql_is_asked_by_rest(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.fault("/graphql", Fault(status=404, body=b"{}"))
    report = shell.ok("fetch", "--all", "--source", "repo", "--json").json()
    assert report["packages"]["updated"] == COUNT


def test_a_token_that_is_refused_is_not_shown_again_and_again(
    shell: CommandLine, hosts: Hosts
) -> None:
    hosts.github.tokens = set()
    result = shell.run("fetch", "--all", "--source", "repo", "--json")
    assert result.code == 4
    assert len(hosts.github.log) <= 8  # those that were under way
    words = {one["message"] for one in result.json()["failures"]}
    assert words == {"127.0.0.1 rejects the token that ends in last"}
    assert TOKEN[:-4] not in result.err + result.out
    hosts.github.tokens = None
    shell.ok("fetch", "--all", "--source", "repo")  # it was not the packages' fault


def test_graphql_may_be_elsewhere(shell: CommandLine, hosts: Hosts) -> None:
    with GitHubGraphQL(some(COUNT), now=hosts.github._now) as other:
        shell.variables["GITHUB_GRAPHQL_URL"] = f"{other.url}/graphql"
        shell.ok("fetch", "--all", "--source", "repo")
        assert other.queries
        assert not hosts.github.queries
        assert {logged.headers["authorization"] for logged in other.log} == {f"Bearer {TOKEN}"}


def test_a_recording_goes_by_rest(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "r001", "r002", "--record", "run.har")
    assert not hosts.github.queries
    shell.ok("fetch", "r001", "r002", "--replay", "run.har")


def test_the_quota_of_points(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.graphql_quota.remaining = 0
    result = shell.run("fetch", "--all", "--source", "repo", "--json")
    assert (result.code, result.json()["stopped"]) == (5, "quota")
    assert result.json()["packages"]["deferred"] == COUNT
    assert len(hosts.github.log) <= 8


@pytest.mark.parametrize("token", ["r0", "secret", "test"])
def test_a_short_token_is_no_word_to_be_taken_out(tmp_path: Path, hosts: Hosts, token: str) -> None:
    """It is a token of tests, at most; and what a host tells is not to be changed for it."""
    repo = replace(some(1)[0], description="a secret test of tests")
    hosts.github.add(repo)
    shell = CommandLine(tmp_path / token, {**hosts.variables, "GH_TOKEN": token})
    shell.ok("add", repo.full_name)
    shell.ok("fetch", "--all")
    record = shell.show("r000")
    assert record["repo_url"] == "https://github.com/octo/r000"
    assert record["repo_description"] == "a secret test of tests"


def test_contributors_are_read_once_more_when_the_host_has_them_for_sure(
    tmp_path: Path,
) -> None:
    """GitHub's list is a few hours old: read an hour after a push it may lack somebody."""
    with Hosts(*some(60)) as hosts:
        shell = CommandLine(tmp_path, {**hosts.variables, "GH_TOKEN": TOKEN})
        for repo in some(60):
            hosts.github.add(replace(repo, pushed_at=shell.clock.now() - DAY / 24))
        shell.ok("add", *(repo.full_name for repo in some(60)))
        asked = []
        for delay in (0, 1, 1, 6, 24):
            later(shell, delay * DAY / 24)
            hosts.github.log.clear()
            shell.ok("fetch", "--all", "--source", "repo")
            asked.append(len(hosts.github.requests("/contributors")))
        assert asked == [60, 0, 0, 60, 0]


def test_a_small_time_budget_is_enough_for_some(tmp_path: Path) -> None:
    with Hosts(*some(150), latency=0.05) as hosts:
        shell = CommandLine(tmp_path, {**hosts.variables, "GH_TOKEN": TOKEN})
        shell.ok("add", *(repo.full_name for repo in some(150)))
        shell.clock = SystemClock()
        result = shell.run("fetch", "--all", "--time-budget", "2s", "--json")
        assert result.code in {0, 5}
        assert result.json()["packages"]["updated"] > 0
