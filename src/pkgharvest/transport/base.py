"""One request and its answer, and what every link of the transport's chain looks like."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from pkgharvest.model.observations import Validator

FRAMING_HEADERS = frozenset(
    {"connection", "content-encoding", "content-length", "keep-alive", "transfer-encoding"}
)
"""Headers about the bytes on the wire. An ``Answer`` is decoded and whole, and has none."""


@dataclass(slots=True)
class LimiterWait:
    """Seconds that a request was kept from its host by us: they count against no time-out."""

    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked. Headers hold no credentials: the wire adds those, by origin."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    resource: str = "core"
    """GitHub's name of the quota that it is taken from: core or graphql."""
    held: LimiterWait = field(default_factory=LimiterWait, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What came back, whole and bounded in size."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case, none of ``FRAMING``; of one that came twice, joined by ``, ``."""
    body: bytes
    """Decoded: what a ``Content-Encoding`` was around."""
    url: str
    """Where it came from in the end."""
    redirects: tuple[str, ...] = ()
    """The URLs that sent us on, first to last."""


class Transport(Protocol):
    """A link of the chain."""

    async def send(self, request: Request) -> Response:
        """Send ``request`` and return its answer, whatever its status.

        Raises SourceError where there is none: TimedOut, Unavailable, Malformed, RateLimited,
        NotRecorded. Raises BudgetSpent where the run may send no more.
        """


def make_conditional(request: Request, validator: Validator | None) -> Request:
    """Return ``request`` made conditional on ``validator`` (RFC 9110, section 13.1)."""
    if validator is None:
        return request
    headers = dict(request.headers)
    if validator.etag:
        headers["if-none-match"] = validator.etag
    if validator.last_modified:
        headers["if-modified-since"] = validator.last_modified
    return replace(request, headers=headers)


def response_validator(answer: Response, key: str, parser: int) -> Validator | None:
    """Return what ``answer`` gives to ask with next time, or None where it gives nothing."""
    etag = answer.headers.get("etag")
    last_modified = answer.headers.get("last-modified")
    if not etag and not last_modified:
        return None
    return Validator(key=key, etag=etag, last_modified=last_modified, parser=parser)
