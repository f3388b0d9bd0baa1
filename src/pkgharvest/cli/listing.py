"""``pkgharvest list``."""

import datetime as dt

import click

from pkgharvest.app.history import STAR_DELTA_KEYS, StarDeltaKey
from pkgharvest.app.queries import SORT_KEYS, PackageFilter, SortKey, list_packages
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation
from pkgharvest.cli.output import Output, field_options, print_packages, printing_options
from pkgharvest.cli.parameters import DURATION, TEXT
from pkgharvest.formats.fields import choose_fields
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
    fields: str | None,
    full: bool,
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
        from pkgharvest.cli.trending import choose_trend_columns, print_trending  # noqa: PLC0415

        columns = choose_trend_columns(fields, full=full)
        since = now.replace(microsecond=0) - trending
        print_trending(wanted, since, columns, output, sort=sort, reverse=reverse, limit=limit)
        return
    sort_key = next((key for key in SORT_KEYS if key == (sort or "name")), None)
    if sort_key is None:
        raise click.UsageError(f"--sort {sort} goes with --trending")
    output = output._replace(fields=None if fields is None else choose_fields(fields), full=full)
    with list_packages(
        invocation.db_path,
        wanted,
        sort=sort_key,
        reverse=reverse,
        limit=limit,
        parts=output.parts,
    ) as packages:
        print_packages(packages, output, as_cards=False)
