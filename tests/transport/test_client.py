"""The complete chain: over a real socket, recorded and replayed, and its metrics."""

import asyncio
import datetime as dt
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pkgharvest.model.clock import FixedClock
from pkgharvest.model.errors import BudgetSpent, NotRecorded, RateLimited
from pkgharvest.model.events import Event, RequestFinished, RequestRetried, ignore_events
from pkgharvest.transport.base import Request, Response
from pkgharvest.transport.client import USER_AGENT, Client, open_client
from pkgharvest.transport.credentials import Credentials
from pkgharvest.transport.har.replay import HarArchive
from pkgharvest.transport.metrics import MetricsTransport
from tests.support.loopback import raw_response, respond_with, serve

pytestmark = pytest.mark.usefixtures("no_proxy")

START = dt.datetime(2026, 2, 15, 18, 8, 42, tzinfo=dt.UTC)
SECRET = "ghp_0123456789abcdef"


def test_a_recorded_run_replays_to_the_same_response(tmp_path: Path) -> None:
    path = tmp_path / "run.har"
    events: list[Event] = []

    def listen(event: Event) -> None:
        events.append(event)

    clock = FixedClock(START)

    async def record() -> tuple[Response, str]:
        responder = respond_with(
            raw_response("301 Moved", {"Location": "/new"}),
            raw_response("503 Service Unavailable", {"Retry-After": "2"}),
            raw_response(headers={"ETag": '"1"', "X-Echo": SECRET}, body=b"hello"),
        )
        async with serve(responder) as server:
            async with open_client(
                clock=clock,
                listener=listen,
                credentials=Credentials.of({server.url: SECRET}),
                record={"github": server.url},
                randomness=random.Random(1),
            ) as client:
                response = await client.send(Request(url=f"{server.url}/old"))
                assert client.recorder is not None
                client.recorder.write(path)
            assert {asked.headers["user-agent"] for asked in server.received} == {USER_AGENT}
            assert {asked.headers["authorization"] for asked in server.received} == {
                f"Bearer {SECRET}"
            }
            return response, server.url

    live, url = asyncio.run(record())
    assert (live.status, live.body, live.url) == (200, b"hello", f"{url}/new")
    assert live.redirects == (f"{url}/old",)
    assert clock.monotonic() == 2
    assert [event.status for event in events if isinstance(event, RequestFinished)] == [
        301,
        503,
        200,
    ]
    assert sum(isinstance(event, RequestRetried) for event in events) == 1
    assert SECRET not in path.read_text(encoding="utf-8")
    assert SECRET not in str(events)

    async def replay() -> Response:
        archive = HarArchive.read(path)
        assert archive.hosts == {"github": url}
        async with open_client(
            clock=FixedClock(archive.started),
            listener=listen,
            credentials=Credentials.of({url: SECRET}),
            archive=archive,
        ) as client:
            with pytest.raises(NotRecorded):
                await client.send(Request(url=f"{url}/other"))
            return await client.send(Request(url=f"{url}/old"))

    again = asyncio.run(replay())
    assert again.headers.pop("x-echo") == "REDACTED"  # type: ignore[attr-defined]
    live.headers.pop("x-echo")  # type: ignore[attr-defined]
    assert again == live


def client_run(
    body: Callable[[Client, str], object],
    *raws: bytes,
    token: bool = False,
    budget: int | None = None,
) -> Client:
    async def run() -> Client:
        async with (
            serve(respond_with(*raws)) as server,
            open_client(
                clock=FixedClock(START),
                listener=ignore_events,
                credentials=Credentials.of({server.url: SECRET} if token else {}),
                request_budget=budget,
            ) as client,
        ):
            result = body(client, server.url)
            if asyncio.iscoroutine(result):
                await result
            return client

    return asyncio.run(run())


