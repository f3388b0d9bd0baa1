"""GraphQL failures: of a whole query, and of one repository of many."""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkgharvest.model.clock import FixedClock
from pkgharvest.model.errors import (
    Blocked,
    Malformed,
    RateLimited,
    SourceError,
    Unauthorized,
    Unavailable,
)
from pkgharvest.model.events import ignore_events
from pkgharvest.model.json_node import JsonNode
from pkgharvest.model.observations import RepositoryResult
from pkgharvest.sources.batching import BatchTooLarge
from pkgharvest.sources.github import graphql as module
from pkgharvest.sources.github.graphql import Unresolved
from pkgharvest.sources.github.graphql_source import GitHubGraphqlSource
from pkgharvest.transport.client import Client, open_client
from pkgharvest.transport.credentials import Credentials
from tests.standins.github import Quota
from tests.standins.github_graphql import GitHubGraphQL
from tests.standins.server import Fault
from tests.support.github_case import NOW, TODAY, repository
from tests.support.graphql_case import add_repositories, read_all, read_one
from tests.support.targets import new_target, response

URL = "https://api.github.com/graphql"


def all_complete(results: list[Any]) -> bool:
    return all(
        isinstance(result, RepositoryResult)
        and result.problem is None
        and None not in (result.repository, result.activity, result.contributors)
        for result in results
    )


# ── what is too much ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [502, 504])
def test_a_query_that_times_out_is_halved(github: GitHubGraphQL, status: int) -> None:
    targets = add_repositories(github, 50)
    github.breaks_above, github.broken_status = 13, status

    assert all_complete(read_all(github, targets))

    sizes = [query.repositories for query in github.queries]
    assert sizes[:3] == [50, 25, 13]
    assert [query.status for query in github.queries[:3]] == [status, status, 200]
    assert not [path for path in github.requests("/repos/") if "/contributors" not in path]


@pytest.mark.parametrize("says_where", [True, False])
def test_a_query_out_of_resources_is_halved(github: GitHubGraphQL, says_where: bool) -> None:
    targets = add_repositories(github, 30)
    github.runs_out_above, github.says_where = 10, says_where

    assert all_complete(read_all(github, targets))

    assert github.queries[0].repositories == 30
    assert not [path for path in github.requests("/repos/") if "/contributors" not in path]


@pytest.mark.parametrize("limit", ["breaks_above", "runs_out_above"])
def test_a_repository_too_large_for_a_query_is_read_over_rest(
    github: GitHubGraphQL, limit: str
) -> None:
    targets = add_repositories(github, 3)
    setattr(github, limit, 0)

    assert all_complete(read_all(github, targets))

    assert [query.repositories for query in github.queries] == [3, 2, 1, 1, 1]
    assert len(github.requests("/repos/")) == 9


def test_a_history_too_large_for_a_query_is_read_over_rest(github: GitHubGraphQL) -> None:
    github.add(repository())
    github.fault("/graphql", Fault(status=502), skip=1)

    assert all_complete([read_one(github, new_target())])

    assert [path.partition("?")[0] for path in github.requests()] == [
        "/graphql",
        "/graphql",
        "/repos/Octo/Cat/commits",
        "/repos/Octo/Cat/contributors",
    ]


# ── one repository ──────────────────────────────────────────────────────────────────────────


def test_a_forbidden_repository_is_read_over_rest(github: GitHubGraphQL) -> None:
    targets = add_repositories(github, 5)
    github._by_name["octo/cat2"].blocked = True
    github.forbidden.add("octo/cat3")
    github.hidden_issues.add("octo/cat4")

    results = read_all(github, targets)

    assert isinstance(results.pop(1), Blocked)
    assert all_complete(results)
    assert len(github.requests("/cat3")) == 3
    assert len(github.requests("/cat4")) == 3
    assert len(github.requests("/cat5")) == 1


def test_a_null_commit_is_read_over_rest(github: GitHubGraphQL) -> None:
    first, second = add_repositories(github, 2)
    history = github._by_name["octo/cat1"].commits
    history[0] = type(history[0])(sha="e" * 40, authored=None, committed=NOW)

    results = read_all(github, [first, second])

    assert all_complete(results)
    assert len(github.requests("cat1/commits")) == 1
    assert not github.requests("cat2/commits")


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_server_without_graphql_is_read_over_rest(github: GitHubGraphQL, status: int) -> None:
    targets = add_repositories(github, 60)
    github.fault("/graphql", Fault(status=status, body=b'{"message": "Not Found"}'))

    assert all_complete(read_all(github, targets))
    assert len(github.requests("/graphql")) == 2  # a batch of 50 and one of 10, at once
    assert len(github.requests("/commits")) == 60


