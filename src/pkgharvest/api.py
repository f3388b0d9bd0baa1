"""The Python API: a catalog as an object, with what the command line can do as its methods.

``docs/python.md`` is a tour. Nothing here prints, exits or reads the command line. Settings and
tokens come from the same environment variables and configuration files as the command line's.
Each method opens the file for as long as it needs it, so threads can share a file, each with a
``Catalog`` of its own.
"""

import dataclasses
import datetime as dt
import json
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypedDict, Unpack

from pkgharvest.api_v4.encode import RECORD_FIELDS, OutputStyle, record_values
from pkgharvest.app import history, maintenance, packages, queries
from pkgharvest.app.packages import AddResult, EditResult, PackageChanges
from pkgharvest.app.queries import PackageFilter, SortKey
from pkgharvest.formats.fields import FULL_FIELDS
from pkgharvest.model import events
from pkgharvest.model import package as records
from pkgharvest.model.clock import Clock, SystemClock
from pkgharvest.model.errors import InvalidValue, UnknownPackage
from pkgharvest.model.instants import parse_duration, parse_instant, parse_zone
from pkgharvest.model.search_text import SearchHit
from pkgharvest.settings.load import load
from pkgharvest.settings.spec import Setting

if TYPE_CHECKING:
    from pkgharvest.app.fetch import FetchOptions, RunContext, RunReport
    from pkgharvest.model.observations import PypiSource, SourceName

_logger = logging.getLogger("pkgharvest")
_logger.addHandler(logging.NullHandler())  # else Python prints warnings to stderr by itself

PathLike = str | os.PathLike[str]
Duration = str | dt.timedelta
"""``"24h"``, ``"7d"``, or a timedelta."""
Moment = str | dt.datetime
"""ISO 8601 text (UTC without an offset), or a datetime."""


class Package(records.Package):
    """One package of a catalog: the record as named fields, and as the published API has it."""

    __slots__ = ()

    def to_dict(self, *, base_url: str = "", tz: str = "UTC", full: bool = False) -> dict[str, Any]:
        """Return the record, key for key as ``show --json`` prints it.

        ``base_url`` comes before the links to category and grids, ``tz`` is the zone of the
        timestamps (an IANA name, or ``local``), ``full`` adds what is known beyond the 18 keys of
        the record. Raises InvalidValue for an unknown zone.
        """
        style = OutputStyle(now=dt.datetime.now(dt.UTC), zone=parse_zone(tz), base_url=base_url)
        record: records.Package = self
        values = record_values(record, FULL_FIELDS if full else RECORD_FIELDS, style)
        values_as_read: dict[str, Any] = json.loads(json.dumps(values))  # lists for tuples
        return values_as_read


class FetchKeywords(TypedDict, total=False):
    """What ``Catalog.fetch`` takes besides names; see ``FetchOptions`` for what each one does."""

    sources: "Iterable[SourceName]"
    stale: Duration | None
    limit: int | None
    time_budget: Duration | None
    request_budget: int | None
    jobs: int
    as_of: Moment | None
    history: Literal["auto", "api", "git"]
    wait: bool
    retry_failed: bool
    record: PathLike | None
    replay: PathLike | None


def open_catalog(
    path: PathLike,
    *,
    create: bool = False,
    config: PathLike | None = None,
    clock: Clock | None = None,
) -> "Catalog":
    """Open the catalog at ``path``; with ``create``, make one if there is no file.

    ``config`` is a configuration file, as the command line's. Raises CatalogError if the file is
    missing, foreign, damaged or written by a newer version, and InvalidValue for a configuration
    that cannot be understood.
    """
    catalog = Catalog(path, config=config, clock=clock)
    maintenance.require_catalog(catalog.path, create=create)
    return catalog


