"""The transport that keeps to what each host allows, and to the run's budget of requests.

A host allows a rate (``RateLimit``: so many requests a minute, evenly spaced, first come, first
served) and a quota, which it reports itself (``quota.py``).

A request passes three gates, in this order, and each placement has a reason:

1. The queue of its rate limit (``GcraQueue``). It waits there without a slot, so that a slow rate
   for one part of a host leaves the slots to the others. It leaves the queue only with a slot:
   otherwise turns would pile up behind a slow host and go out in one burst.
2. A slot: the number of concurrent requests to the host is bounded.
3. The quota and the block of its host. They are checked last, immediately before sending, as
   much may have changed during the first two waits. A quota counts the requests in flight
   against what is left, so that a host never gets one request more than it allowed.

A refused host blocks only itself; all others go on. Waiting is measured on the monotonic clock,
so that no jump of the system clock opens a host early or closes it forever.
"""

import asyncio
import contextlib
import datetime as dt
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import urlsplit

from pkgharvest.model.clock import Clock
from pkgharvest.model.errors import BudgetSpent, RateLimited
from pkgharvest.model.events import Listener, RequestThrottled
from pkgharvest.model.origin import Origin
from pkgharvest.settings.hosts import ForgeHost
from pkgharvest.transport.base import Request, Response, Transport, retry_after
from pkgharvest.transport.rate_limit.quota import (
    Block,
    Quota,
    QuotaTracker,
    find_refusal,
    read_quota,
)

_MIN_BLOCK_SECONDS, _MAX_UNTOLD_BLOCK_SECONDS = 60.0, 900.0
"""For how long to leave a host alone that does not say (GitHub asks for a minute at least)."""

_MAX_BLOCK_SECONDS = 7 * 86_400.0

_MAX_SHORT_WAIT_SECONDS = 10.0
"""Waited once even without ``wait``: it costs less than another run."""

_MAX_WAITS = 3
"""How often one request may find its host blocked and wait."""

_MAX_DOUBLINGS = 10

_SPECIAL_RESOURCES = frozenset(
    {
        "actions_runner_registration",
        "audit_log",
        "audit_log_streaming",
        "code_scanning_autofix",
        "code_scanning_upload",
        "code_search",
        "dependency_sbom",
        "dependency_snapshots",
        "integration_manifest",
        "scim",
        "search",
        "source_import",
    }
)
"""GitHub's quotas of single endpoints ("REST API endpoints for rate limits", docs.github.com).

They say nothing about other requests, whatever those are labeled."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A rate in requests per minute. After a pause, ``burst`` requests may go at once.

    Any 60 seconds, both ends included, have at most ``per_minute + burst`` requests. Together
    they are what the host allows in a minute, however it counts its minutes.
    """

    per_minute: float
    burst: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        """Reject a rate that would block its host forever."""
        if not self.per_minute > 0 or self.burst < 1:
            raise ValueError(f"{self} lets nothing through")

    @classmethod
    def within(cls, limit: float) -> "RateLimit":
        """Return the rate by which no 60 seconds have more than ``limit`` requests.

        A thirtieth of them may go at once. A limit below one a minute is spread over a longer
        time.

        >>> RateLimit.within(900)
        RateLimit(per_minute=870.0, burst=30)
        """
        whole = math.floor(limit) if limit >= 1 else limit
        return cls(whole * 29 / 30, burst=max(1, int(whole / 30)))

    @property
    def interval_seconds(self) -> float:
        """Seconds between two requests."""
        return 60.0 / self.per_minute


UNLIMITED = RateLimit(math.inf)

PYPISTATS = RateLimit(27, burst=3)
"""30 a minute and 5 a second for each address (the default limits of psf/pypistats.org). Three may
go at once, to keep short runs short."""


def rate_limits(
    hosts: Iterable[ForgeHost] = (),
    *,
    pypistats: str | None = None,
    limits: Mapping[str, float] = MappingProxyType({}),
) -> Mapping[str, RateLimit]:
    """Return the rates of ``hosts``, and of pypistats at its base URL, for `find_rate_limit`.

    Only a forge's own API has a limit that is known beforehand; any other reports its own.
    ``limits`` are requests a minute by host, with a port unless that is 443. Such a limit is for
    the host as a whole and replaces what is known of it. Raises Malformed for an invalid host.
    """
    chosen = {str(Origin.of(f"https://{host}")): RateLimit.within(limits[host]) for host in limits}
    rates = {}
    if pypistats is not None and Origin.of(pypistats).netloc not in chosen:
        rates[f"{_netloc_and_path(pypistats)}/api/packages"] = PYPISTATS
    for host in hosts:
        api, url = host.forge.api, host.urls[0]
        if api is None or Origin.of(url).host != Origin.of(api.public_url).host:
            continue
        if api.public_requests_per_minute and Origin.of(url).netloc not in chosen:
            rates[_netloc_and_path(url)] = RateLimit.within(api.public_requests_per_minute)
    return rates | chosen


