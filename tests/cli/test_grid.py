"""``pkgharvest grid``: made, filled, compared, changed and removed."""

import csv
import io
import json
from pathlib import Path

import pytest

from pkgharvest.model.clock import FixedClock
from tests.cli.test_remove import on_terminal
from tests.support.command_line import CommandLine
from tests.support.github_case import DAY, repository
from tests.support.hosts import Hosts, some

KEYS = "id title slug description is_locked packages header created modified".split()  # noqa: SIM905
ROWS = (
    *("description", "category", "downloads", "last_updated", "version", "repository", "commits"),
    *("stars", "score", "forks", "participants", "license", "status"),
    *("development_status", "supports_python"),
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """A grid of two packages that were fetched and one that never was, to be copied."""
    zed = repository(owner="octo", name="Zed", stars=1500, license="MIT", description="[b]Zed[/b]")
    with Hosts(*some(2), zed) as hosts:
        shell = CommandLine(tmp_path_factory.mktemp("made"), hosts.variables)
        shell.ok("category", "add", "Libraries")
        shell.ok("grid", "add", "Trees", "--description", "Hierarchies")
        shell.ok("grid", "add", "empty")
        shell.ok("add", "octo/r001", "octo/Zed", "--grid", "trees", "--category", "libraries")
        shell.ok("add", "octo/never", "--grid", "trees")
        shell.ok("add", "octo/r000")
        shell.ok("fetch", "r000", "r001", "zed")
    return shell


def grid(shell: CommandLine, slug: str = "trees", *options: str) -> dict[str, object]:
    told = shell.ok("grid", "show", slug, "--json", *options).json()
    assert isinstance(told, dict)
    return told


def members(shell: CommandLine, slug: str = "trees") -> list[str]:
    return [one["slug"] for one in shell.ok("list", "--grid", slug, "--json").json()]


def later(shell: CommandLine) -> None:
    shell.clock = FixedClock(shell.clock.now() + DAY)


# ── show ──


def test_in_json_it_is_the_resource_and_then_the_comparison(shell: CommandLine) -> None:
    told = grid(shell, "trees", "--base-url", "https://x.test/", "--tz", "Asia/Tokyo")
    assert list(told) == [*KEYS, "comparison"]
    del told["comparison"]
    assert told == {
        "id": 1,
        "title": "Trees",
        "slug": "trees",
        "description": "Hierarchies",
        "is_locked": False,
        "packages": [f"https://x.test/api/v4/packages/{number}/" for number in (3, 1, 2)],
        "header": False,
        "created": "2026-02-16T03:08:42+09:00",
        "modified": "2026-02-16T03:08:42+09:00",
    }
    line = shell.ok("grid", "show", "1", "--format", "jsonl").out
    assert json.loads(line) == grid(shell)


def test_the_comparison_in_json(shell: CommandLine) -> None:
    compared = grid(shell, "trees", "--base-url", "https://x.test")["comparison"]
    assert isinstance(compared, list)
    assert [one["slug"] for one in compared] == ["zed", "r001", "never"]
    for one in compared:
        assert tuple(one) == ("slug", *ROWS, "best")
    zed, other, never = compared
    record = shell.show("zed", "--full")
    for row, field in {
        "last_updated": "last_updated",
        "version": "pypi_version",
        "repository": "repo_url",
        "commits": "commits_over_52",
        "stars": "repo_watchers",
        "score": "score",
        "forks": "repo_forks",
        "participants": "participants",
        "license": "license",
        "status": "status",
    }.items():
        assert zed[row] == record[field], row
    assert zed["category"] == "https://x.test/api/v4/categories/1/"
    assert {"stars", "score"} <= set(zed["best"])
    assert "stars" not in other["best"]
    unknown = [row for row in ROWS if never[row] is None]
    assert sorted(unknown) == sorted(set(ROWS) - {"repository", "status"})
    assert never["best"] == []


def test_for_people_packages_stand_side_by_side(shell: CommandLine) -> None:
    told = shell.ok("grid", "show", "trees").out
    assert told.startswith("Trees\nHierarchies\n3 packages\n\n")
    assert told.splitlines()[4].split() == ["zed", "r001", "never"]
    assert "1,500 *" in told
    assert "[b]Zed[/b]" in told
    assert "Libraries" in told
    assert "github.com/octo/Zed" in told
    assert told.endswith("* the best of all in this grid\n")


@pytest.mark.parametrize("columns", [20, 30, 50, 80, 200])
def test_no_line_is_wider_than_the_terminal(shell: CommandLine, columns: int) -> None:
    shell.variables["COLUMNS"] = str(columns)
    told = shell.ok("grid", "show", "trees").out
    assert max(map(len, told.splitlines())) <= columns
    assert told.count("description") == {20: 3, 30: 3, 50: 2}.get(columns, 1)
    assert ("1 to 2 of 3" in told) == (columns == 50)


def test_in_csv_and_tsv_rows_are_rows(shell: CommandLine) -> None:
    told = shell.ok("grid", "show", "trees", "--format", "csv").out
    first, *rest = csv.reader(io.StringIO(told))
    assert first == ["package", "zed", "r001", "never", "best figure"]
    assert tuple(row[0] for row in rest) == ROWS
    by_name = {row[0]: row[1:] for row in rest}
    assert by_name["stars"] == ["1500", "1", "", '["zed"]']
    assert by_name["license"][-1] == by_name["commits"][-1] == ""
    assert by_name["category"] == ["Libraries", "Libraries", "", ""]
    assert len(json.loads(by_name["commits"][0])) == 52
    lines = shell.ok("grid", "show", "trees", "--format", "tsv").out.splitlines()
    assert [line.split("\t")[0] for line in lines] == ["package", *ROWS]


def test_in_markdown_the_best_is_bold(shell: CommandLine) -> None:
    told = shell.ok("grid", "show", "trees", "--format", "md", "-o", "grid.md")
    assert told.out == ""
    lines = (shell.here / "grid.md").read_text("utf-8").splitlines()
    assert lines[:2] == ["|  | zed | r001 | never |", "| --- | --- | --- | --- |"]
    assert "| stars | **1,500** | 1 |  |" in lines


def test_an_empty_one(shell: CommandLine) -> None:
    assert "pkgharvest grid edit empty --add PACKAGE" in shell.ok("grid", "show", "empty").out
    assert grid(shell, "empty")["comparison"] == []
    told = shell.ok("grid", "show", "empty", "--format", "csv").out
    assert told.splitlines()[:2] == ["package,best figure", "description,"]


@pytest.mark.parametrize("action", ["show", "edit", "remove"])
def test_an_unknown_one(shell: CommandLine, action: str) -> None:
    options = {"edit": ("--title", "x"), "remove": ("--yes",)}.get(action, ())
    result = shell.run("grid", action, "tree", *options)
    assert result.code == 1
    assert result.error == "no grid 'tree' in the catalog"
    assert result.hint == "did you mean trees?"
    assert "did you mean trees?" in shell.run("list", "--grid", "tres").hint
    assert "did you mean trees?" in shell.run("add", "octo/x", "--grid", "tres").hint


# ── list ──


def test_a_list(shell: CommandLine) -> None:
    shell.ok("grid", "edit", "trees", "--locked")
    told = shell.ok("grid", "list").out.splitlines()
    assert [line.split() for line in told] == [
        ["grid", "title", "packages", "description"],
        ["empty", "empty", "0"],
        ["trees", "locked", "Trees", "3", "Hierarchies"],
    ]
    objects = shell.ok("grid", "list", "--json").json()
    for one, slug in zip(objects, ("empty", "trees"), strict=True):
        assert one | {"comparison": grid(shell, slug)["comparison"]} == grid(shell, slug)
    assert [list(one) for one in objects] == [KEYS] * 2
    chosen = shell.ok("grid", "list", "--fields", "slug,is_locked", "--format", "tsv").out
    assert chosen == "slug\tis_locked\nempty\tfalse\ntrees\ttrue\n"
    assert "trees  yes" in shell.ok("grid", "list", "--fields", "slug,is_locked").out


# ── add and edit ──


def test_everything_can_be_said(tmp_path: Path) -> None:
    shell = CommandLine(tmp_path)
    shell.ok("grid", "add", "g", "--title", "G", "--description", "D", "--locked", "--header")
    assert list(grid(shell, "g").values())[:7] == [1, "G", "g", "D", True, [], True]
    assert shell.ok("grid", "add", "g", "--unlocked").out == "is there already: g  G\n"
    assert grid(shell, "g")["is_locked"] is True
    shell.ok("grid", "edit", "g", "--title", "H", "--slug", "h", "--unlocked", "--no-header")
    assert list(grid(shell, "h").values())[:7] == [1, "H", "h", "D", False, [], False]


def test_packages_are_put_in_and_taken_out_by_any_name(shell: CommandLine) -> None:
    later(shell)
    url = "https://github.com/octo/r000"
    shell.ok("grid", "edit", "trees", "--add", url, "--remove", "1", "--remove", "Zed")
    assert members(shell) == ["never", "r000"]
    assert grid(shell)["modified"] == "2026-02-16T18:08:42Z"
    assert shell.show("r000")["modified"] == shell.show("zed")["modified"]
    assert shell.show("r000")["grids"] == ["/api/v4/grids/1/"]
    told = shell.ok("grid", "edit", "trees", "--add", "r000", "--remove", "zed").err
    assert told == "trees is like that already\n"


def test_an_edit_is_whole_or_none(shell: CommandLine) -> None:
    before = grid(shell)
    result = shell.run("grid", "edit", "trees", "--title", "X", "--add", "r000", "--add", "r00")
    assert result.code == 1
    assert result.error == "no package 'r00' in the catalog"
    result = shell.run("grid", "edit", "trees", "--title", "X", "--add", "zed", "--remove", "zed")
    assert result.code == 2
    result = shell.run("grid", "edit", "trees", "--add", "r000", "--slug", "empty")
    assert (result.code, result.error) == (2, "--slug: 'empty' is taken")
    assert shell.run("grid", "edit", "trees").code == 2
    assert grid(shell) == before


def test_a_locked_one_keeps_its_packages(shell: CommandLine) -> None:
    shell.ok("grid", "edit", "trees", "--locked", "--remove", "never")  # the last thing to go
    before = grid(shell)
    for arguments in (
        ("grid", "edit", "trees", "--add", "r000"),
        ("grid", "edit", "trees", "--remove", "zed", "--title", "X"),
        ("add", "octo/new", "--grid", "trees"),
        ("add", "octo/r000", "--grid", "trees"),
    ):
        result = shell.run(*arguments)
        assert result.code == 1
        assert "the grid trees is locked" in result.error
        assert "pkgharvest grid edit trees --unlocked" in result.hint
    assert grid(shell) == before
    assert shell.run("show", "new").code == 1
    shell.ok("grid", "edit", "trees", "--title", "Woods")
    shell.ok("grid", "edit", "trees", "--unlocked", "--add", "r000")
    assert members(shell) == ["r000", "r001", "zed"]


def test_a_package_that_is_removed_leaves_its_grid(shell: CommandLine) -> None:
    shell.ok("remove", "zed", "--yes")
    assert grid(shell)["packages"] == ["/api/v4/packages/3/", "/api/v4/packages/1/"]


# ── remove ──


def test_one_in_use_needs_a_yes(shell: CommandLine) -> None:
    result = shell.run("grid", "remove", "trees")
    assert result.code == 2
    assert "trees is in use by 3 packages (never, r001, zed)" in result.error
    result = on_terminal(shell, b"n\n", "grid", "remove", "trees")
    assert (result.code, members(shell)) == (1, ["never", "r001", "zed"])
    assert shell.ok("grid", "remove", "trees", "--yes").err == "removed trees\n"
    assert shell.ok("grid", "remove", "empty").err == "removed empty\n"
    assert shell.ok("grid", "list", "--json").json() == []
    assert shell.show("zed")["grids"] == []
    assert len(shell.ok("list", "--json").json()) == 4
    shell.ok("db", "check")


def test_help(shell: CommandLine) -> None:
    told = shell.ok("grid", "--help").out
    for action in ("add", "list", "show", "edit", "remove"):
        assert f"\n  {action} " in told
        assert "--db PATH" in shell.ok("grid", action, "--help").out


def test_json_needs_no_screen(shell: CommandLine) -> None:
    shell.variables["PYTHONPROFILEIMPORTTIME"] = "1"
    for arguments in (("--json",), ("--help",)):
        told = shell.process("grid", "show", "trees", *arguments).err
        assert "click" in told
        assert not {"rich", "sqlite_utils", "httpx"} & {
            line.rpartition("|")[2].strip().split(".")[0] for line in told.splitlines()
        }
