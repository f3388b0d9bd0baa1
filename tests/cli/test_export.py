"""``pkgharvest export``: a consistent copy of everything, and its import."""

import contextlib
import csv
import json
import os
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pkgharvest.api_v4.encode import CATEGORY_FIELDS, GRID_FIELDS, RECORD_FIELDS
from pkgharvest.catalog.columns import COLUMNS
from pkgharvest.catalog.transfer.dump import DUMP_VERSION
from pkgharvest.formats.fields import FULL_FIELDS
from pkgharvest.model.observations import Failure
from tests.support.catalogs import (
    DAY,
    NOW,
    downloads_result,
    open_catalog,
    project_result,
    repository_facts,
    repository_result,
)
from tests.support.command_line import CommandLine

TIMESTAMP = "2026-02-15T18:30:00.000000Z"


@pytest.fixture
def shell(tmp_path: Path) -> CommandLine:
    """Return a catalog with rows in every table."""
    shell = CommandLine(tmp_path)
    shell.db.parent.mkdir(parents=True)
    with open_catalog(shell.db) as cat:
        cat.connection.execute(
            "INSERT INTO categories (id, title, slug, created, modified, extra)"
            f" VALUES (4, 'Apps', 'apps', '{TIMESTAMP}', '{TIMESTAMP}', '{{\"a\": 1}}')"
        )
        for number, slug in ((2, "cms"), (9, "blog")):
            cat.connection.execute(
                "INSERT INTO grids (id, title, slug, is_locked, created, modified)"
                f" VALUES ({number}, '{slug}', '{slug}', 1, '{TIMESTAMP}', '{TIMESTAMP}')"
            )
        cat.add()
        cat.add("git@host.example:x/dog.git", pypi_source="none")
        cat.save(repository_result(repository=repository_facts("octo/kitten")))
        cat.save(project_result())
        cat.save(downloads_result())
        cat.save(Failure(kind="timeout", message="no answer"), NOW + DAY, source="pypi")
        cat.save(Failure(kind="not_found", message="not there"), package_id=2)
        cat.connection.execute(
            "UPDATE packages SET category_id = 4, user_fields = '[\"title\"]',"
            " title = 'M\u00efnk\u202e'"
            " WHERE id = 1"
        )
        cat.connection.executescript(
            f"""
            INSERT INTO grid_packages VALUES (1, 9, 0), (1, 2, 1);
            UPDATE packages SET participant_names = 'ann' || char(10) || 'bob' WHERE id = 1;
            INSERT OR REPLACE INTO snapshots
                VALUES (1, '2025-01-01T00:00:00.000000Z', '42', 5, 3, 1, 9, '1.0', 3, 'active'),
                       (1, '{TIMESTAMP}', '42', 7, 3, NULL, 9, '1.1', NULL, 'active');
            """
        )
    return shell


@pytest.fixture
def other(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "other")


def lines(shell: CommandLine, *arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in shell.ok("export", *arguments).out.splitlines()]


