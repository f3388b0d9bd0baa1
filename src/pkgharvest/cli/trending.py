"""What ``pkgharvest list --trending`` prints: packages and how their stars changed."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pkgharvest.api_v4.encode import (
    Column,
    Field,
    Json,
    OutputStyle,
    choose_columns,
    format_instant_field,
)
from pkgharvest.app.history import StarDeltaKey, Trend, TrendingResult, list_trending
from pkgharvest.app.queries import PackageFilter, SortKey
from pkgharvest.cli.output import Output, print_records
from pkgharvest.formats.fields import FULL_FIELDS

if TYPE_CHECKING:
    from rich.console import Console

_DELTA_COLUMNS: tuple[Column[Trend], ...] = (
    Column("gained", "stars gained", lambda trend, _: trend.delta.gained),
    Column("percent", "percentage of the stars before", lambda trend, _: trend.delta.percent),
    Column(
        "since", "since when", lambda trend, style: format_instant_field(trend.delta.since, style)
    ),
)

_DEFAULT_COLUMNS: tuple[Column[Trend], ...] = (
    Column("slug", "its name in the catalog", lambda trend, _: trend.delta.slug),
    Column("stars", "stars", lambda trend, _: trend.delta.stars),
    *_DELTA_COLUMNS,
)


def _package_column(field: Field) -> Column[Trend]:
    def read(trend: Trend, style: OutputStyle) -> Json:
        assert trend.package is not None
        return field.read(trend.package, style)

    return Column(field.name, field.summary, read)


_ALL_COLUMNS: tuple[Column[Trend], ...] = (*map(_package_column, FULL_FIELDS), *_DELTA_COLUMNS)
"""Every column that ``--fields`` may name."""


def choose_trend_columns(names: str | None, *, full: bool) -> tuple[Column[Trend], ...]:
    """Return the columns called ``names``, else all with ``full``, else the usual ones.

    Raises InvalidValue for an unknown name.
    """
    if names is not None:
        return choose_columns(names, _ALL_COLUMNS)
    return _ALL_COLUMNS if full else _DEFAULT_COLUMNS


def print_trending(
    wanted: PackageFilter,
    since: dt.datetime,
    columns: Sequence[Column[Trend]],
    output: Output,
    *,
    sort: SortKey | StarDeltaKey | None,
    reverse: bool,
    limit: int | None,
) -> None:
    """Print the packages that match ``wanted`` and whose stars changed, or say why none does."""
    invocation = output.invocation
    parts = None if columns is _DEFAULT_COLUMNS else {column.name for column in columns}
    with list_trending(
        invocation.db_path,
        wanted,
        since,
        sort=sort,
        reverse=reverse,
        limit=limit,
        parts=parts,
    ) as result:
        if not result.total and limit != 0:
            is_filtered = wanted != PackageFilter()
            invocation.say(_explain_none(result, is_filtered=is_filtered, since=since))
        if result.total or output.format != "table":
            style = output.style()

            def draw(console: "Console") -> None:
                _print_table(result.trends, columns, console, style)

            print_records(result.trends, columns, output, style, draw)


def _explain_none(result: TrendingResult, *, is_filtered: bool, since: dt.datetime) -> str:
    if is_filtered and not result.has_matches:
        return "nothing to list: no package matches"
    which = "matching package" if is_filtered else "package"
    return f"no {which} is known to have gained or lost stars since {since:%Y-%m-%d %H:%M} UTC"


def _print_table(
    trends: Iterable[Trend],
    columns: Sequence[Column[Trend]],
    console: "Console",
    style: OutputStyle,
) -> None:
    from pkgharvest.formats.json_text import compact_json  # noqa: PLC0415
    from pkgharvest.terminal.tables import TextTable, print_tables  # noqa: PLC0415 - brings rich

    def cell(column: Column[Trend], trend: Trend) -> str:
        value = column.read(trend, style)
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

    table = TextTable(
        columns=tuple(column.name for column in columns),
        rows=tuple(tuple(cell(column, trend) for column in columns) for trend in trends),
        figures=frozenset(("stars", "gained", "percent")),
    )
    print_tables([table], console)
