"""GitHub's secondary rate limits: points a minute for each API, concurrent requests for both.

The rules are those of "Rate limits for the REST API" in GitHub's documentation, under "About
secondary rate limits". The minute is a sliding window here, and refused requests do not count.
Standard library only.
"""

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.standins.server import Call

REST_POINTS, GRAPHQL_POINTS, MAX_CONCURRENT = 900, 2_000, 100

_MINUTE_SECONDS = 60.0

Limit = Literal["REST points a minute", "GraphQL points a minute", "requests at once"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """A refused request, and the limit that it exceeds."""

    limit: Limit
    retry_after: int
    """Whole seconds until it would be admitted, at least one."""


class SecondaryLimits:
    """Admits or refuses requests. Not thread-safe."""

    def __init__(
        self,
        *,
        rest: int = REST_POINTS,
        graphql: int = GRAPHQL_POINTS,
        at_once: int = MAX_CONCURRENT,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._at_once = at_once
        self._rest = _Window("REST points a minute", rest, now)
        self._graphql = _Window("GraphQL points a minute", graphql, now)

    def excess(self, call: Call, busy: int) -> Excess | None:
        """Count ``call`` and return None, or return why it is refused.

        ``busy`` is the number of concurrent requests. A GraphQL query or a read over REST costs
        one point, anything else five.
        """
        if busy > self._at_once:
            return Excess(limit="requests at once", retry_after=1)
        if call.path.endswith("/graphql"):
            return self._graphql.excess(1)
        return self._rest.excess(1 if call.method in {"GET", "HEAD", "OPTIONS"} else 5)


class _Window:
    """The points spent in the last 60 seconds."""

    def __init__(self, limit: Limit, max_points: int, now: Callable[[], float]) -> None:
        self._limit = limit
        self._max_points = max_points
        self._now = now
        self._spent: deque[tuple[float, int]] = deque()
        self._sum = 0

    def excess(self, points: int) -> Excess | None:
        now = self._now()
        while self._spent and self._spent[0][0] <= now - _MINUTE_SECONDS:
            self._sum -= self._spent.popleft()[1]
        if self._sum + points > self._max_points:
            oldest = self._spent[0][0] if self._spent else now
            wait = math.ceil(oldest + _MINUTE_SECONDS - now)
            return Excess(limit=self._limit, retry_after=max(1, wait))
        self._spent.append((now, points))
        self._sum += points
        return None
