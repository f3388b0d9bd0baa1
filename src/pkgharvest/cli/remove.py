"""``pkgharvest remove``."""

import sys

import click

from pkgharvest.app import queries
from pkgharvest.cli.exit_codes import ExitCode
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation


@click.command("remove")
@click.argument("names", metavar="SLUG...", nargs=-1, required=True)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@global_options
@pass_invocation
def command(invocation: Invocation, names: tuple[str, ...], yes: bool) -> int:
    """Remove packages and everything known about them: history, HTTP cache validators, clones."""
    from pkgharvest.app.packages import remove_packages  # noqa: PLC0415 - not for --help

    found = queries.find_packages(invocation.db_path, names)
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("not a terminal; use --yes to skip the confirmation")
        slugs = ", ".join(found.values())
        if not click.confirm(f"Remove {slugs} and everything known about them?", err=True):
            invocation.say("nothing was removed")
            return ExitCode.ERROR
    for slug in remove_packages(invocation.db_path, found):
        invocation.say(f"removed {slug}")
    return ExitCode.OK
