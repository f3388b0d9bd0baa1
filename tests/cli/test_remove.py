"""``pkgharvest remove``: what it deletes, and its confirmation."""

import os
import pty
import subprocess
from collections.abc import Iterator

import pytest

from tests.support import histories
from tests.support.command_line import CommandLine, Result
from tests.support.git_server import GitServer
from tests.support.hosts import Hosts, make_repositories


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """Return the command line with a catalog of two packages that each test gets a copy of."""
    with Hosts(*make_repositories(2)) as hosts:
        shell = CommandLine(tmp_path_factory.mktemp("made"), hosts.variables)
        shell.ok("add", "octo/r000", "octo/r001")
        shell.ok("fetch", "--all")
    return shell


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    directory = tmp_path_factory.mktemp("served")
    for name in ("one", "two"):
        histories.build(histories.load("django-ltree"), directory / f"{name}.git")
    with GitServer(directory) as running:
        yield running


def slugs(shell: CommandLine) -> list[str]:
    return [record["slug"] for record in shell.ok("list", "--json", "--fields", "slug").json()]


def on_terminal(shell: CommandLine, answer: bytes, *arguments: str) -> Result:
    """Run a command with a terminal as its input, on which ``answer`` is typed."""
    master, slave = pty.openpty()
    try:
        os.write(master, answer)
        done = subprocess.run(
            shell.argv(*arguments),
            env=shell.variables,
            cwd=shell.cwd,
            stdin=slave,
            capture_output=True,
            check=False,
            timeout=30,
            text=True,
        )
    finally:
        os.close(master)
        os.close(slave)
    return Result(code=done.returncode, out=done.stdout, err=done.stderr)


def test_remove_deletes_everything_about_a_package(shell: CommandLine) -> None:
    result = shell.ok("remove", "r000", "--yes")
    assert (result.out, result.err) == ("", "removed r000\n")
    assert slugs(shell) == ["r001"]
    for table in ("participants", "commit_days", "versions", "fetches", "validators"):
        assert {row[0] for row in shell.rows(f"SELECT package_id FROM {table}")} <= {2}
    shell.ok("db", "check")
    shell.ok("add", "octo/r000")
    assert shell.show("r000")["commits_over_52"] == []
    assert shell.show("r000")["id"] == 3  # ids are not reused


def test_remove_accepts_every_name_of_a_package(shell: CommandLine) -> None:
    shell.ok("remove", "1", "https://github.com/octo/r001", "r001", "-y", "-q")
    assert slugs(shell) == []


def test_remove_of_an_unknown_package_removes_nothing(shell: CommandLine) -> None:
    result = shell.run("remove", "r000", "r00x", "--yes")
    assert result.code == 1
    assert "'r00x'" in result.error
    assert slugs(shell) == ["r000", "r001"]


def test_remove_without_a_terminal_needs_yes(shell: CommandLine) -> None:
    for result in (shell.run("remove", "r000"), shell.process("remove", "r000", stdin=b"y\n")):
        assert result.code == 2
        assert "--yes" in result.error
    assert slugs(shell) == ["r000", "r001"]


@pytest.mark.parametrize(
    ("answer", "code", "remaining"),
    [
        (b"y\n", 0, ["r001"]),
        (b"n\n", 1, ["r000", "r001"]),
        (b"\n", 1, ["r000", "r001"]),
        (b"\x04", 130, ["r000", "r001"]),
    ],
)
def test_remove_asks_on_a_terminal(
    shell: CommandLine, answer: bytes, code: int, remaining: list[str]
) -> None:
    result = on_terminal(shell, answer, "remove", "r000")
    assert result.code == code
    assert result.out == ""
    assert result.err.startswith("Remove r000 and everything known about them? [y/N]")
    assert slugs(shell) == remaining


def test_remove_yes_does_not_ask(shell: CommandLine) -> None:
    assert on_terminal(shell, b"", "remove", "r000", "--yes").err == "removed r000\n"
    assert slugs(shell) == ["r001"]


def test_remove_deletes_the_clone(shell: CommandLine, server: GitServer) -> None:
    urls = (server.locator(name).url for name in ("one.git", "two.git"))
    shell.ok("add", *urls, "--no-pypi")
    shell.ok("fetch", "one", "two")
    clones = shell.home / "cache" / "pkgharvest" / "clones"
    assert len(list(clones.glob("*.git"))) == 2
    shell.ok("remove", "one", "--yes")
    [remaining] = clones.glob("*.git")
    assert "two" in remaining.name


def test_vacuum_deletes_unused_clones(shell: CommandLine, server: GitServer) -> None:
    urls = (server.locator(name).url for name in ("one.git", "two.git"))
    shell.ok("add", *urls, "--no-pypi")
    shell.ok("fetch", "one", "two")
    clones = shell.home / "cache" / "pkgharvest" / "clones"
    shell.write("DELETE FROM packages WHERE slug = 'one'")
    output = shell.ok("db", "check").out
    assert "cached clones: " in output
    assert str(clones) in output
    result = shell.ok("db", "vacuum")
    assert "of cached clones" in result.err
    assert len(list(clones.glob("*.git"))) == 1
    shell.ok("fetch", "two")
