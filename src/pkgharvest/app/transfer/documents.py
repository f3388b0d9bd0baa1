"""The input of an import: files and URLs, split into single resources.

A file is one document (a resource, a list of resources, or a page of the API), or has a document
on each line (JSON lines). The latter is read line by line, whatever its size.
"""

import io
import itertools
import re
from collections.abc import AsyncGenerator, Callable, Iterator
from http import HTTPStatus
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import urljoin, urlsplit

from pkgharvest.api_v4 import decode
from pkgharvest.model import json_node
from pkgharvest.model.errors import InvalidValue, Malformed, NotFound
from pkgharvest.model.json_node import DecodeError, JsonNode
from pkgharvest.model.origin import Origin, strip_userinfo
from pkgharvest.sources.json_api import status_error
from pkgharvest.transport.base import Request, Transport

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""Some editors put it at the start of a UTF-8 file."""

_MAX_PAGES = 100_000
"""Pages of one list; no site has as many."""

_MAX_LINE_BYTES = 2**29
"""Enough for all packages of any site on one line."""

_ROOT_LISTS = ("categories", "grids", "packages")
"""The lists that the root of the API names, in the order to import them."""


class DocumentPart(NamedTuple):
    """One part of a document, perhaps a resource."""

    place: str
    """Where it was: a file with a line or an index, or a URL."""
    node: JsonNode | None
    fault: str = ""
    """Why there is no node."""


def is_url(text: str) -> bool:
    """Return whether ``text`` is an http or https URL, not the name of a file."""
    return text.lower().startswith(("https://", "http://"))


def split_document(
    name: str, stream: BinaryIO, on_note: Callable[[str], None] = lambda _: None
) -> Iterator[DocumentPart]:
    """Split the document in ``stream`` into its parts, whose places start with ``name``.

    ``on_note`` is called with a warning if it is only one page of a list. Raises Malformed if it is
    not JSON.
    """
    lines = (
        (number, line) for number, line in enumerate(_read_lines(name, stream), 1) if line.strip()
    )
    first = next(lines, None)
    if first is None:
        raise Malformed(f"{name} is empty")
    number, line = first[0], first[1].removeprefix(_BYTE_ORDER_MARK)
    if not line.strip():
        return
    head = _parse_line(name, number, line)
    second = next(lines, None)
    if second is None:
        yield from _split_with_note(name, json_node.parse_json(line, name), on_note)
    elif head.node is not None:
        yield head
        for number, line in itertools.chain([second], lines):
            yield _parse_line(name, number, line)
    else:  # a document on several lines, or else JSON lines whose first line is broken
        rest = [second, *lines]
        try:
            document = json_node.parse_json(b"".join([line, *(text for _, text in rest)]), name)
        except Malformed:
            parts = [_parse_line(name, number, line) for number, line in rest]
            if not any(part.node and isinstance(part.node.value, dict) for part in parts):
                raise
            yield from [head, *parts]
        else:
            yield from _split_with_note(name, document, on_note)


def _read_lines(name: str, stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines; raises Malformed for one that is too long."""
    while line := stream.readline(_MAX_LINE_BYTES):
        if len(line) == _MAX_LINE_BYTES:
            raise Malformed(f"{name}: a line of more than {_MAX_LINE_BYTES:,} bytes")
        yield line


def _split_with_note(
    name: str, document: JsonNode, on_note: Callable[[str], None]
) -> Iterator[DocumentPart]:
    """Split ``document``, with a note if it is one page of several."""
    next_url = document["next"].value if is_page(document) else None
    if isinstance(next_url, str):
        count = _members(document).get("count")
        total = f"{count:,}" if isinstance(count, int) else "more"
        on_note(
            f"{name}: one page of a list of {total}; import its URL to read all pages: {next_url}"
        )
    yield from _split(document)


def _parse_line(name: str, number: int, line: bytes) -> DocumentPart:
    place = f"{name}:{number}"
    try:
        return DocumentPart(place, json_node.parse_json(line, place))
    except Malformed as error:
        return DocumentPart(place, None, error.message)


