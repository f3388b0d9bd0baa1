"""Not knocking again where the token was refused: hosts shut out those who go on."""

from http import HTTPStatus

from pkgharvest.model.errors import Unauthorized
from pkgharvest.model.origin import Origin
from pkgharvest.transport.base import Request, Response, Transport
from pkgharvest.transport.credentials import Credentials


class AuthGuard:
    """The link that takes a 401 to a token for an answer to every request with that token.

    Raises Unauthorized, which names the token's last four characters at most. A 401 to a request
    without a token passes, as one about that request alone.
    """

    def __init__(self, inner: Transport, *, credentials: Credentials) -> None:
        self._inner = inner
        self._credentials = credentials
        self._refused: set[Origin] = set()

    async def send(self, request: Request) -> Response:
        """Send ``request``, unless its host has refused the token before."""
        origin = Origin.of(request.url)
        if origin in self._refused:
            raise self._refusal(origin, request.url)
        answer = await self._inner.send(request)
        if (
            answer.status == HTTPStatus.UNAUTHORIZED
            and self._credentials.header(origin) is not None
        ):
            self._refused.add(origin)
            raise self._refusal(origin, request.url)
        return answer

    def _refusal(self, origin: Origin, url: str) -> Unauthorized:
        last_four = self._credentials.last_four(url)
        which = f"the token that ends in {last_four}" if last_four else "the token"
        return Unauthorized(
            f"{origin.host} refuses {which}",
            hint="is it mistyped, expired or revoked?",
        )
