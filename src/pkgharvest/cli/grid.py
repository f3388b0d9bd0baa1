"""``pkgharvest grid``."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from pkgharvest.api_v4.encode import GRID_FIELDS, OutputStyle
from pkgharvest.catalog import collections, database, packages
from pkgharvest.cli import collection
from pkgharvest.cli.exit_codes import ExitCode
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation, write
from pkgharvest.cli.output import Output, drawn, pieces, printing_options, speak_utf8, style
from pkgharvest.cli.parameters import TEXT
from pkgharvest.formats import comparison
from pkgharvest.model.collections import Grid

if TYPE_CHECKING:
    from rich.console import Console


@click.group("grid", no_args_is_help=False)
@global_options
def command() -> None:
    """Compare packages in grids."""


@command.command("add")
@click.argument("name", metavar="SLUG", type=TEXT)
@click.option("--title", type=TEXT, help="Its title.  [default: SLUG as it stands]")
@click.option("--description", type=TEXT, help="What it compares.")
@click.option("--locked/--unlocked", default=None, help="Whether its packages stay as they are.")
@click.option("--header/--no-header", default=None, help="Whether a site names it at its head.")
@global_options
@pass_invocation
def add(
    invocation: Invocation,
    name: str,
    title: str | None,
    description: str | None,
    locked: bool | None,
    header: bool | None,
) -> None:
    """Make a grid. Of "Web Forms" the slug is web-forms, and the title Web Forms."""
    values = collection.given(title=title, description=description, is_locked=locked, header=header)
    collection.add(invocation, name, collection.CollectionChanges("grids", values))


@command.command("list")
@click.option("--fields", metavar="A,B,C", help="These fields, in this order.")
@printing_options
@global_options
@pass_invocation
def list_(invocation: Invocation, fields: str | None, output: Output) -> None:
    """List the grids, by title."""
    columns = collection.chosen_columns(fields, GRID_FIELDS)
    with database.open_reader(invocation.db_path) as conn:
        found = collections.list_grids(conn)

    def draw(console: "Console") -> None:
        from pkgharvest.terminal import collection_tables as tables  # noqa: PLC0415 - brings rich

        if columns is None:
            tables.print_collections("grid", found, console)
        else:
            tables.print_columns(found, columns, console, style(invocation, output))

    collection.print_list(invocation, found, output, columns or GRID_FIELDS, draw)


@command.command("show")
@click.argument("name", metavar="SLUG", type=TEXT)
@printing_options
@global_options
@pass_invocation
def show(invocation: Invocation, name: str, output: Output) -> None:
    """Show a grid, by slug or id: its packages side by side, the best figures marked.

    With --json it is the grid as the Django Packages API has it, then the comparison.
    """
    chosen = style(invocation, output)
    with database.open_reader(invocation.db_path) as conn:
        grid = collections.get_grid(conn, name)
        categories = {one.id: one for one in collections.list_categories(conn)}
        members = packages.read_packages(conn, grid.package_ids)
        entries = comparison.compare_packages(members, categories, chosen)
    if output.format != "table":
        speak_utf8()
    write(_pieces(grid, entries, output, chosen), output.file)


def _pieces(
    grid: Grid, entries: list[comparison.ComparisonEntry], output: Output, chosen: OutputStyle
) -> Iterator[str]:
    match output.format:
        case "json":
            from pkgharvest.formats import json_text  # noqa: PLC0415 - as the others

            yield json_text.object_text(grid, comparison.comparison_columns(entries), chosen)
        case "jsonl":
            yield from pieces([grid], comparison.comparison_columns(entries), chosen, output.format)
        case "csv" | "tsv":
            transposed = comparison.transposed_columns(entries)
            yield from pieces(comparison.COMPARISON_ROWS, transposed, chosen, output.format)
        case "md":
            yield from comparison.markdown_comparison(entries, chosen)
        case "table":

            def draw(console: "Console") -> None:
                from pkgharvest.terminal import comparison_table  # noqa: PLC0415 - brings rich

                comparison_table.print_comparison(grid, entries, console, chosen)

            yield drawn(output, draw)


@command.command("edit")
@click.argument("name", metavar="SLUG", type=TEXT)
@click.option("--title", type=TEXT, help="Its title.")
@click.option("--slug", type=TEXT, help="Its slug.")
@click.option("--description", type=TEXT, help="What it compares.")
@click.option("--locked/--unlocked", default=None, help="Whether its packages stay as they are.")
@click.option("--header/--no-header", default=None, help="Whether a site names it at its head.")
@click.option(
    "--add",
    "wanted",
    type=TEXT,
    metavar="PACKAGE",
    multiple=True,
    help="Put a package in, by any name that show takes; may be repeated.",
)
@click.option(
    "--remove", "unwanted", type=TEXT, metavar="PACKAGE", multiple=True,
    help="Take a package out; may be repeated.",
)  # fmt: skip
@collection.reset_option(("title", "slug", "description", "is_locked", "header"))
@global_options
@pass_invocation
def edit(
    invocation: Invocation,
    name: str,
    title: str | None,
    slug: str | None,
    description: str | None,
    locked: bool | None,
    header: bool | None,
    wanted: tuple[str, ...],
    unwanted: tuple[str, ...],
    reset: tuple[str, ...],
) -> None:
    """Change a grid; what no option names stays as it is."""
    values = collection.given(
        title=title, slug=slug, description=description, is_locked=locked, header=header
    )
    collection.edit(
        invocation, name, collection.CollectionChanges("grids", values, wanted, unwanted, reset)
    )


@command.command("remove")
@click.argument("name", metavar="SLUG", type=TEXT)
@click.option("-y", "--yes", is_flag=True, help="Do not ask where packages are in it.")
@global_options
@pass_invocation
def remove(invocation: Invocation, name: str, yes: bool) -> ExitCode:
    """Remove a grid. Its packages stay in the catalogue."""
    return collection.remove(invocation, "grids", name, yes=yes)
