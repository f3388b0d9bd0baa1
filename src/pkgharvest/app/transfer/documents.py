"""What an import is given: files and addresses, taken apart into single resources.

A file may be one document (a resource, a list of them, or a page of the API), or a document on
each line (JSON lines); the latter are read a line at a time, however many there are.
"""

import io
import itertools
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from http import HTTPStatus
from typing import BinaryIO, NamedTuple
from urllib.parse import urljoin, urlsplit

from pkgharvest.api_v4 import decode
from pkgharvest.model import json_node
from pkgharvest.model.errors import InvalidValue, Malformed, NotFound
from pkgharvest.model.json_node import DecodeError, JsonNode
from pkgharvest.model.origin import Origin, strip_userinfo
from pkgharvest.sources.json_api import status_error
from pkgharvest.transport.base import Request, Transport

_MARK = b"\xef\xbb\xbf"
"""What some editors begin a UTF-8 file with."""

_MOST_PAGES = 100_000
"""Of one list: more than any site has, and not for ever."""

_LONGEST_LINE = 2**29
"""In bytes: half a gigabyte is a list of all packages of any site, on one line."""

_ROOT = ("categories", "grids", "packages")
"""The lists that the API's root names, in the order in which they are wanted."""


class DocumentPart(NamedTuple):
    """What may be one resource, and where it stood."""

    place: str
    node: JsonNode | None
    fault: str = ""
    """Why there is no node."""


def is_url(text: str) -> bool:
    """Tell whether ``text`` is a web address and no file."""
    return text.lower().startswith(("https://", "http://"))


def split_document(
    name: str, stream: BinaryIO, note: Callable[[str], None] = lambda _: None
) -> Iterator[DocumentPart]:
    """Take what ``stream`` holds apart; ``name`` begins every place. Malformed for no JSON.

    ``note`` is told of a page that is not the whole of its list.
    """
    lines = ((number, line) for number, line in enumerate(_lines(name, stream), 1) if line.strip())
    first = next(lines, None)
    if first is None:
        raise Malformed(f"{name} is empty")
    number, line = first[0], first[1].removeprefix(_MARK)
    if not line.strip():
        return
    head = _line(name, number, line)
    second = next(lines, None)
    if second is None:
        yield from _noted(name, json_node.parse_json(line, name), note)
    elif head.node is not None:
        yield head
        for each in itertools.chain([second], lines):
            yield _line(name, *each)
    else:  # a document on several lines; else a file of which the first line is broken
        rest = [second, *lines]
        try:
            whole = json_node.parse_json(b"".join([line, *(text for _, text in rest)]), name)
        except Malformed:
            read = [_line(name, *each) for each in rest]
            if not any(piece.node and isinstance(piece.node.value, dict) for piece in read):
                raise
            yield from [head, *read]
        else:
            yield from _noted(name, whole, note)


