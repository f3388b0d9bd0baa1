"""Decoding GitHub's REST responses: every status, wrong types, and recorded responses."""

import asyncio
import contextlib
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkgharvest.model.clock import FixedClock
from pkgharvest.model.errors import (
    Blocked,
    BudgetSpent,
    Gone,
    Malformed,
    NotFound,
    NotRecorded,
    RateLimited,
    SourceError,
    Unauthorized,
    Unavailable,
)
from pkgharvest.model.observations import FetchTarget, RepositoryResult
from pkgharvest.sources.github import rest_decode
from pkgharvest.sources.github.rest import GitHubRestSource
from pkgharvest.transport.base import Response
from tests.standins import github_bodies as bodies
from tests.standins.github_bodies import FakeContributor, FakeRepository
from tests.support.targets import API, CannedTransport, new_target, response

NOW = dt.datetime(2024, 1, 13, 2, 46, 46, tzinfo=dt.UTC)
SINCE = NOW.date() - dt.timedelta(days=371)
RECORDED = Path(__file__).parents[2] / "recorded" / "github"

REPO = f"{API}/repos/octo/cat"
COMMITS = f"{REPO}/commits?since={SINCE}T00:00:00Z&per_page=100"
CONTRIBUTORS = f"{REPO}/contributors?per_page=100"


def read(client: CannedTransport, target: FetchTarget) -> RepositoryResult:
    return asyncio.run(GitHubRestSource(client, clock=FixedClock(NOW)).read(target, NOW.date()))


def repository_body() -> dict[str, Any]:
    return bodies.repository(FakeRepository(owner="octo", name="cat", id=7, license="MIT"), API)


def commit(**commit: Any) -> dict[str, Any]:
    person = {"name": "x", "date": "2024-01-01T00:00:00Z"}
    return {"sha": "a" * 40, "commit": {"author": person, "committer": person} | commit}


def served(
    repository: object = None, commits: object = None, contributors: object = None
) -> dict[str, Response | BaseException]:
    return {
        REPO: response(
            REPO, json.dumps(repository_body() if repository is None else repository).encode()
        ),
        COMMITS: response(COMMITS, json.dumps([commit()] if commits is None else commits).encode()),
        CONTRIBUTORS: response(CONTRIBUTORS, json.dumps(contributors or []).encode()),
    }


# ── every status ─────────────────────────────────────────────────────────────────────────

BLOCK = {"message": "Repository access blocked", "block": {"reason": "dmca"}}


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (
            401,
            {"message": "Bad credentials"},
            Unauthorized,
            "rejected the token, or requires one",
        ),
        (403, {"message": "Resource not accessible."}, Unauthorized, "Resource not accessible"),
        (403, {}, Unauthorized, "no reason given"),
        (403, BLOCK, Blocked, "dmca"),
        (403, {"message": "m", "block": {}}, Blocked, "octo/cat: m"),
        (404, {"message": "Not Found"}, NotFound, "no repository octo/cat"),
        (409, {"message": "Conflict"}, Malformed, "409"),
        (410, {"message": "Gone"}, Gone, "octo/cat"),
        (410, {"message": "API Version is not supported"}, Unavailable, "2022-11-28"),
        (418, {}, Malformed, "418"),
        (451, BLOCK, Blocked, "dmca"),
        (451, {"message": "for legal reasons"}, Blocked, "for legal reasons"),
        (451, "no object", Blocked, "octo/cat"),
        (202, {}, Malformed, "202"),
        (204, {}, Malformed, "204"),
        (304, {}, Malformed, "not modified"),
        (500, {}, Unavailable, "500"),
        (502, None, Unavailable, "502"),
        (599, [], Unavailable, "599"),
    ],
)
def test_statuses_of_github_become_errors(
    status: int, body: object, kind: type[SourceError], words: str
) -> None:
    client = CannedTransport({REPO: response(REPO, json.dumps(body).encode(), status)})

    with pytest.raises(kind, match=words) as caught:
        read(client, new_target())

    assert type(caught.value) is kind
    assert client.urls == [REPO]


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b"[" * 100_000, b"null"])
@pytest.mark.parametrize(
    ("status", "kind"), [(403, Unauthorized), (451, Blocked), (503, Unavailable)]
)
def test_an_error_status_needs_no_body(body: bytes, status: int, kind: type[SourceError]) -> None:
    with pytest.raises(kind):
        read(CannedTransport({REPO: response(REPO, body, status)}), new_target())


