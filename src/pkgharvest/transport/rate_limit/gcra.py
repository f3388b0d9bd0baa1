"""Request rates: so many requests a minute to a host, evenly spaced, first come, first served.

``RateLimit`` is a rate, ``GcraQueue`` the queue that enforces it. What hosts report about
themselves (quotas, refusals) is not known here: see ``limiter.py``.
"""

import asyncio
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import urlsplit

from pkgharvest.model.clock import Clock
from pkgharvest.model.origin import Origin
from pkgharvest.settings.hosts import ForgeHost


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
