"""Parameter types for the values of options: durations, instants and text."""

import datetime as dt
from typing import Any

import click

from pkgharvest.model.errors import InvalidValue
from pkgharvest.model.instants import parse_duration, parse_instant


class Duration(click.ParamType[dt.timedelta]):
    """``90s``, ``50m``, ``24h``, ``7d``, ``2w``."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.timedelta:
        """Parse the duration, or fail with a usage error."""
        try:
            return parse_duration(str(value))
        except InvalidValue as error:
            self.fail(_describe(error), param, ctx)


class Instant(click.ParamType[dt.datetime]):
    """ISO 8601; UTC if there is no offset."""

    name = "instant"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.datetime:
        """Parse the instant, or fail with a usage error."""
        try:
            return parse_instant(str(value))
        except InvalidValue as error:
            self.fail(_describe(error), param, ctx)


class Text(click.ParamType[str]):
    """Text that the catalog can store: not bytes that are invalid in the terminal's encoding."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text, or fail with a usage error."""
        text = str(value)
        if any("\ud800" <= character <= "\udfff" for character in text):
            self.fail(f"{text!r} is not text", param, ctx)
        return text


def _describe(error: InvalidValue) -> str:
    return f"{error.message} ({error.hint})" if error.hint else error.message


TEXT = Text()
DURATION = Duration()
INSTANT = Instant()
