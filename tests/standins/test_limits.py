"""Limits, faults and made-on-request packages of the stand-ins; the limits in the transport."""

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from pkgharvest.model.clock import FixedClock
from pkgharvest.model.errors import RateLimited
from pkgharvest.model.events import ignore_events
from pkgharvest.model.origin import Origin
from pkgharvest.transport.base import Request
from pkgharvest.transport.client import open_client
from pkgharvest.transport.credentials import Credentials
from pkgharvest.transport.rate_limit.limiter import RateLimit
from tests.standins.github import FakeRepository, Quota
from tests.standins.github_graphql import GitHubGraphQL
from tests.standins.limits import SecondaryLimits
from tests.standins.pypi import SIMPLE, FakeProject, FakePyPI, released
from tests.standins.server import Call, Fault, LoopbackServer, Reply
from tests.support.github_case import NOW, repository
from tests.support.graphql_case import add_repositories, stand_in

QUERY = json.dumps({"query": "{ rateLimit { cost } }"}).encode()


class Watch:
    """A monotonic clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def github(watch: Watch) -> Iterator[GitHubGraphQL]:
    """A GitHub with one repository that allows three requests a minute, and two queries."""
    with stand_in() as server:
        server.add(repository())
        server.secondary = SecondaryLimits(rest=3, graphql=2, now=watch)
        yield server


@pytest.fixture
def http(github: GitHubGraphQL) -> Iterator[httpx.Client]:
    headers = {"user-agent": "tests", "authorization": "Bearer t"}
    with httpx.Client(
        base_url=github.url, headers=headers, verify=False, trust_env=False
    ) as client:
        yield client


def call(method: str = "GET", path: str = "/repos/octo/cat") -> Call:
    return Call(method=method, path=path, query={}, headers={})


# ── secondary limits ─────────────────────────────────────────────────────────────────────


def test_too_many_requests_a_minute_are_refused_as_by_github(
    github: GitHubGraphQL, http: httpx.Client, watch: Watch
) -> None:
    statuses = []
    for watch.seconds in (0.0, 20.0, 30.5, 31.0):
        answer = http.get("/repos/octo/cat")
        statuses.append(answer.status_code)

    assert statuses == [200, 200, 200, 403]
    assert answer.headers["retry-after"] == "29"
    assert "x-ratelimit-remaining" not in answer.headers
    assert "secondary rate limit" in answer.json()["message"]
    assert github.refused == {"REST points a minute": 1}
    assert github.quota.limit - github.quota.remaining == 3


def test_the_minute_of_a_limit_slides(
    github: GitHubGraphQL, http: httpx.Client, watch: Watch
) -> None:
    statuses = []
    for watch.seconds in (0, 20, 30, 59, 60, 61, 80, 90):
        statuses.append(http.get("/repos/octo/cat").status_code)

    assert statuses == [200, 200, 200, 403, 200, 403, 200, 200]
    assert github.refused.total() == 2


def test_each_api_has_its_own_limit(github: GitHubGraphQL, http: httpx.Client) -> None:
    queries = [http.post("/graphql", content=QUERY).status_code for _ in range(3)]
    reads = [http.get("/repos/octo/cat").status_code for _ in range(3)]

    assert (queries, reads) == ([200, 200, 403], [200, 200, 200])
    assert github.refused == {"GraphQL points a minute": 1}


def test_writes_cost_five_points_and_queries_one() -> None:
    limits = SecondaryLimits(rest=6, graphql=2, now=Watch())

    excesses = [limits.excess(call(method), 1) for method in ("POST", "HEAD", "GET")]
    assert [excess is None for excess in excesses] == [True, True, False]
    excesses = [limits.excess(call("POST", "/graphql"), 1) for _ in range(3)]
    assert [excess is None for excess in excesses] == [True, True, False]


def test_concurrent_requests_are_limited_across_both_apis() -> None:
    limits = SecondaryLimits(at_once=2, now=Watch())

    assert limits.excess(call(), 2) is None
    for request in (call(), call("POST", "/graphql")):
        excess = limits.excess(request, 3)
        assert excess is not None
        assert excess.limit == "requests at once"


def test_concurrent_requests_are_counted_while_they_are_answered() -> None:
    def handler(_call: Call) -> Reply:
        return Reply(status=200, body=str(server.busy).encode())

    with LoopbackServer(handler) as server:
        answers = [httpx.get(server.url, verify=False, trust_env=False).text for _ in range(2)]
    assert answers == ["1", "1"]
    assert server.busy == 0


def test_used_up_quotas_are_counted_as_refusals(github: GitHubGraphQL, http: httpx.Client) -> None:
    github.quota, github.graphql_quota = Quota(remaining=1), Quota(remaining=0)
    for _ in range(3):
        http.get("/repos/octo/cat")
    http.post("/graphql", content=QUERY)

    assert github.refused == {"core": 2, "graphql": 1}


# ── the program, and the limits ──────────────────────────────────────────────────────────


def refusals(pace: RateLimit | None, requests: int) -> Counter[str]:
    """Send ``requests`` by the program's transport to a host that allows 30 a minute."""

    async def sending() -> None:
        host = str(Origin.of(github.url))
        async with open_client(
            clock=clock,
            listener=ignore_events,
            credentials=Credentials.none(),
            rates={} if pace is None else {host: pace},
        ) as client:
            url = f"{github.url}/repos/octo/cat"
            for _ in range(requests):
                await client.send(Request(url=url))

    clock = FixedClock(NOW)
    with stand_in() as github:
        github.add(repository())
        github.secondary = SecondaryLimits(rest=30, now=clock.monotonic)
        try:
            asyncio.run(sending())
        except RateLimited as error:
            assert error.host == str(Origin.of(github.url))  # noqa: PT017
        return github.refused


