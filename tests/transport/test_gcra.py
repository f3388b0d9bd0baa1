"""Request rates: how fast hosts are asked, in which order, and who delays whom."""

import asyncio
import contextlib
import datetime as dt
import itertools
import math
import random
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkgharvest.model.clock import FixedClock
from pkgharvest.model.errors import BudgetSpent, Malformed, RateLimited, Unavailable
from pkgharvest.model.events import ignore_events
from pkgharvest.transport.base import Request, Response
from pkgharvest.transport.rate_limit.limiter import (
    PYPISTATS,
    UNLIMITED,
    GcraQueue,
    RateLimit,
    RateLimiter,
    find_rate_limit,
    rate_limits,
)
from pkgharvest.transport.resend import Retry
from tests.support.github_case import github_host

GITHUB = RateLimit.within(900)

START = dt.datetime(2026, 2, 15, 18, 8, 42, tzinfo=dt.UTC)
STATS, REST = "https://pypistats.org/api/packages/x/recent", "https://api.github.com/repos/a/b"
HALF = RateLimit(30)


class StepClock(FixedClock):
    """A clock for many sleepers: when none can go on, it jumps to the next alarm."""

    def __init__(self) -> None:
        super().__init__(START)
        self._elapsed = 0.0
        self._alarms: list[tuple[float, asyncio.Future[None]]] = []

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        alarm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._alarms.append((self._elapsed + seconds, alarm))
        await alarm

    async def pass_by(self, until: float) -> None:
        """Move the clock to ``until``, and let everything happen that is due."""
        while True:
            for _ in range(50):
                await asyncio.sleep(0)
            self._alarms = [entry for entry in self._alarms if not entry[1].done()]
            moment, alarm = min(self._alarms, key=lambda entry: entry[0], default=(math.inf, None))
            if alarm is None or moment > until:
                break
            self._elapsed = max(self._elapsed, moment)
            alarm.set_result(None)
        self._elapsed = max(self._elapsed, until)


class Host:
    """Records its requests and when they came. Each response takes ``seconds``."""

    def __init__(self, clock: FixedClock, *statuses: int, seconds: float = 0.0) -> None:
        self.clock = clock
        self.statuses = list(statuses) or [200]
        self.seconds = seconds
        self.sent: list[tuple[float, str]] = []

    @property
    def times(self) -> list[float]:
        return [moment for moment, _ in self.sent]

    async def send(self, request: Request) -> Response:
        self.sent.append((self.clock.monotonic(), request.url))
        if self.seconds:
            await self.clock.sleep(self.seconds)
        else:
            await asyncio.sleep(0)
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return Response(status=status, headers={}, body=b"", url=request.url)


def limits(
    host: Host,
    *,
    rates: Mapping[str, RateLimit] | None = None,
    concurrency: int = 8,
    wait: bool = False,
    budget: int | None = None,
) -> RateLimiter:
    return RateLimiter(
        host,
        clock=host.clock,
        listener=ignore_events,
        concurrency=concurrency,
        wait=wait,
        request_budget=budget,
        rates={"pypistats.org": HALF} if rates is None else rates,
    )


async def ask(link: RateLimiter | Retry, url: str = STATS) -> int | str:
    try:
        return (await link.send(Request(url=url))).status
    except (RateLimited, BudgetSpent, Unavailable) as error:
        return type(error).__name__


async def ends(asking: Sequence[asyncio.Task[int | str]]) -> list[int | str]:
    """Return the results of tasks that must be done by now."""
    assert all(task.done() for task in asking)
    return [await task for task in asking]


def most_in_a_minute(times: Sequence[float]) -> int:
    """Count the fullest 60 seconds, both ends included."""
    return max(sum(start <= moment <= start + 60 for moment in times) for start in times)


# ── find the rate ───────────────────────────────────────────────────────────────────────────


def test_the_rates_of_public_hosts_are_within_their_limits() -> None:
    assert PYPISTATS.per_minute + PYPISTATS.burst == 30
    assert PYPISTATS.burst + math.floor(1 / PYPISTATS.interval_seconds) <= 5
    assert GITHUB.per_minute + GITHUB.burst == 900
    assert GITHUB.per_minute >= 0.9 * 900


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://pypistats.org/api/packages/x/recent", ("pypistats.org/api/packages", PYPISTATS)),
        ("https://pypistats.org/about", ("pypistats.org", UNLIMITED)),
        ("https://api.github.com/repos/a/b?page=2", ("api.github.com", GITHUB)),
        ("https://api.github.com/graphql", ("api.github.com", GITHUB)),
        ("https://api.github.com", ("api.github.com", GITHUB)),
        ("https://api.github.com:8443/x", ("api.github.com:8443", UNLIMITED)),
        ("https://api.github.com.example.org/x", ("api.github.com.example.org", UNLIMITED)),
        ("https://pypi.org/simple/x/", ("pypi.org", UNLIMITED)),
    ],
)
def test_rates_of_public_hosts(url: str, expected: tuple[str, RateLimit]) -> None:
    rates = rate_limits([github_host("https://api.github.com/")], pypistats="https://pypistats.org")
    assert find_rate_limit(url, rates) == expected


