"""``pkgharvest config show``."""

from pathlib import Path
from typing import Any

import pytest

from command_line import CommandLine

TOKEN = "ghp_" + "5ecre7" * 6 + "last"


@pytest.fixture
def shell(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path, {"COLUMNS": "160"})


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
    assert told["pypi_url"] == pair("https://pypi.org", "default")
    assert told["github_token"] == pair(None, None)
    assert not shell.db.parent.exists()


def test_every_origin(shell: CommandLine) -> None:
    users = shell.home / "config" / "pkgharvest" / "config.toml"
    users.parent.mkdir(parents=True)
    users.write_text('tz = "Asia/Tokyo"\nbase_url = "https://users.test"\n')
    (shell.here / "pkgharvest.toml").write_text('base_url = "https://project.test"\n')
    shell.variables["PKGHARVEST_PYPI_URL"] = "https://mirror.test"
    told = shown(shell, "--db", "a@b.db")
    assert told["db"] == pair("a@b.db", "--db")
    assert told["pypi_url"] == pair("https://mirror.test", "PKGHARVEST_PYPI_URL")
    assert told["base_url"]["value"] == "https://project.test"
    assert told["base_url"]["origin"].endswith("pkgharvest.toml")
    assert told["tz"] == pair("Asia/Tokyo", str(users))


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
        "GITHUB_API_URL": "https://me:hunter2@git.test/api",
        "PKGHARVEST_PYPI_URL": "https://hunter2@mirror.test/?key=hunter2",
        "PKGHARVEST_BASE_URL": "me:hunter2@base.test",
    }
    for arguments in ((), ("--json",)):
        out = shell.ok("config", "show", *arguments).out
        assert "hunter2" not in out
        assert TOKEN[:-4] not in out
        assert "https://***@git.test/api" in out


def test_what_is_long_and_harmless_is_whole(shell: CommandLine) -> None:
    address = "https://base.test/" + "a" * 100
    shell.variables["PKGHARVEST_BASE_URL"] = address
    assert shown(shell)["base_url"]["value"] == address


def test_a_value_does_nothing_to_the_terminal(shell: CommandLine) -> None:
    for arguments in ((), ("--json",)):
        assert "\x1b" not in shell.ok("config", "show", "--db", "\x1b[2J", *arguments).out


@pytest.mark.parametrize(
    ("variable", "value"), [("GITHUB_API_URL", "nonsense"), ("GH_TOKEN", "a\nb")]
)
def test_what_no_fetch_could_use(shell: CommandLine, variable: str, value: str) -> None:
    shell.variables["GH_TOKEN"] = TOKEN
    shell.variables[variable] = value
    result = shell.run("config", "show")
    assert (result.code, result.out) == (2, "")
    assert result.error


def test_config_alone_shows_its_help(shell: CommandLine) -> None:
    assert shell.run("config").code == 2
    assert "show" in shell.ok("config", "--help").out
