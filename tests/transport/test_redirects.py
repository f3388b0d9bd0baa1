"""Redirects: followed a few times, and never with a token to another origin."""

import asyncio
from collections.abc import Mapping

import pytest

from pkgharvest.model.errors import Malformed
from pkgharvest.transport.base import Request, Response
from pkgharvest.transport.credentials import Credentials
from pkgharvest.transport.httpx_transport import HttpxTransport
from pkgharvest.transport.resend import Redirects
from tests.support.loopback import (
    Loopback,
    ReceivedRequest,
    Responder,
    raw_response,
    respond_with,
    serve,
)

A = "https://example.org"


class Site:
    """Redirects by URL, with a status; everything else is 200."""

    def __init__(self, moved: Mapping[str, tuple[int, str]]) -> None:
        self.moved = moved
        self.received: list[Request] = []

    async def send(self, request: Request) -> Response:
        self.received.append(request)
        status, location = self.moved.get(request.url, (200, ""))
        headers = {"location": location} if location else {}
        return Response(status=status, headers=headers, body=b"", url=request.url)


def follow(site: Site, url: str = f"{A}/a", **more: str | dict[str, str] | bytes) -> Response:
    request = Request(url=url, **more)  # type: ignore[arg-type]
    return asyncio.run(Redirects(site).send(request))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_with_the_headers_of_the_request(status: int) -> None:
    site = Site({f"{A}/a": (status, "/b?x=%2F#there"), f"{A}/b?x=%2F": (status, "../c")})
    response = follow(site, headers={"if-none-match": '"1"'})
    assert response.url == f"{A}/c"
    assert response.redirects == (f"{A}/a", f"{A}/b?x=%2F")
    assert [request.headers for request in site.received] == [{"if-none-match": '"1"'}] * 3


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("https://example.com/x", "https://example.com/x"),
        ("//example.com/x", "https://example.com/x"),
        ("?page=2", f"{A}/a?page=2"),
        ("/caf\xc3\xa9 au lait", f"{A}/caf%C3%A9%20au%20lait"),
        ("https://me:pw@example.com/", "https://example.com/"),
        ("https://example.org\\@example.com/", "https://example.com/"),
    ],
)
def test_redirect_targets(location: str, url: str) -> None:
    assert follow(Site({f"{A}/a": (302, location)})).url == url


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("", "without a target"),
        ("http://example.org/", "from https to http"),
        ("ftp://example.org/", "to something other than http or https"),
        ("file:///etc/passwd", "to something other than http or https"),
        ("https://:80/", "to something other than http or https"),
        ("https://[::1/", "to something other than http or https"),
        ("/a", "in a loop"),
    ],
)
def test_unusable_redirects_are_malformed(location: str, message: str) -> None:
    with pytest.raises(Malformed, match=rf"^example\.org redirects .*{message}"):
        follow(Site({f"{A}/a": (301, location)}))


def test_a_redirect_loop_of_three_is_malformed() -> None:
    site = Site({f"{A}/a": (301, "/b"), f"{A}/b": (301, "/c"), f"{A}/c": (301, "/a")})
    with pytest.raises(Malformed, match="loop"):
        follow(site)
    assert len(site.received) == 3


def test_at_most_five_redirects_are_followed() -> None:
    chain = {f"{A}/{n}": (302, f"/{n + 1}") for n in range(9)}
    assert follow(Site(chain), f"{A}/4").url == f"{A}/9"
    site = Site(chain)
    with pytest.raises(Malformed, match="more than 5 times"):
        follow(site, f"{A}/0")
    assert len(site.received) == 6


@pytest.mark.parametrize("status", [300, 304])
def test_a_300_or_304_is_not_a_redirect(status: int) -> None:
    assert follow(Site({f"{A}/a": (status, "/b")})).status == status


@pytest.mark.parametrize(("status", "ends"), [(302, 302), (301, 301), (303, 303), (307, 200)])
def test_a_post_follows_redirects_307_and_308_only(status: int, ends: int) -> None:
    site = Site({f"{A}/a": (status, "/b")})
    assert follow(site, method="POST", body=b"{}").status == ends
    assert {(request.method, request.body) for request in site.received} == {("POST", b"{}")}


def test_a_redirect_takes_no_token_to_another_origin() -> None:
    def moved(url: str) -> Responder:
        return respond_with(raw_response("301 Moved", {"Location": url}))

    async def run() -> tuple[list[ReceivedRequest], list[ReceivedRequest], Response]:
        async with serve(respond_with(raw_response(body=b"theirs"))) as theirs:
            ours: Loopback
            async with serve(moved(f"{theirs.url}/x")) as ours:
                wire = HttpxTransport(
                    credentials=Credentials.of({ours.url: "sesame"}), user_agent="t"
                )
                async with wire:
                    response = await Redirects(wire).send(Request(url=f"{ours.url}/y"))
                    return ours.received, theirs.received, response

    asked, elsewhere, response = asyncio.run(run())
    assert asked[0].headers["authorization"] == "Bearer sesame"
    assert response.body == b"theirs"
    assert "authorization" not in elsewhere[0].headers
    assert "sesame" not in str(elsewhere)
