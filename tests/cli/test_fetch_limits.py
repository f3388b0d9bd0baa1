"""``pkgharvest fetch`` stopped early by a budget or quota, and the run that continues it."""

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


def fetched_sources(shell: CommandLine) -> set[tuple[str, str]]:
    """Return the pairs of package and source that were fetched."""
    query = "SELECT slug, source FROM fetches JOIN packages ON id = package_id"
    return set(shell.rows(f"{query} WHERE last_success IS NOT NULL"))


def count_requests(hosts: Hosts) -> Counter[tuple[str, str]]:
    """Count the requests for each package and source."""
    counts: Counter[tuple[str, str]] = Counter()
    for source, log in (("repo", hosts.github.log), ("pypi", hosts.pypi.log)):
        for request in log:
            found = re.search(r"r\d{3}", request.target)
            assert found is not None
            counts[found[0], source] += 1
    return counts


def assert_next_run_continues(
    shell: CommandLine, hosts: Hosts, stopped: Result, reason: str
) -> None:
    """Assert that ``stopped`` saved its results and that the next run fetches only the rest."""
    assert stopped.code == 5
    report = stopped.json()
    assert report["stopped"] == reason
    packages = report["packages"]
    assert packages["deferred"] > 0
    assert packages["failed"] == 0
    assert packages["selected"] == sum(packages.values()) - packages["selected"]
    assert report["failures"] == []
    before = fetched_sources(shell)
    hosts.request_counts()
    hosts.github.quota.remaining = 5000
    shell.clock = FixedClock(shell.clock.now() + dt.timedelta(hours=2))
    shell.ok("fetch", "--all")
    assert fetched_sources(shell) == {
        (slug, source) for slug in SLUGS for source in ("repo", "pypi")
    }
    requests = count_requests(hosts)
    assert not before & set(requests)
    assert requests == {
        pair: 3 if pair[1] == "repo" else 2 for pair in fetched_sources(shell) - before
    }


@pytest.mark.parametrize("budget", [1, 4, 5, 13, 29])
def test_request_budget(shell: CommandLine, hosts: Hosts, budget: int) -> None:
    result = shell.run("fetch", "--all", "--json", "--request-budget", str(budget))
    assert sum(hosts.request_counts()) == budget
    assert result.json()["requests"]["total"] == budget
    assert "the request budget is spent" in result.err
    assert_next_run_continues(shell, hosts, result, "request-budget")


def test_a_sufficient_request_budget(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "--all", "--request-budget", "30")
    assert sum(hosts.request_counts()) == 30


def test_a_request_budget_of_zero(shell: CommandLine, hosts: Hosts) -> None:
    result = shell.run("fetch", "--all", "--request-budget", "0", "--json")
    assert result.code == 5
    assert result.json()["packages"]["deferred"] == 6
    assert hosts.request_counts() == (0, 0)


def test_request_budgets_finish_the_work_run_by_run(shell: CommandLine, hosts: Hosts) -> None:
    runs = 0
    while shell.run("fetch", "--all", "--request-budget", "7", "--jobs", "1").code == 5:
        runs += 1
        assert runs < 10
    assert len(fetched_sources(shell)) == 12
    # Only a source that the budget cut short is requested again.
    assert sum(hosts.request_counts()) <= 30 + 2 * runs


def test_a_dry_run_lists_what_a_stopped_run_left(shell: CommandLine) -> None:
    assert shell.run("fetch", "--all", "--request-budget", "5", "--jobs", "1").code == 5
    left = shell.ok("fetch", "--all", "--dry-run").out
    assert left == "".join(f"{slug}  repo pypi\n" for slug in SLUGS[1:])


def test_a_finished_run_is_not_continued(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "--all")
    hosts.request_counts()
    shell.ok("fetch", "--all")
    assert hosts.request_counts() == (12, 6)


def test_an_old_stopped_run_is_not_continued(shell: CommandLine, hosts: Hosts) -> None:
    assert shell.run("fetch", "--all", "--request-budget", "13").code == 5
    hosts.request_counts()
    shell.clock = FixedClock(shell.clock.now() + 2 * DAY)
    shell.ok("fetch", "--all")
    assert set(count_requests(hosts)) == {(slug, src) for slug in SLUGS for src in ("repo", "pypi")}


def test_a_fetch_by_name_continues_no_run(shell: CommandLine, hosts: Hosts) -> None:
    assert shell.run("fetch", "--all", "--request-budget", "5", "--jobs", "1").code == 5
    hosts.request_counts()
    shell.ok("fetch", "r000", "r001")
    assert {slug for slug, _ in count_requests(hosts)} == {"r000", "r001"}
    shell.ok("fetch", "--all")  # still continues the stopped run
    assert {slug for slug, _ in count_requests(hosts)} == set(SLUGS)


