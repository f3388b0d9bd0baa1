"""What ``pkgharvest category`` and ``pkgharvest grid`` have in common."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

from pkgharvest.api_v4.encode import Column, Record, choose_columns
from pkgharvest.catalog import collections, database, lookup
from pkgharvest.cli.exit_codes import ExitCode
from pkgharvest.cli.invocation import Command, Invocation, write
from pkgharvest.cli.output import Output, drawn, pieces, speak_utf8, style
from pkgharvest.formats.sanitize import sanitize
from pkgharvest.model.errors import Advice, InvalidValue
from pkgharvest.settings.load import prepare_default_directory

if TYPE_CHECKING:
    from rich.console import Console

_NAMED = 5
"""Packages that are named where a shelf of theirs is to go."""


class CollectionChanges(NamedTuple):
    """What is to become of a category or a grid: columns and their new values."""

    kind: collections.CollectionTable
    values: Mapping[str, str | int]
    wanted: tuple[str, ...] = ()
    """Packages to be put into the grid, by any name."""
    unwanted: tuple[str, ...] = ()
    """Packages to be taken out of it."""
    reset: tuple[str, ...] = ()
    """Columns that are to be the person's no longer who set them."""


def given(**values: str | bool | None) -> dict[str, str | int]:
    """Return the columns that a person gave values for; raises InvalidValue for a blank title."""
    from pkgharvest.app import validation  # noqa: PLC0415 - not for --help and lists to pay

    title = values.get("title")
    if isinstance(title, str):
        validation.check(title=title, pypi_name=None, documentation_url=None)
    return {
        column: int(value) if isinstance(value, bool) else value
        for column, value in values.items()
        if value is not None
    }


def reset_option(columns: Sequence[str]) -> Callable[[Command], Command]:
    """Return the option that names columns which are to be their editor's no longer."""
    return click.option(
        "--reset",
        type=click.Choice(columns),
        multiple=True,
        help="Let imports change this again; may be repeated.",
    )


def add(invocation: Invocation, name: str, wish: CollectionChanges) -> None:
    """Make a category or a grid; the slug is made of ``name``, which is the title too."""
    from pkgharvest.model import slugs  # noqa: PLC0415 - nobody else needs it

    slug = slugs.slugify(name)
    if not slugs.is_slug(slug):
        raise InvalidValue(
            f"no slug can be made from {name!r}", field="name", advice=Advice("set_title")
        )
    prepare_default_directory(invocation.settings())
    with (
        database.open_writer(invocation.db_path, create=True) as connection,
        database.transaction(connection),
    ):
        is_new = collections.add_collection(
            connection, wish.kind, slug, name, wish.values, invocation.clock.now()
        )
        query = f"SELECT title FROM {wish.kind} WHERE slug = ?"  # noqa: S608 - a table of ours
        title = str(connection.execute(query, (slug,)).fetchone()[0])
    if not invocation.quiet:
        write([f"{'added' if is_new else 'is there already:'} {slug}  {sanitize(title)}\n"])
    if wish.values and not is_new:
        noun = "category" if wish.kind == "categories" else "grid"
        invocation.say(f"nothing of it was changed: that is for {noun} edit {slug}")


def edit(invocation: Invocation, name: str, wish: CollectionChanges) -> None:
    """Change what was asked for, all of it or nothing."""
    if not (wish.values or wish.wanted or wish.unwanted or wish.reset):
        raise click.UsageError("nothing to change: no option says what")
    if both := wish.values.keys() & set(wish.reset):
        raise click.UsageError(f"{min(both)} cannot be both set and reset")
    now = invocation.clock.now()
    with (
        database.open_writer(invocation.db_path) as connection,
        database.transaction(connection),
    ):
        number = collections.collection_id(connection, wish.kind, name)
        wanted, unwanted = (
            [lookup.find_package(connection, one) for one in names]
            for names in (wish.wanted, wish.unwanted)
        )
        if set(wanted) & set(unwanted):
            raise InvalidValue("one package cannot be both added and removed")
        changed = False
        if wish.kind == "grids":
            # What is unlocked is so at once; what is locked is so when its packages are in place.
            if wish.values.get("is_locked") == 0:
                changed = collections.change_collection(
                    connection, wish.kind, number, {"is_locked": 0}, now
                )
            came, went = collections.change_grid_members(connection, number, wanted, unwanted, now)
            changed = changed or bool(came or went)
        changed = (
            collections.change_collection(
                connection, wish.kind, number, wish.values, now, wish.reset
            )
            or changed
        )
        query = f"SELECT slug FROM {wish.kind} WHERE id = ?"  # noqa: S608 - a table of ours
        slug = str(connection.execute(query, (number,)).fetchone()[0])
    if wish.reset and not changed:
        invocation.say(f"{slug} stays as it is until an import brings something else")
    else:
        invocation.say(f"changed {slug}" if changed else f"{slug} is like that already")


def remove(
    invocation: Invocation, kind: collections.CollectionTable, name: str, *, yes: bool
) -> ExitCode:
    """Take a category or a grid away, having asked where packages are on it."""
    path = invocation.db_path
    with database.open_reader(path) as conn:
        number = collections.collection_id(conn, kind, name)
        packages = collections.member_slugs(conn, kind, number)
        query = f"SELECT slug FROM {kind} WHERE id = ?"  # noqa: S608 - a table of ours
        slug = str(conn.execute(query, (number,)).fetchone()[0])
    if packages and not yes:
        use = f"{slug} is in use by {_named(packages)}"
        if not sys.stdin.isatty():
            raise click.UsageError(f"{use}; --yes removes it all the same, and they stay")
        if not click.confirm(f"{use}. Remove it, and let them stay?", err=True):
            invocation.say("nothing was removed")
            return ExitCode.ERROR
    with (
        database.open_writer(path) as connection,
        database.transaction(connection),
    ):
        collections.remove_collection(connection, kind, number, invocation.clock.now())
    invocation.say(f"removed {slug}")
    return ExitCode.OK


def print_list(
    invocation: Invocation,
    records: Sequence[Record],
    output: Output,
    columns: Sequence[Column[Record]],
    draw: Callable[["Console"], None],
) -> None:
    """Print ``columns`` of categories or grids; as a table what ``draw`` makes of them."""
    chosen = style(invocation, output)
    if output.format == "table":
        write([drawn(output, draw)], output.file)
        return
    speak_utf8()
    write(pieces(records, columns, chosen, output.format), output.file)


def chosen_columns(
    fields: str | None, known: Sequence[Column[Record]]
) -> tuple[Column[Record], ...] | None:
    """Return the columns that ``--fields`` names; raises InvalidValue for a name that is none."""
    return None if fields is None else choose_columns(fields, known)


def _named(packages: Sequence[str]) -> str:
    more = len(packages) - _NAMED
    names = ", ".join(packages[:_NAMED]) + (f", +{more} more" if more > 0 else "")
    return f"{len(packages)} {'package' if len(packages) == 1 else 'packages'} ({names})"
