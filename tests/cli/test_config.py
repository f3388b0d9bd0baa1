"""``pkgharvest config show``."""

from typing import Any

import pytest

from tests.support.command_line import CommandLine

TOKEN = "ghp_" + "5ecre7" * 6 + "last"
LONGER_THAN_MOST = "backoff_first (8d, PKGHARVEST_BACKOFF_FIRST) is longer than backoff_most"


@pytest.fixture
def shell(shell: CommandLine) -> CommandLine:
    shell.variables["COLUMNS"] = "160"
    return shell


def show_settings(shell: CommandLine, *arguments: str) -> Any:
    return shell.ok("config", "show", "--json", *arguments).json()


def setting(value: str | None, origin: str | None) -> dict[str, str | None]:
    return {"value": value, "origin": origin}


def test_config_defaults(shell: CommandLine) -> None:
    settings = show_settings(shell)
    assert settings["db"] == setting(str(shell.db), "default")
    assert settings["base_url"] == setting("", "default")
    assert settings["tz"] == setting("UTC", "default")
    assert settings["github_api_url"] == setting("https://api.github.com", "default")
    assert settings["github_graphql_url"] == setting("https://api.github.com/graphql", "default")
    assert settings["pypi_url"] == setting("https://pypi.org", "default")
    assert settings["pypistats_url"] == setting("https://pypistats.org", "default")
    assert settings["backoff_first"] == setting("1h", "default")
    assert settings["backoff_most"] == setting("7d", "default")
    assert settings["github_token"] == setting(None, None)
    assert not shell.db.parent.exists()


def test_config_show_names_every_origin(shell: CommandLine) -> None:
    user_config = shell.home / "config" / "pkgharvest" / "config.toml"
    user_config.parent.mkdir(parents=True)
    user_config.write_text('tz = "Asia/Tokyo"\nbase_url = "https://users.test"\n')
    (shell.cwd / "pkgharvest.toml").write_text('base_url = "https://project.test"\n')
    shell.variables["PKGHARVEST_PYPI_URL"] = "https://mirror.test"
    shell.variables["PKGHARVEST_BACKOFF_FIRST"] = "10m"
    settings = show_settings(shell, "--db", "a@b.db")
    assert settings["db"] == setting("a@b.db", "--db")
    assert settings["pypi_url"] == setting("https://mirror.test", "PKGHARVEST_PYPI_URL")
    assert settings["backoff_first"] == setting("10m", "PKGHARVEST_BACKOFF_FIRST")
    assert settings["base_url"]["value"] == "https://project.test"
    assert settings["base_url"]["origin"].endswith("pkgharvest.toml")
    assert settings["tz"] == setting("Asia/Tokyo", str(user_config))


def test_a_derived_url_has_the_origin_of_its_source(shell: CommandLine) -> None:
    (shell.cwd / "pkgharvest.toml").write_text('github_graphql_url = "https://g.test/query"\n')
    graphql_url = show_settings(shell)["github_graphql_url"]
    assert (graphql_url["value"], graphql_url["origin"][-15:]) == (
        "https://g.test/query",
        "pkgharvest.toml",
    )
    (shell.cwd / "pkgharvest.toml").unlink()
    shell.variables["GITHUB_API_URL"] = "https://ghe.test/api/v3"
    graphql_url = show_settings(shell)["github_graphql_url"]
    assert graphql_url == setting("https://ghe.test/api/graphql", "GITHUB_API_URL")
    shell.variables["GITHUB_GRAPHQL_URL"] = "https://ghe.test/query"
    graphql_url = show_settings(shell)["github_graphql_url"]
    assert graphql_url == setting("https://ghe.test/query", "GITHUB_GRAPHQL_URL")


def test_another_package_index_has_no_downloads_url(shell: CommandLine) -> None:
    shell.variables["PKGHARVEST_PYPI_URL"] = "https://mirror.test"
    assert show_settings(shell)["pypistats_url"] == setting("", "default")
    shell.variables["PKGHARVEST_PYPISTATS_URL"] = "https://stats.test"
    pypistats_url = show_settings(shell)["pypistats_url"]
    assert pypistats_url == setting("https://stats.test", "PKGHARVEST_PYPISTATS_URL")


