"""Renamed repositories, and repositories that another package follows."""

import pytest

from pkgharvest.catalog import edits, lookup, results
from pkgharvest.model.errors import UnknownPackage
from pkgharvest.model.locators import parse_locator
from pkgharvest.model.observations import Failure
from tests.support.catalogs import (
    DAY,
    GITHUB,
    NOW,
    OpenCatalog,
    project_result,
    repository_facts,
    repository_result,
    validator,
)

NEW = "https://api.github.com/repos/octo/lion"


@pytest.fixture
def cat(cat: OpenCatalog) -> OpenCatalog:
    """A catalog with octo/cat, fetched once."""
    cat.save(repository_result())
    return cat


def test_a_rename_is_followed_and_remembered(cat: OpenCatalog) -> None:
    renamed = repository_result(
        repository=repository_facts("octo/Lion"), validators=(validator(f"{NEW}/contributors"),)
    )
    assert cat.save(renamed, NOW + DAY) == results.SaveResult(changed=True)
    package = cat.package()
    assert package.repo_url == "https://github.com/octo/Lion"
    assert package.previous_urls == ("https://github.com/octo/cat",)
    assert (package.status, package.slug) == ("active", "cat")
    assert cat.target().locator == parse_locator("octo/Lion")
    assert cat.target().previous == (parse_locator("octo/cat"),)
    for name in ("octo/cat", "https://github.com/octo/lion"):
        assert lookup.find_package(cat.connection, name) == 1
        assert lookup.find_by_repository(cat.connection, parse_locator(name)) == "cat"


def test_a_rename_deletes_the_validators_of_the_old_name(cat: OpenCatalog) -> None:
    assert cat.validator_keys("repo") == [GITHUB, f"{GITHUB}/commits?since=1"]
    cat.save(
        repository_result(repository=repository_facts("octo/lion"), validators=(validator(NEW),))
    )
    assert cat.validator_keys("repo") == [NEW]


def test_previous_names_add_up_without_the_present_one(cat: OpenCatalog) -> None:
    for day, name in enumerate(["octo/lion", "zoo/lion", "octo/cat"], 1):
        cat.save(repository_result(repository=repository_facts(name)), NOW + day * DAY)
    assert cat.package().repo_url == "https://github.com/octo/cat"
    assert cat.package().previous_urls == (
        "https://github.com/octo/lion",
        "https://github.com/zoo/lion",
    )


def test_another_case_is_no_rename(cat: OpenCatalog) -> None:
    assert cat.save(repository_result(repository=repository_facts("Octo/Cat")), NOW + DAY).changed
    assert cat.package().repo_url == "https://github.com/Octo/Cat"
    assert cat.package().previous_urls == ()
    assert cat.save(repository_result(repository=repository_facts("Octo/Cat"))).changed is False


@pytest.mark.parametrize("name", ["Octo/Cat", "octo/lion"])
def test_the_project_of_a_repository_renamed_in_the_same_run_is_saved(
    cat: OpenCatalog, name: str
) -> None:
    target = cat.target()  # both sources are read before anything is saved
    cat.save(repository_result(repository=repository_facts(name)), target=target)
    assert cat.save(project_result(), target=target).changed
    assert cat.package().pypi_version == "1.1"


def test_a_rename_onto_another_package_is_reported_and_not_taken_over(cat: OpenCatalog) -> None:
    cat.add("octo/lion")
    before = cat.package()
    onto = repository_result(
        repository=repository_facts("octo/lion", stars=99), validators=(validator(NEW),)
    )
    saved = cat.save(onto, NOW + DAY)
    assert saved == results.SaveResult(
        changed=True,
        failure=Failure(
            kind="malformed",
            message=(
                "the repository is now https://github.com/octo/lion, which is the package lion"
            ),
        ),
    )
    package = cat.package()
    assert package.status == "moved"
    assert package.repo_url == "https://github.com/octo/cat"
    assert package.previous_urls == ()
    for name in ("repo_watchers", "last_fetched", "participants", "commits_over_52"):
        assert getattr(package, name) == getattr(before, name)
    assert cat.validator_keys("repo") == [GITHUB, f"{GITHUB}/commits?since=1"]
    assert lookup.find_package(cat.connection, "octo/lion") == 2


