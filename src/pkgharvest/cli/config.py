"""``pkgharvest config``: the settings in effect."""

import json
import os
import sys

import click

from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation, write


@click.group("config", no_args_is_help=False)
@global_options
def command() -> None:
    """Look at the settings."""


@command.command("show")
@click.option("--json", "as_json", is_flag=True, help="Print an object: by name, value and origin.")
@global_options
@pass_invocation
def show(invocation: Invocation, as_json: bool) -> None:
    """Show every setting, its value and where it comes from.

    That is a flag, an environment variable, a file, or the default. Of a token the last four
    characters are shown at most, of an address neither user nor password.
    """
    from pkgharvest.app.configuration import describe_settings  # noqa: PLC0415 - not for --help

    rows = describe_settings(invocation.settings(), os.environ)
    if as_json:
        by_name = {row.name: {"value": row.value, "origin": row.origin} for row in rows}
        write([json.dumps(by_name, indent=4) + "\n"])
        return
    from pkgharvest.terminal import tables  # noqa: PLC0415 - --json pays for no table
    from pkgharvest.terminal.console import open_console  # noqa: PLC0415

    console = open_console(sys.stdout)
    with console.capture() as captured:
        table = tables.TextTable(
            columns=("setting", "value", "origin"),
            rows=tuple((row.name, row.value or "", row.origin or "") for row in rows),
        )
        tables.print_tables([table], console)
    write([captured.get()])
