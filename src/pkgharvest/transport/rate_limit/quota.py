"""What a host's headers say about how much, and how soon, it may be asked again."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pkgharvest.transport.http_date import parse_http_date

_NUMBER = re.compile(r"\s*(-?\d{1,18})\s*(?:[,;].*)?", re.ASCII)
"""A whole number; after it may come a policy, or the same header again."""

_EPOCH = 10**8
"""A reset above is seconds since 1970, one below is seconds from now: hosts do either."""

SAME_PERIOD = dt.timedelta(seconds=2)
"""Resets this close are one: a host's machines differ by a second."""

_FARTHEST = 86_400.0
"""No host's period is longer than a day; what says so comes from a clock that is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How many requests are left, and until when that holds."""

    limit: int | None
    remaining: int
    reset: dt.datetime | None
    resource: str | None
    """GitHub's name for what is counted: core, graphql, search …"""

    @classmethod
    def of(cls, headers: Mapping[str, str], now: dt.datetime) -> "Quota | None":
        """Read ``x-ratelimit-*`` (GitHub, Bitbucket) or ``ratelimit-*`` (GitLab)."""
        for prefix in ("x-ratelimit-", "ratelimit-"):
            remaining = _number(headers.get(f"{prefix}remaining"))
            if remaining is not None:
                return cls(
                    limit=_number(headers.get(f"{prefix}limit")),
                    remaining=max(0, remaining),
                    reset=_instant(_number(headers.get(f"{prefix}reset")), headers, now),
                    resource=headers.get(f"{prefix}resource"),
                )
        return None

    def seconds_left(self, headers: Mapping[str, str], now: dt.datetime) -> float | None:
        """Return how long this holds, or None where that is unknown, or over.

        Measured by the host's own clock (its ``Date``), as ours may be wrong; by ours where
        the host's does not fit.
        """
        if self.reset is None:
            return None
        for moment in (parse_http_date(headers.get("date")), now):
            if moment is not None:
                seconds = (self.reset - moment).total_seconds()
                if 0 < seconds <= _FARTHEST:
                    return seconds
        return None


def retry_after(headers: Mapping[str, str], now: dt.datetime) -> float | None:
    """Return the seconds that ``Retry-After`` asks for (RFC 9110, section 10.2.3), or None."""
    text = headers.get("retry-after")
    if text is None:
        return None
    seconds = _number(text)
    if seconds is not None:
        return float(max(0, seconds))
    moment = parse_http_date(text)
    if moment is None:
        return None
    return max(0.0, (moment - (parse_http_date(headers.get("date")) or now)).total_seconds())


def _number(text: str | None) -> int | None:
    match = _NUMBER.fullmatch(text or "")
    return int(match[1]) if match else None


def _instant(
    number: int | None, headers: Mapping[str, str], now: dt.datetime
) -> dt.datetime | None:
    if number is None or number < 0:
        return None
    try:
        if number < _EPOCH:
            return (parse_http_date(headers.get("date")) or now) + dt.timedelta(seconds=number)
        return dt.datetime.fromtimestamp(number, dt.UTC)
    except (ValueError, OverflowError, OSError):
        return None