@pytest.mark.parametrize("token", [True, False])
def test_metrics_count_requests_bytes_and_points(token: bool) -> None:
    reset = int(START.timestamp()) + 600
    quota = {"X-RateLimit-Remaining": "41", "X-RateLimit-Reset": str(reset)}
    unchanged = (
        f"HTTP/1.1 304 Not Modified\r\nX-RateLimit-Remaining: 40\r\nX-RateLimit-Reset: {reset}"
    )

    async def body(client: Client, url: str) -> None:
        for _ in range(2):
            await client.send(Request(url=url))

    client = client_run(
        body,
        raw_response(headers=quota, body=b"12345"),
        unchanged.encode() + b"\r\n\r\n",
        token=token,
    )
    report = client.metrics.report()
    assert (report.requests, report.bytes) == (2, 5)
    (host,) = report.by_host
    assert host.startswith("127.0.0.1:")
    counted = report.by_host[host]
    assert (counted.requests, counted.not_modified, counted.points) == (2, 1, 1 if token else 2)
    assert (counted.remaining, counted.reset) == (40, START + dt.timedelta(seconds=600))


def test_metrics_count_failed_requests() -> None:
    async def body(client: Client, url: str) -> None:
        with pytest.raises(RateLimited):
            await client.send(Request(url=url))
        with pytest.raises(RateLimited):  # not sent, and not counted
            await client.send(Request(url=url))

    client = client_run(body, raw_response("429 Too Many Requests"))
    assert client.metrics.report().requests == 1


def test_retries_and_redirects_count_against_the_request_budget() -> None:
    async def body(client: Client, url: str) -> None:
        with pytest.raises(BudgetSpent):
            await client.send(Request(url=url))

    moved, busy = (
        raw_response("302 Found", {"Location": "/x"}),
        raw_response("503 Service Unavailable"),
    )
    client = client_run(body, moved, busy, budget=3)
    assert client.metrics.report().requests == 3


def test_metrics_know_query_costs_and_ignore_overtaken_quotas() -> None:
    url = "https://api.github.com/graphql"
    reset = int(START.timestamp()) + 600

    def quota(remaining: int, resource: str, later: int = 0) -> Response:
        headers = {
            "x-ratelimit-remaining": str(remaining),
            "x-ratelimit-reset": str(reset + later),
            "x-ratelimit-resource": resource,
        }
        return Response(status=200, headers=headers, body=b"", url=url)

    class Host:
        """Gives one response after the other."""

        def __init__(self) -> None:
            self.responses = [
                quota(9, "graphql"),
                quota(4, "core"),
                quota(5, "core"),
                quota(3, "graphql", -60),
            ]

        async def send(self, request: Request) -> Response:
            return self.responses.pop(0)

    async def send_all() -> None:
        for _ in range(4):
            await metrics.send(Request(url=url))

    metrics = MetricsTransport(
        Host(),
        credentials=Credentials.of({url: "ghp_0123456789"}),
        clock=FixedClock(START),
        listener=lambda _: None,
    )
    asyncio.run(send_all())
    metrics.record_cost(url, 12)
    host = metrics.report().by_host["api.github.com"]
    assert (host.requests, host.points, host.remaining) == (4, 15, 4)


def test_a_replay_does_not_import_httpx(tmp_path: Path) -> None:
    path = tmp_path / "empty.har"
    path.write_text(
        '{"log": {"entries": [], "pages": [{"startedDateTime": "2026-02-15"}]}}', encoding="utf-8"
    )
    program = f"""
import asyncio, pathlib, sys
from pkgharvest.model.clock import SystemClock
from pkgharvest.transport.har.replay import HarArchive
from pkgharvest.transport.client import open_client
from pkgharvest.transport.credentials import Credentials
async def run():
    archive = HarArchive.read(pathlib.Path({str(path)!r}))
    async with open_client(clock=SystemClock(), listener=print, credentials=Credentials.none(),
                           archive=archive):
        assert "httpx" not in sys.modules
asyncio.run(run())
"""
    subprocess.run([sys.executable, "-c", program], check=True)
