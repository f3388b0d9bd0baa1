"""``pkgharvest fetch`` that does less than requested explains why and what to do about it."""

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


def test_the_message_of_a_quota_says_when_it_resets(shell: CommandLine, hosts: Hosts) -> None:
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


def test_the_hint_of_a_quota_suggests_no_token_when_one_is_set(
    shell: CommandLine, hosts: Hosts
) -> None:
    shell.variables["GH_TOKEN"] = "ghp_" + "x" * 36
    hosts.github.quota.remaining = 2  # used for contributors
    result = shell.run("fetch", "--all")
    assert result.code == 5
    assert "GH_TOKEN" not in result.err
    assert "hint: --wait" in result.err


def test_the_hint_of_a_quota_suggests_no_token_for_other_hosts(
    shell: CommandLine, hosts: Hosts
) -> None:
    limit = Fault(status=429, headers={"Retry-After": "1800"})
    hosts.pypi.fault("/", limit)
    result = shell.run("fetch", "--all")
    assert result.code == 5
    assert hosts.pypi.url.removeprefix("http://") in result.err
    assert "GH_TOKEN" not in result.err


def test_the_message_of_a_wait_says_when_it_ends(shell: CommandLine, hosts: Hosts) -> None:
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
def test_fetch_explains_an_empty_catalog(shell: CommandLine, more: tuple[str, ...]) -> None:
    shell.ok("remove", "r000", "r001", "r002", "--yes")
    result = shell.ok("fetch", "--all", *more)
    assert "the catalog is empty" in result.err
    assert "hint: pkgharvest add " in result.err


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_fetch_explains_why_nothing_is_due(
    shell: CommandLine, hosts: Hosts, more: tuple[str, ...]
) -> None:
    hosts.github.fault("r002", Fault(status=404))
    assert shell.run("fetch", "--all", "--source", "repo").code == 3
    shell.clock = FixedClock(shell.clock.now() + dt.timedelta(minutes=1))
    hosts.request_counts()
    result = shell.ok("fetch", "--all", "--source", "repo", "--stale", "1h", *more)
    assert hosts.request_counts() == (0, 0)
    assert "nothing is due: 2 fresh, 1 in backoff\n" in result.err
    assert "--retry-failed" in result.err.partition("\n\nhint: ")[2]
    shell.ok("remove", "r002", "--yes")
    result = shell.ok("fetch", "--all", "--source", "repo", "--stale", "1h", *more)
    assert "nothing is due: 2 fresh\n" in result.err
    assert "hint" not in result.err


def test_fetch_by_name_explains_why_nothing_is_due(shell: CommandLine) -> None:
    shell.ok("fetch", "r000")
    assert "nothing is due: 1 fresh\n" in shell.ok("fetch", "r000", "--stale", "1h").err


def test_limit_does_not_limit_the_explanation(shell: CommandLine) -> None:
    shell.ok("fetch", "--all")
    result = shell.ok("fetch", "--all", "--stale", "1h", "--limit", "1")
    assert "nothing is due: 3 fresh\n" in result.err


def test_fetch_explains_that_a_killed_run_had_finished_the_work(
    shell: CommandLine, hosts: Hosts
) -> None:
    shell.ok("fetch", "--all")
    shell.write("UPDATE runs SET finished = NULL, report = NULL")  # like a killed run
    hosts.request_counts()
    result = shell.ok("fetch", "--all")
    assert hosts.request_counts() == (0, 0)
    assert "the last run did everything, though it did not finish\n" in result.err


def test_fetch_explains_that_no_package_has_the_source(tmp_path: Path, hosts: Hosts) -> None:
    shell = CommandLine(tmp_path / "other", hosts.variables)
    shell.ok("add", "octo/r000", "--no-pypi")
    result = shell.ok("fetch", "--all", "--source", "pypi")
    assert "no package has this source: pypi" in result.err


def test_fetch_quiet_explains_nothing(shell: CommandLine) -> None:
    shell.ok("fetch", "--all", "-q")
    result = shell.ok("fetch", "--all", "--stale", "1h", "-q")
    assert (result.out, result.err) == ("", "")


def test_fetch_with_work_explains_nothing(shell: CommandLine) -> None:
    assert "due" not in shell.ok("fetch", "--all").err


# ── dry runs as JSON ──


