"""The chain, put together.

redirects(retry(limits(admission(recorder(meter(wire or replay))))))
"""

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from pkgharvest import PROJECT_URL, __version__
from pkgharvest.model.clock import Clock
from pkgharvest.model.events import Listener
from pkgharvest.transport.auth_guard import AuthGuard
from pkgharvest.transport.base import Request, Response, Transport
from pkgharvest.transport.credentials import Credentials
from pkgharvest.transport.har.archive import HarArchive
from pkgharvest.transport.har.recorder import HarRecorder
from pkgharvest.transport.har.replay import HarReplay
from pkgharvest.transport.metrics import MetricsTransport, RequestMetrics
from pkgharvest.transport.rate_limit.gcra import RateLimit
from pkgharvest.transport.rate_limit.limiter import RateLimiter
from pkgharvest.transport.redirects import Redirects
from pkgharvest.transport.retry import Retry

USER_AGENT = f"pkgharvest/{__version__} (+{PROJECT_URL})"


class Client:
    """What sources send their requests through, and what it counted and recorded."""

    def __init__(
        self, chain: Transport, *, traffic: RequestMetrics, recorder: HarRecorder | None
    ) -> None:
        self._chain = chain
        self.traffic = traffic
        self.recorder = recorder
        """None where the run is not recorded."""

    async def send(self, request: Request) -> Response:
        """Send ``request`` and return its answer, whatever its status; see ``Exchange``."""
        return await self._chain.send(request)


@asynccontextmanager
async def open_client(
    *,
    clock: Clock,
    listener: Listener,
    credentials: Credentials,
    concurrency: int = 8,
    concurrency_of: Mapping[str, int] | None = None,
    wait: bool = False,
    max_wait: float = 7200.0,
    request_budget: int | None = None,
    paces: Mapping[str, RateLimit] | None = None,
    archive: HarArchive | None = None,
    record: Mapping[str, str] | None = None,
    randomness: random.Random | None = None,
) -> AsyncIterator[Client]:
    """Open the way to the hosts, or, with ``archive``, to what they said once.

    ``concurrency`` is requests at once to each host, where ``concurrency_of`` has no other number
    for it (by host, as ``Origin`` prints it); ``wait`` sleeps through a used-up quota,
    ``max_wait`` seconds at most. ``paces`` say how fast hosts may be asked (``paces_of`` knows
    the public ones'); a replay has none. ``record`` turns recording on: it holds the base URLs
    by name, which the archive shall remember. A replay knows no credentials and should be given
    the archive's own clock. Raises InvalidValue where the environment's proxy or certificates
    cannot be used.
    """
    async with AsyncExitStack() as stack:
        chain: Transport
        if archive is not None:
            credentials = Credentials.none()
            chain = HarReplay(archive)
        else:
            # Here, as a replay should not pay for httpx.
            from pkgharvest.transport.httpx_transport import HttpxTransport  # noqa: PLC0415

            wire = HttpxTransport(credentials=credentials, user_agent=USER_AGENT)
            chain = await stack.enter_async_context(wire)
        traffic = RequestMetrics()
        chain = MetricsTransport(
            chain, traffic=traffic, credentials=credentials, clock=clock, listener=listener
        )
        recorder = None
        if record is not None:
            chain = recorder = HarRecorder(
                chain,
                clock=clock,
                creator_version=__version__,
                hosts=record,
                secret_texts=credentials.telling,
            )
        chain = RateLimiter(
            AuthGuard(chain, credentials=credentials),
            clock=clock,
            listener=listener,
            concurrency=concurrency,
            concurrency_of=concurrency_of,
            wait=wait,
            max_wait=max_wait,
            request_budget=request_budget,
            paces=paces if archive is None else None,
            obey_quota=archive is None,
        )
        chain = Retry(
            chain,
            clock=clock,
            listener=listener,
            randomness=randomness or random.Random(),  # noqa: S311 - jitter is no secret
        )
        yield Client(Redirects(chain), traffic=traffic, recorder=recorder)