def _lines(name: str, stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines, none of which is endless."""
    while line := stream.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise Malformed(f"{name}: a line of more than {_LONGEST_LINE:,} bytes")
        yield line


def _noted(name: str, document: JsonNode, note: Callable[[str], None]) -> Iterator[DocumentPart]:
    """Take ``document`` apart, and note where it is one page of several."""
    following = document["next"].value if is_page(document) else None
    if isinstance(following, str):
        count = document.value.get("count") if isinstance(document.value, dict) else None
        many = f"{count:,}" if isinstance(count, int) else "more"
        note(
            f"{name}: one page of a list of {many}; import its address, and all pages are read:"
            f" {following}"
        )
    yield from _apart(document)


def _line(name: str, number: int, line: bytes) -> DocumentPart:
    place = f"{name}:{number}"
    try:
        return DocumentPart(place, json_node.parse_json(line, place))
    except Malformed as error:
        return DocumentPart(place, None, error.message)


def _apart(document: JsonNode) -> Iterator[DocumentPart]:
    """Yield what a document holds: itself, its items, or the results of a page."""
    items: Iterable[JsonNode]
    if isinstance(document.value, list):
        items = document.sequence()
    elif is_page(document):
        items = document["results"].sequence()
    else:
        items = [document]
    for item in items:
        yield DocumentPart(item.path, item)


def is_page(document: JsonNode) -> bool:
    """Tell whether it is a page of a list."""
    value = document.value
    return isinstance(value, dict) and "results" in value and "next" in value


async def download_parts(client: Transport, url: str) -> AsyncGenerator[list[DocumentPart], None]:
    """Yield what is at ``url``, page by page, following ``next`` within its origin.

    The API's root leads to all of its lists. Raises SourceError where a page cannot be had.
    """
    waiting, seen, known = [url], set[str](), set[tuple[object, object]]()
    while waiting:
        page_url = waiting.pop(0)
        if page_url in seen:
            raise Malformed(f"{page_url}: the list goes in a circle")
        if len(seen) >= _MOST_PAGES:
            raise Malformed(f"{url}: more than {_MOST_PAGES:,} pages")
        seen.add(page_url)
        body, came_from = await _get(client, page_url)
        try:
            document = json_node.parse_json(body, page_url)
        except Malformed:
            # No document, but perhaps lines.
            yield list(split_document(page_url, io.BytesIO(body)))
            continue
        if _is_root(document):
            waiting[:0] = [_on_site(document[key], came_from) for key in _ROOT]
            continue
        page = list(_apart(document))
        yield page
        if is_page(document) and document["next"].value is not None:
            names = {
                (decode.resource_kind(piece.node), _id(piece.node)) for piece in page if piece.node
            }
            if names and names <= known:
                raise Malformed(f"{page_url}: a list that begins again, and has no end")
            known |= names
            waiting.insert(0, _on_site(document["next"], came_from))


def _id(node: JsonNode) -> object:
    value = node.value.get("id") if isinstance(node.value, dict) else None
    return value if isinstance(value, int | str) else None


def _is_root(document: JsonNode) -> bool:
    value = document.value
    return isinstance(value, dict) and all(
        isinstance(value.get(key), str) and is_url(value[key]) for key in _ROOT
    )


def _on_site(link: JsonNode, page: str) -> str:
    """Return where ``link`` leads; Malformed where that is at another origin than its page."""
    try:
        url = strip_userinfo(urljoin(page, link.text()))
    except ValueError as error:
        raise DecodeError(link.path, "an address", link.text()) from error
    home = Origin.of(page)
    if home.scheme == "https" and url.startswith("http://") and not urlsplit(url).port:
        url = f"https{url.removeprefix('http')}"  # a site that does not know how it is reached
    if Origin.of(url) != home:
        raise Malformed(f"{link.path} leads to another site")
    return url


async def _get(client: Transport, url: str) -> tuple[bytes, str]:
    answer = await client.send(Request(url=url, headers={"Accept": "application/json"}))
    match answer.status:
        case HTTPStatus.OK:
            return answer.body, answer.url
        case HTTPStatus.NOT_FOUND:
            raise NotFound(f"{url}: not found")
        case status:
            raise status_error(status, url)


def require_readable(text: str) -> None:
    """Raise InvalidValue for what is neither a web address that can be asked nor a file's name."""
    if not text:
        raise InvalidValue("no file is named")
    if not is_url(text):
        if re.match("[a-z][a-z0-9+.-]*://", text, re.IGNORECASE):
            raise InvalidValue(
                f"{text!r}: only http and https addresses are read",
                hint="save it to a file, and name that",
            )
        return
    if "@" in text.split("/")[2]:
        raise InvalidValue("an address with credentials in it", hint="leave them out")
    try:
        split = urlsplit(text)
        is_address = bool(split.hostname) and split.port != 0
    except ValueError:  # brackets that do not match, a port that is none
        is_address = False
    if not is_address or re.search(r"[\s\x00-\x1f\x7f]", text):
        raise InvalidValue(f"no web address: {text!r}", hint="https://host/api/v4/packages/")
