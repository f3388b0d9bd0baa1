"""``pkgharvest fetch`` when hosts fail, reject requests, rename or have no data."""

import datetime as dt

import pytest

from pkgharvest.model.clock import FixedClock
from tests.standins.github import FakeContributor
from tests.standins.server import Fault
from tests.support.command_line import CommandLine
from tests.support.github_case import DAY, commits, days_ago, repository
from tests.support.hosts import Hosts

pytestmark = pytest.mark.repositories(3)


def advance(shell: CommandLine, delay: dt.timedelta = DAY) -> None:
    """Move the clock forward by ``delay``."""
    shell.clock = FixedClock(shell.clock.now() + delay)


# ── failures ──


def test_a_failing_source_affects_only_its_own_fields(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "--all")
    advance(shell)
    good = shell.show("r001")
    hosts.pypi.fault("/simple/r001/", Fault(status=500))
    hosts.github.fault("/repos/octo/r002", Fault(status=200, body=b"{nonsense"))
    result = shell.run("fetch", "--all", "--json")
    assert result.code == 3
    report = result.json()
    assert report["packages"] == {
        "selected": 3,
        "updated": 0,
        "unchanged": 1,
        "failed": 2,
        "deferred": 0,
    }
    failures = {failure["slug"]: failure for failure in report["failures"]}
    assert list(failures["r001"]) == ["slug", "source", "error", "message"]
    assert (failures["r001"]["source"], failures["r001"]["error"]) == ("pypi", "unavailable")
    assert (failures["r002"]["source"], failures["r002"]["error"]) == ("repo", "malformed")
    record = shell.show("r001", "--full")
    assert {name: record[name] for name in good if name != "last_fetched"} == {
        name: value for name, value in good.items() if name != "last_fetched"
    }
    assert record["last_fetched"] == "2026-02-16T18:08:42Z"
    repo, pypi = record["fetches"]["repo"], record["fetches"]["pypi"]
    assert (repo["last_error"], pypi["last_error"]) == (None, "unavailable")
    assert pypi["consecutive_failures"] == 1
    assert shell.show("r002")["last_fetched"] == "2026-02-15T18:08:42Z"
    assert "r001 (pypi: unavailable)" in result.err
    assert "2 failed" in result.err


def test_a_failed_package_is_in_back_off(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.fault("/repos/octo/r001", Fault(status=404))
    assert shell.run("fetch", "--all").code == 3
    hosts.request_counts()
    advance(shell, dt.timedelta(minutes=30))
    shell.ok("fetch", "--all", "--source", "repo")
    assert not any("r001" in target for target in hosts.github.requests())
    assert shell.run("fetch", "--all", "--source", "repo", "--retry-failed").code == 3
    assert any("r001" in target for target in hosts.github.requests())
    assert (
        shell.run("fetch", "r001", "--source", "repo").code == 3
    )  # a named package has no backoff
    hosts.github.heal()
    advance(shell, 7 * DAY)
    shell.ok("fetch", "--all")
    assert shell.show("r001", "--full")["fetches"]["repo"]["consecutive_failures"] == 0


def test_a_410_is_a_failure_once_then_the_repository_is_gone(
    shell: CommandLine, hosts: Hosts
) -> None:
    shell.ok("fetch", "r001")
    hosts.github.fault("/repos/octo/r001", Fault(status=410))
    assert shell.run("fetch", "r001").code == 3
    assert shell.show("r001", "--full")["status"] == "gone"
    assert shell.run("fetch", "r001").code == 0
    assert shell.show("r001")["repo_watchers"] == 1


def test_a_404_three_times_in_a_row_marks_the_repository_as_gone(
    shell: CommandLine, hosts: Hosts
) -> None:
    shell.ok("fetch", "r001")
    hosts.github.fault("/repos/octo/r001", Fault(status=404))
    for status in ("active", "active", "gone"):
        assert shell.run("fetch", "r001").code == 3
        assert shell.show("r001", "--full")["status"] == status
    assert shell.run("fetch", "r001").code == 0
    hosts.github.heal()
    shell.ok("fetch", "r001")
    assert shell.show("r001", "--full")["status"] == "active"


def test_too_many_contributors_to_list_are_no_failure(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.add(repository(owner="octo", name="huge", too_large=True))
    shell.ok("add", "octo/huge")
    shell.ok("fetch", "huge")
    assert shell.show("huge")["participants"] == []


def test_an_empty_repository_has_zero_commits(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.add(repository(owner="octo", name="void", empty=True))
    shell.ok("add", "octo/void")
    shell.ok("fetch", "void")
    record = shell.show("void", "--full")
    assert record["commits_over_52"] == [0] * 52
    assert record["status"] == "empty"


# ── renames ──


def test_a_rename_is_followed(shell: CommandLine, hosts: Hosts) -> None:
    repo = repository(owner="octo", name="r001", id=1001, stars=1)
    hosts.github.add(repo)
    shell.ok("fetch", "r001")
    hosts.github.rename(repo, "Octo-Org/Renamed")
    advance(shell)
    shell.ok("fetch", "r001")
    record = shell.show("r001", "--full")
    assert record["repo_url"] == "https://github.com/Octo-Org/Renamed"
    assert record["previous_urls"] == ["https://github.com/octo/r001"]
    assert record["status"] == "active"
    assert record["pypi_version"] == "1.1"
    for name in ("octo/r001", "octo-org/renamed", "https://github.com/octo/r001.git"):
        assert shell.show(name)["slug"] == "r001"
    assert shell.ok("add", "octo/r001").out.startswith("already in the catalog: r001  ")
    hosts.request_counts()
    advance(shell)
    shell.ok("fetch", "r001")
    advance(shell)
    hosts.request_counts()
    report = shell.ok("fetch", "r001", "--json").json()
    assert hosts.request_counts() == (2, 1)
    assert report["packages"]["unchanged"] == 1


def test_another_repository_at_the_old_name_is_not_followed(
    shell: CommandLine, hosts: Hosts
) -> None:
    shell.ok("fetch", "r001")
    hosts.github.add(repository(owner="octo", name="r001", id=666, stars=31337))
    advance(shell)
    assert shell.run("fetch", "r001").code == 3
    record = shell.show("r001", "--full")
    assert (record["status"], record["repo_watchers"]) == ("moved", 1)


def test_fetch_reads_all_pages(shell: CommandLine, hosts: Hosts) -> None:
    ages = [2 + number / 100 for number in range(250)]
    people = [
        FakeContributor(name=f"p{number}", contributions=500 - number) for number in range(230)
    ]
    repo = repository(
        owner="octo", name="busy", commits=commits(*ages), contributors=people,
        pushed_at=days_ago(2),
    )  # fmt: skip
    hosts.github.add(repo)
    shell.ok("add", "octo/busy", "--no-pypi")
    shell.ok("fetch", "busy")
    assert hosts.request_counts() == (1 + 3 + 3, 0)
    record = shell.show("busy")
    assert sum(record["commits_over_52"]) == 250
    assert record["participants"] == [person.name for person in people]
