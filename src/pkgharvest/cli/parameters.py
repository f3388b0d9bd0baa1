"""Option values that are read by pkgharvest's own rules."""

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
        """Read the duration, or fail as a usage error."""
        try:
            return parse_duration(str(value))
        except InvalidValue as error:
            self.fail(_told(error), param, ctx)


class Instant(click.ParamType[dt.datetime]):
    """ISO 8601, UTC where no offset is given."""

    name = "instant"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.datetime:
        """Read the instant, or fail as a usage error."""
        try:
            return parse_instant(str(value))
        except InvalidValue as error:
            self.fail(_told(error), param, ctx)


class Text(click.ParamType[str]):
    """What the catalogue can hold: bytes that are no text in the terminal's encoding it cannot."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Take the text, or fail as a usage error."""
        text = str(value)
        if any("\ud800" <= character <= "\udfff" for character in text):
            self.fail(f"{text!r} is not text", param, ctx)
        return text


def _told(error: InvalidValue) -> str:
    return f"{error.message} ({error.hint})" if error.hint else error.message


TEXT = Text()
DURATION = Duration()
INSTANT = Instant()
