"""Commits over REST: pages, validators, quiet and empty repositories, odd dates; and with git."""

import asyncio
import datetime as dt
from dataclasses import replace

import pytest

from pkgharvest.model.activity import weekly_counts
from pkgharvest.model.errors import Malformed, SourceError, Unavailable
from pkgharvest.model.observations import Activity, Contributor, FetchTarget, RepositoryResult
from pkgharvest.sources import json_api as module
from tests.standins.github import FakeCommit, FakeRepository, GitHubStandIn
from tests.standins.server import Fault
from tests.standins.transport import LoopbackTransport
from tests.support.github_case import (
    DAY,
    FIRST_DAY,
    NOW,
    TODAY,
    commits,
    days_ago,
    read,
    read_and_update,
    record_requests,
    repository,
)
from tests.support.targets import new_target

# ── commits ──────────────────────────────────────────────────────────────────────────────


def test_all_pages_of_commits_are_read_and_the_first_gives_the_validator(
    github: GitHubStandIn,
) -> None:
    repo = github.add(repository(commits=commits(*(index / 2 for index in range(1, 252)))))
    github.fault("&page=3", Fault(), times=0)

    result, known = read_and_update(github, new_target())

    assert result.activity is not None
    assert sum(result.activity.days.values()) == 251
    assert github.requests("/commits")[1:] == [
        f"/repositories/7/commits?since={FIRST_DAY}T00%3A00%3A00Z&per_page=100&page={page}"
        for page in (2, 3)
    ]
    assert read(github, known).activity is None
    repo.commits[:0] = commits(0, start=1000)
    assert read(github, known).activity is not None


def test_a_commit_moved_to_the_next_page_counts_once(github: GitHubStandIn) -> None:
    repo = repository(commits=commits(*[1.0] * 150))
    github.add(repo)
    # Ten commits are pushed between the requests for page 1 and page 2.
    moved = replace_commits(repo, commits(*[0.5] * 10, start=5000) + repo.commits)
    with GitHubStandIn([moved]) as later:
        body = asyncio.run(page_two(later))
    github.fault("[&]page=2", Fault(body=body))

    result = read(github, new_target())

    assert result.activity is not None
    assert sum(result.activity.days.values()) == 150


def replace_commits(repo: FakeRepository, entries: list[FakeCommit]) -> FakeRepository:
    return replace(repo, commits=entries)


async def page_two(github: GitHubStandIn) -> bytes:
    from pkgharvest.transport.base import Request

    async with LoopbackTransport() as wire:
        url = f"{github.url}/repos/octo/cat/commits?since={FIRST_DAY}T00:00:00Z&per_page=100&page=2"
        return (await wire.send(Request(url=url))).body


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("</repositories/7/commits?page=2>; rel=next", "too many pages, or pages in a loop"),
        ("<https://elsewhere.example/commits?page=2>; rel=next", "on another host"),
        ("<http://127.0.0.1:1/commits?page=2>; rel=next", "on another host"),
        ("<http://[/commits>; rel=next", "invalid link to the next page"),
        ("<ftp://127.0.0.1/commits>; rel=next", "not an http"),
    ],
)
def test_next_pages_elsewhere_are_malformed(github: GitHubStandIn, link: str, words: str) -> None:
    github.add(repository())
    github.fault("/commits", Fault(headers={"link": link, "etag": '"x"'}))

    result = read(github, new_target())

    assert isinstance(result.problem, Malformed)
    assert words in result.problem.message
    assert result.activity is None
    assert result.repository is not None
    assert result.contributors is not None
    assert not [v for v in result.validators if "/commits" in v.key]
    assert len(github.requests("/commits")) <= 2


