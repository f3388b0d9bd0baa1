"""``pkgharvest grid``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pkgharvest.api_v4.encode import GRID_FIELDS
from pkgharvest.app import collections
from pkgharvest.app.queries import compare_grid
from pkgharvest.cli.collection import CollectionKind, add_commands
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation, write
from pkgharvest.cli.output import (
    Output,
    print_object,
    print_records,
    printing_options,
    speak_utf8,
)
from pkgharvest.cli.parameters import TEXT
from pkgharvest.formats import comparison
from pkgharvest.model.collections import Grid

if TYPE_CHECKING:
    from rich.console import Console


@click.group("grid", no_args_is_help=False)
@global_options
def command() -> None:
    """Compare packages in grids."""


def _print_all(grids: Sequence[Grid], console: "Console") -> None:
    from pkgharvest.terminal import tables  # noqa: PLC0415 - brings rich

    hint = "no grid yet: pkgharvest grid add creates one"
    tables.print_collections("grid", grids, console, if_empty=hint)


add_commands(
    command,
    CollectionKind(
        table="grids",
        noun="grid",
        example='"Web Forms" gets the slug web-forms and the title Web Forms.',
        columns=GRID_FIELDS,
        known_columns=GRID_FIELDS,
        editable=("title", "slug", "description", "is_locked", "header"),
        options=(
            click.option("--description", type=TEXT, help="What it compares."),
            click.option(
                "--locked/--unlocked", "is_locked", default=None,
                help="Whether its packages stay as they are.",
            ),
            click.option(
                "--header/--no-header", default=None, help="Whether a site lists it in its header."
            ),
        ),
        edit_options=(
            click.option(
                "--add", "added", type=TEXT, metavar="PACKAGE", multiple=True,
                help="Add a package, by any name that show takes; may be repeated.",
            ),
            click.option(
                "--remove", "removed", type=TEXT, metavar="PACKAGE", multiple=True,
                help="Remove a package; may be repeated.",
            ),
        ),
        removal="Its packages stay in the catalog.",
        read_all=collections.list_grids,
        print_all=_print_all,
    ),
)  # fmt: skip


@command.command("show")
@click.argument("name", metavar="SLUG", type=TEXT)
@printing_options
@global_options
@pass_invocation
def show(invocation: Invocation, name: str, output: Output) -> None:
    """Show a grid, by slug or id: its packages side by side, the best values marked.

    With --json it is the grid as in the Django Packages API, followed by the comparison.
    """
    style = output.style()
    grid, entries = compare_grid(invocation.db_path, name, style)

    def draw(console: "Console") -> None:
        from pkgharvest.terminal import comparison_table  # noqa: PLC0415 - brings rich

        hint = f"pkgharvest grid edit {grid.slug} --add PACKAGE adds one"
        comparison_table.print_comparison(grid, entries, console, style, if_empty=hint)

    match output.format:
        case "json":
            print_object(grid, comparison.comparison_columns(entries), output)
        case "md":
            speak_utf8()
            write(comparison.markdown_comparison(entries, style), output.file)
        case "csv" | "tsv":
            columns = comparison.transposed_columns(entries)
            print_records(comparison.COMPARISON_ROWS, columns, output, style, draw)
        case _:
            columns_of_grid = comparison.comparison_columns(entries)
            print_records([grid], columns_of_grid, output, style, draw)
