"""Decoders for GitHub's REST API: repositories, commits, contributors, and error responses.

Shapes are documented at https://docs.github.com/rest, and statuses there under "Troubleshooting"
and on the page of each endpoint. The readers of single values at the end serve GraphQL too.
Nothing is sent from here.
"""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from pkgharvest.model.errors import (
    Blocked,
    Gone,
    LocatorError,
    Malformed,
    NotFound,
    Unauthorized,
    Unavailable,
)
from pkgharvest.model.json_node import DecodeError, JsonNode, parse_json
from pkgharvest.model.locators import Locator, parse_locator
from pkgharvest.model.observations import Contributor
from pkgharvest.model.package import RepositoryFacts
from pkgharvest.transport.base import Response

Locate = Callable[[str], Locator]
"""Returns the locator of ``owner/name`` on the host that is read, or raises LocatorError."""

API_VERSION = "2022-11-28"

_MAX_MESSAGE_CHARACTERS = 200
_SECOND = dt.timedelta(seconds=1)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_OUTSIDE_CALENDAR = re.compile(r"(?:0000|[+-]\d+|\d{5,})-\d\d-\d\dT")
"""Dates that git can store but a calendar of the years 1 to 9999 cannot."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit, reduced to what the histogram needs."""

    sha: str
    authored: int | None
    """Author date as Unix time, or the committer date if there is no author. None if the commit
    has neither, or one outside the calendar."""
    committed: dt.datetime | None
    """Committer date. None if it is missing or outside the calendar."""
    is_dated: bool
    """The commit has a committer date, though perhaps one outside the calendar."""


def decode_repository(response: Response, locate: Locate | None = None) -> RepositoryFacts:
    """Decode ``GET /repos/{owner}/{repo}``. Raises Malformed with the path to the fault."""
    node = parse_json(response.body, "repository")
    return RepositoryFacts(
        repo_id=str(node["id"].integer()),
        locator=decode_locator(node["full_name"], locate),
        description=node.optional_text("description") or "",
        homepage=(node.optional_text("homepage") or "").strip() or None,
        topics=node.texts("topics"),
        license=known_spdx_id(node.optional_text("license", "spdx_id")),
        stars=node["stargazers_count"].integer(),
        forks=node["forks_count"].integer(),
        open_issues=node["open_issues_count"].integer(),
        default_branch=node["default_branch"].text(),
        archived=node["archived"].boolean(),
        archived_at=None,
        disabled=node["disabled"].boolean(),
        pushed_at=node.optional_instant("pushed_at"),
    )


def decode_commits(response: Response) -> list[Commit]:
    """Decode a page of ``GET …/commits``, newest first. Raises Malformed."""
    commits = []
    for item in parse_json(response.body, "commits").sequence():
        node = item["commit"]
        committed = node.get("committer", "date")
        authored = node.get("author", "date") or committed
        try:
            committed_at = committed.instant() if committed else None
            authored_at = authored.instant() if authored else None
        except DecodeError:
            authored_at, committed_at = decode_git_date(authored), decode_git_date(committed)
        commits.append(
            Commit(
                sha=item["sha"].text(),
                authored=unix_seconds(authored_at),
                committed=committed_at,
                is_dated=committed is not None,
            )
        )
    return commits


def decode_contributors(response: Response) -> list[Contributor | None]:
    """Decode a page of ``GET …/contributors``, most commits first. Raises Malformed.

    None stands for an anonymous contributor, who has no login.
    """
    contributors = []
    for item in parse_json(response.body, "contributors").sequence():
        login, commits = item.optional_text("login"), item["contributions"].integer()
        contributors.append(Contributor(name=login, commits=commits) if login else None)
    return contributors


def require_ok(response: Response, name: str) -> Response:
    """Return ``response`` if its status is 200. Raise what another status means for ``name``.

    ``name`` is ``owner/name`` of the repository. The error quotes what GitHub says, as one short
    printable line.
    """
    if response.status == HTTPStatus.OK:
        return response
    message, block = one_line(_error_member(response, "message")), _error_member(response, "block")
    match response.status:
        case HTTPStatus.NOT_FOUND:
            raise NotFound(f"no repository {name} on GitHub, or it is private")
        case HTTPStatus.GONE if "version" in message.lower():  # the API's, not the repository's
            raise Unavailable(
                f"GitHub no longer serves version {API_VERSION} of its API",
                hint="update pkgharvest",
            )
        case HTTPStatus.GONE:
            raise Gone(f"the repository {name} is gone from GitHub")
        case HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS | HTTPStatus.FORBIDDEN if block:
            reason = one_line(_error_member(response, "block", "reason")) or message
            raise Blocked(f"GitHub blocks access to {name}: {reason or 'no reason given'}")
        case HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS:
            raise Blocked(f"GitHub blocks access to {name}: {message or 'no reason given'}")
        case HTTPStatus.FORBIDDEN:
            raise Unauthorized(f"GitHub refuses access to {name}: {message or 'no reason given'}")
        case HTTPStatus.UNAUTHORIZED:
            raise Unauthorized(
                "GitHub rejected the token, or requires one",
                hint="check that the token is complete and has not expired",
            )
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unavailable(f"GitHub answered {status} for {name}")
        case status:
            raise Malformed(f"GitHub answered {status} for {name}, which is not documented")


def is_contributor_list_refused(response: Response) -> bool:
    """Return whether GitHub refuses to list contributors because there are too many.

    That is a fact about the repository, not a failure.
    """
    if response.status != HTTPStatus.FORBIDDEN:
        return False
    return "too large to list contributors" in one_line(_error_member(response, "message"))


def _error_member(response: Response, *keys: str) -> JsonNode | None:
    """Return the member of an error's body at ``keys``, or None if the body has no such member."""
    try:
        return parse_json(response.body, "error").get(*keys)
    except Malformed:
        return None


# ── values that REST and GraphQL have in common ──────────────────────────────────────────


def decode_locator(full_name: JsonNode, locate: Locate | None = None) -> Locator:
    """Decode ``owner/name``. Raises Malformed if it is anything else."""
    try:
        locator = (locate or _locate_on_github)(full_name.text())
    except LocatorError as error:
        raise DecodeError(full_name.path, "owner/name", full_name.value) from error
    if locator.path != full_name.text():
        raise DecodeError(full_name.path, "owner/name", full_name.value)
    return locator


def _locate_on_github(full_name: str) -> Locator:
    return parse_locator(f"https://github.com/{full_name}")


def known_spdx_id(spdx_id: str | None) -> str | None:
    """Return ``spdx_id``, or None if GitHub could not tell which license it is."""
    return None if spdx_id in {"", "NOASSERTION"} else spdx_id


def decode_git_date(node: JsonNode | None) -> dt.datetime | None:
    """Decode a date from git's history. Return None if it is missing or outside the calendar.

    Raises Malformed if it is not a date.
    """
    try:
        return node.instant() if node else None
    except DecodeError:
        if node and isinstance(node.value, str) and _OUTSIDE_CALENDAR.match(node.value):
            return None
        raise


def unix_seconds(instant: dt.datetime | None) -> int | None:
    """Return ``instant`` as Unix time."""
    return None if instant is None else (instant - _EPOCH) // _SECOND


def one_line(node: JsonNode | None) -> str:
    """Return foreign text as one printable line of bounded length, or "" if it is not text."""
    text = node.value if node and isinstance(node.value, str) else ""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line[:_MAX_MESSAGE_CHARACTERS].rstrip(". ")
