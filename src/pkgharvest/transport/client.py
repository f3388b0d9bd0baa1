"""The chain of transports that every request goes through, and the order of its links.

    Redirects        each hop is a request of its own to all that follows
    Retry            above the limiter: each attempt waits for the rate limit of its host
    RateLimiter      below the retries: a request that may not be sent costs no attempt
    AuthGuard        a token that was rejected is neither sent, counted nor recorded again
    HarRecorder      if recording; below the guard, so that it sees exactly what was sent
    MetricsTransport next to the network: it counts what really left
    HttpxTransport   the network, or HarReplay: an archive in its place

A replay has no AuthGuard, as it has no credentials.
"""

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from pkgharvest import PROJECT_URL, __version__
from pkgharvest.model.clock import Clock
from pkgharvest.model.events import Listener
from pkgharvest.transport.base import Request, Response, Transport
from pkgharvest.transport.credentials import AuthGuard, Credentials
from pkgharvest.transport.har.recorder import HarRecorder
from pkgharvest.transport.har.replay import HarArchive, HarReplay
from pkgharvest.transport.metrics import MetricsTransport
from pkgharvest.transport.rate_limit.limiter import RateLimit, RateLimiter
from pkgharvest.transport.resend import Redirects, Retry

USER_AGENT = f"pkgharvest/{__version__} (+{PROJECT_URL})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What sources send requests with. It also holds what was counted and recorded."""

    chain: Transport
    metrics: MetricsTransport
    recorder: HarRecorder | None
    """None if the run is not recorded."""

    async def send(self, request: Request) -> Response:
        """Send ``request`` and return the response, whatever its status; see ``Transport``."""
        return await self.chain.send(request)


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
    rates: Mapping[str, RateLimit] | None = None,
    archive: HarArchive | None = None,
    record: Mapping[str, str] | None = None,
    randomness: random.Random | None = None,
) -> AsyncIterator[Client]:
    """Open a client of the hosts, or, with ``archive``, of what they answered once.

    ``concurrency`` is the number of concurrent requests per host; ``concurrency_of`` overrides it
    for single hosts, as ``Origin`` prints them. ``wait`` sleeps until a used-up quota resets, for
    ``max_wait`` seconds at most. ``rates`` are as ``find_rate_limit`` expects them; a replay has
    none. ``record`` turns recording on; it holds the base URLs by name that the archive remembers.
    A replay ignores ``credentials``, and should be given the archive's own clock.

    Raises InvalidValue if the proxy or the certificates of the environment cannot be used.
    """
    async with AsyncExitStack() as stack:
        chain: Transport
        if archive is not None:
            credentials = Credentials.none()
            chain = HarReplay(archive)
        else:
            # Imported here, as a replay should not pay for httpx.
            from pkgharvest.transport.httpx_transport import HttpxTransport  # noqa: PLC0415

            chain = await stack.enter_async_context(
                HttpxTransport(credentials=credentials, user_agent=USER_AGENT)
            )
        chain = metrics = MetricsTransport(
            chain, credentials=credentials, clock=clock, listener=listener
        )
        recorder = None
        if record is not None:
            chain = recorder = HarRecorder(
                chain,
                clock=clock,
                creator_version=__version__,
                hosts=record,
                credentials=credentials,
            )
        if archive is None:
            chain = AuthGuard(chain, credentials=credentials)
        chain = RateLimiter(
            chain,
            clock=clock,
            listener=listener,
            concurrency=concurrency,
            concurrency_of=concurrency_of,
            wait=wait,
            max_wait=max_wait,
            request_budget=request_budget,
            rates=rates if archive is None else None,
            obey_quota=archive is None,
        )
        chain = Retry(
            chain,
            clock=clock,
            listener=listener,
            randomness=randomness or random.Random(),  # noqa: S311 - jitter is no secret
        )
        yield Client(chain=Redirects(chain), metrics=metrics, recorder=recorder)
