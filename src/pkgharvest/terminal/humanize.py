"""How long ago, or how soon, in the words of a person."""

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
"""Up to how many seconds, in which unit, called what."""


def relative_time(moment: dt.datetime, now: dt.datetime) -> str:
    """Say where ``moment`` lies: ``just now``, ``3 h ago``, ``in 2 d``; whole units, cut."""
    seconds = (now - moment).total_seconds()
    distance = abs(seconds)
    if distance < _MINUTE:
        return "just now" if seconds >= 0 else "now"
    unit, name = next(
        ((unit, name) for limit, unit, name in _STEPS if distance < limit), (_YEAR, "y")
    )
    span = f"{int(distance / unit)} {name}"
    return f"{span} ago" if seconds > 0 else f"in {span}"
