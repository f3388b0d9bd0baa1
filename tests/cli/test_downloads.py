"""Downloads: a background stage of a run with its own rate limit, staleness and budget."""

import datetime as dt
import time
from pathlib import Path
from typing import Any

import pytest

from pkgharvest.model.clock import FixedClock, SystemClock
from tests.standins.server import Fault
from tests.support.command_line import CommandLine
from tests.support.hosts import Hosts, make_repositories

pytestmark = pytest.mark.repositories(3, downloads=True)

HOUR = dt.timedelta(hours=1)


def advance(shell: CommandLine, delay: dt.timedelta) -> None:
    shell.clock = FixedClock(shell.clock.now() + delay)


def requested_projects(hosts: Hosts) -> list[str]:
    """Return the projects requested from pypistats since the last call."""
    names = [request.path.split("/")[3] for request in hosts.pypistats.log]
    hosts.pypistats.log.clear()
    return names


def full_record(shell: CommandLine, slug: str) -> Any:
    return shell.ok("show", slug, "--full", "--json").json()


def downloads(stars: int) -> dict[str, int]:
    return {"last_day": stars, "last_week": 7 * stars, "last_month": 30 * stars}


def test_the_first_run_finds_projects_and_reads_their_downloads(
    shell: CommandLine, hosts: Hosts
) -> None:
    report = shell.ok("fetch", "--all", "--json").json()
    assert report["packages"] == {
        "selected": 3, "updated": 3, "unchanged": 0, "failed": 0, "deferred": 0,
    }  # fmt: skip
    assert sorted(requested_projects(hosts)) == ["r000", "r001", "r002"]
    assert [full_record(shell, f"r00{number}")["downloads"] for number in range(3)] == [
        downloads(number) for number in range(3)
    ]
    assert full_record(shell, "r001")["fetches"]["downloads"]["last_success"]


def test_downloads_are_requested_once_a_day(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "--all")
    requested_projects(hosts)
    advance(shell, 12 * HOUR)
    shell.ok("fetch", "--all")
    shell.ok("fetch", "r001")
    shell.ok("fetch", "--all", "--source", "downloads")
    assert requested_projects(hosts) == []
    advance(shell, 11.5 * HOUR)  # a nightly job may start a little earlier than the night before
    shell.ok("fetch", "--all")
    assert sorted(requested_projects(hosts)) == ["r000", "r001", "r002"]


def test_downloads_of_a_named_package_are_fetched_at_once(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "--all")
    requested_projects(hosts)
    hosts.download_stats.downloads["r001"] = (5, 6, 7)
    advance(shell, 2 * HOUR)
    shell.ok("fetch", "r001", "--source", "downloads")
    assert requested_projects(hosts) == ["r001"]
    assert full_record(shell, "r001")["downloads"] == {
        "last_day": 5,
        "last_week": 6,
        "last_month": 7,
    }
    shell.ok("fetch", "--all", "--source", "downloads", "--stale", "1h")
    assert sorted(requested_projects(hosts)) == ["r000", "r002"]


def test_downloads_do_not_change_modified(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "--all")
    before = shell.show("r001")
    hosts.download_stats.downloads["r001"] = (5, 6, 7)
    advance(shell, 24 * HOUR)
    shell.ok("fetch", "--all", "--source", "downloads")
    assert shell.show("r001") == before


def test_a_downloads_failure_keeps_the_old_values(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "--all")
    advance(shell, 24 * HOUR)
    hosts.pypistats.fault("r001", Fault(status=500))
    result = shell.run("fetch", "--all", "--json")
    assert result.code == 3
    (failure,) = result.json()["failures"]
    assert (failure["slug"], failure["source"], failure["error"]) == (
        "r001", "downloads", "unavailable",
    )  # fmt: skip
    assert result.json()["packages"]["failed"] == 1
    assert full_record(shell, "r001")["downloads"] == downloads(1)
    assert shell.show("r001")["last_fetched"].startswith("2026-02-16T18:08:4")


