"""The commands that ``pkgharvest category`` and ``pkgharvest grid`` share: all but ``show``."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple

import click

from pkgharvest.api_v4.encode import Column, Record, choose_columns
from pkgharvest.app import collections
from pkgharvest.cli.exit_codes import ExitCode
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation, write
from pkgharvest.cli.output import Output, fields_option, print_records, printing_options
from pkgharvest.cli.parameters import TEXT
from pkgharvest.formats.sanitize import sanitize
from pkgharvest.settings.load import prepare_default_directory

if TYPE_CHECKING:
    from rich.console import Console

Options = Callable[[Callable[..., Any]], Callable[..., Any]]

_MAX_NAMED = 5
"""Packages named when asking about a collection that has some."""


class CollectionKind(NamedTuple, Generic[Record]):
    """What distinguishes categories from grids."""

    table: collections.CollectionTable
    noun: str
    example: str
    """What ``add`` makes of a name in quotes."""
    columns: Sequence[Column[Record]]
    """What is printed."""
    known_columns: Sequence[Column[Record]]
    """What ``--fields`` may name."""
    editable: Sequence[str]
    """Columns that ``edit`` sets and ``--reset`` releases."""
    options: Sequence[Options]
    """Options of ``add`` and ``edit`` besides title and slug, named by columns."""
    removal: str
    """What removing one does to its packages."""
    read_all: Callable[[Path], list[Record]]
    print_all: Callable[[Sequence[Record], "Console"], None]
    edit_options: Sequence[Options] = ()
    """Further options of ``edit``."""


def add_commands(group: click.Group, kind: CollectionKind[Record]) -> None:
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


def _list_command(kind: CollectionKind[Record]) -> click.Command:
    plural = {"categories": "categories", "grids": "grids"}[kind.table]

    @click.command("list", help=f"List the {plural}, by title.")
    @fields_option
    @printing_options
    @global_options
    @pass_invocation
    def list_(invocation: Invocation, fields: str | None, output: Output) -> None:
        columns = kind.columns if fields is None else choose_columns(fields, kind.known_columns)
        records = kind.read_all(invocation.db_path)
        style = output.style()

        def draw(console: "Console") -> None:
            if fields is None:
                kind.print_all(records, console)
            else:
                from pkgharvest.terminal import tables  # noqa: PLC0415 - brings rich

                tables.print_columns(records, columns, console, style)

        print_records(records, columns, output, style, draw)

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
