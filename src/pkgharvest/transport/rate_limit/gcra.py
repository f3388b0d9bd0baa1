"""How fast a host may be asked: so many requests a minute, evenly, in the order they came.

``Pace`` says how fast; ``Turns`` is the queue that keeps to it. What a host says of itself as it
goes (quotas, refusals) is not known here: see ``limits.py``.
"""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import urlsplit

from pkgharvest.model.clock import Clock
from pkgharvest.model.origin import Origin


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A rate of requests; after a pause, ``burst`` of them may go at once.

    In any 60 seconds no more than ``per_minute + burst`` go out, both ends included: together
    they are what the host allows in a minute, whichever way it counts its minutes.
    """

    per_minute: float
    burst: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse what would stop a host for ever."""
        if not self.per_minute > 0 or self.burst < 1:
            raise ValueError(f"{self} lets nothing through")

    @classmethod
    def within(cls, limit: float) -> "RateLimit":
        """Return a pace by which no 60 seconds have more than ``limit`` requests.

        Evenly, but for the thirtieth part of it, which may go at once. A limit below one a minute
        is kept to over a longer time.
        """
        whole = math.floor(limit) if limit >= 1 else limit
        return cls(whole * 29 / 30, burst=max(1, int(whole / 30)))

    @property
    def interval(self) -> float:
        """Seconds between two requests."""
        return 60.0 / self.per_minute


UNLIMITED = RateLimit(math.inf)
"""As fast as there is room."""

PYPISTATS = RateLimit(27, burst=3)
"""30 a minute and 5 a second for each address (psf/pypistats.org, its default limits): three may go
at once, so that a short run is a short one."""

GITHUB = RateLimit.within(900)
"""900 points a minute for REST, a GET being one ("Rate limits for the REST API", secondary limits,
docs.github.com). GraphQL may have 2,000, but is asked far less often: its queries take longer."""

_GITHUB_COM = "api.github.com"


def rate_limits(
    *,
    github: str,
    pypistats: str | None = None,
    limits: Mapping[str, float] = MappingProxyType({}),
) -> Mapping[str, RateLimit]:
    """Return the paces of the hosts at these base URLs, as ``pace_of`` looks for them.

    A GitHub of one's own has no limits but what its owner sets, and tells those itself.
    ``limits`` are requests a minute by host, with a port where that is not 443: such a limit is of
    the host as a whole, whoever it stands in for, and takes the place of what is known of it.
    Raises Malformed for what is no host.
    """
    chosen = {str(Origin.of(f"https://{host}")): RateLimit.within(limits[host]) for host in limits}
    paces = {}
    if pypistats is not None and str(Origin.of(pypistats)) not in chosen:
        paces[f"{_place(pypistats)}/api/packages"] = PYPISTATS
    if Origin.of(github).host == _GITHUB_COM and str(Origin.of(github)) not in chosen:
        paces[_place(github)] = GITHUB
    return paces | chosen


def find_rate_limit(url: str, paces: Mapping[str, RateLimit]) -> tuple[str, RateLimit]:
    """Return the pace of ``url``, and the name of the queue for it.

    The keys of ``paces`` are hosts as ``Origin`` prints them, or a host with the beginning of a
    path, where one server stands in for several hosts; the longest that fits counts.
    """
    place = _place(url)
    fitting = [key for key in paces if place == key or place.startswith(f"{key}/")]
    if not fitting:
        return str(Origin.of(url)), UNLIMITED
    key = max(fitting, key=len)
    return key, paces[key]


def _place(url: str) -> str:
    return str(Origin.of(url)) + urlsplit(url).path.rstrip("/")


class GcraQueue:
    """The queue before a host.

        async with turns.line:   # next, and alone in that
            await turns.due()
            turns.take()

    Who is cancelled, or in the end sends nothing, leaves the turn to the next at once.
    """

    def __init__(self, pace: RateLimit, clock: Clock) -> None:
        self.line = asyncio.Lock()
        """Serves in the order of asking, whoever is cancelled meanwhile."""
        self._clock = clock
        self._interval = pace.interval
        self._ahead = (pace.burst - 1) * pace.interval if pace.burst > 1 else 0.0
        # When the next one would go if all had gone evenly: the generic cell rate algorithm.
        self._even = -math.inf

    async def due(self) -> None:
        """Wait until the pace lets the next one go."""
        seconds = self._even - self._ahead - self._clock.monotonic()
        if seconds > 0:
            await self._clock.sleep(seconds)

    def take(self) -> None:
        """Take note that a request goes out now."""
        self._even = max(self._even, self._clock.monotonic()) + self._interval

    def rest_until(self, moment: float) -> None:
        """Let nothing go before ``moment`` (monotonic), and no burst then: the host complained."""
        self._even = max(self._even, moment + self._ahead)
