"""A minimal transport for tests of sources: httpx with redirects, and RateLimited for quotas."""

import datetime as dt
from types import TracebackType
from typing import Self

import httpx

from pkgharvest.model.errors import RateLimited
from pkgharvest.transport.base import Request, Response


class LoopbackTransport:
    """A Transport over a real socket, without retries, and with no credentials but ``token``."""

    def __init__(self, token: str | None = None) -> None:
        headers = {"user-agent": "pkgharvest-tests", "accept-encoding": "identity"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        self._client = httpx.AsyncClient(
            headers=headers, follow_redirects=True, timeout=10, trust_env=False, verify=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def send(self, request: Request) -> Response:
        """Send ``request``. Raises RateLimited if the quota is used up."""
        response = await self._client.request(
            request.method, request.url, headers=dict(request.headers), content=request.body
        )
        if (
            response.status_code in {403, 429}
            and response.headers.get("x-ratelimit-remaining") == "0"
        ):
            reset = dt.datetime.fromtimestamp(int(response.headers["x-ratelimit-reset"]), dt.UTC)
            raise RateLimited(response.url.host, reset)
        return Response(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=response.content,
            url=str(response.url),
            redirects=tuple(str(past.url) for past in response.history),
        )
