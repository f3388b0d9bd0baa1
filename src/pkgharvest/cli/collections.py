"""``pkgharvest category`` and ``pkgharvest grid``: they share all commands but ``show``."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import click

from pkgharvest.api_v4.encode import (
    CATEGORY_FIELDS,
    CATEGORY_FIELDS_WITH_COUNT,
    GRID_FIELDS,
    Column,
)
from pkgharvest.app import collections
from pkgharvest.app.queries import compare_grid
from pkgharvest.cli.errors import ExitCode
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation, write
from pkgharvest.cli.output import (
    Output,
    fields_option,
    print_drawing,
    print_record,
    print_records,
    printing_options,
    write_utf8,
)
from pkgharvest.cli.parameters import TEXT
from pkgharvest.formats import comparison
from pkgharvest.formats.sanitize import sanitize
from pkgharvest.model.collections import Category, Grid
from pkgharvest.settings.load import prepare_default_directory

Collection = TypeVar("Collection", Category, Grid)
Options = Callable[[Callable[..., Any]], Callable[..., Any]]

_MAX_NAMED = 5
"""Packages named when asking about a collection that has some."""


class CollectionKind(NamedTuple, Generic[Collection]):
    """What distinguishes categories from grids."""

    table: collections.CollectionTable
    noun: Literal["category", "grid"]
    example: str
    """What ``add`` makes of a name in quotes."""
    columns: Sequence[Column[Collection]]
    """What is printed."""
    known_columns: Sequence[Column[Collection]]
    """What ``--fields`` may name."""
    editable: Sequence[str]
    """Columns that ``edit`` sets and ``--reset`` releases."""
    options: Sequence[Options]
    """Options of ``add`` and ``edit`` besides title and slug, named by columns."""
    removal: str
    """What removing one does to its packages."""
    read_all: Callable[[Path], list[Collection]]
    edit_options: Sequence[Options] = ()
    """Further options of ``edit``."""


def add_commands(group: click.Group, kind: CollectionKind[Collection]) -> None:
    """Add the commands ``add``, ``list``, ``edit`` and ``remove`` to ``group``."""
    group.add_command(_add_command(kind))
    group.add_command(_list_command(kind))
    group.add_command(_edit_command(kind))
    group.add_command(_remove_command(kind))


def _add_command(kind: CollectionKind[Any]) -> click.Command:
    @click.command("add", help=f"Add a {kind.noun}. {kind.example}")
    @click.argument("name", metavar="SLUG", type=TEXT)
    @click.option("--title", type=TEXT, help="Its title.  [default: SLUG as given]")
    @_apply(kind.options)
    @global_options
    @pass_invocation
    def add(invocation: Invocation, /, name: str, **given: Any) -> None:
        values = _given_values(given)
        prepare_default_directory(invocation.settings())
        result = collections.add_collection(
            invocation.db_path, kind.table, name, values, invocation.clock.now()
        )
        is_new = result.outcome == "added"
        if not invocation.quiet:
            label = "added" if is_new else "already in the catalog:"
            write([f"{label} {result.slug}  {sanitize(result.title)}\n"])
        if values and not is_new:
            invocation.say(f"nothing was changed; use {kind.noun} edit {result.slug}")

    return add


def _list_command(kind: CollectionKind[Collection]) -> click.Command:
    @click.command("list", help=f"List the {kind.table}, by title.")
    @fields_option
    @printing_options
    @global_options
    @pass_invocation
    def list_(invocation: Invocation, output: Output) -> None:
        columns = output.choose_columns(kind.columns, kind.known_columns)
        records = kind.read_all(invocation.db_path)

        if not output.is_usual_table:
            print_records(records, columns, output)
            return
        from pkgharvest.terminal.tables import print_collections  # noqa: PLC0415 - rich

        hint = f"no {kind.noun} yet: pkgharvest {kind.noun} add creates one"
        print_drawing(
            lambda console: print_collections(kind.noun, records, console, if_empty=hint),
            output.file,
        )

    return list_


def _edit_command(kind: CollectionKind[Any]) -> click.Command:
    @click.command("edit", help=f"Change a {kind.noun}. What no option names stays as it is.")
    @click.argument("name", metavar="SLUG", type=TEXT)
    @click.option("--title", type=TEXT, help="Its title.")
    @click.option("--slug", type=TEXT, help="Its slug.")
    @_apply(kind.options)
    @_apply(kind.edit_options)
    @click.option(
        "--reset",
        type=click.Choice(kind.editable),
        multiple=True,
        help="Let imports change this again; may be repeated.",
    )
    @global_options
    @pass_invocation
    def edit(
        invocation: Invocation,
        /,
        name: str,
        reset: tuple[str, ...],
        added: tuple[str, ...] = (),
        removed: tuple[str, ...] = (),
        **given: Any,
    ) -> None:
        values = _given_values(given)
        if not (values or added or removed or reset):
            raise click.UsageError("nothing to change: give at least one option")
        if both := values.keys() & set(reset):
            raise click.UsageError(f"{min(both)} cannot be both set and reset")
        result = collections.edit_collection(
            invocation.db_path,
            kind.table,
            name,
            collections.CollectionChanges(values, added, removed, reset),
            invocation.clock.now(),
        )
        if result.outcome == "changed":
            invocation.say(f"changed {result.slug}")
        elif reset:
            invocation.say(f"{result.slug} stays as it is until an import changes it")
        else:
            invocation.say(f"nothing to change in {result.slug}")

    return edit


def _remove_command(kind: CollectionKind[Any]) -> click.Command:
    @click.command("remove", help=f"Remove a {kind.noun}. {kind.removal}")
    @click.argument("name", metavar="SLUG", type=TEXT)
    @click.option("-y", "--yes", is_flag=True, help="Do not ask if it has packages.")
    @global_options
    @pass_invocation
    def remove(invocation: Invocation, name: str, yes: bool) -> ExitCode:
        path = invocation.db_path
        members = collections.find_members(path, kind.table, name)
        if members.packages and not yes:
            use = f"{members.slug} is in use by {_name_packages(members.packages)}"
            if not sys.stdin.isatty():
                raise click.UsageError(f"{use}; use --yes to remove it, the packages stay")
            if not click.confirm(f"{use}. Remove it? The packages stay.", err=True):
                invocation.say("nothing was removed")
                return ExitCode.ERROR
        collections.remove_collection(path, kind.table, members.id, invocation.clock.now())
        invocation.say(f"removed {members.slug}")
        return ExitCode.OK

    return remove


def _apply(options: Sequence[Options]) -> Options:
    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _given_values(values: dict[str, Any]) -> dict[str, str | int]:
    """Return the columns that were given, flags as numbers."""
    return {
        column: int(value) if isinstance(value, bool) else value
        for column, value in values.items()
        if value is not None
    }


def _name_packages(slugs: Sequence[str]) -> str:
    more = len(slugs) - _MAX_NAMED
    names = ", ".join(slugs[:_MAX_NAMED]) + (f", +{more} more" if more > 0 else "")
    return f"{len(slugs)} {'package' if len(slugs) == 1 else 'packages'} ({names})"


@click.group("category", no_args_is_help=False)
@global_options
def category() -> None:
    """Sort packages into categories."""


add_commands(
    category,
    CollectionKind(
        table="categories",
        noun="category",
        example='"Web Apps" gets the slug web-apps and the title Web Apps.',
        columns=CATEGORY_FIELDS,
        known_columns=CATEGORY_FIELDS_WITH_COUNT,
        editable=("title", "slug", "description", "title_plural", "show_pypi"),
        options=(
            click.option("--description", type=TEXT, help="What belongs in it."),
            click.option("--title-plural", type=TEXT, help="Its title in the plural."),
            click.option(
                "--show-pypi/--no-show-pypi",
                default=None,
                help="Whether to show PyPI data for its packages.",
            ),
        ),
        removal="Its packages stay, without a category.",
        read_all=collections.list_categories,
    ),
)


@category.command("show")
@click.argument("name", metavar="SLUG", type=TEXT)
@printing_options
@global_options
@pass_invocation
def show_category(invocation: Invocation, name: str, output: Output) -> None:
    """Show a category, by slug or id; with --json as in the Django Packages API."""
    record, packages = collections.show_category(invocation.db_path, name)

    if output.format != "table":
        print_record(record, CATEGORY_FIELDS, output)
        return
    from pkgharvest.terminal.tables import print_category  # noqa: PLC0415 - brings rich

    style = output.style
    print_drawing(
        lambda console: print_category(record, packages, CATEGORY_FIELDS, console, style),
        output.file,
    )


@click.group("grid", no_args_is_help=False)
@global_options
def grid() -> None:
    """Compare packages in grids."""


add_commands(
    grid,
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
    ),
)  # fmt: skip


@grid.command("show")
@click.argument("name", metavar="SLUG", type=TEXT)
@printing_options
@global_options
@pass_invocation
def show_grid(invocation: Invocation, name: str, output: Output) -> None:
    """Show a grid, by slug or id: its packages side by side, the best values marked.

    With --json it is the grid as in the Django Packages API, followed by the comparison.
    """
    style = output.style
    record, entries = compare_grid(invocation.db_path, name, style)

    match output.format:
        case "table":
            from pkgharvest.terminal.comparison_table import print_comparison  # noqa: PLC0415

            hint = f"pkgharvest grid edit {record.slug} --add PACKAGE adds one"
            print_drawing(
                lambda console: print_comparison(record, entries, console, style, if_empty=hint),
                output.file,
            )
        case "md":
            write_utf8(comparison.markdown_comparison(entries, style), output.file)
        case "csv" | "tsv":
            columns = comparison.transposed_columns(entries)
            print_records(comparison.COMPARISON_ROWS, columns, output)
        case _:
            print_record(record, comparison.comparison_columns(entries), output)
