"""What GitHub's REST answers say: a repository, a page of commits, and why there is none.

Shapes are those of https://docs.github.com/rest; what each status means is there too, under
"Troubleshooting" and on each endpoint's page. Nothing is sent from here.
"""

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

from pkgharvest.model import json_node, locators
from pkgharvest.model.errors import (
    Blocked,
    Gone,
    LocatorError,
    Malformed,
    NotFound,
    Unauthorized,
    Unavailable,
)
from pkgharvest.model.json_node import DecodeError, JsonNode
from pkgharvest.model.locators import Locator
from pkgharvest.model.observations import Contributor, RepositoryFacts
from pkgharvest.transport.base import Response

API_VERSION = "2022-11-28"
_LONGEST_MESSAGE = 200
_SECOND = dt.timedelta(seconds=1)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NO_CALENDAR = re.compile(r"(?:0000|[+-]\d+|\d{5,})-\d\d-\d\dT")
"""Dates that git can hold and a calendar of the years 1 to 9999 cannot."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit, as far as the histogram needs it."""

    sha: str
    authored: int | None
    """Author date as Unix time, or the committer's where there is none; None: in no window."""
    committed: dt.datetime | None
    """Committer date; None where no calendar has it, or where it is not told."""
    is_told: bool
    """A committer date is there, if perhaps one that no calendar has."""


def repository(answer: Response) -> RepositoryFacts:
    """Read ``GET /repos/{owner}/{repo}``. Raises Malformed, which says what is wrong and where."""
    told = json_node.parse_json(answer.body, "repository")
    licence, topics, pushed_at = (told.get(key) for key in ("license", "topics", "pushed_at"))
    return RepositoryFacts(
        repo_id=str(told["id"].integer()),
        locator=locator(told["full_name"]),
        description=text(told.get("description")),
        homepage=text(told.get("homepage")).strip() or None,
        topics=tuple(topic.text() for topic in topics.sequence()) if topics else (),
        license=spdx(licence.get("spdx_id") if licence else None),
        stars=told["stargazers_count"].integer(),
        forks=told["forks_count"].integer(),
        open_issues=told["open_issues_count"].integer(),
        default_branch=told["default_branch"].text(),
        archived=told["archived"].boolean(),
        archived_at=None,
        disabled=told["disabled"].boolean(),
        pushed_at=pushed_at.instant() if pushed_at else None,
    )


def commits(answer: Response) -> Iterator[Commit]:
    """Read a page of ``GET …/commits``, newest first. Raises Malformed."""
    for item in json_node.parse_json(answer.body, "commits").sequence():
        author, committer = item["commit"].get("author"), item["commit"].get("committer")
        committed = committer.get("date") if committer else None
        authored = (author.get("date") if author else None) or committed
        yield Commit(
            sha=item["sha"].text(),
            authored=seconds(on_calendar(authored)),
            committed=on_calendar(committed),
            is_told=committed is not None,
        )


def contributors(answer: Response) -> list[Contributor | None]:
    """Read a page of ``GET …/contributors``; None stands for an anonymous one. Raises Malformed."""
    people: list[Contributor | None] = []
    for item in json_node.parse_json(answer.body, "contributors").sequence():
        login, contributed = text(item.get("login")), item["contributions"].integer()
        people.append(Contributor(name=login, commits=contributed) if login else None)
    return people


def whole(answer: Response, name: str) -> Response:
    """Return ``answer`` where it is a 200; raise what another status means for ``name``."""
    if answer.status == HTTPStatus.OK:
        return answer
    message, block = line(_said(answer, "message")), _said(answer, "block")
    match answer.status:
        case HTTPStatus.NOT_FOUND:
            raise NotFound(f"GitHub has no repository {name}, or none that it shows to us")
        case HTTPStatus.GONE if "version" in message.lower():  # the API's, not the repository's
            raise Unavailable(
                f"GitHub no longer serves version {API_VERSION} of its API",
                hint="update pkgharvest",
            )
        case HTTPStatus.GONE:
            raise Gone(f"the repository {name} is gone from GitHub")
        case HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS | HTTPStatus.FORBIDDEN if block:
            reason = line(_said(answer, "block", "reason")) or message
            raise Blocked(f"GitHub blocks access to {name}: {reason or 'no reason given'}")
        case HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS:
            raise Blocked(f"GitHub blocks access to {name}: {message or 'no reason given'}")
        case HTTPStatus.FORBIDDEN:
            raise Unauthorized(f"GitHub refuses access to {name}: {message or 'no reason given'}")
        case HTTPStatus.UNAUTHORIZED:
            raise Unauthorized(
                "GitHub refused the credentials, or wants some",
                hint="is a token missing, mistyped or expired?",
            )
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unavailable(f"GitHub answered {status} for {name}")
        case status:
            raise Malformed(f"GitHub answered {status} for {name}, which has no meaning there")


def lists_too_many(answer: Response) -> bool:
    """Tell whether ``answer`` refuses contributors because there are too many: no failure."""
    told = answer.status == HTTPStatus.FORBIDDEN and line(_said(answer, "message"))
    return bool(told) and "too large to list contributors" in str(told)


def _said(answer: Response, *keys: str) -> JsonNode | None:
    """Return what an error's body has at ``keys``; None where it has not, or is no JSON."""
    try:
        node: JsonNode | None = json_node.parse_json(answer.body, "error")
        for key in keys:
            node = node.get(key) if node else None
    except Malformed:
        return None
    return node


# ── values that every answer of GitHub has, over REST and over GraphQL ───────────────────


def locator(full_name: JsonNode) -> Locator:
    """Read ``owner/name``. Raises Malformed."""
    try:
        found = locators.parse_locator(f"https://github.com/{full_name.text()}")
    except LocatorError as error:
        raise DecodeError(full_name.path, "owner/name", full_name.value) from error
    if found.path != full_name.text():
        raise DecodeError(full_name.path, "owner/name", full_name.value)
    return found


def spdx(node: JsonNode | None) -> str | None:
    """Read an SPDX id; None where there is none, or where GitHub cannot tell which."""
    told = text(node)
    return None if told in {"", "NOASSERTION"} else told


def on_calendar(date: JsonNode | None) -> dt.datetime | None:
    """Read a date of git's; None where there is none, or where no calendar has it."""
    if date is None:
        return None
    try:
        return date.instant()
    except DecodeError:
        if isinstance(date.value, str) and _NO_CALENDAR.match(date.value):
            return None
        raise


def seconds(moment: dt.datetime | None) -> int | None:
    """Return ``moment`` as Unix time."""
    return None if moment is None else (moment - _EPOCH) // _SECOND


def text(node: JsonNode | None) -> str:
    """Read a string that may be null, or left out."""
    return node.text() if node else ""


def line(node: JsonNode | None) -> str:
    """Return foreign text as one line, printable and bounded; "" where it is no text."""
    foreign = node.value if node and isinstance(node.value, str) else ""
    shown = " ".join("".join(c if c.isprintable() else " " for c in foreign).split())
    return shown[:_LONGEST_MESSAGE].rstrip(". ")
