"""How values are stored: instants, days and lists as text, flags as 0 and 1."""

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pkgharvest.catalog.columns import PACKAGE_COLUMNS, Kind, Owner
from pkgharvest.model.errors import LocatorError

if TYPE_CHECKING:
    from pkgharvest.model.locators import Locator


def encode_instant(moment: dt.datetime | None) -> str | None:
    """Return an instant in UTC, always with six digits of microseconds: text sorts as time.

    >>> encode_instant(dt.datetime(2026, 2, 15, 18, 30, tzinfo=dt.UTC))
    '2026-02-15T18:30:00.000000Z'
    """
    if moment is None:
        return None
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def decode_instant(text: str | None) -> dt.datetime | None:
    """Return the instant that ``encode_instant`` stored."""
    return None if text is None else dt.datetime.fromisoformat(text)


def decode_required_instant(text: str) -> dt.datetime:
    """Return the instant of a column that is never null."""
    return dt.datetime.fromisoformat(text)


def decode_day(text: str | None) -> dt.date | None:
    """Return the day of an ISO 8601 date."""
    return None if text is None else dt.date.fromisoformat(text)


def encode_list(items: Iterable[str | int]) -> str:
    """Return a list as JSON."""
    return json.dumps(list(items), ensure_ascii=False)


def decode_strings(text: str) -> tuple[str, ...]:
    """Return a JSON list of strings."""
    return tuple(json.loads(text))


def decode_integers(text: str) -> tuple[int, ...]:
    """Return a JSON list of integers."""
    return tuple(json.loads(text))


def _decode_flag(value: int | None) -> bool | None:
    return None if value is None else bool(value)


DECODERS: Mapping[Kind, Callable[[Any], Any]] = {
    "flag": _decode_flag,
    "instant": decode_instant,
    "day": decode_day,
    "strings": decode_strings,
    "weeks": decode_integers,
}
"""By kind of column; values of other kinds are stored as they are."""

_ENCODERS: Mapping[Kind, Callable[[Any], object]] = {"flag": int, "strings": encode_list}
"""For the kinds that facts have."""

_FACTS = {
    owner: [
        (column.name, column.fact, _ENCODERS.get(column.kind))
        for column in PACKAGE_COLUMNS
        if column.owner == owner and column.fact is not None
    ]
    for owner in ("repository", "project", "downloads")
}


def encode_facts(owner: Owner, facts: object) -> dict[str, object]:
    """Return the columns of ``packages`` that ``facts`` fill, by the ``fact`` of each column.

    ``facts`` is a ``RepositoryFacts``, ``Project`` or ``Downloads``, as ``owner`` says.
    """
    return {
        name: getattr(facts, fact) if encode is None else encode(getattr(facts, fact))
        for name, fact, encode in _FACTS[owner]
    }


def stored_locator(url: str) -> "Locator | None":
    """Return the locator of a stored ``repo_url``; None if it is empty or not understood."""
    from pkgharvest.model.locators import parse_locator  # noqa: PLC0415 - show needs none of it

    try:
        return parse_locator(url) if url else None
    except LocatorError:
        return None
