"""Validators, which come and go with the data that they vouch for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from catalogs import (
    GITHUB,
    Shelf,
    project_reading,
    repository_reading,
    shelf,
    validator,
)
from pkgharvest.records import (
    ProjectReading,
    RepositoryReading,
)


@pytest.fixture
def cat(tmp_path: Path) -> Iterator[Shelf]:
    """A catalogue with octo/cat, of which nothing is known yet."""
    with shelf(tmp_path / "cat.db") as open_shelf:
        open_shelf.add()
        yield open_shelf


def test_a_validator_takes_the_place_of_the_one_for_the_same_path(cat: Shelf) -> None:
    cat.save(repository_reading())
    news = (validator(f"{GITHUB}/commits?since=2", '"y"'),)
    cat.save(RepositoryReading(validators=news))
    assert cat.validator_keys("repo") == [GITHUB, f"{GITHUB}/commits?since=2"]
    assert cat.target().validators[f"{GITHUB}/commits?since=2"].etag == '"y"'
    cat.save(RepositoryReading(validators=(validator(GITHUB),)))
    assert cat.validator_keys("repo") == [GITHUB, f"{GITHUB}/commits?since=2"]


def test_a_path_with_wildcards_of_sql_in_it_is_only_itself(cat: Shelf) -> None:
    cat.save(RepositoryReading(validators=(validator("https://h/aXb?p"),)))
    cat.save(
        RepositoryReading(validators=(validator("https://h/a_b?p"), validator("https://h/%?p")))
    )
    assert len(cat.validator_keys("repo")) == 3


def test_a_project_that_was_read_anew_keeps_no_old_validator(cat: Shelf) -> None:
    cat.save(
        project_reading(validators=(validator("https://h/simple"), validator("https://h/json")))
    )
    cat.save(project_reading(validators=(validator("https://h/json", '"y"'),)))
    assert cat.validator_keys("pypi") == ["https://h/json"]


def test_a_serial_that_has_not_moved_keeps_the_validator_of_the_rest(cat: Shelf) -> None:
    cat.save(
        project_reading(validators=(validator("https://h/simple"), validator("https://h/json")))
    )
    same = ProjectReading(
        name="cat", serial="5", validators=(validator("https://h/simple", '"y"'),)
    )
    cat.save(same)
    assert cat.validator_keys("pypi") == ["https://h/json", "https://h/simple"]
