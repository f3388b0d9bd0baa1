"""Instants and durations as people type them and as the record prints them."""

import datetime as dt
import re

from pkgharvest.model.errors import InvalidValue

_DURATION = re.compile(r"(\d{1,9})([smhdw])", re.ASCII)
_LONGEST = 100 * 365 * 86_400
"""Seconds; what is subtracted from today must still be a date."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_duration(text: str) -> dt.timedelta:
    """Read ``90s``, ``50m``, ``24h``, ``7d`` or ``2w``; InvalidValue for anything else."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise InvalidValue(
            f"{text!r} is not a duration", hint="a number with s, m, h, d or w: 90s, 50m, 24h, 7d"
        )
    seconds = int(match[1]) * _UNITS[match[2]]
    if seconds > _LONGEST:
        raise InvalidValue(f"{text!r} is longer than a century")
    return dt.timedelta(seconds=seconds)


def parse_instant(text: str) -> dt.datetime:
    """Read ISO 8601, UTC where no offset is given; a date alone is its 00:00 UTC.

    Returns it aware, in UTC. InvalidValue for anything else.
    """
    try:
        moment = dt.datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=dt.UTC)
        return moment.astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidValue(
            f"{text!r} is not an instant", hint="ISO 8601: 2026-02-15 or 2026-02-15T18:08:42Z"
        ) from error


def format_instant(moment: dt.datetime, zone: dt.tzinfo | None = dt.UTC) -> str:
    """Print ``moment`` in ``zone``: ISO 8601 with its offset, ``Z`` for UTC.

    None is the machine's own zone, by the rules that held then. Microseconds are left out when they
    are zero.
    """
    text = moment.astimezone(zone).isoformat()
    return text.removesuffix("+00:00") + "Z" if zone is dt.UTC else text


def utc_day(moment: dt.datetime) -> dt.date:
    """Return the UTC day of ``moment``: the ``T`` of a histogram is its 00:00 UTC."""
    return moment.astimezone(dt.UTC).date()
