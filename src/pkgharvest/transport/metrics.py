"""Counting what is really sent: requests and bytes by host, next to the network."""

import copy
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


@dataclass(slots=True, kw_only=True)
class HostMetrics:
    """The requests to one host."""

    requests: int = 0
    not_modified: int = 0
    points: int = 0
    """Charged by the host: one per request, none for a 304 with a token, the cost of a query."""
    quotas: dict[str | None, Quota] = field(default_factory=dict)
    """The last report of each of its quotas, by the host's name for it."""

    @property
    def remaining(self) -> int | None:
        """What is left of the scarcest quota of the host, or None if it reports none."""
        return min((quota.remaining for quota in self.quotas.values()), default=None)

    @property
    def reset(self) -> dt.datetime | None:
        """When that quota resets."""
        quotas = self.quotas.values()
        return min(quotas, key=lambda quota: quota.remaining).reset if quotas else None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsReport:
    """The requests of a run, as in the ``requests`` and ``bytes`` of its JSON report."""

    requests: int
    bytes: int
    """The sum of all response bodies, decoded."""
    by_host: Mapping[str, HostMetrics]
    """By host, with its port unless that is the scheme's default, in order of first use."""


class MetricsTransport:
    """The transport that counts, around the network or the replay in its place."""

    def __init__(
        self, inner: Transport, *, credentials: Credentials, clock: Clock, listener: Listener
    ) -> None:
        self._inner = inner
        self._credentials = credentials
        self._clock = clock
        self._listener = listener
        self._hosts: dict[str, HostMetrics] = {}
        self._bytes = 0

    async def send(self, request: Request) -> Response:
        """Send ``request``, count it, and report it to the listener."""
        origin = Origin.of(request.url)
        host = self._hosts.setdefault(origin.netloc, HostMetrics())
        host.requests += 1
        host.points += 1
        started = self._clock.monotonic()
        try:
            response = await self._inner.send(request)
        except SourceError:
            self._report_request(request, None, started)
            raise
        self._bytes += len(response.body)
        if response.status == HTTPStatus.NOT_MODIFIED:
            host.not_modified += 1
            if self._credentials.header(origin) is not None:
                host.points -= 1
        self._report_request(request, response.status, started)
        self._update_quota(origin.netloc, response)
        return response

    def record_cost(self, url: str, points: int) -> None:
        """Correct the cost of a response from ``url``, counted as one point, to ``points``."""
        self._hosts.setdefault(Origin.of(url).netloc, HostMetrics()).points += points - 1

    def report(self) -> MetricsReport:
        """Return the counters as they are now."""
        return MetricsReport(
            requests=sum(host.requests for host in self._hosts.values()),
            bytes=self._bytes,
            by_host=copy.deepcopy(self._hosts),
        )

    def _report_request(self, request: Request, status: int | None, started: float) -> None:
        self._listener(
            RequestFinished(
                method=request.method,
                url=self._credentials.redact(strip_userinfo(request.url)),
                status=status,
                seconds=self._clock.monotonic() - started,
            )
        )

    def _update_quota(self, host: str, response: Response) -> None:
        """Record the quota that ``response`` reports, and tell the listener if it is new."""
        reported = read_quota(response.headers, self._clock.now())
        if reported is None:
            return
        quotas = self._hosts[host].quotas
        known = quotas.get(reported.resource)
        quotas[reported.resource] = quota = newer_quota(known, reported)
        if quota != known:
            self._listener(
                QuotaReported(
                    host=host,
                    resource=quota.resource,
                    remaining=quota.remaining,
                    limit=quota.limit,
                    reset=quota.reset,
                )
            )