def find_rate_limit(url: str, rates: Mapping[str, RateLimit]) -> tuple[str, RateLimit]:
    """Return the rate for ``url``, and the key of the queue that enforces it.

    The keys of ``rates`` are hosts as ``Origin`` prints them, or a host and the beginning of a
    path, as one server may stand in for several hosts. The longest match counts.
    """
    location = _netloc_and_path(url)
    matches = [key for key in rates if location == key or location.startswith(f"{key}/")]
    if not matches:
        return Origin.of(url).netloc, UNLIMITED
    key = max(matches, key=len)
    return key, rates[key]


def _netloc_and_path(url: str) -> str:
    return Origin.of(url).netloc + urlsplit(url).path.rstrip("/")


class GcraQueue:
    """The queue in front of a host, by the generic cell rate algorithm (GCRA).

        async with queue.lock:   # first in line
            await queue.wait_until_due()
            queue.reserve()

    A request that is canceled or not sent after all reserves nothing: the next one goes at once.
    """

    def __init__(self, rate: RateLimit, clock: Clock) -> None:
        self.lock = asyncio.Lock()
        """Serves in the order of arrival, even if some are canceled."""
        self._clock = clock
        self._interval = rate.interval_seconds
        self._tolerance = (rate.burst - 1) * rate.interval_seconds if rate.burst > 1 else 0.0
        # GCRA's theoretical arrival time: when the next request is due if all are evenly spaced.
        self._next_due = -math.inf

    async def wait_until_due(self) -> None:
        """Wait until the rate allows the next request."""
        if self._next_due == -math.inf:
            return
        seconds = self._next_due - self._tolerance - self._clock.monotonic()
        if seconds > 0:
            await self._clock.sleep(seconds)

    def reserve(self) -> None:
        """Count a request that is sent now."""
        if self._interval > 0:
            self._next_due = max(self._next_due, self._clock.monotonic()) + self._interval

    def pause_until(self, moment: float) -> None:
        """Send nothing before ``moment`` (monotonic seconds), and no burst right after it."""
        self._next_due = max(self._next_due, moment + self._tolerance)


class _HostState:
    """What is known about one host: its slots, its quotas, and whether it refused us."""

    def __init__(self, clock: Clock, concurrency: int) -> None:
        self.slots = asyncio.Semaphore(concurrency)
        self._clock = clock
        self._trackers: dict[str, QuotaTracker] = {}
        self._quota_names: dict[str, str] = {}
        """The host's names for the quotas, by the ``resource`` of the requests."""
        self._block: Block | None = None
        self._refusals = 0
        self._announced: Block | None = None

    def tracker(self, resource: str) -> QuotaTracker:
        """Return the tracker of the quota that requests for ``resource`` count against."""
        name = self._quota_names.get(resource, resource)
        return self._trackers.setdefault(name, QuotaTracker(self._clock))

    def finish(self, tracker: QuotaTracker, resource: str, quota: Quota | None) -> None:
        """Count a request as finished that was reserved with ``tracker``.

        Its response also names the quota that it counted against: from now on that one is used
        for ``resource``. A quota without a name is that of the whole host.
        """
        if quota is not None:
            self._quota_names[resource] = quota.resource or ""
            named_tracker = self.tracker(resource)
            if named_tracker is not tracker:
                named_tracker.record(quota)
                quota = None
        tracker.finish(quota)

    def current_block(self) -> Block | None:
        """Return how long the whole host is blocked, or None."""
        if self._block is not None and self._clock.monotonic() >= self._block.until:
            self._block = None
        return self._block

    def block(self, seconds: float | None) -> Block:
        """Block the host for ``seconds``; if None, for twice as long at each refusal."""
        block = self.current_block()
        if seconds is None:
            if block is not None:
                return block  # the request was sent before the host was blocked
            doublings = min(self._refusals, _MAX_DOUBLINGS)
            seconds = min(_MAX_UNTOLD_BLOCK_SECONDS, _MIN_BLOCK_SECONDS * 2.0**doublings)
            self._refusals += 1
        until = self._clock.monotonic() + min(seconds, _MAX_BLOCK_SECONDS)
        if block is None or block.until < until:
            self._block = block = Block(until, quota_used_up=False)
        return block

    def should_announce(self, block: Block) -> bool:
        """Return True once for each block: hundreds of requests may wait for the same one."""
        announced, self._announced = self._announced, block
        return announced != block

    def reset_refusals(self) -> None:
        """Forget past refusals: the host answers again."""
        if self._block is None:
            self._refusals = 0


