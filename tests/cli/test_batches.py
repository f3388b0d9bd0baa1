"""Batched GraphQL queries to GitHub: what they cost, and what stops them."""

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
from tests.support.hosts import Hosts, make_repositories

TOKEN = "ghp_" + "5ecre7" * 6 + "last"
DAY = dt.timedelta(days=1)
COUNT = 120

pytestmark = pytest.mark.repositories(COUNT)


@pytest.fixture
def shell(shell: CommandLine) -> CommandLine:
    shell.variables["GH_TOKEN"] = TOKEN
    return shell


def advance(shell: CommandLine, delay: dt.timedelta = DAY) -> None:
    shell.clock = FixedClock(shell.clock.now() + delay)


def github_requests(hosts: Hosts, report: Any) -> Any:
    return report["requests"]["by_host"][hosts.github.url.removeprefix("http://")]


def test_batches_keep_the_number_of_requests_low(shell: CommandLine, hosts: Hosts) -> None:
    first = github_requests(hosts, shell.ok("fetch", "--all", "--source", "repo", "--json").json())
    assert first["requests"] <= 1.1 * COUNT
    advance(shell)
    report = shell.ok("fetch", "--all", "--source", "repo", "--json").json()
    second = github_requests(hosts, report)
    assert second["requests"] <= 0.04 * COUNT
    assert second["points"] == sum(query.cost for query in hosts.github.queries[-3:])
    assert report["packages"]["unchanged"] == COUNT


def test_graphql_and_rest_give_the_same_record(
    shell: CommandLine, tmp_path: Path, hosts: Hosts
) -> None:
    rest_shell = CommandLine(tmp_path / "plain", hosts.variables)
    rest_shell.ok("add", *(repo.full_name for repo in make_repositories(COUNT)))
    rest_shell.ok("fetch", "--all")
    shell.ok("fetch", "--all")
    assert hosts.github.queries
    graphql_records, rest_records = (
        [
            {**record, "last_fetched": 0, "modified": 0}
            for record in source_shell.ok("list", "--json").json()
        ]
        for source_shell in (shell, rest_shell)
    )
    assert graphql_records == rest_records


def test_contributors_known_from_commits_are_not_requested(tmp_path: Path) -> None:
    repos = [
        replace(
            repo,
            commits=commits(1, 2, 3),
            contributors=[FakeContributor(name="mona", contributions=3)],
        )
        for repo in make_repositories(50)
    ]
    with Hosts(*repos) as hosts:
        shell = CommandLine(tmp_path, {**hosts.variables, "GH_TOKEN": TOKEN})
        shell.ok("add", *(repo.full_name for repo in repos))
        report = shell.ok("fetch", "--all", "--source", "repo", "--json").json()
        assert github_requests(hosts, report)["requests"] == 3  # one for facts, two for commits
        assert shell.show("r007")["participants"] == ["mona"]


def test_a_failing_package_does_not_affect_others_in_its_batch(
    shell: CommandLine, hosts: Hosts
) -> None:
    github = hosts.github
    assert isinstance(github, GitHubGraphQL)
    github.remove(make_repositories(COUNT)[7])
    github.fault("octo/r008", Fault(status=500))  # its contributors, through REST
    result = shell.run("fetch", "--all", "--source", "repo", "--json")
    assert result.code == 3
    kinds = {failure["slug"]: failure["error"] for failure in result.json()["failures"]}
    assert kinds == {"r007": "not_found", "r008": "unavailable"}
    assert result.json()["packages"]["updated"] == COUNT - 2


