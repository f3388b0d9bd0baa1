"""A token goes to its origin, and nowhere else: no file, no line, no other host."""

import json

import pytest

from tests.standins.server import Fault, LoopbackServer, Reply
from tests.support.command_line import CommandLine
from tests.support.hosts import Hosts

pytestmark = pytest.mark.repositories(3)

TOKEN = "ghp_" + "5ecre7" * 6


@pytest.fixture
def shell(shell: CommandLine) -> CommandLine:
    shell.variables["GH_TOKEN"] = TOKEN
    return shell


def sent(log: list[object]) -> set[str | None]:
    return {getattr(one, "headers", {}).get("authorization") for one in log}


def expect_nowhere(shell: CommandLine, secret: str = TOKEN) -> None:
    """See that no file of this person's holds the secret."""
    files = [path for path in shell.here.parent.rglob("*") if path.is_file()]
    assert shell.db in files
    for path in files:
        if path.name != ".netrc":
            assert secret.encode() not in path.read_bytes(), path


def test_only_to_the_api(shell: CommandLine, hosts: Hosts) -> None:
    result = shell.ok("fetch", "--all", "-vv", "--json", "--record", "run.har")
    assert sent([*hosts.github.log]) == {f"Bearer {TOKEN}"}
    assert sent([*hosts.pypi.log]) == {None}
    assert TOKEN not in result.out + result.err
    expect_nowhere(shell)


def test_gh_token_comes_first(shell: CommandLine, hosts: Hosts) -> None:
    shell.variables |= {"GH_TOKEN": "ghp_first", "GITHUB_TOKEN": "ghp_second"}
    shell.ok("fetch", "r000")
    assert sent([*hosts.github.log]) == {"Bearer ghp_first"}
    hosts.asked()
    shell.variables["GH_TOKEN"] = ""
    shell.ok("fetch", "r001")
    assert sent([*hosts.github.log]) == {"Bearer ghp_second"}
    del shell.variables["GITHUB_TOKEN"]
    hosts.asked()
    shell.ok("fetch", "r002")
    assert sent([*hosts.github.log]) == {None}


def test_netrc(shell: CommandLine, hosts: Hosts) -> None:
    netrc = shell.home / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login x password {TOKEN}\n")
    netrc.chmod(0o600)
    del shell.variables["GH_TOKEN"]
    result = shell.ok("fetch", "--all", "-vv", "--record", "run.har")
    assert sent([*hosts.github.log]) == {f"Bearer {TOKEN}"}
    assert sent([*hosts.pypi.log]) == {None}
    assert TOKEN not in result.err
    expect_nowhere(shell)


def test_never_along_with_a_redirect(shell: CommandLine, hosts: Hosts) -> None:
    stranger = LoopbackServer(lambda _: Reply(status=200, body=b'{"thanks": "for it"}'))
    with stranger:
        away = {"location": f"{stranger.url}/repos/octo/r000"}
        hosts.github.fault("/repos/octo/r000", Fault(status=301, headers=away))
        result = shell.run("fetch", "r000", "-vv", "--record", "run.har")
    assert result.code == 3
    assert len(stranger.log) == 1
    assert sent([*stranger.log]) == {None}
    assert TOKEN not in result.err
    expect_nowhere(shell)


def test_a_host_that_repeats_it(shell: CommandLine, hosts: Hosts) -> None:
    said = json.dumps({"message": f"Resource not accessible by {TOKEN}"}).encode()
    hosts.github.fault("/repos/octo/r000", Fault(status=403, body=said))
    away = {"location": f"/repos/{TOKEN}/x"}
    hosts.github.fault("/repos/octo/r001", Fault(status=301, headers=away))
    result = shell.run("fetch", "--all", "--json", "-vv", "--record", "run.har")
    assert result.code == 4
    assert TOKEN not in result.out + result.err
    shown = shell.ok("show", "r000", "r001", "--full", "--json")
    assert TOKEN not in shown.out
    expect_nowhere(shell)


def test_a_refused_one(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.tokens = set()
    result = shell.run("fetch", "--all", "--json", "-vv")
    assert result.code == 4
    assert TOKEN not in result.out + result.err
    expect_nowhere(shell)


def test_one_that_cannot_be_one(shell: CommandLine, hosts: Hosts) -> None:
    shell.variables["GH_TOKEN"] = f"{TOKEN}\n"
    result = shell.run("fetch", "--all")
    assert result.code == 2
    assert TOKEN not in result.err
    assert result.hint
    assert hosts.asked() == (0, 0)


def test_in_the_address_of_the_api(shell: CommandLine, hosts: Hosts) -> None:
    del shell.variables["GH_TOKEN"]
    shell.variables["GITHUB_API_URL"] = hosts.github.url.replace("//", "//me:pa55w0rd@")
    result = shell.run("fetch", "--all", "-vv", "--json", "--record", "run.har")
    assert "pa55w0rd" not in result.out + result.err
    expect_nowhere(shell, "pa55w0rd")


@pytest.mark.parametrize("command", ["show", "fetch", "remove"])
def test_in_a_name(shell: CommandLine, command: str) -> None:
    result = shell.run(command, "https://me:pa55w0rd@github.com/octo/nope")
    assert result.code == 1
    assert "pa55w0rd" not in result.out + result.err
