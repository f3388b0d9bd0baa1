"""Requests, responses, and the interface of the transports between them.

``client.py`` puts the transports together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from pkgharvest.model.observations import Validator

FRAMING_HEADERS = frozenset(
    {"connection", "content-encoding", "content-length", "keep-alive", "transfer-encoding"}
)
"""Headers about the bytes on the wire. A ``Response`` is complete and decoded, and has none."""


@dataclass(slots=True)
class LimiterWait:
    """Seconds spent in our own rate limiter; excluded from time-outs."""

    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request. Its headers hold no credentials: ``HttpxTransport`` adds those by origin."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    resource: str = "core"
    """The quota that the request counts against, by GitHub's name: core or graphql."""
    limiter_wait: LimiterWait = field(default_factory=LimiterWait, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A complete response of bounded size."""

    status: int
    headers: Mapping[str, str]
    """By name in lower case, without ``FRAMING_HEADERS``. Repeated ones are joined by ``, ``."""
    body: bytes
    """Decoded: without its ``Content-Encoding``."""
    url: str
    """The URL that sent it, after all redirects."""
    redirects: tuple[str, ...] = ()
    """The URLs that redirected, first to last."""


class Transport(Protocol):
    """Sends requests, usually by way of another transport."""

    async def send(self, request: Request) -> Response:
        """Send ``request`` and return the response, whatever its status.

        Raises SourceError if there is none: TimedOut, Unavailable, Malformed, RateLimited,
        Unauthorized or NotRecorded. Raises BudgetSpent if the run may send no more requests.
        """


def make_conditional(request: Request, validator: Validator | None) -> Request:
    """Return ``request`` with the conditions of ``validator`` (RFC 9110, section 13.1)."""
    if validator is None:
        return request
    headers = dict(request.headers)
    if validator.etag:
        headers["if-none-match"] = validator.etag
    if validator.last_modified:
        headers["if-modified-since"] = validator.last_modified
    return replace(request, headers=headers)


def response_validator(response: Response, key: str, parser: int) -> Validator | None:
    """Return the validator that ``response`` carries for the next request, or None."""
    etag = response.headers.get("etag")
    last_modified = response.headers.get("last-modified")
    if not etag and not last_modified:
        return None
    return Validator(key=key, etag=etag, last_modified=last_modified, parser=parser)
