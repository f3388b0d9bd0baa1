"""Instants and durations: how they are parsed, and how instants are printed."""

import datetime as dt
import re

from pkgharvest.model.errors import InvalidValue

_DURATION = r"([0-9]{1,9})([smhdw])"
_MAX_DURATION_SECONDS = 100 * 365 * 86_400
"""A duration is subtracted from today, and the result must still be a date."""

_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_duration(text: str) -> dt.timedelta:
    """Parse a whole number with a unit: seconds, minutes, hours, days or weeks.

    Raises InvalidValue for anything else, and for more than a century.

    >>> parse_duration("36h")
    datetime.timedelta(days=1, seconds=43200)
    >>> parse_duration("2w")
    datetime.timedelta(days=14)
    """
    match = re.fullmatch(_DURATION, text.strip())
    if match is None:
        raise InvalidValue(
            f"{text!r} is not a duration", hint="a number with s, m, h, d or w: 90s, 50m, 24h, 7d"
        )
    seconds = int(match[1]) * _UNIT_SECONDS[match[2]]
    if seconds > _MAX_DURATION_SECONDS:
        raise InvalidValue(f"{text!r} is longer than a century")
    return dt.timedelta(seconds=seconds)


def parse_instant(text: str) -> dt.datetime:
    """Parse ISO 8601 and convert it to UTC.

    Without an offset, UTC is assumed; a date alone means midnight. Raises InvalidValue for
    anything else.

    >>> parse_instant("2026-02-15T18:08:42-05:00")
    datetime.datetime(2026, 2, 15, 23, 8, 42, tzinfo=datetime.timezone.utc)
    >>> parse_instant("2026-02-15")
    datetime.datetime(2026, 2, 15, 0, 0, tzinfo=datetime.timezone.utc)
    """
    try:
        moment = dt.datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidValue(
            f"{text!r} is not an instant", hint="ISO 8601: 2026-02-15 or 2026-02-15T18:08:42Z"
        ) from error


def parse_zone(name: str) -> dt.tzinfo | None:
    """Return the time zone called ``name``: an IANA name, ``UTC``, or ``local``.

    None stands for the machine's own zone. Raises InvalidValue for a zone that is not known.

    >>> parse_zone("Z")
    datetime.timezone.utc
    """
    if name.upper() in {"UTC", "Z"}:
        return dt.UTC
    if name.lower() == "local":
        return None
    import zoneinfo  # noqa: PLC0415 - most people read UTC

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidValue(
            f"no time zone {name!r}", hint="an IANA name such as America/New_York, or local"
        ) from error


def format_instant(moment: dt.datetime, zone: dt.tzinfo | None = dt.UTC) -> str:
    """Format ``moment`` as ISO 8601 in ``zone``, with its offset, or ``Z`` for UTC.

    The offset is the one that ``zone`` had at that moment. None means the machine's own zone.
    Microseconds are omitted if they are zero.

    >>> moment = parse_instant("2026-02-15T18:08:42-05:00")
    >>> format_instant(moment)
    '2026-02-15T23:08:42Z'
    >>> format_instant(moment, dt.timezone(dt.timedelta(hours=1)))
    '2026-02-16T00:08:42+01:00'
    """
    text = moment.astimezone(zone).isoformat()
    return text.removesuffix("+00:00") + "Z" if zone is dt.UTC else text


def utc_day(moment: dt.datetime) -> dt.date:
    """Return the UTC day of ``moment``."""
    return moment.astimezone(dt.UTC).date()