def _split(document: JsonNode) -> list[DocumentPart]:
    """Return the document itself, the items of a list, or the results of a page."""
    if is_page(document):
        items = document["results"].sequence()
    else:
        items = document.sequence() if isinstance(document.value, list) else [document]
    return [DocumentPart(item.path, item) for item in items]


def is_page(document: JsonNode) -> bool:
    """Return whether it is a page of a list."""
    return {"results", "next"} <= _members(document).keys()


def _members(node: JsonNode) -> dict[str, Any]:
    """Return the members of an object; none of any other value."""
    return node.value if isinstance(node.value, dict) else {}


async def download_parts(client: Transport, url: str) -> AsyncGenerator[list[DocumentPart], None]:
    """Yield the parts of each page at ``url``, following ``next`` within its origin.

    The root of the API leads to all of its lists. Raises SourceError if a page cannot be read.
    """
    queue, visited, known = [url], set[str](), set[tuple[object, object]]()
    while queue:
        page_url = queue.pop(0)
        if page_url in visited:
            raise Malformed(f"{page_url}: the list repeats a page")
        if len(visited) >= _MAX_PAGES:
            raise Malformed(f"{url}: more than {_MAX_PAGES:,} pages")
        visited.add(page_url)
        body, final_url = await _get(client, page_url)
        try:
            document = json_node.parse_json(body, page_url)
        except Malformed:
            # Not a document, but perhaps JSON lines.
            yield list(split_document(page_url, io.BytesIO(body)))
            continue
        if _is_root(document):
            queue[:0] = [_resolve_link(document[key], final_url) for key in _ROOT_LISTS]
            continue
        page = _split(document)
        yield page
        if is_page(document) and document["next"].value is not None:
            resources = {
                (decode.resource_kind(part.node), _id(part.node)) for part in page if part.node
            }
            if resources and resources <= known:
                raise Malformed(f"{page_url}: the list starts again and never ends")
            known |= resources
            queue.insert(0, _resolve_link(document["next"], final_url))


def _id(node: JsonNode) -> object:
    value = _members(node).get("id")
    return value if isinstance(value, int | str) else None


def _is_root(document: JsonNode) -> bool:
    links = [_members(document).get(key) for key in _ROOT_LISTS]
    return all(isinstance(link, str) and is_url(link) for link in links)


def _resolve_link(link: JsonNode, page: str) -> str:
    """Return the URL of ``link``; raises Malformed if it leads to another origin than ``page``."""
    try:
        url = strip_userinfo(urljoin(page, link.text()))
    except ValueError as error:
        raise DecodeError(link.path, "a URL", link.text()) from error
    origin = Origin.of(page)
    if origin.scheme == "https" and url.startswith("http://") and not urlsplit(url).port:
        url = f"https{url.removeprefix('http')}"  # a site behind a proxy that ends TLS
    if Origin.of(url) != origin:
        raise Malformed(f"{link.path} leads to another site")
    return url


async def _get(client: Transport, url: str) -> tuple[bytes, str]:
    response = await client.send(Request(url=url, headers={"Accept": "application/json"}))
    match response.status:
        case HTTPStatus.OK:
            return response.body, response.url
        case HTTPStatus.NOT_FOUND:
            raise NotFound(f"{url}: not found")
        case status:
            raise status_error(status, url)


def require_readable(text: str) -> None:
    """Raise InvalidValue unless ``text`` is an http or https URL or may name a file."""
    if not text:
        raise InvalidValue("the name of the file is empty")
    if not is_url(text):
        if re.match("[a-z][a-z0-9+.-]*://", text, re.IGNORECASE):
            raise InvalidValue(
                f"{text!r}: only http and https URLs are read",
                hint="download it, and import the file",
            )
        return
    if "@" in text.split("/")[2]:
        raise InvalidValue("the URL contains credentials", hint="leave them out")
    try:
        split = urlsplit(text)
        is_valid = bool(split.hostname) and split.port != 0
    except ValueError:  # unbalanced brackets, or an invalid port
        is_valid = False
    if not is_valid or re.search(r"[\s\x00-\x1f\x7f]", text):
        raise InvalidValue(f"not a URL: {text!r}", hint="https://host/api/v4/packages/")
