"""GitHub's GraphQL API: the two queries that are sent, and the decoders of their responses.

One query reads the facts of many repositories, the other a page of commits from many. Values go
into variables, never into the text of a query, and the repositories of a query are told apart by
the aliases ``r0`` to ``rN``. Fields are those of GitHub's public schema
(https://docs.github.com/graphql/reference). By "Rate limits and query limits for the GraphQL API"
a query of MAX_FACTS_PER_QUERY repositories costs 2 points, and one of MAX_COMMIT_PAGES_PER_QUERY
costs 1. Nothing is sent from here.
"""

import datetime as dt
import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from pkgharvest.model.errors import Malformed, SourceError, Unauthorized, Unavailable
from pkgharvest.model.json_node import JsonNode, parse_json
from pkgharvest.model.package import RepositoryFacts
from pkgharvest.sources.batching import BatchTooLarge
from pkgharvest.sources.github import rest_decode
from pkgharvest.transport.base import Request, Response

MAX_FACTS_PER_QUERY, MAX_COMMIT_PAGES_PER_QUERY = 50, 25
"""Repositories in one query: facts are cheap to compute for GitHub, commits are not."""

_HEADERS = {
    "Accept": "application/vnd.github+json",
    "Content-Type": "application/json",
    "X-GitHub-Api-Version": rest_decode.API_VERSION,
}

_FACTS_FRAGMENT = """\
fragment facts on Repository {
databaseId nameWithOwner description homepageUrl isArchived archivedAt isDisabled isEmpty
pushedAt stargazerCount forkCount licenseInfo { spdxId }
issues(states: OPEN, first: 1) { totalCount } pullRequests(states: OPEN, first: 1) { totalCount }
repositoryTopics(first: 20) { nodes { topic { name } } }
defaultBranchRef { name target { oid } }
}
"""
"""Only the counts of issues and pull requests are read, but GitHub requires a ``first``."""

_COMMIT_VARIABLES = " $s%(n)d: GitTimestamp! $a%(n)d: String"
_COMMIT_PAGE = """\
{
databaseId
defaultBranchRef { name target { ... on Commit { oid committedDate
total: history(first: 1) { totalCount }
recent: history(first: 100, since: $s%(n)d, after: $a%(n)d) {
pageInfo { hasNextPage endCursor }
nodes { oid authoredDate author { user { login } } } } } } }
}"""

_TOO_LARGE = frozenset({"RESOURCE_LIMITS_EXCEEDED", "MAX_NODE_LIMIT_EXCEEDED"})

_QUERY_TIMED_OUT = re.compile(
    "something went wrong|respond to your request in time|time(d )?out", re.IGNORECASE
)
"""What GitHub writes, in an error without a type, if a query took too long."""

T = TypeVar("T")


class Unresolved(Exception):
    """GraphQL returned nothing for a repository; the status over REST tells why."""


class InvalidBody(Malformed):
    """The body is not JSON, or was cut off; a second try may bring all of it."""