# ── the whole query ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(status=401, body=b'{"message": "Bad credentials"}'), Unauthorized),
        (Fault(status=403, body=b'{"message": "Forbidden"}'), Unauthorized),
        (Fault(status=410, body=b"{}"), Malformed),
        (Fault(status=451, body=b"{}"), Malformed),
        (Fault(status=202, body=b"{}"), Malformed),
        (Fault(status=304), Malformed),
        (Fault(status=500, body=b"<html>"), Unavailable),
        (Fault(status=503, body=b"<html>"), Unavailable),
        (Fault(body=b"<html>"), Malformed),
        (Fault(body=b'{"data"'), Malformed),
        (Fault(body=b"[]"), Malformed),
        (Fault(body=b"{}"), Malformed),
        (Fault(body=b'{"data": null}'), Malformed),
        (Fault(body=b'{"data": {}, "errors": [{}]}'), Unavailable),
        (Fault(body=b'{"data": {}, "errors": 3}'), Malformed),
    ],
)
def test_a_failed_query_fails_every_repository(
    github: GitHubGraphQL, fault: Fault, kind: type[SourceError]
) -> None:
    targets = add_repositories(github, 3)
    github.fault("/graphql", fault)

    results = read_all(github, targets)

    assert [isinstance(result, kind) for result in results] == [True] * 3
    is_retried = fault in (
        Fault(body=b"<html>"),
        Fault(body=b'{"data"'),
    )  # the second try may succeed
    assert github.requests() == ["/graphql"] * (1 + is_retried)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "Something is amiss.\x1b[31m"}, Unavailable),
        ({"type": "FORBIDDEN", "message": "Resource protected by SAML"}, Unauthorized),
        ({"message": "Field 'x' is missing", "path": ["query", "r0", "x"]}, Unavailable),
    ],
)
def test_an_error_without_a_path_fails_every_repository(
    github: GitHubGraphQL, error: dict[str, object], kind: type[SourceError]
) -> None:
    targets = add_repositories(github, 2)
    github.refusal = error

    for result in read_all(github, targets):
        assert isinstance(result, kind)
        assert result.message.isprintable()


@pytest.mark.parametrize(
    "message",
    [
        "Something went wrong while executing your query. This may be the result of a timeout.",
        "We couldn't respond to your request in time. Sorry about that.",
    ],
)
def test_a_query_that_took_too_long_is_halved(github: GitHubGraphQL, message: str) -> None:
    targets = add_repositories(github, 40)
    body = json.dumps({"data": None, "errors": [{"message": message}]}).encode()
    github.fault("/graphql", Fault(status=200, body=body), times=1)

    assert all_complete(read_all(github, targets))
    assert sorted(query.repositories for query in github.queries)[-3:] == [20, 20, 40]


def test_a_failed_history_is_the_problem_of_the_result(github: GitHubGraphQL) -> None:
    github.add(repository())
    github.fault("/graphql", Fault(status=500), skip=1)

    result = read_one(github, new_target())

    assert isinstance(result.problem, Unavailable)
    assert result.repository is not None
    assert result.contributors is not None
    assert result.activity is None


def test_failed_contributors_are_the_problem_of_the_result(github: GitHubGraphQL) -> None:
    github.add(repository())
    github.fault("/contributors", Fault(status=500, body=b"{}"))

    result = read_one(github, new_target())

    assert isinstance(result.problem, Unavailable)
    assert result.activity is not None
    assert (result.contributors, result.contributors_asked) == (None, False)


# ── with all transports ──────────────────────────────────────────────────────────────────


@contextlib.asynccontextmanager
async def transport(github: GitHubGraphQL) -> AsyncIterator[Client]:
    credentials = Credentials.of({github.url: "a-token"})
    clock = FixedClock(NOW)
    async with open_client(
        clock=clock, listener=ignore_events, credentials=credentials, randomness=random.Random(1)
    ) as client:
        yield client


