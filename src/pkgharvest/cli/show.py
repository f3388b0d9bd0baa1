"""``pkgharvest show``."""

import click

from pkgharvest.catalog import database, lookup, packages
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation
from pkgharvest.cli.output import Output, output_options, print_many, print_one


@click.command("show")
@click.argument("names", metavar="SLUG...", nargs=-1, required=True)
@output_options
@global_options
@pass_invocation
def command(invocation: Invocation, names: tuple[str, ...], output: Output) -> None:
    """Show packages, each by slug, id, PyPI name or repository URL.

    One SLUG with --json prints an object, several print a list.
    """
    path = invocation.db_path
    with database.open_reader(path) as conn:
        ids = dict.fromkeys(lookup.find_package(conn, name) for name in names)
        found = list(packages.read_packages(conn, ids, output.parts))
    if len(names) == 1 and found:  # it may be removed while it is looked for
        print_one(invocation, found[0], output)
    else:
        print_many(invocation, found, output, whole=True)
