"""A stand-in for GitHub with both APIs: GraphQL queries are executed on the same repositories.

    with GitHubGraphQL([FakeRepository(owner="o", name="r")]) as github:
        ...  # GITHUB_API_URL=github.url, and any token unless github.tokens is set

Costs, limits and the shapes of errors are those of GitHub's documentation, under "Rate limits and
query limits for the GraphQL API". Needs graphql-core.
"""

import datetime as dt
import functools
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import graphql
from graphql.language import ast

from tests.standins.github import GitHubStandIn, Quota
from tests.standins.github_bodies import FakeCommit, FakeRepository, Json, error, stamp
from tests.standins.github_schema import SDL
from tests.standins.server import Call, Reply, unix_now

_MAX_NODES = 500_000
_MAX_PER_PAGE = 100
_BAD_GATEWAY = b"<html><head><title>502 Bad Gateway</title></head><body>unicorn</body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query that was received."""

    text: str
    variables: Mapping[str, object]
    repositories: int
    """Number of repositories in the query."""
    cost: int
    status: int
    """Status of the reply; a refusal may be a 200."""


class GitHubGraphQL(GitHubStandIn):
    """GitHub with both APIs. Its limits may be changed at any time."""

    def __init__(
        self,
        repositories: Iterable[FakeRepository] = (),
        *,
        latency: float = 0.0,
        now: Callable[[], int] = unix_now,
        make: Callable[[str], FakeRepository | None] | None = None,
    ) -> None:
        super().__init__(repositories, latency=latency, now=now, make=make)
        self.graphql_quota = Quota()
        """In points."""
        self.queries: list[Query] = []
        """All queries so far, in order."""
        self.breaks_above: int | None = None
        """A query for more repositories than this gets ``broken_status``."""
        self.broken_status = 502
        self.runs_out_above: int | None = None
        """A query for more repositories than this runs out of resources."""
        self.says_where = True
        """Whether the errors then name the repositories that were not reached."""
        self.forbidden: set[str] = set()
        """Full names, in lower case, of repositories that the token may not see."""
        self.hidden_issues: set[str] = set()
        """Full names, in lower case, whose issues the token may not see."""
        self.refusal: Json | None = None
        """An error without a path, in place of every result."""

    def _reply(self, call: Call) -> Reply:
        if not call.path.endswith("/graphql"):
            return super()._reply(call)
        if call.method != "POST" or call.path not in {"/graphql", "/api/graphql"}:
            return _reply(404, error(404, "Not Found"))
        token = call.headers.get("authorization", "").rpartition(" ")[2]
        if not token or (self.tokens is not None and token not in self.tokens):
            return _reply(401, error(401, "Bad credentials"))
        body = json.loads(call.body)
        return self._answer(body["query"], body.get("variables") or {})

    def _answer(self, text: str, variables: Mapping[str, object]) -> Reply:
        quota = self._current_graphql_quota()
        document, faults = _parse_and_validate(text)
        cost, nodes, repositories = (0, 0, 0) if faults else _measure(document)
        if quota.remaining <= 0:
            self.refused["graphql"] += 1
            limited = {"type": "RATE_LIMITED", "message": "API rate limit exceeded for user ID 1."}
            reply = _reply(200, {"data": None, "errors": [limited]})
        elif faults:
            reply = _reply(200, {"errors": [_format_error(fault) for fault in faults]})
        elif nodes > _MAX_NODES:
            excess = f"requests up to {nodes} possible nodes which exceeds the maximum limit"
            reply = _reply(200, _refusal("MAX_NODE_LIMIT_EXCEEDED", f"This query {excess}."))
        elif self.breaks_above is not None and repositories > self.breaks_above:
            quota.remaining -= cost
            reply = Reply(status=self.broken_status, body=_BAD_GATEWAY)
        elif self.refusal is not None:
            reply = _reply(200, {"data": None, "errors": [self.refusal]})
        elif self._runs_out(repositories) and not self.says_where:
            reply = _reply(200, _refusal("RESOURCE_LIMITS_EXCEEDED", "Resource limits exceeded."))
        else:
            quota.remaining -= cost
            reply = _reply(200, self._execute(document, variables, cost, nodes))
        status = reply.status
        query = Query(
            text=text, variables=variables, repositories=repositories, cost=cost, status=status
        )
        self.queries.append(query)
        headers = {
            "x-ratelimit-limit": str(quota.limit),
            "x-ratelimit-remaining": str(max(0, quota.remaining)),
            "x-ratelimit-used": str(quota.limit - quota.remaining),
            "x-ratelimit-reset": str(quota.reset),
            "x-ratelimit-resource": "graphql",
        }
        return Reply(status=status, headers={**reply.headers, **headers}, body=reply.body)

    def _runs_out(self, number: int) -> bool:
        return self.runs_out_above is not None and number > self.runs_out_above

    def _current_graphql_quota(self) -> Quota:
        quota, now = self.graphql_quota, self._now()
        if not quota.reset:
            quota.reset = now + 3_600
        elif now >= quota.reset:
            quota.remaining, quota.reset = quota.limit, now + 3_600
        return quota

    # ── resolvers ────────────────────────────────────────────────────────────────────────

    def _execute(
        self, document: graphql.DocumentNode, variables: Mapping[str, object], cost: int, nodes: int
    ) -> Json:
        quota = self.graphql_quota
        limits = {
            "cost": cost,
            "limit": quota.limit,
            "nodeCount": nodes,
            "remaining": max(0, quota.remaining),
            "resetAt": stamp(dt.datetime.fromtimestamp(quota.reset, dt.UTC)),
            "used": quota.limit - quota.remaining,
        }
        reached = 0

        def repository(_info: object, owner: str, name: str, **others: object) -> Json:
            nonlocal reached
            reached += 1
            if self._runs_out(reached):
                raise _error("RESOURCE_LIMITS_EXCEEDED", "Resource limits exceeded.")
            return self._repository(f"{owner}/{name}", follow=others["followRenames"] is True)

        result = graphql.execute_sync(
            _schema(),
            document,
            root_value={"rateLimit": limits, "repository": repository},
            variable_values=dict(variables),
        )
        body: Json = {"data": result.data}
        if result.errors:
            body["errors"] = [_format_error(fault) for fault in result.errors]
        return body

    def _repository(self, full_name: str, *, follow: bool) -> Json:
        key = full_name.lower()
        repo = self._find_by_name(key) or (self._by_former_name.get(key) if follow else None)
        if key in self.forbidden or (repo is not None and (repo.blocked or repo.dmca_403)):
            raise _error("FORBIDDEN", "Resource not accessible by personal access token")
        if repo is None or repo.gone:
            raise _error(
                "NOT_FOUND", f"Could not resolve to a Repository with the name '{full_name}'."
            )
        return _repository_node(repo, hides_issues=key in self.hidden_issues)


