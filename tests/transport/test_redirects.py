"""Redirects: followed a little way, never with a token to another origin."""

import asyncio
from collections.abc import Mapping

import pytest

from pkgharvest.model.errors import Malformed
from pkgharvest.transport.base import Request, Response
from pkgharvest.transport.credentials import Credentials
from pkgharvest.transport.httpx_transport import HttpxTransport
from pkgharvest.transport.redirects import Redirects
from tests.support.loopback import Asked, Loopback, Say, reply, saying, serve

A = "https://example.org"


class Site:
    """Answers by URL: a target to go to, with its status, or 200."""

    def __init__(self, moved: Mapping[str, tuple[int, str]]) -> None:
        self.moved = moved
        self.asked: list[Request] = []

    async def send(self, request: Request) -> Response:
        self.asked.append(request)
        status, location = self.moved.get(request.url, (200, ""))
        headers = {"location": location} if location else {}
        return Response(status=status, headers=headers, body=b"", url=request.url)


def follow(site: Site, url: str = f"{A}/a", **more: str | dict[str, str] | bytes) -> Response:
    request = Request(url=url, **more)  # type: ignore[arg-type]
    return asyncio.run(Redirects(site).send(request))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_followed_with_its_conditions(status: int) -> None:
    site = Site({f"{A}/a": (status, "/b?x=%2F#there"), f"{A}/b?x=%2F": (status, "../c")})
    answer = follow(site, headers={"if-none-match": '"1"'})
    assert answer.url == f"{A}/c"
    assert answer.redirects == (f"{A}/a", f"{A}/b?x=%2F")
    assert [request.headers for request in site.asked] == [{"if-none-match": '"1"'}] * 3


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
def test_targets(location: str, url: str) -> None:
    assert follow(Site({f"{A}/a": (302, location)})).url == url


@pytest.mark.parametrize(
    ("location", "said"),
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
def test_refused(location: str, said: str) -> None:
    with pytest.raises(Malformed, match=rf"^example\.org redirects .*{said}"):
        follow(Site({f"{A}/a": (301, location)}))


def test_circle_of_three() -> None:
    site = Site({f"{A}/a": (301, "/b"), f"{A}/b": (301, "/c"), f"{A}/c": (301, "/a")})
    with pytest.raises(Malformed, match="loop"):
        follow(site)
    assert len(site.asked) == 3


def test_at_most_five() -> None:
    chain = {f"{A}/{n}": (302, f"/{n + 1}") for n in range(9)}
    assert follow(Site(chain), f"{A}/4").url == f"{A}/9"
    site = Site(chain)
    with pytest.raises(Malformed, match="more than 5 times"):
        follow(site, f"{A}/0")
    assert len(site.asked) == 6


@pytest.mark.parametrize("status", [300, 304])
def test_other_threes_are_answers(status: int) -> None:
    assert follow(Site({f"{A}/a": (status, "/b")})).status == status


@pytest.mark.parametrize(("status", "ends"), [(302, 302), (301, 301), (303, 303), (307, 200)])
def test_post(status: int, ends: int) -> None:
    site = Site({f"{A}/a": (status, "/b")})
    assert follow(site, method="POST", body=b"{}").status == ends
    assert {(request.method, request.body) for request in site.asked} == {("POST", b"{}")}


def test_no_token_to_another_origin_over_sockets() -> None:
    def moved(url: str) -> Say:
        return saying(reply("301 Moved", {"Location": url}))

    async def run() -> tuple[list[Asked], list[Asked], Response]:
        async with serve(saying(reply(body=b"theirs"))) as theirs:
            ours: Loopback
            async with serve(moved(f"{theirs.url}/x")) as ours:
                wire = HttpxTransport(
                    credentials=Credentials.of({ours.url: "sesame"}), user_agent="t"
                )
                async with wire:
                    answer = await Redirects(wire).send(Request(url=f"{ours.url}/y"))
                    return ours.asked, theirs.asked, answer

    asked, elsewhere, answer = asyncio.run(run())
    assert asked[0].headers["authorization"] == "Bearer sesame"
    assert answer.body == b"theirs"
    assert "authorization" not in elsewhere[0].headers
    assert "sesame" not in str(elsewhere)
