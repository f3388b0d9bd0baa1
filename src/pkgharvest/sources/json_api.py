"""Requests to a JSON API: conditional GETs, content types, paging, and what a status means.

A source configures a `JsonApi` (base URL, headers, parser revision) and decodes what it returns.
Sleeping, retrying, redirects, quotas and credentials belong to the transport.
"""

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

from pkgharvest.model.errors import (
    Blocked,
    Gone,
    Malformed,
    RateLimited,
    SourceError,
    Unauthorized,
    Unavailable,
)
from pkgharvest.model.observations import Validator
from pkgharvest.model.origin import Origin
from pkgharvest.transport.base import Request, Response, Transport, parse_link_header

MAX_PAGES = 1_000
"""Longest list that is followed; a host whose pages never end must not keep a run busy."""

_JSON = "application/json"
_ORDINARY = frozenset({HTTPStatus.OK, HTTPStatus.NOT_MODIFIED, HTTPStatus.NOT_FOUND})

T = TypeVar("T")


class JsonApi:
    """A JSON API at ``base_url``, which is kept without its trailing slash.

    ``parser_revision`` is the revision of the code that decodes the responses. A validator saved
    by another revision is not sent, so that a better decoder reads every response again.
    ``conditional=False`` sends no validators at all: a recording is replayed into an empty
    catalog, so it needs whole responses. ``check_content_type`` rejects a 200 that is not JSON,
    for hosts whose proxies answer with web pages.
    """

    def __init__(
        self,
        transport: Transport,
        base_url: str,
        *,
        headers: Mapping[str, str],
        parser_revision: int,
        conditional: bool = True,
        check_content_type: bool = False,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.conditional = conditional
        self._transport = transport
        self._headers = headers
        self._parser_revision = parser_revision
        self._check_content_type = check_content_type

    def usable_validator(self, known: Mapping[str, Validator], url: str) -> Validator | None:
        """Return the validator for ``url``, or None if there is none that may be sent."""
        validator = known.get(url) if self.conditional else None
        if validator is None or validator.parser != self._parser_revision:
            return None
        return validator

    def new_validators(self, response: Response, url: str) -> tuple[Validator, ...]:
        """Return the validator that ``response`` carries for ``url``, or nothing."""
        etag = response.headers.get("etag")
        last_modified = response.headers.get("last-modified")
        if not etag and not last_modified:
            return ()
        return (
            Validator(
                key=url, etag=etag, last_modified=last_modified, parser=self._parser_revision
            ),
        )

    async def send(self, url: str, validator: Validator | None = None) -> Response:
        """GET ``url`` and return the response, whatever its status.

        The conditions of ``validator`` are sent with it (RFC 9110, section 13.1). The response is
        a 304 only if ``validator`` was given. Raises Malformed for any other 304,
        and whatever the transport raises.
        """
        headers = dict(self._headers)
        if validator is not None and validator.etag:
            headers["if-none-match"] = validator.etag
        if validator is not None and validator.last_modified:
            headers["if-modified-since"] = validator.last_modified
        response = await self._transport.send(Request(url=url, headers=headers))
        if response.status == HTTPStatus.NOT_MODIFIED and validator is None:
            raise Malformed(f"{url}: not modified, in response to an unconditional request")
        return response

    async def get(self, url: str, validator: Validator | None = None) -> Response:
        """GET ``url`` and return a response whose status is 200, 304 or 404.

        Raises the SourceError that any other status stands for, and those of `send`.
        """
        response = await self.send(url, validator)
        if response.status not in _ORDINARY:
            raise status_error(response.status, url)
        if self._check_content_type and response.status == HTTPStatus.OK:
            kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != _JSON and not kind.endswith("+json"):
                raise Malformed(f"{url}: expected JSON, got {kind or 'no content type'}")
        return response

    async def read_pages(
        self, first: Response, decode: Callable[[Response], Iterable[T]]
    ) -> list[T]:
        """Return the items of ``first`` and of every page after it, in order.

        Pages are linked by their ``Link: …; rel="next"`` headers (RFC 8288). ``decode`` reads the
        items of one page, and raises if its status is not 200. Raises Malformed if a link leads
        to another origin, leads back, or if there are more than MAX_PAGES.
        """
        items = list(decode(first))
        page, visited = first, {first.url}
        while (link := parse_link_header(page.headers.get("link")).get("next")) is not None:
            try:
                url = urljoin(page.url, link)
            except ValueError as error:
                raise Malformed(f"{page.url}: invalid link to the next page") from error
            if Origin.of(url) != Origin.of(self.base_url):
                raise Malformed(f"{page.url}: the next page is on another host")
            if url in visited or len(visited) >= MAX_PAGES:
                raise Malformed(f"{page.url}: too many pages, or pages in a loop")
            visited.add(url)
            page = await self.send(url)
            items.extend(decode(page))
        return items


def status_error(status: int, url: str) -> SourceError:
    """Return the error that ``status`` stands for, for hosts that explain nothing in the body.

    A 404 has no general meaning here: callers handle it before.
    """
    host = urlsplit(url).hostname or url
    match status:
        case HTTPStatus.GONE:
            return Gone(f"{url}: gone")
        case HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS:
            return Blocked(f"{url}: withheld for legal reasons")
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return Unauthorized(f"{host} refused access to {url} ({status})")
        case HTTPStatus.TOO_MANY_REQUESTS:
            return RateLimited(host, None, f"rate limited by {host}")
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Unavailable(f"{url}: the server failed ({status})")
        case _:
            return Malformed(f"{url}: unexpected status {status}")
