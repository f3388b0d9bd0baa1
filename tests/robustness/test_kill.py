"""kill -9 in the middle of a fetch, again and again: the file stays whole, and nothing is lost."""

import random
import re
import subprocess
import time
from pathlib import Path

from tests.support.command_line import CommandLine
from tests.support.hosts import Hosts, some

PACKAGES = 200
KILLS = 20
LATENCY = 0.03
"""Seconds that every answer takes: the whole fetch would take four, all kills together less."""

Done = dict[tuple[str, str], str]
"""When each source of each package was last read with success."""


def test_nothing_committed_is_lost(tmp_path: Path) -> None:
    chance = random.Random(20260215)
    with Hosts(*some(PACKAGES), latency=LATENCY) as hosts:
        shell = CommandLine(tmp_path, hosts.variables)
        shell.ok("add", *(f"octo/r{number:03}" for number in range(PACKAGES)))
        before = done(shell)
        for kill in range(KILLS):
            hosts.asked()
            with shell.start("fetch", "--all") as process:
                if kill % 4:
                    wait_for_work(hosts, process)
                    time.sleep(chance.uniform(0, 0.5))
                else:  # while it starts, or has just begun
                    time.sleep(chance.uniform(0, 0.7))
                process.kill()
            assert process.returncode == -9
            after = done(shell)
            expect_whole(shell, after)
            assert all(after[one] >= moment for one, moment in before.items())
            assert not set(before) & requested(hosts)
            before = after
        assert 20 < len(before) < 2 * PACKAGES
        hosts.asked()
        hosts.github.latency = hosts.pypi.latency = 0
        shell.ok("fetch", "--all")
        assert not set(before) & requested(hosts)
        assert len(done(shell)) == 2 * PACKAGES
        expect_whole(shell, done(shell))
        [(fetched,)] = shell.rows("SELECT count(*) FROM packages WHERE last_fetched IS NOT NULL")
        assert fetched == PACKAGES


def wait_for_work(hosts: Hosts, process: "subprocess.Popen[str]") -> None:
    """Wait until the run has had its first answer."""
    end = time.monotonic() + 20
    while not hosts.github.log and not hosts.pypi.log:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.002)


def done(shell: CommandLine) -> Done:
    query = (
        "SELECT slug, source, last_success FROM fetches JOIN packages ON id = package_id"
        " WHERE last_success IS NOT NULL"
    )
    return {(slug, source): moment for slug, source, moment in shell.rows(query)}


def requested(hosts: Hosts) -> set[tuple[str, str]]:
    """Return what was asked for since the last look."""
    logs = (("repo", hosts.github.log), ("pypi", hosts.pypi.log))
    return {
        (slug, source)
        for source, log in logs
        for logged in log
        for slug in re.findall(r"r\d{3}", logged.target)
    }


def expect_whole(shell: CommandLine, saved: Done) -> None:
    """See that the file is sound, and that what was saved was saved with all its parts."""
    check = shell.run("db", "check")
    assert check.code == 0, check
    stars = dict(shell.rows("SELECT slug, repo_watchers FROM packages"))
    fetched = dict(shell.rows("SELECT slug, last_fetched FROM packages"))
    versions = counted(shell, "versions")
    for table in ("commit_days", "participants"):
        parts = counted(shell, table)
        assert {slug for slug, source in saved if source == "repo"} == set(parts)
    for slug, source in saved:
        if source == "repo":
            assert (stars[slug], fetched[slug]) == (int(slug[1:]), saved[slug, source])
        else:
            assert versions.pop(slug) == 2
    assert not versions


def counted(shell: CommandLine, table: str) -> dict[str, int]:
    query = f"SELECT slug, count(*) FROM {table} JOIN packages ON id = package_id GROUP BY slug"
    return dict(shell.rows(query))
