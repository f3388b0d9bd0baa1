"""What ``pkgharvest list --trending`` prints: packages with how their stars went."""

import datetime as dt
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pkgharvest.api_v4.encode import (
    Column,
    Field,
    Json,
    OutputStyle,
    choose_columns,
    format_instant_field,
)
from pkgharvest.catalog import packages, snapshots
from pkgharvest.catalog.snapshots import STAR_DELTA_KEYS, StarDelta, StarDeltaKey
from pkgharvest.cli.invocation import Invocation, write
from pkgharvest.cli.output import Output, drawn, pieces, speak_utf8, style
from pkgharvest.formats.fields import FULL_FIELDS
from pkgharvest.model.package import Package

if TYPE_CHECKING:
    from rich.console import Console


class _Trend(NamedTuple):
    """A package, as far as it is wanted, and how its stars went."""

    slug: str
    package: Package | None
    """Read where fields of it were asked for."""
    gain: StarDelta


_GAIN: tuple[Column[_Trend], ...] = (
    Column("gained", "stars that it gained", lambda one, _: one.gain.gained),
    Column("percent", "of those that it had", lambda one, _: one.gain.percent),
    Column("since", "since when", lambda one, chosen: format_instant_field(one.gain.since, chosen)),
)

_USUAL: tuple[Column[_Trend], ...] = (
    Column("slug", "its name in the catalogue", lambda one, _: one.slug),
    Column("stars", "stars", lambda one, _: one.gain.stars),
    *_GAIN,
)


def _of_package(field: Field) -> Column[_Trend]:
    def read(one: _Trend, chosen: OutputStyle) -> Json:
        assert one.package is not None
        return field.read(one.package, chosen)

    return Column(field.name, field.summary, read)


_ALL: tuple[Column[_Trend], ...] = (*map(_of_package, FULL_FIELDS), *_GAIN)
"""What can be asked for by name."""


class Ranking(NamedTuple):
    """Since when stars are compared, in which order packages come, and what is told of each."""

    then: dt.datetime
    sort: str | None
    """``gained``, the default, ``percent``, or a key of any list."""
    reverse: bool
    limit: int | None
    columns: tuple[Column[_Trend], ...]


def choose(names: str | None, *, full: bool) -> tuple[Column[_Trend], ...]:
    """Return what ``--fields`` names, else all with ``--full``, else the usual columns.

    InvalidValue, as ``render.fields.choose`` has it.
    """
    if names is not None:
        return choose_columns(names, _ALL)
    return _ALL if full else _USUAL


def print_trending(
    invocation: Invocation,
    conn: sqlite3.Connection,
    wanted: packages.PackageFilter,
    ranking: Ranking,
    output: Output,
) -> None:
    """Print what ``wanted`` lets through, or say why that is nothing."""
    columns = ranking.columns
    ids = _let_through(conn, wanted, ranking)
    gains = _ranked(conn, ids, ranking)
    if not gains and ranking.limit != 0:
        invocation.say(
            _nothing(ids, is_filtered=wanted != packages.PackageFilter(), then=ranking.then)
        )
    parts = None if columns is _USUAL else {column.name for column in columns}
    trends = _trends(conn, gains, parts)
    chosen = style(invocation, output)
    if output.format != "table":
        speak_utf8()
        write(pieces(trends, columns, chosen, output.format), output.file)
    elif gains:
        write([drawn(output, _table(list(trends), columns, chosen))], output.file)


def _gain_key(ranking: Ranking) -> StarDeltaKey | None:
    return next((key for key in STAR_DELTA_KEYS if key == (ranking.sort or "gained")), None)


def _let_through(
    conn: sqlite3.Connection, wanted: packages.PackageFilter, ranking: Ranking
) -> list[int] | None:
    """Return the ids of the packages to look at, in the order of a list; None for all of them."""
    is_by_gain = _gain_key(ranking) is not None
    if is_by_gain and wanted == packages.PackageFilter():
        return None
    key = "name" if is_by_gain or ranking.sort is None else ranking.sort
    return packages.select_ids(conn, wanted, sort=key, reverse=ranking.reverse)


def _ranked(
    conn: sqlite3.Connection, ids: Sequence[int] | None, ranking: Ranking
) -> list[StarDelta]:
    return snapshots.star_deltas(
        conn,
        ids,
        ranking.then,
        sort=_gain_key(ranking),
        reverse=ranking.reverse,
        limit=ranking.limit,
    )


def _nothing(ids: Sequence[int] | None, *, is_filtered: bool, then: dt.datetime) -> str:
    if is_filtered and not ids:
        return "nothing to list: no package matches"
    among = " of the packages that match" if is_filtered else ""
    return f"no stars{among} are known to have come or gone since {then:%Y-%m-%d %H:%M} UTC"


def _trends(
    conn: sqlite3.Connection, gains: Sequence[StarDelta], parts: Collection[str] | None
) -> Iterator[_Trend]:
    if parts is None:
        for gain in gains:
            yield _Trend(slug=gain.slug, package=None, gain=gain)
        return
    by_id = {gain.package_id: gain for gain in gains}
    for package in packages.read_packages(conn, by_id, parts):
        yield _Trend(slug=package.slug, package=package, gain=by_id[package.id])


def _table(
    trends: Sequence[_Trend], columns: Sequence[Column[_Trend]], chosen: OutputStyle
) -> "Callable[[Console], None]":
    from pkgharvest.formats.json_text import compact_json  # noqa: PLC0415
    from pkgharvest.terminal.tables import TextTable, print_tables  # noqa: PLC0415 - brings rich

    def told(column: Column[_Trend], one: _Trend) -> str:
        value = column.read(one, chosen)
        match column.name, value:
            case _, None:
                return ""
            case "gained", int():
                return f"{value:+}"
            case "percent", float():
                return f"{value:+.1f} %"
            case _, str():
                return value
            case _:
                return compact_json(value)

    part = TextTable(
        columns=tuple(column.name for column in columns),
        rows=tuple(tuple(told(column, one) for column in columns) for one in trends),
        figures=frozenset(("stars", "gained", "percent")),
    )
    return lambda console: print_tables([part], console)