class RateLimiter:
    """The transport that limits rates.

    Without ``wait``, a blocked host raises RateLimited at once, unless it opens within ten
    seconds. With it, the limiter waits for the host, up to ``max_wait`` seconds and three times
    per request. ``rates`` are those of ``find_rate_limit``; their turns come soon and are always
    waited for. ``obey_quota`` is off for replays: a recorded quota binds nobody.
    """

    def __init__(
        self,
        inner: Transport,
        *,
        clock: Clock,
        listener: Listener,
        concurrency: int = 8,
        concurrency_of: Mapping[str, int] | None = None,
        wait: bool = False,
        max_wait: float = 7200.0,
        request_budget: int | None = None,
        rates: Mapping[str, RateLimit] | None = None,
        obey_quota: bool = True,
    ) -> None:
        self._inner = inner
        self._clock = clock
        self._listener = listener
        self._concurrency = concurrency
        self._concurrency_of = concurrency_of or {}
        self._max_wait_seconds = max_wait if wait else _MAX_SHORT_WAIT_SECONDS
        self._max_waits = _MAX_WAITS if wait else 1
        self._budget = math.inf if request_budget is None else request_budget
        self._rates = rates or {}
        self._obey_quota = obey_quota
        self._hosts: dict[str, _HostState] = {}
        self._queues: dict[str, GcraQueue] = {}

    async def send(self, request: Request) -> Response:
        """Send ``request`` as soon as its host allows it.

        Raises RateLimited if the host is blocked (the request is not sent) or refuses the
        request, BudgetSpent if the run may send no more requests.
        """
        host_name = Origin.of(request.url).netloc
        concurrency = self._concurrency_of.get(host_name, self._concurrency)
        host = self._hosts.setdefault(host_name, _HostState(self._clock, concurrency))
        queue_key, rate = find_rate_limit(request.url, self._rates)
        queue = self._queues.setdefault(queue_key, GcraQueue(rate, self._clock))
        waits = 0
        while True:
            started = self._clock.monotonic()
            block = host.current_block() or await self._admit(host, request.resource, queue)
            request.limiter_wait.seconds += self._clock.monotonic() - started
            if block is None:
                response, block = await self._forward(request, host, queue)
                if block is None:
                    return response
            if waits == self._max_waits:
                raise self._rate_limited(host_name, block)
            await self._wait_for_end(request, host_name, host, block)
            waits += 1

    async def _admit(self, host: _HostState, resource: str, queue: GcraQueue) -> Block | None:
        """Wait for a turn and take a slot, or return what blocks the host.

        With the slot, the request counts as sent: ``_forward`` must follow without an ``await``
        in between.
        """
        tracker = host.tracker(resource)
        async with queue.lock:
            if block := host.current_block():
                return block  # do not wait for a turn only to be refused
            await queue.wait_until_due()
            await host.slots.acquire()
            with contextlib.ExitStack() as unless_admitted:
                unless_admitted.callback(host.slots.release)
                # Checked again after each wait: other requests may have been refused meanwhile.
                block = host.current_block() or await tracker.find_block() or host.current_block()
                if block is not None:
                    return block
                if self._budget <= 0:
                    raise BudgetSpent
                self._budget -= 1
                queue.reserve()
                tracker.reserve()
                unless_admitted.pop_all()
        return None

    async def _forward(
        self, request: Request, host: _HostState, queue: GcraQueue
    ) -> tuple[Response, Block | None]:
        resource = request.resource
        tracker = host.tracker(resource)
        quota = None
        try:
            response = await self._inner.send(request)
            now = self._clock.now()
            quota = read_quota(response.headers, now)
            if quota and quota.resource != resource and quota.resource in _SPECIAL_RESOURCES:
                quota = None
        finally:
            is_valid = self._obey_quota and quota is not None and quota.valid_seconds is not None
            host.finish(tracker, resource, quota if is_valid else None)
            host.slots.release()
        refusal = find_refusal(response, resource, quota.remaining if quota else None)
        if refusal is None:
            host.reset_refusals()
            return response, None
        seconds = retry_after(response.headers, now)
        if seconds is None and refusal == "quota":
            host.tracker(resource).exhaust()
            if block := await host.tracker(resource).find_block():
                return response, block
            seconds = quota.valid_seconds if quota else None
        block = host.block(seconds)
        queue.pause_until(block.until)
        return response, block

    async def _wait_for_end(
        self, request: Request, host_name: str, host: _HostState, block: Block
    ) -> None:
        seconds = block.until - self._clock.monotonic()
        if seconds > self._max_wait_seconds:
            raise self._rate_limited(host_name, block)
        if seconds > 0:
            if host.should_announce(block):
                until = self._clock.now() + dt.timedelta(seconds=seconds)
                self._listener(
                    RequestThrottled(
                        host=host_name, seconds=seconds, until=until, used_up=block.quota_used_up
                    )
                )
            await self._clock.sleep(seconds)
            request.limiter_wait.seconds += seconds

    def _rate_limited(self, host_name: str, block: Block) -> RateLimited:
        seconds = max(0.0, block.until - self._clock.monotonic())
        reset = self._clock.now() + dt.timedelta(seconds=seconds)
        message = f"{host_name} is rate limited until {reset:%H:%M:%S} UTC"
        return RateLimited(host_name, reset, None if block.quota_used_up else message)
