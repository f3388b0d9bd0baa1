"""What all commands share: global options, settings, errors, help."""

import json
import re

import click
import pytest

from pkgharvest import __version__
from pkgharvest.cli.main import cli
from tests.support.command_line import CommandLine

COMMANDS = (
    *("add", "category", "completion", "config", "db", "demo", "edit", "export"),
    *("fetch", "grid", "history", "import", "list", "remove", "search", "show"),
    "status",
)


def db_path(shell: CommandLine, *arguments: str) -> str:
    return shell.ok("db", "path", *arguments).out.strip()


# ── help and version ──


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_lists_every_command(shell: CommandLine, option: str) -> None:
    text = shell.ok(option).out
    for command in COMMANDS:
        assert re.search(rf"^  {command} +[A-Z]", text, re.MULTILINE)
    for global_option in ("--db", "--config", "--quiet", "--verbose", "--version", "-h"):
        assert global_option in text


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_of_every_command(shell: CommandLine, command: str, option: str) -> None:
    result = shell.ok(command, option)
    assert result.out.startswith(f"Usage: pkgharvest {command} ")
    assert "--db PATH" in result.out


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("add", "--pypi --no-pypi --title --slug --category --grid --docs --fetch --json"),
        (
            "fetch",
            """--all --stale --limit --time-budget --request-budget --source --jobs --as-of
            --history --wait --no-wait --retry-failed --dry-run --json --record --replay""",
        ),
        ("show", "--json --format --fields --full --tz --base-url -o --output"),
        (
            "list",
            """--sort --reverse --limit --category --grid --status --stale --failing
            --json --format --fields --full --tz --base-url -o""",
        ),
        (
            "edit",
            """--title --slug --repo --pypi --no-pypi --docs --category --no-category --grid
            --no-grid --reset --json""",
        ),
        ("remove", "--yes"),
        ("import", "--json"),
        ("export", "--format -o --output --category --grid --tz --base-url"),
    ],
)
def test_help_lists_every_documented_option(shell: CommandLine, command: str, options: str) -> None:
    text = shell.ok(command, "--help").out
    for option in options.split():
        assert re.search(rf"(?<![\w-]){option}(?![\w-])", text), option


def test_the_list_of_commands_has_the_first_sentence_of_each_help() -> None:
    context = click.Context(cli)
    listed = click.HelpFormatter(width=200)
    cli.format_commands(context, listed)
    real = click.HelpFormatter(width=200)
    names = cli.list_commands(context)
    commands = {name: command for name in names if (command := cli.get_command(context, name))}
    click.Group(commands=commands).format_commands(context, real)
    assert listed.getvalue() == real.getvalue()


def test_help_imports_no_command(shell: CommandLine) -> None:
    shell.variables["PYTHONPROFILEIMPORTTIME"] = "1"
    imported = shell.process("--help").err
    assert "pkgharvest.cli.main" in imported
    assert "pkgharvest.app" not in imported
    assert "pkgharvest.cli.output" not in imported


def test_version(shell: CommandLine) -> None:
    assert shell.ok("--version").out == f"pkgharvest {__version__}\n"


def test_help_imports_nothing_heavy(shell: CommandLine) -> None:
    shell.variables["PYTHONPROFILEIMPORTTIME"] = "1"
    for command in ([], ["fetch"], ["add"], ["list"]):
        import_times = shell.process(*command, "--help").err
        imported = {
            line.rpartition("|")[2].strip().split(".")[0] for line in import_times.splitlines()
        }
        assert "click" in imported
        assert not imported & {"httpx", "rich", "sqlite_utils", "asyncio", "platformdirs"}, command


# ── settings ──


def test_the_default_db_is_in_the_users_data_directory(shell: CommandLine) -> None:
    assert db_path(shell) == str(shell.db)
    assert not shell.db.parent.exists()  # asking for the path creates nothing


def test_precedence_of_settings(shell: CommandLine) -> None:
    user_config = shell.home / "config" / "pkgharvest" / "config.toml"
    user_config.parent.mkdir(parents=True)
    user_config.write_text(
        'db = "users.db"\ntz = "Europe/Berlin"\nbase_url = "https://users.test"\n'
    )
    assert db_path(shell) == "users.db"
    (shell.cwd / "pkgharvest.toml").write_text('db = "projects.db"\ntz = "Asia/Tokyo"\n')
    assert db_path(shell) == "projects.db"
    (shell.cwd / "named.toml").write_text('db = "named.db"\n')
    assert db_path(shell, "--config", "named.toml") == "named.db"
    shell.variables["PKGHARVEST_CONFIG"] = "named.toml"
    assert db_path(shell) == "named.db"
    assert db_path(shell, "--config", "pkgharvest.toml") == "projects.db"
    shell.variables["PKGHARVEST_DB"] = "variables.db"
    assert db_path(shell) == "variables.db"
    assert db_path(shell, "--db", "flags.db") == "flags.db"
    shell.variables["PKGHARVEST_DB"] = ""  # empty is unset
    assert db_path(shell) == "named.db"


