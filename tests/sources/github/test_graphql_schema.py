"""Queries and the stand-in's schema, compared with the schema that GitHub publishes."""

import json
import re
from functools import cache
from pathlib import Path

import graphql
import httpx
import pytest

from pkgharvest.model.forges.github import graphql_url
from pkgharvest.sources.github import graphql as module
from pkgharvest.sources.github.graphql import CommitQuery
from pkgharvest.transport.base import Request
from tests.contracts.prune import prune_graphql
from tests.standins.github_graphql import GitHubGraphQL
from tests.standins.github_schema import SDL
from tests.support.github_case import TODAY, commits, repository
from tests.support.graphql_case import add_repositories, read_all, stand_in

PUBLISHED = Path(__file__).parents[2] / "contracts" / "github.graphql"

URL = "https://api.github.com/graphql"


@cache
def schema() -> graphql.GraphQLSchema:
    return graphql.build_schema(PUBLISHED.read_text())


def query_of(request: Request) -> tuple[str, dict[str, str]]:
    assert request.body is not None
    body = json.loads(request.body)
    return body["query"], body["variables"]


def pages(number: int) -> list[CommitQuery]:
    return [
        CommitQuery(path=f"o{n}/r{n}", since=TODAY, after="x 1" if n % 2 else None)
        for n in range(number)
    ]


def requests(number: int) -> list[Request]:
    facts = module.build_facts_request(URL, [f"o{n}/r{n}" for n in range(number)])
    return [facts, module.build_commits_request(URL, pages(number))]


# ── queries ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", [1, 2, 50])
def test_queries_are_valid_in_githubs_schema(number: int) -> None:
    for request in requests(number):
        text, variables = query_of(request)
        document = graphql.parse(text)

        assert graphql.validate(schema(), document) == []
        (operation,) = (
            part
            for part in document.definitions
            if isinstance(part, graphql.OperationDefinitionNode)
        )
        declared = {
            variable.variable.name.value for variable in operation.variable_definitions or ()
        }
        assert declared == set(variables)


def test_queries_that_are_sent_are_valid_in_githubs_schema() -> None:
    with stand_in() as github:
        targets = add_repositories(github, 30, commits=commits(*[1.0] * 120))
        read_all(github, targets)

    assert len(github.queries) >= 4
    for query in github.queries:
        assert graphql.validate(schema(), graphql.parse(query.text)) == []


def test_a_wrong_query_is_invalid_in_githubs_schema() -> None:
    (text, _), *_ = map(query_of, requests(1))
    wrong = graphql.parse(text.replace("stargazerCount", "stars"))

    assert graphql.validate(schema(), wrong)


@pytest.mark.parametrize("hostile", ['a"b', "$o0", "}\n{", "\\"])
def test_values_are_never_part_of_a_query(hostile: str) -> None:
    for request in (
        module.build_facts_request(URL, [f"{hostile}/{hostile}"]),
        module.build_commits_request(
            URL, [CommitQuery(path=f"{hostile}/r", since=TODAY, after=hostile)]
        ),
    ):
        text, variables = query_of(request)
        assert text in {query_of(plain)[0] for plain in requests(1)}
        assert hostile in variables.values()


def test_a_query_is_a_post_with_githubs_headers() -> None:
    for request in requests(1):
        assert (request.method, request.url) == ("POST", URL)
        assert request.headers["X-GitHub-Api-Version"] == "2022-11-28"
        assert request.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("api", "expected"),
    [
        ("https://api.github.com", "https://api.github.com/graphql"),
        ("https://api.github.com/", "https://api.github.com/graphql"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/graphql"),
        ("https://ghe.example/api/v3", "https://ghe.example/api/graphql"),
        ("https://ghe.example/api/v3/", "https://ghe.example/api/graphql"),
        ("https://ghe.example/proxy/v3", "https://ghe.example/proxy/v3/graphql"),
    ],
)
def test_the_graphql_url_follows_from_the_api_url(api: str, expected: str) -> None:
    assert graphql_url(api) == expected


def test_the_schema_is_pruned_to_what_queries_reach() -> None:
    text = PUBLISHED.read_text()

    assert prune_graphql(text) == text


# ── the stand-in ─────────────────────────────────────────────────────────────────────────


def test_the_stand_ins_schema_is_part_of_githubs() -> None:
    complete, part = schema(), graphql.build_schema(SDL)
    for name, served in part.type_map.items():
        real_type = complete.type_map.get(name)
        assert real_type is not None or name in graphql.specified_scalar_types
        if isinstance(served, graphql.GraphQLEnumType):
            assert isinstance(real_type, graphql.GraphQLEnumType)
            assert set(served.values) == set(real_type.values)
        if isinstance(served, graphql.GraphQLObjectType) and not name.startswith("__"):
            assert isinstance(real_type, graphql.GraphQLObjectType)
            for key, entry in served.fields.items():
                real = real_type.fields[key]
                assert str(entry.type) == str(real.type), f"{name}.{key}"
                for argument, given in entry.args.items():
                    assert str(given.type) == str(real.args[argument].type)
                    assert given.default_value == real.args[argument].default_value


def post(github: GitHubGraphQL, text: str, token: str = "t") -> httpx.Response:
    with httpx.Client(verify=False, trust_env=False) as http:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        body = {"query": text, "variables": {}}
        return http.post(f"{github.url}/graphql", json=body, headers=headers)


def test_the_stand_in_counts_costs_as_documented() -> None:
    # 1 request for the first connection, 50 for the second, 3,000 for the third.
    one = 'repository(owner: "octo", name: "cat") { defaultBranchRef { target { ... on Commit {'
    third = "history(first: 1) { totalCount }"
    inner = f"history(first: 50) {{ nodes {{ history(first: 60) {{ nodes {{ {third} }} }} }} }}"
    with stand_in() as github:
        github.add(repository(commits=commits(1)))
        answer = post(github, f"{{ rateLimit {{ cost nodeCount }} {one} {inner} }} }} }} }} }}")

    assert answer.json()["data"]["rateLimit"] == {"cost": 31, "nodeCount": 50 + 3000 + 3000}
    assert answer.headers["x-ratelimit-remaining"] == str(5000 - 31)
    assert answer.headers["x-ratelimit-resource"] == "graphql"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{ repository(owner: "o", name: "r") { stars } }', "Cannot query field"),
        ('{ repository(owner: "o", name: "r") { issues { totalCount } } }', "has no `first`"),
        ('{ repository(owner: "o", name: "r") { issues(first: 101) { totalCount } } }', "1..100"),
    ],
)
def test_the_stand_in_rejects_invalid_queries(text: str, words: str) -> None:
    with stand_in() as github:
        errors_body = post(github, text).json()

    assert "data" not in errors_body
    assert words in errors_body["errors"][0]["message"]


def test_the_stand_in_requires_a_token_for_graphql() -> None:
    with stand_in() as github:
        assert post(github, "{ rateLimit { cost } }", token="").status_code == 401
        github.tokens = {"other"}
        assert post(github, "{ rateLimit { cost } }").status_code == 401


def test_errors_of_the_stand_in_have_githubs_shape() -> None:
    with stand_in() as github:
        errors_body = post(github, '{ a: repository(owner: "o", name: "r") { isEmpty } }').json()

    assert errors_body["data"] == {"a": None}
    (error,) = errors_body["errors"]
    assert re.fullmatch("Could not resolve to a Repository with the name 'o/r'.", error["message"])
    assert (error["type"], error["path"]) == ("NOT_FOUND", ["a"])
    assert error["locations"]
