"""Every field of a package, one closed list for every format, in the order they are printed.

The first 18 are the package resource of the Django Packages API v4; ``--full`` adds the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pkgharvest.api_v4.encode import (
    RECORD_FIELDS,
    Field,
    Json,
    OutputStyle,
    choose_columns,
    format_instant_field,
)

if TYPE_CHECKING:
    from pkgharvest.model.package import Package


def _repo_id(package: Package, _: OutputStyle) -> Json:
    # Hosts count their repositories, but a few name them: those stay text.
    number = package.repo_id
    return int(number) if number and number.isascii() and number.isdigit() else number


def supported_pythons(package: Package) -> tuple[str, ...]:
    """Return the ``X.Y`` that the PyPI project says it runs on, or nothing where it is silent."""
    from pkgharvest.model.versions import supported_pythons as read  # noqa: PLC0415 - brings packaging

    return read(package.pypi_requires_python, package.pypi_classifiers)


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
    known = package.downloads
    if known is None:
        return {"last_day": None, "last_week": None, "last_month": None}
    return known._asdict()


def _fetches(package: Package, style: OutputStyle) -> Json:
    return {
        fetch.source: {
            "last_success": format_instant_field(fetch.last_success, style),
            "last_attempt": format_instant_field(fetch.last_attempt, style),
            "last_error": fetch.last_error,
            "consecutive_failures": fetch.consecutive_failures,
            "next_due": format_instant_field(fetch.next_due, style),
        }
        for fetch in package.fetches
    }


FULL_FIELDS: tuple[Field, ...] = (
    *RECORD_FIELDS,
    Field("repo_host", "host of the repository", lambda p, s: p.repo_host),
    Field("repo_id", "the host's own id, which stays through renames", _repo_id),
    Field("default_branch", "the branch that is counted", lambda p, s: p.default_branch),
    Field("commit_count", "all commits of the default branch", lambda p, s: p.commit_count),
    Field("archived", "closed for writing", lambda p, s: p.archived),
    Field("archived_at", "since when", lambda p, s: format_instant_field(p.archived_at, s)),
    Field("status", "active, archived, moved, gone, blocked or empty", lambda p, s: p.status),
    Field("previous_urls", "where the repository was before", lambda p, s: p.previous_urls),
    Field("topics", "the repository's topics", lambda p, s: p.topics),
    Field("license", "the repository's license, an SPDX id", lambda p, s: p.license),
    Field("homepage", "the repository's home page", lambda p, s: p.homepage),
    Field("open_issues", "open issues", lambda p, s: p.open_issues),
    Field("pypi_name", "its name on PyPI", lambda p, s: p.pypi_name),
    Field("pypi_status", "the PyPI project's status (PEP 792)", lambda p, s: p.pypi_status),
    Field(
        "pypi_requires_python",
        "which Python the latest version asks for",
        lambda p, s: p.pypi_requires_python,
    ),
    Field("pypi_license", "the license that PyPI tells", lambda p, s: p.pypi_license),
    Field("pypi_classifiers", "trove classifiers", lambda p, s: p.pypi_classifiers),
    Field("pypi_summary", "the summary that PyPI tells", lambda p, s: p.pypi_summary),
    Field(
        "supports_python", "the Pythons that it says it runs on", lambda p, s: supported_pythons(p)
    ),
    Field("versions", "all versions, newest first by PEP 440", _versions),
    Field("downloads", "downloads of the last day, week and month", _downloads),
    Field("score", "the site's score", lambda p, s: p.score),
    Field("fetches", "how each source is doing", _fetches),
)
"""What ``--full`` prints: the record, then everything else that is known."""


def choose_fields(names: str) -> tuple[Field, ...]:
    """Read a list such as ``slug,repo_forks``: these fields in this order, each once.

    InvalidValue for a name that is none, and for an empty list; the hint has all valid ones.
    """
    return choose_columns(names, FULL_FIELDS)
