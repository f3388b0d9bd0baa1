"""Sending a request again: to where it was redirected, or after a temporary failure.

httpx could follow redirects, but then one request to us would be several to the hosts. Each hop
goes through all transports below, like a request of its own: it waits for the rate limit of its
host, is counted against the budget, recorded and retried. No credential is carried along, as a
request holds none: ``HttpxTransport`` adds those of the origin of each hop. Sources need to know
the way as well, because a repository that redirects was renamed.
"""

import random
from dataclasses import dataclass, replace
from urllib.parse import quote, urljoin

from pkgharvest.model.clock import Clock
from pkgharvest.model.errors import Malformed, TimedOut, Unavailable
from pkgharvest.model.events import Listener, RequestRetried
from pkgharvest.model.origin import Origin, strip_userinfo
from pkgharvest.transport.base import Request, Response, Transport, retry_after

_ANY_METHOD_STATUSES = frozenset({307, 308})
_SAFE_METHOD_STATUSES = frozenset({301, 302, 303}) | _ANY_METHOD_STATUSES

_UNQUOTED_CHARACTERS = "%!#$&'()*+,/:;=?@[]~"
"""Characters that belong to the syntax of a URL (RFC 3986, section 2.2), and ``%``."""

_RETRYABLE_STATUSES = frozenset({500, 502, 503, 504})

_RETRYABLE_POST_STATUSES = frozenset({500, 503})
"""GitHub answers 502 or 504 to a query that is too large, and charges for it: do not repeat it."""


@dataclass(frozen=True, slots=True)
class Redirects:
    """The transport that follows redirects: a few, never in a loop, never from https to http."""

    inner: Transport
    max_redirects: int = 5

    async def send(self, request: Request) -> Response:
        """Send ``request``, and follow redirects; the response lists the URLs on the way.

        A POST follows 307 and 308 only. Raises Malformed for too many redirects, a loop, a
        missing or unusable target, and a redirect from https to http.
        """
        is_safe = request.method in {"GET", "HEAD"}
        statuses = _SAFE_METHOD_STATUSES if is_safe else _ANY_METHOD_STATUSES
        request = replace(request, url=strip_userinfo(request.url))
        visited: list[str] = []
        while True:
            response = await self.inner.send(request)
            if response.status not in statuses:
                return replace(response, redirects=tuple(visited)) if visited else response
            target = _redirect_target(request.url, response.headers.get("location"))
            visited.append(request.url)
            host = Origin.of(visited[0])
            if target in visited:
                raise Malformed(f"{host} redirects in a loop")
            if len(visited) > self.max_redirects:
                raise Malformed(f"{host} redirects more than {self.max_redirects} times")
            request = replace(request, url=target)


def _redirect_target(url: str, location: str | None) -> str:
    source = Origin.of(url)
    if not location:
        raise Malformed(f"{source} redirects without a target")
    # Header values are bytes decoded as Latin-1: to quote those bytes restores what was sent.
    raw = location.encode("latin-1", "xmlcharrefreplace")
    try:
        target = strip_userinfo(urljoin(url, quote(raw, safe=_UNQUOTED_CHARACTERS)))
        origin = Origin.of(target)
    except (Malformed, ValueError) as error:
        raise Malformed(f"{source} redirects to something other than http or https") from error
    if source.scheme == "https" and origin.scheme == "http":
        raise Malformed(f"{source} redirects from https to http")
    return target


@dataclass(frozen=True, slots=True)
class Retry:
    """The transport that retries.

    It retries connection failures, time-outs and the statuses above, ``attempts`` times in all.
    Delays are exponential from ``base`` with full jitter, at most ``cap`` seconds. ``Retry-After``
    takes precedence; one above ``cap`` ends the attempts. No attempt begins later than
    ``budget_seconds`` after the first one; time spent in our own rate limiter does not count.
    """

    inner: Transport
    clock: Clock
    listener: Listener
    randomness: random.Random
    attempts: int = 3
    base: float = 0.5
    cap: float = 30.0
    budget_seconds: float = 120.0

    async def send(self, request: Request) -> Response:
        """Send ``request``. Return the last response, or raise the last error."""
        retryable = _RETRYABLE_STATUSES if request.method != "POST" else _RETRYABLE_POST_STATUSES
        deadline = self._active_seconds(request) + self.budget_seconds
        attempt = 1
        while True:
            outcome: Response | Unavailable | TimedOut
            try:
                outcome = await self.inner.send(request)
            except (Unavailable, TimedOut) as error:
                outcome, reason, delay = error, str(error), None
            else:
                if outcome.status not in retryable:
                    return outcome
                reason = f"status {outcome.status}"
                delay = retry_after(outcome.headers, self.clock.now())
            if delay is None:
                delay = self._jitter(attempt)
            if not self._may_retry(request, attempt, delay, deadline):
                if isinstance(outcome, Response):
                    return outcome
                raise outcome
            attempt += 1
            self.listener(
                RequestRetried(
                    url=strip_userinfo(request.url), attempt=attempt, seconds=delay, reason=reason
                )
            )
            await self.clock.sleep(delay)

    def _jitter(self, attempt: int) -> float:
        return self.randomness.uniform(0, min(self.cap, self.base * 2.0 ** (attempt - 1)))

    def _may_retry(self, request: Request, attempt: int, delay: float, deadline: float) -> bool:
        return (
            attempt < self.attempts
            and delay <= self.cap
            and self._active_seconds(request) + delay <= deadline
        )

    def _active_seconds(self, request: Request) -> float:
        return self.clock.monotonic() - request.limiter_wait.seconds
