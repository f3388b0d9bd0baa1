"""The rate limiter: concurrency, quotas, refusals, waits and the request budget."""

import asyncio
import datetime as dt
import json
from collections.abc import Mapping
from email.utils import format_datetime

import pytest

from pkgharvest.model.clock import FixedClock
from pkgharvest.model.errors import BudgetSpent, RateLimited, Unavailable
from pkgharvest.model.events import Event, RequestThrottled
from pkgharvest.transport.base import Request, Response
from pkgharvest.transport.rate_limit.limiter import RateLimiter

START = dt.datetime(2026, 2, 15, 18, 8, 42, tzinfo=dt.UTC)
EPOCH = int(START.timestamp())
API = "https://api.github.com"
REST, GRAPHQL, ELSEWHERE = f"{API}/repos/a/b", f"{API}/graphql", "https://pypi.org/simple/x/"

SECONDARY = {
    "message": "You have exceeded a secondary rate limit. Please wait a few minutes.",
    "documentation_url": "https://docs.github.com/x#about-secondary-rate-limits",
}


def quota(remaining: int, reset: int = 3600, resource: str | None = "core") -> dict[str, str]:
    """Return the headers of a quota that resets ``reset`` seconds after the start."""
    headers = {
        "x-ratelimit-limit": "5000",
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": str(EPOCH + reset),
    }
    return headers if resource is None else headers | {"x-ratelimit-resource": resource}


Scripted = tuple[int, Mapping[str, str], bytes]


class Host:
    """Gives each of its answers in turn and repeats the last; or holds them back."""

    def __init__(self, *answers: Scripted) -> None:
        self.answers = list(answers) or [(200, {}, b"")]
        self.sent: list[str] = []
        self.in_flight = 0
        self.most_at_once = 0
        self.gate: asyncio.Event | None = None
        """Requests wait for it, if it is set."""

    async def send(self, request: Request) -> Response:
        self.sent.append(request.url)
        self.in_flight += 1
        self.most_at_once = max(self.most_at_once, self.in_flight)
        try:
            await (self.gate.wait() if self.gate else asyncio.sleep(0))
        finally:
            self.in_flight -= 1
        status, headers, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return Response(status=status, headers=headers, body=body, url=request.url)


class Counting(Host):
    """Counts down a quota in its headers, as GitHub does."""

    def __init__(self, left: int, reset: int = 3600, *, free: bool = False) -> None:
        super().__init__()
        self.left = left
        self.reset = reset
        self.free = free
        self.refused = 0

    async def send(self, request: Request) -> Response:
        answer = await super().send(request)
        if self.left == 0:
            self.refused += 1
            return Response(status=403, headers=quota(0, self.reset), body=b"{}", url=request.url)
        self.left -= 0 if self.free else 1
        status = 304 if self.free else 200
        return Response(
            status=status, headers=quota(self.left, self.reset), body=b"", url=answer.url
        )


class Trial:
    """A host behind a rate limiter, with a clock that does not wait."""

    def __init__(
        self,
        host: Host,
        *,
        concurrency: int = 8,
        wait: bool = False,
        max_wait: float = 7200,
        budget: int | None = None,
        obey_quota: bool = True,
        clock: FixedClock | None = None,
    ) -> None:
        self.clock = clock or FixedClock(START)
        self.announced: list[RequestThrottled] = []
        self.limits = RateLimiter(
            host,
            clock=self.clock,
            listener=self.listen,
            concurrency=concurrency,
            wait=wait,
            max_wait=max_wait,
            request_budget=budget,
            obey_quota=obey_quota,
        )

    def listen(self, event: Event) -> None:
        assert isinstance(event, RequestThrottled)
        self.announced.append(event)

    async def get(self, url: str = REST) -> int | str:
        """Return the status of an answer, or the name of the error."""
        try:
            resource = "graphql" if url == GRAPHQL else "core"
            return (await self.limits.send(Request(url=url, resource=resource))).status
        except (RateLimited, BudgetSpent, Unavailable) as error:
            return type(error).__name__

    async def all(self, *urls: str) -> list[int | str]:
        return list(await asyncio.gather(*(self.get(url) for url in urls)))

    def run(self, *urls: str) -> list[int | str]:
        """Ask one after the other."""

        async def one_by_one() -> list[int | str]:
            return [await self.get(url) for url in urls]

        return asyncio.run(one_by_one())


