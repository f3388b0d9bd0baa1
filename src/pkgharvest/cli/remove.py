"""``pkgharvest remove``."""

import sys

import click

from pkgharvest.catalog import connection, finding, reading
from pkgharvest.cli.exits import Exit
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
    with connection.reading(path) as conn:
        ids = tuple(dict.fromkeys(finding.find(conn, name) for name in names))
        slugs = [package.slug for package in reading.packages(conn, ids)]
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("nobody is there to be asked; --yes removes without asking")
        if not click.confirm(f"Remove {', '.join(slugs)} and all that is known of them?", err=True):
            invocation.say("nothing was removed")
            return Exit.ERROR
    for slug in remove(path, ids):
        invocation.say(f"removed {slug}")
    return Exit.OK
