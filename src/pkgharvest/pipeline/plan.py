"""What a run is going to do, and why it may be nothing."""

import datetime as dt
import sqlite3
from dataclasses import dataclass, replace

from pkgharvest.catalog import database, lookup, runs, selection
from pkgharvest.model.clock import Clock, FixedClock
from pkgharvest.model.errors import InvalidValue
from pkgharvest.model.observations import SourceName
from pkgharvest.pipeline.options import FetchOptions, RunContext
from pkgharvest.pipeline.sources import ServiceUrls
from pkgharvest.transport.har.archive import HarArchive


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchPlan:
    """The packages of a run, with the sources that are due."""

    selected: tuple[selection.Selected, ...]
    """All of them, in order."""
    packages: tuple[selection.Selected, ...]
    """What the run is for: these are worked through."""
    aside: tuple[int, ...] = ()
    """Packages whose downloads are read beside that, as far as there is time; oldest first."""
    continues: tuple[int, ...] = ()
    """The unfinished runs that this one goes on with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleReason:
    """Why there is nothing to fetch."""

    catalogued: int
    """Packages in the whole catalogue."""
    fresh: int
    """Packages that succeeded too lately for ``stale``."""
    backing_off: int
    """Packages that failed, are not due again yet, and would be fetched with ``retry_failed``."""
    done: int
    """Packages that the run before, which this one went on with, left nothing to do for."""


def make_plan(conn: sqlite3.Connection, order: FetchOptions, now: dt.datetime) -> FetchPlan:
    """Return what ``order`` is to do."""
    continues = runs.unfinished_runs(conn, now) if order.is_whole else ()
    wanted = _selection(order, package_ids=_ids(conn, order), continues=continues, now=now)
    selected = selection.select_due(conn, wanted, now)
    if wanted.sources == ("downloads",):
        return FetchPlan(selected=tuple(selected), packages=tuple(selected), continues=continues)
    packages = [(number, _besides_downloads(sources)) for number, sources in selected]
    counted = {number for number, sources in selected if "downloads" in sources}
    oldest_first = (
        selection.select_due(conn, replace(wanted, sources=("downloads",), limit=None), now)
        if counted
        else []
    )
    return FetchPlan(
        selected=tuple(selected),
        packages=tuple(one for one in packages if one[1]),
        aside=tuple(number for number, _ in oldest_first if number in counted),
        continues=continues,
    )


def preview_plan(
    order: FetchOptions, around: RunContext
) -> list[tuple[str, tuple[SourceName, ...]]]:
    """Return what a run would fetch now: slugs, with their sources. Nothing is done."""
    order, clock, _ = resolve_options(order, around)
    with database.open_reader(around.settings.db_path) as conn:
        selected = make_plan(conn, order, clock.now()).selected
        return [(one.slug, one.sources) for one in selection.fetch_targets(conn, selected)]


def explain_idle(order: FetchOptions, around: RunContext) -> IdleReason:
    """Return why ``order`` has selected nothing."""
    order, clock, _ = resolve_options(order, around)
    with database.open_reader(around.settings.db_path) as conn:
        now = clock.now()
        ids = _ids(conn, order)
        due = _selection(replace(order, limit=None), package_ids=ids, continues=(), now=now)
        tried = replace(due, retry_failed=True)
        waiting = len(selection.select_due(conn, tried, now))
        ever = len(selection.select_due(conn, replace(tried, older_than={}), now))
        done = len(selection.select_due(conn, due, now))
        (catalogued,) = conn.execute("SELECT count(*) FROM packages").fetchone()
    return IdleReason(
        catalogued=catalogued, fresh=ever - waiting, backing_off=waiting - done, done=done
    )


def resolve_options(
    order: FetchOptions, around: RunContext
) -> tuple[FetchOptions, Clock, HarArchive | None]:
    """Return ``order`` with the sources that there are, the clock it goes by, and its archive.

    Raises InvalidValue where no source is left, ArchiveError.
    """
    archive = None if order.replay is None else HarArchive.read(order.replay)
    clock = around.clock if archive is None else FixedClock(archive.started)
    if (
        "downloads" in order.sources
        and ServiceUrls.chosen(around.settings, archive).pypistats is None
    ):
        order = replace(order, sources=_besides_downloads(order.sources))
        if not order.sources:
            raise InvalidValue(
                "nobody is known to count downloads from this package index",
                hint="PKGHARVEST_PYPISTATS_URL names who does",
            )
    return order, clock, archive


def _besides_downloads(sources: tuple[SourceName, ...]) -> tuple[SourceName, ...]:
    return tuple(source for source in sources if source != "downloads")


def _ids(conn: sqlite3.Connection, order: FetchOptions) -> tuple[int, ...] | None:
    if not order.names:
        return None
    return tuple(dict.fromkeys(lookup.find_package(conn, name) for name in order.names))


def _selection(
    order: FetchOptions,
    *,
    package_ids: tuple[int, ...] | None,
    continues: tuple[int, ...],
    now: dt.datetime,
) -> selection.SourceSelection:
    sources = order.sources if order.as_of is None else ("repo",)
    oldest = {source: order.oldest(source, now) for source in sources}
    return selection.SourceSelection(
        package_ids=package_ids,
        sources=sources,
        older_than={source: then for source, then in oldest.items() if then is not None},
        retry_failed=order.retry_failed,
        limit=order.limit,
        continues=continues,
    )
