"""``pkgharvest category``: add, list, show, edit and remove."""

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from pkgharvest.model.clock import FixedClock
from tests.cli.test_remove import on_terminal
from tests.support.command_line import CommandLine
from tests.support.github_case import DAY

KEYS = "id title slug description title_plural show_pypi created modified".split()  # noqa: SIM905


@pytest.fixture
def used(shell: CommandLine) -> CommandLine:
    """Return a catalog with two categories: one with six packages, one empty."""
    shell.ok("category", "add", "apps", "--title", "Apps", "--description", "Things that run")
    shell.ok("category", "add", "libs")
    shell.ok("add", *(f"octo/r{number}" for number in range(6)), "--category", "apps")
    shell.ok("add", "octo/cat")
    return shell


def slugs(shell: CommandLine) -> list[str]:
    return [category["slug"] for category in shell.ok("category", "list", "--json").json()]


# ── add ──


def test_category_add_creates_the_catalog(shell: CommandLine) -> None:
    result = shell.ok("category", "add", "Web Apps")
    assert (result.out, result.err) == ("added web-apps  Web Apps\n", "")
    category = shell.ok("category", "show", "web-apps", "--json")
    assert list(category.json()) == KEYS
    assert category.json() == {
        "id": 1,
        "title": "Web Apps",
        "slug": "web-apps",
        "description": "",
        "title_plural": "",
        "show_pypi": True,
        "created": "2026-02-15T18:08:42Z",
        "modified": "2026-02-15T18:08:42Z",
    }


def test_category_add_accepts_every_option(shell: CommandLine) -> None:
    shell.ok(
        *("category", "add", "apps", "--title", "App", "--description", "Things\nthat run"),
        *("--title-plural", "Apps", "--no-show-pypi", "-q"),
    )
    category = shell.ok("category", "show", "1", "--json", "--tz", "America/New_York").json()
    assert list(category.values()) == [
        *(1, "App", "apps", "Things\nthat run", "Apps", False),
        *["2026-02-15T13:08:42-05:00"] * 2,
    ]


def test_adding_an_existing_category_changes_nothing(shell: CommandLine) -> None:
    shell.ok("category", "add", "apps", "--title", "Apps")
    before = shell.ok("category", "list", "--json").out
    shell.clock = FixedClock(shell.clock.now() + DAY)
    result = shell.ok("category", "add", "APPS", "--title", "Other", "--no-show-pypi")
    assert result.out == "already in the catalog: apps  Apps\n"
    assert shell.ok("category", "list", "--json").out == before


@pytest.mark.parametrize("name", ["", "123", "!!!", "é", "-"])
def test_category_add_rejects_a_name_without_a_slug(shell: CommandLine, name: str) -> None:
    result = shell.run("category", "add", "--", name)
    assert result.code == 2
    assert "no slug can be made from" in result.error
    assert "--title" in result.hint
    assert not shell.db.exists()


@pytest.mark.parametrize("title", ["", " ", "\u200b"])
def test_a_blank_category_title_is_rejected(shell: CommandLine, title: str) -> None:
    for action in ("add", "edit"):
        result = shell.run("category", action, "apps", f"--title={title}")
        assert result.code == 2
        assert "--title" in result.error
    assert not shell.db.exists()


# ── list and show ──


def test_category_list_counts_packages(used: CommandLine) -> None:
    lines = used.ok("category", "list").out.splitlines()
    assert [line.split() for line in lines] == [
        ["category", "title", "packages", "description"],
        ["apps", "Apps", "6", "Things", "that", "run"],
        ["libs", "libs", "0"],
    ]


