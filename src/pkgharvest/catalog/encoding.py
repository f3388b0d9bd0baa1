"""How values stand in the tables: instants, days and lists as text, flags as 0 and 1."""

import datetime as dt
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pkgharvest.model.errors import LocatorError

if TYPE_CHECKING:
    from pkgharvest.model.locators import Locator


def encode_instant(moment: dt.datetime | None) -> str | None:
    """Return UTC with six digits of microseconds, so that text sorts as time does."""
    if moment is None:
        return None
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def decode_instant(text: str | None) -> dt.datetime | None:
    """Return the instant that ``instant_text`` wrote."""
    return None if text is None else dt.datetime.fromisoformat(text)


def decode_required_instant(text: str) -> dt.datetime:
    """Return the instant of a column that is never null."""
    return dt.datetime.fromisoformat(text)


def decode_day(text: str | None) -> dt.date | None:
    """Return the day that stands as ISO 8601."""
    return None if text is None else dt.date.fromisoformat(text)


def encode_list(items: Iterable[str | int]) -> str:
    """Return a list as JSON."""
    return json.dumps(list(items), ensure_ascii=False)


def decode_strings(text: str) -> tuple[str, ...]:
    """Return a JSON list of strings."""
    return tuple(json.loads(text))


def decode_integers(text: str) -> tuple[int, ...]:
    """Return a JSON list of whole numbers."""
    return tuple(json.loads(text))


def stored_locator(url: str) -> "Locator | None":
    """Return where a repository is; None for "", and for what nobody can read."""
    from pkgharvest.model.locators import parse_locator  # noqa: PLC0415 - not for show to pay

    try:
        return parse_locator(url) if url else None
    except LocatorError:
        return None
