"""GitHub's GraphQL: the two queries that are sent, and what their answers say.

What is asked about comes in variables, never in the text of a query; repositories are told apart
by aliases, ``r0`` to ``rN``. Fields are those of GitHub's public schema; how queries are counted
is in its documentation under "Rate limits and query limits for the GraphQL API". A batch of
``MOST_FACTS`` costs 2 points, one of ``MOST_HISTORIES`` costs 1. Nothing is sent from here.
"""

import datetime as dt
import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from pkgharvest.model import json_node
from pkgharvest.model.errors import Malformed, SourceError, Unauthorized, Unavailable
from pkgharvest.model.json_node import JsonNode
from pkgharvest.model.observations import RepositoryFacts
from pkgharvest.sources.batching import BatchTooLarge
from pkgharvest.sources.github import rest_decode as rest
from pkgharvest.transport.base import Request, Response

MOST_FACTS, MOST_HISTORIES = 50, 25
"""Repositories in one query: of facts, which are cheap, and of commits, which are not."""

PER_PAGE = 100

_HEADERS = {
    "Accept": "application/vnd.github+json",
    "Content-Type": "application/json",
    "X-GitHub-Api-Version": rest.API_VERSION,
}

_FACTS = """\
databaseId nameWithOwner description homepageUrl isArchived archivedAt isDisabled isEmpty
pushedAt stargazerCount forkCount licenseInfo { spdxId }
issues(states: OPEN, first: 1) { totalCount } pullRequests(states: OPEN, first: 1) { totalCount }
repositoryTopics(first: 20) { nodes { topic { name } } }
defaultBranchRef { name target { oid } }"""
"""Of issues and pull requests only the numbers are wanted, but GitHub wants a ``first``."""

_PAGE = """\
databaseId
defaultBranchRef { name target { ... on Commit { oid committedDate
total: history(first: 1) { totalCount }
recent: history(first: 100, since: $s%(n)d, after: $a%(n)d) {
pageInfo { hasNextPage endCursor }
nodes { oid authoredDate author { user { login } } } } } } }"""

_TOO_MUCH = frozenset({"RESOURCE_LIMITS_EXCEEDED", "MAX_NODE_LIMIT_EXCEEDED"})

_GAVE_UP = re.compile(
    "something went wrong|respond to your request in time|time(d )?out", re.IGNORECASE
)
"""What GitHub writes, without a type, where a query took it too long."""

T = TypeVar("T")


class NotTold(Exception):
    """GraphQL does not tell of a repository, for a reason that only REST tells apart."""


class Unreadable(Malformed):
    """What came is no JSON, or not all of it: another try may bring it whole."""