def _repository_node(repo: FakeRepository, *, hides_issues: bool) -> Json:
    pulls = repo.open_issues // 3

    def issues(_info: object, **_arguments: object) -> Json:
        if hides_issues:
            raise _error("FORBIDDEN", "Resource not accessible by personal access token")
        return {"totalCount": repo.open_issues - pulls}

    def topics(_info: object, first: int) -> Json:
        nodes = [{"topic": {"name": topic}} for topic in repo.topics[:first]]
        return {"nodes": nodes, "totalCount": len(repo.topics)}

    return {
        "archivedAt": stamp(repo.archived_at),
        "databaseId": repo.id,
        "defaultBranchRef": {
            "name": repo.default_branch,
            "target": _commit_node(repo, repo.commits[0]),
        }
        if repo.has_branch
        else None,
        "description": repo.description,
        "forkCount": repo.forks,
        "homepageUrl": repo.homepage,
        "isArchived": repo.archived,
        "isDisabled": repo.disabled,
        "isEmpty": repo.empty,
        "issues": issues,
        "licenseInfo": None if repo.license is None else {"spdxId": repo.license},
        "nameWithOwner": repo.full_name,
        "pullRequests": lambda _info, **_arguments: {"totalCount": pulls},
        "pushedAt": stamp(repo.pushed_at),
        "repositoryTopics": topics,
        "stargazerCount": repo.stars,
    }


