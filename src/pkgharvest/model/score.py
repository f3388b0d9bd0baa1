"""The score of a package: its stars, less a cost for age and a cost for missing Python 3 support.

The rule is that of the Django Packages site, so that scores can be compared.
"""

import calendar
import datetime as dt
from typing import NamedTuple

from pkgharvest.model.package import Package

_MIN_SCORE = -500
_MAX_PYTHON_COST_STARS = 1000
_QUARTER_MONTHS = 3


class ScoreBreakdown(NamedTuple):
    """The parts of a score. Costs are in tenths of a star, so that nothing is rounded early.

    >>> breakdown = ScoreBreakdown(stars=72, quarters=3, python3=True)
    >>> breakdown.age_tenths, breakdown.python_tenths, breakdown.tenths
    (216, 0, 504)
    >>> breakdown.score
    50
    """

    stars: int
    quarters: int | None
    """Whole three-month periods since the last commit; None if no commit is known."""
    python3: bool
    """Whether it runs on Python 3, or does not state which versions it runs on."""

    @property
    def age_tenths(self) -> int:
        """The cost of age: 10 % of the stars per quarter, or 10 % if no commit is known."""
        return self.stars * (1 if self.quarters is None else self.quarters)

    @property
    def python_tenths(self) -> int:
        """The cost of missing Python 3 support: 30 % of the stars, at most 1,000 stars."""
        return 0 if self.python3 else min(self.stars * 3, _MAX_PYTHON_COST_STARS * 10)

    @property
    def tenths(self) -> int:
        """The stars less both costs, before the minimum applies."""
        return self.stars * 10 - self.age_tenths - self.python_tenths

    @property
    def is_at_the_floor(self) -> bool:
        """Whether the minimum score applies."""
        return self.tenths < _MIN_SCORE * 10

    @property
    def score(self) -> int:
        """The score in whole stars: at least -500, rounded toward zero."""
        tenths = max(self.tenths, _MIN_SCORE * 10)
        return tenths // 10 if tenths >= 0 else -(-tenths // 10)


def package_breakdown(package: Package) -> ScoreBreakdown:
    """Return the parts of the score of ``package`` as of its last fetch.

    A package that was never fetched is scored as of when it was last modified.
    """
    from pkgharvest.model.versions import runs_on_python3  # noqa: PLC0415 - brings packaging

    python3 = runs_on_python3(package.pypi_requires_python, package.pypi_classifiers)
    at = package.last_fetched or package.modified
    return score_breakdown(package.repo_watchers, package.last_updated, python3, at)


def score_breakdown(
    stars: int, last_updated: dt.datetime | None, python3: bool, at: dt.datetime
) -> ScoreBreakdown:
    """Return the parts of the score that a package with ``stars`` has at the instant ``at``.

    ``last_updated`` is the committer date of its newest commit, None if unknown. ``python3`` says
    whether it runs on Python 3, or does not state which versions it runs on.

    Months are calendar months in UTC. A quarter is complete at the same day and time of the third
    month after, or on that month's last day if it is shorter: after November 30 comes February 28.
    A commit dated in the future has no age.

    >>> at = dt.datetime(2026, 2, 15, tzinfo=dt.UTC)
    >>> score_breakdown(72, dt.datetime(2025, 12, 11, tzinfo=dt.UTC), python3=True, at=at).score
    72
    >>> score_breakdown(72, dt.datetime(2024, 2, 15, tzinfo=dt.UTC), python3=True, at=at).score
    14
    >>> score_breakdown(72, None, python3=False, at=at).score
    43
    """
    months = None if last_updated is None else _count_months(last_updated, at)
    return ScoreBreakdown(
        stars=stars,
        quarters=None if months is None else months // _QUARTER_MONTHS,
        python3=python3,
    )


def _count_months(since: dt.datetime, until: dt.datetime) -> int:
    """Count whole calendar months in UTC; 0 if ``until`` is earlier than ``since``."""
    since, until = since.astimezone(dt.UTC), until.astimezone(dt.UTC)
    months = (until.year - since.year) * 12 + until.month - since.month
    last_day = calendar.monthrange(until.year, until.month)[1]
    anniversary = (min(since.day, last_day), since.time())
    if (until.day, until.time()) < anniversary:
        months -= 1
    return max(months, 0)
