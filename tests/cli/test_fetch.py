"""``pkgharvest fetch``: what it selects, what it stores and what it reports."""

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import pytest

from pkgharvest.model.clock import FixedClock
from tests.standins.server import Fault
from tests.support.command_line import CommandLine
from tests.support.github_case import DAY, repository
from tests.support.hosts import Hosts, make_repositories, project_of

pytestmark = pytest.mark.repositories(3)


def advance(shell: CommandLine, delay: dt.timedelta = DAY) -> None:
    """Move the clock forward by ``delay``."""
    shell.clock = FixedClock(shell.clock.now() + delay)


# ── usage ──


def test_fetch_needs_a_slug_or_all(shell: CommandLine) -> None:
    result = shell.run("fetch")
    assert result.code == 2
    assert result.error == "name a SLUG, or use --all"


def test_fetch_rejects_a_slug_together_with_all(shell: CommandLine) -> None:
    result = shell.run("fetch", "r000", "--all")
    assert result.code == 2
    assert result.error == "SLUG and --all exclude each other"


def test_fetch_of_an_unknown_slug(shell: CommandLine, hosts: Hosts) -> None:
    result = shell.run("fetch", "r001", "r00x")
    assert result.code == 1
    assert "'r00x'" in result.error
    assert "r000" in result.hint
    assert hosts.request_counts() == (0, 0)


@pytest.mark.parametrize(
    "options",
    [
        ("--stale", "soon"),
        ("--stale", "-5s"),
        ("--time-budget", "5"),
        ("--limit", "0"),
        ("--limit", "many"),
        ("--request-budget", "-1"),
        ("--jobs", "0"),
        ("--source", "gitlab"),
        ("--history", "svn"),
        ("--as-of", "yesterday"),
        ("--as-of", "2026-01-01", "--history", "api"),
        ("--record", "x.har", "--replay", "y.har"),
    ],
)
def test_fetch_rejects_invalid_options(
    shell: CommandLine, hosts: Hosts, options: tuple[str, ...]
) -> None:
    result = shell.run("fetch", "--all", *options)
    assert result.code == 2
    assert result.error
    assert result.out == ""
    assert hosts.request_counts() == (0, 0)


def test_fetch_without_a_catalog(tmp_path: Path) -> None:
    result = CommandLine(tmp_path / "other").run("fetch", "--all")
    assert result.code == 1
    assert result.error.startswith("no catalog at ")
    assert result.hint


def test_fetch_of_an_empty_catalog(shell: CommandLine) -> None:
    shell.ok("remove", "r000", "r001", "r002", "--yes")
    result = shell.ok("fetch", "--all", "--json")
    assert result.json()["packages"]["selected"] == 0


# ── results ──


@pytest.mark.parametrize("jobs", [1, 2])
def test_jobs_limit_concurrent_requests(shell: CommandLine, hosts: Hosts, jobs: int) -> None:
    hosts.github.latency = 0.02
    shell.ok("fetch", "--all", "--jobs", str(jobs), "--source", "repo")
    assert hosts.github.busiest == jobs


def test_fetch_stores_the_complete_record(shell: CommandLine) -> None:
    result = shell.ok("fetch", "r002")
    assert result.out == ""
    assert result.err == "1 package, 1 updated; 5 requests\n"
    record = shell.show("r002")
    weeks = record.pop("commits_over_52")
    assert (weeks[-1], sum(weeks), len(weeks)) == (3, 3, 52)
    del record["created"]
    assert record == {
        "category": None,
        "grids": [],
        "id": 3,
        "title": "r002",
        "slug": "r002",
        "last_updated": "2026-02-13T18:08:42Z",
        "last_fetched": "2026-02-15T18:08:42Z",
        "repo_url": "https://github.com/octo/r002",
        "pypi_version": "1.1",
        "modified": "2026-02-15T18:08:42Z",
        "repo_forks": 19,
        "repo_description": "",
        "pypi_url": "https://pypi.org/project/r002/",
        "documentation_url": None,
        "repo_watchers": 2,
        "participants": ["mona", "hubot"],
    }
    assert shell.show("r001")["last_fetched"] is None


