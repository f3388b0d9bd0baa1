"""Keeping to what each host allows: requests at once, its pace, its quota, its "slow down".

A host that is used up stops for itself; the others go on. All waiting is reckoned on the
monotonic clock, so that a machine's clock that jumps neither opens a host nor shuts it for ever.

    Limits ── Lane per host: slots, closure ── Gate per quota of it: what is left, what is under way
           ── Turns per pace: when the next may go
"""

import asyncio
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pkgharvest.model.clock import Clock
from pkgharvest.model.errors import BudgetSpent, RateLimited
from pkgharvest.model.events import Listener, RequestThrottled
from pkgharvest.model.origin import Origin
from pkgharvest.transport.base import Request, Response, Transport
from pkgharvest.transport.rate_limit.gcra import GcraQueue, RateLimit, find_rate_limit
from pkgharvest.transport.rate_limit.quota import SAME_PERIOD, Quota, retry_after
from pkgharvest.transport.rate_limit.throttle import detect_throttle

_SLACK = 1.0
"""Seconds waited beyond a reset, which is given in whole seconds."""

_FIRST_STRIKE, _LONGEST_STRIKE = 60.0, 900.0
"""Seconds to leave a host alone that does not say how long (GitHub: a minute at least)."""

_LONGEST_CLOSURE = 7 * 86_400.0

_PATIENCE = 10.0
"""Seconds that are waited once even where waiting was not asked for: less than a new run costs."""

_RESOURCES = frozenset({"core", "graphql", None})
"""The names of the quotas that our requests are taken from, where there is more than one."""

_NAPS = 3
"""Times that one request may find its host closed and wait."""


@dataclass(frozen=True, slots=True)
class _Closure:
    """A door that is shut until ``until`` (monotonic seconds)."""

    until: float
    used_up: bool


