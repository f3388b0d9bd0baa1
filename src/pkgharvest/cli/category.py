"""``pkgharvest category``."""

from typing import TYPE_CHECKING

import click

from pkgharvest.api_v4.encode import CATEGORY_FIELDS, CATEGORY_FIELDS_WITH_COUNT
from pkgharvest.catalog import collections, database
from pkgharvest.cli import collection
from pkgharvest.cli.exit_codes import ExitCode
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation, write
from pkgharvest.cli.output import Output, printing_options, speak_utf8, style
from pkgharvest.cli.parameters import TEXT

if TYPE_CHECKING:
    from rich.console import Console

_SHOW_PYPI = "Whether PyPI tells of such packages.  [default: it does]"


@click.group("category", no_args_is_help=False)
@global_options
def command() -> None:
    """Sort packages into categories."""


@command.command("add")
@click.argument("name", metavar="SLUG", type=TEXT)
@click.option("--title", type=TEXT, help="Its title.  [default: SLUG as it stands]")
@click.option("--description", type=TEXT, help="What belongs into it.")
@click.option("--title-plural", type=TEXT, help="What several of its kind are called.")
@click.option("--show-pypi/--no-show-pypi", default=None, help=_SHOW_PYPI)
@global_options
@pass_invocation
def add(
    invocation: Invocation,
    name: str,
    title: str | None,
    description: str | None,
    title_plural: str | None,
    show_pypi: bool | None,
) -> None:
    """Make a category. Of "Web Apps" the slug is web-apps, and the title Web Apps."""
    values = collection.given(
        title=title, description=description, title_plural=title_plural, show_pypi=show_pypi
    )
    collection.add(invocation, name, collection.CollectionChanges("categories", values))


@command.command("list")
@click.option("--fields", metavar="A,B,C", help="These fields, in this order.")
@printing_options
@global_options
@pass_invocation
def list_(invocation: Invocation, fields: str | None, output: Output) -> None:
    """List the categories, by title."""
    columns = collection.chosen_columns(fields, CATEGORY_FIELDS_WITH_COUNT)
    with database.open_reader(invocation.db_path) as conn:
        found = collections.list_categories(conn)

    def draw(console: "Console") -> None:
        from pkgharvest.terminal import collection_tables as tables  # noqa: PLC0415 - brings rich

        if columns is None:
            tables.print_collections("category", found, console)
        else:
            tables.print_columns(found, columns, console, style(invocation, output))

    collection.print_list(invocation, found, output, columns or CATEGORY_FIELDS, draw)


@command.command("show")
@click.argument("name", metavar="SLUG", type=TEXT)
@printing_options
@global_options
@pass_invocation
def show(invocation: Invocation, name: str, output: Output) -> None:
    """Show a category, by slug or id; with --json as the Django Packages API does."""
    with database.open_reader(invocation.db_path) as conn:
        one = collections.get_category(conn, name)
        packages = collections.member_slugs(conn, "categories", one.id)
    if output.format == "json":
        from pkgharvest.formats import json_text  # noqa: PLC0415 - as the formats of a list

        speak_utf8()
        write([json_text.object_text(one, CATEGORY_FIELDS, style(invocation, output))], output.file)
        return

    def draw(console: "Console") -> None:
        from pkgharvest.terminal import collection_tables as tables  # noqa: PLC0415 - brings rich

        tables.print_category(one, packages, CATEGORY_FIELDS, console, style(invocation, output))

    collection.print_list(invocation, [one], output, CATEGORY_FIELDS, draw)


@command.command("edit")
@click.argument("name", metavar="SLUG", type=TEXT)
@click.option("--title", type=TEXT, help="Its title.")
@click.option("--slug", type=TEXT, help="Its slug.")
@click.option("--description", type=TEXT, help="What belongs into it.")
@click.option("--title-plural", type=TEXT, help="What several of its kind are called.")
@click.option(
    "--show-pypi/--no-show-pypi", default=None, help="Whether PyPI tells of such packages."
)
@collection.reset_option(("title", "slug", "description", "title_plural", "show_pypi"))
@global_options
@pass_invocation
def edit(
    invocation: Invocation,
    name: str,
    title: str | None,
    slug: str | None,
    description: str | None,
    title_plural: str | None,
    show_pypi: bool | None,
    reset: tuple[str, ...],
) -> None:
    """Change a category; what no option names stays as it is."""
    values = collection.given(
        title=title,
        slug=slug,
        description=description,
        title_plural=title_plural,
        show_pypi=show_pypi,
    )
    collection.edit(
        invocation, name, collection.CollectionChanges("categories", values, reset=reset)
    )


@command.command("remove")
@click.argument("name", metavar="SLUG", type=TEXT)
@click.option("-y", "--yes", is_flag=True, help="Do not ask where packages are in it.")
@global_options
@pass_invocation
def remove(invocation: Invocation, name: str, yes: bool) -> ExitCode:
    """Remove a category. Its packages stay, and have none then."""
    return collection.remove(invocation, "categories", name, yes=yes)
