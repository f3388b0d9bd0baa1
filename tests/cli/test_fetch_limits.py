"""``pkgharvest fetch`` that stops early, by budget or quota, and the run that goes on with it."""

import datetime as dt
import re
from collections import Counter

import pytest

from pkgharvest.model.clock import FixedClock, SystemClock
from tests.standins.server import Fault
from tests.support.command_line import CommandLine, Result
from tests.support.github_case import DAY
from tests.support.hosts import Hosts

pytestmark = pytest.mark.repositories(6)

SLUGS = [f"r{number:03}" for number in range(6)]


def done(shell: CommandLine) -> set[tuple[str, str]]:
    """Return the packages with their sources that the catalogue has."""
    query = "SELECT slug, source FROM fetches JOIN packages ON id = package_id"
    return set(shell.rows(f"{query} WHERE last_success IS NOT NULL"))


def requested(hosts: Hosts) -> Counter[tuple[str, str]]:
    """Count the requests for each package and source."""
    counts: Counter[tuple[str, str]] = Counter()
    for source, log in (("repo", hosts.github.log), ("pypi", hosts.pypi.log)):
        for logged in log:
            found = re.search(r"r\d{3}", logged.target)
            assert found is not None
            counts[found[0], source] += 1
    return counts


def expect_to_go_on(shell: CommandLine, hosts: Hosts, stopped: Result, reason: str) -> None:
    """See that ``stopped`` kept what it had, and the next run asks for the rest alone."""
    assert stopped.code == 5
    report = stopped.json()
    assert report["stopped"] == reason
    packages = report["packages"]
    assert packages["deferred"] > 0
    assert packages["failed"] == 0
    assert packages["selected"] == sum(packages.values()) - packages["selected"]
    assert report["failures"] == []
    had = done(shell)
    hosts.asked()
    hosts.github.quota.remaining = 5000
    shell.clock = FixedClock(shell.clock.now() + dt.timedelta(hours=2))
    shell.ok("fetch", "--all")
    assert done(shell) == {(slug, source) for slug in SLUGS for source in ("repo", "pypi")}
    asked = requested(hosts)
    assert not had & set(asked)
    assert asked == {one: 3 if one[1] == "repo" else 2 for one in done(shell) - had}


@pytest.mark.parametrize("budget", [1, 4, 5, 13, 29])
def test_request_budget(shell: CommandLine, hosts: Hosts, budget: int) -> None:
    result = shell.run("fetch", "--all", "--json", "--request-budget", str(budget))
    assert sum(hosts.asked()) == budget
    assert result.json()["requests"]["total"] == budget
    assert "the request budget is spent" in result.err
    expect_to_go_on(shell, hosts, result, "request-budget")


def test_a_budget_that_suffices(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "--all", "--request-budget", "30")
    assert sum(hosts.asked()) == 30


def test_a_budget_of_nothing(shell: CommandLine, hosts: Hosts) -> None:
    result = shell.run("fetch", "--all", "--request-budget", "0", "--json")
    assert result.code == 5
    assert result.json()["packages"]["deferred"] == 6
    assert hosts.asked() == (0, 0)


def test_budget_after_budget(shell: CommandLine, hosts: Hosts) -> None:
    runs = 0
    while shell.run("fetch", "--all", "--request-budget", "7", "--jobs", "1").code == 5:
        runs += 1
        assert runs < 10
    assert len(done(shell)) == 12
    # A source that the budget cut short is asked again, and nothing else is.
    assert sum(hosts.asked()) <= 30 + 2 * runs


def test_a_dry_run_shows_what_is_left(shell: CommandLine) -> None:
    assert shell.run("fetch", "--all", "--request-budget", "5", "--jobs", "1").code == 5
    left = shell.ok("fetch", "--all", "--dry-run").out
    assert left == "".join(f"{slug}  repo pypi\n" for slug in SLUGS[1:])


def test_a_finished_run_is_not_gone_on_with(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "--all")
    hosts.asked()
    shell.ok("fetch", "--all")
    assert hosts.asked() == (12, 6)


def test_a_run_of_long_ago_is_not_gone_on_with(shell: CommandLine, hosts: Hosts) -> None:
    assert shell.run("fetch", "--all", "--request-budget", "13").code == 5
    hosts.asked()
    shell.clock = FixedClock(shell.clock.now() + 2 * DAY)
    shell.ok("fetch", "--all")
    assert set(requested(hosts)) == {(slug, src) for slug in SLUGS for src in ("repo", "pypi")}