def test_the_number_of_pages_is_bounded(
    github: GitHubStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    github.add(repository(commits=commits(*[1.0] * 301)))
    monkeypatch.setattr(module, "MAX_PAGES", 3)

    problem = read(github, new_target()).problem

    assert isinstance(problem, Malformed)
    assert len(github.requests("/commits")) == 3


def test_a_failed_page_fails_all_commits(github: GitHubStandIn) -> None:
    github.add(repository(commits=commits(*[1.0] * 150)))
    github.fault("[&]page=2", Fault(status=500, body=b"{}"))

    result = read(github, new_target())

    assert isinstance(result.problem, Unavailable)
    assert result.activity is None
    assert result.contributors is not None
    assert len(result.validators) == 2


@pytest.mark.parametrize("ages", [(400.0,), (372.0, 380.0, 4000.0)])
def test_a_quiet_repository_has_its_head_and_count(
    github: GitHubStandIn, ages: tuple[float, ...]
) -> None:
    github.add(repository(commits=commits(*ages), pushed_at=days_ago(ages[0])))

    result, known = read_and_update(github, new_target())

    assert github.requests("/commits")[1:] == ["/repos/Octo/Cat/commits?per_page=1"]
    assert result.activity == Activity(
        head="0" * 40,
        committed_at=days_ago(ages[0]),
        default_branch="main",
        commit_count=len(ages),
        since=FIRST_DAY,
        days={},
    )
    assert [status for _, status in record_requests(github, lambda: read(github, known))] == [
        304,
        304,
    ]


def test_a_commit_count_that_github_does_not_tell_is_unknown(github: GitHubStandIn) -> None:
    github.add(repository(commits=commits(400, 401)))
    github.fault("per_page=1$", Fault(headers={"link": "<https://h/?page=2>; rel=next"}))

    result = read(github, new_target())

    assert result.activity is not None
    assert result.activity.commit_count is None


def test_a_409_means_an_empty_repository(github: GitHubStandIn) -> None:
    github.add(repository(empty=True, commits=[]))

    result = read(github, new_target())

    assert result.activity == Activity(
        head=None, committed_at=None, default_branch="main", commit_count=0, since=None, days={}
    )
    assert result.contributors == ()
    assert result.contributors_asked
    assert result.problem is None
    assert not github.requests("/contributors")


@pytest.mark.parametrize("body", [b"[]", b"[ ]\n"])
def test_an_empty_list_of_commits_does_not_empty_a_package(
    github: GitHubStandIn, body: bytes
) -> None:
    github.add(repository())
    _, known = read_and_update(github, new_target())
    github.fault("/commits", Fault(status=200, body=body, headers={"etag": '"nonsense"'}))

    result = read(github, known)

    assert isinstance(result.problem, Malformed)
    assert "lists no commits for Octo/Cat" in result.problem.message
    assert result.activity is None
    assert result.contributors is None or result.contributors
    assert not [v for v in result.validators if "/commits" in v.key]


def test_an_empty_list_of_commits_is_accepted_for_a_new_package(github: GitHubStandIn) -> None:
    """A repository without its default branch: nothing is known that could be lost."""
    github.add(repository())
    github.fault("/commits", Fault(status=200, body=b"[]", headers={"etag": '"nothing"'}))

    result = read(github, new_target())

    assert result.problem is None
    assert result.activity is not None
    assert (result.activity.head, result.activity.days) == (None, {})


def test_commits_without_the_newest_are_malformed(github: GitHubStandIn) -> None:
    github.add(repository())
    github.fault("since=", Fault(body=b"[]"))

    result = read(github, new_target())

    assert isinstance(result.problem, Malformed)
    assert "omits the newest commits of Octo/Cat" in result.problem.message
    assert result.activity is None


@pytest.mark.parametrize("authored", [None, days_ago(2)])
@pytest.mark.parametrize("age", [2, 400])
def test_a_head_without_a_date_is_malformed(
    github: GitHubStandIn, authored: dt.datetime | None, age: float
) -> None:
    github.add(repository(commits=[FakeCommit(sha="a" * 40, authored=authored, committed=None)]))
    if age == 400:
        github.fault("since=", Fault(body=b"[]"))

    result = read(github, new_target())

    assert isinstance(result.problem, Malformed)
    assert "gives no date for the newest commit of Octo/Cat" in result.problem.message
    assert result.activity is None
    assert result.repository is not None
    assert not [v for v in result.validators if "/commits" in v.key]


def test_commits_without_an_author_or_committer_are_counted(github: GitHubStandIn) -> None:
    entries = [
        FakeCommit(sha="a" * 40, authored=None, committed=days_ago(5)),
        FakeCommit(sha="b" * 40, authored=days_ago(6), committed=None),
        FakeCommit(sha="c" * 40, authored=None, committed=None),
    ]
    github.add(repository(commits=entries))

    activity = read(github, new_target()).activity

    assert activity is not None
    assert activity.days == {TODAY - 5 * DAY: 1, TODAY - 6 * DAY: 1}
    assert (activity.head, activity.committed_at) == ("a" * 40, days_ago(5))


@pytest.mark.parametrize(
    "authored",
    [
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "-0001-12-31T00:00:00Z",
        "+292277026596-12-04T15:30:08Z",
    ],
)
def test_a_commit_date_outside_the_calendar_is_in_no_window(
    github: GitHubStandIn, authored: str
) -> None:
    head = FakeCommit(sha="a" * 40, authored=authored, committed=authored)
    github.add(repository(commits=[head, *commits(3)]))

    result = read(github, new_target())

    assert result.problem is None
    assert result.activity is not None
    assert result.activity.days == {TODAY - 3 * DAY: 1}
    assert result.activity.committed_at is None


def test_an_invalid_commit_date_is_malformed(github: GitHubStandIn) -> None:
    head = FakeCommit(sha="a" * 40, authored="yesterday", committed=NOW)
    github.add(repository(commits=[head]))

    problem = read(github, new_target()).problem

    assert isinstance(problem, Malformed)
    assert "commits[0].commit.author.date" in problem.message


def test_a_skewed_history_is_counted_by_author_dates(github: GitHubStandIn) -> None:
    written = [
        (days_ago(0), days_ago(0)),  # today: in no window
        (days_ago(-30), days_ago(1)),  # a clock ahead
        (days_ago(500), days_ago(2)),  # rebased long after
        (days_ago(1), days_ago(370)),  # older to its committer than to its author
        (dt.datetime(1970, 1, 1, tzinfo=dt.UTC), days_ago(3)),
        (dt.datetime(2026, 2, 14, 23, 30, tzinfo=dt.timezone(dt.timedelta(hours=-5))), days_ago(4)),
        (days_ago(364), days_ago(364)),  # the first day of the window
        (days_ago(365), days_ago(360)),
    ]
    github.add(
        repository(
            commits=[
                FakeCommit(sha=f"{index:040x}", authored=authored, committed=committed)
                for index, (authored, committed) in enumerate(written)
            ]
        )
    )

    activity = read(github, new_target()).activity

    assert activity is not None
    weeks = weekly_counts(activity.days, TODAY)
    assert (weeks[0], weeks[-1], sum(weeks)) == (1, 1, 2)


# ── commits by git ───────────────────────────────────────────────────────────────────────


class Git:
    """A HistorySource that records its targets."""

    def __init__(self, answer: RepositoryResult | SourceError) -> None:
        self.answer = answer
        self.targets: list[FetchTarget] = []

    async def history(self, target: FetchTarget, today: dt.date) -> RepositoryResult:
        assert today == TODAY
        await asyncio.sleep(0)
        self.targets.append(target)
        if isinstance(self.answer, SourceError):
            raise self.answer
        return self.answer

    async def history_at(self, target: FetchTarget, instant: dt.datetime) -> Activity:
        raise NotImplementedError


PAST = Activity(
    head="e" * 40,
    committed_at=NOW,
    default_branch="trunk",
    commit_count=3,
    since=None,
    days={TODAY: 3},
)


def test_commits_read_by_git_are_not_requested(github: GitHubStandIn) -> None:
    github.add(repository(renamed_from=["old/name"]))
    git = Git(RepositoryResult(activity=PAST, contributors=(Contributor(name="X Y", commits=3),)))

    result = read(github, new_target("old/name"), history=git)

    assert result.activity is PAST
    assert result.contributors is not None
    assert [person.name for person in result.contributors] == ["mona", "hubot"]
    assert not github.requests("/commits")
    (target,) = git.targets
    assert target.locator is not None
    assert target.locator.path == "Octo/Cat"


def test_a_failed_git_history_is_the_problem_of_the_result(github: GitHubStandIn) -> None:
    github.add(repository())
    failure = Unavailable("git is not there")

    raised = read(github, new_target(), history=Git(failure))
    returned = read(github, new_target(), history=Git(RepositoryResult(problem=failure)))

    assert raised == returned
    assert raised.problem is failure
    assert raised.repository is not None
    assert raised.contributors is not None