def test_precedence_of_the_time_zone(shell: CommandLine) -> None:
    def utc_offset(*arguments: str) -> str:
        return str(shell.show("cat", *arguments)["created"])[-6:]

    shell.ok("add", "octo/cat")
    assert utc_offset() == "08:42Z"
    (shell.cwd / "pkgharvest.toml").write_text('tz = "Asia/Tokyo"\n')
    assert utc_offset() == "+09:00"
    shell.variables["PKGHARVEST_TZ"] = "America/New_York"
    assert utc_offset() == "-05:00"
    assert utc_offset("--tz", "Asia/Kolkata") == "+05:30"
    assert utc_offset("--tz", "UTC") == "08:42Z"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("db = ", "pkgharvest.toml is not TOML: "),
        ("nope = 1", "pkgharvest.toml: unknown setting 'nope'"),
        ("db = 3", "pkgharvest.toml: db must be a string"),
        (b"\xff", "pkgharvest.toml cannot be read: "),
    ],
)
def test_an_invalid_configuration_file_is_an_error(
    shell: CommandLine, content: str | bytes, message: str
) -> None:
    data = content.encode() if isinstance(content, str) else content
    (shell.cwd / "pkgharvest.toml").write_bytes(data)
    for arguments in (("list",), ("fetch", "--all"), ("db", "path")):
        result = shell.run(*arguments)
        assert result.code == 2
        assert message in result.error


def test_commands_ignore_hosts_they_do_not_use(shell: CommandLine) -> None:
    (shell.cwd / "pkgharvest.toml").write_text('[hosts."git.example.org"]\nkind = "forgejo"\n')
    assert db_path(shell) == str(shell.db)


def test_a_missing_configuration_file_is_an_error(shell: CommandLine) -> None:
    result = shell.run("list", "--config", "nowhere.toml")
    assert result.code == 2
    assert result.error == "no configuration file nowhere.toml"


# ── the position of options ──


def test_global_options_work_before_and_after_the_command(shell: CommandLine) -> None:
    shell.ok("add", "octo/cat", "--db", "x.db")
    for arguments in (
        ("--db", "x.db", "show", "cat", "--json"),
        ("show", "--db", "x.db", "cat", "--json"),
        ("show", "cat", "--json", "--db", "x.db"),
        ("-v", "show", "cat", "-v", "--json", "--db=x.db"),
    ):
        assert shell.ok(*arguments).json()["slug"] == "cat"
    for line in (
        "--db x.db db path",
        "db --db x.db path",
        "db path --db x.db",
        "--db y.db db path --db x.db",  # the nearest option wins
    ):
        assert shell.ok(*line.split()).out == "x.db\n"


def test_quiet_works_before_and_after_the_command(shell: CommandLine) -> None:
    assert shell.ok("-q", "add", "octo/cat").out == ""
    assert shell.ok("add", "octo/dog", "--quiet").out == ""


@pytest.mark.parametrize("variable", ["GITHUB_API_URL", "PKGHARVEST_PYPI_URL"])
@pytest.mark.parametrize("value", ["nonsense", "ftp://x", "https://", "https://me:pa55@[x/"])
def test_an_invalid_api_url_is_rejected(shell: CommandLine, variable: str, value: str) -> None:
    shell.ok("add", "octo/cat")
    shell.variables[variable] = value
    result = shell.run("fetch", "cat")
    assert result.code == 2
    assert result.error == f"{variable}: the address is not an http or https URL"


# ── errors ──


