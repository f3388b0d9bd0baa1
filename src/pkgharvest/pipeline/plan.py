"""The plan of a run: which packages it reads, with which of their sources, or why it is empty."""

import datetime as dt
import sqlite3
from dataclasses import dataclass, replace
from typing import NamedTuple

from pkgharvest.catalog import database, lookup, packages, runs, selection
from pkgharvest.model.clock import Clock, FixedClock
from pkgharvest.model.errors import InvalidValue
from pkgharvest.model.observations import SourceName
from pkgharvest.pipeline.options import FetchOptions, RunContext
from pkgharvest.pipeline.sources import Services
from pkgharvest.transport.har.replay import HarArchive


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchPlan:
    """The packages of a run, each with the sources that are due."""

    selected: tuple[selection.Selected, ...]
    """All of them, in order."""
    packages: tuple[selection.Selected, ...]
    """What the stages of the run read: ``selected`` without what is left to the background."""
    background: tuple[int, ...] = ()
    """Packages whose downloads are read in the background while there is time, oldest first."""
    continues: tuple[int, ...] = ()
    """The unfinished runs that this one continues."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleReason:
    """Why there is nothing to fetch, in numbers of packages."""

    cataloged: int
    """Packages in the whole catalog."""
    fresh: int
    """Succeeded too recently for ``stale``."""
    backing_off: int
    """Failed and not due yet; ``retry_failed`` would read them."""
    done: int
    """Already read by the unfinished run that this one continues."""


class PlannedFetch(NamedTuple):
    """A package that a run would fetch, and the sources that it would read."""

    slug: str
    sources: tuple[SourceName, ...]

    def to_dict(self) -> dict[str, object]:
        """Return the object that ``fetch --dry-run --json`` prints.

        >>> PlannedFetch("django", ("repo", "pypi")).to_dict()
        {'slug': 'django', 'sources': ['repo', 'pypi']}
        """
        return {"slug": self.slug, "sources": list(self.sources)}


def make_plan(conn: sqlite3.Connection, options: FetchOptions, now: dt.datetime) -> FetchPlan:
    """Return what a run with ``options`` reads at ``now``.

    Raises UnknownPackage.
    """
    continues = runs.unfinished_runs(conn, now) if options.is_whole else ()
    wanted = _selection(conn, options, continues, now)
    selected = tuple(selection.select_due(conn, wanted, now))
    if wanted.sources == ("downloads",):
        return FetchPlan(selected=selected, packages=selected, continues=continues)
    foreground = ((package_id, _without_downloads(sources)) for package_id, sources in selected)
    with_downloads = {package_id for package_id, sources in selected if "downloads" in sources}
    oldest_first: list[selection.Selected] = []
    if with_downloads:
        downloads_only = replace(wanted, sources=("downloads",), limit=None)
        oldest_first = selection.select_due(conn, downloads_only, now)
    return FetchPlan(
        selected=selected,
        packages=tuple(package for package in foreground if package[1]),
        background=tuple(
            package_id for package_id, _ in oldest_first if package_id in with_downloads
        ),
        continues=continues,
    )


def preview(options: FetchOptions, context: RunContext) -> list[PlannedFetch]:
    """Return what a run with ``options`` would fetch now. Nothing is requested or written.

    Raises UnknownPackage, CatalogError, ArchiveError and InvalidValue.
    """
    options, clock, _ = resolve_options(options, context)
    with database.open_reader(context.settings.db_path) as conn:
        selected = make_plan(conn, options, clock.now()).selected
        targets = selection.fetch_targets(conn, selected)
        return [PlannedFetch(target.slug, target.sources) for target in targets]


def explain_idle(options: FetchOptions, context: RunContext) -> IdleReason:
    """Return why a run with ``options`` has selected nothing."""
    options, clock, _ = resolve_options(options, context)
    with database.open_reader(context.settings.db_path) as conn:
        now = clock.now()
        due = _selection(conn, replace(options, limit=None), (), now)
        with_failed = replace(due, retry_failed=True)
        ever = replace(with_failed, older_than={})
        due_count, with_failed_count, ever_count = (
            len(selection.select_due(conn, wanted, now)) for wanted in (due, with_failed, ever)
        )
        cataloged = packages.count_packages(conn)
    return IdleReason(
        cataloged=cataloged,
        fresh=ever_count - with_failed_count,
        backing_off=with_failed_count - due_count,
        done=due_count,
    )


def resolve_options(
    options: FetchOptions, context: RunContext
) -> tuple[FetchOptions, Clock, HarArchive | None]:
    """Return ``options`` with the sources that exist, the clock of the run, and its archive.

    A replay's clock stands at the instant the recording began. Raises InvalidValue if no source is
    left, and ArchiveError.
    """
    archive = None if options.replay is None else HarArchive.read(options.replay)
    clock = context.clock if archive is None else FixedClock(archive.started)
    has_downloads = "downloads" in options.sources
    if has_downloads and Services.choose(context.settings, archive).pypistats is None:
        sources = _without_downloads(options.sources)
        if not sources:
            raise InvalidValue(
                "no service is known that counts the downloads of this package index",
                hint="PKGHARVEST_PYPISTATS_URL names one",
            )
        options = replace(options, sources=sources)
    return options, clock, archive


def _without_downloads(sources: tuple[SourceName, ...]) -> tuple[SourceName, ...]:
    return tuple(source for source in sources if source != "downloads")


def _selection(
    conn: sqlite3.Connection,
    options: FetchOptions,
    continues: tuple[int, ...],
    now: dt.datetime,
) -> selection.SourceSelection:
    package_ids = tuple(lookup.find_packages(conn, options.names))
    sources = options.sources if options.as_of is None else ("repo",)
    due_before = {source: options.due_before(source, now) for source in sources}
    return selection.SourceSelection(
        package_ids=package_ids or None,
        sources=sources,
        older_than={source: then for source, then in due_before.items() if then is not None},
        retry_failed=options.retry_failed,
        limit=options.limit,
        continues=continues,
    )
