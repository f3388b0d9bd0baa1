"""``pkgharvest import`` into a catalog with data: categories, conflicts, edits and fetches."""

import json
from pathlib import Path
from typing import Any

import pytest

from pkgharvest.model.clock import FixedClock
from tests.support.api_records import (
    BASE_URL,
    category,
    encode,
    grid,
    import_documents,
    outcomes,
    record,
    skip_message,
)
from tests.support.command_line import CommandLine
from tests.support.hosts import Hosts, make_repositories

LATER = "2020-01-01T00:00:00Z"


# ── categories and grids ──


def test_a_placeholder_gets_its_name_later(shell: CommandLine) -> None:
    import_documents(shell, record())
    query = "SELECT slug FROM categories UNION ALL SELECT slug FROM grids"
    assert [row[0] for row in shell.rows(query)] == ["category-1", "grid-3", "grid-9"]
    results = import_documents(shell, category(), grid(), grid(9, "other", packages=[]))
    assert [(result["type"], result["outcome"]) for result in results] == [
        *[("category", "updated")],
        *[("grid", "updated")] * 2,
    ]
    assert [row[0] for row in shell.rows(query)] == ["apps", "cms", "other"]
    assert outcomes(import_documents(shell, category(), grid(), record())) == ["unchanged"] * 3
    assert shell.show("cat")["grids"] == ["/api/v4/grids/9/", "/api/v4/grids/3/"]


def test_the_slug_of_a_placeholder_may_be_taken(shell: CommandLine) -> None:
    import_documents(shell, category(5, "category-1"), record())
    query = "SELECT id, slug FROM categories ORDER BY id"
    assert shell.rows(query) == [(1, "category-1-2"), (5, "category-1")]
    assert outcomes(import_documents(shell, category())) == ["updated"]


def test_import_of_categories_and_grids_before_their_packages(shell: CommandLine) -> None:
    results = import_documents(shell, grid(), category(), record())
    assert outcomes(results) == ["added"] * 3
    assert results[0]["message"] == "1 of its packages are not in the catalog"
    query = "SELECT title, description, is_locked, header, created, modified FROM grids"
    assert shell.rows(f"{query} WHERE slug = 'cms'") == [
        ("CMS", "Compared", 0, 1, "2010-08-14T22:47:52.000000Z", "2022-03-04T12:18:15.544000Z")
    ]


def test_an_imported_grid_adds_its_packages(shell: CommandLine) -> None:
    import_documents(shell, record(grids=[f"{BASE_URL}/api/v4/grids/9/"]))
    assert outcomes(import_documents(shell, grid())) == ["added"]
    assert shell.show("cat")["grids"] == ["/api/v4/grids/9/", "/api/v4/grids/3/"]
    assert outcomes(import_documents(shell, grid())) == ["unchanged"]


@pytest.mark.parametrize(
    ("existing", "incoming", "message"),
    [
        (
            category(),
            category(1, "tools", created=LATER),
            "the id 1 is taken by another category, apps",
        ),
        (category(), category(2), "the slug apps is that of another category, id 1"),
        (grid(), grid(3, "blog", created=LATER), "the id 3 is taken by another grid, cms"),
        (grid(), grid(4), "the slug cms is that of another grid, id 3"),
    ],
)
def test_another_category_or_grid_with_the_same_id_or_slug_is_skipped(
    shell: CommandLine, existing: dict[str, Any], incoming: dict[str, Any], message: str
) -> None:
    import_documents(shell, existing)
    assert message in skip_message(shell.run("import", "-", stdin=encode(incoming)))


# ── conflicts ──


@pytest.mark.parametrize(
    ("incoming", "message"),
    [
        (record(7, "dog"), "the id 7 is taken by another package, cat"),
        (record(8, "cat", repo_url=""), "the slug cat is that of another package, id 7"),
        (
            record(8, "dog", repo_url="http://www.github.com/Octo/Cat.git"),
            "its repository is that of another package, cat",
        ),
    ],
)
def test_another_package_with_the_same_id_or_slug_is_skipped(
    shell: CommandLine, incoming: dict[str, Any], message: str
) -> None:
    import_documents(shell, record())
    before = shell.ok("export").out
    result = shell.run("import", "-", "--json", stdin=encode(incoming, record(9, "fox")))
    assert message in skip_message(result)
    assert [(entry["slug"], entry["outcome"]) for entry in result.json()] == [
        (incoming["slug"], "skipped"),
        ("fox", "added"),
    ]
    shell.ok("remove", "fox", "--yes")
    assert shell.ok("export").out == before


def test_an_imported_repository_is_not_added_again(shell: CommandLine) -> None:
    import_documents(shell, record())
    results = shell.ok("add", "https://github.com/OCTO/cat", "--json").json()
    assert [(added["outcome"], added["slug"]) for added in results] == [("exists", "cat")]
    shell.ok("add", "octo/dog")
    result = shell.run("import", "-", stdin=encode(record(30, "dog")))
    assert "the slug dog is that of another package" in skip_message(result)


