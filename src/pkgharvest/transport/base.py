"""Requests, responses, the interface of the transports between them, and values of headers.

``client.py`` puts the transports together. A header value that cannot be read is None, never an
error; the headers of rate limits are in ``rate_limit/quota.py``.
"""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

FRAMING_HEADERS = frozenset(
    {"connection", "content-encoding", "content-length", "keep-alive", "transfer-encoding"}
)
"""Headers about the bytes on the wire. A ``Response`` is complete and decoded, and has none."""

_INTEGER = re.compile(r"\s*(-?\d{1,18})\s*(?:[,;].*)?", re.ASCII)
"""An integer, perhaps followed by parameters, or by the value of a repeated header."""

_LINK_VALUE = re.compile(r'<([^<>]*)>((?:[^,"<]|"(?:[^"\\]|\\.)*+"?)*+)')
_LINK_PARAMETER = re.compile(
    r';\s*+([^\s;=,"]++)\s*+(?:=\s*+(?:"((?:[^"\\]|\\.)*+)"?|([^\s;,"]*+)))?'
)
_ESCAPED_CHARACTER = re.compile(r"\\(.)")

_MAX_QUERY_FIELDS = 100


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


# ── header values ────────────────────────────────────────────────────────────────────────


def parse_integer(text: str | None) -> int | None:
    """Return the integer that ``text`` begins with.

    >>> parse_integer("60;w=60"), parse_integer("59, 59"), parse_integer("many")
    (60, 59, None)
    """
    match = _INTEGER.fullmatch(text or "")
    return int(match[1]) if match else None


def parse_http_date(text: str | None) -> dt.datetime | None:
    """Return an HTTP date (RFC 9110, section 5.6.7) in UTC.

    >>> parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").isoformat()
    '1994-11-06T08:49:37+00:00'
    """
    try:
        moment = parsedate_to_datetime(text or "")
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=dt.UTC)
        return moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None


def server_time(headers: Mapping[str, str], now: dt.datetime) -> dt.datetime:
    """Return the host's own time (its ``Date`` header), or ``now`` if it sends none."""
    return parse_http_date(headers.get("date")) or now


def retry_after(headers: Mapping[str, str], now: dt.datetime) -> float | None:
    """Return the seconds that ``Retry-After`` asks for (RFC 9110, section 10.2.3)."""
    text = headers.get("retry-after")
    if text is None:
        return None
    seconds = parse_integer(text)
    if seconds is not None:
        return float(max(0, seconds))
    moment = parse_http_date(text)
    if moment is None:
        return None
    return max(0.0, (moment - server_time(headers, now)).total_seconds())


def parse_link_header(header: str | None) -> dict[str, str]:
    """Return the targets of a ``Link`` header (RFC 8288) by relation, in lower case.

    The first link of a relation counts, and links that cannot be read are skipped (appendix B.2).
    Targets are as sent: they may be relative to the page that they came with.

    >>> parse_link_header('</c?page=2>; rel="next", </c?page=9>; rel="last"')
    {'next': '/c?page=2', 'last': '/c?page=9'}
    """
    targets: dict[str, str] = {}
    for target, parameters in _LINK_VALUE.findall(header or ""):
        for name, quoted, token in _LINK_PARAMETER.findall(parameters):
            if name.lower() == "rel":
                for relation in _ESCAPED_CHARACTER.sub(r"\1", quoted or token).lower().split():
                    targets.setdefault(relation, target.strip())
                break  # a second rel of the same link is ignored (section 3.3)
    return targets


def page_number(target: str) -> int | None:
    """Return the ``page`` parameter of the URL ``target``, or None if there is not exactly one.

    >>> page_number("https://api.example/commits?per_page=1&page=1234")
    1234
    """
    try:
        values = parse_qs(urlsplit(target).query, max_num_fields=_MAX_QUERY_FIELDS).get("page", [])
    except ValueError:
        return None
    if len(values) != 1 or re.fullmatch("[0-9]{1,18}", values[0]) is None:
        return None
    return int(values[0])
