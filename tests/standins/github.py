"""A stand-in for GitHub's REST API: the endpoints that pkgharvest requests, and how they behave.

    with GitHubStandIn([FakeRepository(owner="o", name="r")]) as github:
        ...  # GITHUB_API_URL=github.url

Serves /repos/{owner}/{repo}, /repositories/{id}, their /commits and /contributors, and
/rate_limit, with paging, validators, renames, quotas and refusals. Tests validate its bodies
against GitHub's own description. ``github.secondary = SecondaryLimits()`` adds GitHub's limits per
minute. Standard library only.
"""

import datetime as dt
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from email.utils import format_datetime, parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urlencode

from tests.standins import github_bodies as bodies
from tests.standins.github_bodies import FakeCommit, FakeContributor, FakeRepository, Moment
from tests.standins.github_histories import repository_of
from tests.standins.limits import SecondaryLimits
from tests.standins.server import Call, LoopbackServer, Reply, unix_now

__all__ = [
    "FakeCommit",
    "FakeContributor",
    "FakeRepository",
    "GitHubStandIn",
    "Quota",
    "repository_of",
]

Item = TypeVar("Item")

_VERSIONS = frozenset({"2022-11-28", "2026-03-10"})
_SECONDARY_LIMIT_MESSAGE = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
)
_SECONDARY_LIMIT_PAGE = (
    "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"
)
_TOO_MANY_CONTRIBUTORS = (
    "The history or contributor list is too large to list contributors for this repository "
    "via the API."
)


@dataclass(slots=True, kw_only=True)
class Quota:
    """GitHub's primary rate limit. All clients share it."""

    limit: int = 5_000
    remaining: int = 5_000
    reset: int = 0
    """Unix time at which it resets; 0: an hour after the first request."""
    spent_status: int = 403
    """Status of a request when nothing remains: 403 or 429."""


