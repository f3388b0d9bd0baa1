"""Retries: what is sent again, how often, and after which delay."""

import asyncio
import datetime as dt
import random

import pytest

from pkgharvest.model.clock import FixedClock
from pkgharvest.model.errors import Malformed, RateLimited, SourceError, TimedOut, Unavailable
from pkgharvest.model.events import Event, RequestRetried
from pkgharvest.transport.base import Request, Response
from pkgharvest.transport.resend import Retry

START = dt.datetime(2026, 2, 15, 18, 8, 42, tzinfo=dt.UTC)
URL = "https://me:pw@example.org/x"


class Host:
    """Gives each of its results in turn, and repeats the last."""

    def __init__(self, *results: int | SourceError, after: str | None = None) -> None:
        self.results = list(results)
        self.sent = 0
        self.headers = {"retry-after": after} if after is not None else {}

    async def send(self, request: Request) -> Response:
        self.sent += 1
        result = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        if isinstance(result, SourceError):
            raise result
        return Response(status=result, headers=self.headers, body=b"", url=request.url)


class Trial:
    """One request through ``Retry``, and the retries that it announced."""

    def __init__(
        self, host: Host, *, seed: int = 1, attempts: int = 3, budget: float = 120
    ) -> None:
        self.clock = FixedClock(START)
        self.announced: list[RequestRetried] = []
        self.retry = Retry(
            host,
            clock=self.clock,
            listener=self.listen,
            randomness=random.Random(seed),
            attempts=attempts,
            budget_seconds=budget,
        )

    def listen(self, event: Event) -> None:
        assert isinstance(event, RequestRetried)
        self.announced.append(event)

    def send(self, method: str = "GET") -> Response:
        return asyncio.run(self.retry.send(Request(url=URL, method=method)))


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_temporary_statuses_are_retried(status: int) -> None:
    host = Host(status, status, 200)
    trial = Trial(host)
    assert trial.send().status == 200
    assert host.sent == 3
    assert [event.attempt for event in trial.announced] == [2, 3]
    assert trial.announced[0].reason == f"status {status}"
    assert trial.announced[0].url == "https://example.org/x"
    assert sum(event.seconds for event in trial.announced) == trial.clock.monotonic()


@pytest.mark.parametrize("status", [200, 202, 204, 304, 400, 401, 403, 404, 410, 451, 501])
def test_lasting_statuses_are_not_retried(status: int) -> None:
    host = Host(status)
    assert Trial(host).send().status == status
    assert host.sent == 1


def test_the_last_response_of_all_retries_is_returned() -> None:
    host = Host(500, 502, 503, 200)
    assert Trial(host).send().status == 503
    assert host.sent == 3


@pytest.mark.parametrize("error", [Unavailable("no connection"), TimedOut("silent")])
def test_temporary_errors_are_retried(error: SourceError) -> None:
    host = Host(error, 200)
    trial = Trial(host)
    assert trial.send().status == 200
    assert trial.announced[0].reason == error.message
    host = Host(error)
    with pytest.raises(type(error)) as caught:
        Trial(host).send()
    assert caught.value is error
    assert host.sent == 3


@pytest.mark.parametrize("error", [Malformed("nonsense"), RateLimited("example.org", None)])
def test_lasting_errors_are_not_retried(error: SourceError) -> None:
    host = Host(error)
    with pytest.raises(type(error)):
        Trial(host).send()
    assert host.sent == 1


def test_retry_delays_grow_with_jitter_up_to_the_cap() -> None:
    trials = [Trial(Host(500), seed=seed, attempts=12, budget=1e9) for seed in range(40)]
    for trial in trials:
        trial.send()
        for number, event in enumerate(trial.announced):
            assert 0 <= event.seconds <= min(30, 0.5 * 2**number)
    ninth = [trial.announced[9].seconds for trial in trials]
    assert max(ninth) > 20
    assert min(ninth) < 10
    assert [event.seconds for event in trials[0].announced] != [
        e.seconds for e in trials[1].announced
    ]


@pytest.mark.parametrize(
    ("after", "seconds"),
    [("7", 7), ("0", 0), ("30", 30), ("Sun, 15 Feb 2026 18:08:52 GMT", 10)],
)
def test_retry_after_takes_precedence(after: str, seconds: float) -> None:
    trial = Trial(Host(503, 200, after=after))
    assert trial.send().status == 200
    assert [event.seconds for event in trial.announced] == [seconds]


@pytest.mark.parametrize("after", ["31", "999999999999999", "Sun, 15 Feb 2099 18:08:52 GMT"])
def test_a_retry_after_above_the_cap_ends_the_retries(after: str) -> None:
    host = Host(503, 200, after=after)
    trial = Trial(host)
    assert trial.send().status == 503
    assert (host.sent, trial.clock.monotonic()) == (1, 0)


@pytest.mark.parametrize("after", ["", "soon", "-5", "1" * 400])
def test_an_unreadable_retry_after_is_ignored(after: str) -> None:
    trial = Trial(Host(503, 200, after=after))
    assert trial.send().status == 200
    assert 0 <= trial.announced[0].seconds <= 0.5


def test_retries_are_limited_in_time() -> None:
    host = Host(503, after="20")
    trial = Trial(host, attempts=100, budget=50)
    assert trial.send().status == 503
    assert (host.sent, trial.clock.monotonic()) == (3, 40)


def test_a_query_that_is_too_large_is_not_retried() -> None:
    for status, sent in ((502, 1), (504, 1), (503, 3), (500, 3)):
        host = Host(status)
        assert Trial(host).send("POST").status == status
        assert host.sent == sent


def test_cancellation_ends_the_retries() -> None:
    class Slow:
        async def send(self, request: Request) -> Response:
            await asyncio.sleep(30)
            raise AssertionError(request)

    async def run() -> None:
        trial = Trial(Host(200))
        trial.retry = Retry(
            Slow(), clock=trial.clock, listener=trial.listen, randomness=random.Random(1)
        )
        task = asyncio.create_task(trial.retry.send(Request(url=URL)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