def test_one_server_in_place_of_all_hosts_keeps_their_rates_apart() -> None:
    base = "http://127.0.0.1:8080"
    rates = rate_limits([github_host(f"{base}/github")], pypistats=f"{base}/stats/")
    stats = find_rate_limit(f"{base}/stats/api/packages/x/recent", rates)
    assert stats == ("127.0.0.1:8080/stats/api/packages", PYPISTATS)
    for path in ("/simple/x/", "/github/repos/a/b", "/stats/api/packagesque"):
        assert find_rate_limit(base + path, rates) == ("127.0.0.1:8080", UNLIMITED)


def test_the_rate_with_the_longest_matching_path_counts() -> None:
    rates = {"h.test": RateLimit(1), "h.test/a/b": RateLimit(3), "h.test/a": RateLimit(2)}
    found = [
        find_rate_limit(f"https://h.test{path}", rates)[1].per_minute
        for path in ("/a/b", "/a/c", "")
    ]
    assert found == [3, 2, 1]


@pytest.mark.parametrize("written", ["api.github.com", "api.github.com:443", "API.GitHub.com"])
def test_a_configured_limit_replaces_the_known_rate_of_the_host(written: str) -> None:
    rates = rate_limits(
        [github_host("https://api.github.com")],
        pypistats="https://pypistats.org",
        limits={written: 300},
    )
    assert find_rate_limit(REST, rates) == ("api.github.com", RateLimit(290, burst=10))
    assert find_rate_limit(STATS, rates) == ("pypistats.org/api/packages", PYPISTATS)


def test_a_configured_limit_applies_to_the_whole_host() -> None:
    base = "http://127.0.0.1:8080"
    limits = {"127.0.0.1:8080": 60, "pypistats.org": 90}
    rates = rate_limits([github_host(f"{base}/github")], pypistats=f"{base}/stats", limits=limits)
    for path in ("/stats/api/packages/x/recent", "/github/repos/a/b", "/simple/x/"):
        assert find_rate_limit(base + path, rates) == ("127.0.0.1:8080", RateLimit(58, burst=2))
    assert find_rate_limit(STATS, rates) == ("pypistats.org", RateLimit(87, burst=3))


def test_an_unlimited_host_can_have_a_configured_limit() -> None:
    rates = rate_limits(
        [github_host("https://api.github.com")],
        limits={"pypi.org": 10, "[::1]:8080": 1, "h.test:80": 2},
    )
    assert find_rate_limit("https://pypi.org/simple/x/", rates) == (
        "pypi.org",
        RateLimit.within(10),
    )
    assert find_rate_limit("http://[::1]:8080/x", rates) == ("[::1]:8080", RateLimit.within(1))
    assert find_rate_limit("https://pypi.org:8443/x", rates) == ("pypi.org:8443", UNLIMITED)
    assert find_rate_limit("https://h.test/x", rates) == ("h.test", UNLIMITED)
    assert find_rate_limit(REST, rates) == ("api.github.com", GITHUB)


@pytest.mark.parametrize("host", ["", "a b", "[::1"])
def test_a_limit_for_an_invalid_host_is_malformed(host: str) -> None:
    with pytest.raises(Malformed):
        rate_limits([github_host("https://api.github.com")], limits={host: 60})


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (900, GITHUB),
        (30, RateLimit(29)),
        (1, RateLimit(29 / 30)),
        (0.5, RateLimit(0.5 * 29 / 30)),
        (59, RateLimit(59 * 29 / 30)),
        (60.9, RateLimit(58, burst=2)),
    ],
)
def test_a_rate_within_a_limit(limit: float, expected: RateLimit) -> None:
    assert RateLimit.within(limit) == expected


@pytest.mark.parametrize("limit", [0, -1])
def test_no_rate_is_within_a_limit_of_zero(limit: float) -> None:
    with pytest.raises(ValueError, match="lets nothing through"):
        RateLimit.within(limit)