def test_a_rename_is_followed_once_the_other_package_is_removed(cat: OpenCatalog) -> None:
    cat.add("octo/lion")
    onto = repository_result(repository=repository_facts("octo/lion"))
    cat.save(onto)
    edits.remove_package(cat.connection, 2)
    assert cat.save(onto, NOW + DAY).failure is None
    assert cat.package().status == "active"
    assert cat.package().repo_url == "https://github.com/octo/lion"


def test_a_repository_may_take_a_name_that_another_package_left(cat: OpenCatalog) -> None:
    cat.save(repository_result(repository=repository_facts("octo/lion")))  # cat has become lion
    cat.add("octo/puma")
    result = repository_result(repository=repository_facts("octo/cat", repo_id="43"))
    assert cat.save(result, package_id=2).failure is None
    assert cat.package(2).repo_url == "https://github.com/octo/cat"
    assert (
        lookup.find_package(cat.connection, "octo/cat") == 2
    )  # the present follower, not the previous one
    assert lookup.find_package(cat.connection, "octo/puma") == 2
    assert lookup.find_package(cat.connection, "octo/lion") == 1


def test_removing_a_package_removes_its_previous_names(cat: OpenCatalog) -> None:
    cat.save(repository_result(repository=repository_facts("octo/lion")))
    edits.remove_package(cat.connection, 1)
    with pytest.raises(UnknownPackage):
        lookup.find_package(cat.connection, "octo/cat")
    assert cat.add("octo/cat") == 2


# ── one repository under two names ──

SELF_HOSTED = "https://git.example/Octo/Cat"


def test_two_servers_of_one_host_name_may_use_the_same_id(catalog: OpenCatalog) -> None:
    for number, port in enumerate((8443, 9443), start=1):
        url = f"https://git.example:{port}/octo/cat"
        catalog.add(url, slug=f"cat-{port}")
        saved = catalog.save(repository_result(repository=repository_facts(url)), package_id=number)
        assert saved.failure is None


def test_a_repository_that_another_package_follows_by_the_hosts_id_is_not_taken_over(
    catalog: OpenCatalog,
) -> None:
    catalog.add(SELF_HOSTED)
    catalog.save(repository_result(repository=repository_facts(SELF_HOSTED)))
    duplicate = catalog.add(SELF_HOSTED.lower(), slug="again")  # its keys keep their case
    result = repository_result(repository=repository_facts(SELF_HOSTED.lower(), stars=99))
    saved = catalog.save(result, NOW + DAY, package_id=duplicate)
    assert saved == results.SaveResult(
        changed=True,
        failure=Failure(kind="malformed", message="the repository is already followed as cat"),
    )
    package = catalog.package(duplicate)
    assert (package.status, package.repo_watchers, package.repo_id) == ("moved", 0, None)
    assert catalog.validator_keys("repo", duplicate) == []
    edits.remove_package(catalog.connection, 1)
    assert catalog.save(result, NOW + DAY, package_id=duplicate).failure is None
    assert catalog.package(duplicate).status == "active"


def test_the_same_id_on_another_host_is_another_repository(cat: OpenCatalog) -> None:
    other = cat.add(SELF_HOSTED, slug="other")
    result = repository_result(repository=repository_facts(SELF_HOSTED))
    assert cat.save(result, package_id=other).failure is None
    assert cat.package(other).repo_id == cat.package().repo_id


def test_packages_that_share_a_repository_id_already_stay_fetched(cat: OpenCatalog) -> None:
    other = cat.add("octo/lion")
    cat.connection.execute("UPDATE packages SET repo_id = 42 WHERE id = ?", (other,))
    result = repository_result(repository=repository_facts("octo/lion"))
    assert cat.save(result, package_id=other).failure is None
    assert cat.save(repository_result()).failure is None