class GitHubStandIn(LoopbackServer):
    """GitHub at ``url``. Repositories, ``quota`` and ``tokens`` may be changed at any time."""

    def __init__(
        self,
        repositories: Iterable[FakeRepository] = (),
        *,
        latency: float = 0.0,
        now: Callable[[], int] = unix_now,
        make: Callable[[str], FakeRepository | None] | None = None,
    ) -> None:
        """Serve ``repositories``, and what ``make`` returns for any other full name or id.

        ``make`` is called for each request, so there can be more than would fit into memory.
        """
        super().__init__(self._admit, latency=latency)
        self.quota = Quota()
        self.secondary: SecondaryLimits | None = None
        """None: no limit per minute."""
        self.refused: Counter[str] = Counter()
        """Number of refused requests, by the limit, or by the resource of a used-up quota."""
        self.tokens: set[str] | None = None
        """Valid tokens; None: any token is valid."""
        self.retired: set[str] = set()
        """API versions that are no longer served."""
        self._now = now
        self._make = make
        self._by_name: dict[str, FakeRepository] = {}
        self._by_id: dict[str, FakeRepository] = {}
        self._by_former_name: dict[str, FakeRepository] = {}
        for repo in repositories:
            self.add(repo)

    def add(self, repo: FakeRepository) -> FakeRepository:
        """Serve ``repo``, even under a former name of another repository."""
        self._by_name[repo.full_name.lower()] = self._by_id[str(repo.id)] = repo
        self._by_former_name |= {old.lower(): repo for old in repo.renamed_from}
        return repo

    def remove(self, repo: FakeRepository) -> None:
        """Stop serving ``repo``: 404."""
        del self._by_name[repo.full_name.lower()], self._by_id[str(repo.id)]
        self._by_former_name = {
            old: other for old, other in self._by_former_name.items() if other is not repo
        }

    def rename(self, repo: FakeRepository, full_name: str) -> None:
        """Rename ``repo``; the old name redirects to it."""
        self.remove(repo)
        repo.renamed_from.append(repo.full_name)
        repo.owner, repo.name = full_name.split("/")
        self.add(repo)

    def requests(self, part: str = "") -> list[str]:
        """Return path and query of the requests so far that contain ``part``, in order."""
        return [logged.target for logged in self.log if part in logged.target]

    # ── quotas and credentials ───────────────────────────────────────────────────────────

    def _admit(self, call: Call) -> Reply:
        excess = self.secondary.excess(call, self.busy) if self.secondary else None
        if excess is None:
            return self._reply(call)
        self.refused[excess.limit] += 1
        reply = _Refused(
            403, _SECONDARY_LIMIT_MESSAGE, documentation_url=_SECONDARY_LIMIT_PAGE
        ).reply
        headers = {**reply.headers, "retry-after": str(excess.retry_after)}
        return Reply(status=403, headers=headers, body=reply.body)

    def _reply(self, call: Call) -> Reply:
        try:
            token = self._check_headers(call)
        except _Refused as refused:
            return refused.reply
        quota = self._current_quota()
        if call.path == "/rate_limit":
            body = bodies.rate_limit(quota.limit, quota.remaining, quota.reset)
            return self._add_quota(_json(body, None))
        if quota.remaining <= 0:
            self.refused["core"] += 1
            spent = _Refused(quota.spent_status, "API rate limit exceeded for 127.0.0.1.")
            return self._add_quota(spent.reply)
        try:
            reply = self._route(call)
        except _Refused as refused:
            reply = refused.reply
        if reply.status == 200:
            reply = _revalidate(reply, call)
        if reply.status != 304 or not token:
            quota.remaining -= 1
        return self._add_quota(reply)

    def _check_headers(self, call: Call) -> str:
        """Check the request's headers. Return the token, or ""."""
        if not call.headers.get("user-agent"):
            raise _Refused(403, "Request forbidden by administrative rules: no User-Agent.")
        version = call.headers.get("x-github-api-version", "2022-11-28")
        if version in self.retired:
            raise _Refused(410, f"API version {version} is no longer supported.")
        if version not in _VERSIONS:
            raise _Refused(400, f"'{version}' is not a valid API version.")
        token = call.headers.get("authorization", "").rpartition(" ")[2]
        if token and self.tokens is not None and token not in self.tokens:
            raise _Refused(401, "Bad credentials")
        return token

    def _current_quota(self) -> Quota:
        now = self._now()
        if not self.quota.reset:
            self.quota.reset = now + 3_600
        elif now >= self.quota.reset:
            self.quota.remaining, self.quota.reset = self.quota.limit, now + 3_600
        return self.quota

    def _add_quota(self, reply: Reply) -> Reply:
        headers = {
            "x-ratelimit-limit": str(self.quota.limit),
            "x-ratelimit-remaining": str(self.quota.remaining),
            "x-ratelimit-used": str(self.quota.limit - self.quota.remaining),
            "x-ratelimit-reset": str(self.quota.reset),
            "x-ratelimit-resource": "core",
        }
        return Reply(status=reply.status, headers={**reply.headers, **headers}, body=reply.body)

    # ── endpoints ────────────────────────────────────────────────────────────────────────

    def _route(self, call: Call) -> Reply:
        repo, rest = self._find(call)
        match rest:
            case []:
                return _json(bodies.repository(repo, self.url), repo.updated_at)
            case ["commits"]:
                return self._commits(repo, call)
            case ["contributors"]:
                return self._contributors(repo, call)
        raise _Refused(404, "Not Found")

    def _find(self, call: Call) -> tuple[FakeRepository, list[str]]:
        """Return the requested repository, and the rest of the path."""
        repo = None
        match call.path.strip("/").split("/"):
            case ["repos", owner, name, *rest]:
                key = f"{owner}/{name}".lower()
                repo = self._find_by_name(key)
                if repo is None and key in self._by_former_name:
                    raise self._redirect(self._by_former_name[key], rest, call)
            case ["repositories", key, *rest]:
                repo = self._by_id.get(key) or (self._make(key) if self._make else None)
        if repo is None or call.method not in {"GET", "HEAD"} or call.path.endswith("/"):
            raise _Refused(404, "Not Found")
        if repo.gone:
            raise _Refused(410, "This repository has been deleted.")
        if repo.blocked or repo.dmca_403:
            block = {
                "reason": "dmca" if repo.blocked else "tos",
                "created_at": "2020-01-01T00:00:00Z",
                "html_url": f"https://github.com/{repo.full_name}",
            }
            raise _Refused(451 if repo.blocked else 403, "Repository access blocked", block=block)
        return repo, rest

    def _find_by_name(self, key: str) -> FakeRepository | None:
        """Return the repository whose full name, in lower case, is ``key``."""
        return self._by_name.get(key) or (self._make(key) if self._make else None)

    def _redirect(self, repo: FakeRepository, rest: Sequence[str], call: Call) -> "_Refused":
        url = "/".join((f"{self.url}/repositories/{repo.id}", *rest))
        url += f"?{urlencode(call.query)}" if call.query else ""
        moved = _Refused(301, "Moved Permanently", url=url)
        headers = {**moved.reply.headers, "location": url}
        moved.reply = Reply(status=301, headers=headers, body=moved.reply.body)
        return moved

    def _commits(self, repo: FakeRepository, call: Call) -> Reply:
        if not repo.has_branch:
            raise _Refused(409, "Git Repository is empty.")
        start = call.query.get("sha", repo.default_branch)
        found = repo.commits if start == repo.default_branch else _reachable(repo, start)
        if found is None:
            raise _Refused(404, f"No commit found for SHA: {start}")
        if "since" in call.query:
            since = dt.datetime.fromisoformat(call.query["since"])
            found = [entry for entry in found if _is_since(entry.committed, since)]
        page, link = self._page(repo, "commits", found, call)
        changed = found[0].committed if found else None
        return _json(
            [bodies.commit(repo, entry, self.url) for entry in page],
            changed if isinstance(changed, dt.datetime) else None,
            link,
        )

    def _contributors(self, repo: FakeRepository, call: Call) -> Reply:
        if not repo.has_branch:
            return Reply(status=204)
        if repo.too_large:
            raise _Refused(403, _TOO_MANY_CONTRIBUTORS)
        anonymous = call.query.get("anon") in {"1", "true"}
        listed = [entry for entry in repo.contributors if anonymous or not entry.anonymous]
        page, link = self._page(repo, "contributors", listed, call)
        return _json([bodies.contributor(entry, self.url) for entry in page], repo.pushed_at, link)

    def _page(
        self, repo: FakeRepository, what: str, found: Sequence[Item], call: Call
    ) -> tuple[Sequence[Item], str]:
        """Return the requested page and its Link header, whose URLs are by id as GitHub's."""
        size = min(max(_number(call, "per_page", 30), 1), 100)
        number = max(_number(call, "page", 1), 1)
        last = max(-(-len(found) // size), 1)
        pages = {"prev": number - 1, "next": number + 1, "last": last, "first": 1}
        if number == 1:
            del pages["prev"], pages["first"]
        if number >= last:
            del pages["next"], pages["last"]
        others = {key: value for key, value in call.query.items() if key != "page"}
        base = f"{self.url}/repositories/{repo.id}/{what}"
        link = ", ".join(
            f'<{base}?{urlencode({**others, "page": page})}>; rel="{relation}"'
            for relation, page in pages.items()
        )
        return found[(number - 1) * size : number * size], link


# ── replies ──────────────────────────────────────────────────────────────────────────────


def _json(body: object, modified: Moment, link: str = "") -> Reply:
    encoded = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    digest = hashlib.sha256(encoded).hexdigest()
    headers = {
        "content-type": "application/json; charset=utf-8",
        "cache-control": "private, max-age=60, s-maxage=60",
        "vary": "Accept, Authorization, Cookie, X-GitHub-OTP",
        "x-github-media-type": "github.v3; format=json",
        "etag": f'W/"{digest}"',
    }
    if isinstance(modified, dt.datetime):
        headers["last-modified"] = format_datetime(modified.astimezone(dt.UTC), usegmt=True)
    if link:
        headers["link"] = link
    return Reply(status=200, headers=headers, body=encoded)


class _Refused(Exception):
    """A reply that is not a 200."""

    def __init__(self, status: int, message: str, **more: object) -> None:
        super().__init__(message)
        headers = {"content-type": "application/json; charset=utf-8"}
        body = json.dumps(bodies.error(status, message, **more)).encode()
        self.reply = Reply(status=status, headers=headers, body=body)


def _revalidate(reply: Reply, call: Call) -> Reply:
    """Return a 304 if the client's validator is current (RFC 9110, section 13.2.2).

    A weak entity tag is strong in the 304, as GitHub's is.
    """
    etag = reply.headers["etag"].removeprefix("W/")
    etags, since = call.headers.get("if-none-match"), call.headers.get("if-modified-since")
    if etags is not None:
        known = etag in {tag.strip().removeprefix("W/") for tag in etags.split(",")}
    elif since is not None and "last-modified" in reply.headers:
        modified = parsedate_to_datetime(reply.headers["last-modified"])
        known = modified <= parsedate_to_datetime(since)
    else:
        known = False
    if not known:
        return reply
    kept = {name: value for name, value in reply.headers.items() if name != "content-type"}
    return Reply(status=304, headers={**kept, "etag": etag})


def _number(call: Call, name: str, default: int) -> int:
    given = call.query.get(name, "")
    return int(given) if given.isascii() and given.isdigit() else default


def _is_since(moment: Moment, since: dt.datetime) -> bool:
    return not isinstance(moment, dt.datetime) or moment >= since


def _reachable(repo: FakeRepository, sha: str) -> list[FakeCommit] | None:
    """Return the commits reachable from ``sha``, in the repository's order."""
    parents = {entry.sha: entry.parents for entry in repo.commits}
    if sha not in parents:
        return None
    seen: set[str] = set()
    waiting = [sha]
    while waiting:
        at = waiting.pop()
        if at not in seen:
            seen.add(at)
            waiting.extend(parents.get(at, ()))
    return [entry for entry in repo.commits if entry.sha in seen]