def test_a_quoted_message_is_one_short_printable_line() -> None:
    message = "a\x1b[31m\r\nb\u2028c\u202e" + "x" * 5_000
    body = json.dumps({"message": message}).encode()

    with pytest.raises(Unauthorized) as caught:
        read(CannedTransport({REPO: response(REPO, body, 403)}), new_target())

    assert caught.value.message.isprintable()
    assert "a [31m b c x" in caught.value.message
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("error", [RateLimited("h", None), NotRecorded("no"), BudgetSpent()])
def test_errors_of_the_transport_pass_through(error: Exception) -> None:
    with pytest.raises(type(error)):
        read(CannedTransport({REPO: error}), new_target())


@pytest.mark.parametrize("part", [COMMITS, CONTRIBUTORS])
def test_a_spent_budget_and_a_cancellation_pass_through(part: str) -> None:
    for error in (BudgetSpent(), asyncio.CancelledError()):
        with pytest.raises(type(error)):
            read(CannedTransport(served() | {part: error}), new_target())


@pytest.mark.parametrize("part", [COMMITS, CONTRIBUTORS])
def test_a_part_missing_from_a_replay_is_the_problem(part: str) -> None:
    error = NotRecorded("not in the archive")

    result = read(CannedTransport(served() | {part: error}), new_target())

    assert result.problem is error
    assert result.repository is not None


# ── wrong types ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("id", None),
        ("id", "7"),
        ("id", -1),
        ("id", True),
        ("full_name", None),
        ("full_name", "cat"),
        ("full_name", "octo/.."),
        ("full_name", "octo/cat?x"),
        ("full_name", "octo/cat/x"),
        ("full_name", "//evil.example/octo/cat"),
        ("description", 1),
        ("homepage", []),
        ("topics", {}),
        ("topics", [1]),
        ("license", "MIT"),
        ("license", {"spdx_id": 1}),
        ("stargazers_count", None),
        ("stargazers_count", 1.5),
        ("forks_count", 2**63),
        ("open_issues_count", "0"),
        ("default_branch", None),
        ("archived", 0),
        ("disabled", None),
        ("pushed_at", "yesterday"),
        ("pushed_at", 0),
    ],
)
def test_a_repository_of_the_wrong_shape_is_malformed_with_the_path(
    member: str, value: object
) -> None:
    client = CannedTransport(served(repository_body() | {member: value}))

    with pytest.raises(Malformed, match=rf"repository\.{member}"):
        read(client, new_target())
    assert client.urls == [REPO]


@pytest.mark.parametrize(
    "member", ["id", "full_name", "stargazers_count", "forks_count", "archived", "default_branch"]
)
def test_a_missing_member_of_a_repository_is_named(member: str) -> None:
    body = repository_body()
    del body[member]

    with pytest.raises(Malformed, match=rf"repository\.{member}"):
        read(CannedTransport(served(body)), new_target())


def test_a_repository_may_lack_optional_members() -> None:
    body = repository_body() | {"license": {"key": "other", "spdx_id": None}, "pushed_at": None}
    del body["topics"]

    result = read(CannedTransport(served(body)), new_target()).repository

    assert result is not None
    assert (result.topics, result.license, result.pushed_at) == ((), None, None)


@pytest.mark.parametrize(
    ("commits", "path"),
    [
        ({}, "commits: expected a list"),
        ([1], r"commits\[0\]"),
        ([{}], r"commits\[0\]\.commit"),
        ([commit(), commit(author=[])], r"commits\[1\]\.commit\.author"),
        ([commit(author={"date": 5})], r"commits\[0\]\.commit\.author\.date"),
        ([commit(committer={"date": "2024-13-01T00:00:00Z"})], r"committer\.date"),
        ([{**commit(), "sha": None}], r"commits\[0\]\.sha"),
    ],
)
def test_commits_of_the_wrong_shape_fail_only_the_commits(commits: object, path: str) -> None:
    result = read(CannedTransport(served(commits=commits)), new_target())

    with pytest.raises(Malformed, match=path):
        raise result.problem or AssertionError
    assert result.activity is None
    assert result.repository is not None
    assert result.contributors == ()