def test_a_used_up_graphql_quota_is_rate_limited(github: GitHubGraphQL) -> None:
    targets = add_repositories(github, 100)
    github.graphql_quota = Quota(remaining=2)

    async def act() -> list[object]:
        async with transport(github) as client:
            source = GitHubGraphqlSource(client, api_url=github.url, clock=FixedClock(NOW))
            return await asyncio.gather(
                *(source.read(target, TODAY) for target in targets), return_exceptions=True
            )

    results = asyncio.run(act())

    limited = [result for result in results if isinstance(result, RepositoryResult)]
    assert {type(result) for result in results} == {RepositoryResult, RateLimited}
    assert all(isinstance(result.problem, RateLimited) for result in limited)
    assert len(limited) == 50
    assert {query.status for query in github.queries} == {200}
    assert len(github.queries) <= 2


def test_points_of_queries_are_counted(github: GitHubGraphQL) -> None:
    targets = add_repositories(github, 50)

    async def act() -> None:
        async with transport(github) as client:
            source = GitHubGraphqlSource(
                client, api_url=github.url, clock=FixedClock(NOW), charge=client.metrics.record_cost
            )
            await asyncio.gather(*(source.read(target, TODAY) for target in targets))
            (traffic,) = client.metrics.report().by_host.values()
            assert traffic.requests == 3 + 50
            assert traffic.points == 4 + 50

    asyncio.run(act())


# ── answers of any shape ─────────────────────────────────────────────────────────────────

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)


def facts_body() -> dict[str, Any]:
    return {
        "databaseId": 7,
        "nameWithOwner": "o/r",
        "description": None,
        "homepageUrl": None,
        "isArchived": False,
        "archivedAt": None,
        "isDisabled": False,
        "pushedAt": "2026-01-01T00:00:00Z",
        "stargazerCount": 1,
        "forkCount": 1,
        "licenseInfo": {"spdxId": None},
        "issues": {"totalCount": 0},
        "pullRequests": {"totalCount": 0},
        "repositoryTopics": {"nodes": [{"topic": {"name": "t"}}]},
        "defaultBranchRef": {"name": "main", "target": {"oid": "a"}},
    }


def commit_page_body() -> dict[str, Any]:
    commit = {"oid": "a", "authoredDate": "2026-01-01T00:00:00Z", "author": {"user": None}}
    target = {
        "oid": "a",
        "committedDate": "2026-01-01T00:00:00Z",
        "total": {"totalCount": 1},
        "recent": {"pageInfo": {"hasNextPage": False, "endCursor": None}, "nodes": [commit]},
    }
    return {"databaseId": 7, "defaultBranchRef": {"name": "main", "target": target}}


@given(st.sampled_from(sorted(facts_body())), JSON)
def test_any_facts_are_read_or_malformed(member: str, value: object) -> None:
    with contextlib.suppress(Malformed):
        module.decode_facts(JsonNode(facts_body() | {member: value}, "r0"))


@given(st.sampled_from(["oid", "committedDate", "total", "recent"]), JSON)
def test_any_commit_page_is_read_or_malformed(member: str, value: object) -> None:
    body = commit_page_body()
    body["defaultBranchRef"]["target"][member] = value
    with contextlib.suppress(Malformed):
        module.decode_commit_page(JsonNode(body, "r0"))


@given(JSON, JSON)
def test_any_graphql_response_gives_a_result_for_each(data: object, errors: object) -> None:
    body = json.dumps({"data": {"r0": data}, "errors": errors}).encode()
    with contextlib.suppress(SourceError, BatchTooLarge):
        _, results = module.decode_response(response(URL, body), 2, module.decode_facts)
        assert len(results) == 2


def test_facts_of_the_wrong_shape_fail_one_repository_with_the_path() -> None:
    data = {"r0": facts_body(), "r1": facts_body() | {"defaultBranchRef": {"name": 3}}, "r2": None}

    _, (first, second, third) = module.decode_response(
        response(URL, json.dumps({"data": data}).encode()), 3, module.decode_facts
    )

    assert isinstance(first, module.Facts)
    assert isinstance(second, Malformed)
    assert "r1.defaultBranchRef.name" in second.message
    assert isinstance(third, Unresolved)


@pytest.mark.parametrize("member", sorted(facts_body()))
def test_missing_facts_are_malformed(member: str) -> None:
    body = facts_body()
    del body[member]
    optional = {"description", "homepageUrl", "archivedAt", "pushedAt", "licenseInfo"}
    if member in optional | {"defaultBranchRef"}:
        module.decode_facts(JsonNode(body, "r0"))
    else:
        with pytest.raises(Malformed, match=rf"r0\.{member}"):
            module.decode_facts(JsonNode(body, "r0"))
