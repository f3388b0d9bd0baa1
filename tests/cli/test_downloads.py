"""Downloads: a lane of their own in a run, with a pace, a staleness and a share of it."""

import datetime as dt
import time
from pathlib import Path
from typing import Any

import pytest

from pkgharvest.model.clock import FixedClock, SystemClock
from tests.standins.server import Fault
from tests.support.command_line import CommandLine
from tests.support.hosts import Hosts, some

pytestmark = pytest.mark.repositories(3, downloads=True)

HOUR = dt.timedelta(hours=1)


def later(shell: CommandLine, delay: dt.timedelta) -> None:
    shell.clock = FixedClock(shell.clock.now() + delay)


def asked(hosts: Hosts) -> list[str]:
    """Return the projects that pypistats was asked for since this was called last."""
    names = [logged.path.split("/")[3] for logged in hosts.pypistats.log]
    hosts.pypistats.log.clear()
    return names


def whole(shell: CommandLine, slug: str) -> Any:
    return shell.ok("show", slug, "--full", "--json").json()


def figures(place: int) -> dict[str, int]:
    return {"last_day": place, "last_week": 7 * place, "last_month": 30 * place}


def test_the_first_run_finds_projects_and_reads_their_downloads(
    shell: CommandLine, hosts: Hosts
) -> None:
    report = shell.ok("fetch", "--all", "--json").json()
    assert report["packages"] == {
        "selected": 3, "updated": 3, "unchanged": 0, "failed": 0, "deferred": 0,
    }  # fmt: skip
    assert sorted(asked(hosts)) == ["r000", "r001", "r002"]
    assert [whole(shell, f"r00{place}")["downloads"] for place in range(3)] == [
        figures(place) for place in range(3)
    ]
    assert whole(shell, "r001")["fetches"]["downloads"]["last_success"]


def test_they_are_asked_for_once_a_day(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "--all")
    asked(hosts)
    later(shell, 12 * HOUR)
    shell.ok("fetch", "--all")
    shell.ok("fetch", "r001")
    shell.ok("fetch", "--all", "--source", "downloads")
    assert asked(hosts) == []
    later(shell, 11.5 * HOUR)  # a cron job may be a bit earlier than the night before
    shell.ok("fetch", "--all")
    assert sorted(asked(hosts)) == ["r000", "r001", "r002"]


def test_who_names_them_has_them_at_once(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "--all")
    asked(hosts)
    hosts.figures.downloads["r001"] = (5, 6, 7)
    later(shell, 2 * HOUR)
    shell.ok("fetch", "r001", "--source", "downloads")
    assert asked(hosts) == ["r001"]
    assert whole(shell, "r001")["downloads"] == {"last_day": 5, "last_week": 6, "last_month": 7}
    shell.ok("fetch", "--all", "--source", "downloads", "--stale", "1h")
    assert sorted(asked(hosts)) == ["r000", "r002"]


def test_modified_does_not_follow_them(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "--all")
    before = shell.show("r001")
    hosts.figures.downloads["r001"] = (5, 6, 7)
    later(shell, 24 * HOUR)
    shell.ok("fetch", "--all", "--source", "downloads")
    assert shell.show("r001") == before


def test_what_comes_of_a_failure(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "--all")
    later(shell, 24 * HOUR)
    hosts.pypistats.fault("r001", Fault(status=500))
    result = shell.run("fetch", "--all", "--json")
    assert result.code == 3
    (failure,) = result.json()["failures"]
    assert (failure["slug"], failure["source"], failure["error"]) == (
        "r001", "downloads", "unavailable",
    )  # fmt: skip
    assert result.json()["packages"]["failed"] == 1
    assert whole(shell, "r001")["downloads"] == figures(1)
    assert shell.show("r001")["last_fetched"].startswith("2026-02-16T18:08:4")


