"""Errors carry data, and survive copying and pickling whatever their constructors take."""

import copy
import datetime as dt
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from pkgharvest.git.process import CloneTooLarge, GitError
from pkgharvest.model import errors
from pkgharvest.model.errors import Advice, PkgharvestError
from pkgharvest.model.json_node import DecodeError
from pkgharvest.sources.github.graphql import InvalidBody

SPECIAL: list[PkgharvestError] = [
    errors.InvalidValue("title is empty", field="title", hint="any text"),
    errors.UnknownPackage("djnago", ("django",)),
    errors.UnknownCategory("aps"),
    errors.UnknownGrid("tres", ("trees",)),
    errors.RepositoryTaken("https://github.com/octo/cat", "cat"),
    errors.GridLocked("trees"),
    errors.CatalogBusy(Path("packages.db")),
    errors.CatalogBusy(),
    errors.RateLimited("api.github.com", dt.datetime(2026, 2, 15, tzinfo=dt.UTC)),
    errors.BudgetSpent(),
    DecodeError("commits[3].date", "an instant", "yesterday"),
    GitError(128, "fatal: no such remote", networked=True),
]


def every_class(root: type[PkgharvestError]) -> list[type[PkgharvestError]]:
    return [root, *(below for kind in root.__subclasses__() for below in every_class(kind))]


def plain() -> list[PkgharvestError]:
    """Return an error of every class that takes a message alone."""
    special = {type(error) for error in SPECIAL} | {errors.UnknownName}
    return [kind("what is wrong", hint="what helps") for kind in every_class(PkgharvestError)
            if kind not in special]  # fmt: skip


def test_every_error_class_is_tried() -> None:
    assert {CloneTooLarge, InvalidBody, errors.NotFound} <= {type(error) for error in plain()}


@pytest.mark.parametrize("error", [*SPECIAL, *plain()], ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, *(
        lambda error, protocol=protocol: pickle.loads(pickle.dumps(error, protocol))
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    )],
)  # fmt: skip
def test_an_error_can_be_copied_and_pickled(
    error: PkgharvestError, duplicate: Callable[[PkgharvestError], PkgharvestError]
) -> None:
    twin = duplicate(error)
    assert type(twin) is type(error)
    assert twin is not error
    assert (twin.args, str(twin), vars(twin)) == (error.args, str(error), vars(error))


def test_an_invalid_value_names_its_field() -> None:
    error = errors.InvalidValue("title is empty", field="title")
    assert (error.message, error.field, str(error)) == (
        "title is empty",
        "title",
        "title: title is empty",
    )


def test_an_unknown_name_suggests_near_names_or_else_the_list_of_all() -> None:
    near = errors.UnknownGrid("tres", ("trees",))
    assert (near.hint, near.advice) == ("did you mean trees?", None)
    far = errors.UnknownGrid("zoo")
    assert (far.hint, far.advice) == (None, Advice("list_grids"))
