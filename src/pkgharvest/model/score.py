"""The score of a package: its stars, less what age and a missing Python 3 cost."""

import calendar
import datetime as dt
from typing import NamedTuple

from pkgharvest.model.package import Package

_LOWEST = -500
_MOST_FOR_PYTHON = 1000
_QUARTER = 3
"""Months."""


class ScoreBreakdown(NamedTuple):
    """What a score is made of. Tenths are tenths of one star, so that nothing is rounded early."""

    stars: int
    quarters: int | None
    """Whole three months since the last commit; None where no commit is known."""
    python3: bool
    """It is known to run on Python 3, or nothing is known of which Pythons it runs on."""

    @property
    def age_tenths(self) -> int:
        """What the age costs, in tenths of one star."""
        return self.stars * (1 if self.quarters is None else self.quarters)

    @property
    def python_tenths(self) -> int:
        """What a missing Python 3 costs, in tenths of one star."""
        return 0 if self.python3 else min(self.stars * 3, _MOST_FOR_PYTHON * 10)

    @property
    def tenths(self) -> int:
        """What is left, in tenths of one star, however little that is."""
        return self.stars * 10 - self.age_tenths - self.python_tenths

    @property
    def is_at_the_floor(self) -> bool:
        """Whether less is left than the lowest score."""
        return self.tenths < _LOWEST * 10

    @property
    def score(self) -> int:
        """The score: what is left, at least the lowest, cut towards zero."""
        tenths = max(self.tenths, _LOWEST * 10)
        return tenths // 10 if tenths >= 0 else -(-tenths // 10)


def package_breakdown(package: Package) -> ScoreBreakdown:
    """Return what the score of ``package`` is made of as of its last fetch.

    Where there was none, it is as of when the package was last ``modified``.

    Python 3 is given up only by a project that names versions, and none of them is a 3.
    """
    from pkgharvest.model.versions import runs_on_python3  # noqa: PLC0415 - brings packaging

    python3 = runs_on_python3(package.pypi_requires_python, package.pypi_classifiers)
    at = package.last_fetched or package.modified
    return score_breakdown(package.repo_watchers, package.last_updated, python3, at)


def compute_score(
    stars: int, last_updated: dt.datetime | None, python3: bool, at: dt.datetime
) -> int:
    """Return the score of a package with ``stars`` at the instant ``at``; see ``parts``."""
    return score_breakdown(stars, last_updated, python3, at).score


def score_breakdown(
    stars: int, last_updated: dt.datetime | None, python3: bool, at: dt.datetime
) -> ScoreBreakdown:
    """Return what the score of a package with ``stars`` is made of at the instant ``at``.

    ``last_updated`` is the committer date of its newest commit, ``python3`` whether it is known
    to run on Python 3. From the stars go a tenth of them for every whole three months since the
    last commit (one tenth where no commit is known), and 30 % of them, at most 1,000, without
    Python 3. The result is at least -500, and an integer cut towards zero.

    Months are the calendar's, in UTC: three months are whole at the same day and time of the
    third month after, or of that month's last day where it is shorter (30 November: 28
    February). A commit from the future has cost nothing yet.
    """
    quarters = None if last_updated is None else _months(last_updated, at) // _QUARTER
    return ScoreBreakdown(stars=stars, quarters=quarters, python3=python3)


def _months(since: dt.datetime, until: dt.datetime) -> int:
    """Count the whole calendar months, in UTC, from ``since`` to ``until``; 0 if it is earlier."""
    since, until = since.astimezone(dt.UTC), until.astimezone(dt.UTC)
    months = (until.year - since.year) * 12 + until.month - since.month
    last_day = calendar.monthrange(until.year, until.month)[1]
    anniversary = (min(since.day, last_day), since.time())
    if (until.day, until.time()) < anniversary:
        months -= 1
    return max(months, 0)
