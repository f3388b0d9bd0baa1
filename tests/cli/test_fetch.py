"""``pkgharvest fetch``: what it selects, what it brings, and how it tells how it went."""

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import pytest

from pkgharvest.model.clock import FixedClock
from tests.standins.server import Fault
from tests.support.command_line import CommandLine
from tests.support.github_case import DAY, repository
from tests.support.hosts import Hosts, project_of, some

pytestmark = pytest.mark.repositories(3)


def later(shell: CommandLine, delay: dt.timedelta = DAY) -> None:
    """Let ``delay`` go by."""
    shell.clock = FixedClock(shell.clock.now() + delay)


# ── usage ──


def test_neither_a_slug_nor_all(shell: CommandLine) -> None:
    result = shell.run("fetch")
    assert result.code == 2
    assert result.error == "name a SLUG, or say --all"


def test_both_a_slug_and_all(shell: CommandLine) -> None:
    result = shell.run("fetch", "r000", "--all")
    assert result.code == 2
    assert result.error == "SLUG and --all exclude each other"


def test_an_unknown_slug(shell: CommandLine, hosts: Hosts) -> None:
    result = shell.run("fetch", "r001", "r00x")
    assert result.code == 1
    assert "'r00x'" in result.error
    assert "r000" in result.hint
    assert hosts.asked() == (0, 0)


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
def test_an_option_that_cannot_be_understood(
    shell: CommandLine, hosts: Hosts, options: tuple[str, ...]
) -> None:
    result = shell.run("fetch", "--all", *options)
    assert result.code == 2
    assert result.error
    assert result.out == ""
    assert hosts.asked() == (0, 0)


def test_no_catalogue(tmp_path: Path) -> None:
    result = CommandLine(tmp_path / "other").run("fetch", "--all")
    assert result.code == 1
    assert result.error.startswith("no catalog at ")
    assert result.hint


def test_an_empty_catalogue(shell: CommandLine) -> None:
    shell.ok("remove", "r000", "r001", "r002", "--yes")
    result = shell.ok("fetch", "--all", "--json")
    assert result.json()["packages"]["selected"] == 0


# ── what comes of it ──


@pytest.mark.parametrize("jobs", [1, 2])
def test_jobs(shell: CommandLine, hosts: Hosts, jobs: int) -> None:
    hosts.github.latency = 0.02
    shell.ok("fetch", "--all", "--jobs", str(jobs), "--source", "repo")
    assert hosts.github.busiest == jobs


def test_a_package_has_its_figures(shell: CommandLine) -> None:
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


def test_the_record_of_a_run(shell: CommandLine, hosts: Hosts) -> None:
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
        "bytes": sum(one.length for one in (*hosts.github.log, *hosts.pypi.log)),
        "failures": [],
        "stopped": None,
    }


def test_the_keys_of_a_report_are_in_order(shell: CommandLine) -> None:
    report = shell.run("fetch", "--all", "--json").json()
    order = "started finished packages requests bytes failures stopped"
    assert list(report) == order.split()
    assert list(report["packages"]) == ["selected", "updated", "unchanged", "failed", "deferred"]
    assert list(report["requests"]) == ["total", "by_host"]


def test_a_run_is_kept_in_the_catalogue(shell: CommandLine) -> None:
    report = shell.ok("fetch", "--all", "--json").json()
    [(kept,)] = shell.rows("SELECT report FROM runs")
    assert json.loads(kept) == report


# ── the second run ──


def test_unchanged_is_nearly_free(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "--all")
    assert hosts.asked() == (9, 6)
    before = shell.ok("list", "--json").json()
    later(shell)
    report = shell.ok("fetch", "--all", "--json").json()
    assert hosts.asked() == (6, 3)
    assert report["packages"]["unchanged"] == 3
    counted = report["requests"]["by_host"].values()
    assert sum(one["not_modified"] for one in counted) == 9
    after = shell.ok("list", "--json").json()
    for old, new in zip(before, after, strict=True):
        assert new["last_fetched"] == "2026-02-16T18:08:42Z"
        assert new.pop("last_fetched") != old.pop("last_fetched")
        assert new == old


def test_the_window_moves_though_nothing_came(shell: CommandLine) -> None:
    shell.ok("fetch", "r000")
    before = shell.show("r000")
    later(shell, 7 * DAY)
    shell.ok("fetch", "r000")
    after = shell.show("r000")
    assert after["commits_over_52"] == [*before["commits_over_52"][1:], 0]
    assert after["modified"] == before["modified"]


def test_a_304_to_a_token_costs_no_point(shell: CommandLine, hosts: Hosts) -> None:
    shell.variables["GH_TOKEN"] = "ghp_" + "x" * 36
    shell.ok("fetch", "--all")
    later(shell)
    for number in range(3):  # no commit, but contributors may be others
        hosts.github.add(replace(some(3)[number], pushed_at=shell.clock.now()))
    report = shell.ok("fetch", "--all", "--json").json()
    github = report["requests"]["by_host"][hosts.github.url.removeprefix("http://")]
    assert (github["requests"], github["not_modified"], github["points"]) == (4, 3, 1)