def test_category_list_in_every_format(used: CommandLine) -> None:
    def printed(*arguments: str) -> str:
        return used.ok("category", "list", *arguments).out

    objects = json.loads(printed("--json"))
    assert [list(category) for category in objects] == [KEYS] * 2
    assert [json.loads(line) for line in printed("--format", "jsonl").splitlines()] == objects
    rows = list(csv.DictReader(io.StringIO(printed("--format", "csv"))))
    assert [row["slug"] for row in rows] == ["apps", "libs"]
    assert rows[0]["show_pypi"] == "true"
    assert printed("--format", "tsv").splitlines()[0].split("\t") == KEYS
    assert printed("--format", "md").startswith("| id | title | slug |")
    used.ok("category", "list", "--json", "-o", "out.json")
    assert json.loads((used.cwd / "out.json").read_text("utf-8")) == objects


def test_category_list_prints_the_chosen_fields(used: CommandLine) -> None:
    chosen = ("--fields", "packages,slug")
    assert used.ok("category", "list", "--json", *chosen).json() == [
        {"packages": 6, "slug": "apps"},
        {"packages": 0, "slug": "libs"},
    ]
    assert [line.split() for line in used.ok("category", "list", *chosen).out.splitlines()] == [
        *(["packages", "slug"], ["6", "apps"], ["0", "libs"])
    ]
    result = used.run("category", "list", "--fields", "nope")
    assert result.code == 2
    assert "valid fields: id, title, slug" in result.hint


def test_category_list_without_categories(shell: CommandLine) -> None:
    assert shell.run("category", "list").code == 1
    shell.ok("add", "octo/cat")
    assert "pkgharvest category add" in shell.ok("category", "list").out
    assert shell.ok("category", "list", "--json").json() == []


def test_category_show_names_its_packages(used: CommandLine) -> None:
    output = used.ok("category", "show", "apps").out
    for text in ("Things that run", "show_pypi     yes", "6: r0, r1, r2, r3, r4, r5"):
        assert text in output
    assert "packages      none" in used.ok("category", "show", "libs").out


def test_category_show_in_every_format(used: CommandLine) -> None:
    for format_ in ("jsonl", "csv", "tsv", "md"):
        output = used.ok("category", "show", "apps", "--format", format_).out
        assert "Things that run" in output
        assert "libs" not in output


@pytest.mark.parametrize("action", ["show", "edit", "remove"])
def test_an_unknown_category_gets_a_suggestion(used: CommandLine, action: str) -> None:
    options = {"edit": ("--title", "x"), "remove": ("--yes",)}.get(action, ())
    result = used.run("category", action, "aps", *options)
    assert result.code == 1
    assert result.error == "no category 'aps' in the catalog"
    assert result.hint == "did you mean apps?"


@pytest.mark.parametrize("arguments", [("list",), ("add", "octo/dog")])
def test_packages_of_an_unknown_category_get_a_suggestion(
    used: CommandLine, arguments: tuple[str, ...]
) -> None:
    result = used.run(*arguments, "--category", "lib")
    assert result.code == 1
    assert result.hint == "did you mean libs?"
    result = used.run(*arguments, "--category", "zzz")
    assert "pkgharvest category list" in result.hint


def test_hostile_text_in_a_category_is_harmless(shell: CommandLine) -> None:
    hostile = "a\x1b[31m|\u202e[red]"
    result = shell.ok("category", "add", "x", "--title", hostile, "--description", hostile)
    formats = ("table", "json", "jsonl", "csv", "tsv", "md")
    outputs = [shell.ok("category", "show", "x", "--format", format_).out for format_ in formats]
    for out in (result.out, *outputs, shell.ok("category", "list").out):
        assert "\x1b" not in out
        assert "\u202e" not in out
        assert "[red]" in out
    assert shell.ok("category", "show", "x", "--json").json()["title"] == hostile


# ── edit ──


def test_category_edit_changes_only_the_given_fields(used: CommandLine) -> None:
    used.clock = FixedClock(used.clock.now() + DAY)
    before = used.ok("category", "show", "apps", "--json").json()
    result = used.ok("category", "edit", "apps", "--slug", "programs", "--no-show-pypi")
    assert (result.out, result.err) == ("", "changed programs\n")
    after = used.ok("category", "show", "programs", "--json").json()
    changed = {"slug": "programs", "show_pypi": False, "modified": "2026-02-16T18:08:42Z"}
    assert after == before | changed
    assert used.show("r0")["category"] == "/api/v4/categories/1/"
    assert len(used.ok("list", "--category", "programs", "--json").json()) == 6


