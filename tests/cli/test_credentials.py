"""A token goes to its own host only: not to files, output or other hosts."""

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


def sent_tokens(log: list[object]) -> set[str | None]:
    return {getattr(request, "headers", {}).get("authorization") for request in log}


def assert_not_in_files(shell: CommandLine, secret: str = TOKEN) -> None:
    """Assert that no file in the home or working directory contains the secret."""
    files = [path for path in shell.cwd.parent.rglob("*") if path.is_file()]
    assert shell.db in files
    for path in files:
        if path.name != ".netrc":
            assert secret.encode() not in path.read_bytes(), path


def test_the_token_is_sent_to_the_github_api_only(shell: CommandLine, hosts: Hosts) -> None:
    result = shell.ok("fetch", "--all", "-vv", "--json", "--record", "run.har")
    assert sent_tokens([*hosts.github.log]) == {f"Bearer {TOKEN}"}
    assert sent_tokens([*hosts.pypi.log]) == {None}
    assert TOKEN not in result.out + result.err
    assert_not_in_files(shell)


def test_gh_token_takes_precedence_over_github_token(shell: CommandLine, hosts: Hosts) -> None:
    shell.variables |= {"GH_TOKEN": "ghp_first", "GITHUB_TOKEN": "ghp_second"}
    shell.ok("fetch", "r000")
    assert sent_tokens([*hosts.github.log]) == {"Bearer ghp_first"}
    hosts.request_counts()
    shell.variables["GH_TOKEN"] = ""
    shell.ok("fetch", "r001")
    assert sent_tokens([*hosts.github.log]) == {"Bearer ghp_second"}
    del shell.variables["GITHUB_TOKEN"]
    hosts.request_counts()
    shell.ok("fetch", "r002")
    assert sent_tokens([*hosts.github.log]) == {None}


def test_a_token_from_netrc_is_sent_to_its_host_only(shell: CommandLine, hosts: Hosts) -> None:
    netrc = shell.home / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login x password {TOKEN}\n")
    netrc.chmod(0o600)
    del shell.variables["GH_TOKEN"]
    result = shell.ok("fetch", "--all", "-vv", "--record", "run.har")
    assert sent_tokens([*hosts.github.log]) == {f"Bearer {TOKEN}"}
    assert sent_tokens([*hosts.pypi.log]) == {None}
    assert TOKEN not in result.err
    assert_not_in_files(shell)


def test_the_token_does_not_follow_a_redirect_to_another_host(
    shell: CommandLine, hosts: Hosts
) -> None:
    other_host = LoopbackServer(lambda _: Reply(status=200, body=b'{"thanks": "for it"}'))
    with other_host:
        redirect = {"location": f"{other_host.url}/repos/octo/r000"}
        hosts.github.fault("/repos/octo/r000", Fault(status=301, headers=redirect))
        result = shell.run("fetch", "r000", "-vv", "--record", "run.har")
    assert result.code == 3
    assert len(other_host.log) == 1
    assert sent_tokens([*other_host.log]) == {None}
    assert TOKEN not in result.err
    assert_not_in_files(shell)


def test_a_token_repeated_by_a_host_is_masked(shell: CommandLine, hosts: Hosts) -> None:
    body = json.dumps({"message": f"Resource not accessible by {TOKEN}"}).encode()
    hosts.github.fault("/repos/octo/r000", Fault(status=403, body=body))
    redirect = {"location": f"/repos/{TOKEN}/x"}
    hosts.github.fault("/repos/octo/r001", Fault(status=301, headers=redirect))
    result = shell.run("fetch", "--all", "--json", "-vv", "--record", "run.har")
    assert result.code == 4
    assert TOKEN not in result.out + result.err
    records = shell.ok("show", "r000", "r001", "--full", "--json")
    assert TOKEN not in records.out
    assert_not_in_files(shell)


def test_a_rejected_token_is_not_printed(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.tokens = set()
    result = shell.run("fetch", "--all", "--json", "-vv")
    assert result.code == 4
    assert TOKEN not in result.out + result.err
    assert_not_in_files(shell)


def test_an_invalid_token_is_rejected_before_any_request(shell: CommandLine, hosts: Hosts) -> None:
    shell.variables["GH_TOKEN"] = f"{TOKEN}\n"
    result = shell.run("fetch", "--all")
    assert result.code == 2
    assert TOKEN not in result.err
    assert result.hint
    assert hosts.request_counts() == (0, 0)


def test_a_password_in_the_api_url_is_not_printed(shell: CommandLine, hosts: Hosts) -> None:
    del shell.variables["GH_TOKEN"]
    shell.variables["GITHUB_API_URL"] = hosts.github.url.replace("//", "//me:pa55w0rd@")
    result = shell.run("fetch", "--all", "-vv", "--json", "--record", "run.har")
    assert "pa55w0rd" not in result.out + result.err
    assert_not_in_files(shell, "pa55w0rd")


@pytest.mark.parametrize("command", ["show", "fetch", "remove"])
def test_a_password_in_a_package_name_is_not_printed(shell: CommandLine, command: str) -> None:
    result = shell.run(command, "https://me:pa55w0rd@github.com/octo/nope")
    assert result.code == 1
    assert "pa55w0rd" not in result.out + result.err
