"""Sending a request again after a temporary failure."""

import random

from pkgharvest.model.clock import Clock
from pkgharvest.model.errors import TimedOut, Unavailable
from pkgharvest.model.events import Listener, RequestRetried
from pkgharvest.model.origin import strip_userinfo
from pkgharvest.transport.base import Request, Response, Transport
from pkgharvest.transport.headers import retry_after

_RETRYABLE_STATUSES = frozenset({500, 502, 503, 504})

_RETRYABLE_POST_STATUSES = frozenset({500, 503})
"""GitHub answers 502 or 504 to a query that is too large, and charges for it: do not repeat it."""


class Retry:
    """The transport that retries.

    It retries connection failures, time-outs and the statuses above, ``attempts`` times in all.
    Delays are exponential from ``base`` with full jitter, at most ``cap`` seconds. ``Retry-After``
    takes precedence; one above ``cap`` ends the attempts. No attempt begins later than
    ``budget_seconds`` after the first one; time spent in our own rate limiter does not count.
    """

    def __init__(
        self,
        inner: Transport,
        *,
        clock: Clock,
        listener: Listener,
        randomness: random.Random,
        attempts: int = 3,
        base: float = 0.5,
        cap: float = 30.0,
        budget_seconds: float = 120.0,
    ) -> None:
        self._inner = inner
        self._clock = clock
        self._listener = listener
        self._randomness = randomness
        self._attempts = attempts
        self._base = base
        self._cap = cap
        self._budget_seconds = budget_seconds

    async def send(self, request: Request) -> Response:
        """Send ``request``. Return the last response, or raise the last error."""
        retryable = _RETRYABLE_STATUSES if request.method != "POST" else _RETRYABLE_POST_STATUSES
        deadline = self._active_seconds(request) + self._budget_seconds
        attempt = 1
        while True:
            outcome: Response | Unavailable | TimedOut
            try:
                outcome = await self._inner.send(request)
            except (Unavailable, TimedOut) as error:
                outcome, reason, delay = error, str(error), None
            else:
                if outcome.status not in retryable:
                    return outcome
                reason = f"status {outcome.status}"
                delay = retry_after(outcome.headers, self._clock.now())
            if delay is None:
                delay = self._jitter(attempt)
            if not self._may_retry(request, attempt, delay, deadline):
                if isinstance(outcome, Response):
                    return outcome
                raise outcome
            attempt += 1
            self._listener(
                RequestRetried(
                    url=strip_userinfo(request.url), attempt=attempt, seconds=delay, reason=reason
                )
            )
            await self._clock.sleep(delay)

    def _jitter(self, attempt: int) -> float:
        return self._randomness.uniform(0, min(self._cap, self._base * 2.0 ** (attempt - 1)))

    def _may_retry(self, request: Request, attempt: int, delay: float, deadline: float) -> bool:
        return (
            attempt < self._attempts
            and delay <= self._cap
            and self._active_seconds(request) + delay <= deadline
        )

    def _active_seconds(self, request: Request) -> float:
        return self._clock.monotonic() - request.limiter_wait.seconds
