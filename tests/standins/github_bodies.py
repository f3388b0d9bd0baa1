"""Bodies of GitHub's REST API: every member that its description requires, with made-up values."""

import datetime as dt
import hashlib
import zlib
from dataclasses import dataclass, field

Json = dict[str, object]
Moment = dt.datetime | str | None
"""A date. Text is sent as it is, so that it can be a date outside the calendar."""

_LONG_AGO = dt.datetime(2015, 5, 1, tzinfo=dt.UTC)

_REPOSITORY_LINKS = {
    "archive": "/{archive_format}{/ref}",
    "assignees": "{/user}",
    "blobs": "/git/blobs{/sha}",
    "branches": "{/branch}",
    "collaborators": "{/collaborator}",
    "comments": "{/number}",
    "commits": "{/sha}",
    "compare": "/{base}...{head}",
    "contents": "/{+path}",
    "contributors": "",
    "deployments": "",
    "downloads": "",
    "events": "",
    "forks": "",
    "git_commits": "{/sha}",
    "git_refs": "{/sha}",
    "git_tags": "{/sha}",
    "hooks": "",
    "issue_comment": "{/number}",
    "issue_events": "{/number}",
    "issues": "{/number}",
    "keys": "{/key_id}",
    "labels": "{/name}",
    "languages": "",
    "merges": "",
    "milestones": "{/number}",
    "notifications": "{?since,all,participating}",
    "pulls": "{/number}",
    "releases": "{/id}",
    "stargazers": "",
    "statuses": "/{sha}",
    "subscribers": "",
    "subscription": "",
    "tags": "",
    "teams": "",
    "trees": "{/sha}",
}
_USER_LINKS = {
    "followers": "",
    "following": "{/other_user}",
    "gists": "{/gist_id}",
    "starred": "{/owner}{/repo}",
    "subscriptions": "",
    "organizations": "",
    "repos": "",
    "events": "{/privacy}",
    "received_events": "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeCommit:
    """A commit. If ``authored`` or ``committed`` is None, GitHub has null for that person."""

    sha: str
    authored: Moment
    committed: Moment
    author: str | None = None
    """A login, or None if the author has no account at GitHub."""
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeContributor:
    """A contributor. ``anonymous`` ones are listed only with ``anon=1``."""

    name: str
    contributions: int
    anonymous: bool = False


@dataclass(slots=True, kw_only=True)
class FakeRepository:
    """A repository of the stand-in. It may be changed at any time."""

    owner: str
    name: str
    id: int = 0
    """0: derived from the name."""
    description: str | None = None
    homepage: str | None = None
    license: str | None = None
    topics: list[str] = field(default_factory=list)
    stars: int = 0
    forks: int = 0
    open_issues: int = 0
    pushed_at: dt.datetime = _LONG_AGO
    updated_at: dt.datetime = _LONG_AGO
    default_branch: str = "main"
    commits: list[FakeCommit] = field(default_factory=list)
    """In the order of ``git log``: the head is first."""
    contributors: list[FakeContributor] = field(default_factory=list)
    """Most commits first."""
    renamed_from: list[str] = field(default_factory=list)
    """Full names that redirect here (301)."""
    archived: bool = False
    archived_at: dt.datetime | None = None
    """Only GraphQL returns it."""
    disabled: bool = False
    empty: bool = False
    headless: bool = False
    """The default branch does not exist, though others may."""
    blocked: bool = False
    """451."""
    dmca_403: bool = False
    """403 with a ``block``."""
    gone: bool = False
    """410."""
    too_large: bool = False
    """403 for its contributors."""

    def __post_init__(self) -> None:
        # Below 2^31, as it is an Int in GraphQL.
        self.id = self.id or 1_000_000 + zlib.crc32(self.full_name.lower().encode()) % 10**9

    @property
    def full_name(self) -> str:
        """``owner/name``."""
        return f"{self.owner}/{self.name}"

    @property
    def has_branch(self) -> bool:
        """Whether there is a commit on the default branch."""
        return bool(self.commits) and not self.empty and not self.headless


def stamp(moment: Moment) -> str | None:
    """Format a date as GitHub does: UTC, whole seconds, Z."""
    if isinstance(moment, dt.datetime):
        return moment.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    return moment


def user(login: str, api: str) -> Json:
    """Return a "simple user"."""
    url = f"{api}/users/{login}"
    return {
        "login": login,
        "id": zlib.crc32(login.encode()),
        "node_id": _node_id("U", login),
        "avatar_url": f"https://avatars.example.invalid/u/{zlib.crc32(login.encode())}?v=4",
        "gravatar_id": "",
        "url": url,
        "html_url": f"https://github.com/{login}",
        **{f"{name}_url": f"{url}/{name}{tail}" for name, tail in _USER_LINKS.items()},
        "type": "User",
        "site_admin": False,
    }


def repository(repo: FakeRepository, api: str) -> Json:
    """Return a "full repository"."""
    url = f"{api}/repos/{repo.full_name}"
    html = f"https://github.com/{repo.full_name}"
    return {
        "id": repo.id,
        "node_id": _node_id("R", str(repo.id)),
        "name": repo.name,
        "full_name": repo.full_name,
        "private": False,
        "owner": user(repo.owner, api),
        "html_url": html,
        "description": repo.description,
        "fork": False,
        "url": url,
        **{f"{name}_url": f"{url}/{name}{tail}" for name, tail in _REPOSITORY_LINKS.items()},
        "created_at": stamp(_LONG_AGO),
        "updated_at": stamp(repo.updated_at),
        "pushed_at": stamp(repo.pushed_at),
        "git_url": f"git://github.com/{repo.full_name}.git",
        "ssh_url": f"git@github.com:{repo.full_name}.git",
        "clone_url": f"{html}.git",
        "svn_url": html,
        "mirror_url": None,
        "homepage": repo.homepage,
        "size": 0 if repo.empty else 100,
        "stargazers_count": repo.stars,
        "watchers_count": repo.stars,
        "watchers": repo.stars,
        "subscribers_count": 1,
        "language": "Python",
        "has_issues": True,
        "has_projects": False,
        "has_wiki": False,
        "has_pages": False,
        "has_discussions": False,
        "forks_count": repo.forks,
        "forks": repo.forks,
        "network_count": repo.forks,
        "archived": repo.archived,
        "disabled": repo.disabled,
        "open_issues_count": repo.open_issues,
        "open_issues": repo.open_issues,
        "license": _license(repo.license, api),
        "allow_forking": True,
        "is_template": False,
        "topics": repo.topics,
        "visibility": "public",
        "default_branch": repo.default_branch,
        "permissions": {"admin": False, "push": False, "pull": True},
    }


def commit(repo: FakeRepository, entry: FakeCommit, api: str) -> Json:
    """Return a "commit" as it is listed."""
    url = f"{api}/repos/{repo.full_name}"
    html = f"https://github.com/{repo.full_name}"
    name = entry.author or "somebody"
    tree = hashlib.sha1(f"tree of {entry.sha}".encode(), usedforsecurity=False).hexdigest()
    return {
        "sha": entry.sha,
        "node_id": _node_id("C", entry.sha),
        "commit": {
            "author": _person(name, entry.authored),
            "committer": _person(name, entry.committed),
            "message": "a commit",
            "tree": {"sha": tree, "url": f"{url}/git/trees/{tree}"},
            "url": f"{url}/git/commits/{entry.sha}",
            "comment_count": 0,
            "verification": {
                "verified": False,
                "reason": "unsigned",
                "signature": None,
                "payload": None,
                "verified_at": None,
            },
        },
        "url": f"{url}/commits/{entry.sha}",
        "html_url": f"{html}/commit/{entry.sha}",
        "comments_url": f"{url}/commits/{entry.sha}/comments",
        "author": user(entry.author, api) if entry.author else None,
        "committer": user(entry.author, api) if entry.author else None,
        "parents": [
            {"sha": sha, "url": f"{url}/commits/{sha}", "html_url": f"{html}/commit/{sha}"}
            for sha in entry.parents
        ],
    }


def contributor(entry: FakeContributor, api: str) -> Json:
    """Return a "contributor"."""
    if entry.anonymous:
        return {
            "email": "somebody@example.invalid",
            "name": entry.name,
            "type": "Anonymous",
            "contributions": entry.contributions,
        }
    return {**user(entry.name, api), "contributions": entry.contributions}


def rate_limit(limit: int, remaining: int, reset: int) -> Json:
    """Return the "rate limit overview". Resources other than ``core`` are unused."""
    core = {"limit": limit, "used": limit - remaining, "remaining": remaining, "reset": reset}
    others = {
        name: {"limit": other, "used": 0, "remaining": other, "reset": reset}
        for name, other in {
            "search": 30,
            "graphql": 5000,
            "code_search": 10,
            "source_import": 100,
            "integration_manifest": 5000,
            "code_scanning_upload": 1000,
            "actions_runner_registration": 10_000,
            "scim": 15_000,
            "dependency_snapshots": 100,
            "dependency_sbom": 100,
            "code_scanning_autofix": 10,
            "copilot_usage_records": 60,
        }.items()
    }
    return {"resources": {"core": core, **others}, "rate": core}


def error(status: int, message: str, **more: object) -> Json:
    """Return a "basic error"."""
    return {
        "message": message,
        "documentation_url": "https://docs.github.com/rest",
        "status": str(status),
        **more,
    }


def _person(name: str, moment: Moment) -> Json | None:
    if moment is None:
        return None
    return {"name": name, "email": f"{name}@example.invalid", "date": stamp(moment)}


def _license(spdx: str | None, api: str) -> Json | None:
    if spdx is None:
        return None
    key = "other" if spdx == "NOASSERTION" else spdx.lower()
    return {
        "key": key,
        "name": f"{spdx} License",
        "spdx_id": spdx,
        "url": None if spdx == "NOASSERTION" else f"{api}/licenses/{key}",
        "node_id": _node_id("L", spdx),
    }


def _node_id(kind: str, name: str) -> str:
    return f"{kind}_{zlib.crc32(name.encode()):08x}"
