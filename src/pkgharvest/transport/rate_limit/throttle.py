"""Recognizing responses that mean "too many requests".

Hosts say it in many ways: status 429, GitHub's two kinds of 403, and a GraphQL 200 with an error
inside. A 403 about permissions, a blocked repository or a history that is too large is not one.
"""

import json
import re
from dataclasses import dataclass
from http import HTTPStatus

from pkgharvest.transport.base import Response

_RATE_LIMIT_WORDS = re.compile(rb"rate[ _-]?limit|abuse detection", re.IGNORECASE)

_MAX_SEARCHED_BYTES = 4096
"""Of a body that is not JSON."""


@dataclass(frozen=True, slots=True)
class Throttle:
    """A host's refusal. ``whole_host`` is False if only one of its quotas is used up."""

    whole_host: bool


def detect_throttle(response: Response, resource: str, remaining: int | None) -> Throttle | None:
    """Return how ``response`` refuses the request, or None if it does not.

    ``resource`` is the quota that the request counts against, ``remaining`` what the response
    reports is left of it. The rules are those of "Rate limits for the REST API" and "Rate limits
    and query limits for the GraphQL API" on docs.github.com.
    """
    used_up = remaining == 0
    is_graphql_refusal = False
    match response.status:
        case HTTPStatus.TOO_MANY_REQUESTS:
            refused = True
        case HTTPStatus.FORBIDDEN:
            refused = used_up or "retry-after" in response.headers or _mentions_limit(response.body)
        case HTTPStatus.OK if resource == "graphql":
            refused = is_graphql_refusal = _has_graphql_limit_error(response.body)
        case _:
            refused = False
    # Some points may be left, but fewer than the query costs.
    only_this_quota = used_up or (
        is_graphql_refusal and bool(remaining) and "retry-after" not in response.headers
    )
    return Throttle(whole_host=not only_this_quota) if refused else None


def _mentions_limit(body: bytes) -> bool:
    """Tell whether the body of a 403 is about a rate limit, as GitHub's JSON or as plain text."""
    match _parse_json(body):
        case dict() as error:
            return _is_about_limits(f"{error.get('message')} {error.get('documentation_url')}")
        case _:
            return _RATE_LIMIT_WORDS.search(body[:_MAX_SEARCHED_BYTES]) is not None


def _has_graphql_limit_error(body: bytes) -> bool:
    # Searched first: to parse every response twice would cost more than everything else.
    if not _RATE_LIMIT_WORDS.search(body):
        return False
    match _parse_json(body):
        case {"errors": [*errors]}:
            return any(_is_limit_error(error) for error in errors)
        case _:
            return False


def _is_limit_error(error: object) -> bool:
    match error:
        case {"type": "RATE_LIMITED" | "RATE_LIMIT"}:
            return True
        case {"path": _}:
            return False  # about one field, whatever its message
        case {"message": str(message)}:
            return _is_about_limits(message)
        case _:
            return False


def _is_about_limits(text: str) -> bool:
    return _RATE_LIMIT_WORDS.search(text.encode("utf-8", "replace")) is not None


def _parse_json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
