"""Following redirects: few, in no circle, never from https down to http.

Every hop goes through the links below like a request of its own. No credential is carried
along, as no request holds one: the wire adds what belongs to the origin of each hop.
"""

from dataclasses import replace
from urllib.parse import quote, urljoin

from pkgharvest.model.errors import Malformed
from pkgharvest.model.origin import Origin, strip_userinfo
from pkgharvest.transport.base import Request, Response, Transport

_ANY_METHOD = frozenset({307, 308})
_SAFE_METHODS = frozenset({301, 302, 303}) | _ANY_METHOD

_AS_THEY_ARE = "%!#$&'()*+,/:;=?@[]~"
"""Characters of a ``Location`` that are a URL's own (RFC 3986, section 2.2), ``%`` included."""


class Redirects:
    """The link that goes where it is sent."""

    def __init__(self, inner: Transport, *, most: int = 5) -> None:
        self._inner = inner
        self._most = most

    async def send(self, request: Request) -> Response:
        """Send ``request``, follow at most ``most`` redirects, and say through which.

        Raises Malformed for more, for a circle, for a redirect without or with an unusable
        target, and for one from https to http. A POST is sent on by 307 and 308 only.
        """
        followed = _SAFE_METHODS if request.method in {"GET", "HEAD"} else _ANY_METHOD
        request = replace(request, url=strip_userinfo(request.url))
        passed: list[str] = []
        while True:
            answer = await self._inner.send(request)
            if answer.status not in followed:
                return replace(answer, redirects=tuple(passed))
            target = _target(request.url, answer.headers.get("location"))
            passed.append(request.url)
            host = Origin.of(passed[0])
            if target in passed:
                raise Malformed(f"{host} redirects in a circle")
            if len(passed) > self._most:
                raise Malformed(f"{host} redirects more than {self._most} times")
            request = replace(request, url=target)


def _target(url: str, location: str | None) -> str:
    host = Origin.of(url)
    if not location:
        raise Malformed(f"{host} redirects without saying where to")
    # Header values are bytes, read as Latin-1: quoting those bytes gives back what was sent.
    raw = location.encode("latin-1", "xmlcharrefreplace")
    try:
        target = strip_userinfo(urljoin(url, quote(raw, safe=_AS_THEY_ARE)))
        origin = Origin.of(target)
    except (Malformed, ValueError) as error:
        raise Malformed(f"{host} redirects to what is not an http or https URL") from error
    if host.scheme == "https" and origin.scheme == "http":
        raise Malformed(f"{host} redirects from https to http")
    return target