def test_a_refusal_stops_downloads_and_nothing_else(shell: CommandLine, hosts: Hosts) -> None:
    page = b"<!doctype html><title>429 Too Many Requests</title>"
    hosts.pypistats.fault("/", Fault(status=429, headers={"Content-Type": "text/html"}, body=page))
    result = shell.run("fetch", "--all", "--json")
    assert (result.code, result.json()["stopped"]) == (5, "quota")
    assert result.json()["failures"] == []
    assert result.json()["packages"]["updated"] == 3  # all else is done
    assert result.json()["packages"]["deferred"] == 0
    for place in range(3):
        assert shell.show(f"r00{place}")["repo_watchers"] == place
        assert shell.show(f"r00{place}")["pypi_version"] == "1.1"
    hosts.pypistats.heal()
    hosts.asked()
    later(shell, HOUR)
    assert shell.ok("fetch", "--all", "--json").json()["stopped"] is None
    assert hosts.asked() == (0, 0)  # committed by the run that this one went on with
    assert whole(shell, "r002")["downloads"] == figures(2)


def test_another_index_has_nobody_who_counts(shell: CommandLine, hosts: Hosts) -> None:
    del shell.variables["PKGHARVEST_PYPISTATS_URL"]
    shell.ok("fetch", "--all")
    assert asked(hosts) == []
    assert whole(shell, "r001")["downloads"] == dict.fromkeys(figures(0))
    result = shell.run("fetch", "--all", "--source", "downloads")
    assert result.code == 2
    assert "PKGHARVEST_PYPISTATS_URL" in result.hint


def test_a_plan_has_them(shell: CommandLine) -> None:
    assert shell.ok("fetch", "--all", "--dry-run").out.splitlines()[0] == "r000  repo pypi"
    shell.ok("fetch", "--all")
    assert shell.ok("fetch", "r001", "--dry-run").out == "r001  repo pypi\n"
    later(shell, 25 * HOUR)
    assert shell.ok("fetch", "r001", "--dry-run").out == "r001  repo pypi downloads\n"


def test_a_recording_holds_them(shell: CommandLine, hosts: Hosts, tmp_path: Path) -> None:
    shell.ok("fetch", "--all")
    shell.ok("fetch", "--all", "--record", "run.har")
    other = CommandLine(tmp_path / "other")
    other.ok("add", *(repo.full_name for repo in some(3)))
    other.ok("fetch", "--all", "--replay", str(shell.here / "run.har"))
    assert whole(other, "r002")["downloads"] == figures(2)


def test_they_hold_up_nothing(tmp_path: Path) -> None:
    """With a host that never answers, a run is over when its time is, and its work is done."""
    with Hosts(*some(30), downloads=True) as hosts:
        shell = CommandLine(tmp_path, hosts.variables)
        shell.clock = SystemClock()
        shell.ok("add", *(repo.full_name for repo in some(30)))
        hosts.pypistats.fault("/", Fault(delay=600))
        result = shell.run("fetch", "--all", "--json", "--time-budget", "4s")
        assert (result.code, result.json()["stopped"]) == (0, None)
        assert result.json()["packages"]["updated"] == 30
        assert 1 <= hosts.pypistats.busiest <= 4


def test_a_request_budget_is_for_all_else_first(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "--all")
    asked(hosts)
    later(shell, 25 * HOUR)
    result = shell.run("fetch", "--all", "--request-budget", "10", "--json")
    assert (result.code, result.json()["stopped"]) == (5, "request-budget")
    assert result.json()["packages"]["unchanged"] == 3
    assert len(asked(hosts)) == 1  # three packages want nine


def test_a_large_catalogue_waits_for_none(tmp_path: Path) -> None:
    with Hosts(*some(130), downloads=True) as hosts:
        shell = CommandLine(tmp_path, hosts.variables)
        shell.clock = SystemClock()
        shell.ok("add", *(repo.full_name for repo in some(130)))
        began = time.monotonic()
        report = shell.ok("fetch", "--all", "--json").json()
        assert report["packages"]["updated"] == 130
        assert len(asked(hosts)) < 30
        assert time.monotonic() - began < 50