def test_a_rate_limit_of_downloads_stops_nothing_else(shell: CommandLine, hosts: Hosts) -> None:
    page = b"<!doctype html><title>429 Too Many Requests</title>"
    hosts.pypistats.fault("/", Fault(status=429, headers={"Content-Type": "text/html"}, body=page))
    result = shell.run("fetch", "--all", "--json")
    assert (result.code, result.json()["stopped"]) == (5, "quota")
    assert result.json()["failures"] == []
    assert result.json()["packages"]["updated"] == 3  # everything else was fetched
    assert result.json()["packages"]["deferred"] == 0
    for number in range(3):
        assert shell.show(f"r00{number}")["repo_watchers"] == number
        assert shell.show(f"r00{number}")["pypi_version"] == "1.1"
    hosts.pypistats.heal()
    hosts.request_counts()
    advance(shell, HOUR)
    assert shell.ok("fetch", "--all", "--json").json()["stopped"] is None
    assert hosts.request_counts() == (0, 0)  # saved by the run that this one continues
    assert full_record(shell, "r002")["downloads"] == downloads(2)


def test_another_package_index_has_no_downloads(shell: CommandLine, hosts: Hosts) -> None:
    del shell.variables["PKGHARVEST_PYPISTATS_URL"]
    shell.ok("fetch", "--all")
    assert requested_projects(hosts) == []
    assert full_record(shell, "r001")["downloads"] == dict.fromkeys(downloads(0))
    result = shell.run("fetch", "--all", "--source", "downloads")
    assert result.code == 2
    assert "PKGHARVEST_PYPISTATS_URL" in result.hint


def test_a_dry_run_lists_downloads(shell: CommandLine) -> None:
    assert shell.ok("fetch", "--all", "--dry-run").out.splitlines()[0] == "r000  repo pypi"
    shell.ok("fetch", "--all")
    assert shell.ok("fetch", "r001", "--dry-run").out == "r001  repo pypi\n"
    advance(shell, 25 * HOUR)
    assert shell.ok("fetch", "r001", "--dry-run").out == "r001  repo pypi downloads\n"


def test_a_recording_contains_downloads(shell: CommandLine, hosts: Hosts, tmp_path: Path) -> None:
    shell.ok("fetch", "--all")
    shell.ok("fetch", "--all", "--record", "run.har")
    other = CommandLine(tmp_path / "other")
    other.ok("add", *(repo.full_name for repo in make_repositories(3)))
    other.ok("fetch", "--all", "--replay", str(shell.cwd / "run.har"))
    assert full_record(other, "r002")["downloads"] == downloads(2)


def test_nothing_waits_for_downloads(tmp_path: Path) -> None:
    """When pypistats never responds, a run still ends on time with everything else done."""
    with Hosts(*make_repositories(30), downloads=True) as hosts:
        shell = CommandLine(tmp_path, hosts.variables)
        shell.clock = SystemClock()
        shell.ok("add", *(repo.full_name for repo in make_repositories(30)))
        hosts.pypistats.fault("/", Fault(delay=600))
        result = shell.run("fetch", "--all", "--json", "--time-budget", "4s")
        assert (result.code, result.json()["stopped"]) == (0, None)
        assert result.json()["packages"]["updated"] == 30
        assert 1 <= hosts.pypistats.busiest <= 4


def test_downloads_get_the_rest_of_a_request_budget(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "--all")
    requested_projects(hosts)
    advance(shell, 25 * HOUR)
    result = shell.run("fetch", "--all", "--request-budget", "10", "--json")
    assert (result.code, result.json()["stopped"]) == (5, "request-budget")
    assert result.json()["packages"]["unchanged"] == 3
    assert len(requested_projects(hosts)) == 1  # three packages need nine


def test_a_large_catalog_does_not_wait_for_downloads(tmp_path: Path) -> None:
    with Hosts(*make_repositories(130), downloads=True) as hosts:
        shell = CommandLine(tmp_path, hosts.variables)
        shell.clock = SystemClock()
        shell.ok("add", *(repo.full_name for repo in make_repositories(130)))
        start = time.monotonic()
        report = shell.ok("fetch", "--all", "--json").json()
        assert report["packages"]["updated"] == 130
        assert len(requested_projects(hosts)) < 30
        assert time.monotonic() - start < 50