class NoGraphqlApi(Exception):
    """The address serves no GraphQL: it is another server than GitHub's, or a partial one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A repository as GraphQL describes it, and the head of its default branch."""

    repository: RepositoryFacts
    """Its ``default_branch`` is None if that branch does not exist."""
    head: str | None
    is_empty: bool
    """Nothing was ever pushed. That says more than a missing default branch does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitQuery:
    """A page of commits to read: those whose committer dates are not before ``since``."""

    path: str
    """``owner/name``."""
    since: dt.date
    after: str | None = None
    """The ``next_cursor`` of the page before; None for the first page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthoredCommit:
    """A commit and its author."""

    sha: str
    authored: int | None
    """Unix time; None if it is outside the calendar."""
    author: str | None
    """Login; None for an author without an account at GitHub, and for bots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitPage:
    """A page of commits, and the branch they are on."""

    repo_id: str
    branch: str
    head: str
    committed: dt.datetime | None
    """Committer date of the head; None if it is outside the calendar."""
    total: int
    """Number of commits in the whole history."""
    commits: tuple[AuthoredCommit, ...]
    next_cursor: str | None
    """None after the last page."""


# ── requests ─────────────────────────────────────────────────────────────────────────────


def build_facts_request(url: str, paths: Sequence[str]) -> Request:
    """Return the request for the facts of the repositories ``paths``, each ``owner/name``."""
    return _build_request(
        url, _query_text(len(paths), "", "{ ...facts }", _FACTS_FRAGMENT), _name_variables(paths)
    )


def build_commits_request(url: str, queries: Sequence[CommitQuery]) -> Request:
    """Return the request for one page of commits per query."""
    variables: dict[str, str | None] = dict(_name_variables([query.path for query in queries]))
    for number, query in enumerate(queries):
        variables[f"s{number}"] = f"{query.since.isoformat()}T00:00:00Z"
        variables[f"a{number}"] = query.after
    return _build_request(
        url, _query_text(len(queries), _COMMIT_VARIABLES, _COMMIT_PAGE), variables
    )


@functools.cache
def _query_text(count: int, variables: str, selection: str, fragment: str = "") -> str:
    """Return a query for ``count`` repositories.

    ``variables`` are declared, and ``selection`` is read, for each of them; ``%(n)d`` stands for
    its number.
    """
    numbers = [{"n": number} for number in range(count)]
    declared = " ".join(f"$o%(n)d: String! $n%(n)d: String!{variables}" % n for n in numbers)
    repository = f"r%(n)d: repository(owner: $o%(n)d, name: $n%(n)d) {selection}"
    repositories = "\n".join(repository % n for n in numbers)
    # The alias avoids "rateLimit" in responses: that word is how refusals are recognized.
    return f"query({declared}) {{\nquota: rateLimit {{ cost }}\n{repositories}\n}}\n{fragment}"


def _name_variables(paths: Sequence[str]) -> dict[str, str]:
    variables = {}
    for number, path in enumerate(paths):
        variables[f"o{number}"], _, variables[f"n{number}"] = path.partition("/")
    return variables


def _build_request(url: str, query: str, variables: Mapping[str, str | None]) -> Request:
    return Request(
        url=url,
        method="POST",
        headers=_HEADERS,
        body=json.dumps({"query": query, "variables": variables}, separators=(",", ":")).encode(),
        resource="graphql",
    )


# ── responses ────────────────────────────────────────────────────────────────────────────


def decode_response(
    response: Response, count: int, decode: Callable[[JsonNode], T]
) -> tuple[int, list[T | Exception]]:
    """Decode the response to a query for ``count`` repositories, each of them by ``decode``.

    Return the points of the rate limit that it cost (1 if the response does not tell), and the
    results in the order in which the repositories were asked for. The failure of a single one,
    also a Malformed of ``decode``, takes the place of its result. Raises BatchTooLarge if the host
    could not do that much, NoGraphqlApi if there is no GraphQL at that address, and another
    SourceError if the query failed as a whole.
    """
    _require_graphql(response)
    try:
        node = parse_json(response.body, "graphql")
    except Malformed as error:
        raise InvalidBody(error.message) from error
    failures, query_error = _decode_errors(node)
    if query_error is not None:
        raise query_error
    data = node["data"]
    cost = data["quota"]["cost"].integer() if data.get("quota") else 1
    results: list[T | Exception] = []
    for alias in (f"r{number}" for number in range(count)):
        found = data.get(alias)
        if alias in failures:
            results.append(failures[alias])
        elif found is None:
            results.append(Unresolved(alias))
        else:
            try:
                results.append(decode(JsonNode(found.value, alias)))
            except Malformed as error:
                results.append(error)
    return cost, results


def _require_graphql(response: Response) -> None:
    match response.status:
        case HTTPStatus.OK:
            pass
        case HTTPStatus.BAD_GATEWAY | HTTPStatus.GATEWAY_TIMEOUT:
            raise BatchTooLarge
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            rest_decode.require_ok(response, "its GraphQL API")
        case HTTPStatus.NOT_FOUND | HTTPStatus.METHOD_NOT_ALLOWED | HTTPStatus.NOT_IMPLEMENTED:
            raise NoGraphqlApi
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unavailable(f"GitHub answered {status} to a query")
        case status:  # about the address of the API, so it says nothing about any repository
            raise Malformed(f"{response.url} answered {status} where GraphQL was expected")


def _decode_errors(
    node: JsonNode,
) -> tuple[dict[str, BatchTooLarge | Unresolved], SourceError | BatchTooLarge | None]:
    """Return the errors by the alias of their repository, and one about the whole query."""
    by_alias: dict[str, BatchTooLarge | Unresolved] = {}
    errors = node.get("errors")
    for error in errors.sequence() if errors else ():
        kind = rest_decode.one_line(error.get("type"))
        message = rest_decode.one_line(error.get("message"))
        match error.value:
            case {"path": [str(alias), *_]} if alias.removeprefix("r").isdecimal():
                if kind in _TOO_LARGE:
                    by_alias[alias] = BatchTooLarge()
                else:
                    by_alias.setdefault(alias, Unresolved(message))
            case {"path": ["quota", *_]}:
                continue
            case {"extensions": {"code": "undefinedField"}}:
                raise NoGraphqlApi  # an older GitHub Enterprise Server; REST is the same there
            case _ if kind in _TOO_LARGE:
                return {}, BatchTooLarge()
            case _ if kind == "FORBIDDEN":
                return {}, Unauthorized(f"GitHub refuses the query: {message or kind}")
            case _ if _QUERY_TIMED_OUT.search(message):
                return {}, BatchTooLarge()
            case _:
                return {}, Unavailable(f"GitHub could not run the query: {message or kind}")
    return by_alias, None


def decode_facts(node: JsonNode, locate: rest_decode.Locate | None = None) -> Facts:
    """Decode one repository of a query for facts. Raises Malformed with the path to the fault."""
    ref, topics = node.get("defaultBranchRef"), node["repositoryTopics"].get("nodes")
    archived, archived_at = node["isArchived"].boolean(), node.get("archivedAt")
    repository = RepositoryFacts(
        repo_id=str(node["databaseId"].integer()),
        locator=rest_decode.decode_locator(node["nameWithOwner"], locate),
        description=node.optional_text("description") or "",
        homepage=(node.optional_text("homepageUrl") or "").strip() or None,
        topics=tuple(
            [topic["topic"]["name"].text() for topic in topics.sequence()] if topics else ()
        ),
        license=rest_decode.known_spdx_id(node.optional_text("licenseInfo", "spdxId")),
        stars=node["stargazerCount"].integer(),
        forks=node["forkCount"].integer(),
        open_issues=(
            node["issues"]["totalCount"].integer() + node["pullRequests"]["totalCount"].integer()
        ),
        default_branch=ref["name"].text() if ref else None,
        archived=archived,
        archived_at=archived_at.instant() if archived and archived_at else None,
        disabled=node["isDisabled"].boolean(),
        pushed_at=node.optional_instant("pushedAt"),
    )
    is_empty = node.get("isEmpty")
    return Facts(
        repository=repository,
        head=ref["target"]["oid"].text() if ref else None,
        is_empty=is_empty is not None and is_empty.boolean(),
    )


def decode_commit_page(node: JsonNode) -> CommitPage:
    """Decode one repository of a query for commits. Raises Malformed."""
    ref = node["defaultBranchRef"]
    head = ref["target"]
    recent = head["recent"]
    page = recent["pageInfo"]
    return CommitPage(
        repo_id=str(node["databaseId"].integer()),
        branch=ref["name"].text(),
        head=head["oid"].text(),
        committed=rest_decode.decode_git_date(head["committedDate"]),
        total=head["total"]["totalCount"].integer(),
        commits=tuple([_decode_commit(commit) for commit in recent["nodes"].sequence()]),
        next_cursor=page["endCursor"].text() if page["hasNextPage"].boolean() else None,
    )


def _decode_commit(node: JsonNode) -> AuthoredCommit:
    return AuthoredCommit(
        sha=node["oid"].text(),
        authored=rest_decode.unix_seconds(rest_decode.decode_git_date(node["authoredDate"])),
        author=node.optional_text("author", "user", "login") or None,
    )
