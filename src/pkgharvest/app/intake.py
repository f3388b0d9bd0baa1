"""What an import is given: files and addresses, taken apart into single resources.

A file may be one document (a resource, a list of them, or a page of the API), or a document on
each line (JSON lines); the latter are read a line at a time, however many there are.
"""

import io
import itertools
from collections.abc import AsyncGenerator, Iterable, Iterator
from http import HTTPStatus
from typing import BinaryIO, NamedTuple
from urllib.parse import urljoin, urlsplit

from pkgharvest import decode
from pkgharvest.decode import DecodeError, Node
from pkgharvest.errors import InvalidValue, Malformed, NotFound
from pkgharvest.sources.refusal import refusal
from pkgharvest.transport.exchange import Exchange, Request
from pkgharvest.transport.origin import Origin, bare

_MARK = b"\xef\xbb\xbf"
"""What some editors begin a UTF-8 file with."""

_MOST_PAGES = 100_000
"""Of one list: more than any site has, and not for ever."""

_ROOT = ("categories", "grids", "packages")
"""The lists that the API's root names, in the order in which they are wanted."""


class Piece(NamedTuple):
    """What may be one resource, and where it stood."""

    place: str
    node: Node | None
    fault: str = ""
    """Why there is no node."""


def is_url(text: str) -> bool:
    """Tell whether ``text`` is a web address and no file."""
    return text.lower().startswith(("https://", "http://"))


def pieces(name: str, stream: BinaryIO) -> Iterator[Piece]:
    """Take what ``stream`` holds apart; ``name`` begins every place. Malformed for no JSON."""
    lines = ((number, line) for number, line in enumerate(stream, 1) if line.strip())
    first = next(lines, None)
    if first is None:
        raise Malformed(f"{name} is empty")
    number, line = first[0], first[1].removeprefix(_MARK)
    if not line.strip():
        return
    head = _line(name, number, line)
    second = next(lines, None)
    if second is None:
        yield from _apart(decode.parse(line, name))
    elif head.node is not None:
        yield head
        for each in itertools.chain([second], lines):
            yield _line(name, *each)
    else:  # a document on several lines; else a file of which the first line is broken
        rest = [second, *lines]
        try:
            whole = decode.parse(b"".join([line, *(text for _, text in rest)]), name)
        except Malformed:
            read = [_line(name, *each) for each in rest]
            if not any(piece.node and isinstance(piece.node.value, dict) for piece in read):
                raise
            yield from [head, *read]
        else:
            yield from _apart(whole)


def _line(name: str, number: int, line: bytes) -> Piece:
    place = f"{name}:{number}"
    try:
        return Piece(place, decode.parse(line, place))
    except Malformed as error:
        return Piece(place, None, error.message)


def _apart(document: Node) -> Iterator[Piece]:
    """Yield what a document holds: itself, its items, or the results of a page."""
    items: Iterable[Node]
    if isinstance(document.value, list):
        items = document.sequence()
    elif is_page(document):
        items = document["results"].sequence()
    else:
        items = [document]
    for item in items:
        yield Piece(item.path, item)


def is_page(document: Node) -> bool:
    """Tell whether it is a page of a list."""
    value = document.value
    return isinstance(value, dict) and "results" in value and "next" in value


async def downloaded(client: Exchange, url: str) -> AsyncGenerator[list[Piece], None]:
    """Yield what is at ``url``, page by page, following ``next`` within its origin.

    The API's root leads to all of its lists. Raises SourceError where a page cannot be had.
    """
    waiting, seen = [url], set[str]()
    while waiting:
        page_url = waiting.pop(0)
        if page_url in seen:
            raise Malformed(f"{page_url}: the list goes in a circle")
        if len(seen) >= _MOST_PAGES:
            raise Malformed(f"{url}: more than {_MOST_PAGES:,} pages")
        seen.add(page_url)
        body, came_from = await _get(client, page_url)
        try:
            document = decode.parse(body, page_url)
        except Malformed:
            # No document, but perhaps lines.
            yield list(pieces(page_url, io.BytesIO(body)))
            continue
        if _is_root(document):
            waiting[:0] = [_on_site(document[key], came_from) for key in _ROOT]
            continue
        yield list(_apart(document))
        if is_page(document) and document["next"].value is not None:
            waiting.insert(0, _on_site(document["next"], came_from))


def _is_root(document: Node) -> bool:
    value = document.value
    return isinstance(value, dict) and all(
        isinstance(value.get(key), str) and is_url(value[key]) for key in _ROOT
    )


def _on_site(link: Node, page: str) -> str:
    """Return where ``link`` leads; Malformed where that is at another origin than its page."""
    try:
        url = bare(urljoin(page, link.text()))
    except ValueError as error:
        raise DecodeError(link.path, "an address", link.text()) from error
    home = Origin.of(page)
    if home.scheme == "https" and url.startswith("http://") and not urlsplit(url).port:
        url = f"https{url.removeprefix('http')}"  # a site that does not know how it is reached
    if Origin.of(url) != home:
        raise Malformed(f"{link.path} leads to another site")
    return url


async def _get(client: Exchange, url: str) -> tuple[bytes, str]:
    answer = await client.send(Request(url=url, headers={"Accept": "application/json"}))
    match answer.status:
        case HTTPStatus.OK:
            return answer.body, answer.url
        case HTTPStatus.NOT_FOUND:
            raise NotFound(f"{url}: not found")
        case status:
            raise refusal(status, url)


def require_no_credentials(url: str) -> None:
    """Refuse an address with a user or a password in it."""
    if "@" in urlsplit(url).netloc:
        raise InvalidValue("an address with credentials in it", hint="leave them out")