@pytest.mark.parametrize(
    ("people", "path"),
    [
        ([1], r"contributors\[0\]"),
        ([{"login": 1, "contributions": 1}], r"contributors\[0\]\.login"),
        ([{"login": "a"}], r"contributors\[0\]\.contributions"),
        ([{"login": "a", "contributions": "1"}], r"contributors\[0\]\.contributions"),
    ],
)
def test_contributors_of_the_wrong_shape_fail_only_the_contributors(
    people: object, path: str
) -> None:
    result = read(CannedTransport(served(contributors=people)), new_target())

    with pytest.raises(Malformed, match=path):
        raise result.problem or AssertionError
    assert result.contributors is None
    assert not result.contributors_asked
    assert result.activity is not None


def test_contributors_without_a_login_or_listed_twice_are_dropped() -> None:
    people = [
        bodies.contributor(FakeContributor(name="a", contributions=9), API),
        bodies.contributor(FakeContributor(name="N N", contributions=5, anonymous=True), API),
        bodies.contributor(FakeContributor(name="b", contributions=4), API),
        bodies.contributor(FakeContributor(name="a", contributions=1), API),
    ]

    result = read(CannedTransport(served(contributors=people)), new_target())

    assert result.contributors is not None
    assert [(person.name, person.commits) for person in result.contributors] == [("a", 9), ("b", 4)]


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(st.sampled_from(sorted(repository_body())), _ANYTHING)
def test_any_repository_member_is_read_or_malformed(member: str, value: object) -> None:
    body = json.dumps(repository_body() | {member: value}).encode()
    with contextlib.suppress(Malformed):
        rest_decode.decode_repository(response(REPO, body))


@given(_ANYTHING, _ANYTHING, _ANYTHING)
def test_any_commit_is_read_or_malformed(a: object, b: object, c: object) -> None:
    items = [{"sha": a, "commit": {"author": {"date": b}, "committer": c}}]
    with contextlib.suppress(Malformed):
        rest_decode.decode_commits(response(COMMITS, json.dumps(items).encode()))


# ── as recorded ──────────────────────────────────────────────────────────────────────────


def recorded(name: str) -> Response:
    exchange = json.loads((RECORDED / f"{name}.json").read_text())
    response = exchange["response"]
    return Response(
        status=response["status"],
        headers=response["headers"],
        body=json.dumps(response["json"]).encode(),
        url=exchange["request"]["url"],
    )


def test_a_recorded_repository_is_read() -> None:
    base = f"{API}/repos/django/deps"
    first = recorded("commits")
    commits = f"{base}/commits?since={SINCE}T00:00:00Z&per_page=100"
    contributors = recorded("contributors")
    second = f"{API}/repositories/18764735/commits?per_page=100&page=2"
    client = CannedTransport(
        {
            base: recorded("repository"),
            commits: first,
            second: response(second, b"[]"),
            contributors.url: contributors,
        }
    )

    result = read(client, new_target("django/deps"))

    assert result.problem is None
    assert client.urls == [base, commits, second, contributors.url]
    repository = result.repository
    assert repository is not None
    assert (repository.repo_id, repository.locator.path, repository.archived) == (
        "18764735",
        "django/deps",
        False,
    )
    assert repository.default_branch == "main"
    assert repository.stars > 0
    assert result.activity is not None
    assert result.activity.head == "bd84846d4b2cf39df415706bdebf58add25999f6"
    assert result.activity.committed_at == dt.datetime(2023, 12, 19, 21, 59, 33, tzinfo=dt.UTC)
    assert sum(result.activity.days.values()) == 100
    assert result.contributors is not None
    listed = json.loads(contributors.body)
    assert [(p.name, p.commits) for p in result.contributors] == [
        (item["login"], item["contributions"]) for item in listed
    ]
    assert {validator.etag for validator in result.validators} == {
        recorded("repository").headers["etag"],
        first.headers["etag"],
        contributors.headers["etag"],
    }


def test_a_recorded_archived_repository_is_read() -> None:
    repository = rest_decode.decode_repository(recorded("archived_repository"))
    people = rest_decode.decode_contributors(recorded("archived_contributors"))

    assert repository.archived
    assert repository.locator.path == "pydanny/dj-paginator"
    assert all(person is not None and person.commits > 0 for person in people)


def test_a_recorded_missing_repository_is_not_found() -> None:
    client = CannedTransport(
        {f"{API}/repos/djangopackages/does-not-exist": recorded("missing_repository")}
    )

    with pytest.raises(NotFound):
        read(client, new_target("djangopackages/does-not-exist"))
