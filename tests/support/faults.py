"""Ways in which a host can misbehave, and what a user sees: the table of fault cases.

A case is one way to misbehave. A ``FaultPoint`` is where it happens: a host or a part of its API.
The outcome of a case is the same at every point except those in ``special_outcomes``,
which have their own outcome or the reason why the case does not apply there.
"""

import dataclasses
import functools
import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pkgharvest.model.errors import ErrorKind
from tests.standins.server import Fault

FaultPoint = Literal["rest", "commits", "contributors", "graphql", "withheld", "pypi", "pypistats"]
"""Where a fault happens.

``rest``: all requests to GitHub without a token; ``commits`` and ``contributors``: these only.
``graphql``: all requests to GitHub with a token; ``withheld``: GraphQL returns no repository, and
REST is asked why.
"""

FAULT_POINTS: tuple[FaultPoint, ...] = (
    "rest",
    "commits",
    "contributors",
    "graphql",
    "withheld",
    "pypi",
    "pypistats",
)

OTHER_HOST = "http://stranger.invalid"
"""A placeholder in ``Location`` for another host, whose URL is known once it runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a fault leads to."""

    code: int
    kind: ErrorKind | None
    """Kind of the failure in the report; None: the source did not fail."""
    message: str = ""
    """Part of standard error."""
    requests: int | None = 1
    """Number of requests that met the fault; None: not counted."""
    status: str = "active"
    """Status of the package afterwards."""
    stopped: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultCase:
    """A way to misbehave, and its outcome."""

    name: str
    outcome: Outcome
    fault: Fault | None = None
    """None: connections are refused."""
    special_outcomes: Mapping[FaultPoint, Outcome | str] = field(default_factory=dict)


def applicable_cases() -> Iterator[tuple[FaultCase, FaultPoint, Outcome]]:
    """Yield every case with every point to which it applies."""
    for fault_case in FAULT_CASES:
        for point in FAULT_POINTS:
            outcome = fault_case.special_outcomes.get(point, fault_case.outcome)
            if point == "graphql" and isinstance(outcome, Outcome) and "JSON" in outcome.message:
                # A truncated body is requested again.
                outcome = dataclasses.replace(outcome, requests=2)
            if isinstance(outcome, Outcome) and (
                point != "withheld" or _concerns_withheld(fault_case)
            ):
                yield fault_case, point, outcome


def _concerns_withheld(fault_case: FaultCase) -> bool:
    """Return whether ``fault_case`` explains a withheld repository or redirects a token.

    All other cases are the same as REST without a token.
    """
    return fault_case.name.startswith("4") or fault_case.fault == REDIRECT_AWAY


# ── outcomes ─────────────────────────────────────────────────────────────────────────────

MALFORMED = Outcome(code=3, kind="malformed")
UNAVAILABLE = Outcome(code=3, kind="unavailable", requests=3)
TIMEOUT = Outcome(code=3, kind="timeout", requests=None)
REJECTED = Outcome(code=4, kind="unauthorized")
QUOTA = Outcome(code=5, kind=None, message=" until ", stopped="quota")
NO_FAILURE = Outcome(code=0, kind=None)


def _with_message(outcome: Outcome, message: str) -> Outcome:
    return dataclasses.replace(outcome, message=message)


def _at(*points: FaultPoint, outcome: Outcome | str) -> dict[FaultPoint, Outcome | str]:
    return dict.fromkeys(points, outcome)


# ── faults ───────────────────────────────────────────────────────────────────────────────

_JSON = {"content-type": "application/json"}
_HTML = {"content-type": "text/html"}
_HTML_BODY = (
    b"<!doctype html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
)
_QUOTA_BODY = {"message": "API rate limit exceeded for 127.0.0.1."}
_SECONDARY_LIMIT_BODY = {
    "message": "You have exceeded a secondary rate limit. Please wait a few minutes."
}
_NO_RIGHTS_BODY = {"message": "Resource not accessible by personal access token"}
_BLOCKED_BODY = {"message": "Repository access blocked", "block": {"reason": "dmca"}}


def _json_response(status: int, body: object = None, **headers: str) -> Fault:
    """Return a response with a JSON body; ``headers`` have ``_`` for ``-``."""
    more_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(status=status, headers=_JSON | more_headers, body=json.dumps(body or {}).encode())


def _json_body(body: bytes, **headers: str) -> Fault:
    """Return a 200 with a JSON content type and any ``body``."""
    more_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(status=200, headers=_JSON | more_headers, body=body)


REDIRECT_AWAY = _json_response(307, location=OTHER_HOST)

