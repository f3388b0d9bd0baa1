"""The 52-week commit histogram: bucket commits by day, and days by week; nothing else.

The definition is the contract's, and GitHub's own for ``stats/participation``: all commits
reachable from the head of the default branch, merges included, by author date in UTC.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping

WEEKS = 52
_WEEK = dt.timedelta(days=7)
_LAST_DAY = dt.date.max.toordinal()
_EPOCH = dt.date(1970, 1, 1).toordinal()


def window_start(today: dt.date) -> dt.date:
    """Return the first of the 364 days that end before ``today``."""
    return today - WEEKS * _WEEK


def weekly_counts(
    days: Mapping[dt.date, int], today: dt.date, count: int = WEEKS
) -> tuple[int, ...]:
    """Sum ``days`` into ``count`` rolling weeks, oldest first; the last ends before ``today``.

    Days outside are left out: today itself, and whatever a wrong clock put into the future.
    """
    totals = [0] * count
    first = today.toordinal() - count * _WEEK.days
    for day, commits in days.items():
        week = (day.toordinal() - first) // _WEEK.days
        if 0 <= week < count:
            totals[week] += commits
    return tuple(totals)


def count_by_day(author_seconds: Iterable[int]) -> dict[dt.date, int]:
    """Count commits per UTC day; ``author_seconds`` are Unix times of author dates.

    Times that no calendar holds (git stores any number) are left out: they are in no window.
    """
    counts = Counter(second // 86_400 + _EPOCH for second in author_seconds)
    return {
        dt.date.fromordinal(ordinal): commits
        for ordinal, commits in sorted(counts.items())
        if 1 <= ordinal <= _LAST_DAY
    }


def merge_days(
    known: Mapping[dt.date, int], news: Mapping[dt.date, int], since: dt.date | None
) -> dict[dt.date, int]:
    """Replace what is ``known`` from ``since`` on by ``news``; None replaces all of it.

    Days of ``news`` before ``since`` are partial (commits that were rebased) and left out.
    """
    if since is None:
        return dict(news)
    older = {day: commits for day, commits in known.items() if day < since}
    return older | {day: commits for day, commits in news.items() if day >= since}
