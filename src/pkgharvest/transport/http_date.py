"""Dates as HTTP writes them (RFC 9110, section 5.6.7)."""

import datetime as dt
from email.utils import parsedate_to_datetime


def parse_http_date(text: str | None) -> dt.datetime | None:
    """Read ``Sun, 06 Nov 1994 08:49:37 GMT``, in UTC; None where it is absent or no date."""
    try:
        moment = parsedate_to_datetime(text or "")
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=dt.UTC)
        return moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None
