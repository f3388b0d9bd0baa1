"""A quota that runs out among 1,000 packages: exit code 5, then the next run does the rest."""

import datetime as dt
from pathlib import Path

import pytest

from pkgharvest.model.clock import FixedClock
from tests.standins.github import FakeContributor
from tests.support.command_line import CommandLine
from tests.support.hosts import Hosts, make_repositories

COUNT = 300
REMAINING = 50


@pytest.mark.parametrize("token", ["", "ghp_" + "x" * 36])
def test_an_exhausted_quota_leaves_the_rest_to_the_next_run(tmp_path: Path, token: str) -> None:
    repos = make_repositories(COUNT)
    for repo in repos:
        repo.contributors = [FakeContributor(name="mona", contributions=9)]
    with Hosts(*repos) as hosts:
        shell = CommandLine(tmp_path, hosts.variables | ({"GH_TOKEN": token} if token else {}))
        shell.ok("add", "-", stdin="\n".join(repo.full_name for repo in repos).encode())
        github = hosts.github
        github.quota.remaining = REMAINING

        first = shell.run("fetch", "--all", "--source", "repo", "--json")

        assert (first.code, first.json()["stopped"]) == (5, "quota")
        rest_requests = [request for request in github.log if request.path != "/graphql"]
        assert len(rest_requests) == REMAINING
        assert {request.status for request in rest_requests} == {200}
        assert github.quota.remaining == 0
        fetched = {slug for (slug,) in shell.rows(
            "SELECT slug FROM packages WHERE last_fetched IS NOT NULL"
        )}  # fmt: skip
        assert first.json()["packages"]["deferred"] == COUNT - len(fetched)
        if token:  # each request is for contributors; GraphQL has a quota of its own
            assert len(fetched) == REMAINING
        else:  # three requests a package; the last few packages are incomplete
            assert REMAINING // 3 - 8 <= len(fetched) <= REMAINING // 3
        github.log.clear()
        github.quota.limit = 10_000
        shell.clock = FixedClock(shell.clock.now() + dt.timedelta(hours=1, minutes=1))
        github._now = lambda: int(shell.clock.now().timestamp())

        second = shell.ok("fetch", "--all", "--source", "repo", "--json")

        assert second.json()["packages"]["selected"] == COUNT - len(fetched)
        assert second.json()["packages"]["deferred"] == 0
        fetched_again = [slug for slug in fetched if github.requests(f"/{slug}/")]
        assert fetched_again == []
        assert shell.rows("SELECT count(*) FROM packages WHERE last_fetched IS NULL") == [(0,)]
