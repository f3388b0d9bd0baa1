"""Counting what is really sent: requests and bytes by host, next to the network."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from pkgharvest.model.clock import Clock
from pkgharvest.model.errors import SourceError
from pkgharvest.model.events import Listener, QuotaReported, RequestFinished
from pkgharvest.model.origin import Origin, strip_userinfo
from pkgharvest.transport.base import Request, Response, Transport
from pkgharvest.transport.credentials import Credentials
from pkgharvest.transport.rate_limit.quota import Quota, newer_quota, read_quota


@dataclass(frozen=True, slots=True, kw_only=True)
class HostMetrics:
    """The requests to one host."""

    requests: int = 0
    not_modified: int = 0
    points: int = 0
    """Charged by the host: one per request, none for a 304 with a token, the cost of a query."""
    remaining: int | None = None
    """What is left of the scarcest quota of the host, or None if it reports none."""
    reset: dt.datetime | None = None
    """When that quota resets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsReport:
    """The requests of a run, as in the ``requests`` and ``bytes`` of its JSON report."""

    requests: int
    bytes: int
    """The sum of all response bodies, decoded."""
    by_host: Mapping[str, HostMetrics]
    """By host, with its port unless that is the scheme's default, in order of first use."""


@dataclass(slots=True)
class _HostCounters:
    requests: int = 0
    not_modified: int = 0
    points: int = 0
    quotas: dict[str | None, Quota] = field(default_factory=dict)


class RequestMetrics:
    """The counters of one run."""

    def __init__(self) -> None:
        self._hosts: dict[str, _HostCounters] = {}
        self._bytes = 0

    def record_request(self, host: str) -> None:
        """Count a request that is sent to ``host``."""
        counters = self._hosts.setdefault(host, _HostCounters())
        counters.requests += 1
        counters.points += 1

    def record_response(
        self, host: str, response: Response, *, authenticated: bool, now: dt.datetime
    ) -> Quota | None:
        """Count a response of ``host``, received at ``now``. Return its quota if that is new."""
        counters = self._hosts.setdefault(host, _HostCounters())
        self._bytes += len(response.body)
        if response.status == HTTPStatus.NOT_MODIFIED:
            counters.not_modified += 1
            if authenticated:
                counters.points -= 1
        reported = read_quota(response.headers, now)
        if reported is None:
            return None
        known = counters.quotas.get(reported.resource)
        counters.quotas[reported.resource] = quota = newer_quota(known, reported)
        return None if quota == known else quota

    def record_cost(self, url: str, points: int) -> None:
        """Correct the cost of a response from ``url``, counted as one point, to ``points``."""
        self._hosts.setdefault(Origin.of(url).netloc, _HostCounters()).points += points - 1

    def report(self) -> MetricsReport:
        """Return the counters as they are now."""
        return MetricsReport(
            requests=sum(counters.requests for counters in self._hosts.values()),
            bytes=self._bytes,
            by_host={host: _host_metrics(counters) for host, counters in self._hosts.items()},
        )


def _host_metrics(counters: _HostCounters) -> HostMetrics:
    scarcest = min(counters.quotas.values(), key=lambda quota: quota.remaining, default=None)
    return HostMetrics(
        requests=counters.requests,
        not_modified=counters.not_modified,
        points=counters.points,
        remaining=scarcest.remaining if scarcest else None,
        reset=scarcest.reset if scarcest else None,
    )


class MetricsTransport:
    """The transport that counts, around the network or the replay in its place."""

    def __init__(
        self,
        inner: Transport,
        *,
        metrics: RequestMetrics,
        credentials: Credentials,
        clock: Clock,
        listener: Listener,
    ) -> None:
        self._inner = inner
        self._metrics = metrics
        self._credentials = credentials
        self._clock = clock
        self._listener = listener

    async def send(self, request: Request) -> Response:
        """Send ``request``, count it, and report it to the listener."""
        origin = Origin.of(request.url)
        host = origin.netloc
        started = self._clock.monotonic()
        self._metrics.record_request(host)
        try:
            response = await self._inner.send(request)
        except SourceError:
            self._report(request, None, started)
            raise
        authenticated = self._credentials.header(origin) is not None
        quota = self._metrics.record_response(
            host, response, authenticated=authenticated, now=self._clock.now()
        )
        self._report(request, response.status, started)
        if quota is not None:
            self._listener(
                QuotaReported(
                    host=host,
                    resource=quota.resource,
                    remaining=quota.remaining,
                    limit=quota.limit,
                    reset=quota.reset,
                )
            )
        return response

    def _report(self, request: Request, status: int | None, started: float) -> None:
        self._listener(
            RequestFinished(
                method=request.method,
                url=self._credentials.redact(strip_userinfo(request.url)),
                status=status,
                seconds=self._clock.monotonic() - started,
            )
        )
