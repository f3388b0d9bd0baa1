"""An archive in the place of the network: what it holds is answered, all else is NotRecorded."""

import json
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl, quote, urlsplit

from pkgharvest.model.errors import NotRecorded
from pkgharvest.model.origin import Origin, strip_userinfo
from pkgharvest.transport.base import Request, Response
from pkgharvest.transport.har.archive import HarArchive, HarEntry
from pkgharvest.transport.http_date import parse_http_date

_ESCAPE = re.compile("%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile("[A-Za-z0-9._~-]")
_ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")|([^\s,"]+)')

_OF_A_304 = frozenset(
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
"""What a 304 repeats of the answer that it stands for (RFC 9110, section 15.4.5), or may."""

_Key = tuple[str, str, bytes | None]


class HarReplay:
    """The link that answers from an archive.

    A request is found by method, URL (order of the query and spelling of escapes aside) and
    body (as JSON, where it is). What was recorded more than once is answered in that order, and
    the last again and again. A conditional request gets the 304 that the host would have sent.
    """

    def __init__(self, archive: HarArchive) -> None:
        queues: dict[_Key, list[HarEntry]] = {}
        for entry in archive.entries:
            queues.setdefault(_key(entry.request), []).append(entry)
        # A 304 has no body to start from. Where the answer itself is held, it makes the 304s.
        self._queues = {
            key: [entry for entry in queue if not _is_304(entry)] or queue
            for key, queue in queues.items()
        }

    async def send(self, request: Request) -> Response:
        """Answer ``request`` from the archive; NotRecorded where it does not hold it."""
        url = strip_userinfo(request.url)
        conditions = {name.lower(): value for name, value in request.headers.items()}
        conditional = "if-none-match" in conditions or "if-modified-since" in conditions
        queue = self._queues.get(_key(request))
        if not queue or (_is_304(queue[0]) and not conditional):
            what = " with this body" if request.body is not None else ""
            raise NotRecorded(f"the archive does not hold {request.method} {url}{what}")
        answer = (queue.pop(0) if len(queue) > 1 else queue[0]).answer
        asks = answer.status == HTTPStatus.OK and request.method in {"GET", "HEAD"}
        if asks and _unchanged(conditions, answer.headers):
            kept = {name: value for name, value in answer.headers.items() if _in_304(name)}
            return Response(status=HTTPStatus.NOT_MODIFIED, headers=kept, body=b"", url=url)
        return Response(status=answer.status, headers=answer.headers, body=answer.body, url=url)


def _is_304(entry: HarEntry) -> bool:
    return entry.answer.status == HTTPStatus.NOT_MODIFIED


def _in_304(name: str) -> bool:
    return name in _OF_A_304 or "ratelimit" in name


def _unchanged(conditions: Mapping[str, str], headers: Mapping[str, str]) -> bool:
    """Say whether the validators still hold (RFC 9110, section 13.2.2)."""
    asked = conditions.get("if-none-match")
    if asked is not None:
        held = set(_opaque(headers.get("etag", "")))
        return bool(held) and (asked.strip() == "*" or not held.isdisjoint(_opaque(asked)))
    since = parse_http_date(conditions.get("if-modified-since"))
    changed = parse_http_date(headers.get("last-modified"))
    return since is not None and changed is not None and changed <= since


def _opaque(tags: str) -> Iterable[str]:
    """Go through entity tags for the weak comparison: W/ aside (section 8.8.3.2)."""
    return (match[1] or match[2] for match in _ENTITY_TAG.finditer(tags))


def _key(request: Request) -> _Key:
    return request.method, _normal(request.url), _normal_body(request.body)


def _normal(url: str) -> str:
    """Return one spelling for all that mean the same (RFC 3986, section 6.2.2), query sorted."""
    parts = urlsplit(url)
    path = quote(_ESCAPE.sub(_unescaped, parts.path) or "/", safe="%/!$&'()*+,;=:@~")
    query = sorted(parse_qsl(parts.query, keep_blank_values=True))
    return f"{parts.scheme}://{Origin.of(url)}{path}?{query}"


def _unescaped(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if _UNRESERVED.fullmatch(character) else match[0].upper()


def _normal_body(body: bytes | None) -> bytes | None:
    if not body:
        return None
    try:
        return json.dumps(json.loads(body), sort_keys=True).encode()
    except (ValueError, RecursionError):
        return body
