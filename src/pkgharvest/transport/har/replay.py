"""Reading HAR 1.2 archives, and answering from one instead of the network.

The format is http://www.softwareishard.com/blog/har-12-spec/; ``recorder.py`` writes it. The
network panels of browsers write it too, with more fields than ours, or fewer. Fields of our own
begin with ``_``, as the format requires: ``log._pkgharvest.hosts`` holds the base URLs of the
recording by name, so that a replay asks the same ones.

A replay is a transport, not a mode of the sources: the same code runs as in a fetch, so that a
recorded run can be repeated and examined exactly. That is why it goes beyond looking up a URL:

- Requests are matched by what they mean (method, URL, body), not by their spelling, so that an
  archive stays usable when a source orders its query in another way, and browsers' can be used.
- Repeated requests get the recorded responses in turn, so that retries and paging replay.
- A conditional request gets the 304 that the host would have sent. The archive cannot hold it:
  which validators a request carries depends on the catalog, not on the recording.

An archive has thousands of headers, and a replay needs few of them. So the entries are checked in
place, as plain JSON, and only what is unusual goes through ``JsonNode``.
"""

import base64
import datetime as dt
import gzip
import json
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import parse_qsl, quote, urlsplit

from pkgharvest.model.errors import ArchiveError, Malformed, NotRecorded
from pkgharvest.model.json_node import DecodeError, JsonNode, parse_json
from pkgharvest.model.origin import strip_userinfo
from pkgharvest.transport.base import FRAMING_HEADERS, Request, Response, parse_http_date

_MIN_STATUS = 100
"""Browsers write 0 for a request that failed."""

_KINDS: Mapping[type, str] = {dict: "an object", list: "a list", str: "a string"}

_Kind = TypeVar("_Kind", dict[str, object], list[object], str)

_GZIP_MAGIC = b"\x1f\x8b"

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


class HarEntry(NamedTuple):
    """One request of an archive, and its response."""

    request: Request
    response: Response


@dataclass(frozen=True, slots=True, kw_only=True)
class HarArchive:
    """The contents of an archive, in the order of the recording."""

    started: dt.datetime
    """When the recording began: the clock of a replay."""
    hosts: Mapping[str, str]
    """Base URLs of the recording by name; empty in archives made by other programs."""
    entries: tuple[HarEntry, ...]

    @classmethod
    def read(cls, path: Path) -> "HarArchive":
        """Read the archive at ``path``, compressed by gzip or not. Raises ArchiveError."""
        try:
            raw = path.read_bytes()
            if raw.startswith(_GZIP_MAGIC):
                raw = gzip.decompress(raw)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ArchiveError(f"{path} is a damaged gzip file") from error
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ArchiveError(f"cannot read {path}: {reason}") from error
        try:
            return _read_log(parse_json(raw, "HAR")["log"])
        except Malformed as error:
            raise ArchiveError(f"{path} is not a HAR archive: {error.message}") from error


class HarReplay:
    """The transport that answers from an archive.

    The last of several responses to the same request is repeated.
    """

    def __init__(self, archive: HarArchive) -> None:
        recorded: dict[_RequestKey, list[Response]] = {}
        for request, response in archive.entries:
            recorded.setdefault(_request_key(request), []).append(response)
        # A 304 has no body to start from. If the full response is there, it makes the 304s.
        self._responses = {
            key: [response for response in responses if response.status != HTTPStatus.NOT_MODIFIED]
            or responses
            for key, responses in recorded.items()
        }

    async def send(self, request: Request) -> Response:
        """Return the recorded response to ``request``. Raises NotRecorded if there is none."""
        url = strip_userinfo(request.url)
        conditions = {name.lower(): value for name, value in request.headers.items()}
        is_conditional = "if-none-match" in conditions or "if-modified-since" in conditions
        responses = self._responses.get(_request_key(request))
        if not responses or (responses[0].status == HTTPStatus.NOT_MODIFIED and not is_conditional):
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


# ── reading an archive ───────────────────────────────────────────────────────────────────


