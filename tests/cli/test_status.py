"""``pkgharvest status``: counts, failures, quotas and runs."""

import datetime as dt
import time
from pathlib import Path
from typing import Any

import pytest

from pkgharvest.model.clock import FixedClock
from tests.standins.server import Fault
from tests.support.command_line import CommandLine
from tests.support.github_case import NOW
from tests.support.hosts import Hosts, make_repositories

KEYS = [
    *("as_of", "stale_after", "packages", "never_fetched", "stale", "failing", "backing_off"),
    *("active", "archived", "moved", "gone", "blocked", "empty"),
    *("sources", "failures", "quota", "runs"),
]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """Return a catalog of three packages: one fetched, one failing, one never fetched."""
    with Hosts(*make_repositories(3)) as hosts:
        shell = CommandLine(tmp_path_factory.mktemp("made"), hosts.variables)
        shell.ok("add", "octo/r000", "octo/nothere", "octo/r002")
        shell.ok("fetch", "r000")
        assert shell.run("fetch", "nothere", "--source", "repo").code == 3
    return shell


@pytest.fixture
def shell(shell: CommandLine) -> CommandLine:
    shell.variables["COLUMNS"] = "160"
    return shell


def status(shell: CommandLine, *arguments: str) -> Any:
    return shell.ok("status", "--json", *arguments).json()


def advance(shell: CommandLine, **delay: int) -> None:
    shell.clock = FixedClock(NOW + dt.timedelta(**delay))


def test_status_json(shell: CommandLine) -> None:
    report = status(shell)
    assert list(report) == KEYS
    assert (report["packages"], report["active"], report["never_fetched"]) == (3, 3, 2)
    assert (report["stale"], report["failing"], report["backing_off"]) == (0, 1, 1)
    assert report["stale_after"] == 86400
    repo = report["sources"]["repo"]
    assert (repo["packages"], repo["never_fetched"], repo["failing"]) == (3, 2, 1)
    assert repo["oldest"] == repo["median"] == report["as_of"]
    [failure] = report["failures"]
    assert (failure["slug"], failure["source"], failure["failures"]) == ("nothere", "repo", 1)
    assert (failure["error"], failure["last_success"]) == ("not_found", None)
    [host] = report["quota"]
    assert set(report["quota"][host]) == {"remaining", "reset", "told", "renewed"}
    newest, first = report["runs"]
    assert newest["packages"] == {
        "selected": 1, "updated": 0, "unchanged": 0, "failed": 1, "deferred": 0,
    }  # fmt: skip
    assert (newest["state"], newest["stopped"], newest["saved"]) == ("finished", None, None)
    assert first["requests"] > 1


def test_status_stale(shell: CommandLine) -> None:
    advance(shell, hours=2)
    assert status(shell)["stale"] == 0
    assert status(shell, "--stale", "1h")["stale"] == 1
    assert status(shell, "--stale", "2h")["stale"] == 0
    assert status(shell, "--stale", "36500d")["stale"] == 0
    assert "a century" in shell.run("status", "--stale", "36501d").error
    advance(shell, hours=25)
    assert status(shell)["stale"] == 1
    assert shell.run("status", "--stale", "soon").code == 2


def test_status_marks_a_quota_as_renewed_after_its_reset(shell: CommandLine) -> None:
    [before] = status(shell)["quota"].values()
    assert not before["renewed"]
    advance(shell, days=1)
    [after] = status(shell)["quota"].values()
    assert after == {**before, "renewed": True}
    remaining = f"{before['remaining']:,}"
    assert f"  all  23 h ago, {remaining} were left" in shell.ok("status").out


def test_status_in_a_time_zone(shell: CommandLine) -> None:
    assert status(shell)["as_of"].endswith("Z")
    assert status(shell, "--tz", "Asia/Tokyo")["runs"][0]["started"].endswith("+09:00")
    shell.variables["PKGHARVEST_TZ"] = "America/New_York"
    assert status(shell)["sources"]["repo"]["oldest"].endswith("-05:00")
    assert shell.run("status", "--tz", "Nowhere/Else").code == 2


