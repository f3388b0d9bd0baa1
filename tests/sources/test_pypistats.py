"""The pypistats source: downloads, errors, and its rate limit."""

import asyncio
import dataclasses
import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkgharvest.model.clock import FixedClock
from pkgharvest.model.errors import (
    Blocked,
    Gone,
    Malformed,
    RateLimited,
    SourceError,
    Unauthorized,
    Unavailable,
)
from pkgharvest.model.events import Event, ignore_events
from pkgharvest.model.observations import DownloadsResult, FetchTarget, Validator
from pkgharvest.model.package import Downloads
from pkgharvest.sources.pypistats import PARSER_REVISION, PypistatsSource
from pkgharvest.transport.base import Request, Response
from pkgharvest.transport.client import open_client
from pkgharvest.transport.credentials import Credentials
from pkgharvest.transport.har.replay import HarArchive, HarEntry
from pkgharvest.transport.rate_limit.limiter import rate_limits
from tests.standins.pypistats import FakePyPIStats
from tests.standins.server import Fault, LoopbackServer, Reply
from tests.standins.transport import DirectTransport

BASE = "http://stats.test"
START = dt.datetime(2026, 2, 15, 18, 8, 42, tzinfo=dt.UTC)
SEED = {"django-ltree": (7, 60, 300)}


def connect(stats: FakePyPIStats, override: Reply | None = None) -> DirectTransport:
    """Return a transport to ``stats``, or one that always returns ``override``."""
    return DirectTransport((lambda _call: override) if override else stats.reply, BASE)


def named_target(name: str | None, *known: Validator) -> FetchTarget:
    return FetchTarget(
        package_id=1,
        slug="x",
        sources=("pypi",),
        locator=None,
        pypi_name=name,
        validators={each.key: each for each in known},
    )


def read(
    transport: DirectTransport, target: FetchTarget, *, conditional: bool = True
) -> DownloadsResult:
    return asyncio.run(
        PypistatsSource(transport, url=BASE + "/", conditional=conditional).read(target)
    )


@pytest.mark.parametrize("name", ["django-ltree", "Django_LTree", "django.ltree", "django-_.ltree"])
def test_downloads_are_read_under_any_spelling(name: str) -> None:
    transport = connect(FakePyPIStats(SEED))
    result = read(transport, named_target(name))
    assert result == DownloadsResult(downloads=Downloads(last_day=7, last_week=60, last_month=300))
    assert transport.requests == [("/api/packages/django-ltree/recent", 200)]


@pytest.mark.parametrize("name", [None, "", "two words", "../x", "x/y", "é"])
def test_without_a_project_no_downloads_are_requested(name: str | None) -> None:
    transport = connect(FakePyPIStats(SEED))
    assert read(transport, named_target(name)) == DownloadsResult()
    assert transport.requests == []


def test_a_404_means_no_downloads_and_is_not_a_failure() -> None:
    transport = connect(FakePyPIStats())
    assert read(transport, named_target("unheard-of")) == DownloadsResult()
    assert transport.requests == [("/api/packages/unheard-of/recent", 404)]


def test_zero_downloads_are_a_count() -> None:
    result = read(connect(FakePyPIStats({"x": (0, 0, 3)})), named_target("x"))
    assert result.downloads == Downloads(last_day=0, last_week=0, last_month=3)


def test_validators_of_pypistats_are_used() -> None:
    stats = FakePyPIStats(SEED, etags=True)
    transport = connect(stats)
    (validator,) = read(transport, named_target("django-ltree")).validators
    assert (validator.key, validator.parser) == (
        f"{BASE}/api/packages/django-ltree/recent",
        PARSER_REVISION,
    )
    known = named_target("django-ltree", validator)
    assert read(transport, known) == DownloadsResult()
    assert read(transport, known, conditional=False).downloads is not None
    earlier = dataclasses.replace(validator, parser=PARSER_REVISION - 1)
    assert read(transport, named_target("django-ltree", earlier)).downloads is not None
    stats.downloads["django-ltree"] = (8, 61, 301)
    assert read(transport, known).downloads == Downloads(last_day=8, last_week=61, last_month=301)
    assert [status for _, status in transport.requests] == [200, 304, 200, 200, 200]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, Unauthorized),
        (403, Unauthorized),
        (410, Gone),
        (451, Blocked),
        (429, RateLimited),
        (500, Unavailable),
        (503, Unavailable),
        (204, Malformed),
        (304, Malformed),  # to a request that named no validator
        (400, Malformed),
    ],
)
def test_statuses_of_pypistats_become_errors(status: int, error: type[SourceError]) -> None:
    transport = connect(FakePyPIStats(), Reply(status=status, body=b"<html>"))
    with pytest.raises(error) as caught:
        read(transport, named_target("x"))
    assert "stats.test" in caught.value.message


FIGURES: dict[str, object] = {"last_day": 1, "last_week": 2, "last_month": 3}
GOOD: dict[str, object] = {"data": FIGURES, "package": "x", "type": "recent_downloads"}


