"""Parameter types for the values of options: durations, instants and text."""

import contextlib
import datetime as dt
from collections.abc import Callable
from typing import Any, TypeVar

import click

from pkgharvest.model.errors import InvalidValue
from pkgharvest.model.instants import parse_duration, parse_instant

Value = TypeVar("Value")


class Parsed(click.ParamType[Value]):
    """Values read by a function that raises InvalidValue, which becomes a usage error."""

    def __init__(self, name: str, parse: Callable[[str], Value]) -> None:
        self.name = name
        self._parse = parse

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Value:
        """Parse the value, or fail with a usage error."""
        try:
            return self._parse(str(value))
        except InvalidValue as error:
            hint = f" ({error.hint})" if error.hint else ""
            self.fail(f"{error.message}{hint}", param, ctx)


def _parse_text(text: str) -> str:
    # The catalog cannot store bytes that are invalid in the terminal's encoding.
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidValue(f"{text!r} is not text")
    return text


def _parse_since(text: str) -> dt.timedelta | dt.datetime:
    for parse in (parse_duration, parse_instant):
        with contextlib.suppress(InvalidValue):
            return parse(text)
    raise InvalidValue(f"{text!r} is neither a duration (30d) nor an instant (2026-02-15)")


TEXT = Parsed("text", _parse_text)
DURATION = Parsed("duration", parse_duration)
INSTANT = Parsed("instant", parse_instant)
SINCE = Parsed("duration|instant", _parse_since)
