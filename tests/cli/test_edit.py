"""``pkgharvest edit``: editable fields, invalid values, and what later fetches may change."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pkgharvest.model.clock import FixedClock
from tests.standins.pypi import released
from tests.standins.server import Call, Reply
from tests.support.catalogs import empty_catalog
from tests.support.command_line import CommandLine
from tests.support.github_case import repository
from tests.support.hosts import Hosts, make_repositories, project_of


@pytest.fixture
def shell(tmp_path: Path) -> CommandLine:
    """Return a catalog with octo/cat, octo/dog, a category and two grids."""
    shell = CommandLine(tmp_path)
    shell.create_catalog(empty_catalog())
    shell.ok("add", "octo/cat", "octo/dog")
    for table, slug in (("categories", "apps"), ("grids", "pets"), ("grids", "wild")):
        shell.write(
            f"INSERT INTO {table} (title, slug, created, modified)"
            " VALUES (?, ?, '2020-01-01T00:00:00.000000Z', '2020-01-01T00:00:00.000000Z')",
            slug.title(),
            slug,
        )
    shell.clock = FixedClock(shell.clock.now().replace(year=2027))
    return shell


@pytest.fixture
def hosts(shell: CommandLine) -> Iterator[Hosts]:
    """Run the hosts with octo/cat, octo/dog and their projects at PyPI."""
    with Hosts(*(repository(name=name, id=at) for at, name in ((1, "cat"), (2, "dog")))) as hosts:
        shell.variables |= hosts.variables
        yield hosts


# ── output ──


def test_edit_prints_the_changed_fields(shell: CommandLine) -> None:
    result = shell.ok("edit", "cat", "--docs", "https://d.test", "--title", "A Cat")
    assert (result.out, result.err) == ("cat: title, docs\n", "")
    record = shell.show("cat")
    assert (record["title"], record["documentation_url"]) == ("A Cat", "https://d.test")
    assert record["modified"] > record["created"]


def test_edit_reports_when_nothing_changed(shell: CommandLine) -> None:
    before = shell.show("cat")
    assert shell.ok("edit", "cat", "--title", "cat").out == "cat: nothing changed\n"
    assert shell.show("cat") == before


def test_edit_quiet_prints_nothing(shell: CommandLine) -> None:
    result = shell.ok("edit", "cat", "--title", "A Cat", "-q")
    assert result.out + result.err == ""


def test_edit_json_prints_the_new_record(shell: CommandLine) -> None:
    result = shell.ok("edit", "cat", "--slug", "tom", "--json")
    assert result.json() == shell.show("tom")
    assert result.err == ""


@pytest.mark.parametrize("name", ["1", "https://github.com/Octo/CAT.git", "octo/cat"])
def test_edit_accepts_every_name_of_a_package(shell: CommandLine, name: str) -> None:
    assert shell.ok("edit", name, "--title", "x").out == "cat: title\n"


def test_the_old_slug_stops_working_after_an_edit(shell: CommandLine) -> None:
    assert shell.ok("edit", "cat", "--slug", "tom").out == "tom: slug\n"
    result = shell.run("show", "cat")
    assert result.code == 1
    assert shell.show("tom")["id"] == 1


def test_edit_sets_and_removes_category_and_grids(shell: CommandLine) -> None:
    shell.ok("edit", "cat", "--category", "apps", "--grid", "wild", "--grid", "pets")
    record = shell.show("cat")
    assert record["category"] == "/api/v4/categories/1/"
    assert record["grids"] == ["/api/v4/grids/2/", "/api/v4/grids/1/"]
    assert shell.ok("edit", "cat", "--no-grid", "wild", "--no-category").out == (
        "cat: category, grids\n"
    )
    record = shell.show("cat")
    assert (record["category"], record["grids"]) == (None, ["/api/v4/grids/1/"])
    shell.ok("edit", "cat", "--grid", "wild")
    assert shell.ok("edit", "cat", "--no-grid").out == "cat: grids\n"
    assert shell.show("cat")["grids"] == []


def test_edit_accepts_a_local_repository(shell: CommandLine) -> None:
    (shell.cwd / "clone" / ".git").mkdir(parents=True)
    shell.ok("edit", "cat", "--repo", "./clone")
    assert shell.show("cat")["repo_url"] == f"file://{(shell.cwd / 'clone').resolve()}"


# ── errors ──


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--pypi", "x", "--no-pypi"],
        ["--category", "apps", "--no-category"],
        ["--category", ""],
        ["--grid", "pets", "--no-grid", "pets"],
        ["--title", "x", "--reset", "title"],
        ["--no-pypi", "--reset", "pypi"],
        ["--no-category", "--reset", "category"],
        ["--no-grid", "pets", "--reset", "grids"],
        ["--reset", "stars"],
        ["--title", "\u200b"],
        ["--slug", "Tom"],
        ["--slug", "12"],
        ["--slug", "dog"],
        ["--slug", ""],
        ["--repo", "word"],
        ["--repo", ""],
        ["--repo", "./missing"],
        ["--pypi", "../evil"],
        ["--docs", "javascript:alert(1)"],
        ["--docs", ""],
    ],
)
def test_edit_rejects_invalid_options(shell: CommandLine, options: list[str]) -> None:
    before = shell.show("cat")
    result = shell.run("edit", "cat", *options)
    assert result.code == 2
    assert result.error
    assert result.out == ""
    assert shell.show("cat") == before
    assert shell.rows("SELECT user_fields FROM packages WHERE slug = 'cat'") == [("[]",)]


def test_edit_reset_of_an_unknown_field_lists_the_valid_ones(shell: CommandLine) -> None:
    result = shell.run("edit", "cat", "--reset", "stars")
    assert "'stars'" in result.error
    assert result.hint.endswith("title, slug, repo, pypi, docs, category, grids")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["kat", "--title", "x"], "'kat'"),
        (["cat", "--category", "none"], "'none'"),
        (["cat", "--grid", "none", "--title", "x"], "'none'"),
        (["cat", "--no-grid", "none", "--title", "x"], "'none'"),
        (["cat", "--repo", "Octo/Dog"], "the package dog"),
    ],
)
def test_edit_rejects_missing_names_and_a_repository_that_is_taken(
    shell: CommandLine, options: list[str], word: str
) -> None:
    before = shell.show("cat")
    result = shell.run("edit", *options)
    assert result.code == 1
    assert word in result.error
    assert result.hint
    assert shell.show("cat") == before


def test_edit_does_not_create_a_catalog(tmp_path: Path) -> None:
    shell = CommandLine(tmp_path)
    assert shell.run("edit", "cat", "--title", "x").code == 1
    assert not shell.db.exists()


def test_edit_does_not_print_a_password(shell: CommandLine) -> None:
    for option in ("--repo", "--docs"):
        result = shell.run("edit", "cat", option, "https://me:hunter2@h.test:x/a")
        assert result.code == 2
        assert "hunter2" not in result.err


# ── edits and fetches ──


def test_a_fetch_keeps_edited_fields(shell: CommandLine, hosts: Hosts) -> None:
    hosts.projects.add(released("tiger", ["3.0"], project_urls={"Documentation": "https://t.test"}))
    shell.ok("edit", "cat", "--title", "T", "--slug", "t", "--docs", "https://my.test")
    shell.ok("edit", "t", "--pypi", "tiger", "--category", "apps", "--grid", "pets")
    for _ in range(2):
        shell.ok("fetch", "--all")
    record = shell.show("t", "--full")
    assert (record["title"], record["slug"], record["pypi_version"]) == ("T", "t", "3.0")
    assert record["documentation_url"] == "https://my.test"
    assert (record["category"], record["grids"]) == (
        "/api/v4/categories/1/",
        ["/api/v4/grids/1/"],
    )
    assert shell.ok("edit", "t", "--reset", "docs").out == "t: docs\n"
    assert shell.show("t")["documentation_url"] == "https://t.test"
    assert shell.ok("edit", "t", "--reset", "pypi", "--reset", "slug", "--reset", "title").out == (
        "cat: title, slug, pypi\n"
    )
    shell.ok("fetch", "--all")
    record = shell.show("cat", "--full")
    assert (record["title"], record["pypi_name"], record["pypi_version"]) == ("cat", "cat", "1.1")


def test_a_new_repository_is_fetched_from_scratch(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("fetch", "--all")
    hosts.github.add(repository(name="lion", id=3, stars=77))
    hosts.projects.add(project_of(repository(name="lion"), "9.0"))
    shell.ok("edit", "cat", "--repo", "octo/lion")
    record = shell.show("cat", "--full")
    assert (record["repo_watchers"], record["last_fetched"], record["pypi_version"]) == (
        0,
        None,
        None,
    )
    assert (record["commits_over_52"], record["participants"], record["fetches"]) == ([], [], {})
    shell.ok("fetch", "cat")
    edited = shell.show("cat", "--full")
    shell.ok("remove", "cat", "--yes")
    shell.ok("add", "octo/lion", "--slug", "cat")
    shell.ok("fetch", "cat")
    added = shell.show("cat", "--full")
    different_fields = ("id", "title", "created", "modified")
    assert {key: value for key, value in edited.items() if key not in different_fields} == {
        key: value for key, value in added.items() if key not in different_fields
    }
    assert edited["repo_watchers"] == 77


@pytest.mark.parametrize(
    "options",
    [
        ("--repo", "octo/lion", "--title", "Lion"),
        ("--title", "Lion", "--docs", "https://my.test", "--slug", "lion"),
        ("--no-pypi", "--title", "Lion"),
        ("--pypi", "tiger", "--title", "Lion"),
    ],
)
@pytest.mark.parametrize("host", ["github", "pypi"])
def test_an_edit_during_a_fetch_is_kept(
    shell: CommandLine, hosts: Hosts, options: tuple[str, ...], host: str
) -> None:
    server = getattr(hosts, host)
    reply, once = server.reply, threading.Lock()
    codes = []

    def reply_after_edit(call: Call) -> Reply:
        if "cat" in call.path and once.acquire(blocking=False):
            codes.append(shell.process("edit", "cat", *options).code)
        response = reply(call)
        assert isinstance(response, Reply)
        return response

    server.reply = reply_after_edit
    shell.run("fetch", "cat", "--source", "repo", "--source", "pypi")
    assert codes == [0]
    record = shell.show("1", "--full")
    assert record["title"] == "Lion"
    if "--repo" in options:
        assert record["repo_url"] == "https://github.com/octo/lion"
        assert (record["repo_id"], record["pypi_name"], record["pypi_version"]) == (None,) * 3
        assert record["commits_over_52"] == []
    elif "--docs" in options:
        assert (record["slug"], record["documentation_url"]) == ("lion", "https://my.test")
        assert (record["repo_id"], record["pypi_version"]) == (1, "1.1")
    else:
        assert record["pypi_name"] == ("tiger" if "--pypi" in options else None)
        assert (record["repo_id"], record["pypi_version"]) == (1, None)


def test_concurrent_edits_are_all_saved(shell: CommandLine) -> None:
    edits = (
        ("--title", "T"),
        ("--docs", "https://my.test"),
        ("--grid", "pets"),
        ("--grid", "wild"),
    )
    running = [shell.start("edit", "cat", *options) for options in edits]
    assert [process.communicate(timeout=30)[1] for process in running] == [""] * 4
    record = shell.show("cat")
    assert (record["title"], record["documentation_url"]) == ("T", "https://my.test")
    assert len(record["grids"]) == 2


def test_edit_changes_one_package_only(shell: CommandLine, hosts: Hosts) -> None:
    """An edit of one package changes no other package."""
    del hosts
    shell.ok("add", *(repo.full_name for repo in make_repositories(2)))
    others = shell.show("r000", "r001", "dog")
    shell.ok("edit", "cat", "--title", "x", "--no-pypi", "--repo", "octo/lion")
    assert shell.show("r000", "r001", "dog") == others


def test_edit_reset_of_an_unedited_field_changes_nothing(shell: CommandLine) -> None:
    before = shell.show("cat")
    result = shell.ok("edit", "cat", "--reset", "title", "--reset", "docs", "--reset", "pypi")
    assert result.out == "cat: nothing changed\n"
    assert shell.show("cat") == before


def test_options_of_add_count_as_edits(shell: CommandLine) -> None:
    shell.ok("add", "octo/other", "--title", "Another", "--docs", "https://docs.test")
    assert shell.ok("edit", "other", "--reset", "title").out == "other: title\n"
    assert shell.show("other")["title"] == "other"
    assert shell.show("other")["documentation_url"] == "https://docs.test"


def test_edit_rejects_a_documentation_url_with_a_password(shell: CommandLine) -> None:
    result = shell.run("edit", "cat", "--docs", "https://me:hunter2@docs.test")
    assert result.code == 2
    assert "hunter2" not in result.err


def test_edit_reset_names_fields_that_an_import_may_change(shell: CommandLine) -> None:
    shell.ok("edit", "cat", "--title", "cat", "--no-grid")
    result = shell.ok("edit", "cat", "--reset", "title", "--reset", "grids", "--reset", "docs")
    assert result.out == "cat: nothing changed\n"
    assert result.err == "imports may change again: title, grids\n"
