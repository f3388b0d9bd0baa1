"""How the command line words errors and hints."""

from typing import get_args

import pytest

from pkgharvest.cli.errors import error_hint, error_message
from pkgharvest.model.errors import Advice, CatalogError, GridLocked, InvalidValue, Remedy


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("title", "--title: title is empty"),
        ("documentation_url", "--docs: title is empty"),
        ("weight", "title is empty"),
        (None, "title is empty"),
    ],
)
def test_the_field_of_an_error_becomes_an_option(field: str | None, message: str) -> None:
    assert error_message(InvalidValue("title is empty", field=field)) == message


def test_two_exclusive_fields_become_two_options() -> None:
    error = InvalidValue("choose one of them", field="record", other_field="replay")
    assert str(error) == "record and replay: choose one of them"
    assert error_message(error) == "--record and --replay: choose one of them"


@pytest.mark.parametrize("remedy", get_args(Remedy))
def test_every_remedy_has_a_hint(remedy: Remedy) -> None:
    assert error_hint(CatalogError("no", advice=Advice(remedy, "cat")))


def test_an_advice_becomes_a_hint_with_a_command() -> None:
    assert error_hint(GridLocked("trees")) == "pkgharvest grid edit trees --unlocked unlocks it"
    assert error_hint(CatalogError("no", hint="yes")) == "yes"
    assert error_hint(CatalogError("no")) is None
