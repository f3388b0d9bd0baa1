"""What ``pkgharvest list --trending`` prints: packages with how their stars went."""

import datetime as dt
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pkgharvest.catalog import reading, snapshots
from pkgharvest.catalog.snapshots import GAIN_KEYS, Gain
from pkgharvest.cli.invocation import Invocation, write
from pkgharvest.cli.output import Output, drawn, pieces, speak_utf8, style
from pkgharvest.package import Package
from pkgharvest.render.fields import FULL, Column, Field, Json, Style, instant

if TYPE_CHECKING:
    from rich.console import Console


class _Trend(NamedTuple):
    """A package, as far as it is wanted, and how its stars went."""

    slug: str
    package: Package | None
    """Read where fields of it were asked for."""
    gain: Gain


_GAIN: tuple[Column[_Trend], ...] = (
    Column("gained", "stars that it gained", lambda one, _: one.gain.gained),
    Column("percent", "of those that it had", lambda one, _: one.gain.percent),
    Column("since", "since when", lambda one, chosen: instant(one.gain.since, chosen)),
)

_USUAL: tuple[Column[_Trend], ...] = (
    Column("slug", "its name in the catalogue", lambda one, _: one.slug),
    Column("stars", "stars", lambda one, _: one.gain.stars),
    *_GAIN,
)


class Ranking(NamedTuple):
    """Since when stars are compared, and in which order packages come."""

    then: dt.datetime
    sort: str | None
    """``gained``, the default, ``percent``, or a key of any list."""
    reverse: bool
    limit: int | None


def print_trending(
    invocation: Invocation,
    conn: sqlite3.Connection,
    wanted: reading.Filter,
    ranking: Ranking,
    output: Output,
) -> None:
    """Print what ``wanted`` lets through; fields that were asked for stand before the gains."""
    fields = output.fields or (FULL if output.full else None)
    columns = _USUAL if fields is None else (*map(_of_package, fields), *_GAIN)
    gains = _ranked(conn, wanted, ranking)
    if not gains:
        when = f"{ranking.then:%Y-%m-%d %H:%M} UTC"
        invocation.say(f"no stars are known to have come or gone since {when}")
    trends = _trends(conn, gains, output.parts if fields else None)
    chosen = style(invocation, output)
    if output.format != "table":
        speak_utf8()
        write(pieces(trends, columns, chosen, output.format), output.file)
    elif gains:
        write([drawn(output, _table(list(trends), columns, chosen))], output.file)


def _ranked(conn: sqlite3.Connection, wanted: reading.Filter, ranking: Ranking) -> list[Gain]:
    key = next((key for key in GAIN_KEYS if key == (ranking.sort or "gained")), None)
    ids = None
    if key is None or wanted != reading.Filter():
        ids = reading.select(
            conn,
            wanted,
            sort="name" if key is not None or ranking.sort is None else ranking.sort,
            reverse=ranking.reverse,
        )
    return snapshots.gains(
        conn, ids, ranking.then, sort=key, reverse=ranking.reverse, limit=ranking.limit
    )


def _of_package(field: Field) -> Column[_Trend]:
    def read(one: _Trend, chosen: Style) -> Json:
        assert one.package is not None
        return field.read(one.package, chosen)

    return Column(field.name, field.summary, read)


def _trends(
    conn: sqlite3.Connection, gains: Sequence[Gain], parts: Collection[str] | None
) -> Iterator[_Trend]:
    if parts is None:
        for gain in gains:
            yield _Trend(slug=gain.slug, package=None, gain=gain)
        return
    by_id = {gain.package_id: gain for gain in gains}
    for package in reading.packages(conn, by_id, parts):
        yield _Trend(slug=package.slug, package=package, gain=by_id[package.id])


def _table(
    trends: Sequence[_Trend], columns: Sequence[Column[_Trend]], chosen: Style
) -> "Callable[[Console], None]":
    from pkgharvest.render.document import compact  # noqa: PLC0415
    from pkgharvest.render.overview import Part, show  # noqa: PLC0415 - brings rich

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
                return compact(value)

    part = Part(
        columns=tuple(column.name for column in columns),
        rows=tuple(tuple(told(column, one) for column in columns) for one in trends),
        figures=frozenset(("stars", "gained", "percent")),
    )
    return lambda console: show([part], console)
