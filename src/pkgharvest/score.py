"""The score of a package: its stars, less what age and a missing Python 3 cost."""

import calendar
import datetime as dt

from pkgharvest.package import Package

_LOWEST = -500
_MOST_FOR_PYTHON = 1000
_QUARTER = 3
"""Months."""


def score_of(package: Package, now: dt.datetime) -> int:
    """Return the score of ``package`` as of its last fetch (``now`` where there was none).

    Python 3 is given up only by a project that names versions, and none of them is a 3.x.
    """
    from pkgharvest.versions import supported_pythons  # noqa: PLC0415 - brings packaging

    pythons = supported_pythons(package.pypi_requires_python, package.pypi_classifiers)
    python3 = not pythons or any(version.startswith("3.") for version in pythons)
    at = package.last_fetched or now
    return score(package.repo_watchers, package.last_updated, python3, at)


def score(stars: int, last_updated: dt.datetime | None, python3: bool, at: dt.datetime) -> int:
    """Return the score of a package with ``stars`` at the instant ``at``.

    ``last_updated`` is the committer date of its newest commit, ``python3`` whether it is known
    to run on Python 3. From the stars go a tenth of them for every whole three months since the
    last commit (one tenth where no commit is known), and 30 % of them, at most 1,000, without
    Python 3. The result is at least -500, and an integer cut towards zero.

    Months are the calendar's, in UTC: three months are whole at the same day and time of the
    third month after, or of that month's last day where it is shorter (30 November: 28
    February). A commit from the future has cost nothing yet.
    """
    quarters = 1 if last_updated is None else _months(last_updated, at) // _QUARTER
    # In tenths of a star, so that nothing is rounded before the end.
    tenths = stars * (10 - quarters)
    if not python3:
        tenths -= min(stars * 3, _MOST_FOR_PYTHON * 10)
    tenths = max(tenths, _LOWEST * 10)
    return tenths // 10 if tenths >= 0 else -(-tenths // 10)


def _months(since: dt.datetime, until: dt.datetime) -> int:
    """Count the whole calendar months, in UTC, from ``since`` to ``until``; 0 if it is earlier."""
    since, until = since.astimezone(dt.UTC), until.astimezone(dt.UTC)
    months = (until.year - since.year) * 12 + until.month - since.month
    last_day = calendar.monthrange(until.year, until.month)[1]
    anniversary = (min(since.day, last_day), since.time())
    if (until.day, until.time()) < anniversary:
        months -= 1
    return max(months, 0)
