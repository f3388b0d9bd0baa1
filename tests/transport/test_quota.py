"""Quotas in response headers: what hosts send, in every notation, and any nonsense."""

import datetime as dt
from collections.abc import Mapping
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkgharvest.transport.base import parse_http_date, retry_after
from pkgharvest.transport.rate_limit.quota import Quota, newer_quota, read_quota

NOW = dt.datetime(2026, 2, 15, 18, 8, 42, tzinfo=dt.UTC)
EPOCH = int(NOW.timestamp())


def http_date(seconds: float) -> str:
    """Return the HTTP date ``seconds`` from now."""
    return format_datetime(NOW + dt.timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        # no quota
        ({}, None),
        ({"x-ratelimit-remaining": "many"}, None),
        ({"x-ratelimit-limit": "60", "x-ratelimit-reset": "60"}, None),
        ({"ratelimit": ""}, None),
        ({"ratelimit": "limit=10, remaining=4, reset=59"}, None),
        ({"ratelimit": '"default";t=30'}, None),
        ({"ratelimit-policy": '"default";q=100;w=60'}, None),
        # GitHub
        (
            {
                "x-ratelimit-limit": "5000",
                "x-ratelimit-remaining": "7",
                "x-ratelimit-reset": str(EPOCH + 60),
                "x-ratelimit-resource": "core",
            },
            (5000, 7, 60, "core"),
        ),
        # three fields of the first drafts: seconds from now, a policy after the limit
        ({"x-ratelimit-remaining": "0"}, (None, 0, None, None)),
        ({"x-ratelimit-remaining": "-2"}, (None, 0, None, None)),
        ({"ratelimit-remaining": "59, 59", "ratelimit-limit": "60;w=60"}, (60, 59, None, None)),
        ({"ratelimit-remaining": "1", "ratelimit-reset": "30"}, (None, 1, 30, None)),
        ({"ratelimit-remaining": "1", "ratelimit-reset": "0"}, (None, 1, 0, None)),
        ({"ratelimit-remaining": "1", "ratelimit-reset": "-5"}, (None, 1, None, None)),
        ({"ratelimit-remaining": "1", "ratelimit-reset": http_date(90)}, (None, 1, 90, None)),
        ({"x-ratelimit-remaining": "1", "x-ratelimit-reset": "9" * 18}, (None, 1, None, None)),
        # GitLab
        (
            {
                "ratelimit-limit": "500",
                "ratelimit-name": "throttle_unauthenticated_web",
                "ratelimit-observed": "5",
                "ratelimit-remaining": "495",
                "ratelimit-reset": str(EPOCH + 40),
                "ratelimit-resettime": http_date(40),
            },
            (500, 495, 40, "throttle_unauthenticated_web"),
        ),
        ({"ratelimit-remaining": "1", "ratelimit-resettime": http_date(40)}, (None, 1, 40, None)),
        # structured fields: Codeberg, the examples of the draft
        (
            {
                "ratelimit-policy": '"baseline";q=2000;w=600',
                "ratelimit": '"baseline";r=1994;t=600',
            },
            (2000, 1994, 600, "baseline"),
        ),
        ({"ratelimit": '"default";r=50;t=30'}, (None, 50, 30, "default")),
        ({"ratelimit": '"default";r=50'}, (None, 50, None, "default")),
        ({"ratelimit": "default ; r=50 ; t=30"}, (None, 50, 30, "default")),
        ({"ratelimit": '"a\\"b;r=1";r=50;pk=:QQ==:;t=30'}, (None, 50, 30, 'a"b;r=1')),
        (
            {
                "ratelimit-policy": '"permin";q=50;w=60,"perhr";q=1000;w=3600',
                "ratelimit": '"permin";r=48;t=12, "perhr";r=3;t=1800',
            },
            (1000, 3, 1800, "perhr"),
        ),
    ],
)
def test_read_quota(
    headers: Mapping[str, str], expected: tuple[int | None, int, int | None, str | None] | None
) -> None:
    quota = read_quota(headers, NOW)
    if expected is None:
        assert quota is None
        return
    limit, remaining, seconds, resource = expected
    reset = None if seconds is None else NOW + dt.timedelta(seconds=seconds)
    assert quota == Quota(limit=limit, remaining=remaining, reset=reset, resource=resource)
    assert quota.valid_seconds == (seconds or None)


def test_a_quota_in_seconds_is_measured_by_the_clock_of_the_host() -> None:
    headers = {"date": http_date(-7200), "ratelimit-remaining": "1", "ratelimit-reset": "30"}
    quota = read_quota(headers, NOW)
    assert quota is not None
    assert quota.reset == NOW + dt.timedelta(seconds=30 - 7200)
    assert quota.valid_seconds == 30


@pytest.mark.parametrize(
    ("known", "reported", "remaining"),
    [
        ((5, 60), (3, 60), 3),
        ((3, 60), (5, 60), 3),
        ((3, 60), (5, 61), 3),
        ((0, 60), (5, 3660), 5),
        ((5, 3660), (0, 60), 5),
        ((3, 60), (5, None), 5),
    ],
)
def test_the_newer_of_two_quotas(
    known: tuple[int, int], reported: tuple[int, int | None], remaining: int
) -> None:
    def quota(left: int, seconds: int | None) -> Quota:
        reset = None if seconds is None else NOW + dt.timedelta(seconds=seconds)
        return Quota(limit=None, remaining=left, reset=reset, resource=None)

    assert newer_quota(quota(*known), quota(*reported)).remaining == remaining


NAMES = st.sampled_from(
    [
        "date",
        "retry-after",
        "ratelimit",
        "ratelimit-policy",
        *(
            f"{prefix}ratelimit-{name}"
            for prefix in ("", "x-")
            for name in ("limit", "remaining", "reset", "resource", "name", "resettime")
        ),
    ]
)
VALUES = (
    st.text()
    | st.text(alphabet='"\\;,=:rtqw019 abc-', max_size=80)
    | st.text(alphabet="SunFebGMT,: 0123456789+-", max_size=40)
    | st.integers().map(str)
    | st.datetimes().map(format_datetime)
)


@given(st.dictionaries(NAMES, VALUES))
def test_any_quota_headers_are_read_without_an_error(headers: dict[str, str]) -> None:
    quota = read_quota(headers, NOW)
    if quota is not None:
        assert quota.remaining >= 0
        assert quota.valid_seconds is None or 0 < quota.valid_seconds <= 86_400
    seconds = retry_after(headers, NOW)
    assert seconds is None or seconds >= 0


@given(VALUES)
def test_any_http_date_is_read_without_an_error(text: str) -> None:
    moment = parse_http_date(text)
    assert moment is None or moment.tzinfo is dt.UTC


@pytest.mark.parametrize("value", ['"' * 60_000, '"\\' * 30_000, "a;" * 30_000, '"a";r=1,' * 9_000])
def test_a_long_ratelimit_header_is_read_quickly(value: str) -> None:
    read_quota({"ratelimit": value, "ratelimit-policy": value}, NOW)
