"""Answering from an archive instead of the network.

A replay is a transport, not a mode of the sources: the same code runs as in a fetch, so that a
recorded run can be repeated and examined exactly. That is why it goes beyond looking up a URL:

- Requests are matched by what they mean (method, URL, body), not by their spelling, so that an
  archive stays usable when a source orders its query in another way, and browsers' can be used.
- Repeated requests get the recorded responses in turn, so that retries and paging replay.
- A conditional request gets the 304 that the host would have sent. The archive cannot hold it:
  which validators a request carries depends on the catalog, not on the recording.
"""

import json
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl, quote, urlsplit

from pkgharvest.model.errors import NotRecorded
from pkgharvest.model.origin import strip_userinfo
from pkgharvest.transport.base import Request, Response
from pkgharvest.transport.har.archive import HarArchive
from pkgharvest.transport.headers import parse_http_date

_ESCAPE = re.compile("%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile("[A-Za-z0-9._~-]")
_ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")|([^\s,"]+)')
_DEFAULT_PORTS = {"http": 80, "https": 443}

_NOT_MODIFIED_HEADERS = frozenset(
    {
        "cache-control",
        "content-location",
        "date",
        "etag",
        "expires",
        "last-modified",
        "link",
        "vary",
        "x-pypi-last-serial",
    }
)
"""What a 304 repeats of the response that it stands for (RFC 9110, section 15.4.5), or may."""

_RequestKey = tuple[str, str, bytes | None]


class HarReplay:
    """The transport that answers from an archive.

    The last of several responses to the same request is repeated.
    """

    def __init__(self, archive: HarArchive) -> None:
        recorded: dict[_RequestKey, list[Response]] = {}
        for entry in archive.entries:
            recorded.setdefault(_request_key(entry.request), []).append(entry.response)
        # A 304 has no body to start from. If the full response is there, it makes the 304s.
        self._responses = {
            key: [response for response in responses if not _is_304(response)] or responses
            for key, responses in recorded.items()
        }

    async def send(self, request: Request) -> Response:
        """Return the recorded response to ``request``. Raises NotRecorded if there is none."""
        url = strip_userinfo(request.url)
        conditions = {name.lower(): value for name, value in request.headers.items()}
        is_conditional = "if-none-match" in conditions or "if-modified-since" in conditions
        responses = self._responses.get(_request_key(request))
        if not responses or (_is_304(responses[0]) and not is_conditional):
            suffix = " with this body" if request.body is not None else ""
            raise NotRecorded(f"the archive does not hold {request.method} {url}{suffix}")
        response = responses.pop(0) if len(responses) > 1 else responses[0]
        may_be_304 = response.status == HTTPStatus.OK and request.method in {"GET", "HEAD"}
        if may_be_304 and _is_unchanged(conditions, response.headers):
            headers = {
                name: value
                for name, value in response.headers.items()
                if name in _NOT_MODIFIED_HEADERS or "ratelimit" in name
            }
            return Response(status=HTTPStatus.NOT_MODIFIED, headers=headers, body=b"", url=url)
        return Response(
            status=response.status, headers=response.headers, body=response.body, url=url
        )


def _is_304(response: Response) -> bool:
    return response.status == HTTPStatus.NOT_MODIFIED


def _is_unchanged(conditions: Mapping[str, str], headers: Mapping[str, str]) -> bool:
    """Tell whether the validators still match (RFC 9110, section 13.2.2)."""
    requested = conditions.get("if-none-match")
    if requested is not None:
        current = set(_weak_tags(headers.get("etag", "")))
        return bool(current) and (
            requested.strip() == "*" or not current.isdisjoint(_weak_tags(requested))
        )
    since = parse_http_date(conditions.get("if-modified-since"))
    modified = parse_http_date(headers.get("last-modified"))
    return since is not None and modified is not None and modified <= since


def _weak_tags(tags: str) -> Iterable[str]:
    """Return entity tags without ``W/``, for the weak comparison (section 8.8.3.2)."""
    return (match[1] or match[2] for match in _ENTITY_TAG.finditer(tags))


def _request_key(request: Request) -> _RequestKey:
    return request.method, _normalize_url(request.url), _normalize_body(request.body)


def _normalize_url(url: str) -> str:
    """Return the same text for all spellings of a URL (RFC 3986, section 6.2.2), query sorted.

    >>> _normalize_url("https://API.example:443/%7ex%2fy?b=2&a=1#top")
    "https://api.example:443/~x%2Fy?[('a', '1'), ('b', '2')]"
    """
    parts = urlsplit(url)
    path = quote(_ESCAPE.sub(_normalize_escape, parts.path) or "/", safe="%/!$&'()*+,;=:@~")
    query = sorted(parse_qsl(parts.query, keep_blank_values=True))
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}:{port}{path}?{query}"


def _normalize_escape(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if _UNRESERVED.fullmatch(character) else match[0].upper()


def _normalize_body(body: bytes | None) -> bytes | None:
    if not body:
        return None
    try:
        return json.dumps(json.loads(body), sort_keys=True).encode()
    except (ValueError, RecursionError):
        return body