class NotServed(Exception):
    """There is no GraphQL at that address: another server than GitHub's, or a partial one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A repository as GraphQL describes it, and where its default branch stands."""

    repository: RepositoryFacts
    """Its ``default_branch`` is None where no such branch is there."""
    head: str | None
    empty: bool
    """GitHub says that nothing was ever pushed: more than that no default branch is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What is asked for: commits of ``path``, whose committer dates are not before ``since``."""

    path: str
    """``owner/name``."""
    since: dt.date
    after: str | None = None
    """The cursor of the page before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A commit; ``author`` is a login, None for somebody whom GitHub does not know."""

    sha: str
    authored: int | None
    """Unix time; None: in no window."""
    author: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A page of commits, and the branch that they are of."""

    repo_id: str
    branch: str
    head: str
    committed: dt.datetime | None
    total: int
    """Commits in all, of the whole history."""
    commits: tuple[Written, ...]
    more: str | None
    """The cursor of the next page, None after the last."""


# ── questions ────────────────────────────────────────────────────────────────────────────


def facts_request(url: str, paths: Sequence[str]) -> Request:
    """Ask ``url`` for the facts of repositories, each given as ``owner/name``."""
    return _request(url, _facts_query(len(paths)), _names(paths))


def pages_request(url: str, pages: Sequence[Page]) -> Request:
    """Ask ``url`` for pages of commits."""
    variables: dict[str, str | None] = dict(_names([page.path for page in pages]))
    for number, page in enumerate(pages):
        variables[f"s{number}"] = f"{page.since.isoformat()}T00:00:00Z"
        variables[f"a{number}"] = page.after
    return _request(url, _pages_query(len(pages)), variables)


@functools.cache
def _facts_query(count: int) -> str:
    declared = " ".join(f"$o{n}: String! $n{n}: String!" for n in range(count))
    repositories = "\n".join(f"{_named(n)} {{ ...facts }}" for n in range(count))
    return f"{_head(declared)}\n{repositories}\n}}\nfragment facts on Repository {{\n{_FACTS}\n}}\n"


@functools.cache
def _pages_query(count: int) -> str:
    declared = " ".join(
        f"$o{n}: String! $n{n}: String! $s{n}: GitTimestamp! $a{n}: String" for n in range(count)
    )
    repositories = "\n".join(f"{_named(n)} {{\n{_PAGE % {'n': n}}\n}}" for n in range(count))
    return f"{_head(declared)}\n{repositories}\n}}\n"


def _head(declared: str) -> str:
    # Not by its own name: whoever looks for a refusal searches answers for "rateLimit".
    return f"query({declared}) {{\nquota: rateLimit {{ cost }}"


def _named(number: int) -> str:
    return f"r{number}: repository(owner: $o{number}, name: $n{number})"


def _names(paths: Sequence[str]) -> dict[str, str]:
    variables = {}
    for number, path in enumerate(paths):
        variables[f"o{number}"], _, variables[f"n{number}"] = path.partition("/")
    return variables


def _request(url: str, query: str, variables: Mapping[str, str | None]) -> Request:
    body = json.dumps({"query": query, "variables": variables}, separators=(",", ":")).encode()
    return Request(url=url, method="POST", headers=_HEADERS, body=body, resource="graphql")


# ── answers ──────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a query, in the order in which repositories were asked for."""

    cost: int
    """Points; 1 where it is not told."""
    repositories: "tuple[JsonNode | BatchTooLarge | NotTold, ...]"

    def read(self, decoded: Callable[[JsonNode], T]) -> list[T | Exception]:
        """Return each as ``decoded`` reads it; one of another shape is a Malformed."""
        outcomes: list[T | Exception] = []
        for told in self.repositories:
            try:
                outcomes.append(decoded(told) if isinstance(told, JsonNode) else told)
            except Malformed as error:
                outcomes.append(error)
        return outcomes


def reply(answer: Response, count: int) -> Reply:
    """Read the answer to a query about ``count`` repositories.

    Raises TooMuch where the host could not do so much, NotServed where it knows no GraphQL,
    another SourceError where the query as a whole came to nothing. What became of one repository
    alone is in the reply.
    """
    _require_served(answer)
    try:
        told = json_node.parse_json(answer.body, "graphql")
    except Malformed as error:
        raise Unreadable(error.message) from error
    failures, whole = _failures(told)
    if whole is not None:
        raise whole
    data = told["data"]
    repositories: list[JsonNode | BatchTooLarge | NotTold] = []
    for alias in (f"r{number}" for number in range(count)):
        found = data.get(alias)
        if alias in failures:
            repositories.append(failures[alias])
        elif found is None:
            repositories.append(NotTold(alias))
        else:
            repositories.append(JsonNode(found.value, alias))
    quota = data.get("quota")
    return Reply(quota["cost"].integer() if quota else 1, tuple(repositories))


def _require_served(answer: Response) -> None:
    match answer.status:
        case HTTPStatus.OK:
            pass
        case HTTPStatus.BAD_GATEWAY | HTTPStatus.GATEWAY_TIMEOUT:
            raise BatchTooLarge
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            rest.whole(answer, "its GraphQL API")
        case HTTPStatus.NOT_FOUND | HTTPStatus.METHOD_NOT_ALLOWED | HTTPStatus.NOT_IMPLEMENTED:
            raise NotServed
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unavailable(f"GitHub answered {status} to a query")
        case status:  # of the address of the API, and nothing about any repository
            raise Malformed(f"{answer.url} answered {status}, where GraphQL was expected")


