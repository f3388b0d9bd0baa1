"""``pkgharvest grid``: add, fill, compare, edit and remove."""

import csv
import io
import json
from pathlib import Path

import pytest

from pkgharvest.model.clock import FixedClock
from tests.cli.test_remove import on_terminal
from tests.support.command_line import CommandLine
from tests.support.github_case import DAY, repository
from tests.support.hosts import Hosts, make_repositories

KEYS = "id title slug description is_locked packages header created modified".split()  # noqa: SIM905
ROWS = (
    *("description", "category", "downloads", "last_updated", "version", "repository", "commits"),
    *("stars", "score", "forks", "participants", "license", "status"),
    *("development_status", "supports_python"),
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """Return a catalog with a grid of three packages, one of them never fetched."""
    zed = repository(owner="octo", name="Zed", stars=1500, license="MIT", description="[b]Zed[/b]")
    with Hosts(*make_repositories(2), zed) as hosts:
        shell = CommandLine(tmp_path_factory.mktemp("made"), hosts.variables)
        shell.ok("category", "add", "Libraries")
        shell.ok("grid", "add", "Trees", "--description", "Hierarchies")
        shell.ok("grid", "add", "empty")
        shell.ok("add", "octo/r001", "octo/Zed", "--grid", "trees", "--category", "libraries")
        shell.ok("add", "octo/never", "--grid", "trees")
        shell.ok("add", "octo/r000")
        shell.ok("fetch", "r000", "r001", "zed")
    return shell


def show_grid(shell: CommandLine, slug: str = "trees", *options: str) -> dict[str, object]:
    shown = shell.ok("grid", "show", slug, "--json", *options).json()
    assert isinstance(shown, dict)
    return shown


def slugs_in_grid(shell: CommandLine, slug: str = "trees") -> list[str]:
    return [package["slug"] for package in shell.ok("list", "--grid", slug, "--json").json()]


def advance_a_day(shell: CommandLine) -> None:
    shell.clock = FixedClock(shell.clock.now() + DAY)


# ── show ──


def test_grid_show_json_is_the_resource_with_a_comparison(shell: CommandLine) -> None:
    shown = show_grid(shell, "trees", "--base-url", "https://x.test/", "--tz", "Asia/Tokyo")
    assert list(shown) == [*KEYS, "comparison"]
    del shown["comparison"]
    assert shown == {
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
    assert json.loads(line) == show_grid(shell)


def test_grid_comparison_in_json(shell: CommandLine) -> None:
    compared = show_grid(shell, "trees", "--base-url", "https://x.test")["comparison"]
    assert isinstance(compared, list)
    assert [column["slug"] for column in compared] == ["zed", "r001", "never"]
    for column in compared:
        assert tuple(column) == ("slug", *ROWS, "best")
    zed, r001, never = compared
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
    assert "stars" not in r001["best"]
    unknown = [row for row in ROWS if never[row] is None]
    assert sorted(unknown) == sorted(set(ROWS) - {"repository", "status"})
    assert never["best"] == []


def test_grid_show_prints_packages_side_by_side(shell: CommandLine) -> None:
    output = shell.ok("grid", "show", "trees").out
    assert output.startswith("Trees\nHierarchies\n3 packages\n\n")
    assert output.splitlines()[4].split() == ["zed", "r001", "never"]
    assert "1,500 *" in output
    assert "[b]Zed[/b]" in output
    assert "Libraries" in output
    assert "github.com/octo/Zed" in output
    assert output.endswith("* the best of all in this grid\n")


@pytest.mark.parametrize("columns", [20, 30, 50, 80, 200])
def test_a_grid_is_never_wider_than_the_terminal(shell: CommandLine, columns: int) -> None:
    shell.variables["COLUMNS"] = str(columns)
    output = shell.ok("grid", "show", "trees").out
    assert max(map(len, output.splitlines())) <= columns
    assert output.count("description") == {20: 3, 30: 3, 50: 2}.get(columns, 1)
    assert ("1 to 2 of 3" in output) == (columns == 50)


def test_grid_show_as_csv_and_tsv(shell: CommandLine) -> None:
    output = shell.ok("grid", "show", "trees", "--format", "csv").out
    first, *rest = csv.reader(io.StringIO(output))
    assert first == ["package", "zed", "r001", "never", "best figure"]
    assert tuple(row[0] for row in rest) == ROWS
    by_name = {row[0]: row[1:] for row in rest}
    assert by_name["stars"] == ["1500", "1", "", '["zed"]']
    assert by_name["license"][-1] == by_name["commits"][-1] == ""
    assert by_name["category"] == ["Libraries", "Libraries", "", ""]
    assert len(json.loads(by_name["commits"][0])) == 52
    lines = shell.ok("grid", "show", "trees", "--format", "tsv").out.splitlines()
    assert [line.split("\t")[0] for line in lines] == ["package", *ROWS]


def test_grid_show_as_markdown_prints_the_best_in_bold(shell: CommandLine) -> None:
    result = shell.ok("grid", "show", "trees", "--format", "md", "-o", "grid.md")
    assert result.out == ""
    lines = (shell.cwd / "grid.md").read_text("utf-8").splitlines()
    assert lines[:2] == ["|  | zed | r001 | never |", "| --- | --- | --- | --- |"]
    assert "| stars | **1,500** | 1 |  |" in lines


def test_grid_show_of_an_empty_grid(shell: CommandLine) -> None:
    assert "pkgharvest grid edit empty --add PACKAGE" in shell.ok("grid", "show", "empty").out
    assert show_grid(shell, "empty")["comparison"] == []
    output = shell.ok("grid", "show", "empty", "--format", "csv").out
    assert output.splitlines()[:2] == ["package,best figure", "description,"]


@pytest.mark.parametrize("action", ["show", "edit", "remove"])
def test_an_unknown_grid_gets_a_suggestion(shell: CommandLine, action: str) -> None:
    options = {"edit": ("--title", "x"), "remove": ("--yes",)}.get(action, ())
    result = shell.run("grid", action, "tree", *options)
    assert result.code == 1
    assert result.error == "no grid 'tree' in the catalog"
    assert result.hint == "did you mean trees?"
    assert "did you mean trees?" in shell.run("list", "--grid", "tres").hint
    assert "did you mean trees?" in shell.run("add", "octo/x", "--grid", "tres").hint


# ── list ──


def test_grid_list(shell: CommandLine) -> None:
    shell.ok("grid", "edit", "trees", "--locked")
    lines = shell.ok("grid", "list").out.splitlines()
    assert [line.split() for line in lines] == [
        ["grid", "title", "packages", "description"],
        ["empty", "empty", "0"],
        ["trees", "locked", "Trees", "3", "Hierarchies"],
    ]
    objects = shell.ok("grid", "list", "--json").json()
    for listed_grid, slug in zip(objects, ("empty", "trees"), strict=True):
        assert listed_grid | {"comparison": show_grid(shell, slug)["comparison"]} == show_grid(
            shell, slug
        )
    assert [list(listed_grid) for listed_grid in objects] == [KEYS] * 2
    output = shell.ok("grid", "list", "--fields", "slug,is_locked", "--format", "tsv").out
    assert output == "slug\tis_locked\nempty\tfalse\ntrees\ttrue\n"
    assert "trees  yes" in shell.ok("grid", "list", "--fields", "slug,is_locked").out


# ── add and edit ──


def test_grid_add_and_edit_accept_every_option(tmp_path: Path) -> None:
    shell = CommandLine(tmp_path)
    shell.ok("grid", "add", "g", "--title", "G", "--description", "D", "--locked", "--header")
    assert list(show_grid(shell, "g").values())[:7] == [1, "G", "g", "D", True, [], True]
    assert shell.ok("grid", "add", "g", "--unlocked").out == "already in the catalog: g  G\n"
    assert show_grid(shell, "g")["is_locked"] is True
    shell.ok("grid", "edit", "g", "--title", "H", "--slug", "h", "--unlocked", "--no-header")
    assert list(show_grid(shell, "h").values())[:7] == [1, "H", "h", "D", False, [], False]


def test_grid_edit_adds_and_removes_packages_by_any_name(shell: CommandLine) -> None:
    advance_a_day(shell)
    url = "https://github.com/octo/r000"
    shell.ok("grid", "edit", "trees", "--add", url, "--remove", "1", "--remove", "Zed")
    assert slugs_in_grid(shell) == ["never", "r000"]
    assert show_grid(shell)["modified"] == "2026-02-16T18:08:42Z"
    assert shell.show("r000")["modified"] == shell.show("zed")["modified"]
    assert shell.show("r000")["grids"] == ["/api/v4/grids/1/"]
    message = shell.ok("grid", "edit", "trees", "--add", "r000", "--remove", "zed").err
    assert message == "nothing to change in trees\n"


def test_a_grid_edit_is_all_or_nothing(shell: CommandLine) -> None:
    before = show_grid(shell)
    result = shell.run("grid", "edit", "trees", "--title", "X", "--add", "r000", "--add", "r00")
    assert result.code == 1
    assert result.error == "no package 'r00' in the catalog"
    result = shell.run("grid", "edit", "trees", "--title", "X", "--add", "zed", "--remove", "zed")
    assert result.code == 2
    result = shell.run("grid", "edit", "trees", "--add", "r000", "--slug", "empty")
    assert (result.code, result.error) == (2, "--slug: 'empty' is taken")
    assert shell.run("grid", "edit", "trees").code == 2
    assert show_grid(shell) == before


def test_a_locked_grid_keeps_its_packages(shell: CommandLine) -> None:
    shell.ok("grid", "edit", "trees", "--locked", "--remove", "never")  # the last package removed
    before = show_grid(shell)
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
    assert show_grid(shell) == before
    assert shell.run("show", "new").code == 1
    shell.ok("grid", "edit", "trees", "--title", "Woods")
    shell.ok("grid", "edit", "trees", "--unlocked", "--add", "r000")
    assert slugs_in_grid(shell) == ["r000", "r001", "zed"]


def test_a_removed_package_leaves_its_grid(shell: CommandLine) -> None:
    shell.ok("remove", "zed", "--yes")
    assert show_grid(shell)["packages"] == ["/api/v4/packages/3/", "/api/v4/packages/1/"]


# ── remove ──


def test_removing_a_grid_in_use_needs_yes(shell: CommandLine) -> None:
    result = shell.run("grid", "remove", "trees")
    assert result.code == 2
    assert "trees is in use by 3 packages (never, r001, zed)" in result.error
    result = on_terminal(shell, b"n\n", "grid", "remove", "trees")
    assert (result.code, slugs_in_grid(shell)) == (1, ["never", "r001", "zed"])
    assert shell.ok("grid", "remove", "trees", "--yes").err == "removed trees\n"
    assert shell.ok("grid", "remove", "empty").err == "removed empty\n"
    assert shell.ok("grid", "list", "--json").json() == []
    assert shell.show("zed")["grids"] == []
    assert len(shell.ok("list", "--json").json()) == 4
    shell.ok("db", "check")


def test_help_of_grid(shell: CommandLine) -> None:
    output = shell.ok("grid", "--help").out
    for action in ("add", "list", "show", "edit", "remove"):
        assert f"\n  {action} " in output
        assert "--db PATH" in shell.ok("grid", action, "--help").out


def test_grid_show_json_imports_nothing_heavy(shell: CommandLine) -> None:
    shell.variables["PYTHONPROFILEIMPORTTIME"] = "1"
    for arguments in (("--json",), ("--help",)):
        import_times = shell.process("grid", "show", "trees", *arguments).err
        assert "click" in import_times
        assert not {"rich", "sqlite_utils", "httpx"} & {
            line.rpartition("|")[2].strip().split(".")[0] for line in import_times.splitlines()
        }
