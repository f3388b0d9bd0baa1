"""``pkgharvest list``."""

import datetime as dt

import click

from pkgharvest.catalog import database, lookup, packages, snapshots
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation
from pkgharvest.cli.output import Output, field_options, print_many, printing_options
from pkgharvest.cli.parameters import DURATION, TEXT
from pkgharvest.formats.fields import choose_fields
from pkgharvest.model.package import STATUSES


@click.command("list")
@click.option(
    "--sort",
    type=click.Choice((*packages.SORT_KEYS, *snapshots.STAR_DELTA_KEYS)),
    help="Names ascend; figures and dates descend.  [default: name, or gained with --trending]",
)
@click.option("--reverse", is_flag=True, help="The other way round; unknown stays last.")
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="Only the first N.")
@click.option("--category", type=TEXT, metavar="SLUG", help="Only those of this category.")
@click.option("--grid", type=TEXT, metavar="SLUG", help="Only those in this grid.")
@click.option("--status", type=click.Choice(STATUSES), help="Only those of this status.")
@click.option("--stale", type=DURATION, help="Only those last fetched longer ago than this.")
@click.option("--failing", is_flag=True, help="Only those with a source that failed last time.")
@click.option(
    "--trending", type=DURATION, help="Only those whose stars came or went in this time: 30d."
)
@printing_options
@field_options
@global_options
@pass_invocation
def command(
    invocation: Invocation,
    sort: packages.SortKey | snapshots.StarDeltaKey | None,
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
    """List the packages of the catalogue."""
    if trending is None and sort in snapshots.STAR_DELTA_KEYS:
        raise click.UsageError(f"--sort {sort} goes with --trending")
    now = invocation.clock.now()
    ranking = None
    if trending is None:
        output = output._replace(
            fields=None if fields is None else choose_fields(fields), full=full
        )
    else:
        from pkgharvest.cli.trending import Ranking, choose, print_trending  # noqa: PLC0415

        ranking = Ranking(
            then=now.replace(microsecond=0) - trending,
            sort=sort,
            reverse=reverse,
            limit=limit,
            columns=choose(fields, full=full),
        )
    path = invocation.db_path
    with database.open_reader(path) as conn:
        if category is not None:
            lookup.category_id(conn, category)
        if grid is not None:
            lookup.grid_id(conn, grid)
        wanted = packages.PackageFilter(
            category=category,
            grid=grid,
            status=status,
            fetched_before=None if stale is None else now - stale,
            failing=failing,
        )
        if ranking is not None:
            print_trending(invocation, conn, wanted, ranking, output)
            return
        key = "name" if sort is None else sort
        ids = packages.select_ids(conn, wanted, sort=key, reverse=reverse, limit=limit)
        found = packages.read_packages(conn, ids, output.parts)
        print_many(invocation, found, output, whole=False)
