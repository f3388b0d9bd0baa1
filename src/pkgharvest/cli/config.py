"""``pkgharvest config``: the settings in effect."""

import os

import click

from pkgharvest.app.configuration import describe_settings
from pkgharvest.cli.invocation import (
    Invocation,
    global_options,
    pass_invocation,
    write_json,
)
from pkgharvest.cli.output import print_drawing


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
    rows = describe_settings(invocation.settings(), os.environ)
    if as_json:
        write_json({row.name: {"value": row.value, "origin": row.origin} for row in rows})
        return
    from pkgharvest.terminal.tables import TextTable, print_tables  # noqa: PLC0415 - brings rich

    table = TextTable(
        columns=("setting", "value", "origin"),
        rows=tuple((row.name, row.value or "", row.origin or "") for row in rows),
    )
    print_drawing(lambda console: print_tables([table], console))
