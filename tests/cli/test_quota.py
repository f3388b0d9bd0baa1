"""A quota that ends among a thousand packages: exit 5, and the next run does the rest."""

import datetime as dt
from pathlib import Path

import pytest

from pkgharvest.model.clock import FixedClock
from tests.standins.github import FakeContributor
from tests.support.command_line import CommandLine
from tests.support.hosts import Hosts, some

COUNT = 1_000
LEFT = 50


@pytest.mark.parametrize("token", ["", "ghp_" + "x" * 36])
def test_fifty_requests_left_and_a_thousand_packages(tmp_path: Path, token: str) -> None:
    repos = some(COUNT)
    for repo in repos:
        repo.contributors = [FakeContributor(name="mona", contributions=9)]
    with Hosts(*repos) as hosts:
        shell = CommandLine(tmp_path, hosts.variables | ({"GH_TOKEN": token} if token else {}))
        shell.ok("add", "-", stdin="\n".join(repo.full_name for repo in repos).encode())
        github = hosts.github
        github.quota.remaining = LEFT

        first = shell.run("fetch", "--all", "--source", "repo", "--json")

        assert (first.code, first.json()["stopped"]) == (5, "quota")
        spent = [one for one in github.log if one.path != "/graphql"]
        assert len(spent) == LEFT
        assert {one.status for one in spent} == {200}
        assert github.quota.remaining == 0
        done = {slug for (slug,) in shell.rows(
            "SELECT slug FROM packages WHERE last_fetched IS NOT NULL"
        )}  # fmt: skip
        assert first.json()["packages"]["deferred"] == COUNT - len(done)
        if token:  # a request is for contributors, and the rest is not of that quota
            assert len(done) == LEFT
        else:  # of three requests, those of the last few went to packages that are not whole
            assert LEFT // 3 - 8 <= len(done) <= LEFT // 3
        github.log.clear()
        github.quota.limit = 10_000
        shell.clock = FixedClock(shell.clock.now() + dt.timedelta(hours=1, minutes=1))
        github._now = lambda: int(shell.clock.now().timestamp())

        second = shell.ok("fetch", "--all", "--source", "repo", "--json")

        assert second.json()["packages"]["selected"] == COUNT - len(done)
        assert second.json()["packages"]["deferred"] == 0
        asked_again = [slug for slug in done if github.requests(f"/{slug}/")]
        assert asked_again == []
        assert shell.rows("SELECT count(*) FROM packages WHERE last_fetched IS NULL") == [(0,)]