@pytest.mark.parametrize(
    "arguments",
    [
        ("nope",),
        ("--nope",),
        ("--db",),
        ("show",),
        ("add",),
        ("remove",),
        ("db",),
        ("db", "nope"),
        ("db", "backup"),
        ("completion",),
        ("completion", "tcsh"),
        ("list", "--sort", "size"),
        ("list", "--limit", "-1"),
        ("list", "--status", "fine"),
        ("list", "--stale", "now"),
        ("list", "--format", "xml"),
        ("show", "x", "--json", "--format", "csv"),
        ("demo", "extra"),
    ],
)
def test_usage_errors(shell: CommandLine, arguments: tuple[str, ...]) -> None:
    result = shell.run(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert result.error
    assert not result.error.endswith(".")
    assert len(result.err) < 300
    if arguments != ("--db",):
        assert result.hint.startswith("pkgharvest ")
        assert result.hint.endswith("--help shows the usage")


@pytest.mark.parametrize(
    "arguments",
    [
        ("list",),
        ("show", "x"),
        ("fetch", "--all"),
        ("fetch", "--all", "--dry-run"),
        ("remove", "x", "--yes"),
        ("db", "check"),
        ("db", "vacuum"),
        ("db", "backup", "copy.db"),
    ],
)
def test_commands_without_a_catalog(shell: CommandLine, arguments: tuple[str, ...]) -> None:
    result = shell.run(*arguments)
    assert result.code == 1
    assert result.error == f"no catalog at {shell.db}"
    assert result.hint == "pkgharvest add OWNER/NAME makes one"
    assert not shell.db.exists()


@pytest.mark.parametrize(
    "arguments", [("list",), ("add", "octo/cat"), ("fetch", "--all"), ("db", "check")]
)
def test_a_file_that_is_not_a_catalog_is_rejected(
    shell: CommandLine, arguments: tuple[str, ...]
) -> None:
    shell.db.parent.mkdir(parents=True)
    shell.db.write_bytes(b"This is a letter to my aunt. " * 100)
    before = shell.db.read_bytes()
    result = shell.run(*arguments)
    assert result.code == 1
    assert result.error
    assert shell.db.read_bytes() == before


def test_a_db_in_a_missing_directory_is_rejected(shell: CommandLine) -> None:
    result = shell.run("add", "octo/cat", "--db", "nowhere/x.db")
    assert result.code == 1
    assert result.error == "no directory nowhere"
    assert result.hint


def test_a_data_directory_that_cannot_be_created(shell: CommandLine) -> None:
    (shell.home / "data").write_text("a file")
    result = shell.run("add", "octo/cat")
    assert result.code == 1
    assert str(shell.home / "data") in result.error


def test_tracebacks_are_printed_on_request_only(shell: CommandLine) -> None:
    for line in ("show x", "-v show x", "show x --verbose"):
        assert "Traceback" not in shell.run(*line.split()).err
    for line in ("-vv show x", "-v -v show x", "-v show x --verbose", "show x -vv"):
        result = shell.run(*line.split())
        assert result.err.startswith("Traceback ")
        assert f"\nerror: no catalog at {shell.db}\n" in result.err
        assert result.code == 1


def test_an_internal_error_is_reported_as_one(shell: CommandLine) -> None:
    shell.ok("add", "octo/cat")
    shell.write("UPDATE packages SET created = 'never'")
    result = shell.process("show", "cat")
    assert result.code == 1
    assert result.error.startswith("internal error: ValueError: ")
    assert "Traceback" in shell.process("show", "cat", "-v", "-v").err


@pytest.mark.parametrize("option", ["title", "slug", "category", "grid", "docs", "pypi"])
def test_arguments_that_are_not_text_are_rejected(shell: CommandLine, option: str) -> None:
    shell.ok("add", "octo/cat")
    result = shell.run(
        "add", "octo/dog", f"--{option}", "caf\udce9"
    )  # a Latin-1 byte, as Python decodes it
    assert result.code == 2
    assert f"--{option}" in result.error
    if option in {"category", "grid"}:
        assert shell.run("list", f"--{option}", "caf\udce9").code == 2
    for arguments in (("show", "caf\udce9"), ("list", "--db", "caf\udce9.db")):
        assert shell.run(*arguments).code == 1


def test_control_characters_in_messages_are_escaped(shell: CommandLine) -> None:
    result = shell.run("list", "--db", "a\x1b[31mb\nc/x.db")
    assert "\x1b" not in result.err
    assert result.error


# ── colors ──


def test_no_escape_sequences_off_a_terminal(shell: CommandLine) -> None:
    shell.ok("add", "octo/cat")
    for arguments in (("list",), ("show", "cat"), ("show", "nope"), ("--help",)):
        result = shell.process(*arguments)
        assert "\x1b" not in result.out + result.err


def test_force_color_and_no_color(shell: CommandLine) -> None:
    shell.ok("add", "octo/cat")
    shell.variables |= {"FORCE_COLOR": "1", "TERM": "xterm"}
    assert "\x1b[" in shell.process("show", "cat").out
    assert "\x1b" not in shell.process("show", "cat", "--json").out
    shell.variables["NO_COLOR"] = "1"
    assert "\x1b[3" not in shell.process("show", "cat").out  # no color, but bold is allowed


def test_output_in_ascii(shell: CommandLine) -> None:
    shell.ok("add", "octo/cat", "--title", "Ünï→cat")
    shell.variables["PYTHONIOENCODING"] = "ascii"
    for arguments in (("list",), ("show", "cat")):
        result = shell.process(*arguments)
        assert result.code == 0, result.err
        assert result.out.isascii()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-16"])
def test_data_is_utf_8_in_every_encoding(shell: CommandLine, encoding: str) -> None:
    shell.ok("add", "octo/cat", "--title", "Ünï→cat")
    shell.variables["PYTHONIOENCODING"] = encoding
    assert json.loads(shell.process("show", "cat", "--json").out)["title"] == "Ünï→cat"
    assert "Ünï→cat" in shell.process("list", "--format", "csv").out
