"""What hosts say about their limits: quotas, and refusals ("too many requests").

Hosts refuse in many ways: status 429, GitHub's two kinds of 403, and a GraphQL 200 with an error
inside. A 403 about permissions, a blocked repository or a history that is too large is not one.
Our own request rates are in ``limiter.py``.
"""

import asyncio
import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Literal

from pkgharvest.model.clock import Clock
from pkgharvest.transport.base import Response, parse_http_date, parse_integer, server_time

_MIN_EPOCH_SECONDS = 10**8
"""A larger reset is a Unix time, a smaller one is a number of seconds from now: hosts do both."""

_SAME_PERIOD = dt.timedelta(seconds=2)
"""Resets this close together are the same: the machines of one host differ by a second."""

_MAX_PERIOD_SECONDS = 86_400.0
"""No host has a period longer than a day. A reset further away comes from a wrong clock."""

_RESET_MARGIN_SECONDS = 1.0
"""Waited in addition to a reset, which is given in whole seconds."""

_MAX_FIELD_CHARACTERS = 1_000

_ITEM = re.compile(r'("(?:[^"\\]|\\.)*+"|[A-Za-z*][^\s;,"=]*+)((?:\s*+;[^,;"]*+(?:"[^"]*+")?)*+)')
_PARAMETER = re.compile(r";\s*+([a-z]++)=(\d{1,15})(?![\d.])")
_ESCAPED_CHARACTER = re.compile(r"\\(.)")

_RATE_LIMIT_WORDS = re.compile(rb"rate[ _-]?limit|abuse detection", re.IGNORECASE)

_MAX_SEARCHED_BYTES = 4096
"""Of a body that is not JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How many requests are left, and until when."""

    limit: int | None
    remaining: int
    reset: dt.datetime | None
    resource: str | None
    """The host's name for what it counts: core, graphql, throttle_unauthenticated_api …"""
    valid_seconds: float | None = field(default=None, compare=False)
    """Seconds until ``reset`` by the host's clock, or ours; None if unknown, over or absurd."""


def read_quota(headers: Mapping[str, str], now: dt.datetime) -> Quota | None:
    """Return the quota that response ``headers`` report, or None: no headers, no known limit.

    Understood are ``X-RateLimit-*`` (GitHub, Bitbucket), ``RateLimit-*`` (GitLab, and the first
    drafts of the IETF), and the structured fields ``RateLimit`` and ``RateLimit-Policy`` of
    draft-ietf-httpapi-ratelimit-headers. Resets are Unix times, seconds from now or HTTP dates.

    >>> now = dt.datetime(2026, 2, 15, tzinfo=dt.UTC)
    >>> quota = read_quota({"ratelimit": '"default";r=50;t=30'}, now)
    >>> quota.resource, quota.remaining, quota.valid_seconds
    ('default', 50, 30.0)
    """
    for prefix in ("x-ratelimit-", "ratelimit-"):
        remaining = parse_integer(headers.get(f"{prefix}remaining"))
        if remaining is not None:
            reset = _read_reset(headers, prefix, now)
            return Quota(
                limit=parse_integer(headers.get(f"{prefix}limit")),
                remaining=max(0, remaining),
                reset=reset,
                resource=headers.get(f"{prefix}resource") or headers.get(f"{prefix}name"),
                valid_seconds=_seconds_until(reset, headers, now),
            )
    return _read_structured_quota(headers, now) if "ratelimit" in headers else None


def newer_quota(known: Quota | None, reported: Quota) -> Quota:
    """Return what is true after two reports, as responses may overtake each other.

    The later period counts. Within a period only the lower number can be the later one.
    """
    if known is None or known.reset is None or reported.reset is None:
        return reported
    if abs(reported.reset - known.reset) > _SAME_PERIOD:
        return reported if reported.reset > known.reset else known
    return replace(reported, remaining=min(known.remaining, reported.remaining))


@dataclass(frozen=True, slots=True)
class Block:
    """A host, or one of its quotas, accepts no request before ``until`` (monotonic seconds)."""

    until: float
    quota_used_up: bool


