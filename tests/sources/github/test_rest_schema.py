"""REST requests and the stand-in's bodies, validated against GitHub's OpenAPI description."""

import json
import re
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx
import jsonschema
import pytest

from tests.contracts.prune import prune_rest
from tests.standins.github import FakeCommit, FakeContributor, FakeRepository, GitHubStandIn
from tests.standins.server import Logged
from tests.support.github_case import commits, read, repository
from tests.support.targets import new_target

DESCRIPTION = Path(__file__).parents[2] / "contracts" / "github-rest.json"

RARE = {403, 410, 451}
"""Statuses that any endpoint may send, though the description leaves them out."""


def described() -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(DESCRIPTION.read_text())["paths"])


def as_json_schema(node: Any) -> Any:
    """Return a schema of OpenAPI 3.0 as JSON Schema, which has no ``nullable``."""
    if isinstance(node, list):
        return [as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {name: as_json_schema(value) for name, value in node.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if node.get("nullable") is True else plain


def check(value: object, schema: Any) -> None:
    jsonschema.Draft202012Validator(as_json_schema(schema)).validate(value)


def operation(path: str) -> Any:
    """Return the description of ``GET path``. Paths by id are like paths by name."""
    path = re.sub(r"^/repositories/\d+", "/repos/o/r", path)
    for template, methods in described().items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            return methods["get"]
    raise AssertionError(f"GitHub describes no {path}")


def check_request(logged: Logged) -> None:
    parts = urlsplit(logged.target)
    schemas = {
        parameter["name"]: parameter["schema"]
        for parameter in operation(parts.path)["parameters"]
        if parameter["in"] == "query"
    }
    for name, value in parse_qsl(parts.query, strict_parsing=True):
        assert name in schemas, f"GitHub describes no {name} of {parts.path}"
        check(int(value) if schemas[name]["type"] == "integer" else value, schemas[name])
        if schemas[name].get("format") == "date-time":
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", unquote(value))
        if name == "per_page":
            assert 1 <= int(value) <= 100
    assert logged.method == "GET"
    assert logged.headers["user-agent"]


def all_kinds() -> list[FakeRepository]:
    """Return a repository of each kind."""
    many = [FakeContributor(name=f"c{n}", contributions=200 - n) for n in range(150)]
    some = [FakeContributor(name="N N", contributions=1, anonymous=True)]
    null = FakeCommit(sha="e" * 40, authored=None, committed=None, parents=("0" * 40,))
    return [
        repository(id=1, name="full", license="MIT", description="d", homepage="https://h.example"),
        repository(id=2, name="large", commits=commits(*[1.0] * 150), contributors=[*many, *some]),
        repository(id=3, name="odd", license="NOASSERTION", commits=[null, *commits(1)]),
        repository(id=4, name="empty", empty=True),
        repository(id=5, name="quiet", commits=commits(500, 501)),
        repository(id=6, name="renamed", renamed_from=["octo/old"], archived=True, topics=["t"]),
        repository(id=7, name="huge", too_large=True),
        repository(id=8, name="blocked", blocked=True),
        repository(id=9, name="tos", dmca_403=True),
        repository(id=10, name="gone", gone=True),
    ]


@pytest.fixture
def github(github: GitHubStandIn) -> GitHubStandIn:
    for repo in all_kinds():
        github.add(repo)
    return github


@pytest.mark.parametrize("name", ["full", "large", "odd", "empty", "quiet", "old", "huge"])
def test_requests_match_githubs_description(github: GitHubStandIn, name: str) -> None:
    read(github, new_target(f"octo/{name}"))

    assert len(github.log) >= 2
    for logged in github.log:
        check_request(logged)


@pytest.mark.parametrize(
    "target",
    [
        "/rate_limit",
        *(f"/repos/octo/{repo.name}" for repo in all_kinds()),
        "/repos/octo/old",
        "/repos/octo/none",
        "/repositories/1",
        *(f"/repos/octo/{repo.name}/commits?per_page=100" for repo in all_kinds()),
        "/repos/octo/large/commits?per_page=100&page=2",
        "/repos/octo/large/commits?since=2026-01-01T00:00:00Z&per_page=7&page=3",
        *(f"/repos/octo/{repo.name}/contributors?per_page=100" for repo in all_kinds()),
        "/repos/octo/large/contributors?anon=1&per_page=100&page=2",
    ],
)
def test_bodies_of_the_stand_in_match_githubs_description(http: httpx.Client, target: str) -> None:
    answer = http.get(target)

    known = operation(answer.url.path)["responses"].get(str(answer.status_code))
    if known is None:
        assert answer.status_code in RARE
        known = operation("/repos/o/r")["responses"]["404"]
    if answer.status_code == 204:
        assert answer.content == b""
    else:
        check(answer.json(), known["content"]["application/json"]["schema"])


def test_a_wrong_body_does_not_match_githubs_description() -> None:
    schema = operation("/repos/o/r")["responses"]["200"]["content"]["application/json"]["schema"]
    with pytest.raises(jsonschema.ValidationError):
        check({"id": 1}, schema)
    with pytest.raises(AssertionError):
        operation("/repos/o/r/nonsense")


def test_the_description_is_pruned_to_what_is_used() -> None:
    text = DESCRIPTION.read_text()

    assert prune_rest(text) == text
