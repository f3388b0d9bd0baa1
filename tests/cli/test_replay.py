"""``fetch --record`` and ``--replay``: the same run again, without a network."""

import datetime as dt
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pkgharvest.model.clock import FixedClock, SystemClock
from tests.standins.server import Fault
from tests.support.command_line import CommandLine
from tests.support.github_case import DAY, NOW, repository
from tests.support.hosts import Hosts, make_repositories

NAMES = ("octo/r000", "octo/r001", "octo/old")


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    renamed = repository(owner="octo", name="new", renamed_from=["octo/old"])
    with Hosts(*make_repositories(2), renamed) as running:
        yield running


@pytest.fixture
def shell(tmp_path: Path, hosts: Hosts) -> CommandLine:
    shell = CommandLine(tmp_path / "there", hosts.variables)
    shell.ok("add", *NAMES)
    return shell


@pytest.fixture
def har(tmp_path: Path) -> str:
    return str(tmp_path / "run.har")


def offline_shell(tmp_path: Path, name: str = "elsewhere") -> CommandLine:
    """Return a command line that can reach no host, with misleading variables."""
    shell = CommandLine(
        tmp_path / name,
        {
            "GITHUB_API_URL": "http://127.0.0.1:1",
            "PKGHARVEST_PYPI_URL": "http://127.0.0.1:1",
            "HTTP_PROXY": "http://127.0.0.1:1",
            "GH_TOKEN": "ghp_" + "0" * 36,
        },
    )
    shell.ok("add", *NAMES)
    return shell


def all_records(shell: CommandLine) -> Any:
    return shell.ok("list", "--json", "--full").json()


def test_a_replay_elsewhere_gives_the_same_records(
    shell: CommandLine, hosts: Hosts, har: str, tmp_path: Path
) -> None:
    recorded = shell.ok("fetch", "--all", "--record", har, "--json").json()
    hosts.request_counts()
    other = offline_shell(tmp_path)
    other.clock = SystemClock()
    replayed = other.ok("fetch", "--all", "--replay", har, "--json").json()
    assert all_records(other) == all_records(shell)
    for slug in ("r000", "r001", "old"):
        assert other.ok("show", slug, "--json").out == shell.ok("show", slug, "--json").out
    assert other.show("old")["repo_url"] == "https://github.com/octo/new"
    assert replayed == recorded
    assert hosts.request_counts() == (0, 0)


def test_a_replay_needs_no_hosts(tmp_path: Path, har: str) -> None:
    with Hosts(*make_repositories(2)) as hosts:
        shell = CommandLine(tmp_path / "there", hosts.variables)
        shell.ok("add", "octo/r000", "octo/r001")
        shell.ok("fetch", "--all", "--record", har)
    other = offline_shell(tmp_path)
    other.ok("fetch", "r000", "r001", "--replay", har)
    assert other.show("r001") == shell.show("r001")


def test_a_replay_uses_the_clock_of_the_archive(
    shell: CommandLine, har: str, tmp_path: Path
) -> None:
    instant = NOW + dt.timedelta(microseconds=136634)
    shell.clock = FixedClock(instant)
    shell.ok("fetch", "r001", "--record", har)
    shell.clock = SystemClock()
    shell.ok("fetch", "r001", "--replay", har)
    assert shell.show("r001")["last_fetched"] == "2026-02-15T18:08:42.136634Z"
    assert shell.show("r001")["commits_over_52"][-1] == 3


def test_a_second_replay_changes_nothing(shell: CommandLine, har: str, tmp_path: Path) -> None:
    # Without the renamed one: the second run would request its new name, which was not recorded.
    names = ("r000", "r001")
    shell.ok("fetch", *names, "--record", har)
    other = offline_shell(tmp_path)
    other.ok("fetch", *names, "--replay", har)
    first = all_records(other)
    report = other.ok("fetch", *names, "--replay", har, "--json").json()
    assert report["packages"] == {
        "selected": 2,
        "updated": 0,
        "unchanged": 2,
        "failed": 0,
        "deferred": 0,
    }
    assert all_records(other) == first


def test_a_replay_into_an_up_to_date_catalog_changes_nothing(shell: CommandLine, har: str) -> None:
    shell.ok("fetch", "--all")
    before = all_records(shell)
    assert shell.rows("SELECT 1 FROM validators")
    shell.ok("fetch", "--all", "--record", har)  # no validators are sent
    assert {entry["response"]["status"] for entry in read_entries(har)} <= {200, 301}
    shell.ok("fetch", "--all", "--replay", har)
    assert all_records(shell) == before


def read_entries(har: str) -> list[dict[str, Any]]:
    raw = Path(har).read_bytes()
    archive = json.loads(gzip.decompress(raw) if har.endswith(".gz") else raw)
    found: list[dict[str, Any]] = archive["log"]["entries"]
    return found


