"""The part that JSON APIs have in common: conditional GETs, content types, pages, statuses."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

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
from pkgharvest.sources.json_api import JsonApi, status_error
from pkgharvest.transport.base import Response
from tests.support.targets import CannedTransport, response

BASE = "https://api.example"
URL = f"{BASE}/things"
SAVED = {URL: Validator(key=URL, etag='"1"', last_modified=None, parser=2)}


def make_api(transport: CannedTransport, **options: Any) -> JsonApi:
    headers = {"Accept": "application/json"}
    return JsonApi(transport, f"{BASE}/", headers=headers, **{"parser_revision": 2} | options)


def read_pages(pages: Mapping[str, Response | BaseException]) -> list[int]:
    def decode(page: Response) -> list[int]:
        if page.status != 200:
            raise status_error(page.status, page.url)
        items: list[int] = json.loads(page.body)
        return items

    async def read() -> list[int]:
        api = make_api(CannedTransport(pages))
        return await api.read_pages(await api.send(URL), decode)

    return asyncio.run(read())


def page(url: str, items: list[int], link: str | None = None) -> Response:
    headers: dict[str, Any] = {} if link is None else {"link": f'<{link}>; rel="next"'}
    return response(url, json.dumps(items).encode(), **headers)


def test_the_base_url_has_no_trailing_slash() -> None:
    assert make_api(CannedTransport({})).base_url == BASE


@pytest.mark.parametrize(
    ("options", "is_usable"),
    [({}, True), ({"conditional": False}, False), ({"parser_revision": 3}, False)],
)
def test_a_validator_is_usable_with_its_own_parser_revision(
    options: dict[str, Any], is_usable: bool
) -> None:
    api = make_api(CannedTransport({}), **options)

    assert (api.usable_validator(SAVED, URL) is not None) == is_usable
    assert api.usable_validator(SAVED, f"{URL}/1") is None


def test_a_validator_is_sent_and_a_304_returned() -> None:
    transport = CannedTransport({URL: response(URL, status=304)})
    api = make_api(transport)

    assert asyncio.run(api.get(URL, api.usable_validator(SAVED, URL))).status == 304
    assert transport.requests[0].headers == {"Accept": "application/json", "if-none-match": '"1"'}


def test_a_304_to_an_unconditional_request_is_malformed() -> None:
    with pytest.raises(Malformed, match="not modified"):
        asyncio.run(make_api(CannedTransport({URL: response(URL, status=304)})).send(URL))


def test_the_validator_of_a_response_has_the_parser_revision() -> None:
    api = make_api(CannedTransport({}))

    assert api.new_validators(response(URL, etag='"1"'), URL) == (SAVED[URL],)
    assert api.new_validators(response(URL), URL) == ()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, Unauthorized),
        (403, Unauthorized),
        (410, Gone),
        (418, Malformed),
        (429, RateLimited),
        (451, Blocked),
        (503, Unavailable),
    ],
)
def test_get_raises_what_a_status_stands_for_and_send_returns_it(
    status: int, error: type[SourceError]
) -> None:
    api = make_api(CannedTransport({URL: response(URL, status=status)}))

    with pytest.raises(error, match=r"api\.example"):
        asyncio.run(api.get(URL))
    assert asyncio.run(api.send(URL)).status == status


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/vnd.x+json"])
def test_a_json_content_type_is_accepted(kind: str) -> None:
    transport = CannedTransport({URL: response(URL, content_type=kind)})

    assert asyncio.run(make_api(transport, check_content_type=True).get(URL)).status == 200


@pytest.mark.parametrize("headers", [{}, {"content_type": "text/html"}])
def test_another_content_type_is_malformed_if_it_is_checked(headers: dict[str, Any]) -> None:
    transport = CannedTransport({URL: response(URL, **headers)})

    with pytest.raises(Malformed, match="expected JSON"):
        asyncio.run(make_api(transport, check_content_type=True).get(URL))
    assert asyncio.run(make_api(transport).get(URL)).status == 200


def test_all_pages_are_read_in_order() -> None:
    second, third = f"{URL}?page=2", f"{URL}?page=3"
    pages = {
        URL: page(URL, [1, 2], "/things?page=2"),
        second: page(second, [3], third),
        third: page(third, []),
    }

    assert read_pages(pages) == [1, 2, 3]


@pytest.mark.parametrize(
    ("link", "message"),
    [
        (URL, "pages in a loop"),
        ("https://elsewhere.example/things", "another host"),
        ("http://api.example/things", "another host"),
        ("http://[/", "invalid link"),
    ],
)
def test_a_link_that_leads_astray_is_malformed(link: str, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        read_pages({URL: page(URL, [1], link)})


def test_a_page_that_fails_fails_the_list() -> None:
    second = f"{URL}?page=2"

    with pytest.raises(Unavailable):
        read_pages({URL: page(URL, [1], second), second: response(second, status=500)})
