"""Packages for tests: one with a value in every field, and the published records."""

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pkgharvest.model.package import Downloads, Package, Release, SourceState
from pkgharvest.model.score import package_breakdown

NOW = dt.datetime(2026, 2, 15, 23, 8, 42, tzinfo=dt.UTC)
"""The current time for ``package``: three hours after its last fetch."""

TRUTH = Path(__file__).parents[1] / "truth"
"""The directory of the published records."""


def package(**overrides: Any) -> Package:
    """Return a package with a value in every field, apart from ``overrides``.

    Its score is computed from the other fields, unless it is overridden too.
    """
    changed = _PACKAGE._replace(**overrides)
    if "score" in overrides:
        return changed
    return changed._replace(score=package_breakdown(changed).score)


def published(record: Mapping[str, Any]) -> Package:
    """Return the package that a record of the published API describes."""
    return package(
        **{
            key: record[key]
            for key in (
                "id",
                "title",
                "slug",
                "repo_url",
                "pypi_version",
                "repo_forks",
                "repo_description",
                "pypi_url",
                "documentation_url",
                "repo_watchers",
            )
        },
        category_id=None if record["category"] is None else _number(record["category"]),
        grid_ids=tuple(map(_number, record["grids"])),
        last_updated=_instant(record["last_updated"]),
        last_fetched=_instant(record["last_fetched"]),
        created=_instant(record["created"]),
        modified=_instant(record["modified"]),
        commits_over_52=tuple(record["commits_over_52"]),
        commits_until=None,
        participants=tuple(record["participants"]),
        fetches=(),
    )


def published_records() -> list[dict[str, Any]]:
    """Return all published records, or none if they are missing."""
    return [json.loads(line) for line in published_lines()]


def published_lines() -> list[str]:
    """Return the published records as lines of JSON, without line ends."""
    return (TRUTH / "records.jsonl").read_text("utf-8").removesuffix("\n").split("\n")


def _number(url: str) -> int:
    return int(url.rstrip("/").rsplit("/", 1)[1])


def _instant(text: str | None) -> dt.datetime | None:
    return None if text is None else dt.datetime.fromisoformat(text).astimezone(dt.UTC)


def _at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


COMMITS = tuple(
    {0: 1, 1: 1, 9: 34, 23: 1, 26: 3, 32: 4, 38: 10, 42: 4}.get(n, 0) for n in range(52)
)

_FETCHED = NOW - dt.timedelta(hours=3)

_PACKAGE = Package(
    id=4379,
    category_id=1,
    grid_ids=(44, 175, 435),
    title="django-ltree",
    slug="django-ltree",
    last_updated=_at("2025-12-11T11:59:20"),
    last_fetched=_FETCHED,
    repo_url="https://github.com/mariocesar/django-ltree",
    pypi_version="0.6.0",
    created=_at("2019-06-23T15:18:22.110956"),
    modified=_at("2026-01-28T19:28:39.507409"),
    repo_forks=19,
    repo_description="Hierarchical tree-like data in Django models, by Postgres' own ltree",
    pypi_url="https://pypi.org/project/django-ltree/",
    documentation_url="https://django-ltree.readthedocs.io/",
    repo_watchers=72,
    commits_over_52=COMMITS,
    commits_until=_FETCHED.date(),
    participants=tuple(f"login{number}" for number in range(1, 13)),
    repo_host="github.com",
    repo_id="193379013",
    default_branch="master",
    commit_count=211,
    archived=False,
    archived_at=None,
    status="active",
    previous_urls=("https://github.com/mariocesar/ltree",),
    topics=("django", "postgres"),
    license="MIT",
    homepage="https://django-ltree.readthedocs.io/",
    open_issues=7,
    pypi_name="django-ltree",
    pypi_lookup_note=None,
    pypi_status="active",
    pypi_requires_python=">=3.10",
    pypi_license="MIT",
    pypi_classifiers=("Framework :: Django", "Programming Language :: Python :: 3.12"),
    pypi_summary="Django app to support ltree",
    versions=(
        Release(
            version="0.6.0",
            upload_time=_at("2025-10-02T09:10:11.000123"),
            yanked=False,
            yanked_reason=None,
            requires_python=">=3.10",
            is_prerelease=False,
        ),
        Release(
            version="0.6.0rc1",
            upload_time=None,
            yanked=True,
            yanked_reason="broken wheel",
            requires_python=None,
            is_prerelease=True,
        ),
    ),
    score=72,
    downloads=Downloads(last_day=431, last_week=2987, last_month=12345),
    fetches=(
        SourceState(
            source="repo",
            last_success=_FETCHED,
            last_attempt=_FETCHED,
            last_error=None,
            message=None,
            consecutive_failures=0,
            next_due=_FETCHED + dt.timedelta(days=1),
        ),
        SourceState(
            source="pypi",
            last_success=_FETCHED - dt.timedelta(days=2),
            last_attempt=_FETCHED,
            last_error="unavailable",
            message="pypi.org answered 503",
            consecutive_failures=2,
            next_due=_FETCHED + dt.timedelta(hours=4),
        ),
        SourceState(
            source="downloads",
            last_success=_FETCHED,
            last_attempt=_FETCHED,
            last_error=None,
            message=None,
            consecutive_failures=0,
            next_due=None,
        ),
    ),
    category_slug="apps",
    grid_slugs=("ltree", "trees", "geo"),
)
