"""``pkgharvest config show``."""

from typing import Any

import pytest

from tests.support.command_line import CommandLine

TOKEN = "ghp_" + "5ecre7" * 6 + "last"
LONGER = "backoff_first (8d, PKGHARVEST_BACKOFF_FIRST) is longer than backoff_most"


@pytest.fixture
def shell(shell: CommandLine) -> CommandLine:
    shell.variables["COLUMNS"] = "160"
    return shell


def shown(shell: CommandLine, *arguments: str) -> Any:
    return shell.ok("config", "show", "--json", *arguments).json()


def pair(value: str | None, origin: str | None) -> dict[str, str | None]:
    return {"value": value, "origin": origin}


def test_defaults(shell: CommandLine) -> None:
    told = shown(shell)
    assert told["db"] == pair(str(shell.db), "default")
    assert told["base_url"] == pair("", "default")
    assert told["tz"] == pair("UTC", "default")
    assert told["github_api_url"] == pair("https://api.github.com", "default")
    assert told["github_graphql_url"] == pair("https://api.github.com/graphql", "default")
    assert told["pypi_url"] == pair("https://pypi.org", "default")
    assert told["pypistats_url"] == pair("https://pypistats.org", "default")
    assert told["backoff_first"] == pair("1h", "default")
    assert told["backoff_most"] == pair("7d", "default")
    assert told["github_token"] == pair(None, None)
    assert not shell.db.parent.exists()


def test_every_origin(shell: CommandLine) -> None:
    users = shell.home / "config" / "pkgharvest" / "config.toml"
    users.parent.mkdir(parents=True)
    users.write_text('tz = "Asia/Tokyo"\nbase_url = "https://users.test"\n')
    (shell.here / "pkgharvest.toml").write_text('base_url = "https://project.test"\n')
    shell.variables["PKGHARVEST_PYPI_URL"] = "https://mirror.test"
    shell.variables["PKGHARVEST_BACKOFF_FIRST"] = "10m"
    told = shown(shell, "--db", "a@b.db")
    assert told["db"] == pair("a@b.db", "--db")
    assert told["pypi_url"] == pair("https://mirror.test", "PKGHARVEST_PYPI_URL")
    assert told["backoff_first"] == pair("10m", "PKGHARVEST_BACKOFF_FIRST")
    assert told["base_url"]["value"] == "https://project.test"
    assert told["base_url"]["origin"].endswith("pkgharvest.toml")
    assert told["tz"] == pair("Asia/Tokyo", str(users))


def test_an_address_that_follows_from_another_has_its_origin(shell: CommandLine) -> None:
    (shell.here / "pkgharvest.toml").write_text('github_graphql_url = "https://g.test/query"\n')
    told = shown(shell)["github_graphql_url"]
    assert (told["value"], told["origin"][-15:]) == ("https://g.test/query", "pkgharvest.toml")
    (shell.here / "pkgharvest.toml").unlink()
    shell.variables["GITHUB_API_URL"] = "https://ghe.test/api/v3"
    told = shown(shell)["github_graphql_url"]
    assert told == pair("https://ghe.test/api/graphql", "GITHUB_API_URL")
    shell.variables["GITHUB_GRAPHQL_URL"] = "https://ghe.test/query"
    told = shown(shell)["github_graphql_url"]
    assert told == pair("https://ghe.test/query", "GITHUB_GRAPHQL_URL")


def test_another_index_has_no_downloads(shell: CommandLine) -> None:
    shell.variables["PKGHARVEST_PYPI_URL"] = "https://mirror.test"
    assert shown(shell)["pypistats_url"] == pair("", "default")
    shell.variables["PKGHARVEST_PYPISTATS_URL"] = "https://stats.test"
    told = shown(shell)["pypistats_url"]
    assert told == pair("https://stats.test", "PKGHARVEST_PYPISTATS_URL")


def test_limits_of_hosts(shell: CommandLine) -> None:
    users = shell.home / "config" / "pkgharvest" / "config.toml"
    users.parent.mkdir(parents=True)
    users.write_text('[hosts."api.github.com"]\nrequests_per_minute = 60\nconcurrency = 2\n')
    projects = shell.here / "pkgharvest.toml"
    projects.write_text(
        '[hosts."api.github.com"]\nrequests_per_minute = 0.5\n[hosts."git.test"]\nkind = "git"\n'
    )
    told = shown(shell)
    assert {name: row for name, row in told.items() if name.startswith("hosts")} == {
        'hosts."api.github.com".concurrency': pair("2", str(users)),
        'hosts."api.github.com".requests_per_minute': pair("0.5", str(projects)),
        'hosts."git.test".kind': pair("git", str(projects)),
    }
    lines = [" ".join(line.split()) for line in shell.ok("config", "show").out.splitlines()]
    assert any(line.startswith('hosts."api.github.com".concurrency 2 ') for line in lines)


