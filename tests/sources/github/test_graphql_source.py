"""GitHub over GraphQL: facts, commits, and how many requests they take."""

import asyncio
import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import pytest

from pkgharvest.model.errors import Malformed, Unavailable
from pkgharvest.model.observations import Activity, Contributor, FetchTarget, RepositoryResult
from tests.standins.github import FakeCommit, FakeContributor
from tests.standins.github_graphql import GitHubGraphQL
from tests.standins.server import Fault
from tests.support.github_case import DAY, FIRST_DAY, NOW, TODAY, commits, days_ago, repository
from tests.support.graphql_case import add_repositories, read_all, read_one, read_one_and_update
from tests.support.targets import new_target, update_target


def complete(result: object) -> RepositoryResult:
    assert isinstance(result, RepositoryResult)
    assert result.problem is None
    return result


# ── a first look ─────────────────────────────────────────────────────────────────────────


def test_many_repositories_take_few_queries_and_their_contributors(github: GitHubGraphQL) -> None:
    targets = add_repositories(github, 60)

    results = read_all(github, targets)

    assert sorted(query.repositories for query in github.queries) == [10, 10, 25, 25, 50]
    assert len(github.requests("/contributors")) == 60
    assert len(github.requests()) == 5 + 60
    for number, result in enumerate(results, start=1):
        facts = complete(result).repository
        assert facts is not None
        assert facts.repo_id == str(number)
        assert facts.locator.path == f"Octo/cat{number}"


def test_graphql_reads_everything_of_a_repository(github: GitHubGraphQL) -> None:
    github.add(
        repository(
            description="a cat",
            homepage=" https://cat.example ",
            license="MIT",
            topics=["a", "b"],
            open_issues=10,
            archived=True,
            archived_at=days_ago(1),
        )
    )

    result = read_one(github, new_target())

    facts = complete(result).repository
    assert facts is not None
    assert (facts.repo_id, facts.locator.url) == ("7", "https://github.com/Octo/Cat")
    assert (facts.stars, facts.forks, facts.open_issues) == (72, 19, 10)
    assert (facts.description, facts.homepage) == ("a cat", "https://cat.example")
    assert (facts.license, facts.topics, facts.default_branch) == ("MIT", ("a", "b"), "main")
    assert (facts.archived, facts.archived_at, facts.disabled) == (True, days_ago(1), False)
    assert facts.pushed_at == days_ago(2)
    assert result.activity == Activity(
        head="0" * 40,
        committed_at=days_ago(2),
        default_branch="main",
        commit_count=4,
        since=FIRST_DAY,
        days={TODAY - 2 * DAY: 1, TODAY - 3 * DAY: 2},
    )
    assert result.contributors == (
        Contributor(name="mona", commits=3),
        Contributor(name="hubot", commits=1),
    )


def test_the_cost_of_queries_is_reported(github: GitHubGraphQL) -> None:
    costs: list[tuple[str, int]] = []

    read_all(
        github, add_repositories(github, 50), charge=lambda url, points: costs.append((url, points))
    )

    assert costs == [(f"{github.url}/graphql", query.cost) for query in github.queries]
    assert sorted(points for _, points in costs) == [1, 1, 2]
    assert github.graphql_quota.remaining == 5_000 - 4


# ── a second look ────────────────────────────────────────────────────────────────────────


def test_fifty_unchanged_repositories_take_one_query(github: GitHubGraphQL) -> None:
    targets = add_repositories(github, 50)
    known = [
        update_target(target, complete(result), NOW)
        for target, result in zip(targets, read_all(github, targets), strict=True)
    ]
    before = len(github.log)

    for days in (1, 30, 300):  # the window moves on, and nothing is read again for that
        again = read_all(github, known, now=NOW + days * DAY)
        for result in map(complete, again):
            assert result.repository is not None
            assert replace(result, repository=None) == RepositoryResult()

    assert [logged.target for logged in github.log[before:]] == ["/graphql"] * 3
    assert "history" not in github.queries[-1].text


def test_only_moved_heads_are_read(github: GitHubGraphQL) -> None:
    targets = add_repositories(github, 3)
    known = [
        update_target(target, complete(result), NOW)
        for target, result in zip(targets, read_all(github, targets), strict=True)
    ]
    later = NOW + 2 * DAY
    starred, pushed = (github._by_name[f"octo/cat{n}"] for n in (1, 2))
    starred.stars += 1
    pushed.commits[:0] = [
        FakeCommit(sha="f" * 40, authored=NOW + DAY, committed=NOW + DAY, author="newcomer")
    ]
    pushed.pushed_at = NOW + DAY
    pushed.contributors.append(FakeContributor(name="newcomer", contributions=1))
    before = len(github.log)

    first, second, third = map(complete, read_all(github, known, now=later))

    assert first.repository is not None
    assert first.repository.stars == 73
    assert (first.activity, first.contributors_asked) == (None, False)
    assert (third.activity, third.contributors_asked) == (None, False)
    assert second.activity is not None
    assert (second.activity.head, second.activity.commit_count) == ("f" * 40, 5)
    assert second.activity.days[NOW.date() + DAY] == 1
    assert second.contributors is not None
    assert [person.name for person in second.contributors] == ["mona", "hubot", "newcomer"]
    assert [logged.target for logged in github.log[before:]] == [
        "/graphql",
        "/graphql",
        "/repos/Octo/cat2/contributors?per_page=100",
    ]
    assert github.queries[-1].repositories == 1