# ── at once ──────────────────────────────────────────────────────────────────────────────


def test_concurrency_is_limited_by_host() -> None:
    host = Host()
    trial = Trial(host, concurrency=3)

    async def run() -> tuple[int, int]:
        host.gate = asyncio.Event()
        asking = asyncio.gather(*(trial.get(REST) for _ in range(10)))
        await asyncio.sleep(0)
        one_host = host.in_flight
        other = asyncio.gather(*(trial.get(ELSEWHERE) for _ in range(10)))
        await asyncio.sleep(0)
        both = host.in_flight
        host.gate.set()
        assert await asking == await other == [200] * 10
        return one_host, both

    assert asyncio.run(run()) == (3, 6)


# ── quota ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("concurrency", [1, 8, 30])
def test_a_host_never_gets_one_request_more_than_its_quota(concurrency: int) -> None:
    host = Counting(51)
    trial = Trial(host, concurrency=concurrency)

    async def run() -> list[int | str]:
        first = await trial.get()  # learns that 50 are left
        return [first, *await trial.all(*[REST] * 1000)]

    results = asyncio.run(run())
    assert results.count(200) == 51
    assert results.count("RateLimited") == 950
    assert (len(host.sent), host.refused) == (51, 0)


def test_a_304_that_is_free_leaves_the_quota_alone() -> None:
    host = Counting(2, free=True)
    trial = Trial(host)

    async def run() -> list[int | str]:
        await trial.get()
        return await trial.all(*[REST] * 50)

    assert asyncio.run(run()) == [304] * 50
    assert host.most_at_once == 2


def test_a_failed_request_counts_against_the_quota() -> None:
    class Failing(Host):
        async def send(self, request: Request) -> Response:
            await super().send(request)
            if len(self.sent) == 1:
                return Response(status=200, headers=quota(2), body=b"", url=request.url)
            raise Unavailable("the connection broke")

    host = Failing()
    assert Trial(host).run(*[REST] * 4) == [200, "Unavailable", "Unavailable", "RateLimited"]


def test_a_used_up_quota_blocks_until_its_reset() -> None:
    host = Host((200, quota(0, 60), b""), (200, quota(4999, 3660), b""))
    trial = Trial(host)

    async def run() -> None:
        assert await trial.get() == 200
        with pytest.raises(RateLimited) as caught:
            await trial.limits.send(Request(url=REST))
        assert caught.value.host == "api.github.com"
        assert caught.value.reset == START + dt.timedelta(seconds=61)
        assert "used up until 18:09:43 UTC" in caught.value.message
        assert await trial.get(ELSEWHERE) == 200
        await trial.clock.sleep(61)
        assert await trial.get() == 200

    asyncio.run(run())
    assert host.sent.count(REST) == 2


def test_rest_and_graphql_have_quotas_of_their_own() -> None:
    host = Host(
        (200, quota(0, resource="core"), b""),
        (200, quota(9, resource="graphql"), b""),
    )
    assert Trial(host).run(REST, GRAPHQL, REST, GRAPHQL) == [200, 200, "RateLimited", 200]


@pytest.mark.parametrize("name", [None, "core"])
def test_one_quota_may_be_shared_by_all_resources(name: str | None) -> None:
    """What REST reports is left holds for GraphQL, once both are known to share a quota."""
    host = Host(
        (200, quota(9, resource=name), b""),
        (200, quota(8, resource=name), b""),
        (200, quota(0, resource=name), b""),
    )
    found = Trial(host).run(REST, GRAPHQL, REST, GRAPHQL, REST)
    assert found == [200, 200, 200, "RateLimited", "RateLimited"]
    assert len(host.sent) == 3


def test_the_quota_of_a_special_endpoint_blocks_no_other_request() -> None:
    host = Host((200, quota(0, resource="search"), b""))
    assert Trial(host).run(REST, REST) == [200, 200]