def test_config_show_lists_limits_of_hosts(shell: CommandLine) -> None:
    user_config = shell.home / "config" / "pkgharvest" / "config.toml"
    user_config.parent.mkdir(parents=True)
    user_config.write_text('[hosts."api.github.com"]\nrequests_per_minute = 60\nconcurrency = 2\n')
    project_config = shell.cwd / "pkgharvest.toml"
    project_config.write_text(
        '[hosts."api.github.com"]\nrequests_per_minute = 0.5\n[hosts."git.test"]\nkind = "git"\n'
    )
    settings = show_settings(shell)
    assert {name: row for name, row in settings.items() if name.startswith("hosts")} == {
        'hosts."api.github.com".concurrency': setting("2", str(user_config)),
        'hosts."api.github.com".requests_per_minute': setting("0.5", str(project_config)),
        'hosts."git.test".kind': setting("git", str(project_config)),
    }
    lines = [" ".join(line.split()) for line in shell.ok("config", "show").out.splitlines()]
    assert any(line.startswith('hosts."api.github.com".concurrency 2 ') for line in lines)


def test_config_show_prints_a_table(shell: CommandLine) -> None:
    shell.variables["GITHUB_TOKEN"] = TOKEN
    lines = [" ".join(line.split()) for line in shell.ok("config", "show").out.splitlines()]
    assert lines[0] == "setting value origin"
    assert f"db {shell.db} default" in lines
    assert "github_token ***last GITHUB_TOKEN" in lines


def test_config_show_names_the_origin_of_the_token(shell: CommandLine) -> None:
    netrc = shell.home / ".netrc"
    netrc.write_text(f"machine github.com login x password {TOKEN}\n")
    netrc.chmod(0o600)
    assert show_settings(shell)["github_token"] == setting("***last", "netrc")
    shell.variables["GITHUB_TOKEN"] = TOKEN[:-4] + "4444"
    assert show_settings(shell)["github_token"] == setting("***4444", "GITHUB_TOKEN")
    shell.variables["GH_TOKEN"] = TOKEN[:-4] + "5555"
    assert show_settings(shell)["github_token"] == setting("***5555", "GH_TOKEN")
    shell.variables["GH_TOKEN"] = ""
    assert show_settings(shell)["github_token"] == setting("***4444", "GITHUB_TOKEN")
    shell.variables["GITHUB_TOKEN"] = "short"
    assert show_settings(shell)["github_token"] == setting("***", "GITHUB_TOKEN")


def test_config_show_masks_secrets(shell: CommandLine) -> None:
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


def test_a_long_url_is_not_truncated(shell: CommandLine) -> None:
    address = "https://base.test/" + "a" * 100
    shell.variables["PKGHARVEST_BASE_URL"] = address
    assert show_settings(shell)["base_url"]["value"] == address


def test_config_values_do_not_reach_the_terminal_raw(shell: CommandLine) -> None:
    for arguments in ((), ("--json",)):
        assert "\x1b" not in shell.ok("config", "show", "--db", "\x1b[2J", *arguments).out


@pytest.mark.parametrize(
    ("variable", "value", "message"),
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
        ("PKGHARVEST_BACKOFF_FIRST", "8d", f"{LONGER_THAN_MOST} (7d, default)"),
    ],
)
@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_config_show_rejects_settings_that_no_fetch_could_use(
    shell: CommandLine, variable: str, value: str, message: str, arguments: tuple[str, ...]
) -> None:
    shell.variables["GH_TOKEN"] = TOKEN
    shell.variables[variable] = value
    result = shell.run("config", "show", *arguments)
    assert (result.code, result.out, result.error) == (2, "", message)


def test_an_invalid_backoff_does_not_affect_other_commands(shell: CommandLine) -> None:
    shell.variables["PKGHARVEST_BACKOFF_FIRST"] = "soon"
    shell.ok("add", "octo/cat")
    assert shell.show("cat")["slug"] == "cat"


def test_an_unknown_key_in_the_config_file_is_an_error(shell: CommandLine) -> None:
    (shell.cwd / "pkgharvest.toml").write_text('[hosts."api.github.com"]\nspeed = 3\n')
    result = shell.run("config", "show")
    assert result.code == 2
    assert result.error.endswith("pkgharvest.toml: hosts.\"api.github.com\": unknown key 'speed'")
    assert result.hint.startswith("known: requests_per_minute, concurrency, ")


def test_config_without_a_command_shows_its_help(shell: CommandLine) -> None:
    assert shell.run("config").code == 2
    assert "show" in shell.ok("config", "--help").out