def test_the_transport_is_never_refused_if_it_knows_the_limit() -> None:
    assert refusals(RateLimit(27, burst=3), 100) == {}


def test_the_transport_recognizes_a_secondary_limit() -> None:
    assert refusals(None, 100) == {"REST points a minute": 1}


# ── faults by lot ────────────────────────────────────────────────────────────────────────


def statuses_of(seed: int, share: float = 0.3) -> list[int]:
    fault = Fault(status=502, headers={})
    with LoopbackServer(lambda _call: Reply(status=200)) as server:
        server.fault_share(share, fault, seed=seed)
        with httpx.Client(base_url=server.url, verify=False, trust_env=False) as client:
            statuses = [client.get("/").status_code for _ in range(60)]
            server.heal()
            assert {client.get("/").status_code for _ in range(20)} == {200}
    return statuses


def test_the_seed_decides_which_requests_fail() -> None:
    first, again, other = statuses_of(1), statuses_of(1), statuses_of(2)

    assert first == again != other
    for statuses in (first, other):
        assert 6 <= statuses.count(502) <= 30


def test_a_fault_may_apply_to_no_request_or_to_all() -> None:
    assert set(statuses_of(1, 0.0)) == {200}
    assert set(statuses_of(1, 1.0)) == {502}


# ── made on request ──────────────────────────────────────────────────────────────────────


def test_repositories_can_be_made_on_request() -> None:
    def make(key: str) -> FakeRepository | None:
        return repository(id=42, name="lazy") if key in {"octo/lazy", "42"} else None

    headers = {"user-agent": "tests", "authorization": "Bearer t"}
    text = '{ repository(owner: "Octo", name: "%s") { databaseId } }'
    with (
        GitHubGraphQL(make=make) as github,
        httpx.Client(base_url=github.url, headers=headers, verify=False, trust_env=False) as http,
    ):
        listed = add_repositories(github, 1)[0]
        paths = ("repos/Octo/Lazy", "repositories/42", "repos/octo/none", "repositories/43")
        answers = [http.get(path) for path in paths]
        nodes = [
            http.post("/graphql", json={"query": text % name}).json()["data"]["repository"]
            for name in ("Lazy", "none", "cat1")
        ]
    assert listed.locator is not None
    assert [answer.status_code for answer in answers] == [200, 200, 404, 404]
    assert answers[0].json()["id"] == answers[1].json()["id"] == 42
    assert nodes == [{"databaseId": 42}, None, {"databaseId": 1}]


def test_projects_can_be_made_on_request() -> None:
    made = []

    def make(name: str) -> FakeProject | None:
        made.append(name)
        return released(name, ["1.0"]) if name.startswith("lazy") else None

    pypi = FakePyPI(released("here", ["2.0"]), make=make)
    names = ("here", "lazy-one", "none")
    simple = [
        pypi.reply(
            Call(method="GET", path=f"/simple/{name}/", query={}, headers={"accept": SIMPLE})
        )
        for name in names
    ]
    json_pages = [pypi.reply(call(path=f"/pypi/{name}/json")) for name in names]

    assert [reply.status for reply in itertools.chain(simple, json_pages)] == [200, 200, 404] * 2
    assert json.loads(simple[1].body)["versions"] == ["1.0"]
    assert made == ["lazy-one", "none"] * 2
