"""A program that uses every public name: mypy checks its types, ``test_example.py`` runs it."""

import asyncio
import datetime as dt
from pathlib import Path

import pkgharvest
from pkgharvest import (
    AddResult,
    ArchiveError,
    Blocked,
    BudgetSpent,
    Catalog,
    CatalogBusy,
    CatalogError,
    Conflict,
    FetchLocked,
    FetchOptions,
    Gone,
    GridLocked,
    InvalidValue,
    Locator,
    LocatorError,
    Malformed,
    NotFound,
    NotRecorded,
    Package,
    PkgharvestError,
    RateLimited,
    Release,
    RepositoryTaken,
    RunReport,
    SearchHit,
    SourceError,
    TimedOut,
    Unauthorized,
    Unavailable,
    UnknownCategory,
    UnknownGrid,
    UnknownName,
    UnknownPackage,
    parse_locator,
)

ENDS_A_CALL: tuple[type[PkgharvestError], ...] = (
    ArchiveError,
    BudgetSpent,
    CatalogBusy,
    CatalogError,
    Conflict,
    FetchLocked,
    GridLocked,
    InvalidValue,
    LocatorError,
    RepositoryTaken,
    UnknownCategory,
    UnknownGrid,
    UnknownName,
    UnknownPackage,
)
FAILS_A_SOURCE: tuple[type[SourceError], ...] = (
    Blocked,
    Gone,
    Malformed,
    NotFound,
    NotRecorded,
    RateLimited,
    TimedOut,
    Unauthorized,
    Unavailable,
)


def follow(catalog: Catalog, repositories: list[str]) -> list[AddResult]:
    """Add ``repositories``, and skip those that cannot be understood."""
    results: list[AddResult] = []
    for text in repositories:
        try:
            results.append(catalog.add(text, category=None, grids=(), pypi=None))
        except InvalidValue as error:
            message: str = error.message
            assert "as it was typed" not in message
    return results


def describe(package: Package) -> str:
    """Return a line about ``package``."""
    weeks: tuple[int, ...] = package.commits_over_52
    newest: Release | None = package.versions[0] if package.versions else None
    updated: dt.datetime | None = package.last_updated
    version = "no release" if newest is None else newest.version
    return f"{package.slug}: {package.repo_watchers} stars, {sum(weeks)}, {version}, {updated}"


async def refresh(catalog: Catalog, archive: Path) -> RunReport:
    """Fetch inside a running event loop."""
    options = FetchOptions(jobs=4, replay=archive)
    return await catalog.afetch(options=options, sources=("repo",))


def main(path: Path, archive: Path) -> list[str]:
    """Make a catalog at ``path``, fill it from a recorded ``archive``, and describe it."""
    lines: list[str] = [pkgharvest.__version__]
    with pkgharvest.open(path, create=True) as catalog:
        added = follow(catalog, ["mariocesar/django-ltree", "django-otp/django-otp", "no-name"])
        lines += [f"{result.slug} {result.outcome}" for result in added]
        report: RunReport = catalog.fetch("django-ltree", replay=archive)
        lines.append(f"{report.updated} updated, {report.failed} failed")
        again = asyncio.run(refresh(catalog, archive))
        lines.append(f"{again.selected} selected, stopped: {again.stopped}")
        lines += [describe(package) for package in catalog.packages(sort="stars", limit=10)]
        record: dict[str, object] = catalog["django-ltree"].to_dict(base_url="", tz="UTC")
        lines.append(str(len(record)))
        hits: list[SearchHit] = catalog.search("ltre")
        lines += [hit.slug for hit in hits]
        lines.append(str(len(catalog.history("django-ltree", since="90d"))))
        edited = catalog.edit("django-ltree", docs="https://docs.example.org", reset=["title"])
        lines.append(", ".join(edited.changed))
        locator: Locator = parse_locator("https://github.com/mariocesar/django-ltree.git")
        assert locator.url in catalog
        lines += catalog.remove("django-otp")
        lines.append(f"{len(catalog)} left")
    return lines
