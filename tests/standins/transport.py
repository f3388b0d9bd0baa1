"""Minimal transports for tests of sources: over a real socket, or straight to a stand-in."""

import datetime as dt
from collections.abc import Mapping
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

import httpx

from pkgharvest.model.errors import RateLimited
from pkgharvest.transport.base import Request, Response
from tests.standins.server import Call, Handler, Reply


class LoopbackTransport:
    """A Transport over a real socket, without retries, and with no credentials but ``token``.

    It follows redirects, and raises RateLimited for a used-up quota.
    """

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


class DirectTransport:
    """A Transport that calls the handler of a stand-in at ``base_url``, without a socket.

    ``overrides`` has replies by path that are sent in place of the handler's.
    """

    def __init__(self, handler: Handler, base_url: str) -> None:
        self.requests: list[tuple[str, int]] = []
        """The path and the status of each request, in order."""
        self.headers: list[Mapping[str, str]] = []
        """The headers of each request."""
        self.overrides: dict[str, Reply] = {}
        self._handler = handler
        self._base_url = base_url

    async def send(self, request: Request) -> Response:
        """Return the reply of the handler."""
        parts = urlsplit(request.url.removeprefix(self._base_url))
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = Call(
            method=request.method,
            path=parts.path,
            query=dict(parse_qsl(parts.query)),
            headers=headers,
        )
        reply = self.overrides.get(parts.path) or self._handler(call)
        self.requests.append((parts.path, reply.status))
        self.headers.append(headers)
        return Response(
            status=reply.status,
            headers={name.lower(): value for name, value in reply.headers.items()},
            body=reply.body,
            url=request.url,
        )
