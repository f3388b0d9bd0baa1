"""GitHub over REST: new, unchanged, renamed and missing repositories."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from pkgharvest.model.errors import Malformed, NotFound, Unavailable
from pkgharvest.model.observations import Activity, Contributor, FetchTarget, RepositoryResult
from tests.standins.github import FakeCommit, FakeContributor, GitHubStandIn
from tests.standins.server import Fault
from tests.support.github_case import (
    DAY,
    FIRST_DAY,
    NOW,
    TODAY,
    days_ago,
    read,
    read_and_update,
    record_requests,
    repository,
)
from tests.support.targets import new_target

# ── a first look ─────────────────────────────────────────────────────────────────────────


def test_a_new_package_takes_three_requests(github: GitHubStandIn) -> None:
    github.add(repository(description="a cat", homepage="", license="MIT", topics=["a", "b"]))

    result = read(github, new_target())

    assert github.requests() == [
        "/repos/octo/cat",
        f"/repos/Octo/Cat/commits?since={FIRST_DAY}T00:00:00Z&per_page=100",
        "/repos/Octo/Cat/contributors?per_page=100",
    ]
    assert result.problem is None
    assert result.status is None
    facts = result.repository
    assert facts is not None
    assert (facts.repo_id, facts.locator.url) == ("7", "https://github.com/Octo/Cat")
    assert (facts.stars, facts.forks, facts.open_issues) == (72, 19, 0)
    assert (facts.description, facts.homepage, facts.license) == ("a cat", None, "MIT")
    assert (facts.topics, facts.default_branch) == (("a", "b"), "main")
    assert (facts.archived, facts.disabled, facts.pushed_at) == (False, False, days_ago(2))
    assert result.activity == Activity(
        head="0" * 40,
        committed_at=days_ago(2),
        default_branch="main",
        commit_count=None,
        since=FIRST_DAY,
        days={TODAY - 2 * DAY: 1, TODAY - 3 * DAY: 2},
    )
    assert result.contributors == (
        Contributor(name="mona", commits=3),
        Contributor(name="hubot", commits=1),
    )
    assert result.contributors_asked
    assert len(result.validators) == 3


def test_rest_requests_have_githubs_headers(github: GitHubStandIn) -> None:
    github.add(repository())

    read(github, new_target())

    for logged in github.log:
        assert logged.headers["accept"] == "application/vnd.github+json"
        assert logged.headers["x-github-api-version"] == "2022-11-28"
        assert "if-none-match" not in logged.headers


def test_nulls_and_unknown_licenses_are_read(github: GitHubStandIn) -> None:
    github.add(repository(license="NOASSERTION", homepage="https://cat.example", archived=True))

    facts = read(github, new_target()).repository

    assert facts is not None
    assert (facts.description, facts.license, facts.topics) == ("", None, ())
    assert (facts.homepage, facts.archived) == ("https://cat.example", True)


# ── a second look ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("days", [0, 1, 27, 28])
def test_an_unchanged_repository_takes_two_requests(github: GitHubStandIn, days: int) -> None:
    github.add(repository())
    _, known = read_and_update(github, new_target())
    again: list[RepositoryResult] = []

    requests = record_requests(
        github, lambda: again.append(read(github, known, now=NOW + days * DAY))
    )

    assert requests == [
        ("/repos/Octo/Cat", 304),
        (f"/repos/Octo/Cat/commits?since={FIRST_DAY}T00:00:00Z&per_page=100", 304),
    ]
    assert again == [RepositoryResult()]


def test_a_since_that_is_four_weeks_old_is_renewed(github: GitHubStandIn) -> None:
    github.add(repository())
    _, known = read_and_update(github, new_target())
    later = NOW + 29 * DAY

    result, known = read_and_update(github, known, later)

    anchor = later.date() - 371 * DAY
    assert github.requests()[-1] == f"/repos/Octo/Cat/commits?since={anchor}T00:00:00Z&per_page=100"
    assert result.activity is not None
    assert result.activity.since == anchor
    assert read(github, known, now=later).activity is None


def forget_head(target: FetchTarget) -> FetchTarget:
    return replace(target, head=None)


def forget_days(target: FetchTarget) -> FetchTarget:
    return replace(target, days_since=None)


def other_branch(target: FetchTarget) -> FetchTarget:
    return replace(target, default_branch="old")


def younger_days(target: FetchTarget) -> FetchTarget:
    return replace(target, days_since=TODAY - 363 * DAY)


def older_code(target: FetchTarget) -> FetchTarget:
    validators = {k: replace(v, parser=v.parser - 1) for k, v in target.validators.items()}
    return replace(target, validators=validators)


@pytest.mark.parametrize(
    "doubt", [forget_head, forget_days, other_branch, younger_days, older_code]
)
def test_an_outdated_commits_validator_is_not_sent(
    github: GitHubStandIn, doubt: Callable[[FetchTarget], FetchTarget]
) -> None:
    repo = github.add(repository())
    _, known = read_and_update(github, new_target())
    url = f"{github.url}/repos/Octo/Cat/commits?since={TODAY - 363 * DAY}T00:00:00Z&per_page=100"
    extra = replace(next(iter(known.validators.values())), key=url)
    known = replace(known, validators={**known.validators, url: extra})

    repo.stars += 1  # so that the response has the default branch again
    result = read(github, doubt(known))

    assert result.activity is not None
    assert result.activity.since == FIRST_DAY
    sent = next(logged for logged in github.log[3:] if "/commits" in logged.target)
    assert "if-none-match" not in sent.headers


def test_a_recording_sends_no_validators_and_requests_everything(github: GitHubStandIn) -> None:
    github.add(repository())
    _, known = read_and_update(github, new_target(), NOW - DAY)

    again: list[RepositoryResult] = []
    requests = record_requests(github, lambda: again.append(read(github, known, conditional=False)))

    assert requests == [
        ("/repos/Octo/Cat", 200),
        (f"/repos/Octo/Cat/commits?since={FIRST_DAY}T00:00:00Z&per_page=100", 200),
        ("/repos/Octo/Cat/contributors?per_page=100", 200),
    ]
    assert again[0].contributors is not None


def test_a_new_commit_comes_with_its_author(github: GitHubStandIn) -> None:
    repo = github.add(repository())
    _, known = read_and_update(github, new_target())
    later = NOW + DAY
    repo.commits[:0] = [
        FakeCommit(sha="f" * 40, authored=later, committed=later, author="newcomer")
    ]
    repo.pushed_at = repo.updated_at = later
    repo.contributors.append(FakeContributor(name="newcomer", contributions=1))

    result = read(github, known, now=later + DAY)

    assert result.activity is not None
    assert result.activity.head == "f" * 40
    assert result.activity.days[later.date()] == 1
    assert result.contributors is not None
    assert [person.name for person in result.contributors] == ["mona", "hubot", "newcomer"]


def test_a_new_star_does_not_request_contributors(github: GitHubStandIn) -> None:
    repo = github.add(repository())
    _, known = read_and_update(github, new_target())
    repo.stars += 1

    result = read(github, known)

    assert result.repository is not None
    assert result.repository.stars == 73
    assert len(github.requests("/contributors")) == 1
    assert (result.contributors, result.contributors_asked) == (None, False)


def test_contributors_read_right_after_a_push_are_read_again_until_final(
    github: GitHubStandIn,
) -> None:
    repo = github.add(repository(pushed_at=days_ago(0.1)))
    result, known = read_and_update(github, new_target())
    assert f"{github.url}/repos/octo/cat" not in {v.key for v in result.validators}
    repo.contributors.append(FakeContributor(name="late", contributions=1))  # the cache expired

    result, known = read_and_update(github, known, NOW + DAY)
    assert result.contributors is not None
    assert result.contributors[-1].name == "late"

    requests = record_requests(github, lambda: read(github, known, now=NOW + 2 * DAY))
    assert [status for _, status in requests] == [304, 304]


def test_contributors_that_failed_after_a_push_are_requested_next_time(
    github: GitHubStandIn,
) -> None:
    repo = github.add(repository())
    _, known = read_and_update(github, new_target())
    repo.pushed_at = repo.updated_at = NOW + DAY
    github.fault("/contributors", Fault(status=502, body=b"bad gateway"))
    failed, known = read_and_update(github, known, NOW + 2 * DAY)
    assert isinstance(failed.problem, Unavailable)
    assert not failed.contributors_asked
    github.heal()

    result, _ = read_and_update(github, known, NOW + 3 * DAY)

    assert result.problem is None
    assert result.contributors_asked


# ── names ────────────────────────────────────────────────────────────────────────────────


def test_a_rename_is_followed(github: GitHubStandIn) -> None:
    repo = github.add(repository())
    _, known = read_and_update(github, new_target())
    github.rename(repo, "New-Owner/New.Name")

    result, known = read_and_update(github, known)

    assert result.problem is None
    assert result.repository is not None
    assert result.repository.locator.url == "https://github.com/New-Owner/New.Name"
    assert github.requests()[3:] == [
        "/repos/Octo/Cat",
        "/repositories/7",
        f"/repos/New-Owner/New.Name/commits?since={FIRST_DAY}T00:00:00Z&per_page=100",
    ]
    assert f"{github.url}/repos/Octo/Cat" not in {v.key for v in result.validators}
    requests = record_requests(github, lambda: read(github, known))
    assert requests[0] == ("/repos/New-Owner/New.Name", 200)


def test_a_rename_is_noticed_even_in_a_304(github: GitHubStandIn) -> None:
    repo = github.add(repository())
    _, known = read_and_update(github, new_target())
    undated = {k: replace(v, etag=None) for k, v in known.validators.items()}
    github.rename(repo, "newer/name")  # by its date, it has not changed

    result = read(github, replace(known, validators=undated))

    assert result.repository is not None
    assert result.repository.locator.path == "newer/name"


def test_another_repository_at_the_old_name_is_left_alone(github: GitHubStandIn) -> None:
    repo = github.add(repository())
    _, known = read_and_update(github, new_target())
    github.rename(repo, "newer/name")
    github.add(repository(id=8, stars=1_000_000))

    again: list[RepositoryResult] = []
    requests = record_requests(github, lambda: again.append(read(github, known)))

    assert requests == [("/repos/Octo/Cat", 200)]
    (result,) = again
    assert result.status == "moved"
    assert isinstance(result.problem, Malformed)
    assert "8" in result.problem.message
    assert "7" in result.problem.message
    assert replace(result, status=None, problem=None) == RepositoryResult()


def test_a_missing_repository_takes_one_request(github: GitHubStandIn) -> None:
    repo = github.add(repository())
    _, known = read_and_update(github, new_target())
    github.remove(repo)

    with pytest.raises(NotFound, match="Octo/Cat"):
        read(github, known)
    assert len(github.requests()) == 4