def test_a_dry_run_as_json(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("add", "octo/other", "--no-pypi")
    result = shell.ok("fetch", "r001", "other", "--dry-run", "--json")
    assert result.json() == [
        {"slug": "r001", "sources": ["repo", "pypi"]},
        {"slug": "other", "sources": ["repo"]},
    ]
    assert hosts.request_counts() == (0, 0)


def test_an_empty_dry_run_as_json(shell: CommandLine) -> None:
    shell.ok("remove", "r000", "r001", "r002", "--yes")
    assert shell.ok("fetch", "--all", "--dry-run", "--json").json() == []


# ── recordings ──


def count_entries(path: Path) -> int:
    return len(json.loads(path.read_text(encoding="utf-8"))["log"]["entries"])


@pytest.mark.parametrize("more", [(), ("-q",)])
def test_recording_warns_about_git_traffic(
    shell: CommandLine, hosts: Hosts, more: tuple[str, ...]
) -> None:
    shell.ok("add", hosts.github.url.replace("http", "git+http") + "/far.git", "--no-pypi")
    result = shell.run("fetch", "far", "--record", "f.har", *more)
    assert count_entries(shell.cwd / "f.har") == 0
    assert "warning: f.har has no git traffic" in result.err


def test_recording_does_not_warn_about_local_repositories(shell: CommandLine) -> None:
    subprocess.run(("git", "init", "-q", "near"), cwd=shell.cwd, check=True)
    shell.ok("add", "./near", "--no-pypi")
    result = shell.run("fetch", "near", "r000", "--record", "f.har")
    assert count_entries(shell.cwd / "f.har") == 5
    assert "warning" not in result.err


def test_recording_warns_about_github_commits_read_with_git(shell: CommandLine) -> None:
    # No network is needed: the attempt alone counts as traffic.
    shell.variables |= {"https_proxy": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1"}
    words = ("--as-of", "2026-01-01", "--record", "f.har")
    assert "warning: f.har" in shell.run("fetch", "r000", *words).err


# ── interrupts ──


def test_an_interrupted_demo_prints_nothing_more(
    shell: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pkgharvest.cli.demo.run_fetch", lambda *_arguments, **_options: 130)
    result = shell.run("demo")
    assert (result.code, result.out) == (130, "")
    assert "list" not in result.err


def test_help_of_demo_names_its_own_default_db(shell: CommandLine) -> None:
    text = " ".join(shell.ok("demo", "--help").out.split())
    assert "pkgharvest-demo.db" in text.partition("--db")[2]
    assert "PKGHARVEST_DB" not in text
    assert "PKGHARVEST_DB" in shell.ok("list", "--help").out


@pytest.mark.parametrize(
    ("words", "prompt"),
    [
        (("remove", "r000"), "[y/N]: "),
        (("fetch", "--all", "-v"), "/octo/r000 200 "),
    ],
)
def test_an_interrupt_on_a_terminal_prints_its_own_line(
    shell: CommandLine, hosts: Hosts, words: tuple[str, ...], prompt: str
) -> None:
    hosts.github.fault("r001|r002", Fault(delay=60))
    shell.variables |= {"TERM": "xterm", "PKGHARVEST_NO_PROGRESS": "1"}
    master, slave = pty.openpty()
    try:
        process = subprocess.Popen(
            shell.argv(*words),
            env=shell.variables,
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=slave,
        )
        with process:
            output = ""
            while prompt not in output:
                output += os.read(master, 1000).decode()
            time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)
        output += os.read(master, 10_000).decode()
    finally:
        os.close(master)
        os.close(slave)
    hosts.github.heal()
    assert process.returncode == 130
    *_, before, last, end = output.split("\r\n")
    assert end == ""
    assert "interrupted" in last
    assert before.endswith("[y/N]: ") or before == ""


def test_an_exhausted_quota_is_stored_as_rate_limited(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "--all")
    before = shell.show("r001", "--full")
    hosts.github.quota.remaining = 0
    shell.clock = FixedClock(shell.clock.now() + dt.timedelta(minutes=1))
    assert shell.run("fetch", "--all").code == 5
    after = shell.show("r001", "--full")
    after_repo = after["fetches"].pop("repo")
    before_repo = before["fetches"].pop("repo")
    assert after_repo["last_error"] == "rate_limited"
    assert after_repo["consecutive_failures"] == 0
    assert after_repo["next_due"] is None
    assert after_repo["last_success"] == before_repo["last_success"]
    assert after_repo["last_attempt"] > before_repo["last_attempt"]
    assert {**after, "fetches": 0} == {**before, "fetches": 0}
    assert "not fetched" in shell.ok("show", "r001").out
    assert shell.ok("list", "--failing", "--json").json() == []
