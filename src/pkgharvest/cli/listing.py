"""``pkgharvest list``."""

import datetime as dt

import click

from pkgharvest.catalog import connection, finding, reading
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation
from pkgharvest.cli.output import Output, output_options, print_many
from pkgharvest.cli.values import DURATION, TEXT
from pkgharvest.package import STATUSES


@click.command("list")
@click.option(
    "--sort",
    type=click.Choice(reading.SORT_KEYS),
    default="name",
    show_default=True,
    help="Names ascend; figures and dates descend.",
)
@click.option("--reverse", is_flag=True, help="The other way round; unknown stays last.")
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="Only the first N.")
@click.option("--category", type=TEXT, metavar="SLUG", help="Only those of this category.")
@click.option("--grid", type=TEXT, metavar="SLUG", help="Only those in this grid.")
@click.option("--status", type=click.Choice(STATUSES), help="Only those of this status.")
@click.option("--stale", type=DURATION, help="Only those last fetched longer ago than this.")
@click.option("--failing", is_flag=True, help="Only those with a source that failed last time.")
@output_options
@global_options
@pass_invocation
def command(
    invocation: Invocation,
    sort: reading.SortKey,
    reverse: bool,
    limit: int | None,
    category: str | None,
    grid: str | None,
    status: str | None,
    stale: dt.timedelta | None,
    failing: bool,
    output: Output,
) -> None:
    """List the packages of the catalogue."""
    path = invocation.db_path
    with connection.reading(path) as conn:
        if category is not None:
            finding.category_id(conn, category)
        if grid is not None:
            finding.grid_id(conn, grid)
        wanted = reading.Filter(
            category=category,
            grid=grid,
            status=status,
            fetched_before=None if stale is None else invocation.clock.now() - stale,
            failing=failing,
        )
        now = invocation.clock.now()
        ids = reading.select(conn, wanted, now=now, sort=sort, reverse=reverse, limit=limit)
        found = reading.packages(conn, ids, full=output.needs_versions)
        print_many(invocation, found, output, whole=False)
