"""What really went out: requests and bytes, by host, counted where they leave."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from pkgharvest.model.clock import Clock
from pkgharvest.model.errors import SourceError
from pkgharvest.model.events import Listener, QuotaReported, RequestFinished
from pkgharvest.model.origin import Origin, strip_userinfo
from pkgharvest.transport.base import Request, Response, Transport
from pkgharvest.transport.credentials import Credentials
from pkgharvest.transport.rate_limit.quota import SAME_PERIOD, Quota


@dataclass(frozen=True, slots=True, kw_only=True)
class HostMetrics:
    """What one host was asked."""

    requests: int = 0
    not_modified: int = 0
    points: int = 0
    """What it charged: one a request, nothing for a 304 to a token, a GraphQL query its cost."""
    remaining: int | None = None
    """What is left, of the scarcest of its quotas; None where it does not say."""
    reset: dt.datetime | None = None
    """When that quota begins anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsReport:
    """What a run sent and got: section 8 of a run's record."""

    requests: int
    bytes: int
    """Of bodies, decoded."""
    by_host: Mapping[str, HostMetrics]
    """By host, with its port where that is not the scheme's own; in order of first use."""


@dataclass(slots=True)
class _Count:
    requests: int = 0
    not_modified: int = 0
    points: int = 0
    quotas: dict[str | None, Quota] = field(default_factory=dict)


class RequestMetrics:
    """The counters of one run."""

    def __init__(self) -> None:
        self._hosts: dict[str, _Count] = {}
        self._bytes = 0

    def sent(self, host: str) -> None:
        """Count a request that goes out to ``host``."""
        count = self._hosts.setdefault(host, _Count())
        count.requests += 1
        count.points += 1

    def answered(
        self, host: str, answer: Response, *, authenticated: bool, now: dt.datetime
    ) -> Quota | None:
        """Count what came back from ``host``, at ``now``; return a quota of which it has news."""
        count = self._hosts.setdefault(host, _Count())
        self._bytes += len(answer.body)
        if answer.status == HTTPStatus.NOT_MODIFIED:
            count.not_modified += 1
            if authenticated:
                count.points -= 1
        said = Quota.of(answer.headers, now)
        if said is None:
            return None
        known = count.quotas.get(said.resource)
        count.quotas[said.resource] = believed = _later(known, said)
        return None if believed == known else believed

    def cost(self, url: str, points: int) -> None:
        """Say that an answer from ``url``, counted as one point, did cost ``points``."""
        self._hosts.setdefault(str(Origin.of(url)), _Count()).points += points - 1

    def report(self) -> MetricsReport:
        """Return the counters as they stand."""
        return MetricsReport(
            requests=sum(count.requests for count in self._hosts.values()),
            bytes=self._bytes,
            by_host={host: _report(count) for host, count in self._hosts.items()},
        )


def _later(known: Quota | None, said: Quota) -> Quota:
    """Return what to believe of two sayings that may have overtaken each other."""
    if known is None or known.reset is None or said.reset is None:
        return said
    if abs(said.reset - known.reset) > SAME_PERIOD:
        return said if said.reset > known.reset else known
    return replace(said, remaining=min(known.remaining, said.remaining))


def _report(count: _Count) -> HostMetrics:
    scarcest = min(count.quotas.values(), key=lambda quota: quota.remaining, default=None)
    return HostMetrics(
        requests=count.requests,
        not_modified=count.not_modified,
        points=count.points,
        remaining=scarcest.remaining if scarcest else None,
        reset=scarcest.reset if scarcest else None,
    )


class MetricsTransport:
    """The link that counts, around the wire or around the replay that takes its place."""

    def __init__(
        self,
        inner: Transport,
        *,
        traffic: RequestMetrics,
        credentials: Credentials,
        clock: Clock,
        listener: Listener,
    ) -> None:
        self._inner = inner
        self._traffic = traffic
        self._credentials = credentials
        self._clock = clock
        self._listener = listener

    async def send(self, request: Request) -> Response:
        """Send ``request``, count it, and tell the listener."""
        origin = Origin.of(request.url)
        started = self._clock.monotonic()
        self._traffic.sent(str(origin))
        try:
            answer = await self._inner.send(request)
        except SourceError:
            self._tell(request, None, started)
            raise
        authenticated = self._credentials.header(origin) is not None
        now = self._clock.now()
        quota = self._traffic.answered(str(origin), answer, authenticated=authenticated, now=now)
        self._tell(request, answer.status, started)
        if quota is not None:
            self._listener(
                QuotaReported(
                    host=str(origin),
                    resource=quota.resource,
                    remaining=quota.remaining,
                    limit=quota.limit,
                    reset=quota.reset,
                )
            )
        return answer

    def _tell(self, request: Request, status: int | None, started: float) -> None:
        self._listener(
            RequestFinished(
                method=request.method,
                url=self._credentials.redact(strip_userinfo(request.url)),
                status=status,
                seconds=self._clock.monotonic() - started,
            )
        )
