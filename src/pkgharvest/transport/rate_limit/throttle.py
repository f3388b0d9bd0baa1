"""Telling an answer that says "too many requests" from every other answer.

Hosts say it in many ways: 429, GitHub's two kinds of 403, GraphQL's 200 with an error inside.
A 403 about rights, a block or a history that is too large is none of them.
"""

import json
import re
from dataclasses import dataclass
from http import HTTPStatus

from pkgharvest.transport.base import Response

_SPEAKS_OF_LIMITS = re.compile(rb"rate[ _-]?limit|abuse detection", re.IGNORECASE)

_ENOUGH = 4096
"""Bytes of a body that is not JSON which are looked at."""


@dataclass(frozen=True, slots=True)
class Throttle:
    """A host's refusal; ``whole_host`` is False where only one of its quotas is used up."""

    whole_host: bool


def detect_throttle(answer: Response, resource: str, remaining: int | None) -> Throttle | None:
    """Return how ``answer`` refuses, or None where it does not.

    ``resource`` is what the request counted against, ``remaining`` what the answer's headers
    say is left of it. "Rate limits for the REST API" in GitHub's documentation has the rules.
    """
    used_up = remaining == 0
    primary = False
    match answer.status:
        case HTTPStatus.TOO_MANY_REQUESTS:
            refused = True
        case HTTPStatus.FORBIDDEN:
            refused = used_up or "retry-after" in answer.headers or _speaks(answer.body)
        case HTTPStatus.OK if resource == "graphql":
            refused = primary = _graphql_speaks(answer.body)
        case _:
            refused = False
    # What is left of points may be less than a query costs.
    own_quota = used_up or (primary and bool(remaining) and "retry-after" not in answer.headers)
    return Throttle(whole_host=not own_quota) if refused else None


def _speaks(body: bytes) -> bool:
    """Say whether the body of a 403 speaks of a rate limit, in GitHub's shape or in words."""
    match _parsed(body):
        case dict() as error:
            return _limit_in(f"{error.get('message')} {error.get('documentation_url')}")
        case _:
            return _SPEAKS_OF_LIMITS.search(body[:_ENOUGH]) is not None


def _graphql_speaks(body: bytes) -> bool:
    # Looked at first, as parsing every answer a second time would cost more than all the rest.
    if not _SPEAKS_OF_LIMITS.search(body):
        return False
    match _parsed(body):
        case {"errors": [*errors]}:
            return any(_is_limit(error) for error in errors)
        case _:
            return False


def _is_limit(error: object) -> bool:
    match error:
        case {"type": "RATE_LIMITED" | "RATE_LIMIT"}:
            return True
        case {"path": _}:
            return False  # about one field, whatever it says
        case {"message": str(message)}:
            return _limit_in(message)
        case _:
            return False


def _limit_in(text: str) -> bool:
    return _SPEAKS_OF_LIMITS.search(text.encode("utf-8", "replace")) is not None


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