class _Gate:
    """One quota of one host, and the requests under way that will be taken from it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._quota: Quota | None = None
        self._valid_until = 0.0
        self._under_way = 0
        self._settled = asyncio.Event()

    async def closed(self) -> _Closure | None:
        """Return until when the quota is used up, or None where a request may go.

        Where all that is left is spoken for by requests under way, waits for those: a 304 to
        one of them may turn out to have cost nothing.
        """
        while True:
            quota = self._known()
            if quota is None or quota.remaining > self._under_way:
                return None
            if self._under_way == 0:
                return _Closure(self._valid_until, used_up=True)
            await self._settled.wait()

    def start(self) -> None:
        """Take note that a request goes out."""
        self._under_way += 1

    def settle(self, said: Quota | None, seconds_left: float | None) -> None:
        """Take note that a request is over, and of what its answer said of the quota, if it did."""
        self._under_way -= 1
        known = self._known()
        if said is not None and seconds_left is not None:
            self.learn(said, seconds_left)
        elif known is not None:
            # Nothing told: it may have been counted, so it is.
            self._quota = replace(known, remaining=max(0, known.remaining - 1))
        self._settled.set()
        self._settled = asyncio.Event()

    def use_up(self) -> None:
        """Take note that what is left is too little to be of use."""
        if self._quota is not None:
            self._quota = replace(self._quota, remaining=0)

    def learn(self, said: Quota, seconds_left: float) -> None:
        """Take note of what an answer said, which holds for ``seconds_left``."""
        known = self._known()
        if known is not None and known.reset is not None and said.reset is not None:
            if said.reset < known.reset - SAME_PERIOD:
                return  # overtaken by an answer of the next period
            if said.reset <= known.reset + SAME_PERIOD:
                # Answers overtake each other: within one period the lowest is the latest.
                said = replace(said, remaining=min(said.remaining, known.remaining))
        self._quota = said
        self._valid_until = self._clock.monotonic() + seconds_left + _SLACK

    def _known(self) -> Quota | None:
        if self._quota is not None and self._clock.monotonic() >= self._valid_until:
            self._quota = None
        return self._quota


class _Lane:
    """One host: how many requests at once, and whether it told us to stay away."""

    def __init__(self, clock: Clock, concurrency: int) -> None:
        self.slots = asyncio.Semaphore(concurrency)
        self._clock = clock
        self._gates: dict[str, _Gate] = {}
        self._names: dict[str, str] = {}
        self._closure: _Closure | None = None
        self._strikes = 0
        self._announced: _Closure | None = None

    def gate(self, resource: str) -> _Gate:
        """Return the gate of the quota that requests for ``resource`` are taken from."""
        name = self._names.get(resource, resource)
        return self._gates.setdefault(name, _Gate(self._clock))

    def settle(
        self, gate: _Gate, resource: str, said: Quota | None, seconds_left: float | None
    ) -> None:
        """Take note that a request is over which began at ``gate``, and of what its answer said.

        It says too which quota it was taken from; one without a name is the whole host's.
        """
        if said is None or seconds_left is None:
            gate.settle(None, None)
            return
        self._names[resource] = said.resource or ""
        its_own = self.gate(resource)
        if its_own is gate:
            gate.settle(said, seconds_left)
        else:
            its_own.learn(said, seconds_left)
            gate.settle(None, None)

    def closed(self) -> _Closure | None:
        """Return until when the whole host is closed, or None."""
        if self._closure is not None and self._clock.monotonic() >= self._closure.until:
            self._closure = None
        return self._closure

    def refused(self, seconds: float | None) -> _Closure:
        """Close the host for ``seconds``, or for longer each time where it does not say."""
        closed = self.closed()
        if seconds is None:
            if closed is not None:
                return closed  # an answer to a request from before it was closed
            seconds = min(_LONGEST_STRIKE, _FIRST_STRIKE * 2.0 ** min(self._strikes, 10))
            self._strikes += 1
        until = self._clock.monotonic() + min(seconds, _LONGEST_CLOSURE)
        if closed is None or closed.until < until:
            self._closure = closed = _Closure(until, used_up=False)
        return closed

    def announces(self, closure: _Closure) -> bool:
        """Say, once for each closure, that it should be told: hundreds may wait for it."""
        known, self._announced = self._announced, closure
        return known != closure

    def answered(self) -> None:
        """Take note that the host answers again."""
        if self._closure is None:
            self._strikes = 0


class RateLimiter:
    """The link that keeps to what hosts allow, and to the run's budget of requests.

    Without ``wait`` a closed host is RateLimited at once, unless it opens within ten seconds;
    with it, its opening is waited for, up to ``max_wait`` seconds and three times a request.
    ``paces`` are by host, as ``pace_of`` has it; a turn is always waited for, as it comes soon.
    ``obey_quota`` is off for replays: the quota of a recording binds nobody.
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
        paces: Mapping[str, RateLimit] | None = None,
        obey_quota: bool = True,
    ) -> None:
        self._inner = inner
        self._clock = clock
        self._listener = listener
        self._concurrency = concurrency
        self._concurrency_of = concurrency_of or {}
        self._bearable = max_wait if wait else _PATIENCE
        self._naps = _NAPS if wait else 1
        self._budget = request_budget
        self._paces = paces or {}
        self._obey_quota = obey_quota
        self._lanes: dict[str, _Lane] = {}
        self._turns: dict[str, GcraQueue] = {}

    async def send(self, request: Request) -> Response:
        """Send ``request`` when its host has room for it, and its turn has come.

        Raises RateLimited where the host is closed, without sending, or closes itself now;
        BudgetSpent where the run may send no more.
        """
        host = str(Origin.of(request.url))
        resource = request.resource
        if host not in self._lanes:
            at_once = self._concurrency_of.get(host, self._concurrency)
            self._lanes[host] = _Lane(self._clock, at_once)
        lane = self._lanes[host]
        queue, pace = find_rate_limit(request.url, self._paces)
        turns = self._turns.setdefault(queue, GcraQueue(pace, self._clock))
        naps = 0
        while True:
            began = self._clock.monotonic()
            closure = lane.closed() or await self._admit(lane, resource, turns)
            request.held.seconds += self._clock.monotonic() - began
            if closure is None:
                answer, closure = await self._forward(request, lane, resource, turns)
                if closure is None:
                    return answer
            if naps == self._naps:
                raise self._refusal(host, closure)
            await self._nap(request, host, lane, closure)
            naps += 1

    async def _admit(self, lane: _Lane, resource: str, turns: GcraQueue) -> _Closure | None:
        """Wait for the request's turn and take a slot; or return what keeps the host closed.

        Who waits for a turn has no slot. Who has it keeps it until there is a slot, so that
        those who got theirs meanwhile do not go all at once. With the slot, the request counts
        as under way: ``_forward`` is to follow without an ``await`` between.
        """
        gate = lane.gate(resource)
        async with turns.line:
            if closure := lane.closed():
                return closure  # nobody waits for the pace only to be refused
            await turns.due()
            await lane.slots.acquire()
            admitted = False
            try:
                # Asked only now: much may have happened while others had the slots.
                closure = lane.closed() or await gate.closed() or lane.closed()
                if closure is None:
                    self._pay()
                    turns.take()
                    gate.start()
                    admitted = True
            finally:
                if not admitted:
                    lane.slots.release()
        return closure

    def _pay(self) -> None:
        if self._budget is not None:
            if self._budget <= 0:
                raise BudgetSpent
            self._budget -= 1

    async def _forward(
        self, request: Request, lane: _Lane, resource: str, turns: GcraQueue
    ) -> tuple[Response, _Closure | None]:
        gate = lane.gate(resource)
        quota, seconds_left = None, None
        try:
            answer = await self._inner.send(request)
            now = self._clock.now()
            quota = Quota.of(answer.headers, now)
            if quota is not None and quota.resource not in _RESOURCES:
                quota = None
            if quota is not None:
                seconds_left = quota.seconds_left(answer.headers, now)
        finally:
            lane.settle(gate, resource, quota, seconds_left if self._obey_quota else None)
            lane.slots.release()
        throttle = detect_throttle(answer, resource, quota.remaining if quota else None)
        if throttle is None:
            lane.answered()
            return answer, None
        asked = retry_after(answer.headers, now)
        if asked is None and not throttle.whole_host:
            lane.gate(resource).use_up()
            if closure := await lane.gate(resource).closed():
                return answer, closure
            asked = seconds_left
        closure = lane.refused(asked)
        turns.rest_until(closure.until)
        return answer, closure

    async def _nap(self, request: Request, host: str, lane: _Lane, closure: _Closure) -> None:
        seconds = closure.until - self._clock.monotonic()
        if seconds > self._bearable:
            raise self._refusal(host, closure)
        if seconds > 0:
            if lane.announces(closure):
                until = self._clock.now() + dt.timedelta(seconds=seconds)
                self._listener(
                    RequestThrottled(
                        host=host, seconds=seconds, until=until, used_up=closure.used_up
                    )
                )
            await self._clock.sleep(seconds)
            request.held.seconds += seconds

    def _refusal(self, host: str, closure: _Closure) -> RateLimited:
        seconds = max(0.0, closure.until - self._clock.monotonic())
        reset = self._clock.now() + dt.timedelta(seconds=seconds)
        if closure.used_up:
            return RateLimited(host, reset)
        return RateLimited(host, reset, f"{host} asks to be left alone until {reset:%H:%M:%S} UTC")