def test_time_budget(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.fault("r00[2-5]", Fault(delay=20))
    shell.clock = SystemClock()
    result = shell.run("fetch", "--all", "--json", "--time-budget", "1s", "--jobs", "2")
    hosts.github.heal()
    assert "the time budget is spent" in result.err
    assert {("r000", "repo"), ("r001", "pypi")} <= fetched_sources(shell)
    assert 0 < len(fetched_sources(shell)) < 12
    assert_next_run_continues(shell, hosts, result, "time-budget")


def test_a_quota_stops_the_run(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.quota.remaining = 7
    result = shell.run("fetch", "--all", "--json")
    assert " is used up until " in result.err
    assert (
        sum(source == "pypi" for _, source in fetched_sources(shell)) == 6
    )  # the other host is not affected
    assert {request.status for request in hosts.github.log} == {
        200
    }  # no request was sent without quota
    assert len(hosts.github.log) == 7
    assert_next_run_continues(shell, hosts, result, "quota")


@pytest.mark.parametrize("status", [403, 429])
def test_a_quota_that_was_used_up_before_the_run(
    shell: CommandLine, hosts: Hosts, status: int
) -> None:
    hosts.github.quota.remaining = 0
    hosts.github.quota.spent_status = status
    result = shell.run("fetch", "--all", "--json", "--jobs", "1")
    assert len(hosts.github.log) == 1
    assert_next_run_continues(shell, hosts, result, "quota")


def test_an_exhausted_quota_keeps_old_values(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "--all")

    def values() -> list[dict[str, object]]:
        records = shell.ok("list", "--json", "--full").json()
        return [{**record, "fetches": None} for record in records]

    before = values()
    hosts.github.quota.remaining = 0
    hosts.github.quota.reset = 0
    result = shell.run("fetch", "--all", "--source", "repo")
    assert result.code == 5
    assert values() == before


def test_wait_sleeps_until_the_quota_resets(shell: CommandLine, hosts: Hosts) -> None:
    clock = FixedClock(shell.clock.now())
    shell.clock = clock
    hosts.github.quota.remaining = 7
    hosts.github._now = lambda: int(clock.now().timestamp())
    result = shell.ok("fetch", "--all", "--wait", "--json")
    assert len(fetched_sources(shell)) == 12
    assert result.json()["stopped"] is None
    assert "is out of quota: waiting 3,6" in result.err
    assert clock.monotonic() >= 3600


# ── rejected credentials ──


def test_a_rejected_token_sets_exit_code_4(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.tokens = {"another"}
    shell.variables["GITHUB_TOKEN"] = "ghp_wrong" + "0" * 30
    result = shell.run("fetch", "--all", "--json")
    assert result.code == 4
    assert {failure["error"] for failure in result.json()["failures"]} == {"unauthorized"}
    assert shell.show("r000")["pypi_version"] == "1.1"
    assert "ghp_wrong" not in result.out + result.err


def test_a_rejected_token_takes_precedence_over_a_budget(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.tokens = {"another"}
    shell.variables["GH_TOKEN"] = "ghp_wrong" + "0" * 30
    result = shell.run("fetch", "--all", "--json", "--request-budget", "8", "--jobs", "1")
    assert result.json()["stopped"] == "request-budget"
    assert result.code == 4


def test_a_budget_takes_precedence_over_a_failure(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.fault("/repos/octo/r000", Fault(status=404))
    result = shell.run("fetch", "--all", "--json", "--request-budget", "8", "--jobs", "1")
    assert result.json()["packages"]["failed"] == 1
    assert result.code == 5


# ── --as-of ──


def test_as_of_does_not_continue_a_stopped_run(shell: CommandLine, hosts: Hosts) -> None:
    assert shell.run("fetch", "--all", "--request-budget", "5", "--jobs", "1").code == 5
    dry = shell.ok("fetch", "--all", "--as-of", "2026-01-01", "--dry-run").out
    assert sorted(dry.splitlines()) == [f"{slug}  repo" for slug in SLUGS]
    shell.run("fetch", "--all", "--as-of", "2026-01-01", "--replay", write_empty_archive(shell))
    hosts.request_counts()
    shell.ok("fetch", "--all")
    assert {slug for slug, _ in count_requests(hosts)} == set(SLUGS[1:])


def write_empty_archive(shell: CommandLine) -> str:
    """Write an archive without requests: a replay of it keeps git off the network."""
    path = shell.cwd / "nothing.har"
    path.write_text(
        '{"log": {"pages": [{"startedDateTime": "2026-02-15T18:08:42Z"}], "entries": []}}',
        encoding="utf-8",
    )
    return str(path)
