"""Editing packages: what changes, whose fields they are, and edits during a fetch."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pkgharvest.catalog import database, edits
from pkgharvest.catalog.edits import (
    ALL_GRIDS,
    EDITABLE_FIELDS,
    EditableField,
    EditResult,
    PackageChanges,
)
from pkgharvest.model.errors import GridLocked, InvalidValue, RepositoryTaken, UnknownPackage
from pkgharvest.model.locators import parse_locator
from pkgharvest.model.observations import DownloadsResult, Failure, ProjectResult, RepositoryResult
from tests.support.catalogs import (
    DAY,
    NOW,
    TODAY,
    OpenCatalog,
    activity,
    downloads_result,
    open_catalog,
    project,
    project_result,
    repository_facts,
    repository_result,
    validator,
)

LATER = NOW + DAY
DAYS = {TODAY - 3 * DAY: 1}
KEPT_ROWS = ("commit_days", "participants", "previous_urls", "versions", "validators", "fetches")


def edit(cat: OpenCatalog, name: str = "cat", **wanted: Any) -> EditResult:
    with database.transaction(cat.connection):
        return edits.edit(cat.connection, name, PackageChanges(**wanted), LATER)


def fetched(cat: OpenCatalog) -> OpenCatalog:
    """Save the repository and a project that was found by it."""
    cat.save(repository_result())
    cat.save(project_result())
    return cat


def rows(cat: OpenCatalog, table: str, package_id: int = 1) -> int:
    query = f"SELECT count(*) FROM {table} WHERE package_id = ?"
    return int(cat.connection.execute(query, (package_id,)).fetchone()[0])


def grid(cat: OpenCatalog, slug: str, *, locked: bool = False) -> int:
    cat.connection.execute(
        "INSERT INTO grids (title, slug, is_locked, created, modified) VALUES (?, ?, ?, '', '')",
        (slug, slug, locked),
    )
    return int(cat.connection.execute("SELECT id FROM grids WHERE slug = ?", (slug,)).fetchone()[0])


def theirs(cat: OpenCatalog) -> list[str]:
    found: list[str] = json.loads(str(cat.column("user_fields")))
    return found


# ── fields ──


def test_an_edit_writes_only_the_fields_it_sets(cat: OpenCatalog) -> None:
    fetched(cat)
    before = cat.package()
    assert edit(cat, title="My cat") == EditResult(1, "cat", ("title",))
    assert cat.package() == before._replace(title="My cat", modified=LATER)
    assert theirs(cat) == ["title"]


def test_an_edit_to_an_equal_value_only_makes_it_a_user_field(cat: OpenCatalog) -> None:
    fetched(cat)
    before = cat.package()
    same: dict[str, Any] = {
        "title": "cat",
        "slug": "cat",
        "locator": parse_locator("octo/cat"),
        "category": "",
    }
    assert edit(cat, **same).changed == ()
    assert cat.package() == before
    assert theirs(cat) == ["title", "slug", "repo", "category"]


def test_a_reset_releases_every_field(cat: OpenCatalog) -> None:
    fetched(cat)
    before = cat.package()
    number = grid(cat, "pets")
    cat.connection.execute(
        "INSERT INTO categories (title, slug, created, modified) VALUES (1, 'c', 1, 1)"
    )
    edit(cat, title="T", slug="s", documentation_url="https://my.docs", category="c")
    edit(cat, "s", grids=("pets",), pypi_source="set", pypi_name="CAT")
    assert cat.package().grid_ids == (number,)
    edited = edit(cat, "s", reset=frozenset(EDITABLE_FIELDS))
    fields: tuple[EditableField, ...] = ("title", "slug", "pypi", "docs", "category", "grids")
    assert edited == EditResult(1, "cat", changed=fields, reset=fields)
    assert theirs(cat) == []
    cat.save(project_result(), LATER)
    after = cat.package()._replace(modified=before.modified, fetches=before.fetches)
    assert after == before


def test_an_unknown_user_field_stays_a_user_field(cat: OpenCatalog) -> None:
    cat.connection.execute("""UPDATE packages SET user_fields = '["logo"]'""")
    edit(cat, title="x")
    assert theirs(cat) == ["title", "logo"]


def test_a_reset_slug_is_the_first_free_candidate(cat: OpenCatalog) -> None:
    assert edit(cat, slug="tom").slug == "tom"
    cat.add("other/cat")
    assert edit(cat, "tom", reset=frozenset({"slug"})).slug == "octo-cat"
    assert edit(cat, "octo-cat", reset=frozenset({"slug"})).changed == ()


@pytest.mark.parametrize("slug", ["dog", "12", "Cat", "-x", "", "a b"])
def test_an_invalid_or_taken_slug_is_refused(cat: OpenCatalog, slug: str) -> None:
    cat.add("octo/dog")
    before = cat.package()
    with pytest.raises(InvalidValue):
        edit(cat, slug=slug, title="new")
    assert cat.package() == before


def test_the_old_slug_does_not_find_the_package(cat: OpenCatalog) -> None:
    edit(cat, slug="tom")
    with pytest.raises(UnknownPackage):
        edit(cat, "cat", title="x")


def test_an_edited_title_is_found_by_search(cat: OpenCatalog) -> None:
    edit(cat, title="Xylophone")
    query = "SELECT rowid FROM packages_fts WHERE packages_fts MATCH 'xylophone'"
    assert [tuple(row) for row in cat.connection.execute(query)] == [(1,)]


def test_documentation_that_is_shown_already_does_not_modify_the_package(cat: OpenCatalog) -> None:
    fetched(cat)
    shown = cat.package().documentation_url
    assert shown is not None
    assert edit(cat, documentation_url=shown).changed == ("docs",)
    assert cat.package().modified < LATER
    cat.save(project_result(project=project(documentation_url="https://new.docs")), NOW)
    assert cat.package().documentation_url == shown
    assert edit(cat, reset=frozenset({"docs"})).changed == ("docs",)
    assert cat.package().documentation_url == "https://new.docs"
    assert cat.package().modified == LATER


# ── grids ──


def test_grids_keep_the_order_of_adding(cat: OpenCatalog) -> None:
    numbers = {name: grid(cat, name) for name in "abc"}
    edit(cat, grids=("c", "a", "c"))
    assert edit(cat, grids=("b", "c")).changed == ("grids",)
    assert cat.package().grid_ids == (numbers["c"], numbers["a"], numbers["b"])
    assert edit(cat, not_grids=("a",)).changed == ("grids",)
    assert cat.package().modified == LATER
    assert edit(cat, not_grids=("a",)).changed == ()
    edit(cat, grids=("a",))
    assert cat.package().grid_ids == (numbers["c"], numbers["b"], numbers["a"])
    edit(cat, not_grids=(ALL_GRIDS,), grids=("a",))
    assert cat.package().grid_ids == (numbers["a"],)
    edit(cat, not_grids=(ALL_GRIDS,))
    assert cat.package().grid_ids == ()


@pytest.mark.parametrize("wanted", [{"grids": ("shut",)}, {"not_grids": ("shut",)}])
def test_an_edit_cannot_change_a_locked_grid(cat: OpenCatalog, wanted: dict[str, Any]) -> None:
    grid(cat, "shut", locked=True)
    with pytest.raises(GridLocked):
        edit(cat, title="x", **wanted)
    assert cat.package().title == "cat"


# ── another repository ──


def full(cat: OpenCatalog) -> OpenCatalog:
    """Save a renamed repository, its project and the downloads."""
    fetched(cat)
    cat.save(
        repository_result(
            repository=repository_facts("octo/tomcat"), activity=activity(DAYS, count=9)
        )
    )
    cat.save(downloads_result())
    cat.save(Failure(kind="timeout", message="slow"))
    assert all(rows(cat, table) for table in KEPT_ROWS)
    return cat


def test_another_repository_clears_everything_of_the_old_one(
    cat: OpenCatalog, tmp_path: Path
) -> None:
    full(cat)
    assert edit(cat, locator=parse_locator("octo/dog")).changed == ("repo",)
    with open_catalog(tmp_path / "other.db") as other:
        other.add("octo/dog", title="cat", slug="cat")
        other.connection.execute(
            "UPDATE packages SET user_fields = '[]'"
        )  # it is what adding derives
        edit(other, locator=parse_locator("octo/dog"))  # a user field, although equal
        fresh = dict(other.connection.execute("SELECT * FROM packages").fetchone())
    kept = dict(cat.connection.execute("SELECT * FROM packages").fetchone())
    assert kept == fresh | {"modified": kept["modified"]}
    assert cat.package().modified == LATER
    assert {table: rows(cat, table) for table in KEPT_ROWS} == dict.fromkeys(KEPT_ROWS, 0)


def test_a_project_that_a_user_set_stays_with_another_repository(cat: OpenCatalog) -> None:
    edit(cat, pypi_source="set", pypi_name="cat")
    cat.save(project_result())
    cat.save(downloads_result())
    before = cat.package()
    edit(cat, locator=parse_locator("https://git.example/octo/cat"))
    after = cat.package()
    assert after.repo_host == "git.example"
    assert after._replace(repo_host="github.com", repo_url=before.repo_url) == before
    assert cat.target().pypi_serial == "5"


def test_another_spelling_of_the_repository_keeps_its_values_and_deletes_validators(
    cat: OpenCatalog,
) -> None:
    fetched(cat)
    before = cat.package()
    assert edit(cat, locator=parse_locator("Octo/CAT")).changed == ("repo",)
    url = "https://github.com/Octo/CAT"
    assert cat.package() == before._replace(repo_url=url, modified=LATER)
    assert cat.validator_keys("repo") == []
    assert cat.target().head is not None


@pytest.mark.parametrize("repository", ["octo/dog", "octo/puppy"])
def test_the_repository_of_another_package_is_refused(cat: OpenCatalog, repository: str) -> None:
    cat.add("octo/puppy", slug="dog")
    target = cat.target(2)
    renamed = repository_result(repository=repository_facts("octo/dog", repo_id="9"))
    cat.save(renamed, package_id=2, target=target)
    before = cat.package()
    with pytest.raises(RepositoryTaken, match="is the repository of the package dog"):
        edit(cat, locator=parse_locator(repository), title="new")
    assert cat.package() == before


def test_a_previous_name_of_its_own_is_another_repository(cat: OpenCatalog) -> None:
    full(cat)
    edit(cat, locator=parse_locator("octo/cat"))
    package = cat.package()
    assert (package.repo_url, package.previous_urls) == ("https://github.com/octo/cat", ())
    assert package.repo_watchers == 0


def test_a_rename_of_a_repository_that_a_user_set_is_followed(cat: OpenCatalog) -> None:
    edit(cat, locator=parse_locator("octo/dog"))
    cat.save(repository_result(repository=repository_facts("octo/wolf")))
    package = cat.package()
    assert package.repo_url == "https://github.com/octo/wolf"
    assert package.previous_urls == ("https://github.com/octo/dog",)
    assert theirs(cat) == ["repo"]
    assert edit(cat, reset=frozenset({"repo"})).changed == ()
    assert cat.package() == package
    assert theirs(cat) == []


# ── another project ──


@pytest.mark.parametrize(
    "wanted",
    [
        {"pypi_source": "none"},
        {"pypi_source": "set", "pypi_name": "dog"},
    ],
)
def test_another_project_clears_everything_of_the_old_one(
    cat: OpenCatalog, wanted: dict[str, Any]
) -> None:
    never = cat.package()
    full(cat)
    before = cat.package()
    assert edit(cat, **wanted).changed == ("pypi",)
    after = cat.package()
    of_pypi = [name for name in after._fields if name.startswith("pypi_") and name != "pypi_name"]
    for name in (*of_pypi, "documentation_url", "versions", "downloads"):
        assert getattr(after, name) == getattr(never, name), name
    assert after.pypi_name == wanted.get("pypi_name")
    assert [fetch.source for fetch in after.fetches] == ["repo"]
    assert cat.validator_keys("pypi") == cat.validator_keys("downloads") == []
    assert cat.target().pypi_serial is None
    assert (after.repo_watchers, after.modified) == (before.repo_watchers, LATER)


@pytest.mark.parametrize("name", ["cat", "CAT"])
def test_setting_the_project_that_was_found_keeps_its_values(cat: OpenCatalog, name: str) -> None:
    fetched(cat)
    before = cat.package()
    assert edit(cat, pypi_source="set", pypi_name=name).changed == ("pypi",)
    assert cat.package() == before  # as its owner spells it
    target = cat.target()
    assert (target.pypi_source, target.pypi_serial, target.pypi_lookup_note) == ("set", None, None)
    assert cat.validator_keys("pypi") == []
    cat.save(project_result())
    assert edit(cat, pypi_source="set", pypi_name=name).changed == ()
    assert cat.target().pypi_serial == "5"


def test_a_reset_project_is_searched_again(cat: OpenCatalog) -> None:
    edit(cat, pypi_source="set", pypi_name="dog")
    cat.save(project_result("dog"))
    assert edit(cat, reset=frozenset({"pypi"})).changed == ("pypi",)
    target = cat.target()
    assert (target.pypi_source, target.pypi_name, target.pypi_serial) == ("auto", None, None)
    assert cat.package().pypi_version is None
    cat.save(project_result())
    found = cat.package()
    assert edit(cat, reset=frozenset({"pypi"})).changed == ()
    assert cat.package() == found


def test_another_repository_clears_the_lookup_note(cat: OpenCatalog) -> None:
    cat.save(ProjectResult(name="cat", serial="5", lookup_note="cat: it points elsewhere"))
    edit(cat, locator=parse_locator("octo/dog"))
    assert cat.package().pypi_lookup_note is None
    assert cat.target().pypi_serial is None


# ── edits during a fetch ──


def twice(*edits_: dict[str, Any]) -> Callable[[OpenCatalog], None]:
    def change(cat: OpenCatalog) -> None:
        for changes in edits_:
            edit(cat, **changes)

    return change


@pytest.mark.parametrize(
    "change",
    [
        twice({"locator": parse_locator("octo/dog")}),
        twice({"locator": parse_locator("octo/dog")}, {"locator": parse_locator("octo/tomcat")}),
        twice({"pypi_source": "none"}, {"locator": parse_locator("octo/dog")}),
        twice({"locator": parse_locator("octo/dog"), "pypi_source": "set", "pypi_name": "dog"}),
    ],
)
def test_an_edit_during_a_fetch_is_not_overwritten(
    cat: OpenCatalog, change: Callable[[OpenCatalog], None]
) -> None:
    full(cat)
    target = cat.target()
    change(cat)
    before = cat.package()
    fetched: tuple[Any, ...] = (
        repository_result(validators=()),
        RepositoryResult(),
        Failure(kind="gone", message="gone"),
        project_result(),
        ProjectResult(name="cat", serial="5"),
        downloads_result(),
        DownloadsResult(),
    )
    for result in fetched:
        assert not cat.save(result, target=target).changed
    assert cat.package() == before
    assert cat.target().head is None


def test_a_project_that_was_changed_back_during_a_fetch_is_read_in_full_again(
    cat: OpenCatalog,
) -> None:
    edit(cat, pypi_source="set", pypi_name="cat")
    cat.save(project_result())
    target = cat.target()
    edit(cat, pypi_source="set", pypi_name="dog")
    edit(cat, pypi_source="set", pypi_name="cat")
    nothing_new = ProjectResult(
        name="cat", serial="5", validators=(validator("https://pypi.org/simple/cat/"),)
    )
    cat.save(nothing_new, target=target)
    assert cat.target().pypi_serial is None
    assert cat.validator_keys("pypi") == []


def test_a_fetch_during_an_edit_saves_other_fields(cat: OpenCatalog) -> None:
    target = cat.target()
    edit(cat, title="My cat", slug="tom", documentation_url="https://my.docs")
    cat.save(repository_result(), target=target)
    cat.save(project_result(), target=target)
    package = cat.package()
    assert (package.title, package.slug) == ("My cat", "tom")
    assert package.documentation_url == "https://my.docs"
    assert (package.repo_watchers, package.pypi_version) == (7, "1.1")


def test_simultaneous_edits_are_all_kept(cat: OpenCatalog, tmp_path: Path) -> None:
    grids = [f"g{number}" for number in range(8)]
    for name in grids:
        grid(cat, name)
    wanted = [
        PackageChanges(title="T"),
        PackageChanges(documentation_url="https://my.docs"),
        PackageChanges(pypi_source="set", pypi_name="dog"),
        PackageChanges(locator=parse_locator("octo/dog")),
        *(PackageChanges(grids=(name,)) for name in grids),
    ]

    def apply(changes: PackageChanges) -> None:
        with (
            database.open_writer(tmp_path / "cat.db") as connection,
            database.transaction(connection),
        ):
            edits.edit(connection, "cat", changes, LATER)

    with ThreadPoolExecutor(len(wanted)) as pool:
        list(pool.map(apply, wanted))
    package = cat.package()
    assert (package.title, package.documentation_url) == ("T", "https://my.docs")
    assert (package.pypi_name, package.repo_url) == ("dog", "https://github.com/octo/dog")
    assert len(package.grid_ids) == len(grids)
    assert theirs(cat) == ["title", "repo", "pypi", "docs", "grids"]