@pytest.mark.parametrize(
    "headers",
    [
        {"ratelimit-remaining": "0", "ratelimit-reset": "60", "ratelimit-name": "throttle_api"},
        {"ratelimit": '"default";r=0;t=60'},
        {"ratelimit": '"burst";r=9;t=1, "baseline";r=0;t=60', "ratelimit-policy": '"burst";q=10'},
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "60", "x-ratelimit-resource": "api"},
    ],
)
def test_a_quota_of_any_name_is_obeyed(headers: Mapping[str, str]) -> None:
    host = Host((200, headers, b""), (200, {}, b""))
    trial = Trial(host)
    assert trial.run(REST, REST, ELSEWHERE) == [200, "RateLimited", 200]
    assert trial.run(GRAPHQL) == [200]


def test_a_host_without_rate_limit_headers_is_unlimited() -> None:
    """GitHub Enterprise Server sends none, unless its owner turns rate limits on."""
    host = Host((200, {"x-github-enterprise-version": "enterprise-server@3.14.0"}, b""))
    assert Trial(host).run(*[REST] * 100) == [200] * 100


def test_a_request_labeled_for_a_special_endpoint_obeys_its_quota() -> None:
    host = Host((200, quota(0, resource="search"), b""), (200, {}, b""))
    trial = Trial(host)

    async def search() -> None:
        await trial.limits.send(Request(url=REST, resource="search"))

    asyncio.run(search())
    with pytest.raises(RateLimited):
        asyncio.run(search())
    assert trial.run(REST) == [200]


@pytest.mark.parametrize(
    ("first", "second", "left"),
    [
        (quota(3), quota(5), 3),  # overtaken on the way
        (quota(5), quota(3), 3),
        (quota(3, 60), quota(5, 61), 3),  # one period, two machines
        (quota(0, 60), quota(5, 3660), 5),  # a new period
        (quota(5, 3660), quota(0, 60), 5),  # an answer out of the last one
    ],
)
def test_quotas_reported_out_of_order(
    first: Mapping[str, str], second: Mapping[str, str], left: int
) -> None:
    host = Host((200, first, b""), (200, second, b""), (200, {}, b""))
    trial = Trial(host)

    async def run() -> list[int | str]:
        host.gate = asyncio.Event()
        asking = asyncio.gather(trial.get(), trial.get())
        await asyncio.sleep(0)
        host.gate.set()
        await asking
        return [await trial.get() for _ in range(8)]

    results = asyncio.run(run())
    assert results == [200] * left + ["RateLimited"] * (8 - left)


def test_a_reset_is_measured_by_the_clock_of_the_host() -> None:
    behind = FixedClock(START - dt.timedelta(hours=3))
    headers = quota(0, 60) | {"date": format_datetime(START, usegmt=True)}
    trial = Trial(Host((200, headers, b""), (200, {}, b"")), wait=True, clock=behind)
    assert trial.run(REST, REST) == [200, 200]
    assert trial.clock.monotonic() == 61


@pytest.mark.parametrize("reset", [-7200, 10**9, 0])
def test_an_absurd_reset_does_not_block_forever(reset: int) -> None:
    trial = Trial(Host((200, quota(0, reset), b""), (200, {}, b"")))
    assert trial.run(REST, REST) == [200, 200]


def test_a_jump_of_the_system_clock_neither_opens_nor_blocks_a_host() -> None:
    class Jumping(FixedClock):
        jump = dt.timedelta()

        def now(self) -> dt.datetime:
            return super().now() + self.jump

    for jump in (dt.timedelta(days=-400), dt.timedelta(days=400)):
        clock = Jumping(START)
        trial = Trial(Host((200, quota(0, 60), b""), (200, {}, b"")), clock=clock)

        async def run(clock: Jumping = clock, trial: Trial = trial) -> list[int | str]:
            results = [await trial.get()]
            clock.jump = jump  # noqa: B023 - run within the turn
            results.append(await trial.get())
            await clock.sleep(62)
            return [*results, await trial.get()]

        assert asyncio.run(run()) == [200, "RateLimited", 200]


