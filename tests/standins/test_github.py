"""How the stand-in itself behaves: what tests and benchmarks rely on."""

import datetime as dt

import httpx
import pytest

from tests.standins.github import FakeCommit, FakeContributor, GitHubStandIn, Quota, repository_of
from tests.standins.server import Fault
from tests.support.github_case import NOW, commits, repository

EPOCH = int(NOW.timestamp())


@pytest.fixture
def github(github: GitHubStandIn) -> GitHubStandIn:
    github.add(repository())
    return github


def test_repository_names_ignore_case(http: httpx.Client) -> None:
    assert http.get("/repos/octo/CAT").json()["full_name"] == "Octo/Cat"
    assert http.get("/repositories/7").json()["full_name"] == "Octo/Cat"
    assert http.get("/repos/octo/cat/").status_code == 404
    assert http.post("/repos/octo/cat").status_code == 404


def test_a_validator_is_weak_in_a_200_and_strong_in_a_304(http: httpx.Client) -> None:
    first = http.get("/repos/octo/cat")
    again = http.get("/repos/octo/cat", headers={"if-none-match": first.headers["etag"]})
    dated = http.get(
        "/repos/octo/cat", headers={"if-modified-since": first.headers["last-modified"]}
    )
    other = http.get("/repos/octo/cat", headers={"if-none-match": '"other"'})

    assert (first.status_code, again.status_code, dated.status_code) == (200, 304, 304)
    assert first.headers["etag"] == "W/" + again.headers["etag"]
    assert again.content == b""
    assert other.status_code == 200


def test_a_304_is_free_only_with_a_token(github: GitHubStandIn, http: httpx.Client) -> None:
    etag = http.get("/repos/octo/cat").headers["etag"]
    left = github.quota.remaining

    http.get("/repos/octo/cat", headers={"if-none-match": etag, "authorization": "Bearer t"})
    assert github.quota.remaining == left
    anonymous = http.get("/repos/octo/cat", headers={"if-none-match": etag})
    assert github.quota.remaining == left - 1
    assert anonymous.headers["x-ratelimit-remaining"] == str(left - 1)


@pytest.mark.parametrize("status", [403, 429])
def test_a_quota_is_used_up_and_resets(status: int) -> None:
    now = EPOCH
    with GitHubStandIn([repository()], now=lambda: now) as github:
        github.quota = Quota(limit=2, remaining=2, spent_status=status)
        agent = {"user-agent": "tests"}
        codes = []
        with httpx.Client(base_url=github.url, headers=agent, verify=False) as http:
            codes += [http.get("/repos/octo/cat").status_code for _ in range(4)]
            refused = http.get("/repos/octo/none")
            limits = http.get("/rate_limit")
            now += 3_600
            codes.append(http.get("/repos/octo/cat").status_code)

    assert codes == [200, 200, status, status, 200]
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert refused.headers["x-ratelimit-reset"] == str(EPOCH + 3_600)
    assert limits.json()["resources"]["core"]["remaining"] == 0


def test_tokens_versions_and_user_agents_are_checked(
    github: GitHubStandIn, http: httpx.Client
) -> None:
    github.tokens = {"good"}
    github.retired = {"2022-11-28"}
    url = "/repos/octo/cat"
    newer = {"x-github-api-version": "2026-03-10"}

    assert http.get(url, headers=newer).status_code == 200
    assert http.get(url, headers=newer | {"authorization": "token good"}).status_code == 200
    assert http.get(url, headers=newer | {"authorization": "Bearer bad"}).status_code == 401
    assert http.get(url, headers=newer | {"user-agent": ""}).status_code == 403
    assert http.get(url, headers={"x-github-api-version": "2022-11-28"}).status_code == 410
    assert http.get(url, headers={"x-github-api-version": "1999-01-01"}).status_code == 400


def test_link_headers_lead_through_all_pages_by_id(
    github: GitHubStandIn, http: httpx.Client
) -> None:
    github.add(repository(id=8, name="Dog", commits=commits(*[1.0] * 25)))
    base = f"{github.url}/repositories/8/commits?per_page=10&page="

    first = http.get("/repos/octo/dog/commits?per_page=10")
    second = http.get(first.links["next"]["url"])
    third = http.get(second.links["next"]["url"])

    assert {rel: link["url"] for rel, link in first.links.items()} == {
        "next": f"{base}2",
        "last": f"{base}3",
    }
    assert list(second.links) == ["prev", "next", "last", "first"]
    assert list(third.links) == ["prev", "first"]
    assert [len(page.json()) for page in (first, second, third)] == [10, 10, 5]
    assert http.get("/repos/octo/cat/commits").links == {}