def _failures(
    told: JsonNode,
) -> tuple[dict[str, BatchTooLarge | NotTold], SourceError | BatchTooLarge | None]:
    """Return the errors by repository, and one that is about the query as a whole."""
    by_alias: dict[str, BatchTooLarge | NotTold] = {}
    for error in _sequence(told.get("errors")):
        kind, message = rest.line(error.get("type")), rest.line(error.get("message"))
        match error.value:
            case {"path": [str(alias), *_]} if alias.removeprefix("r").isdecimal():
                known = by_alias.get(alias)
                if kind in _TOO_MUCH or known is None:
                    by_alias[alias] = BatchTooLarge() if kind in _TOO_MUCH else NotTold(message)
            case {"path": ["quota", *_]}:
                continue
            case _ if kind in _TOO_MUCH:
                return {}, BatchTooLarge()
            case _ if kind == "FORBIDDEN":
                return {}, Unauthorized(f"GitHub refuses the query: {message or kind}")
            case _ if _GAVE_UP.search(message):
                return {}, BatchTooLarge()
            case _:
                return {}, Unavailable(f"GitHub could not do the query: {message or kind}")
    return by_alias, None


def facts(node: JsonNode) -> Facts:
    """Read what a query of facts says of a repository. Raises Malformed."""
    ref, licence, pushed_at = (
        node.get(key) for key in ("defaultBranchRef", "licenseInfo", "pushedAt")
    )
    archived, archived_at = node["isArchived"].boolean(), node.get("archivedAt")
    repository = RepositoryFacts(
        repo_id=str(node["databaseId"].integer()),
        locator=rest.locator(node["nameWithOwner"]),
        description=rest.text(node.get("description")),
        homepage=rest.text(node.get("homepageUrl")).strip() or None,
        topics=tuple(
            topic["topic"]["name"].text()
            for topic in _sequence(node["repositoryTopics"].get("nodes"))
        ),
        license=rest.spdx(licence.get("spdxId") if licence else None),
        stars=node["stargazerCount"].integer(),
        forks=node["forkCount"].integer(),
        open_issues=sum(node[kind]["totalCount"].integer() for kind in ("issues", "pullRequests")),
        default_branch=ref["name"].text() if ref else None,
        archived=archived,
        archived_at=archived_at.instant() if archived and archived_at else None,
        disabled=node["isDisabled"].boolean(),
        pushed_at=pushed_at.instant() if pushed_at else None,
    )
    empty = node.get("isEmpty")
    return Facts(
        repository=repository,
        head=ref["target"]["oid"].text() if ref else None,
        empty=empty is not None and empty.boolean(),
    )


def history(node: JsonNode) -> History:
    """Read what a query of commits says of a repository. Raises Malformed."""
    ref = node["defaultBranchRef"]
    head, recent = ref["target"], ref["target"]["recent"]
    page = recent["pageInfo"]
    return History(
        repo_id=str(node["databaseId"].integer()),
        branch=ref["name"].text(),
        head=head["oid"].text(),
        committed=rest.on_calendar(head["committedDate"]),
        total=head["total"]["totalCount"].integer(),
        commits=tuple(_written(commit) for commit in recent["nodes"].sequence()),
        more=page["endCursor"].text() if page["hasNextPage"].boolean() else None,
    )


def _written(commit: JsonNode) -> Written:
    author = commit.get("author")
    user = author.get("user") if author else None
    return Written(
        sha=commit["oid"].text(),
        authored=rest.seconds(rest.on_calendar(commit["authoredDate"])),
        author=rest.text(user.get("login")) or None if user else None,
    )


def _sequence(node: JsonNode | None) -> list[JsonNode]:
    return node.sequence() if node else []