def test_an_added_package_is_updated_by_its_id(shell: CommandLine) -> None:
    shell.ok("add", "octo/cat")
    assert outcomes(import_documents(shell, record(1))) == ["updated"]
    assert shell.show("cat")["repo_watchers"] == 7


def test_an_imported_repository_can_move(shell: CommandLine) -> None:
    import_documents(shell, record())
    results = import_documents(shell, record(repo_url="https://github.com/octo/lynx"))
    assert outcomes(results) == ["updated"]
    full = shell.show("cat", "--full")
    assert full["repo_url"] == "https://github.com/octo/lynx"
    assert full["previous_urls"] == ["https://github.com/octo/cat"]


def test_an_import_can_rename_a_category_or_grid(shell: CommandLine) -> None:
    import_documents(shell, category(), grid())
    renamed = category(slug="programs"), grid(slug="sites")
    assert outcomes(import_documents(shell, *renamed)) == ["updated", "updated"]
    assert shell.ok("grid", "list", "--json").json()[0]["slug"] == "sites"


# ── edited fields ──


def test_an_import_keeps_edited_fields_of_a_package(shell: CommandLine) -> None:
    import_documents(shell, record())
    edited = json.dumps(["title", "category", "grids", "docs"])
    shell.write(
        "UPDATE packages SET title = 'Mine', category_id = NULL, documentation_url = 'https://m/',"
        " user_fields = ?",
        edited,
    )
    shell.write("DELETE FROM grid_packages")
    assert outcomes(import_documents(shell, record(), grid())) == ["unchanged", "updated"]
    shown = shell.show("cat")
    assert (shown["title"], shown["category"], shown["grids"]) == ("Mine", None, [])
    assert shown["documentation_url"] == "https://m/"


@pytest.mark.parametrize("kind", ["category", "grid"])
def test_an_import_keeps_edited_fields_of_a_category_or_grid(shell: CommandLine, kind: str) -> None:
    original = category() if kind == "category" else grid(1, "apps", packages=[])
    import_documents(shell, original)
    shell.ok(kind, "edit", "apps", "--title", "Mine", "--slug", "mine")
    assert outcomes(import_documents(shell, original)) == ["unchanged"]
    changed = original | {"title": "New", "slug": "new", "description": "News"}
    assert outcomes(import_documents(shell, changed)) == ["updated"]
    stored = shell.ok(kind, "list", "--json").json()[0]
    assert (stored["title"], stored["slug"], stored["description"]) == ("Mine", "mine", "News")
    result = shell.ok(kind, "edit", "mine", "--reset", "title", "--reset", "slug")
    assert result.err == "mine stays as it is until an import changes it\n"
    assert outcomes(import_documents(shell, changed)) == ["updated"]
    stored = shell.ok(kind, "list", "--json").json()[0]
    assert (stored["title"], stored["slug"]) == ("New", "new")


def test_an_import_keeps_options_of_category_add(shell: CommandLine) -> None:
    shell.ok("category", "add", "apps", "--description", "Mine")
    assert outcomes(import_documents(shell, category(title="Applications"))) == ["updated"]
    stored = shell.ok("category", "list", "--json").json()[0]
    assert (stored["title"], stored["description"]) == ("Applications", "Mine")


def test_an_import_keeps_edited_grids_of_a_package(shell: CommandLine) -> None:
    import_documents(shell, record())
    shell.ok("grid", "add", "zoo")
    shell.ok("grid", "edit", "zoo", "--add", "cat")
    shell.ok("grid", "edit", "grid-9", "--remove", "cat")
    chosen = shell.show("cat")["grids"]
    assert outcomes(import_documents(shell, record())) == ["unchanged"]
    assert shell.show("cat")["grids"] == chosen
    shell.ok("edit", "cat", "--reset", "grids")
    import_documents(shell, record())
    assert shell.show("cat")["grids"] == ["/api/v4/grids/9/", "/api/v4/grids/3/"]


def test_an_import_keeps_the_packages_of_a_locked_grid(shell: CommandLine) -> None:
    import_documents(shell, record(), record(8, "dog", grids=[]), grid())
    shell.ok("grid", "edit", "cms", "--locked")
    import_documents(
        shell, record(grids=[]), record(8, "dog", grids=[f"{BASE_URL}/api/v4/grids/3/"])
    )
    links = [f"{BASE_URL}/api/v4/packages/{number}/" for number in (7, 8)]
    import_documents(shell, grid(packages=links))
    assert shell.show("cat")["grids"] == ["/api/v4/grids/3/"]
    assert shell.show("dog")["grids"] == []
    shell.ok("grid", "edit", "cms", "--unlocked", "--title", "CMS")
    import_documents(shell, grid(packages=links))
    assert shell.show("dog")["grids"] == ["/api/v4/grids/3/"]


