"""Asking again after what passes: bounded in attempts and in time, with a host's own delay."""

import random

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    retry_if_result,
    wait_exponential,
)

from pkgharvest.model.clock import Clock
from pkgharvest.model.errors import TimedOut, Unavailable
from pkgharvest.model.events import Listener, RequestRetried
from pkgharvest.model.origin import strip_userinfo
from pkgharvest.transport.base import Request, Response, Transport
from pkgharvest.transport.rate_limit.quota import retry_after

_PASSING = frozenset({500, 502, 503, 504})

_PASSING_FOR_POST = frozenset({500, 503})
"""GitHub answers 502 or 504 to a query that is too large, and charges it: not again as it is."""


class Retry:
    """The link that tries again.

    ``attempts`` in all. Delays are exponential from ``base`` with full jitter, at most ``cap``
    seconds. A ``Retry-After`` wins; one above ``cap`` ends the attempts. After
    ``budget_seconds`` since the first attempt began, no other is begun; what the request was
    held back by limits and paces is not counted.
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
        self._cap = cap
        self._ceiling = wait_exponential(multiplier=base, max=cap)
        self._budget = budget_seconds

    async def send(self, request: Request) -> Response:
        """Send ``request``; what the last attempt brought, answer or error, is the result."""
        started = self._spent(request)
        passing = _PASSING if request.method != "POST" else _PASSING_FOR_POST

        def enough(state: RetryCallState) -> bool:
            elapsed = self._spent(request) - started
            return (
                state.attempt_number >= self._attempts
                or state.upcoming_sleep > self._cap
                or elapsed + state.upcoming_sleep > self._budget
            )

        def tell(state: RetryCallState) -> None:
            self._listener(
                RequestRetried(
                    url=strip_userinfo(request.url),
                    attempt=state.attempt_number + 1,
                    seconds=state.upcoming_sleep,
                    reason=_reason(state),
                )
            )

        retrying = AsyncRetrying(
            sleep=self._clock.sleep,
            retry=retry_if_exception_type((Unavailable, TimedOut))
            | retry_if_result(lambda answer: answer.status in passing),
            wait=self._delay,
            stop=enough,
            before_sleep=tell,
            retry_error_callback=_as_it_is,
        )
        answer: Response = await retrying(self._inner.send, request)
        return answer

    def _spent(self, request: Request) -> float:
        return self._clock.monotonic() - request.held.seconds

    def _delay(self, state: RetryCallState) -> float:
        match _brought(state):
            case Response(headers=headers):
                asked = retry_after(headers, self._clock.now())
                if asked is not None:
                    return asked
            case _:
                pass
        return self._randomness.uniform(0, self._ceiling(state))


def _brought(state: RetryCallState) -> object:
    """Return what the last attempt brought: an answer or an error."""
    if state.outcome is None:
        return None
    return state.outcome.exception() or state.outcome.result()


def _reason(state: RetryCallState) -> str:
    match _brought(state):
        case Response(status=status):
            return f"status {status}"
        case error:
            return str(error)


def _as_it_is(state: RetryCallState) -> Response | None:
    return state.outcome.result() if state.outcome else None
