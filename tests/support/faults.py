"""What can be wrong with a host, and what a user is to see of it: the table of faults.

A row is one way to misbehave. A ``Place`` is where it happens: a host, or a part of one. For each
row ``END`` is what comes of it, the same at every place but those named in ``elsewhere``, where
there may also be the reason why the row makes no sense there.
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

Place = Literal["rest", "commits", "contributors", "graphql", "withheld", "pypi", "pypistats"]
"""``rest``: GitHub without a token, all of it; ``commits`` and ``contributors`` only that part.
``graphql``: GitHub with a token, all of it; ``withheld``: GraphQL does not tell of the repository,
and REST is asked why."""

PLACES: tuple[Place, ...] = (
    "rest",
    "commits",
    "contributors",
    "graphql",
    "withheld",
    "pypi",
    "pypistats",
)

STRANGER = "http://stranger.invalid"
"""Stands in a ``Location`` for another host, whose address is known only when it is up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What comes of a fault."""

    code: int
    kind: ErrorKind | None
    """Of the failure in the run's record; None: no failure of the source."""
    says: str = ""
    """Part of the line on standard error."""
    tries: int | None = 1
    """Requests that met the fault; None where nobody can count them."""
    status: str = "active"
    """Of the package."""
    stopped: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A way to misbehave, and what comes of it."""

    name: str
    end: End
    fault: Fault | None = None
    """None: nobody listens."""
    elsewhere: Mapping[Place, End | str] = field(default_factory=dict)


def cells() -> Iterator[tuple[Row, Place, End]]:
    """Go through the table: each row at each place where it makes sense."""
    for row in ROWS:
        for place in PLACES:
            end = row.elsewhere.get(place, row.end)
            if place == "graphql" and isinstance(end, End) and "JSON" in end.says:
                end = dataclasses.replace(end, tries=2)  # it may come whole another time
            if isinstance(end, End) and (place != "withheld" or _concerns_withheld(row)):
                yield row, place, end


def _concerns_withheld(row: Row) -> bool:
    """Tell whether ``row`` says why a repository is withheld, or leads a token astray.

    All else is REST as it is without a token.
    """
    return row.name.startswith("4") or row.fault == AWAY


# ── what may come of it ──────────────────────────────────────────────────────────────────

MALFORMED = End(code=3, kind="malformed")
UNAVAILABLE = End(code=3, kind="unavailable", tries=3)
TIMEOUT = End(code=3, kind="timeout", tries=None)
REFUSED = End(code=4, kind="unauthorized")
QUOTA = End(code=5, kind=None, says=" until ", stopped="quota")
NOTHING_NEW = End(code=0, kind=None)


def _says(end: End, says: str) -> End:
    return dataclasses.replace(end, says=says)


def _at(*places: Place, end: End | str) -> dict[Place, End | str]:
    return dict.fromkeys(places, end)


# ── how a host misbehaves ────────────────────────────────────────────────────────────────

_JSON = {"content-type": "application/json"}
_HTML = {"content-type": "text/html"}
_PAGE = b"<!doctype html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
_LIMIT = {"message": "API rate limit exceeded for 127.0.0.1."}
_SECONDARY = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes."}
_NO_RIGHTS = {"message": "Resource not accessible by personal access token"}
_BLOCK = {"message": "Repository access blocked", "block": {"reason": "dmca"}}


def _said(status: int, body: object = None, **headers: str) -> Fault:
    """Return a refusal in JSON; ``headers`` have ``_`` for ``-``."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(status=status, headers=_JSON | more, body=json.dumps(body or {}).encode())