def _read_log(log: JsonNode) -> HarArchive:
    entries = log["entries"].sequence()
    pages = log.get("pages")
    timed = (pages.sequence() if pages else [])[:1] or entries[:1]
    if not timed:
        raise Malformed("it does not say when it was recorded")
    extension = log.get("_pkgharvest")
    hosts = extension.get("hosts") if extension else None
    return HarArchive(
        started=timed[0]["startedDateTime"].instant(),
        hosts={name: url.text() for name, url in hosts.items()} if hosts else {},
        entries=tuple(
            entry for node in entries if (entry := _read_entry(node.value, node.path)) is not None
        ),
    )


def _read_entry(value: object, path: str) -> HarEntry | None:
    """Read one entry, or return None if it has no response or its body was not kept."""
    entry = _expect(value, dict, path)
    request = _member(entry, "request", dict, path)
    response = _member(entry, "response", dict, path)
    if "status" not in response:
        raise DecodeError(f"{path}.response.status", "a value", None)
    status = response["status"]
    if not isinstance(status, int) or status < _MIN_STATUS:
        return None
    url = _member(request, "url", str, f"{path}.request")
    body = _response_body(response, f"{path}.response")
    if body is None or not _is_web_url(url):
        return None
    return HarEntry(
        request=Request(
            url=url,
            method=_member(request, "method", str, f"{path}.request"),
            headers=_headers(request, f"{path}.request"),
            body=_request_body(request, f"{path}.request"),
        ),
        response=Response(
            status=status, headers=_headers(response, f"{path}.response"), body=body, url=url
        ),
    )


def _is_web_url(url: str) -> bool:
    """Tell whether ``url`` can be asked at all: browsers record ``data:`` and ``blob:`` too."""
    try:
        parts = urlsplit(url)
        return parts.scheme in _DEFAULT_PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _response_body(response: dict[str, object], path: str) -> bytes | None:
    content = _optional(response, "content", dict, path)
    if content is None:
        return b""
    if content.get("text") is None:
        return b"" if content.get("size") in {None, 0, -1} else None
    return _decode_body(content, "encoding", f"{path}.content")


def _request_body(request: dict[str, object], path: str) -> bytes | None:
    posted = _optional(request, "postData", dict, path)
    if posted is None or posted.get("text") is None:
        return None
    return _decode_body(posted, "_encoding", f"{path}.postData")


def _decode_body(content: dict[str, object], encoding_key: str, path: str) -> bytes:
    text = _member(content, "text", str, path)
    encoding = _optional(content, encoding_key, str, path)
    if encoding is None:
        return text.encode()
    if encoding != "base64":
        raise Malformed(f"{path}.{encoding_key}: unknown encoding {encoding!r}")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Malformed(f"{path}.text: not base64") from error


def _headers(message: dict[str, object], path: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    for index, header in enumerate(_optional(message, "headers", list, path) or []):
        match header:
            case {"name": str(name), "value": str(value)} if name.isascii() and value.isascii():
                pass
            case _:
                node = JsonNode(header, f"{path}.headers[{index}]")
                name, value = node["name"].text(), node["value"].text()
        name = name.lower()
        if name not in FRAMING_HEADERS:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _member(container: dict[str, object], key: str, kind: type[_Kind], path: str) -> _Kind:
    if key not in container:
        raise DecodeError(f"{path}.{key}", "a value", None)
    return _expect(container[key], kind, f"{path}.{key}")


def _optional(container: dict[str, object], key: str, kind: type[_Kind], path: str) -> _Kind | None:
    value = container.get(key)
    return None if value is None else _expect(value, kind, f"{path}.{key}")


def _expect(value: object, kind: type[_Kind], path: str) -> _Kind:
    """Return ``value``, which must be of ``kind``. Lone surrogates in a string become U+FFFD."""
    if not isinstance(value, kind):
        raise DecodeError(path, _KINDS[kind], value)
    if isinstance(value, str) and not value.isascii():
        return JsonNode(value, path).text()
    return value


# ── matching requests ────────────────────────────────────────────────────────────────────


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
