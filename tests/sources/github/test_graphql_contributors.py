"""GitHub over GraphQL: contributors, renames, and the validators of REST."""

from dataclasses import replace

import pytest

from pkgharvest.model.errors import Malformed, NotFound
from pkgharvest.model.observations import RepositoryResult, Validator
from pkgharvest.sources.github.rest import PARSER_REVISION
from tests.standins.github import FakeCommit, FakeContributor
from tests.standins.github_graphql import GitHubGraphQL
from tests.support.github_case import NOW, commits, read, repository
from tests.support.graphql_case import add_repositories, read_all, read_one, read_one_and_update
from tests.support.targets import new_target, update_target


def complete(result: object) -> RepositoryResult:
    assert isinstance(result, RepositoryResult)
    assert result.problem is None
    return result


# ── contributors ─────────────────────────────────────────────────────────────────────────


def written(*authors: str | None) -> list[FakeCommit]:
    return [
        replace(entry, author=author)
        for entry, author in zip(commits(*range(1, len(authors) + 1)), authors, strict=True)
    ]


def test_commits_that_name_every_author_replace_contributors(github: GitHubGraphQL) -> None:
    github.add(repository(commits=written("b", "a", "c", "a", "c", "b", "d", "a"), contributors=[]))

    result = read_one(github, new_target())

    assert result.contributors is not None
    assert [(who.name, who.commits) for who in result.contributors] == [
        ("a", 3),
        ("b", 2),  # as many as c, and more recently
        ("c", 2),
        ("d", 1),
    ]
    assert result.contributors_asked
    assert not github.requests("/contributors")


@pytest.mark.parametrize(
    "history",
    [
        pytest.param(written("a", None, "a"), id="a bot"),
        pytest.param([*written("a"), *commits(400, start=9)], id="an older commit"),
    ],
)
def test_commits_that_leave_an_author_out_do_not_replace_contributors(
    github: GitHubGraphQL, history: list[FakeCommit]
) -> None:
    github.add(repository(commits=history))

    result = read_one(github, new_target())

    assert result.contributors is not None
    assert [who.name for who in result.contributors] == ["mona", "hubot"]


def test_all_pages_of_contributors_are_read(github: GitHubGraphQL) -> None:
    everybody = [FakeContributor(name=f"c{n}", contributions=300 - n) for n in range(250)]
    github.add(repository(contributors=everybody))

    result = read_one(github, new_target())

    assert result.contributors is not None
    assert [who.name for who in result.contributors] == [f"c{n}" for n in range(250)]
    assert len(github.requests("/contributors")) == 3


# ── names ────────────────────────────────────────────────────────────────────────────────


def test_a_rename_is_followed_and_later_requests_use_the_new_name(
    github: GitHubGraphQL,
) -> None:
    repo = github.add(repository())
    _, known = read_one_and_update(github, new_target())
    github.rename(repo, "New-Owner/New.Name")
    repo.commits[:0] = commits(0.5, start=99)

    result = read_one(github, replace(known, contributors_known=False))

    assert complete(result).repository is not None
    assert result.repository is not None
    assert result.repository.locator.url == "https://github.com/New-Owner/New.Name"
    assert github.queries[-1].variables["o0"] == "New-Owner"
    assert github.requests()[-1] == "/repos/New-Owner/New.Name/contributors?per_page=100"


def test_another_repository_at_the_old_name_is_left_alone(github: GitHubGraphQL) -> None:
    repo = github.add(repository())
    _, known = read_one_and_update(github, new_target())
    github.rename(repo, "newer/name")
    github.add(repository(id=8, stars=1_000_000, commits=commits(1, start=50)))
    before = len(github.log)

    result = read_one(github, known)

    assert len(github.log) == before + 1
    assert result.status == "moved"
    assert isinstance(result.problem, Malformed)
    assert replace(result, status=None, problem=None) == RepositoryResult()


def test_a_missing_repository_is_read_over_rest(github: GitHubGraphQL) -> None:
    targets = add_repositories(github, 4)
    github.remove(github._by_name["octo/cat3"])

    results = read_all(github, targets)

    assert [type(result) for result in results] == [
        RepositoryResult,
        RepositoryResult,
        NotFound,
        RepositoryResult,
    ]
    assert github.requests("cat3") == ["/repos/Octo/cat3"]


# ── between the two ways ─────────────────────────────────────────────────────────────────


def test_rest_validators_of_replaced_data_are_invalidated(github: GitHubGraphQL) -> None:
    repo = github.add(repository())
    known = update_target(new_target(), read(github, new_target()), NOW)
    repo.stars, repo.commits = 73, [*commits(1, start=99), *repo.commits]
    known = update_target(known, read_one(github, known), NOW)
    repo.stars, repo.commits = 72, repo.commits[1:]  # as it was when it was read over REST

    result = read(github, known)

    assert result.repository is not None
    assert result.repository.stars == 72
    assert result.activity is not None
    assert result.activity.head == "0" * 40


def test_rest_validators_of_unchanged_data_stay(github: GitHubGraphQL) -> None:
    github.add(repository())
    known = update_target(new_target(), read(github, new_target()), NOW)

    result = read_one(github, known)

    assert {(validator.key, validator.parser) for validator in result.validators} == {
        (f"{github.url}/repos/Octo/Cat", 0)
    }
    again = read_one(github, update_target(known, result, NOW))
    assert again.validators == ()


def test_counted_authors_replace_listed_contributors(github: GitHubGraphQL) -> None:
    github.add(repository(commits=written("a")))
    url = f"{github.url}/repos/Octo/Cat/contributors?per_page=100"
    validator = Validator(key=url, etag='"x"', last_modified=None, parser=PARSER_REVISION)

    result = read_one(github, replace(new_target(), validators={url: validator}))

    assert [who.name for who in result.contributors or ()] == ["a"]
    assert result.validators == (replace(validator, etag=None, parser=0),)