def test_fetch_json_prints_the_report(shell: CommandLine, hosts: Hosts) -> None:
    report = shell.ok("fetch", "--all", "--json").json()
    github, pypi = (url.removeprefix("http://") for url in (hosts.github.url, hosts.pypi.url))
    assert report == {
        "started": "2026-02-15T18:08:42Z",
        "finished": "2026-02-15T18:08:42Z",
        "packages": {"selected": 3, "updated": 3, "unchanged": 0, "failed": 0, "deferred": 0},
        "requests": {
            "total": 15,
            "by_host": {
                github: {
                    "requests": 9,
                    "not_modified": 0,
                    "points": 9,
                    "remaining": 4991,
                    "reset": "2026-02-15T19:08:42Z",
                },
                pypi: {
                    "requests": 6,
                    "not_modified": 0,
                    "points": 6,
                    "remaining": None,
                    "reset": None,
                },
            },
        },
        "bytes": sum(request.length for request in (*hosts.github.log, *hosts.pypi.log)),
        "failures": [],
        "stopped": None,
    }


def test_the_keys_of_a_report_are_in_order(shell: CommandLine) -> None:
    report = shell.run("fetch", "--all", "--json").json()
    order = "started finished packages requests bytes failures stopped"
    assert list(report) == order.split()
    assert list(report["packages"]) == ["selected", "updated", "unchanged", "failed", "deferred"]
    assert list(report["requests"]) == ["total", "by_host"]


def test_the_report_of_a_run_is_stored(shell: CommandLine) -> None:
    report = shell.ok("fetch", "--all", "--json").json()
    [(stored,)] = shell.rows("SELECT report FROM runs")
    assert json.loads(stored) == report


# ── a second run ──


def test_an_unchanged_package_costs_few_requests(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "--all")
    assert hosts.request_counts() == (9, 6)
    before = shell.ok("list", "--json").json()
    advance(shell)
    report = shell.ok("fetch", "--all", "--json").json()
    assert hosts.request_counts() == (6, 3)
    assert report["packages"]["unchanged"] == 3
    hosts_counts = report["requests"]["by_host"].values()
    assert sum(counts["not_modified"] for counts in hosts_counts) == 9
    after = shell.ok("list", "--json").json()
    for old, new in zip(before, after, strict=True):
        assert new["last_fetched"] == "2026-02-16T18:08:42Z"
        assert new.pop("last_fetched") != old.pop("last_fetched")
        assert new == old


def test_the_52_weeks_move_without_new_commits(shell: CommandLine) -> None:
    shell.ok("fetch", "r000")
    before = shell.show("r000")
    advance(shell, 7 * DAY)
    shell.ok("fetch", "r000")
    after = shell.show("r000")
    assert after["commits_over_52"] == [*before["commits_over_52"][1:], 0]
    assert after["modified"] == before["modified"]


def test_a_304_with_a_token_costs_no_points(shell: CommandLine, hosts: Hosts) -> None:
    shell.variables["GH_TOKEN"] = "ghp_" + "x" * 36
    shell.ok("fetch", "--all")
    advance(shell)
    for number in range(3):  # no commit, but the contributors may have changed
        hosts.github.add(replace(make_repositories(3)[number], pushed_at=shell.clock.now()))
    report = shell.ok("fetch", "--all", "--json").json()
    github = report["requests"]["by_host"][hosts.github.url.removeprefix("http://")]
    assert (github["requests"], github["not_modified"], github["points"]) == (4, 3, 1)


def test_the_report_counts_updated_packages(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "--all")
    advance(shell)
    hosts.projects.add(project_of(repository(owner="octo", name="r001"), "1.0", "2.0"))
    report = shell.ok("fetch", "--all", "--json").json()
    assert report["packages"]["unchanged"] == 3  # its serial is unchanged
    project = project_of(repository(owner="octo", name="r001"), "1.0", "2.0")
    project.serial = 2
    hosts.projects.add(project)
    report = shell.ok("fetch", "--all", "--json").json()
    assert (report["packages"]["updated"], report["packages"]["unchanged"]) == (1, 2)
    assert shell.show("r001")["pypi_version"] == "2.0"
    assert shell.show("r001")["modified"] == "2026-02-16T18:08:42Z"