def test_what_changed_is_told(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "--all")
    later(shell)
    hosts.projects.add(project_of(repository(owner="octo", name="r001"), "1.0", "2.0"))
    report = shell.ok("fetch", "--all", "--json").json()
    assert report["packages"]["unchanged"] == 3  # its serial has not moved
    project = project_of(repository(owner="octo", name="r001"), "1.0", "2.0")
    project.serial = 2
    hosts.projects.add(project)
    report = shell.ok("fetch", "--all", "--json").json()
    assert (report["packages"]["updated"], report["packages"]["unchanged"]) == (1, 2)
    assert shell.show("r001")["pypi_version"] == "2.0"
    assert shell.show("r001")["modified"] == "2026-02-16T18:08:42Z"


# ── selection ──


def test_stale(shell: CommandLine) -> None:
    shell.ok("fetch", "r001")
    later(shell, dt.timedelta(hours=2))
    dry = shell.ok("fetch", "--all", "--stale", "3h", "--dry-run")
    assert dry.out == "r000  repo pypi\nr002  repo pypi\n"
    assert shell.ok("fetch", "--all", "--stale", "1h", "--dry-run").out.count("\n") == 3


def test_limit_takes_the_oldest_first(shell: CommandLine) -> None:
    shell.ok("fetch", "r000", "r002")
    report = shell.ok("fetch", "--all", "--limit", "1", "--json").json()
    assert report["packages"]["selected"] == 1
    assert shell.show("r001")["last_fetched"] is not None


@pytest.mark.parametrize(("source", "asked"), [("repo", (3, 0)), ("pypi", (0, 2))])
def test_source(shell: CommandLine, hosts: Hosts, source: str, asked: tuple[int, int]) -> None:
    shell.ok("fetch", "r001", "--source", source)
    assert hosts.asked() == asked
    record = shell.show("r001")
    assert (record["repo_watchers"], record["pypi_version"]) == (
        (1, None) if source == "repo" else (0, "1.1")
    )


def test_both_sources_by_name(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "r001", "--source", "pypi", "--source", "repo")
    assert hosts.asked() == (3, 2)


def test_a_package_by_any_of_its_names(shell: CommandLine) -> None:
    result = shell.ok("fetch", "r001", "2", "https://github.com/octo/r001", "--json")
    assert result.json()["packages"]["selected"] == 1


def test_dry_run_touches_nothing(shell: CommandLine, hosts: Hosts) -> None:
    before = shell.db.read_bytes()
    result = shell.ok("fetch", "--all", "--dry-run", "--source", "repo")
    assert result.out == "r000  repo\nr001  repo\nr002  repo\n"
    assert hosts.asked() == (0, 0)
    assert shell.db.read_bytes() == before
    assert shell.rows("SELECT * FROM runs") == []


def test_no_project_at_pypi(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("add", "octo/other", "--no-pypi")
    hosts.github.add(repository(owner="octo", name="other"))
    shell.ok("fetch", "other")
    assert hosts.asked() == (3, 0)
    assert shell.show("other")["pypi_url"] == ""


def test_show_says_what_was_tried(shell: CommandLine, hosts: Hosts) -> None:
    hosts.projects.remove("r001")
    shell.ok("fetch", "r001")
    assert "tried r001: no such project at PyPI" in shell.ok("show", "r001").out


# ── what is said ──


def test_quiet_is_silent_while_all_is_well(shell: CommandLine) -> None:
    result = shell.ok("fetch", "--all", "-q")
    assert (result.out, result.err) == ("", "")


def test_quiet_tells_what_is_wrong(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.fault("/repos/octo/r001", Fault(status=404))
    result = shell.run("-q", "fetch", "--all")
    assert result.code == 3
    assert "; failed: r001 (repo: not_found: " in result.err
    assert "r000" not in result.err


def test_verbose_has_a_line_for_each_request(shell: CommandLine, hosts: Hosts) -> None:
    lines = shell.ok("fetch", "--all", "-v").err.splitlines()
    told = sorted(line.split()[1] for line in lines if line.startswith("GET "))
    urls = [hosts.github.url + one.target for one in hosts.github.log]
    urls += [hosts.pypi.url + one.target for one in hosts.pypi.log]
    assert told == sorted(urls)
    assert all(line.split()[2] == "200" for line in lines if line.startswith("GET "))


def test_nothing_but_data_on_standard_output(shell: CommandLine) -> None:
    assert shell.ok("fetch", "--all", "-v").out == ""
    assert shell.ok("fetch", "--all", "-v", "--json").json()