def all_rows(shell: CommandLine) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of the tables that an export covers."""
    tables = """packages categories grids grid_packages previous_urls participants versions
        commit_days snapshots"""
    return {
        table: shell.rows(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables.split()
    }


# ── JSON Lines ──


def test_an_export_can_be_imported_without_loss(shell: CommandLine, other: CommandLine) -> None:
    exported = shell.ok("export").out
    assert exported.isascii()
    result = other.ok("import", "-", stdin=exported.encode())
    assert result.out == "standard input: 5 added\n"
    assert other.ok("export").out == exported
    assert all_rows(other) == all_rows(shell)
    assert other.show("cat", "dog", "--full") == shell.show("cat", "dog", "--full")
    assert "ok" in other.ok("db", "check").out


def test_an_export_contains_every_column(shell: CommandLine) -> None:
    [_, *_, cat, _] = lines(shell)
    columns = {row[1] for row in shell.rows("PRAGMA table_info(packages)")}
    assert columns - cat.keys() == {"repo_key", "pypi_key", "participant_names", "commits", "score"}
    assert all(cat[key] for key in ("versions", "participants", "commit_days", "snapshots"))
    assert all(cat[key] for key in ("fetches", "previous_urls", "grids"))
    assert cat["fetches"][0]["source"] == "downloads"


def test_importing_an_export_again_changes_nothing(shell: CommandLine) -> None:
    exported = shell.ok("export").out
    validators = shell.rows("SELECT * FROM validators")
    assert validators
    results = shell.ok("import", "-", "--json", stdin=exported.encode()).json()
    assert {result["outcome"] for result in results} == {"unchanged"}
    assert shell.ok("export").out == exported
    assert shell.rows("SELECT * FROM validators") == validators


def test_importing_an_export_undoes_later_changes(shell: CommandLine) -> None:
    exported = shell.ok("export").out
    shell.write("UPDATE packages SET title = 'x', repo_watchers = 1 WHERE id = 1")
    shell.write("DELETE FROM versions")
    shell.write("UPDATE grids SET title = 'y'")
    shell.ok("remove", "dog", "--yes")
    results = shell.ok("import", "-", "--json", stdin=exported.encode()).json()
    assert [result["outcome"] for result in results] == ["unchanged", *["updated"] * 3, "added"]
    assert shell.ok("export").out == exported
    assert shell.rows("SELECT count(*) FROM validators") == [(0,)]


def test_importing_an_export_from_before_a_column_keeps_its_values(
    shell: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    column = COLUMNS["packages"]["homepage"]._replace(since=6)
    monkeypatch.setitem(COLUMNS["packages"], "homepage", column)
    header, *dumped = lines(shell)
    for line in dumped:
        line.pop("homepage", None)
    older = "\n".join(json.dumps(line) for line in (header, *dumped)).encode()
    shell.write("UPDATE packages SET homepage = 'https://cat.example', repo_watchers = 1")
    assert "2 updated" in shell.ok("import", "-", stdin=older).out
    assert shell.rows("SELECT homepage FROM packages") == [("https://cat.example",)] * 2


def test_importing_an_export_keeps_later_snapshots(shell: CommandLine) -> None:
    exported = shell.ok("export").out
    later = "2026-03-01T00:00:00.000000Z"
    shell.write(f"INSERT INTO snapshots (package_id, at, stars) VALUES (1, '{later}', 8)")
    results = shell.ok("import", "-", "--json", stdin=exported.encode()).json()
    assert {result["outcome"] for result in results} == {"unchanged"}
    assert (later,) in shell.rows("SELECT at FROM snapshots")


def test_export_of_a_category_or_grid(shell: CommandLine) -> None:
    for option in (("--category", "apps"), ("--grid", "blog")):
        assert [entry["slug"] for entry in lines(shell, *option) if entry["type"] == "package"] == [
            "cat"
        ]
    assert shell.run("export", "--category", "nope").code == 1
    assert shell.run("export", "--grid", "nope").code == 1


def test_import_of_a_package_before_its_category_and_grids(
    shell: CommandLine, other: CommandLine
) -> None:
    package = shell.ok("export").out.splitlines()[-2]
    other.ok("import", "-", stdin=package.encode())
    assert other.show("cat")["grids"] == ["/api/v4/grids/9/", "/api/v4/grids/2/"]
    assert other.rows("SELECT slug FROM categories") == [("category-4",)]
    assert other.ok("import", "-", stdin=shell.ok("export").out.encode()).out.endswith(
        ": 1 added, 3 updated, 1 unchanged\n"
    )
    assert all_rows(other) == all_rows(shell)


def test_export_of_an_empty_catalog(shell: CommandLine, other: CommandLine) -> None:
    shell.ok("remove", "cat", "dog", "--yes")
    shell.write("DELETE FROM categories")
    shell.write("DELETE FROM grids")
    exported = shell.ok("export").out
    assert exported == '{"type": "catalogue", "version": 3}\n'
    other.ok("import", "-", stdin=exported.encode())
    assert other.ok("export").out == exported


def test_export_without_a_catalog(other: CommandLine) -> None:
    assert "no catalog at" in other.run("export").error
    assert not other.db.exists()


@pytest.mark.parametrize("format_", ["jsonl", "csv"])
def test_a_failed_export_overwrites_nothing(other: CommandLine, format_: str) -> None:
    (other.cwd / "out").write_text("mine")
    assert other.run("export", "--format", format_, "-o", "out").code == 1
    assert (other.cwd / "out").read_text() == "mine"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": "odd"}, ".status: expected one of active, archived"),
        ({"pypi_source": "x"}, ".pypi_source: expected one of auto, set, none"),
        ({"created": None}, ".created: expected a value"),
        ({"created": "x"}, ".created: expected an ISO 8601 instant"),
        ({"commits_over_52": [1]}, ".commits_over_52: expected 52 numbers or none"),
        ({"commits_until": "2026-13-01"}, ".commits_until: expected an ISO 8601 day"),
        ({"topics": "x"}, ".topics: expected a list"),
        ({"extra": []}, ".extra: expected an object"),
        ({"shoe_size": 1}, ".shoe_size: expected a key of this version"),
        ({"slug": 3}, ".slug: expected a string"),
        ({"id": None}, ".id: expected a whole number"),
        ({"repo_watchers": "many"}, ".repo_watchers: expected a whole number"),
        ({"commit_days": [{"day": "2026-01-01"}]}, ".commit_days[0].commits: expected a value"),
        ({"fetches": [{"source": "x"}]}, ".fetches[0].source: expected one of repo"),
        ({"participants": [3]}, ".participants[0]: expected an object"),
        ({"versions": {}}, ".versions: expected a list"),
        ({"grids": [0]}, ".grids[0]: expected an id"),
    ],
)
def test_import_rejects_a_line_with_an_invalid_value(
    shell: CommandLine, other: CommandLine, changes: dict[str, Any], words: str
) -> None:
    [*others, cat, dog] = lines(shell)
    data = "\n".join(json.dumps(entry) for entry in (*others, cat | changes, dog))
    result = other.run("import", "-", stdin=data.encode())
    assert result.code == 3
    assert words in result.error
    assert result.error.startswith("standard input:5.")
    assert result.out == "standard input: 4 added, 1 skipped\n"


def test_import_rejects_a_newer_dump_version(shell: CommandLine, other: CommandLine) -> None:
    [first, *_] = lines(shell)
    data = json.dumps(first | {"version": DUMP_VERSION + 1}) + "\n" + shell.ok("export").out
    result = other.run("import", "-", stdin=data.encode())
    assert (result.code, result.out) == (1, "")
    assert "written by a newer pkgharvest" in result.error
    assert not other.db.exists()


def test_import_rejects_an_id_that_is_taken(shell: CommandLine, other: CommandLine) -> None:
    other.ok("add", "octo/ant")
    result = other.run("import", "-", stdin=shell.ok("export").out.encode())
    assert result.code == 3
    assert "the id 1 is taken by another package, ant" in result.error


# ── other formats ──


def test_export_in_the_v4_format(shell: CommandLine, other: CommandLine) -> None:
    base = ("--base-url", "https://site.example", "--tz", "America/New_York")
    result = shell.ok("export", "--format", "v4", "-o", "out", *base)
    assert result.out == ""
    files = sorted((shell.cwd / "out").iterdir())
    assert [file.name for file in files] == ["categories.json", "grids.json", "packages.json"]
    pages = [json.loads(file.read_text("utf-8")) for file in files]
    keys = [
        [entry.name for entry in CATEGORY_FIELDS],
        [entry.name for entry in GRID_FIELDS],
        [entry.name for entry in RECORD_FIELDS],
    ]
    for page, names in zip(pages, keys, strict=True):
        assert list(page) == ["count", "next", "previous", "results"]
        assert page["count"] == len(page["results"])
        assert page["next"] is page["previous"] is None
        assert list(page["results"][0]) == names
    assert [entry["id"] for entry in pages[2]["results"]] == [2, 1]
    assert [entry["id"] for entry in pages[1]["results"]] == [9, 2]
    assert pages[2]["results"] == shell.show("dog", "cat", *base)
    other.ok("import", *map(str, files))
    assert other.show("dog", "cat", *base) == shell.show("dog", "cat", *base)
    results = shell.ok("import", *map(str, files), "--json").json()
    assert {entry["outcome"] for entry in results} == {"unchanged"}


def test_export_v4_overwrites_its_own_files(shell: CommandLine) -> None:
    shell.ok("export", "--format", "v4", "-o", "out")
    shell.ok("remove", "cat", "dog", "--yes")
    shell.ok("export", "--format", "v4", "-o", "out")
    page = json.loads((shell.cwd / "out" / "packages.json").read_text("utf-8"))
    assert page == {"count": 0, "next": None, "previous": None, "results": []}
    assert len(list((shell.cwd / "out").iterdir())) == 3


def test_export_v4_does_not_overwrite_a_file(shell: CommandLine) -> None:
    (shell.cwd / "out").write_text("mine")
    result = shell.run("export", "--format", "v4", "-o", "out")
    assert result.code == 1
    assert "out cannot be written" in result.error


def test_export_as_csv(shell: CommandLine) -> None:
    rows = list(csv.DictReader(shell.ok("export", "--format", "csv").out.splitlines()))
    assert [row["slug"] for row in rows] == ["cat", "dog"]
    assert list(rows[0]) == [field.name for field in FULL_FIELDS]
    assert json.loads(rows[0]["versions"])[0]["number"] == "1.1"


def test_export_into_a_file(shell: CommandLine) -> None:
    for format_ in ("jsonl", "csv"):
        result = shell.ok("export", "--format", format_, "-o", "out")
        assert result.out == ""
        assert (shell.cwd / "out").read_text() == shell.ok("export", "--format", format_).out


# ── SQLite ──


@contextlib.contextmanager
def uncommitted_changes(shell: CommandLine) -> Iterator[sqlite3.Connection]:
    """Hold a write transaction open, as a running fetch does."""
    with contextlib.closing(sqlite3.connect(shell.db, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE packages SET repo_watchers = 99")
        connection.execute("DELETE FROM packages WHERE id = 2")
        yield connection
        connection.execute("COMMIT")


def test_export_sqlite_during_a_fetch(shell: CommandLine, other: CommandLine) -> None:
    before = shell.ok("export").out
    with uncommitted_changes(shell):
        shell.ok("export", "--format", "sqlite", "-o", "copy.db")
        assert shell.ok("export").out == before
    assert shell.ok("export").out != before
    copy = shell.cwd / "copy.db"
    assert [file.name for file in shell.cwd.iterdir()] == ["copy.db"]  # no -wal beside it
    assert shell.ok("export", "--db", str(copy)).out == before
    assert "copy.db: ok" in shell.ok("db", "check", "--db", str(copy)).out
    assert shell.ok("add", "octo/ant", "--db", str(copy))


def test_export_sqlite_has_no_unused_pages(shell: CommandLine) -> None:
    shell.write("CREATE TABLE large AS SELECT randomblob(1000000) AS x")
    shell.write("DROP TABLE large")
    shell.ok("export", "--format", "sqlite", "-o", "copy.db")
    assert (shell.cwd / "copy.db").stat().st_size < 600_000 < shell.db.stat().st_size


def test_export_sqlite_overwrites_nothing(shell: CommandLine) -> None:
    (shell.cwd / "copy.db").write_text("mine")
    result = shell.run("export", "--format", "sqlite", "-o", "copy.db")
    assert result.code == 1
    assert "copy.db already exists" in result.error
    assert (shell.cwd / "copy.db").read_text() == "mine"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--format", "sqlite"),
        ("--format", "v4"),
        ("--format", "sqlite", "-o", "x.db", "--category", "apps"),
        ("--format", "yaml"),
        ("--tz", "Mars/Base"),
    ],
)
def test_export_rejects_invalid_options(shell: CommandLine, arguments: tuple[str, ...]) -> None:
    result = shell.run("export", *arguments)
    assert result.code == 2
    assert result.error
    assert list(shell.cwd.iterdir()) == []


def test_output_to_a_dash_is_standard_output(shell: CommandLine) -> None:
    assert shell.ok("export", "-o", "-").out == shell.ok("export").out
    assert shell.ok("list", "--json", "-o", "-").out == shell.ok("list", "--json").out
    for format_ in ("v4", "sqlite"):
        assert shell.run("export", "--format", format_, "-o", "-").code == 2


def test_an_incomplete_write_overwrites_nothing(shell: CommandLine, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "x.jsonl").write_text("before")
    command = f"ulimit -f 1; exec {shlex.quote(sys.executable)} -m pkgharvest export -o x.jsonl"
    done = subprocess.run(
        ["bash", "-c", f"{command} --db {shlex.quote(str(shell.db))}"],
        cwd=target,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: x.jsonl cannot be written: file too large\n"
    assert (target / "x.jsonl").read_text() == "before"
    assert [path.name for path in target.iterdir()] == ["x.jsonl"]


def test_export_keeps_file_permissions_and_symbolic_links(
    shell: CommandLine, tmp_path: Path
) -> None:
    file, link = tmp_path / "real", tmp_path / "link"
    file.write_text("before")
    file.chmod(0o640)
    link.symlink_to(file)
    shell.ok("export", "-o", str(link))
    assert link.is_symlink()
    assert file.read_text() == shell.ok("export").out
    assert file.stat().st_mode & 0o777 == 0o640


def test_export_writes_to_pipes_and_devices(shell: CommandLine, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as pool:
        reader = pool.submit(pipe.read_text)
        shell.ok("export", "-o", str(pipe))
        assert reader.result() == shell.ok("export").out
    assert pipe.is_fifo()
    shell.ok("export", "-o", "/dev/null")
    assert Path("/dev/null").is_char_device()


def test_export_into_a_closed_pipe(shell: CommandLine) -> None:
    result = shell.shell("pkgharvest export | head -n 1")
    assert result.code == 0
    assert result.err == ""


@pytest.mark.parametrize(
    "words",
    [
        ("export",),
        ("export", "--format", "csv"),
        ("list",),
        ("list", "--json"),
        ("category", "list"),
        ("search", "cat"),
    ],
)
@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_output_never_overwrites_a_catalog(
    tmp_path: Path, words: tuple[str, ...], suffix: str
) -> None:
    shell = CommandLine(tmp_path)
    shell.ok("add", "octo/cat")
    connection = sqlite3.connect(shell.db)  # keeps the write-ahead log
    connection.execute("SELECT * FROM packages").fetchall()
    shell.ok("add", "octo/dog")
    target = f"{shell.db}{suffix}"
    result = shell.run(*words, "-o", target)
    assert result.code == 1
    assert "is a database" in result.error
    connection.close()
    assert shell.ok("db", "check")
    assert len(shell.ok("list", "--json").json()) == 2