# ── selection ──


def test_stale_selects_packages_by_age(shell: CommandLine) -> None:
    shell.ok("fetch", "r001")
    advance(shell, dt.timedelta(hours=2))
    dry = shell.ok("fetch", "--all", "--stale", "3h", "--dry-run")
    assert dry.out == "r000  repo pypi\nr002  repo pypi\n"
    assert shell.ok("fetch", "--all", "--stale", "1h", "--dry-run").out.count("\n") == 3


def test_limit_selects_the_oldest_first(shell: CommandLine) -> None:
    shell.ok("fetch", "r000", "r002")
    report = shell.ok("fetch", "--all", "--limit", "1", "--json").json()
    assert report["packages"]["selected"] == 1
    assert shell.show("r001")["last_fetched"] is not None


@pytest.mark.parametrize(("source", "asked"), [("repo", (3, 0)), ("pypi", (0, 2))])
def test_source_selects_what_is_requested(
    shell: CommandLine, hosts: Hosts, source: str, asked: tuple[int, int]
) -> None:
    shell.ok("fetch", "r001", "--source", source)
    assert hosts.request_counts() == asked
    record = shell.show("r001")
    assert (record["repo_watchers"], record["pypi_version"]) == (
        (1, None) if source == "repo" else (0, "1.1")
    )


def test_source_can_be_given_twice(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "r001", "--source", "pypi", "--source", "repo")
    assert hosts.request_counts() == (3, 2)


def test_fetch_accepts_every_name_of_a_package(shell: CommandLine) -> None:
    result = shell.ok("fetch", "r001", "2", "https://github.com/octo/r001", "--json")
    assert result.json()["packages"]["selected"] == 1


def test_a_dry_run_changes_nothing(shell: CommandLine, hosts: Hosts) -> None:
    before = shell.db.read_bytes()
    result = shell.ok("fetch", "--all", "--dry-run", "--source", "repo")
    assert result.out == "r000  repo\nr001  repo\nr002  repo\n"
    assert hosts.request_counts() == (0, 0)
    assert shell.db.read_bytes() == before
    assert shell.rows("SELECT * FROM runs") == []


def test_no_pypi_is_never_requested(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("add", "octo/other", "--no-pypi")
    hosts.github.add(repository(owner="octo", name="other"))
    shell.ok("fetch", "other")
    assert hosts.request_counts() == (3, 0)
    assert shell.show("other")["pypi_url"] == ""


def test_show_prints_the_project_names_that_were_tried(shell: CommandLine, hosts: Hosts) -> None:
    hosts.projects.remove("r001")
    shell.ok("fetch", "r001")
    assert "r001: no such project at PyPI" in shell.ok("show", "r001").out


# ── output ──


def test_fetch_quiet_prints_nothing_on_success(shell: CommandLine) -> None:
    result = shell.ok("fetch", "--all", "-q")
    assert (result.out, result.err) == ("", "")


def test_fetch_quiet_prints_failures(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.fault("/repos/octo/r001", Fault(status=404))
    result = shell.run("-q", "fetch", "--all")
    assert result.code == 3
    assert "; failed: r001 (repo: not_found: " in result.err
    assert "r000" not in result.err


def test_fetch_verbose_prints_every_request(shell: CommandLine, hosts: Hosts) -> None:
    lines = shell.ok("fetch", "--all", "-v").err.splitlines()
    printed_urls = sorted(line.split()[1] for line in lines if line.startswith("GET "))
    urls = [hosts.github.url + request.target for request in hosts.github.log]
    urls += [hosts.pypi.url + request.target for request in hosts.pypi.log]
    assert printed_urls == sorted(urls)
    assert all(line.split()[2] == "200" for line in lines if line.startswith("GET "))


def test_fetch_prints_only_data_on_standard_output(shell: CommandLine) -> None:
    assert shell.ok("fetch", "--all", "-v").out == ""
    assert shell.ok("fetch", "--all", "-v", "--json").json()
