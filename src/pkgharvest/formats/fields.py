"""Every field of a package, for all formats, in the order in which they are printed.

The first 18 are the package resource of the Django Packages API v4, which `api_v4.encode` has;
``--full`` adds the rest. A new field of a package is added here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pkgharvest.api_v4.encode import (
    RECORD_FIELDS,
    Field,
    Json,
    OutputStyle,
    choose_columns,
    format_instant_field,
)
from pkgharvest.model.package import Package


def format_day(moment: dt.datetime, style: OutputStyle) -> str:
    """Return the day of ``moment`` in the reader's time zone, as ISO 8601."""
    return f"{moment.astimezone(style.zone):%Y-%m-%d}"


def name_first(names: Sequence[str], limit: int) -> str:
    """Return the first ``limit`` names, and how many more there are.

    >>> name_first(["ann", "bob", "cy"], limit=2)
    'ann, bob, +1 more'
    """
    more = len(names) - limit
    return ", ".join(names[:limit]) + (f", +{more:,} more" if more > 0 else "")


def supported_pythons(package: Package) -> tuple[str, ...]:
    """Return the Python versions that a package supports, as `versions.supported_pythons` does."""
    from pkgharvest.model import versions  # noqa: PLC0415 - brings packaging

    return versions.supported_pythons(package.pypi_requires_python, package.pypi_classifiers)


def _repo_id(package: Package, _: OutputStyle) -> Json:
    # Most hosts number their repositories; the ids of a few are text.
    number = package.repo_id
    return int(number) if number and number.isascii() and number.isdigit() else number


def _versions(package: Package, style: OutputStyle) -> Json:
    return [
        {
            "number": release.version,
            "upload_time": format_instant_field(release.upload_time, style),
            "yanked": release.yanked,
            "yanked_reason": release.yanked_reason,
            "is_prerelease": release.is_prerelease,
            "requires_python": release.requires_python,
        }
        for release in package.versions
    ]


def _downloads(package: Package, _: OutputStyle) -> Json:
    if package.downloads is None:
        return {"last_day": None, "last_week": None, "last_month": None}
    return package.downloads._asdict()


def _fetches(package: Package, style: OutputStyle) -> Json:
    return {
        state.source: {
            "last_success": format_instant_field(state.last_success, style),
            "last_attempt": format_instant_field(state.last_attempt, style),
            "last_error": state.last_error,
            "consecutive_failures": state.consecutive_failures,
            "next_due": format_instant_field(state.next_due, style),
        }
        for state in package.fetches
    }


FULL_FIELDS: tuple[Field, ...] = (
    *RECORD_FIELDS,
    Field("repo_host", "host of the repository", lambda p, s: p.repo_host),
    Field("repo_id", "the host's id of the repository, which survives renames", _repo_id),
    Field("default_branch", "branch whose commits are counted", lambda p, s: p.default_branch),
    Field("commit_count", "number of commits on the default branch", lambda p, s: p.commit_count),
    Field("archived", "whether the repository is read-only", lambda p, s: p.archived),
    Field(
        "archived_at",
        "when the repository was archived",
        lambda p, s: format_instant_field(p.archived_at, s),
    ),
    Field("status", "active, archived, moved, gone, blocked or empty", lambda p, s: p.status),
    Field("previous_urls", "former URLs of the repository", lambda p, s: p.previous_urls),
    Field("topics", "topics of the repository", lambda p, s: p.topics),
    Field("license", "SPDX id of the repository's license", lambda p, s: p.license),
    Field("homepage", "home page of the repository", lambda p, s: p.homepage),
    Field("open_issues", "number of open issues", lambda p, s: p.open_issues),
    Field("pypi_name", "name of the project on PyPI", lambda p, s: p.pypi_name),
    Field("pypi_status", "status of the project on PyPI (PEP 792)", lambda p, s: p.pypi_status),
    Field(
        "pypi_requires_python",
        "Requires-Python of the latest version",
        lambda p, s: p.pypi_requires_python,
    ),
    Field("pypi_license", "license that the latest version states", lambda p, s: p.pypi_license),
    Field("pypi_classifiers", "classifiers of the latest version", lambda p, s: p.pypi_classifiers),
    Field("pypi_summary", "summary of the latest version", lambda p, s: p.pypi_summary),
    Field("supports_python", "supported Python versions", lambda p, s: supported_pythons(p)),
    Field("versions", "all versions on PyPI, newest first (PEP 440)", _versions),
    Field("downloads", "downloads from PyPI in the last day, week and month", _downloads),
    Field("score", "stars less the costs of age and missing Python 3", lambda p, s: p.score),
    Field("fetches", "state of each source", _fetches),
)
"""What ``--full`` prints: the record of the published API, then everything else."""


def choose_fields(names: str) -> tuple[Field, ...]:
    """Return the fields that ``names`` lists, such as ``slug,repo_forks``, in its order.

    Raises InvalidValue if a name is unknown or the list is empty; the hint has all valid names.
    """
    return choose_columns(names, FULL_FIELDS)
