"""Following redirects: a few, never in a loop, never from https to http.

httpx could follow them, but then one request to us would be several to the hosts. Each hop goes
through all transports below, like a request of its own: it waits for the rate limit of its host,
is counted against the budget, recorded and retried. No credential is carried along, as a request
holds none: ``HttpxTransport`` adds those of the origin of each hop. Sources need to know the way
as well, because a repository that redirects was renamed.
"""

from dataclasses import replace
from urllib.parse import quote, urljoin

from pkgharvest.model.errors import Malformed
from pkgharvest.model.origin import Origin, strip_userinfo
from pkgharvest.transport.base import Request, Response, Transport

_ANY_METHOD_STATUSES = frozenset({307, 308})
_SAFE_METHOD_STATUSES = frozenset({301, 302, 303}) | _ANY_METHOD_STATUSES

_UNQUOTED_CHARACTERS = "%!#$&'()*+,/:;=?@[]~"
"""Characters that belong to the syntax of a URL (RFC 3986, section 2.2), and ``%``."""


class Redirects:
    """The transport that follows redirects."""

    def __init__(self, inner: Transport, *, max_redirects: int = 5) -> None:
        self._inner = inner
        self._max_redirects = max_redirects

    async def send(self, request: Request) -> Response:
        """Send ``request``, and follow redirects; the response lists the URLs on the way.

        A POST follows 307 and 308 only. Raises Malformed for too many redirects, a loop, a
        missing or unusable target, and a redirect from https to http.
        """
        is_safe = request.method in {"GET", "HEAD"}
        statuses = _SAFE_METHOD_STATUSES if is_safe else _ANY_METHOD_STATUSES
        request = replace(request, url=strip_userinfo(request.url))
        visited: list[str] = []
        while True:
            response = await self._inner.send(request)
            if response.status not in statuses:
                return replace(response, redirects=tuple(visited)) if visited else response
            target = _redirect_target(request.url, response.headers.get("location"))
            visited.append(request.url)
            host = Origin.of(visited[0])
            if target in visited:
                raise Malformed(f"{host} redirects in a loop")
            if len(visited) > self._max_redirects:
                raise Malformed(f"{host} redirects more than {self._max_redirects} times")
            request = replace(request, url=target)


def _redirect_target(url: str, location: str | None) -> str:
    source = Origin.of(url)
    if not location:
        raise Malformed(f"{source} redirects without a target")
    # Header values are bytes decoded as Latin-1: to quote those bytes restores what was sent.
    raw = location.encode("latin-1", "xmlcharrefreplace")
    try:
        target = strip_userinfo(urljoin(url, quote(raw, safe=_UNQUOTED_CHARACTERS)))
        origin = Origin.of(target)
    except (Malformed, ValueError) as error:
        raise Malformed(f"{source} redirects to something other than http or https") from error
    if source.scheme == "https" and origin.scheme == "http":
        raise Malformed(f"{source} redirects from https to http")
    return target
