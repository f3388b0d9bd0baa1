"""The transport that keeps to what each host allows, and to the run's budget of requests.

A request passes three gates, in this order, and each placement has a reason:

1. The queue of its rate limit (``gcra.py``). It waits there without a slot, so that a slow rate
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
import datetime as dt
from collections.abc import Mapping
from http import HTTPStatus

from pkgharvest.model.clock import Clock
from pkgharvest.model.errors import BudgetSpent, RateLimited
from pkgharvest.model.events import Listener, RequestThrottled
from pkgharvest.model.origin import Origin
from pkgharvest.transport.base import Request, Response, Transport
from pkgharvest.transport.headers import retry_after
from pkgharvest.transport.rate_limit.gcra import GcraQueue, RateLimit, find_rate_limit
from pkgharvest.transport.rate_limit.quota import Block, Quota, QuotaTracker, read_quota
from pkgharvest.transport.rate_limit.throttle import detect_throttle

_MIN_BLOCK_SECONDS, _MAX_UNTOLD_BLOCK_SECONDS = 60.0, 900.0
"""For how long to leave a host alone that does not say (GitHub asks for a minute at least)."""

_MAX_BLOCK_SECONDS = 7 * 86_400.0

_MAX_SHORT_WAIT_SECONDS = 10.0
"""Waited once even without ``wait``: it costs less than another run."""

_MAX_WAITS = 3
"""How often one request may find its host blocked and wait."""

_MAX_DOUBLINGS = 10

_SPECIAL_GITHUB_RESOURCES = frozenset(
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
"""Quotas of single endpoints ("REST API endpoints for rate limits", docs.github.com).

They say nothing about other requests, whatever those are labeled."""


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
        self._budget = request_budget
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
        if host_name not in self._hosts:
            concurrency = self._concurrency_of.get(host_name, self._concurrency)
            self._hosts[host_name] = _HostState(self._clock, concurrency)
        host = self._hosts[host_name]
        queue_key, rate = find_rate_limit(request.url, self._rates)
        if queue_key not in self._queues:
            self._queues[queue_key] = GcraQueue(rate, self._clock)
        queue = self._queues[queue_key]
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
            admitted = False
            try:
                # Checked again after each wait: other requests may have been refused meanwhile.
                block = host.current_block() or await tracker.find_block() or host.current_block()
                if block is None:
                    self._spend_budget()
                    queue.reserve()
                    tracker.reserve()
                    admitted = True
            finally:
                if not admitted:
                    host.slots.release()
        return block

    def _spend_budget(self) -> None:
        if self._budget is not None:
            if self._budget <= 0:
                raise BudgetSpent
            self._budget -= 1

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
            if quota and quota.resource != resource:
                quota = None if quota.resource in _SPECIAL_GITHUB_RESOURCES else quota
        finally:
            is_valid = self._obey_quota and quota is not None and quota.valid_seconds is not None
            host.finish(tracker, resource, quota if is_valid else None)
            host.slots.release()
        throttle = None
        if response.status >= HTTPStatus.BAD_REQUEST or resource == "graphql":
            throttle = detect_throttle(response, resource, quota.remaining if quota else None)
        if throttle is None:
            host.reset_refusals()
            return response, None
        seconds = retry_after(response.headers, now)
        if seconds is None and not throttle.whole_host:
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
        if block.quota_used_up:
            return RateLimited(host_name, reset)
        message = f"{host_name} is rate limited until {reset:%H:%M:%S} UTC"
        return RateLimited(host_name, reset, message)