@pytest.mark.parametrize(("per_minute", "burst"), [(0, 1), (-1, 1), (math.nan, 1), (1, 0)])
def test_a_rate_must_let_something_through(per_minute: float, burst: int) -> None:
    with pytest.raises(ValueError, match="lets nothing through"):
        RateLimit(per_minute, burst=burst)


# ── the rate ─────────────────────────────────────────────────────────────────────────────


def test_thirty_requests_at_thirty_a_minute_take_58_seconds() -> None:
    host = Host(FixedClock(START))
    link = limits(host)

    async def run() -> None:
        assert await asyncio.gather(*(ask(link) for _ in range(30))) == [200] * 30

    asyncio.run(run())
    assert host.times == [2.0 * number for number in range(30)]


def test_a_pause_earns_no_burst_without_a_burst_rate() -> None:
    clock = FixedClock(START)
    host = Host(clock)
    link = limits(host)

    async def run() -> None:
        await ask(link)
        await clock.sleep(3600)
        await asyncio.gather(*(ask(link) for _ in range(3)))

    asyncio.run(run())
    assert host.times == [0, 3600, 3602, 3604]


def test_a_rate_with_a_burst_lets_it_go_at_once() -> None:
    host = Host(FixedClock(START))
    link = limits(host, rates={"pypistats.org": RateLimit(60, burst=3)})

    async def run() -> None:
        await asyncio.gather(*(ask(link) for _ in range(5)))

    asyncio.run(run())
    assert host.times == [0, 0, 0, 1, 2]


@given(
    st.lists(st.sampled_from([0.0, 0.0, 0.1, 1.0, 1.9, 2.0, 7.0, 100.0]), max_size=80),
    st.sampled_from(
        [HALF, PYPISTATS, RateLimit(870, burst=30), RateLimit(45, burst=5), RateLimit(0.5)]
    ),
)
def test_no_minute_has_more_requests_than_the_rate_allows(
    gaps: list[float], rate: RateLimit
) -> None:
    """In whatever order they come, and none later than necessary."""
    clock = StepClock()
    host = Host(clock)
    link = limits(host, rates={"pypistats.org": rate})

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            for gap in gaps:
                group.create_task(ask(link))
                await clock.pass_by(clock.monotonic() + gap)
            group.create_task(clock.pass_by(10**6))

    asyncio.run(run())
    assert len(host.sent) == len(gaps)
    if gaps:
        # To the rounding of 60 seconds.
        counted = most_in_a_minute([moment * (1 + 1e-9) for moment in host.times])
        assert counted <= rate.per_minute + rate.burst
        assert host.times[-1] <= sum(gaps) + len(gaps) * rate.interval_seconds


@given(st.one_of(st.integers(1, 99), st.floats(1, 99), st.floats(0.01, 1)))
def test_no_minute_has_more_requests_than_the_limit_of_the_rate(limit: float) -> None:
    """All requests at once, the worst case; limits below one apply to a longer time."""
    clock = FixedClock(START)
    rate = RateLimit.within(limit)

    async def run() -> list[float]:
        queue = GcraQueue(rate, clock)
        times = []
        for _ in range(math.ceil(limit) + 2):
            await queue.wait_until_due()
            queue.reserve()
            times.append(clock.monotonic())
        return times

    times = asyncio.run(run())
    assert most_in_a_minute([moment * (1 + 1e-9) for moment in times]) <= max(1, limit)
    # Nor much less than it.
    assert times[-1] <= len(times) * 60 / max(math.floor(limit), min(limit, 1)) * 30 / 29


def test_a_host_without_a_rate_limit_is_not_slowed() -> None:
    host = Host(FixedClock(START))
    link = limits(host)

    async def run() -> None:
        await asyncio.gather(*(ask(link, REST) for _ in range(200)))

    asyncio.run(run())
    assert host.times == [0.0] * 200


# ── order, and who delays whom ─────────────────────────────────────────────────────────


def test_requests_in_the_queue_are_served_first_come_first_served() -> None:
    host = Host(FixedClock(START))
    link = limits(host)
    urls = [f"{STATS}?{number}" for number in range(20)]

    async def run() -> None:
        await asyncio.gather(*(ask(link, url) for url in urls))

    asyncio.run(run())
    assert [url for _, url in host.sent] == urls


def test_a_request_in_the_queue_delays_no_other_host() -> None:
    clock = StepClock()
    host = Host(clock)
    link = limits(host, concurrency=1, rates={"pypistats.org": HALF, "other.test": RateLimit(60)})

    async def run() -> None:
        stats = [asyncio.create_task(ask(link)) for _ in range(10)]
        others = [asyncio.create_task(ask(link, "https://other.test/")) for _ in range(4)]
        await clock.pass_by(0)
        unlimited = [asyncio.create_task(ask(link, REST)) for _ in range(9)]
        await clock.pass_by(0)
        assert await ends(unlimited) == [200] * 9
        await clock.pass_by(3)
        assert all(task.done() for task in others)
        assert sum(task.done() for task in stats) == 2
        await clock.pass_by(18)
        assert all(task.done() for task in stats)

    asyncio.run(run())