def test_a_renamed_placeholder_is_still_a_placeholder(
    shell: CommandLine,
) -> None:
    import_documents(shell, record())
    shell.ok("grid", "edit", "grid-3", "--slug", "mine", "--title", "Mine")
    assert outcomes(import_documents(shell, grid())) == ["updated"]
    grid_3 = next(
        listed for listed in shell.ok("grid", "list", "--json").json() if listed["id"] == 3
    )
    assert (grid_3["slug"], grid_3["title"], grid_3["header"]) == ("mine", "Mine", True)
    other = shell.run("import", "-", stdin=encode(grid(3, "other", created=LATER)))
    assert "the id 3 is taken by another grid, mine" in skip_message(other)


def test_values_of_another_repository_are_not_imported(shell: CommandLine) -> None:
    """An edited repository stays, and so do the values that belong to it."""
    record = {
        "id": 7, "slug": "cat", "title": "cat", "repo_url": "https://github.com/octo/cat",
        "repo_watchers": 99, "repo_forks": 9, "repo_description": "a cat", "pypi_version": "1.0",
        "pypi_url": "https://pypi.org/project/cat/", "participants": ["mona", "hubot"],
        "created": "2020-01-01T00:00:00Z", "modified": "2020-01-01T00:00:00Z",
        "last_fetched": "2020-01-01T00:00:00Z", "commits_over_52": [1] * 52,
    }  # fmt: skip
    (shell.cwd / "cat.json").write_text(json.dumps(record))
    shell.ok("import", "cat.json")
    assert shell.show("cat")["participants"] == ["mona", "hubot"]
    assert shell.ok("import", "cat.json").out == "cat.json: 1 unchanged\n"
    shell.ok("edit", "cat", "--repo", "other/thing", "--no-pypi")
    before = shell.show("cat")
    record["last_fetched"] = "2099-01-01T00:00:00Z"
    (shell.cwd / "cat.json").write_text(json.dumps(record))
    shell.ok("import", "cat.json")
    after = shell.show("cat")
    assert after == before
    assert (after["repo_watchers"], after["pypi_version"], after["participants"]) == (0, None, [])


# ── import and fetch ──


def test_imported_packages_can_be_fetched(tmp_path: Path) -> None:
    with Hosts(*make_repositories(1)) as hosts:
        shell = CommandLine(tmp_path, hosts.variables)
        old = record(name="r000", documentation_url="https://docs.example/", participants=["zoe"])
        import_documents(shell, old)
        shell.ok("fetch", "--all")
        full = shell.show("r000", "--full")
        assert full["documentation_url"] == "https://docs.example/"
        assert full["created"] == "2020-02-13T16:09:23.697029Z"
        assert full["title"] == "R000"
        assert full["id"] == 7
        assert full["grids"] == ["/api/v4/grids/9/", "/api/v4/grids/3/"]
        assert full["participants"] != ["zoe"]
        assert full["pypi_name"] == "r000"
        assert full["fetches"]["repo"]["last_success"] is not None
        # The record is older than the fetch: nothing is updated.
        before = shell.ok("export").out
        assert outcomes(import_documents(shell, old)) == ["unchanged"]
        assert shell.ok("export").out == before
        # A later record is newer than the fetch; the next fetch requests everything again.
        later = record(name="r000", last_fetched="2026-06-01T00:00:00Z", repo_watchers=900)
        assert outcomes(import_documents(shell, later)) == ["updated"]
        assert shell.show("r000")["repo_watchers"] == 900
        assert shell.rows("SELECT count(*) FROM validators WHERE source = 'repo'") == [(0,)]
        shell.clock = FixedClock(shell.clock.now().replace(month=7))
        shell.ok("fetch", "--all")
        assert shell.show("r000")["repo_watchers"] == full["repo_watchers"]


def test_an_older_record_does_not_replace_a_fetched_version(shell: CommandLine) -> None:
    import_documents(shell, record())
    shell.write(
        "INSERT INTO fetches (package_id, source, last_success) VALUES (7, 'pypi', ?)",
        "2026-03-01T00:00:00.000000Z",
    )
    shell.write("UPDATE packages SET pypi_version = '2.0', pypi_url = ''")
    assert outcomes(import_documents(shell, record())) == ["unchanged"]
    assert shell.show("cat")["pypi_version"] == "2.0"
    newer = record(last_fetched="2026-04-01T00:00:00Z", pypi_version="3.0")
    assert outcomes(import_documents(shell, newer)) == ["updated"]
    assert shell.show("cat")["pypi_version"] == "3.0"


def test_a_record_as_old_as_the_fetch_replaces_nothing(
    shell: CommandLine,
) -> None:
    import_documents(shell, record())
    shell.write(
        "INSERT INTO fetches (package_id, source, last_success)"
        " SELECT id, 'repo', last_fetched FROM packages"
    )
    shell.write("UPDATE packages SET repo_forks = 99, head = 'abc'")
    assert outcomes(import_documents(shell, record())) == ["unchanged"]
    assert shell.show("cat")["repo_forks"] == 99