_WRONG_TYPES = {
    # GitHub REST
    "id": "seven",
    "full_name": ["octo", "cat"],
    "stargazers_count": "many",
    # GitHub GraphQL
    "data": [3],
    # PyPI
    "meta": {"api-version": 1, "_last-serial": []},
    "files": {"0": None},
    # pypistats
    "package": 3,
}

_NOT_FOR_PARTS_OF_REST = _at("commits", "contributors", outcome="the same connection as for rest")
_NOT_FOR_PARTS = _at(
    "commits", "contributors", outcome="the status is about a repository, not a part of it"
)
_NO_GRAPHQL_RESPONSE = _with_message(MALFORMED, "where GraphQL was expected")


@functools.cache
def hundred_megabytes(*, packed: bool) -> bytes:
    """Return a body of 100 MB, or with ``packed`` ten times as much in gzip."""
    body = b" " * 100_000_000
    return gzip.compress(body, compresslevel=1) * 10 if packed else body


# ── the table ────────────────────────────────────────────────────────────────────────────

FAULT_CASES: tuple[FaultCase, ...] = (
    FaultCase(name="500", fault=_json_response(500), outcome=_with_message(UNAVAILABLE, "500")),
    FaultCase(
        name="502 with HTML",
        fault=Fault(status=502, headers=_HTML, body=_HTML_BODY),
        outcome=_with_message(UNAVAILABLE, "502"),
        # GitHub responds so to a query that is too large: REST is used instead of another try.
        special_outcomes={
            "graphql": dataclasses.replace(UNAVAILABLE, message="502", requests=1 + 3)
        },
    ),
    FaultCase(name="503", fault=_json_response(503), outcome=_with_message(UNAVAILABLE, "503")),
    FaultCase(
        name="503 for a second",
        fault=_json_response(503, retry_after="1"),
        outcome=_with_message(UNAVAILABLE, "503"),
    ),
    FaultCase(
        name="503 for an hour",
        fault=_json_response(503, retry_after="3600"),
        outcome=dataclasses.replace(UNAVAILABLE, message="503", requests=1),
    ),
    FaultCase(name="429", fault=_json_response(429, retry_after="3600"), outcome=QUOTA),
    FaultCase(name="429 with HTML", fault=Fault(status=429, headers=_HTML), outcome=QUOTA),
    FaultCase(
        name="403: quota exhausted",
        fault=_json_response(
            403,
            _QUOTA_BODY,
            x_ratelimit_remaining="0",
            x_ratelimit_limit="60",
            x_ratelimit_reset="1771189000",  # half an hour after the fault
        ),
        outcome=QUOTA,
    ),
    FaultCase(
        name="403: secondary limit for an hour",
        fault=_json_response(403, _SECONDARY_LIMIT_BODY, retry_after="3600"),
        outcome=QUOTA,
    ),
    FaultCase(
        name="403: secondary limit", fault=_json_response(403, _SECONDARY_LIMIT_BODY), outcome=QUOTA
    ),
    FaultCase(
        name="403: no rights",
        fault=_json_response(403, _NO_RIGHTS_BODY),
        outcome=_with_message(REJECTED, "refuse"),
    ),
    FaultCase(
        name="403: blocked",
        fault=_json_response(403, _BLOCKED_BODY),
        outcome=Outcome(code=3, kind="blocked", message="dmca", status="blocked"),
        special_outcomes={
            **_NOT_FOR_PARTS,
            "graphql": "the status is about one repository, a query about many",
            "pypi": "only GitHub blocks so",
            "pypistats": "only GitHub blocks so",
        },
    ),
    FaultCase(
        name="401",
        fault=_json_response(401, {"message": "Bad credentials"}),
        outcome=_with_message(REJECTED, "reject"),
        special_outcomes=_at("pypi", "pypistats", outcome=_with_message(REJECTED, "refuse")),
    ),
    FaultCase(
        name="404",
        fault=_json_response(404, {"message": "Not Found"}),
        outcome=Outcome(code=3, kind="not_found", message="no "),
        special_outcomes={
            # A server without GraphQL: REST is used instead.
            "graphql": Outcome(code=3, kind="not_found", message="no ", requests=2),
            # pypistats responds so for a project without downloads.
            "pypistats": NO_FAILURE,
        },
    ),
    FaultCase(
        name="410",
        fault=_json_response(410),
        outcome=Outcome(code=3, kind="gone", message="gone", status="gone"),
        special_outcomes={
            **_NOT_FOR_PARTS,
            "graphql": _NO_GRAPHQL_RESPONSE,
            **_at("pypi", "pypistats", outcome=Outcome(code=3, kind="gone", message="gone")),
        },
    ),
    FaultCase(
        name="451",
        fault=_json_response(451),
        outcome=Outcome(code=3, kind="blocked", message="block", status="blocked"),
        special_outcomes={
            **_NOT_FOR_PARTS,
            "graphql": _NO_GRAPHQL_RESPONSE,
            **_at(
                "pypi",
                "pypistats",
                outcome=Outcome(code=3, kind="blocked", message="legal reasons"),
            ),
        },
    ),
    FaultCase(name="202", fault=_json_response(202), outcome=_with_message(MALFORMED, "202")),
    FaultCase(
        name="connection refused",
        outcome=dataclasses.replace(UNAVAILABLE, message="no connection to ", requests=None),
        special_outcomes=_at("commits", "contributors", outcome="they are not hosts"),
    ),
    FaultCase(
        name="closed without a response",
        fault=Fault(drop=True),
        outcome=_with_message(UNAVAILABLE, "the connection to "),
    ),
    FaultCase(
        name="closed within the body",
        fault=Fault(cut=9),
        outcome=_with_message(UNAVAILABLE, "the connection to "),
    ),
    FaultCase(
        name="reset within the body",
        fault=Fault(cut=9, reset=True),
        outcome=_with_message(UNAVAILABLE, "the connection to "),
    ),
    FaultCase(
        name="no response",
        fault=Fault(delay=1e6),
        outcome=_with_message(TIMEOUT, " was silent for "),
        special_outcomes=_NOT_FOR_PARTS_OF_REST,
    ),
    FaultCase(
        name="a body that arrives too slowly",
        fault=Fault(drip=0.01),
        outcome=dataclasses.replace(TIMEOUT, message=" sent no complete response in ", requests=3),
        special_outcomes=_NOT_FOR_PARTS_OF_REST,
    ),
    FaultCase(
        name="an empty body",
        fault=_json_body(b""),
        outcome=_with_message(MALFORMED, "not valid JSON"),
    ),
    FaultCase(
        name="truncated JSON",
        fault=_json_body(b'{"id": 7, "full_name": "octo/c'),
        outcome=_with_message(MALFORMED, "not valid JSON"),
    ),
    FaultCase(
        name="not JSON",
        fault=_json_body(_HTML_BODY),
        outcome=_with_message(MALFORMED, "not valid JSON"),
    ),
    FaultCase(
        name="HTML with status 200",
        fault=Fault(status=200, headers=_HTML, body=_HTML_BODY),
        outcome=_with_message(MALFORMED, "JSON"),
    ),
    FaultCase(
        name="not UTF-8",
        fault=_json_body(b'{"id": "\xff\xfe\xe9"}'),
        outcome=_with_message(MALFORMED, "not valid JSON"),
    ),
    FaultCase(
        name="deeply nested JSON",
        fault=_json_body(b"[" * 100_000),
        outcome=_with_message(MALFORMED, "not valid JSON"),
    ),
    FaultCase(
        name="null", fault=_json_body(b"null"), outcome=_with_message(MALFORMED, "expected ")
    ),
    FaultCase(
        name="a number", fault=_json_body(b"42"), outcome=_with_message(MALFORMED, "expected ")
    ),
    FaultCase(
        name="a list of numbers",
        fault=_json_body(b"[1, 2]"),
        outcome=_with_message(MALFORMED, "expected "),
    ),
    FaultCase(
        name="fields of the wrong type",
        fault=_json_body(json.dumps(_WRONG_TYPES).encode()),
        outcome=_with_message(MALFORMED, "expected "),
    ),
    FaultCase(
        name="not gzip",
        fault=_json_body(b"{}", content_encoding="gzip"),
        outcome=_with_message(MALFORMED, "not gzip"),
    ),
    FaultCase(
        name="a redirect loop",
        fault=_json_response(308, location="/loop"),
        outcome=dataclasses.replace(MALFORMED, message="redirects in a loop", requests=2),
        special_outcomes=_at("commits", "contributors", outcome="the loop leaves the faulty part"),
    ),
    FaultCase(
        name="a redirect without a location",
        fault=Fault(status=302, headers={}),
        outcome=_with_message(MALFORMED, "without a target"),
        # Only 307 and 308 redirect a POST.
        special_outcomes={"graphql": _NO_GRAPHQL_RESPONSE},
    ),
    FaultCase(
        name="a redirect to another host",
        fault=REDIRECT_AWAY,
        outcome=_with_message(MALFORMED, "expected "),
    ),
)