def test_a_batch_that_is_too_large_is_halved(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.breaks_above = 12
    report = shell.ok("fetch", "--all", "--source", "repo", "--json").json()
    assert report["packages"]["updated"] == COUNT
    sizes = [query.repositories for query in hosts.github.queries if query.status == 200]
    assert max(sizes) <= 12


def test_a_server_without_graphql_is_fetched_through_rest(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.fault("/graphql", Fault(status=404, body=b"{}"))
    report = shell.ok("fetch", "--all", "--source", "repo", "--json").json()
    assert report["packages"]["updated"] == COUNT


def test_a_rejected_token_is_not_sent_again(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.tokens = set()
    result = shell.run("fetch", "--all", "--source", "repo", "--json")
    assert result.code == 4
    assert len(hosts.github.log) <= 8  # requests already in flight
    messages = {failure["message"] for failure in result.json()["failures"]}
    assert messages == {"127.0.0.1 rejects the token that ends in last"}
    assert TOKEN[:-4] not in result.err + result.out
    hosts.github.tokens = None
    shell.ok("fetch", "--all", "--source", "repo")  # no package is marked as failing


def test_graphql_may_have_another_url(shell: CommandLine, hosts: Hosts) -> None:
    with GitHubGraphQL(make_repositories(COUNT), now=hosts.github._now) as other:
        shell.variables["GITHUB_GRAPHQL_URL"] = f"{other.url}/graphql"
        shell.ok("fetch", "--all", "--source", "repo")
        assert other.queries
        assert not hosts.github.queries
        assert {request.headers["authorization"] for request in other.log} == {f"Bearer {TOKEN}"}


def test_recording_uses_rest(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "r001", "r002", "--record", "run.har")
    assert not hosts.github.queries
    shell.ok("fetch", "r001", "r002", "--replay", "run.har")


def test_an_exhausted_graphql_quota_stops_the_run(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.graphql_quota.remaining = 0
    result = shell.run("fetch", "--all", "--source", "repo", "--json")
    assert (result.code, result.json()["stopped"]) == (5, "quota")
    assert result.json()["packages"]["deferred"] == COUNT
    assert len(hosts.github.log) <= 8


@pytest.mark.parametrize("token", ["r0", "secret", "test"])
def test_a_short_token_is_not_masked_in_host_data(tmp_path: Path, hosts: Hosts, token: str) -> None:
    """Such a token only occurs in tests; masking it would change what a host reports."""
    repo = replace(make_repositories(1)[0], description="a secret test of tests")
    hosts.github.add(repo)
    shell = CommandLine(tmp_path / token, {**hosts.variables, "GH_TOKEN": token})
    shell.ok("add", repo.full_name)
    shell.ok("fetch", "--all")
    record = shell.show("r000")
    assert record["repo_url"] == "https://github.com/octo/r000"
    assert record["repo_description"] == "a secret test of tests"


def test_contributors_are_read_again_once_the_list_is_up_to_date(
    tmp_path: Path,
) -> None:
    """GitHub's list lags a few hours: an hour after a push it may miss someone."""
    with Hosts(*make_repositories(60)) as hosts:
        shell = CommandLine(tmp_path, {**hosts.variables, "GH_TOKEN": TOKEN})
        for repo in make_repositories(60):
            hosts.github.add(replace(repo, pushed_at=shell.clock.now() - DAY / 24))
        shell.ok("add", *(repo.full_name for repo in make_repositories(60)))
        request_counts = []
        for delay in (0, 1, 1, 6, 24):
            advance(shell, delay * DAY / 24)
            hosts.github.log.clear()
            shell.ok("fetch", "--all", "--source", "repo")
            request_counts.append(len(hosts.github.requests("/contributors")))
        assert request_counts == [60, 0, 0, 60, 0]


def test_a_small_time_budget_still_updates_some_packages(tmp_path: Path) -> None:
    with Hosts(*make_repositories(150), latency=0.05) as hosts:
        shell = CommandLine(tmp_path, {**hosts.variables, "GH_TOKEN": TOKEN})
        shell.ok("add", *(repo.full_name for repo in make_repositories(150)))
        shell.clock = SystemClock()
        result = shell.run("fetch", "--all", "--time-budget", "4s", "--json")
        assert result.code in {0, 5}
        assert result.json()["packages"]["updated"] > 0