def test_category_edit_without_a_change_keeps_modified(used: CommandLine) -> None:
    used.clock = FixedClock(used.clock.now() + DAY)
    before = used.ok("category", "list", "--json").out
    assert used.ok("category", "edit", "apps", "--title", "Apps", "--show-pypi").err == (
        "nothing to change in apps\n"
    )
    assert used.ok("category", "list", "--json").out == before
    used.ok("category", "edit", "apps", "--description", "")
    assert used.ok("category", "show", "apps", "--json").json()["description"] == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "nothing to change"),
        (("--slug", "libs"), "--slug: 'libs' is taken"),
        (("--slug", "Not one"), "--slug: 'Not one' is not a slug"),
    ],
)
def test_category_edit_rejects_invalid_changes(
    used: CommandLine, options: tuple[str, ...], message: str
) -> None:
    before = used.ok("category", "list", "--json").out
    result = used.run("category", "edit", "apps", *options, *(("--title", "X") if options else ()))
    assert result.code == 2
    assert message in result.error
    assert used.ok("category", "list", "--json").out == before


def test_concurrent_category_edits_are_all_saved(used: CommandLine) -> None:
    edits = [
        *(("--title", "Programs"), ("--description", "new"), ("--title-plural", "Many")),
        *(("--no-show-pypi",), ("--slug", "p")),
    ]
    with ThreadPoolExecutor(len(edits)) as pool:
        results = pool.map(lambda options: used.process("category", "edit", "1", *options), edits)
        assert [result.code for result in results] == [0] * len(edits)
    category = used.ok("category", "show", "1", "--json").json()
    assert list(category.values())[1:6] == ["Programs", "p", "new", "Many", False]


# ── remove ──


def test_an_unused_category_is_removed_without_confirmation(used: CommandLine) -> None:
    result = used.ok("category", "remove", "libs")
    assert (result.out, result.err) == ("", "removed libs\n")
    assert slugs(used) == ["apps"]


def test_removing_a_category_in_use_needs_yes(used: CommandLine) -> None:
    result = used.run("category", "remove", "apps")
    assert result.code == 2
    assert "in use by 6 packages (r0, r1, r2, r3, r4, +1 more)" in result.error
    assert "--yes" in result.error
    assert slugs(used) == ["apps", "libs"]
    used.clock = FixedClock(used.clock.now() + DAY)
    used.ok("category", "remove", "apps", "--yes", "-q")
    assert slugs(used) == ["libs"]
    package = used.show("r0")
    assert (package["category"], package["modified"]) == (None, "2026-02-16T18:08:42Z")
    assert used.show("cat")["modified"] == "2026-02-15T18:08:42Z"
    assert len(used.ok("list", "--json").json()) == 7


@pytest.mark.parametrize(
    ("answer", "code", "remaining"),
    [(b"y\n", 0, ["libs"]), (b"n\n", 1, ["apps", "libs"]), (b"\x04", 130, ["apps", "libs"])],
)
def test_removing_a_category_asks_on_a_terminal(
    used: CommandLine, answer: bytes, code: int, remaining: list[str]
) -> None:
    result = on_terminal(used, answer, "category", "remove", "apps")
    assert result.code == code
    assert result.err.startswith("apps is in use by 6 packages (r0, ")
    assert "[y/N]" in result.err
    assert slugs(used) == remaining


def test_help_of_category(shell: CommandLine) -> None:
    output = shell.ok("category", "--help").out
    for action in ("add", "list", "show", "edit", "remove"):
        assert f"\n  {action} " in output
        assert "--db PATH" in shell.ok("category", action, "--help").out