def _answers(body: bytes, **headers: str) -> Fault:
    """Return a 200 that says it is JSON."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(status=200, headers=_JSON | more, body=body)


AWAY = _said(307, location=STRANGER)

_WRONG_TYPES = {
    # of GitHub's repository
    "id": "seven",
    "full_name": ["octo", "cat"],
    "stargazers_count": "many",
    # of GraphQL's answer
    "data": [3],
    # of PyPI's
    "meta": {"api-version": 1, "_last-serial": []},
    "files": {"0": None},
    # of pypistats's
    "package": 3,
}

_SLOW_PARTS = _at("commits", "contributors", end="it is the same wire as all of REST's")
_NO_PART = _at("commits", "contributors", end="it speaks of a repository, not of a part of one")
_API_ITSELF = _says(MALFORMED, "where GraphQL was expected")


@functools.cache
def hundred_megabytes(*, packed: bool) -> bytes:
    """Return a body of 100 MB; ``packed``, ten times as much in gzip."""
    body = b" " * 100_000_000
    return gzip.compress(body, compresslevel=1) * 10 if packed else body


# ── the table ────────────────────────────────────────────────────────────────────────────

ROWS: tuple[Row, ...] = (
    Row(name="500", fault=_said(500), end=_says(UNAVAILABLE, "500")),
    Row(
        name="502 with HTML",
        fault=Fault(status=502, headers=_HTML, body=_PAGE),
        end=_says(UNAVAILABLE, "502"),
        # A query that is too large is answered so: it is not sent again, REST is asked instead.
        elsewhere={"graphql": dataclasses.replace(UNAVAILABLE, says="502", tries=1 + 3)},
    ),
    Row(name="503", fault=_said(503), end=_says(UNAVAILABLE, "503")),
    Row(
        name="503 for a second",
        fault=_said(503, retry_after="1"),
        end=_says(UNAVAILABLE, "503"),
    ),
    Row(
        name="503 for an hour",
        fault=_said(503, retry_after="3600"),
        end=dataclasses.replace(UNAVAILABLE, says="503", tries=1),
    ),
    Row(name="429", fault=_said(429, retry_after="3600"), end=QUOTA),
    Row(name="429 in HTML, of no length", fault=Fault(status=429, headers=_HTML), end=QUOTA),
    Row(
        name="403: the quota is used up",
        fault=_said(
            403,
            _LIMIT,
            x_ratelimit_remaining="0",
            x_ratelimit_limit="60",
            x_ratelimit_reset="1771189000",  # half an hour after the fault
        ),
        end=QUOTA,
    ),
    Row(
        name="403: too fast, come back in an hour",
        fault=_said(403, _SECONDARY, retry_after="3600"),
        end=QUOTA,
    ),
    Row(name="403: too fast", fault=_said(403, _SECONDARY), end=QUOTA),
    Row(
        name="403: no rights",
        fault=_said(403, _NO_RIGHTS),
        end=_says(REFUSED, "refuse"),
    ),
    Row(
        name="403: blocked",
        fault=_said(403, _BLOCK),
        end=End(code=3, kind="blocked", says="dmca", status="blocked"),
        elsewhere={
            **_NO_PART,
            "graphql": "it speaks of a repository, and a query is about many",
            "pypi": "GitHub's alone",
            "pypistats": "GitHub's alone",
        },
    ),
    Row(
        name="401",
        fault=_said(401, {"message": "Bad credentials"}),
        end=_says(REFUSED, "reject"),
        elsewhere=_at("pypi", "pypistats", end=_says(REFUSED, "refuse")),
    ),
    Row(
        name="404",
        fault=_said(404, {"message": "Not Found"}),
        end=End(code=3, kind="not_found", says="no "),
        elsewhere={
            # A server without GraphQL: REST is asked instead.
            "graphql": End(code=3, kind="not_found", says="no ", tries=2),
            # It says so of a project that nobody downloads.
            "pypistats": NOTHING_NEW,
        },
    ),
    Row(
        name="410",
        fault=_said(410),
        end=End(code=3, kind="gone", says="gone", status="gone"),
        elsewhere={
            **_NO_PART,
            "graphql": _API_ITSELF,
            **_at("pypi", "pypistats", end=End(code=3, kind="gone", says="gone")),
        },
    ),
    Row(
        name="451",
        fault=_said(451),
        end=End(code=3, kind="blocked", says="block", status="blocked"),
        elsewhere={
            **_NO_PART,
            "graphql": _API_ITSELF,
            **_at("pypi", "pypistats", end=End(code=3, kind="blocked", says="legal reasons")),
        },
    ),
    Row(name="202", fault=_said(202), end=_says(MALFORMED, "202")),
    Row(
        name="connection refused",
        end=dataclasses.replace(UNAVAILABLE, says="no connection to ", tries=None),
        elsewhere=_at("commits", "contributors", end="they are no hosts"),
    ),
    Row(
        name="closed without a word",
        fault=Fault(drop=True),
        end=_says(UNAVAILABLE, "the connection to "),
    ),
    Row(
        name="closed in mid-body",
        fault=Fault(cut=9),
        end=_says(UNAVAILABLE, "the connection to "),
    ),
    Row(
        name="reset in mid-body",
        fault=Fault(cut=9, reset=True),
        end=_says(UNAVAILABLE, "the connection to "),
    ),
    Row(
        name="silence",
        fault=Fault(delay=1e6),
        end=_says(TIMEOUT, " was silent for "),
        elsewhere=_SLOW_PARTS,
    ),
    Row(
        name="a slow drip",
        fault=Fault(drip=0.01),
        end=dataclasses.replace(TIMEOUT, says=" sent no complete response in ", tries=3),
        elsewhere=_SLOW_PARTS,
    ),
    Row(name="nothing, and 200", fault=_answers(b""), end=_says(MALFORMED, "not valid JSON")),
    Row(
        name="truncated JSON",
        fault=_answers(b'{"id": 7, "full_name": "octo/c'),
        end=_says(MALFORMED, "not valid JSON"),
    ),
    Row(name="no JSON", fault=_answers(_PAGE), end=_says(MALFORMED, "not valid JSON")),
    Row(
        name="HTML, and 200",
        fault=Fault(status=200, headers=_HTML, body=_PAGE),
        end=_says(MALFORMED, "JSON"),
    ),
    Row(
        name="no UTF-8",
        fault=_answers(b'{"id": "\xff\xfe\xe9"}'),
        end=_says(MALFORMED, "not valid JSON"),
    ),
    Row(
        name="JSON without bottom",
        fault=_answers(b"[" * 100_000),
        end=_says(MALFORMED, "not valid JSON"),
    ),
    Row(name="null", fault=_answers(b"null"), end=_says(MALFORMED, "expected ")),
    Row(name="a number", fault=_answers(b"42"), end=_says(MALFORMED, "expected ")),
    Row(name="a list of numbers", fault=_answers(b"[1, 2]"), end=_says(MALFORMED, "expected ")),
    Row(
        name="fields of the wrong type",
        fault=_answers(json.dumps(_WRONG_TYPES).encode()),
        end=_says(MALFORMED, "expected "),
    ),
    Row(
        name="no gzip",
        fault=_answers(b"{}", content_encoding="gzip"),
        end=_says(MALFORMED, "not gzip"),
    ),
    Row(
        name="a redirect loop",
        fault=_said(308, location="/loop"),
        end=dataclasses.replace(MALFORMED, says="redirects in a loop", tries=2),
        elsewhere=_at("commits", "contributors", end="the circle leads out of the part"),
    ),
    Row(
        name="a redirect to nowhere",
        fault=Fault(status=302, headers={}),
        end=_says(MALFORMED, "without a target"),
        # A POST is sent on by 307 and 308 only.
        elsewhere={"graphql": _API_ITSELF},
    ),
    Row(
        name="a redirect to another host",
        fault=AWAY,
        end=_says(MALFORMED, "expected "),
    ),
)
