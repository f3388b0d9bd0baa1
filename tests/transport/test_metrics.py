"""What the meter tells of hosts' quotas, and how a wait for one is told from a pause."""

import asyncio
from collections.abc import Mapping

import pytest

from pkgharvest.model.clock import FixedClock
from pkgharvest.model.errors import Unavailable
from pkgharvest.model.events import Event, QuotaReported, RequestFinished, RequestThrottled
from pkgharvest.transport.base import Request, Response
from pkgharvest.transport.credentials import Credentials
from pkgharvest.transport.metrics import MetricsTransport, RequestMetrics
from pkgharvest.transport.rate_limit.limiter import RateLimiter
from tests.support.github_case import NOW

RESET = int(NOW.timestamp()) + 1_800


class Saying:
    """A host that answers with these headers, one after the other; None: it does not answer."""

    def __init__(self, *headers: Mapping[str, str] | None, status: int = 200) -> None:
        self._headers = iter(headers)
        self._status = status

    async def send(self, request: Request) -> Response:
        """Answer."""
        headers = next(self._headers)
        if headers is None:
            raise Unavailable("no answer")
        return Response(status=self._status, headers=headers, body=b"", url=request.url)


def quota(
    remaining: int, *, reset: int = RESET, resource: str | None = "core", limit: int | None = 5_000
) -> dict[str, str]:
    """Headers that tell a quota."""
    return {
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": str(reset),
        **({} if resource is None else {"x-ratelimit-resource": resource}),
        **({} if limit is None else {"x-ratelimit-limit": str(limit)}),
    }


def heard(*headers: Mapping[str, str] | None, url: str = "https://api.github.com/x") -> list[Event]:
    """Return what a listener hears of one request after the other."""
    events: list[Event] = []

    async def ask() -> None:
        meter = MetricsTransport(
            Saying(*headers),
            metrics=RequestMetrics(),
            credentials=Credentials.none(),
            clock=FixedClock(NOW),
            listener=events.append,
        )
        for told in headers:
            if told is None:
                with pytest.raises(Unavailable):
                    await meter.send(Request(url=url))
            else:
                await meter.send(Request(url=url))

    asyncio.run(ask())
    return events


def told(*headers: Mapping[str, str] | None) -> list[tuple[str | None, int]]:
    """Return what a listener hears of quotas: resource and remaining."""
    return [
        (event.resource, event.remaining)
        for event in heard(*headers)
        if isinstance(event, QuotaReported)
    ]


def test_a_quota_is_told_after_its_request() -> None:
    requested, said = heard(quota(4_999), url="https://example.org:8443/x")
    assert isinstance(requested, RequestFinished)
    assert isinstance(said, QuotaReported)
    assert (said.host, said.resource, said.remaining) == ("example.org:8443", "core", 4_999)
    assert said.limit == 5_000
    assert said.reset is not None
    assert said.reset.timestamp() == RESET


def test_only_news_are_told() -> None:
    assert told(quota(9), quota(9), {}, None, quota(8), quota(8)) == [("core", 9), ("core", 8)]


def test_an_answer_that_was_overtaken_is_no_news() -> None:
    assert told(quota(8), quota(9), quota(3, reset=RESET - 3_600), quota(7)) == [
        ("core", 8),
        ("core", 7),
    ]


def test_a_new_period_is_news() -> None:
    assert told(quota(0), quota(5_000, reset=RESET + 3_600)) == [("core", 0), ("core", 5_000)]


def test_quotas_are_told_apart() -> None:
    assert told(quota(9), quota(8, resource="graphql"), quota(9), quota(8)) == [
        ("core", 9),
        ("graphql", 8),
        ("core", 8),
    ]


def test_what_a_host_does_not_say() -> None:
    (_, said) = heard({"ratelimit-remaining": "7"})
    assert said == QuotaReported(
        host="api.github.com", resource=None, remaining=7, limit=None, reset=None
    )


@pytest.mark.parametrize(
    ("headers", "used_up"),
    [(quota(0), True), ({**quota(9), "retry-after": "90"}, False), ({"retry-after": "5"}, False)],
)
def test_a_pause_is_told_from_a_used_up_quota(headers: dict[str, str], used_up: bool) -> None:
    events: list[Event] = []

    async def ask() -> None:
        limits = RateLimiter(
            Saying(headers, {"x-ratelimit-remaining": "9"}, status=403),
            clock=FixedClock(NOW),
            listener=events.append,
            wait=True,
        )
        await limits.send(Request(url="https://api.github.com/x"))

    asyncio.run(ask())
    (event,) = events
    assert isinstance(event, RequestThrottled)
    assert event.used_up is used_up