def test_a_request_in_the_queue_holds_no_slot() -> None:
    """The rate of one part of a host leaves its slots to the other parts."""
    clock = StepClock()
    host = Host(clock)
    link = limits(host, concurrency=1, rates={"h.test/slow": HALF})

    async def run() -> None:
        slow = [asyncio.create_task(ask(link, "https://h.test/slow/x")) for _ in range(3)]
        await clock.pass_by(1)
        fast = asyncio.create_task(ask(link, "https://h.test/fast"))
        await clock.pass_by(1)
        assert await ends([fast]) == [200]
        await clock.pass_by(4)
        assert await ends(slow) == [200] * 3

    asyncio.run(run())
    assert host.times == [0, 1, 2, 4]


def test_a_slow_host_gets_no_burst_when_it_is_free_again() -> None:
    clock = StepClock()
    host = Host(clock, seconds=10)
    link = limits(host, concurrency=2)

    async def run() -> None:
        asking = [asyncio.create_task(ask(link)) for _ in range(6)]
        await clock.pass_by(60)
        assert await ends(asking) == [200] * 6

    asyncio.run(run())
    assert host.times == [0, 2, 10, 12, 20, 22]


# ── cancellation, refusal, budget ────────────────────────────────────────────────────────


@pytest.mark.parametrize("cancelled", [(1,), (1, 2), (3,), (1, 3, 5), (2, 3, 4, 5)])
def test_a_canceled_request_gives_its_turn_back(cancelled: tuple[int, ...]) -> None:
    clock = StepClock()
    host = Host(clock)
    link = limits(host)

    async def run() -> None:
        asking = [asyncio.create_task(ask(link, f"{STATS}?{number}")) for number in range(7)]
        await clock.pass_by(1)
        for number in cancelled:
            asking[number].cancel()
        await clock.pass_by(20)
        assert all(task.done() for task in asking)
        done = await asyncio.gather(*asking, return_exceptions=True)
        assert [isinstance(each, asyncio.CancelledError) for each in done] == [
            number in cancelled for number in range(7)
        ]

    asyncio.run(run())
    left = [number for number in range(7) if number not in cancelled]
    assert host.sent == [(2.0 * turn, f"{STATS}?{number}") for turn, number in enumerate(left)]


def test_a_request_canceled_while_waiting_for_a_slot_leaves_the_queue() -> None:
    clock = StepClock()
    host = Host(clock, seconds=5)
    link = limits(host, concurrency=1)

    async def run() -> None:
        asking = [asyncio.create_task(ask(link)) for _ in range(4)]
        await clock.pass_by(3)  # the second has its turn, and no slot
        asking[1].cancel()
        await clock.pass_by(60)
        with contextlib.suppress(asyncio.CancelledError):
            await asking[1]
        assert await ends([asking[0], *asking[2:]]) == [200] * 3

    asyncio.run(run())
    assert host.times == [0, 5, 10]


def test_a_request_canceled_in_flight_gives_its_slot_back() -> None:
    clock = StepClock()
    host = Host(clock, seconds=5)
    link = limits(host, concurrency=1)

    async def run() -> None:
        asking = [asyncio.create_task(ask(link)) for _ in range(2)]
        await clock.pass_by(3)
        asking[0].cancel()
        await clock.pass_by(10)
        assert await ends(asking[1:]) == [200]

    asyncio.run(run())
    assert host.times == [0, 3]


@given(st.data())
def test_whatever_is_canceled_the_other_requests_go(data: st.DataObject) -> None:
    clock = StepClock()
    host = Host(clock, seconds=data.draw(st.sampled_from([0.0, 1.0, 9.0])))
    link = limits(host, concurrency=data.draw(st.integers(1, 3)))
    count = data.draw(st.integers(1, 12))
    strokes = data.draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, 20))))

    async def run() -> tuple[int, int]:
        asking = [asyncio.create_task(ask(link)) for _ in range(count)]
        for number, quarters in strokes:
            await clock.pass_by(clock.monotonic() + quarters / 4)
            asking[number].cancel()
        await clock.pass_by(10**4)
        assert all(task.done() for task in asking)
        results = await asyncio.gather(*asking, return_exceptions=True)
        assert not any(lane.slots.locked() for lane in link._hosts.values())
        stopped = sum(isinstance(result, asyncio.CancelledError) for result in results)
        return results.count(200), stopped

    went, stopped = asyncio.run(run())
    assert went + stopped == count
    assert all(later - sooner >= 2 for sooner, later in itertools.pairwise(host.times))


