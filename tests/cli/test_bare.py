"""Environments without a home directory or without standard streams."""

import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from tests.standins.server import Fault
from tests.support.command_line import CommandLine
from tests.support.hosts import Hosts

pytestmark = pytest.mark.repositories(2)


@pytest.fixture
def shell(tmp_path: Path, hosts: Hosts) -> CommandLine:
    return CommandLine(tmp_path, hosts.variables)


# ── no home directory ──


@pytest.fixture
def homeless(shell: CommandLine) -> Iterator[CommandLine]:
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        del shell.variables[name]
    with mock.patch.object(pwd, "getpwuid", side_effect=KeyError("no such uid")):
        yield shell


def test_db_option_works_without_a_home_directory(homeless: CommandLine) -> None:
    db = ("--db", "mine.db")
    homeless.ok("add", "octo/r000", "octo/r001", *db)
    subprocess.run(("git", "init", "-q", "mine"), cwd=homeless.cwd, check=True)
    homeless.ok("add", "./mine", "--no-pypi", *db)
    homeless.ok("fetch", "--all", *db)
    assert homeless.show("r001", *db)["repo_watchers"] == 1
    homeless.ok("config", "show", *db)
    homeless.ok("db", "check", *db)
    homeless.ok("remove", "r001", "--yes", *db)
    homeless.ok("db", "vacuum", *db)
    homeless.ok("demo", "-q")
    assert not (homeless.cwd / "~").exists()


@pytest.mark.parametrize(
    "words", [("list",), ("add", "octo/cat"), ("db", "path"), ("fetch", "--all")]
)
def test_the_default_catalog_needs_a_home_directory(
    homeless: CommandLine, words: tuple[str, ...]
) -> None:
    result = homeless.run(*words)
    assert result.code == 2
    assert "no home directory" in result.error
    assert "--db" in result.hint
    assert list(homeless.cwd.iterdir()) == []


def test_config_show_works_without_a_home_directory(homeless: CommandLine) -> None:
    assert homeless.ok("config", "show", "--json").json()["tz"]["value"] == "UTC"


def test_a_tilde_is_rejected_without_a_home_directory(homeless: CommandLine) -> None:
    result = homeless.run("list", "--db", "~/mine.db")
    assert result.code == 2
    assert result.error.startswith("--db: ")
    result = homeless.run("add", "~/clone", "--db", "mine.db")
    assert result.code == 2
    assert "~/clone" in result.error


def test_the_home_directory_of_an_unknown_user_is_rejected(shell: CommandLine) -> None:
    result = shell.run("list", "--db", "~no-such-user/mine.db")
    assert result.code == 2
    assert "~no-such-user/mine.db" in result.error


# ── no standard streams ──


@pytest.mark.parametrize("closed", ["2>&-", "2>&- -v", "2>&- >&-", "<&- >&- 2>&-"])
def test_fetch_works_without_standard_streams(
    shell: CommandLine, hosts: Hosts, closed: str
) -> None:
    shell.ok("add", "octo/r000", "octo/r001")
    hosts.github.fault("r000", Fault(status=404))
    result = shell.shell(f"pkgharvest fetch --all {closed}")
    assert (result.code, result.out, result.err) == (3, "", "")
    assert shell.show("r001")["repo_watchers"] == 1
    shell.ok("db", "check")


def test_list_works_without_standard_error(shell: CommandLine) -> None:
    shell.ok("add", "octo/r000")
    result = shell.shell("pkgharvest list --fields slug --format csv 2>&-")
    assert (result.code, result.out) == (0, "slug\nr000\n")


def test_an_error_without_standard_error_sets_the_exit_code(shell: CommandLine) -> None:
    assert shell.shell("pkgharvest show nothing 2>&-").code == 1


@pytest.mark.parametrize(
    "words", ["fetch --all --json", "list", "list --json", "status", "db path", "--help", "demo"]
)
def test_commands_work_without_standard_output(shell: CommandLine, words: str) -> None:
    shell.ok("add", "octo/r000")
    result = shell.shell(f"pkgharvest {words} >&-")
    assert result.code == 0, result.err
    assert "Traceback" not in result.err
    assert "fault" not in result.err


def test_add_reads_an_empty_list_without_standard_input(shell: CommandLine) -> None:
    result = shell.shell("pkgharvest add - --json <&-")
    assert (result.code, result.out, result.err) == (0, "[]\n", "")


def test_remove_without_standard_input_needs_yes(shell: CommandLine) -> None:
    shell.ok("add", "octo/r000")
    assert shell.shell("pkgharvest remove r000 <&-").code == 2


def test_git_works_without_standard_streams(shell: CommandLine) -> None:
    subprocess.run(
        ("git", "-c", "user.name=x", "-c", "user.email=x@y.test", "init", "-q", "mine"),
        cwd=shell.cwd,
        check=True,
    )
    shell.ok("add", "./mine", "--no-pypi")
    assert shell.shell("pkgharvest fetch mine <&- >&- 2>&-").code in {0, 3}
    shell.ok("db", "check")