def test_a_recorded_quota_does_not_block_a_replay() -> None:
    host = Host((200, quota(0), b""), (200, {}, b""), (429, quota(0, 600), b""))
    trial = Trial(host, obey_quota=False)
    assert trial.run(*[REST] * 4) == [200, 200, "RateLimited", "RateLimited"]
    assert len(host.sent) == 3


# ── refusals ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        ((403, quota(0, 600), b"{}"), 601),
        ((429, quota(0, 600), b"{}"), 601),
        ((429, {"retry-after": "90"}, b""), 90),
        ((429, {}, b"<html>slow down</html>"), 60),
        ((403, {"retry-after": "45"} | quota(4000), b"{}"), 45),
        ((403, quota(4000), json.dumps(SECONDARY).encode()), 60),
        ((403, {}, b'{"message": "API rate limit exceeded for 192.0.2.1."}'), 60),
        ((403, {}, b"<h1>Rate limit</h1>"), 60),
        ((403, {}, b'{"message": "You have triggered an abuse detection mechanism."}'), 60),
        ((429, {"retry-after": format_datetime(START + dt.timedelta(minutes=5))}, b""), 300),
        ((429, {"retry-after": "9" * 18}, b""), 7 * 86_400),
    ],
)
def test_a_refusal_blocks_the_host(answer: Scripted, seconds: float) -> None:
    host = Host(answer)
    trial = Trial(host)

    async def run() -> None:
        for _ in range(2):
            with pytest.raises(RateLimited) as caught:
                await trial.limits.send(Request(url=REST))
            assert caught.value.reset == START + dt.timedelta(seconds=seconds)
            assert caught.value.host == "api.github.com"

    asyncio.run(run())
    assert len(host.sent) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, {"message": "Resource not accessible by integration"}),
        (403, {"message": "Repository access blocked", "block": {"reason": "tos"}}),
        (403, {"message": "The history or contributor list is too large to list …"}),
        (403, ["rate"]),
        (404, SECONDARY),
        (200, SECONDARY),
    ],
)
def test_other_403s_do_not_block_the_host(status: int, body: object) -> None:
    host = Host((status, quota(4000), json.dumps(body).encode()))
    assert Trial(host).run(REST, REST) == [status, status]


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}, True),
        ({"errors": [{"message": SECONDARY["message"]}]}, True),
        ({"data": {"r0": {"description": "RATE_LIMITED rate limit"}}}, False),
        ({"errors": [{"type": "NOT_FOUND", "path": ["r0"], "message": "rate limit"}]}, False),
        ({"errors": [{"type": "RESOURCE_LIMITS_EXCEEDED", "message": "too much"}]}, False),
        ({"errors": "rate limit"}, False),
    ],
)
def test_a_graphql_refusal_has_status_200(body: object, *, refused: bool) -> None:
    host = Host((200, quota(4000, resource="graphql"), json.dumps(body).encode()))
    expected = ["RateLimited", "RateLimited"] if refused else [200, 200]
    assert Trial(host).run(GRAPHQL, GRAPHQL) == expected
    assert Trial(host).run(REST) == [200]


def test_a_used_up_quota_leaves_the_other_quotas_open() -> None:
    used_up = (403, quota(0), b"")
    host = Host(used_up, (200, quota(50, resource="graphql"), b""))
    assert Trial(host).run(REST, GRAPHQL, REST) == ["RateLimited", 200, "RateLimited"]


def test_a_secondary_rate_limit_blocks_its_whole_host_only() -> None:
    host = Host((403, {"retry-after": "90"}, b""), (200, {}, b""))
    assert Trial(host).run(REST, GRAPHQL, ELSEWHERE) == ["RateLimited", "RateLimited", 200]


def test_blocks_double_with_each_refusal_and_start_over_after_a_success() -> None:
    strike: Scripted = (429, {}, b"")
    fine: Scripted = (200, {}, b"")
    trial = Trial(Host(*[strike] * 6, fine, strike), wait=False)

    async def run() -> list[float]:
        lengths = []
        for turn in range(8):
            if turn == 6:
                assert await trial.get() == 200
                continue
            with pytest.raises(RateLimited) as caught:
                await trial.limits.send(Request(url=REST))
            assert caught.value.reset is not None
            lengths.append((caught.value.reset - trial.clock.now()).total_seconds())
            await trial.clock.sleep(lengths[-1])
        return lengths

    assert asyncio.run(run()) == [60, 120, 240, 480, 900, 900, 60]


