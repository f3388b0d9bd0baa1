"""A HAR 1.2 archive of what was asked and answered, read back; ``recorder.py`` makes them.

The format is http://www.softwareishard.com/blog/har-12-spec/; browsers' network panels write
them too, with more fields than ours, and with fewer. A field of ours begins with ``_``, as the
format wants: ``log._pkgharvest.hosts`` holds the base URLs of the recording by name, so that a
replay asks the same ones.
"""

import base64
import binascii
import datetime as dt
import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pkgharvest.model.errors import ArchiveError, Malformed
from pkgharvest.model.json_node import JsonNode, parse_json
from pkgharvest.model.origin import Origin
from pkgharvest.transport.base import FRAMING_HEADERS, Request, Response

_FIRST_STATUS = 100
"""Below it stands what never was an answer: browsers write 0 for a request that failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HarEntry:
    """One request of an archive, and its answer."""

    request: Request
    answer: Response


@dataclass(frozen=True, slots=True, kw_only=True)
class HarArchive:
    """What an archive holds, in the order in which it was recorded."""

    started: dt.datetime
    """When the recording began: a replay's clock."""
    hosts: Mapping[str, str]
    """Base URLs by name, as the recording used them; empty in archives made by others."""
    entries: tuple[HarEntry, ...]

    @classmethod
    def read(cls, path: Path) -> "HarArchive":
        """Read the archive at ``path``, gzip or not; ArchiveError where it is none."""
        try:
            raw = path.read_bytes()
            if raw.startswith(b"\x1f\x8b"):
                raw = gzip.decompress(raw)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ArchiveError(f"{path} is a damaged gzip file") from error
        except OSError as error:
            raise ArchiveError(f"cannot read {path}: {_reason(error)}") from error
        try:
            return _archive(parse_json(raw, "HAR"))
        except Malformed as error:
            raise ArchiveError(f"{path} is not a HAR archive: {error.message}") from error


def _archive(root: JsonNode) -> HarArchive:
    log = root["log"]
    raw_entries = log["entries"].sequence()
    pages = log.get("pages")
    first = (pages.sequence() if pages else [])[:1] or raw_entries[:1]
    if not first:
        raise Malformed("it does not say when it was recorded")
    ours = log.get("_pkgharvest")
    hosts = ours.get("hosts") if ours else None
    return HarArchive(
        started=first[0]["startedDateTime"].instant(),
        hosts={name: url.text() for name, url in hosts.items()} if hosts else {},
        entries=tuple(entry for raw in raw_entries if (entry := _entry(raw)) is not None),
    )


def _entry(entry: JsonNode) -> HarEntry | None:
    """Read one entry; None where it holds no answer, or one whose body was not kept."""
    request, response = entry["request"], entry["response"]
    status = response["status"].value
    if not isinstance(status, int) or status < _FIRST_STATUS:
        return None
    content = response.get("content")
    body = _content(content) if content else b""
    url = request["url"].text()
    if body is None or not _asks_over_http(url):
        return None
    return HarEntry(
        request=Request(
            url=url,
            method=request["method"].text(),
            headers=_headers(request),
            body=_posted(request),
        ),
        answer=Response(status=status, headers=_headers(response), body=body, url=url),
    )


def _asks_over_http(url: str) -> bool:
    """Say whether it can be asked for at all: browsers note ``data:`` and ``blob:`` too."""
    try:
        Origin.of(url)
    except Malformed:
        return False
    return True


def _content(content: JsonNode) -> bytes | None:
    text = content.get("text")
    if text is None:
        size = content.get("size")
        return None if size and size.value not in {0, -1} else b""
    return _bytes(text, content.get("encoding"))


def _posted(request: JsonNode) -> bytes | None:
    posted = request.get("postData")
    text = posted.get("text") if posted else None
    return _bytes(text, posted.get("_encoding")) if posted and text else None


def _bytes(text: JsonNode, encoding: JsonNode | None) -> bytes:
    if encoding is None:
        return text.text().encode()
    if encoding.text() != "base64":
        raise Malformed(f"{encoding.path}: {encoding.text()!r} is not known")
    try:
        return base64.b64decode(text.text(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed(f"{text.path}: not base64") from error


def _headers(message: JsonNode) -> dict[str, str]:
    headers: dict[str, str] = {}
    listed = message.get("headers")
    for header in listed.sequence() if listed else []:
        name, value = header["name"].text().lower(), header["value"].text()
        if name not in FRAMING_HEADERS:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
