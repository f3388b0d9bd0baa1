"""``pkgharvest show``."""

import click

from pkgharvest.app import queries
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation
from pkgharvest.cli.output import (
    Output,
    field_options,
    print_package,
    print_packages,
    printing_options,
)


@click.command("show")
@click.argument("names", metavar="SLUG...", nargs=-1, required=True)
@printing_options
@field_options
@global_options
@pass_invocation
def command(invocation: Invocation, names: tuple[str, ...], output: Output) -> None:
    """Show packages, each by slug, id, PyPI name or repository URL.

    With --json one SLUG prints an object, several print a list.
    """
    packages = queries.show_packages(invocation.db_path, names, output.parts)
    if len(names) == 1 and packages:  # it may have been removed meanwhile
        print_package(packages[0], output)
    else:
        print_packages(packages, output, as_cards=True)
