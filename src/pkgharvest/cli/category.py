"""``pkgharvest category``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pkgharvest.api_v4.encode import CATEGORY_FIELDS, CATEGORY_FIELDS_WITH_COUNT
from pkgharvest.app import collections
from pkgharvest.cli.collection import CollectionKind, add_commands
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation
from pkgharvest.cli.output import Output, print_object, print_records, printing_options
from pkgharvest.cli.parameters import TEXT
from pkgharvest.model.collections import Category

if TYPE_CHECKING:
    from rich.console import Console


@click.group("category", no_args_is_help=False)
@global_options
def command() -> None:
    """Sort packages into categories."""


def _print_all(categories: Sequence[Category], console: "Console") -> None:
    from pkgharvest.terminal import tables  # noqa: PLC0415 - brings rich

    hint = "no category yet: pkgharvest category add creates one"
    tables.print_collections("category", categories, console, if_empty=hint)


add_commands(
    command,
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
        print_all=_print_all,
    ),
)


@command.command("show")
@click.argument("name", metavar="SLUG", type=TEXT)
@printing_options
@global_options
@pass_invocation
def show(invocation: Invocation, name: str, output: Output) -> None:
    """Show a category, by slug or id; with --json as in the Django Packages API."""
    category, packages = collections.show_category(invocation.db_path, name)
    if output.format == "json":
        print_object(category, CATEGORY_FIELDS, output)
        return
    style = output.style()

    def draw(console: "Console") -> None:
        from pkgharvest.terminal import tables  # noqa: PLC0415 - brings rich

        tables.print_category(category, packages, CATEGORY_FIELDS, console, style)

    print_records([category], CATEGORY_FIELDS, output, style, draw)