class Catalog:
    """A catalog of packages in one SQLite file. Made by ``pkgharvest.open``; a context manager.

    Every method may raise CatalogError. A name is a package's slug, id, PyPI name or the URL of its
    repository.
    """

    def __init__(
        self, path: PathLike, *, config: PathLike | None = None, clock: Clock | None = None
    ) -> None:
        self.path = Path(path)
        self._clock = clock or SystemClock()
        self._settings = load(
            {"db": Setting(str(self.path), "path")},
            os.environ,
            config=None if config is None else os.fspath(config),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Do nothing: no file is open between two calls."""

    def __repr__(self) -> str:
        return f"Catalog({str(self.path)!r})"

    # ── reading ──

    def __getitem__(self, name: str) -> Package:
        """Return the package called ``name``; KeyError if there is none."""
        if not isinstance(name, str):
            raise KeyError(name)
        try:
            (package,) = queries.show_packages(self.path, [name], queries.ALL_PARTS)
        except UnknownPackage as error:
            raise KeyError(name) from error
        return Package(*package)

    def __contains__(self, name: object) -> bool:
        """Tell whether a package is called ``name``."""
        try:
            return isinstance(name, str) and bool(queries.find_packages(self.path, [name]))
        except UnknownPackage:
            return False

    def __len__(self) -> int:
        """Return the number of packages."""
        return queries.count_packages(self.path)

    def __iter__(self) -> Iterator[Package]:
        """Yield all packages by title, lazily."""
        return self.packages()

    def packages(
        self,
        *,
        sort: SortKey = "name",
        reverse: bool = False,
        limit: int | None = None,
        category: str | None = None,
        grid: str | None = None,
        status: records.Status | None = None,
        stale: Duration | None = None,
        failing: bool = False,
    ) -> Iterator[Package]:
        """Yield packages lazily, a few hundred in memory at a time; the filters are ``list``'s.

        Names ascend, numbers and dates descend, unknown values come last, ties go by slug. All of
        them are of one moment, whatever is written meanwhile. Raises UnknownCategory, UnknownGrid
        and InvalidValue when the first one is asked for.
        """
        wanted = PackageFilter(
            category=category,
            grid=grid,
            status=status,
            fetched_before=None if stale is None else self._clock.now() - _timedelta(stale),
            failing=failing,
        )
        with queries.list_packages(
            self.path, wanted, sort=sort, reverse=reverse, limit=limit, parts=queries.ALL_PARTS
        ) as found:
            for package in found:
                yield Package(*package)

    def search(self, query: str, *, limit: int = 20) -> list[SearchHit]:
        """Return the packages and grids that ``query`` finds, best first."""
        hits, _ = queries.search(self.path, query, limit=limit)
        return hits

    def history(
        self, name: str, *, since: Duration | dt.datetime | None = None
    ) -> list[history.Snapshot]:
        """Return what a package was: a snapshot for each run that found a change, oldest first.

        ``since`` is how long ago (``"90d"``) or an instant. Raises UnknownPackage and InvalidValue.
        """
        start = since
        if not isinstance(start, dt.datetime):
            start = None if start is None else self._clock.now() - _timedelta(start)
        elif start.tzinfo is None:
            raise InvalidValue(f"{start} has no time zone", field="since")
        return history.read_history(self.path, name, since=start).snapshots

    # ── writing ──

    def add(
        self,
        repository: str,
        *,
        title: str | None = None,
        slug: str | None = None,
        category: str | None = None,
        grids: Iterable[str] = (),
        pypi: str | Literal[False] | None = None,
        docs: str | None = None,
    ) -> AddResult:
        """Add a package by any spelling of its repository; nothing is requested from its host.

        ``pypi`` is the name of its PyPI project, False if it has none, None to find out when it is
        fetched. A repository that is there already changes nothing: ``outcome`` is "exists". Raises
        LocatorError for a repository that cannot be understood, UnknownCategory, UnknownGrid,
        GridLocked, and InvalidValue for a value that no package can have.
        """
        pypi_source, pypi_name = _pypi(pypi)
        (result,) = packages.add_packages(
            self.path,
            [repository],
            self._clock.now(),
            title=title,
            slug=slug,
            category=category,
            grids=tuple(grids),
            documentation_url=docs,
            pypi_source=pypi_source or "auto",
            pypi_name=pypi_name,
        )
        if result.error is not None:
            raise result.error
        return result

    def edit(
        self,
        name: str,
        *,
        title: str | None = None,
        slug: str | None = None,
        repository: str | None = None,
        pypi: str | Literal[False] | None = None,
        docs: str | None = None,
        category: str | Literal[False] | None = None,
        grids: Iterable[str] = (),
        remove_grids: Iterable[str] = (),
        reset: Iterable[str] = (),
    ) -> EditResult:
        """Change what a user may set; no fetch or import overwrites it until it is ``reset``.

        None leaves a field as it is; False takes the package out of its category, or says that it
        has no PyPI project. Raises UnknownPackage, LocatorError, RepositoryTaken, UnknownCategory,
        UnknownGrid, GridLocked and InvalidValue.
        """
        pypi_source, pypi_name = _pypi(pypi)
        changes = PackageChanges(
            title=title,
            slug=slug,
            locator=None if repository is None else packages.read_repository(repository),
            pypi_source=pypi_source,
            pypi_name=pypi_name,
            documentation_url=docs,
            category="" if category is False else category,
            grids=tuple(grids),
            not_grids=tuple(remove_grids),
            reset=packages.parse_editable_fields(reset),
        )
        return packages.edit_package(self.path, name, changes, self._clock.now())

    def remove(self, *names: str) -> list[str]:
        """Remove packages with their history, validators and clones; return their slugs.

        Raises UnknownPackage, and then removes none.
        """
        return packages.remove_packages(self.path, queries.find_packages(self.path, names))

    # ── fetching ──

    def fetch(
        self,
        *names: str,
        options: "FetchOptions | None" = None,
        listener: events.Listener | None = None,
        **keywords: Unpack[FetchKeywords],
    ) -> "RunReport":
        """Fetch the packages called ``names``, or every package that is due, and report.

        ``options`` are a whole set of options, which ``keywords`` override one by one:
        ``catalog.fetch(stale="24h", time_budget="50m")``. ``listener`` is called with each event of
        the run. A package is saved as soon as it is read; what fails is in the report. Raises
        FetchLocked if another fetch is at work, UnknownPackage, ArchiveError and InvalidValue. Use
        ``afetch`` inside a running event loop.
        """
        from pkgharvest.app.fetch import fetch  # noqa: PLC0415 - brings the pipeline

        return fetch(*self._prepare_fetch(names, options, keywords, listener))

    async def afetch(
        self,
        *names: str,
        options: "FetchOptions | None" = None,
        listener: events.Listener | None = None,
        **keywords: Unpack[FetchKeywords],
    ) -> "RunReport":
        """Fetch as ``fetch`` does, inside a running event loop."""
        from pkgharvest.app.fetch import afetch  # noqa: PLC0415 - brings the pipeline

        return await afetch(*self._prepare_fetch(names, options, keywords, listener))

    def _prepare_fetch(
        self,
        names: tuple[str, ...],
        options: "FetchOptions | None",
        keywords: FetchKeywords,
        listener: events.Listener | None,
    ) -> "tuple[FetchOptions, RunContext]":
        from pkgharvest.app.fetch import FetchOptions, RunContext  # noqa: PLC0415 - as above

        def listen(event: events.Event) -> None:
            _log(event)
            if listener is not None:
                listener(event)

        context = RunContext(
            settings=self._settings, environ=os.environ, clock=self._clock, listener=listen
        )
        return dataclasses.replace(options or FetchOptions(), **_given(names, keywords)), context


def _log(event: events.Event) -> None:
    """Write a line for each request at DEBUG, for each failure at WARNING."""
    if isinstance(event, events.RequestFinished):
        status = "no answer" if event.status is None else event.status
        _logger.debug("%s %s %s %.2f s", event.method, event.url, status, event.seconds)
    elif isinstance(event, events.SourceFinished) and event.failure is not None:
        _logger.warning(
            "%s: %s: %s: %s",
            event.outcome.target.slug,
            event.outcome.source,
            event.failure.kind,
            event.failure.message,
        )


def _given(names: tuple[str, ...], keywords: FetchKeywords) -> dict[str, Any]:
    """Return the fields of ``FetchOptions`` that were given, each of its type there."""
    given: dict[str, Any] = dict(keywords)
    if names:
        given["names"] = names
    for key in ("stale", "time_budget"):
        if given.get(key) is not None:
            given[key] = _timedelta(given[key])
    if isinstance(given.get("as_of"), str):
        given["as_of"] = parse_instant(given["as_of"])
    for key in ("record", "replay"):
        if given.get(key) is not None:
            given[key] = Path(given[key])
    if "sources" in given:
        given["sources"] = tuple(given["sources"])
    return given


def _timedelta(duration: Duration) -> dt.timedelta:
    return parse_duration(duration) if isinstance(duration, str) else duration


def _pypi(pypi: str | Literal[False] | None) -> "tuple[PypiSource | None, str | None]":
    if pypi is None:
        return None, None
    return ("none", None) if pypi is False else ("set", pypi)