@pytest.mark.parametrize(
    ("page", "where"),
    [
        ([], "pypistats/x: expected an object"),
        ({}, "pypistats/x.package"),
        (GOOD | {"package": "y"}, "pypistats/x.package: expected a spelling of x, got 'y'"),
        (GOOD | {"data": None}, "pypistats/x.data: expected an object, got null"),
        (GOOD | {"data": [1, 2, 3]}, "pypistats/x.data: expected an object, got a list"),
        (GOOD | {"data": {"last_day": 1, "last_week": 2}}, "pypistats/x.data.last_month"),
        (GOOD | {"data": FIGURES | {"last_day": "1"}}, "pypistats/x.data.last_day"),
        (GOOD | {"data": FIGURES | {"last_day": None}}, "pypistats/x.data.last_day"),
        (GOOD | {"data": FIGURES | {"last_week": True}}, "pypistats/x.data.last_week"),
        (GOOD | {"data": FIGURES | {"last_week": -1}}, "pypistats/x.data.last_week"),
        (GOOD | {"data": FIGURES | {"last_month": 2.5}}, "pypistats/x.data.last_month"),
        (GOOD | {"data": FIGURES | {"last_month": 2**63}}, "pypistats/x.data.last_month"),
    ],
)
def test_downloads_of_the_wrong_shape_are_malformed_with_the_path(page: object, where: str) -> None:
    transport = connect(FakePyPIStats(), Reply(status=200, body=json.dumps(page).encode()))
    with pytest.raises(Malformed) as caught:
        read(transport, named_target("x"))
    assert caught.value.message.startswith(where)


@given(st.binary() | st.recursive(st.none() | st.integers(), st.lists).map(json.dumps))
def test_any_downloads_body_is_read_or_malformed(body: bytes | str) -> None:
    encoded = body.encode() if isinstance(body, str) else body
    with pytest.raises(Malformed):
        read(connect(FakePyPIStats(), Reply(status=200, body=encoded)), named_target("x"))


# ── with all transports ──────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("no_proxy")
@pytest.mark.parametrize("paced", [True, False])
def test_a_hundred_projects_keep_to_the_rate_limit(*, paced: bool) -> None:
    clock = FixedClock(START)
    stats = FakePyPIStats({f"p{number}": (1, 2, 3) for number in range(100)}, now=clock.monotonic)

    async def run(server: LoopbackServer) -> int:
        paces = rate_limits(pypistats=server.url)
        async with open_client(
            clock=clock,
            listener=ignore_events,
            credentials=Credentials.none(),
            rates=paces if paced else None,
        ) as client:
            source = PypistatsSource(client, url=server.url)
            for number in range(100):
                try:
                    result = await source.read(named_target(f"p{number}"))
                except RateLimited:
                    return number
                assert result.downloads is not None
        return 100

    with LoopbackServer(stats.reply) as server:
        done = asyncio.run(run(server))
    if paced:
        assert (done, stats.refused) == (100, 0)
        assert clock.monotonic() == pytest.approx(97 * 60 / 27)  # three at once
    else:
        assert (done, stats.refused) == (5, 1)  # five a second, then a page of HTML


@pytest.mark.usefixtures("no_proxy")
def test_with_wait_a_429_without_headers_is_waited_out() -> None:
    clock = FixedClock(START)
    heard: list[Event] = []
    stats = FakePyPIStats(SEED, now=clock.monotonic)

    async def run(server: LoopbackServer) -> DownloadsResult:
        paces = rate_limits(pypistats=server.url)
        async with open_client(
            clock=clock,
            listener=heard.append,
            credentials=Credentials.none(),
            wait=True,
            rates=paces,
        ) as client:
            return await PypistatsSource(client, url=server.url).read(named_target("django-ltree"))

    with LoopbackServer(stats.reply) as server:
        server.fault("recent", Fault(status=429, headers={}, body=b"<html>"), times=1)
        assert asyncio.run(run(server)).downloads is not None
    assert clock.monotonic() == 60
    assert [type(event).__name__ for event in heard] == [
        "RequestFinished",
        "RequestThrottled",
        "RequestFinished",
    ]


def test_a_replay_has_no_rate_limit() -> None:
    url = f"{BASE}/api/packages/x/recent"
    entry = HarEntry(
        request=Request(url=url), response=Response(status=404, headers={}, body=b"404", url=url)
    )
    archive = HarArchive(started=START, hosts={}, entries=(entry,))
    clock = FixedClock(START)

    async def run() -> None:
        async with open_client(
            clock=clock,
            listener=ignore_events,
            credentials=Credentials.none(),
            archive=archive,
            rates=rate_limits(pypistats=BASE),
        ) as client:
            for _ in range(50):
                result = await PypistatsSource(client, url=BASE).read(named_target("x"))
                assert result == DownloadsResult()

    asyncio.run(run())
    assert clock.monotonic() == 0