class QuotaTracker:
    """One quota of a host, and the requests in flight that will be taken from it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._quota: Quota | None = None
        self._valid_until = 0.0
        self._in_flight = 0
        self._request_finished = asyncio.Event()

    async def find_block(self) -> Block | None:
        """Return how long the quota is used up, or None if a request may go.

        If the requests in flight may take all that is left, wait for one of them to finish: a
        304 may turn out to be free.
        """
        while True:
            quota = self._current_quota()
            if quota is None or quota.remaining > self._in_flight:
                return None
            if self._in_flight == 0:
                return Block(self._valid_until, quota_used_up=True)
            await self._request_finished.wait()

    def reserve(self) -> None:
        """Count a request that is sent now."""
        self._in_flight += 1

    def finish(self, reported: Quota | None) -> None:
        """Count a request as finished, and record the quota that its response reported, if any."""
        self._in_flight -= 1
        known = self._current_quota()
        if reported is not None:
            self.record(reported)
        elif known is not None:
            # The response said nothing: the host may have counted the request, so we do.
            self._quota = replace(known, remaining=max(0, known.remaining - 1))
        self._request_finished.set()
        self._request_finished = asyncio.Event()

    def exhaust(self) -> None:
        """Treat the quota as used up: what is left is less than a request costs."""
        if self._quota is not None:
            self._quota = replace(self._quota, remaining=0)

    def record(self, reported: Quota) -> None:
        """Record a reported quota. One that is no longer valid is ignored."""
        known = self._current_quota()
        quota = newer_quota(known, reported)
        if quota is known or reported.valid_seconds is None:
            return
        self._quota = quota
        self._valid_until = self._clock.monotonic() + reported.valid_seconds + _RESET_MARGIN_SECONDS

    def _current_quota(self) -> Quota | None:
        if self._quota is not None and self._clock.monotonic() >= self._valid_until:
            self._quota = None
        return self._quota


def _read_reset(headers: Mapping[str, str], prefix: str, now: dt.datetime) -> dt.datetime | None:
    text = headers.get(f"{prefix}reset")
    number = parse_integer(text)
    if number is None:
        # GitLab repeats the reset as an HTTP date in RateLimit-ResetTime.
        return parse_http_date(text) or parse_http_date(headers.get(f"{prefix}resettime"))
    try:
        if 0 <= number < _MIN_EPOCH_SECONDS:
            return server_time(headers, now) + dt.timedelta(seconds=number)
        return dt.datetime.fromtimestamp(number, dt.UTC) if number > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def _read_structured_quota(headers: Mapping[str, str], now: dt.datetime) -> Quota | None:
    """Return the scarcest of the quotas in ``RateLimit``: it is the one that blocks first."""
    reports = {name: report for name, report in _parse_items(headers["ratelimit"]) if "r" in report}
    if not reports:
        return None
    name = min(reports, key=lambda name: reports[name]["r"])
    policies = dict(_parse_items(headers.get("ratelimit-policy", "")))
    seconds = reports[name].get("t")
    reset = None
    if seconds is not None and seconds < _MIN_EPOCH_SECONDS:
        reset = server_time(headers, now) + dt.timedelta(seconds=seconds)
    return Quota(
        limit=policies.get(name, {}).get("q"),
        remaining=reports[name]["r"],
        reset=reset,
        resource=name,
        valid_seconds=_seconds_until(reset, headers, now),
    )


def _parse_items(text: str) -> list[tuple[str, dict[str, int]]]:
    """Return the items of a structured list (RFC 9651) with their integer parameters.

    >>> _parse_items('"burst";r=3;t=2, "day";r=990;pk=:x:')
    [('burst', {'r': 3, 't': 2}), ('day', {'r': 990})]
    """
    return [
        (
            _ESCAPED_CHARACTER.sub(r"\1", name.strip('"')),
            {key: int(value) for key, value in _PARAMETER.findall(parameters)},
        )
        for name, parameters in _ITEM.findall(text[:_MAX_FIELD_CHARACTERS])
    ]


def _seconds_until(
    reset: dt.datetime | None, headers: Mapping[str, str], now: dt.datetime
) -> float | None:
    """Return the seconds until ``reset``, by the host's clock unless that is plainly wrong."""
    if reset is None:
        return None
    for moment in (server_time(headers, now), now):
        seconds = (reset - moment).total_seconds()
        if 0 < seconds <= _MAX_PERIOD_SECONDS:
            return seconds
    return None


# ── refusals ─────────────────────────────────────────────────────────────────────────────


def find_refusal(
    response: Response, resource: str, remaining: int | None
) -> Literal["host", "quota"] | None:
    """Return whether the whole host or only one quota refuses the request; None if neither does.

    ``resource`` is the quota that the request counts against, ``remaining`` what the response
    reports is left of it. The rules are those of "Rate limits for the REST API" and "Rate limits
    and query limits for the GraphQL API" on docs.github.com.
    """
    used_up, has_delay = remaining == 0, "retry-after" in response.headers
    too_costly = False
    match response.status:
        case HTTPStatus.TOO_MANY_REQUESTS:
            refused = True
        case HTTPStatus.FORBIDDEN:
            refused = used_up or has_delay or _mentions_limit(response.body)
        case HTTPStatus.OK if resource == "graphql":
            refused = _has_graphql_limit_error(response.body)
            # Some points may be left, but fewer than the query costs.
            too_costly = bool(remaining) and not has_delay
        case _:
            refused = False
    if not refused:
        return None
    return "quota" if used_up or too_costly else "host"


def _mentions_limit(body: bytes) -> bool:
    """Tell whether the body of a 403 is about a rate limit, as GitHub's JSON or as plain text."""
    match _parse_json(body):
        case dict() as error:
            return _is_about_limits(f"{error.get('message')} {error.get('documentation_url')}")
        case _:
            return _RATE_LIMIT_WORDS.search(body[:_MAX_SEARCHED_BYTES]) is not None


def _has_graphql_limit_error(body: bytes) -> bool:
    # Searched first: to parse every response twice would cost more than everything else.
    if not _RATE_LIMIT_WORDS.search(body):
        return False
    match _parse_json(body):
        case {"errors": [*errors]}:
            return any(_is_limit_error(error) for error in errors)
        case _:
            return False


def _is_limit_error(error: object) -> bool:
    match error:
        case {"type": "RATE_LIMITED" | "RATE_LIMIT"}:
            return True
        case {"path": _}:
            return False  # about one field, whatever its message
        case {"message": str(message)}:
            return _is_about_limits(message)
        case _:
            return False


def _is_about_limits(text: str) -> bool:
    return _RATE_LIMIT_WORDS.search(text.encode("utf-8", "replace")) is not None


def _parse_json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
