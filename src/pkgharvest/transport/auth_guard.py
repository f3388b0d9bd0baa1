"""Not sending a token again that its host rejected; repeated 401s get clients blocked."""

from http import HTTPStatus

from pkgharvest.model.errors import Unauthorized
from pkgharvest.model.origin import Origin
from pkgharvest.transport.base import Request, Response, Transport
from pkgharvest.transport.credentials import Credentials


class AuthGuard:
    """The transport that takes one 401 to a token as the answer to every request with that token.

    It raises Unauthorized, which repeats the token's last four characters at most. A 401 to a
    request without a token is returned: it is about that request alone.
    """

    def __init__(self, inner: Transport, *, credentials: Credentials) -> None:
        self._inner = inner
        self._credentials = credentials
        self._rejecting: set[Origin] = set()

    async def send(self, request: Request) -> Response:
        """Send ``request``, unless its host has rejected the token before."""
        origin = Origin.of(request.url)
        if origin in self._rejecting:
            raise self._rejection(origin, request.url)
        response = await self._inner.send(request)
        if (
            response.status == HTTPStatus.UNAUTHORIZED
            and self._credentials.header(origin) is not None
        ):
            self._rejecting.add(origin)
            raise self._rejection(origin, request.url)
        return response

    def _rejection(self, origin: Origin, url: str) -> Unauthorized:
        last_four = self._credentials.last_four(url)
        token = f"the token that ends in {last_four}" if last_four else "the token"
        return Unauthorized(
            f"{origin.host} rejects {token}",
            hint="is it mistyped, expired or revoked?",
        )
