"""GitHub Enterprise Server: hosts that a configuration file declares as kind ``github``."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.standins.github_graphql import GitHubGraphQL
from tests.standins.server import Call, Reply
from tests.support.command_line import CommandLine
from tests.support.github_case import NOW, repository
from tests.support.hosts import Hosts, make_repositories

PUBLIC_TOKEN = "ghp_" + "5ecre7" * 6
ENTERPRISE_TOKEN = "ghe_" + "0ther5" * 6


class EnterpriseServer(GitHubGraphQL):
    """A GitHub Enterprise Server: its API is below ``/api/v3``, and it has no rate limit."""

    def _admit(self, call: Call) -> Reply:
        path = call.path.removeprefix("/api/v3")
        reply = super()._admit(dataclasses.replace(call, path=path))
        headers = {k: v for k, v in reply.headers.items() if not k.startswith("x-ratelimit-")}
        headers["x-github-enterprise-version"] = "3.14.0"
        return Reply(status=reply.status, headers=headers, body=reply.body)

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    def tokens_sent(self) -> set[str | None]:
        return {call.headers.get("authorization") for call in self.log}


@pytest.fixture
def enterprise() -> Iterator[EnterpriseServer]:
    with EnterpriseServer(
        [repository(owner="Team", name="Tool", id=500, stars=5)],
        now=lambda: int(NOW.timestamp()),
    ) as server:
        yield server


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    with Hosts(*make_repositories(1)) as running:
        yield running


@pytest.fixture
def shell(tmp_path: Path, hosts: Hosts, enterprise: EnterpriseServer) -> CommandLine:
    shell = CommandLine(tmp_path, hosts.variables)
    configure(shell, enterprise)
    shell.ok("add", f"{enterprise.url}/Team/Tool", "octo/r000")
    return shell


def configure(shell: CommandLine, enterprise: EnterpriseServer, *more: str) -> None:
    path = shell.home / "config" / "pkgharvest" / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (
        f'[hosts."{enterprise.host}"]',
        'kind = "github"',
        f'api = "{enterprise.url}/api/v3"',
        *more,
    )
    path.write_text("\n".join(lines) + "\n")


def keys(shell: CommandLine) -> dict[str, str]:
    return dict(shell.rows("SELECT slug, repo_key FROM packages"))


def test_a_configured_host_is_read_over_rest_without_a_token(
    shell: CommandLine, hosts: Hosts, enterprise: EnterpriseServer
) -> None:
    shell.variables["GH_TOKEN"] = PUBLIC_TOKEN
    before = keys(shell)
    shell.ok("fetch", "--all")
    record = shell.show("tool", "--full")
    assert record["repo_url"] == f"{enterprise.url}/Team/Tool"
    assert (record["repo_host"], record["repo_id"]) == ("127.0.0.1", 500)
    assert record["repo_watchers"] == 5
    assert sum(record["commits_over_52"]) == 3
    assert shell.show("r000", "--full")["repo_id"] == 1000
    # The key of a configured host keeps its case, and the fetch does not change it.
    assert keys(shell) == before
    assert before["tool"] == f"{enterprise.host}/Team/Tool"
    assert enterprise.tokens_sent() == {None}
    assert {call.headers.get("authorization") for call in hosts.github.log} == {
        f"Bearer {PUBLIC_TOKEN}"
    }
    assert all(call.target.startswith("/api/v3/repos/") for call in enterprise.log)


def test_a_configured_host_is_read_over_graphql_with_its_own_token(
    shell: CommandLine, hosts: Hosts, enterprise: EnterpriseServer
) -> None:
    shell.variables |= {"GH_TOKEN": PUBLIC_TOKEN, "GH_ENTERPRISE_TOKEN": ENTERPRISE_TOKEN}
    result = shell.ok("fetch", "--all", "-vv", "--json")
    assert shell.show("tool", "--full")["repo_id"] == 500
    assert keys(shell)["tool"] == f"{enterprise.host}/Team/Tool"
    assert enterprise.queries
    assert hosts.github.queries
    assert enterprise.tokens_sent() == {f"Bearer {ENTERPRISE_TOKEN}"}
    assert {call.headers.get("authorization") for call in hosts.github.log} == {
        f"Bearer {PUBLIC_TOKEN}"
    }
    assert ENTERPRISE_TOKEN not in result.out + result.err


def test_a_server_without_a_rate_limit_is_never_out_of_quota(
    shell: CommandLine, enterprise: EnterpriseServer
) -> None:
    report = shell.ok("fetch", "--all", "--json").json()
    counts = report["requests"]["by_host"][enterprise.host]
    assert counts["requests"] == 3
    assert counts.get("remaining") is None
    assert report["stopped"] is None


def test_an_older_server_that_lacks_a_graphql_field_is_read_over_rest(
    shell: CommandLine, enterprise: EnterpriseServer
) -> None:
    shell.variables["GH_ENTERPRISE_TOKEN"] = ENTERPRISE_TOKEN
    enterprise.refusal = {
        "message": "Field 'archivedAt' doesn't exist on type 'Repository'",
        "extensions": {"code": "undefinedField", "fieldName": "archivedAt"},
    }
    shell.ok("fetch", "tool")
    assert shell.show("tool", "--full")["repo_id"] == 500
    assert len(enterprise.queries) == 1


@pytest.mark.parametrize(
    ("variables", "more", "token"),
    [
        ({"MINE": "mine", "GH_ENTERPRISE_TOKEN": "x"}, ('token_env = "MINE"',), "mine"),
        (
            {"MINE": "", "GH_ENTERPRISE_TOKEN": "x"},
            ('token_env = "MINE"', 'token_file = "token"'),
            "from-a-file",
        ),
        ({"GH_ENTERPRISE_TOKEN": "x", "GITHUB_ENTERPRISE_TOKEN": "y"}, (), "x"),
        ({"GITHUB_ENTERPRISE_TOKEN": "y"}, (), "y"),
        ({"GH_TOKEN": "never", "GITHUB_TOKEN": "never"}, (), "from-netrc"),
    ],
)
def test_precedence_of_tokens_of_a_configured_host(
    shell: CommandLine,
    enterprise: EnterpriseServer,
    variables: dict[str, str],
    more: tuple[str, ...],
    token: str,
) -> None:
    configure(shell, enterprise, *more)
    (shell.home / "config" / "pkgharvest" / "token").write_text("from-a-file\n")
    netrc = shell.home / ".netrc"
    netrc.write_text("machine 127.0.0.1 login x password from-netrc\n")
    netrc.chmod(0o600)
    shell.variables |= variables
    shell.ok("fetch", "tool")
    assert enterprise.tokens_sent() == {f"Bearer {token}"}
    row = shell.ok("config", "show", "--json").json()[f'hosts."{enterprise.host}".token']
    assert row["value"].startswith("***")


def test_a_missing_token_file_is_an_error(shell: CommandLine, enterprise: EnterpriseServer) -> None:
    configure(shell, enterprise, 'token_file = "nowhere"')
    result = shell.run("fetch", "tool")
    assert result.code == 2
    assert result.error.endswith("nowhere cannot be read: no such file or directory")
    assert not enterprise.log


def test_an_unchanged_repository_on_a_configured_host_costs_few_requests(
    shell: CommandLine, enterprise: EnterpriseServer
) -> None:
    shell.ok("fetch", "tool")
    enterprise.log.clear()
    report = shell.ok("fetch", "tool", "--json").json()
    assert report["packages"]["unchanged"] == 1
    counts = report["requests"]["by_host"][enterprise.host]
    assert counts["requests"] == counts["not_modified"] == 2


@pytest.mark.parametrize(
    "page", ["/Team/Tool.git", "/team/tool/issues?q=x", "/TEAM/TOOL/tree/main"]
)
def test_a_page_url_on_a_configured_host_becomes_its_repository(
    shell: CommandLine, enterprise: EnterpriseServer, page: str
) -> None:
    shell.ok("remove", "tool", "--yes")
    shell.ok("add", f"{enterprise.url}{page}", "--slug", "page")
    shell.ok("fetch", "page")
    assert shell.show("page")["repo_url"] == f"{enterprise.url}/Team/Tool"


def test_a_page_that_is_not_a_repository_on_a_configured_host_is_not_requested(
    shell: CommandLine, enterprise: EnterpriseServer
) -> None:
    shell.ok("add", f"{enterprise.url}/settings/profile")
    result = shell.run("fetch", "profile", "--json")
    assert result.code == 3
    (failure,) = result.json()["failures"]
    assert failure["error"] == "not_found"
    assert failure["message"].endswith("a page of GitHub, not a repository")
    assert not enterprise.log


def test_a_recording_contains_the_urls_of_configured_hosts(
    shell: CommandLine, hosts: Hosts, enterprise: EnterpriseServer, tmp_path: Path
) -> None:
    shell.variables |= {"GH_TOKEN": PUBLIC_TOKEN, "GH_ENTERPRISE_TOKEN": ENTERPRISE_TOKEN}
    archive = tmp_path / "run.har"
    shell.ok("fetch", "--all", "--record", str(archive))
    known = json.loads(archive.read_text())["log"]["_pkgharvest"]["hosts"]
    assert known["github"] == hosts.github.url
    assert known[f"github:{enterprise.host}"] == f"{enterprise.url}/api/v3"
    assert ENTERPRISE_TOKEN not in archive.read_text()
    # The replay runs without any configuration.
    other = CommandLine(tmp_path / "other")
    other.ok("add", f"{enterprise.url}/Team/Tool", "octo/r000")
    enterprise.log.clear()
    other.ok("fetch", "--all", "--replay", str(archive))
    assert not enterprise.log
    for slug in ("tool", "r000"):
        original, replayed = (source_shell.show(slug, "--full") for source_shell in (shell, other))
        assert original["repo_id"] == replayed["repo_id"]
        assert original["commits_over_52"] == replayed["commits_over_52"]


def test_a_recording_does_not_name_a_configured_host_without_requests(
    shell: CommandLine, hosts: Hosts, tmp_path: Path
) -> None:
    archive = tmp_path / "run.har"
    shell.ok("fetch", "r000", "--record", str(archive))
    known = json.loads(archive.read_text())["log"]["_pkgharvest"]["hosts"]
    assert known == {"github": hosts.github.url, "pypi": hosts.pypi.url}


def test_a_fetch_finds_two_spellings_of_a_repository_on_a_configured_host(
    shell: CommandLine, enterprise: EnterpriseServer
) -> None:
    shell.ok("add", f"{enterprise.url}/team/TOOL", "--slug", "other")
    assert keys(shell)["other"] == f"{enterprise.host}/team/TOOL"
    shell.ok("fetch", "tool")
    result = shell.run("fetch", "other", "--json")
    assert result.code == 3
    (failure,) = result.json()["failures"]
    assert failure["message"].endswith("which is the package tool")


# ── configuration files that were not named ──


def test_a_configuration_file_that_was_not_named_may_not_redirect_tokens(
    shell: CommandLine, enterprise: EnterpriseServer
) -> None:
    (shell.home / "config" / "pkgharvest" / "config.toml").unlink()
    project = shell.cwd / "pkgharvest.toml"
    project.write_text(
        f'[hosts."{enterprise.host}"]\nkind = "github"\napi = "{enterprise.url}/api/v3"\n'
        'token_env = "UNSET"\ntoken_file = "token"\n'
    )
    shell.variables["GH_ENTERPRISE_TOKEN"] = ENTERPRISE_TOKEN
    result = shell.run("config", "show", "--json")
    note = "pkgharvest.toml: ignored api, token_env, token_file: a file found in the current"
    assert [line for line in result.err.splitlines() if "note" in line] == [
        f"note: {shell.cwd}/{note} directory may not set them, only one named with --config"
    ]
    settings = result.json()
    assert settings[f'hosts."{enterprise.host}".kind']["value"] == "github"
    assert f'hosts."{enterprise.host}".api' not in settings
    # A token of the environment is not sent to a host that only such a file names, either.
    assert settings[f'hosts."{enterprise.host}".token'] == {"value": None, "origin": None}
    assert "note" not in shell.run("list", "-q").err
    assert shell.run("add", "octo/r001").err.count("note: ") == 1  # settings are read once

    named = shell.run("config", "show", "--json", "--config", str(project))
    assert named.code == 2  # its token_file is missing
    (shell.cwd / "token").write_text("a-token")
    shell.ok("fetch", "tool", "--config", str(project))
    assert enterprise.tokens_sent() == {"Bearer a-token"}


def test_a_configuration_file_that_repeats_the_users_own_changes_nothing(
    shell: CommandLine, enterprise: EnterpriseServer
) -> None:
    project = shell.cwd / "pkgharvest.toml"
    project.write_text(f'[hosts."{enterprise.host}"]\nkind = "github"\n')
    shell.variables["GH_ENTERPRISE_TOKEN"] = ENTERPRISE_TOKEN
    shell.ok("fetch", "tool")
    assert enterprise.tokens_sent() == {f"Bearer {ENTERPRISE_TOKEN}"}


def test_an_unknown_kind_of_host_is_an_error_with_the_valid_kinds(
    shell: CommandLine, enterprise: EnterpriseServer
) -> None:
    project = shell.cwd / "pkgharvest.toml"
    project.write_text('[hosts."git.example.org"]\nkind = "gitea"\n')
    for arguments in (("fetch", "--all"), ("config", "show")):
        result = shell.run(*arguments)
        assert result.code == 2
        assert result.error == f"{project}: hosts.\"git.example.org\": unknown kind 'gitea'"
        known = result.hint.removeprefix("known: ").split(", ")
        assert {"github", "gitlab", "forgejo", "bitbucket", "git"} <= set(known)
    assert shell.show("tool")["slug"] == "tool"  # commands that only read are not affected


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('[hosts."h.test"]\napi = "https://h.test/api"', 'hosts."h.test": api without a kind'),
        ('[hosts."github.com"]\nkind = "gitlab"', "the kind of this host is 'github'"),
        ('[hosts."github.com"]\napi = "https://x.test"', "api is for other hosts"),
        ('[hosts."h.test"]\nkind = "git"\ntoken_env = "T"', "token_env is for hosts with an API"),
        ('[hosts."h.test"]\nkind = 3', "kind must be a string that is not empty"),
        ('[hosts."h.test"]\nkind = "github"\napi = "h.test"', "the address is not an http or"),
    ],
)
def test_invalid_settings_of_a_host_are_rejected(
    shell: CommandLine, table: str, message: str
) -> None:
    (shell.cwd / "named.toml").write_text(table + "\n")
    result = shell.run("fetch", "--all", "--config", "named.toml")
    assert result.code == 2
    assert message in result.error


def test_the_token_of_a_built_in_host_may_be_in_a_file(shell: CommandLine, hosts: Hosts) -> None:
    (shell.cwd / "token").write_text(PUBLIC_TOKEN + "\n")
    (shell.cwd / "named.toml").write_text('[hosts."github.com"]\ntoken_file = "token"\n')
    shell.ok("fetch", "r000", "--config", "named.toml")
    assert {call.headers.get("authorization") for call in hosts.github.log} == {
        f"Bearer {PUBLIC_TOKEN}"
    }