def test_names_do_not_go_on_with_anything(shell: CommandLine, hosts: Hosts) -> None:
    assert shell.run("fetch", "--all", "--request-budget", "5", "--jobs", "1").code == 5
    hosts.asked()
    shell.ok("fetch", "r000", "r001")
    assert {slug for slug, _ in requested(hosts)} == {"r000", "r001"}
    shell.ok("fetch", "--all")  # still goes on with the run that stopped
    assert {slug for slug, _ in requested(hosts)} == set(SLUGS)


def test_time_budget(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.fault("r00[2-5]", Fault(delay=20))
    shell.clock = SystemClock()
    result = shell.run("fetch", "--all", "--json", "--time-budget", "1s", "--jobs", "2")
    hosts.github.heal()
    assert "the time budget is spent" in result.err
    assert {("r000", "repo"), ("r001", "pypi")} <= done(shell)
    assert 0 < len(done(shell)) < 12
    expect_to_go_on(shell, hosts, result, "time-budget")


def test_quota(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.quota.remaining = 7
    result = shell.run("fetch", "--all", "--json")
    assert " is used up until " in result.err
    assert sum(source == "pypi" for _, source in done(shell)) == 6  # the other host went on
    assert {one.status for one in hosts.github.log} == {200}  # nothing was asked in vain
    assert len(hosts.github.log) == 7
    expect_to_go_on(shell, hosts, result, "quota")


@pytest.mark.parametrize("status", [403, 429])
def test_quota_that_others_used_up(shell: CommandLine, hosts: Hosts, status: int) -> None:
    hosts.github.quota.remaining = 0
    hosts.github.quota.spent_status = status
    result = shell.run("fetch", "--all", "--json", "--jobs", "1")
    assert len(hosts.github.log) == 1
    expect_to_go_on(shell, hosts, result, "quota")


def test_a_quota_that_ends_leaves_good_values(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "--all")

    def values() -> list[dict[str, object]]:
        told = shell.ok("list", "--json", "--full").json()
        return [{**one, "fetches": None} for one in told]

    good = values()
    hosts.github.quota.remaining = 0
    hosts.github.quota.reset = 0
    result = shell.run("fetch", "--all", "--source", "repo")
    assert result.code == 5
    assert values() == good


def test_wait_sleeps_through_it(shell: CommandLine, hosts: Hosts) -> None:
    clock = FixedClock(shell.clock.now())
    shell.clock = clock
    hosts.github.quota.remaining = 7
    hosts.github._now = lambda: int(clock.now().timestamp())
    result = shell.ok("fetch", "--all", "--wait", "--json")
    assert len(done(shell)) == 12
    assert result.json()["stopped"] is None
    assert "is out of quota: waiting 3,6" in result.err
    assert clock.monotonic() >= 3600


# ── credentials refused ──


def test_a_refused_token(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.tokens = {"another"}
    shell.variables["GITHUB_TOKEN"] = "ghp_wrong" + "0" * 30
    result = shell.run("fetch", "--all", "--json")
    assert result.code == 4
    assert {one["error"] for one in result.json()["failures"]} == {"unauthorized"}
    assert shell.show("r000")["pypi_version"] == "1.1"
    assert "ghp_wrong" not in result.out + result.err


def test_refused_and_out_of_budget_is_refused(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.tokens = {"another"}
    shell.variables["GH_TOKEN"] = "ghp_wrong" + "0" * 30
    result = shell.run("fetch", "--all", "--json", "--request-budget", "8", "--jobs", "1")
    assert result.json()["stopped"] == "request-budget"
    assert result.code == 4


def test_failed_and_out_of_budget_is_stopped(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.fault("/repos/octo/r000", Fault(status=404))
    result = shell.run("fetch", "--all", "--json", "--request-budget", "8", "--jobs", "1")
    assert result.json()["packages"]["failed"] == 1
    assert result.code == 5


# ── what else a run for every package may be ──


def test_as_of_is_no_part_of_a_run_that_goes_on(shell: CommandLine, hosts: Hosts) -> None:
    assert shell.run("fetch", "--all", "--request-budget", "5", "--jobs", "1").code == 5
    dry = shell.ok("fetch", "--all", "--as-of", "2026-01-01", "--dry-run").out
    assert sorted(dry.splitlines()) == [f"{slug}  repo" for slug in SLUGS]
    shell.run("fetch", "--all", "--as-of", "2026-01-01", "--replay", record_of_nothing(shell))
    hosts.asked()
    shell.ok("fetch", "--all")
    assert {slug for slug, _ in requested(hosts)} == set(SLUGS[1:])


def record_of_nothing(shell: CommandLine) -> str:
    """Return an archive of no requests: with it there is no network for git."""
    path = shell.here / "nothing.har"
    path.write_text(
        '{"log": {"pages": [{"startedDateTime": "2026-02-15T18:08:42Z"}], "entries": []}}',
        encoding="utf-8",
    )
    return str(path)
