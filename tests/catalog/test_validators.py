"""Validators, which are stored and deleted with their data."""

import pytest

from pkgharvest.model.observations import ProjectResult, RepositoryResult, Validator
from tests.support.catalogs import (
    GITHUB,
    OpenCatalog,
    project_result,
    repository_result,
    validator,
)


def test_a_validator_replaces_the_one_for_the_same_path(cat: OpenCatalog) -> None:
    cat.save(repository_result())
    result = (validator(f"{GITHUB}/commits?since=2", '"y"'),)
    cat.save(RepositoryResult(validators=result))
    assert cat.validator_keys("repo") == [GITHUB, f"{GITHUB}/commits?since=2"]
    assert cat.target().validators[f"{GITHUB}/commits?since=2"].etag == '"y"'
    cat.save(RepositoryResult(validators=(validator(GITHUB),)))
    assert cat.validator_keys("repo") == [GITHUB, f"{GITHUB}/commits?since=2"]


def test_a_validator_for_a_path_with_sql_wildcards_replaces_only_that_path(
    cat: OpenCatalog,
) -> None:
    cat.save(RepositoryResult(validators=(validator("https://h/aXb?p"),)))
    cat.save(
        RepositoryResult(validators=(validator("https://h/a_b?p"), validator("https://h/%?p")))
    )
    assert len(cat.validator_keys("repo")) == 3


def test_a_new_reading_of_a_project_deletes_its_old_validators(cat: OpenCatalog) -> None:
    cat.save(
        project_result(validators=(validator("https://h/simple"), validator("https://h/json")))
    )
    cat.save(project_result(validators=(validator("https://h/json", '"y"'),)))
    assert cat.validator_keys("pypi") == ["https://h/json"]


@pytest.mark.parametrize("key", [GITHUB, f"{GITHUB}/commits?since=2"])
def test_a_validator_without_etag_and_date_is_not_stored(cat: OpenCatalog, key: str) -> None:
    nothing = (validator(key, etag=None),)
    cat.save(RepositoryResult(validators=nothing))
    assert cat.validator_keys("repo") == []
    cat.save(repository_result())
    cat.save(RepositoryResult(validators=nothing))
    path = key.partition("?")[0]
    kept = [key for key in cat.validator_keys("repo") if key.partition("?")[0] == path]
    assert kept == []
    assert len(cat.validator_keys("repo")) == 1


def test_a_validator_with_only_a_date_is_stored(cat: OpenCatalog) -> None:
    day = Validator(key=GITHUB, etag=None, last_modified="Sun, 15 Feb 2026", parser=1)
    cat.save(RepositoryResult(validators=(day,)))
    assert cat.target().validators == {GITHUB: day}


def test_an_unchanged_serial_keeps_the_other_validators(cat: OpenCatalog) -> None:
    cat.save(
        project_result(validators=(validator("https://h/simple"), validator("https://h/json")))
    )
    same = ProjectResult(name="cat", serial="5", validators=(validator("https://h/simple", '"y"'),))
    cat.save(same)
    assert cat.validator_keys("pypi") == ["https://h/json", "https://h/simple"]
