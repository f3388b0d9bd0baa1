"""Reading HAR 1.2 archives of requests and responses; ``recorder.py`` writes them.

The format is http://www.softwareishard.com/blog/har-12-spec/. The network panels of browsers
write it too, with more fields than ours, or fewer. Fields of our own begin with ``_``, as the
format requires: ``log._pkgharvest.hosts`` holds the base URLs of the recording by name, so that a
replay asks the same ones.

An archive has thousands of headers, and a replay needs few of them. So the entries are checked in
place, as plain JSON, and only what is unusual goes through ``JsonNode``.
"""

import base64
import binascii
import datetime as dt
import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from pkgharvest.model.errors import ArchiveError, Malformed
from pkgharvest.model.json_node import DecodeError, JsonNode, parse_json
from pkgharvest.transport.base import FRAMING_HEADERS, Request, Response

_MIN_STATUS = 100
"""Browsers write 0 for a request that failed."""

_GZIP_MAGIC = b"\x1f\x8b"

_KINDS: Mapping[type, str] = {dict: "an object", list: "a list", str: "a string"}

_Kind = TypeVar("_Kind", dict[str, object], list[object], str)


@dataclass(frozen=True, slots=True, kw_only=True)
class HarEntry:
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
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
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
    except (binascii.Error, ValueError) as error:
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