def _commit_node(repo: FakeRepository, entry: FakeCommit) -> Json:
    def history(_info: object, first: int, since: str = "", after: str | None = None) -> Json:
        # As at GitHub, a cursor holds the first head and the offset.
        head, _, offset = (after or f"{entry.sha} 0").partition(" ")
        start = next(n for n, known in enumerate(repo.commits) if known.sha == head)
        limit = dt.datetime.fromisoformat(since) if since else None
        found = [
            known
            for known in repo.commits[start:]
            if limit is None
            or not isinstance(known.committed, dt.datetime)
            or known.committed >= limit
        ]
        end = int(offset) + first
        return {
            "nodes": [_commit_node(repo, known) for known in found[int(offset) : end]],
            "pageInfo": {"hasNextPage": end < len(found), "endCursor": f"{head} {end}"},
            "totalCount": len(found),
        }

    user = None if entry.author is None else {"login": entry.author}
    return {
        "__typename": "Commit",
        "author": {"user": user},
        "authoredDate": stamp(entry.authored),
        "committedDate": stamp(entry.committed),
        "history": history,
        "oid": entry.sha,
    }


# ── schema, costs, errors ────────────────────────────────────────────────────────────────


@functools.cache
def _schema() -> graphql.GraphQLSchema:
    return graphql.build_schema(SDL)


@functools.cache
def _parse_and_validate(
    text: str,
) -> tuple[graphql.DocumentNode, list[graphql.GraphQLError]]:
    document = graphql.parse(text)
    return document, [*graphql.validate(_schema(), document), *_find_unbounded(document)]


def _find_unbounded(document: graphql.DocumentNode) -> list[graphql.GraphQLError]:
    """Return an error for each connection whose size is missing or out of bounds."""
    return [
        _error("MISSING_PAGINATION_BOUNDARIES", f"{field.name.value} has no `first` in 1..100.")
        for field, _ in _fields(document)
        if _is_connection(field) and not 1 <= _first(field) <= _MAX_PER_PAGE
    ]


@functools.cache
def _measure(document: graphql.DocumentNode) -> tuple[int, int, int]:
    """Return the cost in points, the maximum of nodes, and the number of repositories."""
    requests = nodes = repositories = 0
    for field, parents in _fields(document):
        if _is_connection(field):
            requests += parents
            nodes += parents * _first(field)
        repositories += field.name.value == "repository"
    return max(1, int(requests / 100 + 0.5)), nodes, repositories


def _fields(document: graphql.DocumentNode) -> list[tuple[ast.FieldNode, int]]:
    """Return every field, and how many nodes at most have it."""
    fragments = {
        part.name.value: part
        for part in document.definitions
        if isinstance(part, ast.FragmentDefinitionNode)
    }
    found: list[tuple[ast.FieldNode, int]] = []

    def walk(selections: ast.SelectionSetNode | None, parents: int) -> None:
        for selection in selections.selections if selections else ():
            match selection:
                case ast.FieldNode():
                    found.append((selection, parents))
                    within = parents * (_first(selection) if _is_connection(selection) else 1)
                    walk(selection.selection_set, within)
                case ast.InlineFragmentNode():
                    walk(selection.selection_set, parents)
                case ast.FragmentSpreadNode():
                    walk(fragments[selection.name.value].selection_set, parents)

    for part in document.definitions:
        if isinstance(part, ast.OperationDefinitionNode):
            walk(part.selection_set, 1)
    return found


def _is_connection(field: ast.FieldNode) -> bool:
    return field.name.value in {"issues", "pullRequests", "repositoryTopics", "history"}


def _first(field: ast.FieldNode) -> int:
    for argument in field.arguments or ():
        if argument.name.value == "first" and isinstance(argument.value, ast.IntValueNode):
            return int(argument.value.value)
    return 0


def _error(kind: str, message: str) -> graphql.GraphQLError:
    return graphql.GraphQLError(message, extensions={"type": kind})


def _format_error(fault: graphql.GraphQLError) -> Json:
    """Return an error in GitHub's form: its type beside the message."""
    formatted: dict[str, Any] = dict(fault.formatted)
    extensions = formatted.pop("extensions", {})
    return {**extensions, **formatted}


def _refusal(kind: str, message: str) -> Json:
    return {"data": None, "errors": [{"type": kind, "message": message}]}


def _reply(status: int, body: Json) -> Reply:
    encoded = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Reply(
        status=status,
        headers={"content-type": "application/json; charset=utf-8"},
        body=encoded,
    )
