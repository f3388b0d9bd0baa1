"""SIGKILL during a fetch, many times: the database stays intact, and no saved data is lost."""

import random
import re
import subprocess
import time
from pathlib import Path

from tests.support.command_line import CommandLine
from tests.support.hosts import Hosts, make_repositories

PACKAGES = 200
KILLS = 20
LATENCY_SECONDS = 0.03
"""Duration of a response: a complete fetch takes four seconds, all killed ones together less."""

SuccessTimes = dict[tuple[str, str], str]
"""When each source of each package last succeeded."""


def test_a_kill_loses_no_saved_data(tmp_path: Path) -> None:
    random_source = random.Random(20260215)
    with Hosts(*make_repositories(PACKAGES), latency=LATENCY_SECONDS) as hosts:
        shell = CommandLine(tmp_path, hosts.variables)
        shell.ok("add", *(f"octo/r{number:03}" for number in range(PACKAGES)))
        before = success_times(shell)
        for kill in range(KILLS):
            hosts.request_counts()
            with shell.start("fetch", "--all") as process:
                if kill % 4:
                    wait_for_work(hosts, process)
                    time.sleep(random_source.uniform(0, 0.5))
                else:  # during start-up or shortly after
                    time.sleep(random_source.uniform(0, 0.7))
                process.kill()
            assert process.returncode == -9
            after = success_times(shell)
            assert_intact(shell, after)
            assert all(after[source] >= moment for source, moment in before.items())
            assert not set(before) & requested_sources(hosts)
            before = after
        assert 20 < len(before) < 2 * PACKAGES
        hosts.request_counts()
        hosts.github.latency = hosts.pypi.latency = 0
        shell.ok("fetch", "--all")
        assert not set(before) & requested_sources(hosts)
        assert len(success_times(shell)) == 2 * PACKAGES
        assert_intact(shell, success_times(shell))
        [(fetched,)] = shell.rows("SELECT count(*) FROM packages WHERE last_fetched IS NOT NULL")
        assert fetched == PACKAGES


def wait_for_work(hosts: Hosts, process: "subprocess.Popen[str]") -> None:
    """Wait until the run has received its first response."""
    end = time.monotonic() + 20
    while not hosts.github.log and not hosts.pypi.log:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.002)


def success_times(shell: CommandLine) -> SuccessTimes:
    query = (
        "SELECT slug, source, last_success FROM fetches JOIN packages ON id = package_id"
        " WHERE last_success IS NOT NULL"
    )
    return {(slug, source): moment for slug, source, moment in shell.rows(query)}


def requested_sources(hosts: Hosts) -> set[tuple[str, str]]:
    """Return the packages and sources requested since the logs were cleared."""
    logs = (("repo", hosts.github.log), ("pypi", hosts.pypi.log))
    return {
        (slug, source)
        for source, log in logs
        for request in log
        for slug in re.findall(r"r\d{3}", request.target)
    }


def assert_intact(shell: CommandLine, saved: SuccessTimes) -> None:
    """Assert that the database is intact and that saved packages are complete."""
    check = shell.run("db", "check")
    assert check.code == 0, check
    stars = dict(shell.rows("SELECT slug, repo_watchers FROM packages"))
    fetched = dict(shell.rows("SELECT slug, last_fetched FROM packages"))
    versions = count_rows(shell, "versions")
    for table in ("commit_days", "participants"):
        parts = count_rows(shell, table)
        assert {slug for slug, source in saved if source == "repo"} == set(parts)
    for slug, source in saved:
        if source == "repo":
            assert (stars[slug], fetched[slug]) == (int(slug[1:]), saved[slug, source])
        else:
            assert versions.pop(slug) == 2
    assert not versions


def count_rows(shell: CommandLine, table: str) -> dict[str, int]:
    query = f"SELECT slug, count(*) FROM {table} JOIN packages ON id = package_id GROUP BY slug"
    return dict(shell.rows(query))
