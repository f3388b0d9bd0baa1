"""Metrics: the quotas that are reported, and how a pause is told from a used-up quota."""

import asyncio
from collections.abc import Mapping

import pytest

from pkgharvest.model.clock import FixedClock
from pkgharvest.model.errors import Unavailable
from pkgharvest.model.events import Event, QuotaReported, RequestFinished, RequestThrottled
from pkgharvest.transport.base import Request, Response
from pkgharvest.transport.credentials import Credentials
from pkgharvest.transport.metrics import MetricsTransport
from pkgharvest.transport.rate_limit.limiter import RateLimiter
from tests.support.github_case import NOW

RESET = int(NOW.timestamp()) + 1_800


class ScriptedHost:
    """A host that responds with these headers in turn; None is no response."""

    def __init__(self, *headers: Mapping[str, str] | None, status: int = 200) -> None:
        self._headers = iter(headers)
        self._status = status

    async def send(self, request: Request) -> Response:
        """Return the next response."""
        headers = next(self._headers)
        if headers is None:
            raise Unavailable("no answer")
        return Response(status=self._status, headers=headers, body=b"", url=request.url)


def quota(
    remaining: int, *, reset: int = RESET, resource: str | None = "core", limit: int | None = 5_000
) -> dict[str, str]:
    """Return the headers of a quota."""
    return {
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": str(reset),
        **({} if resource is None else {"x-ratelimit-resource": resource}),
        **({} if limit is None else {"x-ratelimit-limit": str(limit)}),
    }


def collect_events(
    *headers: Mapping[str, str] | None, url: str = "https://api.github.com/x"
) -> list[Event]:
    """Return the events of one request after the other."""
    events: list[Event] = []

    async def ask() -> None:
        transport = MetricsTransport(
            ScriptedHost(*headers),
            credentials=Credentials.none(),
            clock=FixedClock(NOW),
            listener=events.append,
        )
        for each in headers:
            if each is None:
                with pytest.raises(Unavailable):
                    await transport.send(Request(url=url))
            else:
                await transport.send(Request(url=url))

    asyncio.run(ask())
    return events


def reported_quotas(*headers: Mapping[str, str] | None) -> list[tuple[str | None, int]]:
    """Return the reported quotas: resource and remaining."""
    return [
        (event.resource, event.remaining)
        for event in collect_events(*headers)
        if isinstance(event, QuotaReported)
    ]


def test_a_quota_is_reported_after_its_request() -> None:
    finished, quota_event = collect_events(quota(4_999), url="https://example.org:8443/x")
    assert isinstance(finished, RequestFinished)
    assert isinstance(quota_event, QuotaReported)
    assert (quota_event.host, quota_event.resource, quota_event.remaining) == (
        "example.org:8443",
        "core",
        4_999,
    )
    assert quota_event.limit == 5_000
    assert quota_event.reset is not None
    assert quota_event.reset.timestamp() == RESET


def test_a_quota_is_reported_only_when_it_changed() -> None:
    assert reported_quotas(quota(9), quota(9), {}, None, quota(8), quota(8)) == [
        ("core", 9),
        ("core", 8),
    ]


def test_an_overtaken_quota_is_not_reported() -> None:
    assert reported_quotas(quota(8), quota(9), quota(3, reset=RESET - 3_600), quota(7)) == [
        ("core", 8),
        ("core", 7),
    ]


def test_the_quota_of_a_new_period_is_reported() -> None:
    assert reported_quotas(quota(0), quota(5_000, reset=RESET + 3_600)) == [
        ("core", 0),
        ("core", 5_000),
    ]


def test_quotas_are_told_apart_by_resource() -> None:
    assert reported_quotas(quota(9), quota(8, resource="graphql"), quota(9), quota(8)) == [
        ("core", 9),
        ("graphql", 8),
        ("core", 8),
    ]


def test_a_quota_without_limit_and_reset_is_reported() -> None:
    (_, quota_event) = collect_events({"ratelimit-remaining": "7"})
    assert quota_event == QuotaReported(
        host="api.github.com", resource=None, remaining=7, limit=None, reset=None
    )


@pytest.mark.parametrize(
    ("headers", "used_up"),
    [(quota(0), True), ({**quota(9), "retry-after": "90"}, False), ({"retry-after": "5"}, False)],
)
def test_a_requested_pause_is_told_from_a_used_up_quota(
    headers: dict[str, str], used_up: bool
) -> None:
    events: list[Event] = []

    async def ask() -> None:
        limits = RateLimiter(
            ScriptedHost(headers, {"x-ratelimit-remaining": "9"}, status=403),
            clock=FixedClock(NOW),
            listener=events.append,
            wait=True,
        )
        await limits.send(Request(url="https://api.github.com/x"))

    asyncio.run(ask())
    (event,) = events
    assert isinstance(event, RequestThrottled)
    assert event.used_up is used_up
