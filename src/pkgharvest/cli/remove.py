"""``pkgharvest remove``."""

import sys

import click

from pkgharvest.catalog import database, lookup, packages
from pkgharvest.cli.exit_codes import ExitCode
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation


@click.command("remove")
@click.argument("names", metavar="SLUG...", nargs=-1, required=True)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@global_options
@pass_invocation
def command(invocation: Invocation, names: tuple[str, ...], yes: bool) -> int:
    """Remove packages, with all that is known of them: history, validators, cached clones."""
    from pkgharvest.app.removal import remove  # noqa: PLC0415 - not for remove --help to pay

    path = invocation.db_path
    with database.open_reader(path) as conn:
        ids = tuple(dict.fromkeys(lookup.find_package(conn, name) for name in names))
        slugs = [package.slug for package in packages.read_packages(conn, ids)]
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("nobody is there to be asked; --yes removes without asking")
        if not click.confirm(f"Remove {', '.join(slugs)} and all that is known of them?", err=True):
            invocation.say("nothing was removed")
            return ExitCode.ERROR
    for slug in remove(path, ids):
        invocation.say(f"removed {slug}")
    return ExitCode.OK
