"""Saving results of a fetch."""

import sqlite3

import pytest

from pkgharvest.catalog import database, edits, results
from pkgharvest.model.observations import Contributor, Failure, ProjectResult, RepositoryResult
from pkgharvest.model.package import SourceState
from tests.support.catalogs import (
    DAY,
    EMPTY,
    GITHUB,
    NOTHING_NEW,
    NOW,
    TODAY,
    OpenCatalog,
    activity,
    project,
    project_result,
    release,
    repository_facts,
    repository_result,
)


def freshness(cat: OpenCatalog, source: str = "repo") -> SourceState:
    return next(fetch for fetch in cat.package().fetches if fetch.source == source)


NOT_FOUND = Failure(kind="not_found", message="404")


# ── fields ──


def test_every_field_of_a_result_is_saved(cat: OpenCatalog) -> None:
    result = repository_result(activity=activity({TODAY - DAY: 3}, count=9))
    assert cat.save(result) == results.SaveResult(changed=True)
    cat.save(project_result())
    package = cat.package()
    assert (package.repo_watchers, package.repo_forks, package.open_issues) == (7, 3, 1)
    assert (package.repo_description, package.license, package.topics) == (
        "A cat",
        "MIT",
        ("cats",),
    )
    assert (package.repo_id, package.repo_host, package.default_branch) == (
        "42",
        "github.com",
        "main",
    )
    assert (package.archived, package.status) == (False, "active")
    assert (package.last_updated, package.commit_count) == (NOW - DAY, 9)
    assert package.commits_over_52 == (0,) * 51 + (3,)
    assert package.participants == ("ann", "bob")
    assert package.last_fetched == package.modified == NOW
    assert (package.pypi_name, package.pypi_version, package.pypi_status) == (
        "cat",
        "1.1",
        "active",
    )
    assert (package.pypi_url, package.pypi_summary) == ("https://pypi.org/project/cat/", "A cat")
    assert (package.pypi_license, package.pypi_requires_python) == ("MIT", ">=3.11")
    assert package.pypi_classifiers == ("Topic :: Cats",)
    assert package.documentation_url == "https://cat.example/docs"
    assert package.versions == (
        release("1.1"),
        release("1.0", yanked=True, yanked_reason="broken"),
    )
    assert freshness(cat) == SourceState(
        source="repo",
        last_success=NOW,
        last_attempt=NOW,
        last_error=None,
        message=None,
        consecutive_failures=0,
        next_due=None,
    )


def test_the_next_target_has_the_saved_state(cat: OpenCatalog) -> None:
    since = TODAY - 371 * DAY
    cat.save(repository_result(activity=activity({}, since=since)))
    cat.save(project_result())
    target = cat.target()
    assert (target.repo_id, target.head, target.days_since) == ("42", "a" * 40, since)
    assert (target.contributors_known, target.contributors_read) == (True, NOW)
    assert (target.pypi_name, target.pypi_serial, target.pypi_lookup_note) == ("cat", "5", None)
    assert sorted(target.validators) == [
        GITHUB,
        f"{GITHUB}/commits?since=1",
        "https://pypi.org/simple/cat/",
    ]


def test_contributors_without_a_list_count_as_read(cat: OpenCatalog) -> None:
    cat.save(repository_result(contributors=None, contributors_asked=True))
    assert cat.target().contributors_known
    cat.save(repository_result(contributors=None, contributors_asked=False), NOW + DAY)
    assert cat.target().contributors_read == NOW


def test_a_part_without_news_keeps_its_fields(cat: OpenCatalog) -> None:
    cat.save(repository_result())
    cat.save(RepositoryResult(repository=repository_facts(stars=8)), NOW + DAY)
    package = cat.package()
    assert package.repo_watchers == 8
    assert package.participants == ("ann", "bob")
    assert package.last_updated == NOW - DAY


def test_an_empty_list_of_contributors_is_saved(cat: OpenCatalog) -> None:
    cat.save(repository_result())
    assert cat.save(repository_result(contributors=()), NOW + DAY).changed
    assert cat.package().participants == ()


def test_the_order_of_contributors_is_kept(cat: OpenCatalog) -> None:
    people = tuple(Contributor(name=name, commits=5) for name in ("zoe", "ann", "moe"))
    cat.save(repository_result(contributors=people))
    cat.save(repository_result(contributors=people[::-1]))
    assert cat.package().participants == ("moe", "ann", "zoe")


def test_a_project_without_a_description_keeps_the_last_one(cat: OpenCatalog) -> None:
    cat.save(project_result())
    bare = project(described=False, summary=None, classifiers=(), status="quarantined")
    cat.save(project_result(project=bare))
    package = cat.package()
    assert (package.pypi_summary, package.pypi_status) == ("A cat", "quarantined")


def test_versions_that_are_no_longer_listed_are_deleted(cat: OpenCatalog) -> None:
    cat.save(project_result())
    cat.save(project_result(project=project(releases=(release("2.0"),), version="2.0")))
    assert cat.package().versions == (release("2.0"),)


def test_the_lookup_note_is_kept_until_a_project_is_found(cat: OpenCatalog) -> None:
    cat.save(ProjectResult(name="cat", lookup_note="cat: no such project at PyPI"))
    assert cat.package().pypi_lookup_note == "cat: no such project at PyPI"
    assert freshness(cat, "pypi").last_error is None
    cat.save(project_result())
    assert cat.package().pypi_lookup_note is None


