"""``pkgharvest db`` and ``completion``."""

import contextlib
import sqlite3

import pytest

from tests.support.command_line import CommandLine
from tests.support.hosts import Hosts, make_repositories


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """Return the command line with a catalog of three packages that each test gets a copy of."""
    with Hosts(*make_repositories(3)) as hosts:
        shell = CommandLine(tmp_path_factory.mktemp("made"), hosts.variables)
        shell.ok("add", "octo/r000", "octo/r001", "octo/r002")
        shell.ok("fetch", "--all")
    return shell


# ── db ──


def test_db_path(shell: CommandLine) -> None:
    assert shell.ok("db", "path").out == f"{shell.db}\n"


def test_db_check(shell: CommandLine) -> None:
    result = shell.ok("db", "check")
    assert result.out.startswith(f"{shell.db}: ok\n")
    assert "3 packages" in result.out
    assert "cached clones: 0 bytes" in result.out
    assert result.err == ""
    assert shell.ok("db", "check", "-q").out == ""


def test_db_check_of_a_damaged_file(shell: CommandLine) -> None:
    shell.write("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(shell.db.read_bytes())
    for start in range(8192, len(data) - 4096, 4096):
        data[start : start + 200] = b"\xff" * 200
    shell.db.write_bytes(data)
    result = shell.run("db", "check")
    assert result.code == 1
    assert "error: " in result.err
    assert "Traceback" not in result.err


def test_db_check_of_an_invalid_value(shell: CommandLine) -> None:
    shell.write("UPDATE packages SET commits_over_52 = '[1, 2]' WHERE slug = 'r001'")
    result = shell.run("db", "check")
    assert result.code == 1
    assert "r001" in result.err
    assert ": damaged\n" in result.out


def test_db_check_of_a_row_without_its_package(shell: CommandLine) -> None:
    with contextlib.closing(sqlite3.connect(shell.db)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("DELETE FROM packages WHERE slug = 'r001'")
    assert shell.run("db", "check").code == 1


def test_db_backup(shell: CommandLine) -> None:
    result = shell.ok("db", "backup", "copy.db")
    assert (result.out, result.err.split(":")[0]) == ("", "copy.db")
    assert sorted(path.name for path in shell.cwd.iterdir()) == ["copy.db"]
    listed = shell.ok("list", "--json", "--full").json()
    assert shell.ok("list", "--json", "--full", "--db", "copy.db").json() == listed


def test_db_backup_does_not_overwrite_a_file(shell: CommandLine) -> None:
    (shell.cwd / "precious").write_text("mine")
    result = shell.run("db", "backup", "precious")
    assert result.code == 1
    assert result.error == "precious already exists"
    assert (shell.cwd / "precious").read_text() == "mine"


def test_db_backup_to_a_missing_directory(shell: CommandLine) -> None:
    result = shell.run("db", "backup", "nowhere/copy.db")
    assert result.code == 1
    assert result.error == "no directory nowhere"


def test_db_vacuum(shell: CommandLine) -> None:
    records = shell.ok("list", "--json", "--full").json()
    shell.write("CREATE TABLE junk AS SELECT randomblob(1000000) AS junk")
    shell.write("DROP TABLE junk")
    shell.write("PRAGMA wal_checkpoint(TRUNCATE)")
    size = shell.db.stat().st_size
    result = shell.ok("db", "vacuum")
    assert "freed 1.0 MB in the file, 0 bytes of cached clones" in result.err
    assert shell.db.stat().st_size < size - 900_000
    assert shell.ok("list", "--json", "--full").json() == records


def test_db_quiet_prints_nothing(shell: CommandLine) -> None:
    for command in (("vacuum",), ("backup", "copy.db")):
        result = shell.ok("db", *command, "-q")
        assert (result.out, result.err) == ("", "")


def test_a_newer_schema_is_rejected_and_left_unchanged(shell: CommandLine) -> None:
    shell.write("PRAGMA user_version = 9999")
    shell.write("PRAGMA wal_checkpoint(TRUNCATE)")
    before = shell.db.read_bytes()
    for arguments in ("list", "add octo/x", "fetch --all", "db check", "db vacuum", "db backup b"):
        result = shell.run(*arguments.split())
        assert result.code == 1
        assert "newer pkgharvest" in result.error
        assert result.hint == "upgrade pkgharvest"
    assert shell.db.read_bytes() == before


def test_the_tables_have_their_documented_names(shell: CommandLine) -> None:
    tables = {row[0] for row in shell.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert tables >= {
        *("packages", "categories", "grids", "grid_packages", "versions", "participants"),
        *("commit_days", "fetches", "runs", "validators"),
    }
    [(mode,)] = shell.rows("PRAGMA journal_mode")
    assert mode == "wal"


# ── completion ──


@pytest.mark.parametrize(
    ("kind", "words"),
    [("bash", "complete -o nosort -F"), ("zsh", "#compdef pkgharvest"), ("fish", "complete ")],
)
def test_completion_script(shell: CommandLine, kind: str, words: str) -> None:
    result = shell.ok("completion", kind)
    assert words in result.out
    assert "_PKGHARVEST_COMPLETE" in result.out
    assert result.err == ""


def complete(shell: CommandLine, words: str) -> list[str]:
    shell.variables |= {
        "_PKGHARVEST_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    result = shell.process()
    assert result.err == ""
    return [item.partition(",")[2] for item in result.out.splitlines()]


def test_completion_of_commands_and_options(shell: CommandLine) -> None:
    assert complete(shell, "pkgharvest com") == ["completion"]
    assert complete(shell, "pkgharvest db b") == ["backup"]
    assert "--request-budget" in complete(shell, "pkgharvest fetch --re")
    assert complete(shell, "pkgharvest list --sort st") == ["stars"]


def test_completion_in_bash(shell: CommandLine) -> None:
    program = shell.home / "bin" / "pkgharvest"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {" ".join(shell.argv())} "$@"\n')
    program.chmod(0o755)
    shell.variables["PATH"] = f"{program.parent}:{shell.variables['PATH']}"
    result = shell.shell(
        'eval "$(pkgharvest completion bash)"; COMP_WORDS=(pkgharvest rem) COMP_CWORD=1;'
        ' _pkgharvest_completion pkgharvest; echo "${COMPREPLY[@]}"'
    )
    assert (result.out, result.err) == ("remove\n", "")