def test_a_rename_redirects_with_path_and_query(github: GitHubStandIn, http: httpx.Client) -> None:
    repo = github.add(repository(id=8, name="Dog"))
    github.rename(repo, "a/b")

    answer = http.get("/repos/octo/dog/commits?per_page=1")

    assert answer.status_code == 301
    assert answer.headers["location"] == f"{github.url}/repositories/8/commits?per_page=1"
    assert answer.json()["url"] == answer.headers["location"]
    github.add(repository(id=9, name="dog"))
    assert http.get("/repos/octo/dog").json()["id"] == 9


def test_since_and_sha_select_commits(github: GitHubStandIn, http: httpx.Client) -> None:
    old, new = "0" * 40, "1" * 40
    then = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
    github.add(
        repository(
            id=8,
            name="dog",
            commits=[
                FakeCommit(sha=new, authored=then, committed=NOW, parents=(old,)),
                FakeCommit(sha=old, authored=NOW, committed=then),
            ],
        )
    )
    url = "/repos/octo/dog/commits"

    def shas(query: str) -> list[str]:
        return [item["sha"] for item in http.get(url + query).json()]

    assert shas("") == shas("?sha=main") == [new, old]
    assert shas("?since=2025-06-01T00:00:00Z") == [new]
    assert shas(f"?sha={old}") == [old]
    assert http.get(f"{url}?sha=none").status_code == 404


def test_anonymous_contributors_are_listed_on_request(
    github: GitHubStandIn, http: httpx.Client
) -> None:
    nobody = FakeContributor(name="N N", contributions=1, anonymous=True)
    github.add(repository(id=8, name="dog", contributors=[nobody]))

    assert http.get("/repos/octo/dog/contributors").json() == []
    assert http.get("/repos/octo/dog/contributors?anon=1").json()[0]["type"] == "Anonymous"


def test_faults_apply_to_matching_requests(github: GitHubStandIn, http: httpx.Client) -> None:
    github.fault("/commits", Fault(status=502, headers={"x": "y"}, body=b"oh"), times=1, skip=1)
    github.fault("/contributors", Fault(drop=True), times=1)
    github.fault("/octo/cat$", Fault(cut=10), times=1)
    github.fault("/repositories/7$", Fault(drip=0.0001, body=b"abc", delay=0.01), times=1)

    codes = [http.get("/repos/octo/cat/commits").status_code for _ in range(3)]
    with pytest.raises(httpx.RemoteProtocolError):
        http.get("/repos/octo/cat/contributors")
    with pytest.raises(httpx.RemoteProtocolError):
        http.get("/repos/octo/cat")
    assert http.get("/repositories/7").content == b"abc"

    assert codes == [200, 502, 200]
    assert [logged.status for logged in github.log] == [200, 502, 200, 0, 200, 200]
    github.fault("", Fault(status=500))
    github.heal()
    assert http.get("/repos/octo/cat").status_code == 200


def test_a_history_becomes_a_repository_in_the_order_of_git_log() -> None:
    def at(day: int, *parents: int) -> HistoryEntry:
        moment = dt.datetime(2025, 1, day, tzinfo=dt.UTC)
        return HistoryEntry(parents, moment, moment, f"a{day % 2}")

    # 1 and 2 are the sides of the merge 0 and meet in 4; 5 comes after 0, which does not know it
    history = [at(9, 1, 2), at(5, 3), at(7, 4), at(4, 4), at(1), at(8, 0)]

    repo = repository_of(history, 0, owner="o", name="r", stars=3)

    assert [entry.committed for entry in repo.commits] == [
        history[index].committed for index in (0, 2, 1, 3, 4)
    ]
    assert [len(entry.parents) for entry in repo.commits] == [2, 1, 1, 1, 0]
    assert [(who.name, who.contributions) for who in repo.contributors] == [("a1", 4), ("a0", 1)]
    assert (repo.stars, repo.empty, repo.pushed_at) == (3, False, history[0].committed)
    assert repository_of(history, None, owner="o", name="r").empty


class HistoryEntry:
    def __init__(
        self, parents: tuple[int, ...], authored: dt.datetime, committed: dt.datetime, author: str
    ) -> None:
        self.parents = parents
        self.authored = authored
        self.committed = committed
        self.author = author
