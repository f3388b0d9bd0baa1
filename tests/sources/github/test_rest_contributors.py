"""Contributors over REST, quotas, and parts that fail."""

from dataclasses import replace

import pytest

from pkgharvest.model.errors import (
    Malformed,
    NotFound,
    RateLimited,
    SourceError,
    Unauthorized,
    Unavailable,
)
from pkgharvest.model.observations import RepositoryResult
from tests.standins.github import FakeContributor, GitHubStandIn
from tests.standins.server import Fault
from tests.support.github_case import days_ago, read, read_and_update, record_requests, repository
from tests.support.targets import new_target

# ── contributors ─────────────────────────────────────────────────────────────────────────


def test_all_contributors_are_read_in_order_without_anonymous_ones(github: GitHubStandIn) -> None:
    everybody = [FakeContributor(name=f"c{n}", contributions=300 - n) for n in range(250)]
    github.add(repository(contributors=everybody))

    result, known = read_and_update(github, new_target())

    assert result.contributors is not None
    assert [person.name for person in result.contributors] == [f"c{n}" for n in range(250)]
    assert result.contributors[-1].commits == 51
    # A full first page can stay the same while the next one changes, so its validator is not kept.
    assert not [key for key in known.validators if "/contributors" in key]


@pytest.mark.parametrize(("known_already", "status"), [(False, 200), (True, 304)])
def test_known_contributors_are_requested_conditionally(
    github: GitHubStandIn, known_already: bool, status: int
) -> None:
    github.add(repository())
    _, known = read_and_update(github, new_target())
    known = replace(known, contributors_known=known_already, contributors_read=days_ago(9))
    known = replace(known, validators={k: v for k, v in known.validators.items() if "cont" in k})

    again: list[RepositoryResult] = []
    requests = record_requests(github, lambda: again.append(read(github, known)))

    assert requests[-1] == ("/repos/Octo/Cat/contributors?per_page=100", status)
    assert again[0].contributors_asked
    assert (again[0].contributors is None) == known_already


def test_a_204_means_no_contributors(github: GitHubStandIn) -> None:
    github.add(repository())
    github.fault("/contributors", Fault(status=204, body=b""))

    result = read(github, new_target())

    assert (result.contributors, result.contributors_asked) == ((), True)
    assert result.problem is None


def test_too_many_contributors_to_list_are_not_a_failure(github: GitHubStandIn) -> None:
    github.add(repository(too_large=True))

    result = read(github, new_target())

    assert (result.contributors, result.contributors_asked) == (None, True)
    assert result.problem is None


# ── quotas and parts that fail ───────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("remaining", "parts"), [(1, (True, False, False)), (2, (True, True, False))]
)
def test_a_quota_that_runs_out_between_parts_keeps_the_parts(
    github: GitHubStandIn, remaining: int, parts: tuple[bool, bool, bool]
) -> None:
    github.add(repository())
    github.quota.remaining = remaining

    result = read(github, new_target())

    assert isinstance(result.problem, RateLimited)
    assert parts == (
        result.repository is not None,
        result.activity is not None,
        result.contributors is not None,
    )
    assert not [v for v in result.validators if v.key.endswith("octo/cat")]


def test_a_used_up_quota_is_rate_limited(github: GitHubStandIn) -> None:
    github.add(repository())
    github.quota.remaining = 0

    with pytest.raises(RateLimited):
        read(github, new_target())


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, NotFound),
        (401, Unauthorized),
        (403, Unauthorized),
        (500, Unavailable),
        (202, Malformed),
    ],
)
@pytest.mark.parametrize("part", ["commits", "contributors"])
def test_a_failed_part_is_the_problem_and_other_parts_stand(
    github: GitHubStandIn, part: str, status: int, kind: type[SourceError]
) -> None:
    github.add(repository())
    github.fault(f"/{part}", Fault(status=status, body=b"{}"))

    result = read(github, new_target())

    assert type(result.problem) is kind
    assert result.repository is not None
    assert (result.activity is None) == (part == "commits")
    assert (result.contributors is None) == (part == "contributors")
    assert not [v for v in result.validators if f"/{part}" in v.key]