def test_eight_refusals_at_once_count_as_one() -> None:
    trial = Trial(Host((429, {}, b"")))

    async def run() -> None:
        assert await trial.all(*[REST] * 8) == ["RateLimited"] * 8
        await trial.clock.sleep(60)
        with pytest.raises(RateLimited) as caught:
            await trial.limits.send(Request(url=REST))
        assert caught.value.reset == trial.clock.now() + dt.timedelta(seconds=120)

    asyncio.run(run())


def test_a_success_sent_before_the_refusal_does_not_reset_refusals() -> None:
    host = Host((429, {}, b""), (200, {}, b""), (429, {}, b""))
    trial = Trial(host)

    async def run() -> None:
        assert await trial.all(REST, REST) == ["RateLimited", 200]
        await trial.clock.sleep(60)
        with pytest.raises(RateLimited) as caught:
            await trial.limits.send(Request(url=REST))
        assert caught.value.reset == trial.clock.now() + dt.timedelta(seconds=120)

    asyncio.run(run())


# ── waiting ──────────────────────────────────────────────────────────────────────────────


def test_wait_sleeps_until_the_reset_and_announces_it_once() -> None:
    host = Counting(3, reset=1000)
    trial = Trial(host, wait=True)

    async def run() -> list[int | str]:
        first = await trial.get()
        asking = asyncio.gather(*(trial.get() for _ in range(5)))
        while not trial.announced:  # noqa: ASYNC110 - the listener is what is tried here
            await asyncio.sleep(0)
        host.left, host.reset = 5000, 5000
        return [first, *await asking]

    assert asyncio.run(run()) == [200] * 6
    assert host.refused == 0
    assert [event.host for event in trial.announced] == ["api.github.com"]
    assert trial.announced[0].seconds == 1001
    assert trial.announced[0].until == START + dt.timedelta(seconds=1001)


def test_many_waiting_requests_announce_one_wait() -> None:
    class Slow(FixedClock):
        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(0.01)  # time for the others to start waiting
            if self.monotonic() == 0:
                await super().sleep(seconds)

    host = Host((429, {"retry-after": "100"}, b""), (200, {}, b""))
    trial = Trial(host, wait=True, concurrency=1, clock=Slow(START))
    assert asyncio.run(trial.all(*[REST] * 5)) == [200] * 5
    assert [event.seconds for event in trial.announced] == [100]


def test_wait_gives_up_after_three_waits() -> None:
    host = Host((429, {"retry-after": "100"}, b""))
    trial = Trial(host, wait=True)
    assert trial.run(REST) == ["RateLimited"]
    assert (len(host.sent), trial.clock.monotonic()) == (4, 300)


def test_wait_is_limited_to_the_maximum_wait() -> None:
    host = Host((429, {"retry-after": "3601"}, b""))
    trial = Trial(host, wait=True, max_wait=3600)
    assert trial.run(REST, REST) == ["RateLimited", "RateLimited"]
    assert (len(host.sent), trial.clock.monotonic()) == (1, 0)


def test_a_short_wait_is_accepted_once_without_wait() -> None:
    host = Host((429, {"retry-after": "5"}, b""), (200, {}, b""))
    trial = Trial(host)
    assert trial.run(REST) == [200]
    assert trial.clock.monotonic() == 5
    host = Host((429, {"retry-after": "5"}, b""))
    assert Trial(host).run(REST) == ["RateLimited"]
    assert len(host.sent) == 2


# ── the run's budget ─────────────────────────────────────────────────────────────────────


def test_the_request_budget_is_never_exceeded() -> None:
    host = Host()
    trial = Trial(host, budget=3)
    results = asyncio.run(trial.all(*[REST, ELSEWHERE] * 4))
    assert results.count(200) == len(host.sent) == 3
    assert results.count("BudgetSpent") == 5
    assert Trial(Host(), budget=0).run(REST) == ["BudgetSpent"]