def test_a_blocked_host_refuses_the_whole_queue_at_once() -> None:
    clock = StepClock()
    host = Host(clock, 429)
    link = limits(host)

    async def run() -> list[int | str]:
        asking = [asyncio.create_task(ask(link)) for _ in range(20)]
        await clock.pass_by(1)
        late = asyncio.create_task(ask(link))
        await clock.pass_by(1)
        refused = await ends([late])
        await clock.pass_by(2)
        return refused + await ends(asking)

    assert asyncio.run(run()) == ["RateLimited"] * 21
    assert host.times == [0]


def test_after_a_wait_requests_go_evenly_and_in_order() -> None:
    clock = StepClock()
    host = Host(clock, 429, 200)
    link = limits(host, wait=True, rates={"pypistats.org": RateLimit(60, burst=4)})

    async def run() -> None:
        asking = [asyncio.create_task(ask(link, f"{STATS}?{number}")) for number in range(6)]
        await clock.pass_by(500)
        assert await ends(asking) == [200] * 6

    asyncio.run(run())
    refused, fine = host.sent[:4], host.sent[4:]
    assert [moment for moment, _ in refused] == [0] * 4
    assert [moment for moment, _ in fine] == [60, 61, 62]  # no burst: the host complained


def test_a_spent_budget_is_reported_without_waiting_in_the_queue() -> None:
    clock = StepClock()
    host = Host(clock)
    link = limits(host, budget=2)

    async def run() -> list[int | str]:
        asking = [asyncio.create_task(ask(link)) for _ in range(20)]
        await clock.pass_by(4)
        return await ends(asking)

    assert asyncio.run(run()) == [200, 200, *["BudgetSpent"] * 18]


# ── waiting and the retry budget ──────────────────────────────────────────────────────────


def retrying(host: Host, inner: RateLimiter) -> Retry:
    return Retry(
        inner,
        clock=host.clock,
        listener=ignore_events,
        randomness=random.Random(1),
        budget_seconds=30,
    )


def test_time_in_the_queue_does_not_count_against_the_retry_budget() -> None:
    """The twentieth request waits longer than its retry budget, and is retried nevertheless."""
    clock = StepClock()
    host = Host(clock, *[200] * 19, 503, 200)
    link = retrying(host, limits(host))

    async def run() -> None:
        asking = [asyncio.create_task(ask(link)) for _ in range(20)]
        await clock.pass_by(100)
        assert await ends(asking) == [200] * 20

    asyncio.run(run())
    assert host.times == [2.0 * turn for turn in range(21)]


def test_time_waiting_for_a_block_does_not_count_against_the_retry_budget() -> None:
    clock = FixedClock(START)
    host = Host(clock, 429, 503, 200)
    link = retrying(host, limits(host, wait=True))
    assert asyncio.run(ask(link)) == 200
    assert host.times[1] == 60
    assert len(host.sent) == 3


def test_time_that_the_host_takes_counts_against_the_retry_budget() -> None:
    host = Host(FixedClock(START), 503, seconds=31)
    assert asyncio.run(ask(retrying(host, limits(host)))) == 503
    assert len(host.sent) == 1


def test_the_limiter_wait_is_recorded_in_the_request() -> None:
    host = Host(FixedClock(START))
    link = limits(host)
    requests = [Request(url=STATS) for _ in range(3)]

    async def run() -> None:
        for request in requests:
            await link.send(request)

    asyncio.run(run())
    assert [request.limiter_wait.seconds for request in requests] == [0, 2, 2]
    assert requests[0] == requests[2]


# ── the queue by itself ──────────────────────────────────────────────────────────────────


def test_a_turn_that_is_not_reserved_costs_nothing() -> None:
    clock = FixedClock(START)
    queue = GcraQueue(HALF, clock)

    async def run() -> None:
        for taken in (True, False, False, True):
            async with queue.lock:
                await queue.wait_until_due()
                if taken:
                    queue.reserve()

    asyncio.run(run())
    assert clock.monotonic() == 2


def test_a_pause_is_never_shortened() -> None:
    clock = FixedClock(START)
    queue = GcraQueue(HALF, clock)
    queue.pause_until(90)
    queue.pause_until(10)

    async def run() -> None:
        await queue.wait_until_due()
        assert clock.monotonic() == 90

    asyncio.run(run())
