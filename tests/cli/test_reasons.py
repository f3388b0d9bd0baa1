"""``pkgharvest fetch`` that does less than was asked says why, and what to do about it."""

import datetime as dt
import json
import os
import pty
import signal
import subprocess
import time
from pathlib import Path

import pytest

from pkgharvest.model.clock import FixedClock
from tests.standins.server import Fault
from tests.support.command_line import CommandLine
from tests.support.hosts import Hosts

pytestmark = pytest.mark.repositories(3)


# ── a quota ──


def test_a_quota_is_named_with_its_end(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.quota.remaining = 4
    result = shell.run("fetch", "--all")
    assert result.code == 5
    host = hosts.github.url.removeprefix("http://")
    line, blank, hint = result.err.splitlines()
    assert f"; the quota of {host} is used up until 19:08:4" in line
    assert line.endswith(" UTC")
    assert line.count("quota") == 1
    assert (blank, hint[:6]) == ("", "hint: ")
    assert "GH_TOKEN" in hint
    assert "--wait" in hint


def test_who_has_a_token_is_not_told_to_set_one(shell: CommandLine, hosts: Hosts) -> None:
    shell.variables["GH_TOKEN"] = "ghp_" + "x" * 36
    hosts.github.quota.remaining = 2  # for contributors
    result = shell.run("fetch", "--all")
    assert result.code == 5
    assert "GH_TOKEN" not in result.err
    assert "hint: --wait" in result.err


def test_a_token_does_not_help_with_another_host(shell: CommandLine, hosts: Hosts) -> None:
    limit = Fault(status=429, headers={"Retry-After": "1800"})
    hosts.pypi.fault("/", limit)
    result = shell.run("fetch", "--all")
    assert result.code == 5
    assert hosts.pypi.url.removeprefix("http://") in result.err
    assert "GH_TOKEN" not in result.err


def test_a_wait_says_until_when(shell: CommandLine, hosts: Hosts) -> None:
    clock = FixedClock(shell.clock.now())
    shell.clock = clock
    hosts.github.quota.remaining = 4
    hosts.github._now = lambda: int(clock.now().timestamp())
    result = shell.ok("fetch", "--all", "--wait")
    assert "is out of quota: waiting 3,6" in result.err
    assert " s, until 2026-02-15T19:08:4" in result.err
    assert "hint" not in result.err


# ── nothing to do ──


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_an_empty_catalogue(shell: CommandLine, more: tuple[str, ...]) -> None:
    shell.ok("remove", "r000", "r001", "r002", "--yes")
    result = shell.ok("fetch", "--all", *more)
    assert "the catalogue is empty" in result.err
    assert "hint: pkgharvest add " in result.err


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_nothing_is_due(shell: CommandLine, hosts: Hosts, more: tuple[str, ...]) -> None:
    hosts.github.fault("r002", Fault(status=404))
    assert shell.run("fetch", "--all", "--source", "repo").code == 3
    shell.clock = FixedClock(shell.clock.now() + dt.timedelta(minutes=1))
    hosts.asked()
    result = shell.ok("fetch", "--all", "--source", "repo", "--stale", "1h", *more)
    assert hosts.asked() == (0, 0)
    assert "nothing is due: 2 fresh, 1 in back-off\n" in result.err
    assert "--retry-failed" in result.err.partition("\n\nhint: ")[2]
    shell.ok("remove", "r002", "--yes")
    result = shell.ok("fetch", "--all", "--source", "repo", "--stale", "1h", *more)
    assert "nothing is due: 2 fresh\n" in result.err
    assert "hint" not in result.err


def test_names_that_are_fresh(shell: CommandLine) -> None:
    shell.ok("fetch", "r000")
    assert "nothing is due: 1 fresh\n" in shell.ok("fetch", "r000", "--stale", "1h").err


def test_a_limit_does_not_limit_the_reasons(shell: CommandLine) -> None:
    shell.ok("fetch", "--all")
    result = shell.ok("fetch", "--all", "--stale", "1h", "--limit", "1")
    assert "nothing is due: 3 fresh\n" in result.err


def test_the_run_before_had_done_it_all(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "--all")
    shell.write("UPDATE runs SET finished = NULL, report = NULL")  # as one that was killed
    hosts.asked()
    result = shell.ok("fetch", "--all")
    assert hosts.asked() == (0, 0)
    assert "the run before, which did not end, had done it all\n" in result.err


def test_no_package_has_the_source(tmp_path: Path, hosts: Hosts) -> None:
    shell = CommandLine(tmp_path / "other", hosts.variables)
    shell.ok("add", "octo/r000", "--no-pypi")
    result = shell.ok("fetch", "--all", "--source", "pypi")
    assert "no package has this source: pypi" in result.err


def test_quiet_does_not_say_why(shell: CommandLine) -> None:
    shell.ok("fetch", "--all", "-q")
    result = shell.ok("fetch", "--all", "--stale", "1h", "-q")
    assert (result.out, result.err) == ("", "")


def test_a_run_with_work_says_none_of_it(shell: CommandLine) -> None:
    assert "due" not in shell.ok("fetch", "--all").err


# ── a plan for programs ──


def test_a_plan_as_json(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("add", "octo/other", "--no-pypi")
    result = shell.ok("fetch", "r001", "other", "--dry-run", "--json")
    assert result.json() == [
        {"slug": "r001", "sources": ["repo", "pypi"]},
        {"slug": "other", "sources": ["repo"]},
    ]
    assert hosts.asked() == (0, 0)


def test_an_empty_plan_as_json(shell: CommandLine) -> None:
    shell.ok("remove", "r000", "r001", "r002", "--yes")
    assert shell.ok("fetch", "--all", "--dry-run", "--json").json() == []


# ── recordings ──


def entries(path: Path) -> int:
    return len(json.loads(path.read_text(encoding="utf-8"))["log"]["entries"])


@pytest.mark.parametrize("more", [(), ("-q",)])
def test_git_traffic_is_not_recorded(
    shell: CommandLine, hosts: Hosts, more: tuple[str, ...]
) -> None:
    shell.ok("add", hosts.github.url.replace("http", "git+http") + "/far.git", "--no-pypi")
    result = shell.run("fetch", "far", "--record", "f.har", *more)
    assert entries(shell.here / "f.har") == 0
    assert "warning: f.har holds no git traffic" in result.err


def test_what_is_not_git_or_not_far_is_no_warning(shell: CommandLine) -> None:
    subprocess.run(("git", "init", "-q", "near"), cwd=shell.here, check=True)
    shell.ok("add", "./near", "--no-pypi")
    result = shell.run("fetch", "near", "r000", "--record", "f.har")
    assert entries(shell.here / "f.har") == 5
    assert "warning" not in result.err


def test_githubs_commits_by_git_are_git_traffic(shell: CommandLine) -> None:
    # No network is needed: what cannot be reached was asked all the same.
    shell.variables |= {"https_proxy": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1"}
    words = ("--as-of", "2026-01-01", "--record", "f.har")
    assert "warning: f.har" in shell.run("fetch", "r000", *words).err


# ── interrupts ──


def test_an_interrupted_demo_shows_nothing_more(
    shell: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pkgharvest.cli.fetch.run_order", lambda *_words, **_names: 130)
    result = shell.run("demo")
    assert (result.code, result.out) == (130, "")
    assert "list" not in result.err


def test_the_demos_own_default_is_in_its_help(shell: CommandLine) -> None:
    text = " ".join(shell.ok("demo", "--help").out.split())
    assert "pkgharvest-demo.db" in text.partition("--db")[2]
    assert "PKGHARVEST_DB" not in text
    assert "PKGHARVEST_DB" in shell.ok("list", "--help").out


@pytest.mark.parametrize(
    ("words", "begun"),
    [
        (("remove", "r000"), "[y/N]: "),
        (("fetch", "--all", "-v"), "/octo/r000 200 "),
    ],
)
def test_an_interrupt_at_a_terminal_has_a_line_of_its_own(
    shell: CommandLine, hosts: Hosts, words: tuple[str, ...], begun: str
) -> None:
    hosts.github.fault("r001|r002", Fault(delay=60))
    shell.variables |= {"TERM": "xterm", "PKGHARVEST_NO_PROGRESS": "1"}
    master, slave = pty.openpty()
    try:
        process = subprocess.Popen(
            shell.words(*words),
            env=shell.variables,
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=slave,
        )
        with process:
            said = ""
            while begun not in said:
                said += os.read(master, 1000).decode()
            time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)
        said += os.read(master, 10_000).decode()
    finally:
        os.close(master)
        os.close(slave)
    hosts.github.heal()
    assert process.returncode == 130
    *_, before, last, end = said.split("\r\n")
    assert end == ""
    assert "interrupted" in last
    assert before.endswith("[y/N]: ") or before == ""


def test_a_quota_is_told_where_it_left_something_unread(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "--all")
    before = shell.show("r001", "--full")
    hosts.github.quota.remaining = 0
    shell.clock = FixedClock(shell.clock.now() + dt.timedelta(minutes=1))
    assert shell.run("fetch", "--all").code == 5
    after = shell.show("r001", "--full")
    told = after["fetches"].pop("repo")
    known = before["fetches"].pop("repo")
    assert told["last_error"] == "rate_limited"
    assert told["consecutive_failures"] == 0
    assert told["next_due"] is None
    assert told["last_success"] == known["last_success"]
    assert told["last_attempt"] > known["last_attempt"]
    assert {**after, "fetches": 0} == {**before, "fetches": 0}
    assert "not fetched" in shell.ok("show", "r001").out
    assert shell.ok("list", "--failing", "--json").json() == []
