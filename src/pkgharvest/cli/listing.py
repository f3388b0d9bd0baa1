"""``pkgharvest list``: packages, or with ``--trending`` how their stars changed."""

import datetime as dt

import click

from pkgharvest.api_v4.encode import Column, Field, Json, OutputStyle, format_instant_field
from pkgharvest.app.history import (
    STAR_DELTA_KEYS,
    StarDeltaKey,
    Trend,
    TrendingResult,
    list_trending,
)
from pkgharvest.app.queries import SORT_KEYS, PackageFilter, SortKey, list_packages
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation
from pkgharvest.cli.output import (
    Output,
    field_options,
    print_packages,
    print_records,
    printing_options,
)
from pkgharvest.cli.parameters import DURATION, TEXT
from pkgharvest.formats.fields import FULL_FIELDS
from pkgharvest.model.package import STATUSES


@click.command("list")
@click.option(
    "--sort",
    type=click.Choice((*SORT_KEYS, *STAR_DELTA_KEYS)),
    help="Names ascend; numbers and dates descend.  [default: name, or gained with --trending]",
)
@click.option("--reverse", is_flag=True, help="Reverse the order; unknown values stay last.")
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="Only the first N.")
@click.option("--category", type=TEXT, metavar="SLUG", help="Only packages of this category.")
@click.option("--grid", type=TEXT, metavar="SLUG", help="Only packages in this grid.")
@click.option("--status", type=click.Choice(STATUSES), help="Only packages with this status.")
@click.option("--stale", type=DURATION, help="Only packages last fetched longer ago than this.")
@click.option("--failing", is_flag=True, help="Only packages with a source that failed last time.")
@click.option(
    "--trending", type=DURATION, help="Only packages that gained or lost stars in this time: 30d."
)
@printing_options
@field_options
@global_options
@pass_invocation
def command(
    invocation: Invocation,
    sort: SortKey | StarDeltaKey | None,
    reverse: bool,
    limit: int | None,
    category: str | None,
    grid: str | None,
    status: str | None,
    stale: dt.timedelta | None,
    failing: bool,
    trending: dt.timedelta | None,
    output: Output,
) -> None:
    """List the packages of the catalog."""
    now = invocation.clock.now()
    wanted = PackageFilter(
        category=category,
        grid=grid,
        status=status,
        fetched_before=None if stale is None else now - stale,
        failing=failing,
    )
    if trending is not None:
        since = now.replace(microsecond=0) - trending
        _list_trending(invocation, wanted, since, output, sort=sort, reverse=reverse, limit=limit)
        return
    sort_key = next((key for key in SORT_KEYS if key == (sort or "name")), None)
    if sort_key is None:
        raise click.UsageError(f"--sort {sort} goes with --trending")
    with list_packages(
        invocation.db_path,
        wanted,
        sort=sort_key,
        reverse=reverse,
        limit=limit,
        parts=output.parts,
    ) as packages:
        print_packages(packages, output, as_cards=False)


# ── stars gained and lost ──


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

_SIGNED_COLUMNS: dict[str, Column[Trend]] = {
    "gained": Column("gained", "", lambda trend, _: f"{trend.delta.gained:+}"),
    "percent": Column("percent", "", lambda trend, _: _format_percent(trend.delta.percent)),
}
"""What people read in place of the columns of these names."""


def _format_percent(percent: float | None) -> str | None:
    return None if percent is None else f"{percent:+.1f} %"


def _text_column(column: Column[Trend]) -> Column[Trend]:
    from pkgharvest.formats.delimited import cell_text  # noqa: PLC0415 - not for JSON

    return column._replace(read=lambda trend, style: cell_text(column.read(trend, style)))


def _list_trending(
    invocation: Invocation,
    wanted: PackageFilter,
    since: dt.datetime,
    output: Output,
    *,
    sort: SortKey | StarDeltaKey | None,
    reverse: bool,
    limit: int | None,
) -> None:
    """Print the packages that match ``wanted`` and whose stars changed, or say why none does."""
    usual = _ALL_COLUMNS if output.full else _DEFAULT_COLUMNS
    columns = output.choose_columns(usual, _ALL_COLUMNS)
    parts = None if columns is _DEFAULT_COLUMNS else {column.name for column in columns}
    if output.format == "table":
        columns = [_SIGNED_COLUMNS.get(column.name) or _text_column(column) for column in columns]
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
            figures = frozenset(("stars", "gained", "percent"))
            print_records(result.trends, columns, output, figures=figures)


def _explain_none(result: TrendingResult, *, is_filtered: bool, since: dt.datetime) -> str:
    if is_filtered and not result.has_matches:
        return "nothing to list: no package matches"
    which = "matching package" if is_filtered else "package"
    return f"no {which} is known to have gained or lost stars since {since:%Y-%m-%d %H:%M} UTC"
