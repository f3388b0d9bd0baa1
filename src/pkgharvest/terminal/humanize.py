"""Ages and due times in words."""

import datetime as dt

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_MONTH = 30.44 * _DAY
_YEAR = 365.25 * _DAY

_STEPS: tuple[tuple[float, float, str], ...] = (
    (_HOUR, _MINUTE, "min"),
    (2 * _DAY, _HOUR, "h"),
    (60 * _DAY, _DAY, "d"),
    (2 * _YEAR, _MONTH, "mo"),
)
"""Below how many seconds to use which unit, and its name."""


def relative_time(moment: dt.datetime, now: dt.datetime) -> str:
    """Return how long ago, or how soon, ``moment`` is, in whole units rounded down.

    >>> noon = dt.datetime(2026, 2, 15, 12, tzinfo=dt.UTC)
    >>> relative_time(noon - dt.timedelta(hours=3, minutes=59), now=noon)
    '3 h ago'
    >>> relative_time(noon + dt.timedelta(days=2), now=noon)
    'in 2 d'
    >>> relative_time(noon, now=noon)
    'just now'
    """
    seconds = (now - moment).total_seconds()
    distance = abs(seconds)
    if distance < _MINUTE:
        return "just now" if seconds >= 0 else "now"
    unit, name = next(
        ((unit, name) for limit, unit, name in _STEPS if distance < limit), (_YEAR, "y")
    )
    span = f"{int(distance / unit)} {name}"
    return f"{span} ago" if seconds > 0 else f"in {span}"
