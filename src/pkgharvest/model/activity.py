"""The 52-week commit histogram: commits to days, and days to weeks.

A histogram counts every commit that the head of the default branch can reach, merges included, by
author date in UTC. GitHub defines its weekly figures the same way
(https://docs.github.com/rest/metrics/statistics).

Why the window is what it is: it ends with yesterday, because today is not over and its count would
depend on the hour of the fetch. It has 364 days rather than a calendar year, so that it divides
into 52 whole weeks. Its weeks are counted back from today instead of from Monday or Sunday, so
that the last bar is always seven full days and never a week that has just begun. The window thus
moves by one day each day, even without new commits, and is computed from stored days at each fetch;
ready-made weekly figures could not be moved.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping

WEEKS = 52
_WEEK = dt.timedelta(days=7)
_MAX_ORDINAL = dt.date.max.toordinal()
_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()


def window_start(today: dt.date) -> dt.date:
    """Return the first of the 364 days that end with the day before ``today``.

    >>> window_start(dt.date(2026, 2, 15))
    datetime.date(2025, 2, 16)
    """
    return today - WEEKS * _WEEK


def weekly_counts(
    days: Mapping[dt.date, int], today: dt.date, count: int = WEEKS
) -> tuple[int, ...]:
    """Sum commits per day into ``count`` weeks, oldest first; the last ends with yesterday.

    Days outside the window are ignored: today, older days, and days that a wrong clock put into
    the future.

    >>> days = {dt.date(2026, 1, 31): 5, dt.date(2026, 2, 13): 2, dt.date(2026, 2, 14): 1}
    >>> weekly_counts(days, today=dt.date(2026, 2, 15), count=3)
    (5, 0, 3)
    """
    totals = [0] * count
    first = today.toordinal() - count * _WEEK.days
    for day, commits in days.items():
        week = (day.toordinal() - first) // _WEEK.days
        if 0 <= week < count:
            totals[week] += commits
    return tuple(totals)


def count_by_day(author_seconds: Iterable[int]) -> dict[dt.date, int]:
    """Count commits per UTC day; ``author_seconds`` are author dates as Unix times.

    Git stores any number as a date. Times outside the years 1 to 9999 are ignored: no window can
    contain them.

    >>> count_by_day([0, 86_399, 86_400])
    {datetime.date(1970, 1, 1): 2, datetime.date(1970, 1, 2): 1}
    """
    counts = Counter(second // 86_400 + _EPOCH_ORDINAL for second in author_seconds)
    return {
        dt.date.fromordinal(ordinal): commits
        for ordinal, commits in sorted(counts.items())
        if 1 <= ordinal <= _MAX_ORDINAL
    }


def merge_days(
    known: Mapping[dt.date, int], fetched: Mapping[dt.date, int], since: dt.date | None
) -> dict[dt.date, int]:
    """Replace the days of ``known`` from ``since`` on by those of ``fetched``.

    With ``since`` None, ``fetched`` is the full history and replaces every day. Fetched days
    before ``since`` are ignored: they hold only some of their commits, such as rebased ones with
    an old author date.

    >>> known = {dt.date(2026, 2, 1): 5, dt.date(2026, 2, 13): 2}
    >>> fetched = {dt.date(2026, 2, 1): 1, dt.date(2026, 2, 14): 3}
    >>> merge_days(known, fetched, since=dt.date(2026, 2, 10))
    {datetime.date(2026, 2, 1): 5, datetime.date(2026, 2, 14): 3}
    """
    if since is None:
        return dict(fetched)
    older = {day: commits for day, commits in known.items() if day < since}
    return older | {day: commits for day, commits in fetched.items() if day >= since}