def test_a_recording_is_a_har_archive(shell: CommandLine, har: str) -> None:
    shell.variables["GH_TOKEN"] = "ghp_" + "5ecre7" * 6
    shell.ok("fetch", "--all", "--record", har)
    archive = json.loads(Path(har).read_text(encoding="utf-8"))
    assert archive["log"]["version"] == "1.2"
    assert archive["log"]["creator"]["name"] == "pkgharvest"
    assert archive["log"]["pages"][0]["startedDateTime"] == "2026-02-15T18:08:42Z"
    for entry in archive["log"]["entries"]:
        assert entry.keys() >= {"startedDateTime", "time", "request", "response", "cache"}
        sent = {header["name"].lower() for header in entry["request"]["headers"]}
        assert not sent & {"if-none-match", "if-modified-since"}
    assert "5ecre7" not in json.dumps(archive)


def test_a_recording_can_be_compressed(shell: CommandLine, har: str, tmp_path: Path) -> None:
    shell.ok("fetch", "--all", "--record", f"{har}.gz")
    assert len(read_entries(f"{har}.gz")) > 10
    other = offline_shell(tmp_path)
    other.ok("fetch", "--all", "--replay", f"{har}.gz")
    assert all_records(other) == all_records(shell)


def test_a_replay_names_requests_that_were_not_recorded(
    shell: CommandLine, har: str, tmp_path: Path
) -> None:
    shell.ok("fetch", "r000", "--record", har)
    other = offline_shell(tmp_path)
    result = other.run("fetch", "--all", "--replay", har, "--json")
    assert result.code == 3
    failures = result.json()["failures"]
    assert {(failure["slug"], failure["source"], failure["error"]) for failure in failures} == {
        (slug, source, "not_recorded") for slug in ("r001", "old") for source in ("repo", "pypi")
    }
    messages = {
        failure["slug"]: failure["message"] for failure in failures if failure["source"] == "repo"
    }
    assert "/repos/octo/r001" in messages["r001"]
    assert "r001 (repo: not_recorded, " in result.err
    assert other.show("r000")["pypi_version"] == "1.1"
    assert other.show("r001")["last_fetched"] is None


def test_a_replay_has_no_git_traffic(shell: CommandLine, har: str) -> None:
    shell.ok("fetch", "r000", "--record", har)
    shell.ok("add", "https://git.example.org/far.git", "--no-pypi")
    result = shell.run("fetch", "far", "--replay", har, "--json")
    assert result.code == 3
    assert result.json()["failures"][0]["error"] == "not_recorded"


def test_a_recording_contains_failures(shell: CommandLine, hosts: Hosts, har: str) -> None:
    hosts.github.fault("/repos/octo/r001", Fault(status=410))
    assert shell.run("fetch", "--all", "--record", har).code == 3
    hosts.github.heal()
    assert shell.run("fetch", "r001", "--replay", har).code == 0  # already marked as gone
    assert shell.show("r001", "--full")["status"] == "gone"


def test_a_dry_run_of_a_replay_uses_the_clock_of_the_archive(shell: CommandLine, har: str) -> None:
    shell.ok("fetch", "r000", "--record", har)
    shell.clock = FixedClock(NOW + 30 * DAY)
    dry = shell.ok("fetch", "--all", "--stale", "1d", "--dry-run")
    assert "r000" in dry.out
    dry = shell.ok("fetch", "--all", "--stale", "1d", "--dry-run", "--replay", har)
    assert "r000" not in dry.out


# ── errors ──


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"{",
        b"[]",
        b'{"log": {}}',
        b'{"log": {"entries": []}}',
        b"\x1f\x8b broken",
        b'{"log": {"pages": [], "entries": [{"startedDateTime": "yesterday"}]}}',
    ],
)
def test_a_replay_rejects_a_missing_or_broken_archive(
    shell: CommandLine, har: str, content: bytes | None
) -> None:
    if content is not None:
        Path(har).write_bytes(content)
    before = all_records(shell)
    for more in ((), ("--dry-run",)):
        result = shell.run("fetch", "--all", "--replay", har, *more)
        assert result.code == 1
        assert result.out == ""
        assert har in result.error
    assert all_records(shell) == before


def test_a_recording_into_a_missing_directory_is_rejected(shell: CommandLine, hosts: Hosts) -> None:
    result = shell.run("fetch", "--all", "--record", "nowhere/run.har")
    assert result.code == 1
    assert "nowhere/run.har" in result.error
    assert hosts.request_counts() == (0, 0)  # an error before any work


def test_record_and_replay_exclude_each_other(shell: CommandLine, har: str) -> None:
    result = shell.run("fetch", "--all", "--record", har, "--replay", har)
    assert result.code == 2
    assert not Path(har).exists()