def test_table(shell: CommandLine) -> None:
    shell.variables["GITHUB_TOKEN"] = TOKEN
    lines = [" ".join(line.split()) for line in shell.ok("config", "show").out.splitlines()]
    assert lines[0] == "setting value origin"
    assert f"db {shell.db} default" in lines
    assert "github_token ***last GITHUB_TOKEN" in lines


def test_which_token(shell: CommandLine) -> None:
    netrc = shell.home / ".netrc"
    netrc.write_text(f"machine github.com login x password {TOKEN}\n")
    netrc.chmod(0o600)
    assert shown(shell)["github_token"] == pair("***last", "netrc")
    shell.variables["GITHUB_TOKEN"] = TOKEN[:-4] + "4444"
    assert shown(shell)["github_token"] == pair("***4444", "GITHUB_TOKEN")
    shell.variables["GH_TOKEN"] = TOKEN[:-4] + "5555"
    assert shown(shell)["github_token"] == pair("***5555", "GH_TOKEN")
    shell.variables["GH_TOKEN"] = ""
    assert shown(shell)["github_token"] == pair("***4444", "GITHUB_TOKEN")
    shell.variables["GITHUB_TOKEN"] = "short"
    assert shown(shell)["github_token"] == pair("***", "GITHUB_TOKEN")


def test_no_secret_is_shown(shell: CommandLine) -> None:
    shell.variables |= {
        "GH_TOKEN": TOKEN,
        "GITHUB_API_URL": "https://me:hunter2@git.test/api",  # and GraphQL's, which follows
        "PKGHARVEST_PYPI_URL": "https://hunter2@mirror.test/?key=hunter2",
        "PKGHARVEST_PYPISTATS_URL": "https://me:hunter2@stats.test",
        "PKGHARVEST_BASE_URL": "me:hunter2@base.test",
    }
    for arguments in ((), ("--json",)):
        out = shell.ok("config", "show", *arguments).out
        assert "hunter2" not in out
        assert TOKEN[:-4] not in out
        assert "https://***@git.test/api" in out
        assert "https://***@git.test/api/graphql" in out
        assert "https://***@stats.test" in out


def test_what_is_long_and_harmless_is_whole(shell: CommandLine) -> None:
    address = "https://base.test/" + "a" * 100
    shell.variables["PKGHARVEST_BASE_URL"] = address
    assert shown(shell)["base_url"]["value"] == address


def test_a_value_does_nothing_to_the_terminal(shell: CommandLine) -> None:
    for arguments in ((), ("--json",)):
        assert "\x1b" not in shell.ok("config", "show", "--db", "\x1b[2J", *arguments).out


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        *(
            (variable, value, f"{variable}: the address is not an http or https URL")
            for variable in (
                "GITHUB_API_URL",
                "GITHUB_GRAPHQL_URL",
                "PKGHARVEST_PYPI_URL",
                "PKGHARVEST_PYPISTATS_URL",
            )
            for value in ("nonsense", "https://me:pa55@[x/")
        ),
        ("GH_TOKEN", "a\nb", "the token for api.github.com holds characters that no token has"),
        ("PKGHARVEST_BACKOFF_MOST", "1", "PKGHARVEST_BACKOFF_MOST: '1' is not a duration"),
        ("PKGHARVEST_BACKOFF_MOST", "0d", "PKGHARVEST_BACKOFF_MOST: '0d' is no time at all"),
        ("PKGHARVEST_BACKOFF_FIRST", "8d", f"{LONGER} (7d, default)"),
    ],
)
@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_what_no_fetch_could_use(
    shell: CommandLine, variable: str, value: str, said: str, arguments: tuple[str, ...]
) -> None:
    shell.variables["GH_TOKEN"] = TOKEN
    shell.variables[variable] = value
    result = shell.run("config", "show", *arguments)
    assert (result.code, result.out, result.error) == (2, "", said)


def test_a_back_off_that_is_none_hinders_nobody_else(shell: CommandLine) -> None:
    shell.variables["PKGHARVEST_BACKOFF_FIRST"] = "soon"
    shell.ok("add", "octo/cat")
    assert shell.show("cat")["slug"] == "cat"


def test_a_table_that_cannot_be_understood(shell: CommandLine) -> None:
    (shell.here / "pkgharvest.toml").write_text('[hosts."api.github.com"]\nspeed = 3\n')
    result = shell.run("config", "show")
    assert result.code == 2
    assert result.error.endswith("pkgharvest.toml: hosts.\"api.github.com\": unknown key 'speed'")
    assert result.hint.startswith("known: requests_per_minute, concurrency, ")


def test_config_alone_shows_its_help(shell: CommandLine) -> None:
    assert shell.run("config").code == 2
    assert "show" in shell.ok("config", "--help").out