def test_a_project_sets_last_fetched_only_without_a_repository(cat: OpenCatalog) -> None:
    cat.save(project_result())
    assert cat.package().last_fetched is None
    cat.connection.execute("UPDATE packages SET repo_url = '', repo_key = NULL")
    cat.save(project_result(), NOW + DAY)
    assert cat.package().last_fetched == NOW + DAY


# ── modified ──


def test_an_equal_result_moves_last_fetched_and_not_modified(cat: OpenCatalog) -> None:
    cat.save(repository_result())
    cat.save(project_result())
    assert cat.save(repository_result(), NOW + DAY) == results.SaveResult(changed=False)
    assert cat.save(project_result(), NOW + DAY) == results.SaveResult(changed=False)
    package = cat.package()
    assert (package.modified, package.last_fetched) == (NOW, NOW + DAY)


@pytest.mark.parametrize(
    "result",
    [
        repository_result(repository=repository_facts(stars=8)),
        repository_result(activity=activity({TODAY - 2 * DAY: 3})),
        repository_result(contributors=()),
        project_result(project=project(version="1.2")),
        project_result(project=project(releases=())),
    ],
    ids=["figure", "commit", "contributors", "version", "releases"],
)
def test_a_change_of_the_content_moves_modified(
    cat: OpenCatalog, result: RepositoryResult | ProjectResult
) -> None:
    cat.save(repository_result())
    cat.save(project_result())
    assert cat.save(result, NOW + DAY).changed
    assert cat.package().modified == NOW + DAY


def test_modified_never_moves_back(cat: OpenCatalog) -> None:
    cat.save(repository_result())
    cat.save(repository_result(repository=repository_facts(stars=9)), NOW - 30 * DAY)
    assert cat.package().modified == NOW
    assert cat.package().repo_watchers == 9


# ── changes during a fetch ──


def test_a_result_for_a_removed_package_is_dropped(cat: OpenCatalog) -> None:
    target = cat.target()
    with database.transaction(cat.connection):
        edits.remove_package(cat.connection, 1)
    for result in (repository_result(), project_result(), NOT_FOUND):
        assert cat.save(result, target=target) == results.SaveResult(changed=False)
    with database.transaction(cat.connection):
        results.save_as_of(cat.connection, target, activity({}), NOW)
    for table in ("packages", "fetches", "validators", "participants", "versions", "commit_days"):
        assert cat.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0


def test_a_result_for_a_changed_repository_is_dropped(cat: OpenCatalog) -> None:
    target = cat.target()
    cat.connection.execute(
        "UPDATE packages SET repo_url = 'https://github.com/octo/dog',"
        " repo_key = 'github.com/octo/dog'"
    )
    before = cat.package()
    for result in (repository_result(), NOT_FOUND, project_result()):
        assert cat.save(result, target=target) == results.SaveResult(changed=False)
    with database.transaction(cat.connection):
        results.save_as_of(cat.connection, target, activity({TODAY - DAY: 5}), NOW)
    assert cat.package() == before


@pytest.mark.parametrize(
    "change", ["pypi_source = 'none'", "pypi_source = 'set', pypi_name = 'dog', pypi_key = 'dog'"]
)
def test_a_result_for_a_changed_project_is_dropped(cat: OpenCatalog, change: str) -> None:
    target = cat.target()
    cat.connection.execute(f"UPDATE packages SET {change}")
    before = cat.package()
    assert cat.save(project_result(), target=target) == results.SaveResult(changed=False)
    assert cat.package() == before
    assert cat.save(repository_result(), target=target).changed  # that is another matter


def test_a_project_that_was_fetched_by_name_is_saved_after_a_change_of_repository(
    cat: OpenCatalog,
) -> None:
    cat.save(project_result())
    target = cat.target()
    cat.connection.execute("UPDATE packages SET repo_url = '', repo_key = NULL")
    result = project_result(project=project(version="1.2"))
    assert cat.save(result, target=target).changed


def test_a_result_does_not_overwrite_fields_that_a_user_set_meanwhile(cat: OpenCatalog) -> None:
    target = cat.target()
    cat.connection.execute(
        "UPDATE packages SET title = 'My cat', slug = 'mine', documentation_url = 'https://my.docs'"
    )
    cat.save(repository_result(), target=target)
    cat.save(project_result(), target=target)
    package = cat.package()
    assert (package.title, package.slug) == ("My cat", "mine")
    assert package.documentation_url == "https://my.docs"


def test_an_error_while_saving_changes_nothing(cat: OpenCatalog) -> None:
    cat.save(repository_result())
    before = cat.package()
    cat.connection.execute(
        "CREATE TEMP TRIGGER broken BEFORE INSERT ON validators"
        " BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    result = repository_result(
        repository=repository_facts(stars=99), activity=EMPTY, contributors=()
    )
    with pytest.raises(sqlite3.IntegrityError, match="no"):
        cat.save(result, NOW + DAY)
    assert cat.package() == before


def test_saving_a_result_without_news_takes_few_statements(cat: OpenCatalog) -> None:
    cat.save(repository_result())
    cat.save(project_result())
    target = cat.target()
    said: list[str] = []
    cat.connection.set_trace_callback(said.append)
    cat.save(NOTHING_NEW, NOW + DAY, target=target)
    cat.save(ProjectResult(name="cat", serial="5"), NOW + DAY, target=target)
    cat.connection.set_trace_callback(None)
    assert len(said) <= 12, said