def test_status_for_a_terminal(shell: CommandLine) -> None:
    advance(shell, minutes=30)
    result = shell.ok("status")
    assert result.err == ""
    lines = [" ".join(line.split()) for line in result.out.splitlines()]
    assert lines[0] == str(shell.db)
    assert "packages 3: 3 active" in lines
    assert "never fetched 2" in lines
    assert "failing 1, 1 of them in backoff" in lines
    assert "repo 3 2 0 1 30 min ago 30 min ago" in lines
    [failing] = [line for line in lines if line.startswith("nothere ")]
    assert failing.startswith("nothere repo 1 never in 30 min not_found ")
    [run] = [line for line in lines if line.endswith("1 0 1 0 1 finished")]
    assert run.startswith("2026-02-")


def test_status_says_how_many_failures_it_does_not_show(shell: CommandLine) -> None:
    assert "more:" not in shell.ok("status").out
    assert "\n1 more: pkgharvest list --failing" in shell.ok("status", "--failures", "0").out


def test_status_on_a_narrow_terminal_truncates_no_numbers(shell: CommandLine) -> None:
    shell.write("UPDATE runs SET stopped = 'request-budget'")
    shell.variables["COLUMNS"] = "76"
    out = shell.ok("status").out
    assert " requests  " in out
    assert max(map(len, out.splitlines()[1:])) <= 76


def test_status_of_an_empty_catalog(shell: CommandLine) -> None:
    shell.ok("remove", "--yes", "r000", "nothere", "r002")
    shell.write("DELETE FROM runs")
    report = status(shell)
    assert (report["packages"], report["failures"], report["quota"], report["runs"]) == (
        0,
        [],
        {},
        [],
    )
    assert report["sources"]["repo"]["median"] is None
    assert "packages" in shell.ok("status").out


def test_status_limits_runs_and_failures(shell: CommandLine) -> None:
    report = status(shell, "--runs", "1", "--failures", "0")
    assert (len(report["runs"]), report["failures"], report["failing"]) == (1, [], 1)


def test_status_of_a_running_and_a_killed_run(shell: CommandLine) -> None:
    shell.write("UPDATE runs SET finished = NULL, report = NULL WHERE id = 2")
    with shell.locked():
        newest = status(shell)["runs"][0]
        assert "at work, 1 saved" in shell.ok("status").out
    assert (newest["state"], newest["finished"], newest["packages"]) == ("at_work", None, None)
    assert newest["saved"] == 1
    assert status(shell)["runs"][0]["state"] == "killed"
    assert "killed, 1 saved" in shell.ok("status").out


@pytest.mark.slow
def test_status_during_a_fetch(tmp_path: Path) -> None:
    with Hosts(*make_repositories(1)) as hosts:
        shell = CommandLine(tmp_path, hosts.variables)
        shell.ok("add", "octo/r000")
        hosts.github.fault("/repos/", Fault(delay=60))
        fetching = shell.start("fetch", "--all")
        try:
            while not shell.rows("SELECT 1 FROM runs"):
                assert fetching.poll() is None
                time.sleep(0.01)
            assert status(shell)["runs"][0]["state"] == "at_work"
            assert fetching.poll() is None
        finally:
            fetching.kill()
            fetching.communicate()
        assert status(shell)["runs"][0]["state"] == "killed"


def test_hostile_text_in_status_is_harmless(shell: CommandLine) -> None:
    shell.write("UPDATE fetches SET message = ? WHERE last_error IS NOT NULL", "[red]\x1b[2J\nx")
    out = shell.ok("status").out
    assert "\x1b" not in out
    assert "[red]\\x1b[2J x" in out
    raw = shell.ok("status", "--json")
    assert "\x1b" not in raw.out
    assert raw.json()["failures"][0]["message"] == "[red]\x1b[2J\nx"


def test_status_without_a_catalog(tmp_path: Path) -> None:
    shell = CommandLine(tmp_path)
    for arguments in ((), ("--json",)):
        result = shell.run("status", *arguments)
        assert (result.code, result.out) == (1, "")
        assert result.error == f"no catalog at {shell.db}"
    assert not shell.db.parent.exists()


def test_status_changes_nothing(shell: CommandLine) -> None:
    shell.db.with_name("pkgharvest.db-lock").unlink(missing_ok=True)
    data = shell.db.read_bytes()
    shell.ok("status")
    assert shell.db.read_bytes() == data
    assert not shell.db.with_name("pkgharvest.db-lock").exists()


def test_help_of_status_lists_the_keys(shell: CommandLine) -> None:
    text = shell.ok("status", "--help").out
    for key in KEYS:
        assert key in text