def forget_head(target: FetchTarget) -> FetchTarget:
    return replace(target, head=None)


def older_head(target: FetchTarget) -> FetchTarget:
    return replace(target, head="9" * 40)


def younger_days(target: FetchTarget) -> FetchTarget:
    return replace(target, days_since=TODAY - 363 * DAY)


@pytest.mark.parametrize("doubt", [forget_head, older_head, younger_days])
def test_commits_are_read_if_the_known_days_are_incomplete(
    github: GitHubGraphQL, doubt: Callable[[FetchTarget], FetchTarget]
) -> None:
    github.add(repository())
    _, known = read_one_and_update(github, new_target())

    result = read_one(github, doubt(known))

    assert result.activity is not None
    assert result.activity.since == FIRST_DAY


def test_a_complete_history_is_not_read_again(github: GitHubGraphQL) -> None:
    github.add(repository())
    _, known = read_one_and_update(github, new_target())

    assert read_one(github, replace(known, days_since=None)).activity is None


def test_contributors_read_right_after_a_push_are_read_again(github: GitHubGraphQL) -> None:
    repo = github.add(repository(pushed_at=days_ago(0.1)))
    _, known = read_one_and_update(github, new_target())
    repo.contributors.append(FakeContributor(name="late", contributions=1))

    result, known = read_one_and_update(github, known, NOW + DAY)
    assert result.contributors is not None
    assert result.contributors[-1].name == "late"

    assert not read_one(github, known, NOW + 2 * DAY).contributors_asked


# ── commits ──────────────────────────────────────────────────────────────────────────────


def test_next_pages_of_commits_are_batched(github: GitHubGraphQL) -> None:
    targets = add_repositories(github, 3, commits=commits(*(n / 2 for n in range(1, 252))))

    results = read_all(github, targets)

    for result in map(complete, results):
        assert result.activity is not None
        assert sum(result.activity.days.values()) == 251
    assert [query.repositories for query in github.queries] == [3, 3, 3, 3]
    assert github.queries[-1].variables["a0"] == f"{0:040x} 200"


def test_a_push_between_pages_counts_no_commit_twice(github: GitHubGraphQL) -> None:
    repo = github.add(repository(commits=commits(*[1.0] * 150)))
    new_commits = commits(*[0.5] * 10, start=5000)

    def push(_url: str, _points: int) -> None:
        if len(github.queries) == 2:  # facts, and the first page
            repo.commits[:0] = new_commits

    result = read_one(github, new_target(), charge=push)

    assert result.activity is not None
    assert result.activity.head == f"{0:040x}"
    assert result.activity.days == {TODAY - DAY: 150}


def test_endless_pages_of_commits_are_malformed(
    github: GitHubGraphQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    github.add(repository(commits=commits(*[1.0] * 450)))
    monkeypatch.setattr("pkgharvest.sources.github.graphql_source.MAX_PAGES", 3)

    problem = read_one(github, new_target()).problem

    assert isinstance(problem, Malformed)
    assert "too many pages of commits, or pages in a loop" in problem.message
    assert len(github.queries) == 1 + 4


def test_a_repository_replaced_between_queries_is_malformed(github: GitHubGraphQL) -> None:
    repo = github.add(repository())

    def swap(_url: str, _points: int) -> None:
        if len(github.queries) == 1:
            repo.id = 8

    result = read_one(github, new_target(), charge=swap)

    assert isinstance(result.problem, Malformed)
    assert result.activity is None


class Git:
    """A HistorySource that records its targets."""

    def __init__(self) -> None:
        self.targets: list[str] = []

    async def history(self, target: FetchTarget, today: dt.date) -> RepositoryResult:
        assert target.locator is not None
        self.targets.append(target.locator.path)
        await asyncio.sleep(0)
        past = Activity(
            head="0" * 40,
            committed_at=NOW,
            default_branch="main",
            commit_count=3,
            since=None,
            days={TODAY - DAY: 3},
        )
        return RepositoryResult(activity=past, problem=Malformed("odd"))

    async def history_at(self, target: FetchTarget, instant: dt.datetime) -> Activity:
        raise NotImplementedError


def test_git_reads_commits_only_if_the_head_moved(github: GitHubGraphQL) -> None:
    github.add(repository(renamed_from=["old/name"]))
    git = Git()

    result = read_one(github, new_target("old/name"), history=git)

    assert git.targets == ["Octo/Cat"]
    assert result.activity is not None
    assert result.activity.commit_count == 3
    assert isinstance(result.problem, Malformed)
    assert result.contributors is not None
    assert len(github.queries) == 1

    read_one(github, update_target(new_target(), result, NOW), history=git)
    assert git.targets == ["Octo/Cat"]


def test_lost_commits_are_confirmed_over_rest(github: GitHubGraphQL) -> None:
    """A default branch that is null once must not empty a package."""
    repo = github.add(repository())
    _, target = read_one_and_update(github, new_target())
    assert target.head is not None
    repo.headless = True
    github.fault("/commits", Fault(status=503), times=None)

    result = read_one(github, target, NOW + DAY)

    assert result.activity is None
    assert isinstance(result.problem, Unavailable)


def test_an_empty_repository_is_believed(github: GitHubGraphQL) -> None:
    repo = github.add(repository())
    _, target = read_one_and_update(github, new_target())
    repo.empty, repo.commits = True, []
    github.log.clear()

    result = read_one(github, target, NOW + DAY)

    assert result.activity is not None
    assert result.activity.head is None
    assert github.requests() == ["/graphql"]
