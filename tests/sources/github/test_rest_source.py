"""GitHub over REST: a first look, a second one, names that change, parts that fail."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from pkgharvest.model.errors import Malformed, NotFound, Unavailable
from pkgharvest.model.observations import Activity, Contributor, FetchTarget, RepositoryResult
from tests.standins.github import FakeCommit, FakeContributor, GitHubStandIn
from tests.standins.server import Fault
from tests.support.github_case import (
    ANCHOR,
    DAY,
    NOW,
    TODAY,
    asked,
    days_ago,
    read,
    read_and_learn,
    repository,
)
from tests.support.targets import new_target

# ── a first look ─────────────────────────────────────────────────────────────────────────


def test_a_new_package_takes_three_requests(github: GitHubStandIn) -> None:
    github.add(repository(description="a cat", homepage="", license="MIT", topics=["a", "b"]))

    reading = read(github, new_target())

    assert github.requests() == [
        "/repos/octo/cat",
        f"/repos/Octo/Cat/commits?since={ANCHOR}T00:00:00Z&per_page=100",
        "/repos/Octo/Cat/contributors?per_page=100",
    ]
    assert reading.problem is None
    assert reading.status is None
    told = reading.repository
    assert told is not None
    assert (told.repo_id, told.locator.url) == ("7", "https://github.com/Octo/Cat")
    assert (told.stars, told.forks, told.open_issues) == (72, 19, 0)
    assert (told.description, told.homepage, told.license) == ("a cat", None, "MIT")
    assert (told.topics, told.default_branch) == (("a", "b"), "main")
    assert (told.archived, told.disabled, told.pushed_at) == (False, False, days_ago(2))
    assert reading.activity == Activity(
        head="0" * 40,
        committed_at=days_ago(2),
        default_branch="main",
        commit_count=None,
        since=ANCHOR,
        days={TODAY - 2 * DAY: 1, TODAY - 3 * DAY: 2},
    )
    assert reading.contributors == (
        Contributor(name="mona", commits=3),
        Contributor(name="hubot", commits=1),
    )
    assert reading.contributors_asked
    assert len(reading.validators) == 3


def test_rest_requests_have_githubs_headers(github: GitHubStandIn) -> None:
    github.add(repository())

    read(github, new_target())

    for logged in github.log:
        assert logged.headers["accept"] == "application/vnd.github+json"
        assert logged.headers["x-github-api-version"] == "2022-11-28"
        assert "if-none-match" not in logged.headers


def test_nulls_and_unknown_licenses_are_read(github: GitHubStandIn) -> None:
    github.add(repository(license="NOASSERTION", homepage="https://cat.example", archived=True))

    told = read(github, new_target()).repository

    assert told is not None
    assert (told.description, told.license, told.topics) == ("", None, ())
    assert (told.homepage, told.archived) == ("https://cat.example", True)


# ── a second look ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("days", [0, 1, 27, 28])
def test_an_unchanged_repository_takes_two_requests(github: GitHubStandIn, days: int) -> None:
    github.add(repository())
    _, known = read_and_learn(github, new_target())
    again: list[RepositoryResult] = []

    requests = asked(github, lambda: again.append(read(github, known, now=NOW + days * DAY)))

    assert requests == [
        ("/repos/Octo/Cat", 304),
        (f"/repos/Octo/Cat/commits?since={ANCHOR}T00:00:00Z&per_page=100", 304),
    ]
    assert again == [RepositoryResult()]


def test_a_since_that_is_four_weeks_old_is_renewed(github: GitHubStandIn) -> None:
    github.add(repository())
    _, known = read_and_learn(github, new_target())
    later = NOW + 29 * DAY

    reading, known = read_and_learn(github, known, later)

    anchor = later.date() - 371 * DAY
    assert github.requests()[-1] == f"/repos/Octo/Cat/commits?since={anchor}T00:00:00Z&per_page=100"
    assert reading.activity is not None
    assert reading.activity.since == anchor
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
    _, known = read_and_learn(github, new_target())
    url = f"{github.url}/repos/Octo/Cat/commits?since={TODAY - 363 * DAY}T00:00:00Z&per_page=100"
    extra = replace(next(iter(known.validators.values())), key=url)
    known = replace(known, validators={**known.validators, url: extra})

    repo.stars += 1  # so that the repository is told again, with its default branch
    reading = read(github, doubt(known))

    assert reading.activity is not None
    assert reading.activity.since == ANCHOR
    sent = next(logged for logged in github.log[3:] if "/commits" in logged.target)
    assert "if-none-match" not in sent.headers


def test_a_recording_sends_no_validators_and_requests_everything(github: GitHubStandIn) -> None:
    github.add(repository())
    _, known = read_and_learn(github, new_target(), NOW - DAY)

    again: list[RepositoryResult] = []
    requests = asked(github, lambda: again.append(read(github, known, conditional=False)))

    assert requests == [
        ("/repos/Octo/Cat", 200),
        (f"/repos/Octo/Cat/commits?since={ANCHOR}T00:00:00Z&per_page=100", 200),
        ("/repos/Octo/Cat/contributors?per_page=100", 200),
    ]
    assert again[0].contributors is not None


def test_a_new_commit_comes_with_its_author(github: GitHubStandIn) -> None:
    repo = github.add(repository())
    _, known = read_and_learn(github, new_target())
    later = NOW + DAY
    repo.commits[:0] = [
        FakeCommit(sha="f" * 40, authored=later, committed=later, author="newcomer")
    ]
    repo.pushed_at = repo.updated_at = later
    repo.contributors.append(FakeContributor(name="newcomer", contributions=1))

    reading = read(github, known, now=later + DAY)

    assert reading.activity is not None
    assert reading.activity.head == "f" * 40
    assert reading.activity.days[later.date()] == 1
    assert reading.contributors is not None
    assert [person.name for person in reading.contributors] == ["mona", "hubot", "newcomer"]


def test_a_new_star_does_not_request_contributors(github: GitHubStandIn) -> None:
    repo = github.add(repository())
    _, known = read_and_learn(github, new_target())
    repo.stars += 1

    reading = read(github, known)

    assert reading.repository is not None
    assert reading.repository.stars == 73
    assert len(github.requests("/contributors")) == 1
    assert (reading.contributors, reading.contributors_asked) == (None, False)


def test_contributors_read_right_after_a_push_are_read_again_until_final(
    github: GitHubStandIn,
) -> None:
    repo = github.add(repository(pushed_at=days_ago(0.1)))
    reading, known = read_and_learn(github, new_target())
    assert f"{github.url}/repos/octo/cat" not in {v.key for v in reading.validators}
    repo.contributors.append(FakeContributor(name="late", contributions=1))  # the cache expired

    reading, known = read_and_learn(github, known, NOW + DAY)
    assert reading.contributors is not None
    assert reading.contributors[-1].name == "late"

    requests = asked(github, lambda: read(github, known, now=NOW + 2 * DAY))
    assert [status for _, status in requests] == [304, 304]


def test_contributors_that_failed_after_a_push_are_requested_next_time(
    github: GitHubStandIn,
) -> None:
    repo = github.add(repository())
    _, known = read_and_learn(github, new_target())
    repo.pushed_at = repo.updated_at = NOW + DAY
    github.fault("/contributors", Fault(status=502, body=b"bad gateway"))
    failed, known = read_and_learn(github, known, NOW + 2 * DAY)
    assert isinstance(failed.problem, Unavailable)
    assert not failed.contributors_asked
    github.heal()

    reading, _ = read_and_learn(github, known, NOW + 3 * DAY)

    assert reading.problem is None
    assert reading.contributors_asked


# ── names ────────────────────────────────────────────────────────────────────────────────


def test_a_rename_is_followed(github: GitHubStandIn) -> None:
    repo = github.add(repository())
    _, known = read_and_learn(github, new_target())
    github.rename(repo, "New-Owner/New.Name")

    reading, known = read_and_learn(github, known)

    assert reading.problem is None
    assert reading.repository is not None
    assert reading.repository.locator.url == "https://github.com/New-Owner/New.Name"
    assert github.requests()[3:] == [
        "/repos/Octo/Cat",
        "/repositories/7",
        f"/repos/New-Owner/New.Name/commits?since={ANCHOR}T00:00:00Z&per_page=100",
    ]
    assert f"{github.url}/repos/Octo/Cat" not in {v.key for v in reading.validators}
    requests = asked(github, lambda: read(github, known))
    assert requests[0] == ("/repos/New-Owner/New.Name", 200)


def test_a_rename_is_noticed_even_in_a_304(github: GitHubStandIn) -> None:
    repo = github.add(repository())
    _, known = read_and_learn(github, new_target())
    undated = {k: replace(v, etag=None) for k, v in known.validators.items()}
    github.rename(repo, "newer/name")  # by its date, it has not changed

    reading = read(github, replace(known, validators=undated))

    assert reading.repository is not None
    assert reading.repository.locator.path == "newer/name"


def test_another_repository_at_the_old_name_is_left_alone(github: GitHubStandIn) -> None:
    repo = github.add(repository())
    _, known = read_and_learn(github, new_target())
    github.rename(repo, "newer/name")
    github.add(repository(id=8, stars=1_000_000))

    again: list[RepositoryResult] = []
    requests = asked(github, lambda: again.append(read(github, known)))

    assert requests == [("/repos/Octo/Cat", 200)]
    (reading,) = again
    assert reading.status == "moved"
    assert isinstance(reading.problem, Malformed)
    assert "8" in reading.problem.message
    assert "7" in reading.problem.message
    assert replace(reading, status=None, problem=None) == RepositoryResult()


def test_a_missing_repository_takes_one_request(github: GitHubStandIn) -> None:
    repo = github.add(repository())
    _, known = read_and_learn(github, new_target())
    github.remove(repo)

    with pytest.raises(NotFound, match="Octo/Cat"):
        read(github, known)
    assert len(github.requests()) == 4
