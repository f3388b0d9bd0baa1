"""``pkgharvest db``: the catalogue's file."""

from pathlib import Path

import click

from pkgharvest.catalog import database, maintenance
from pkgharvest.cli.exit_codes import ExitCode
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation, write


@click.group("db", no_args_is_help=False)
@global_options
def command() -> None:
    """Look after the catalogue's file."""


@command.command("path")
@global_options
@pass_invocation
def path(invocation: Invocation) -> None:
    """Print where the catalogue is."""
    write([f"{invocation.db_path}\n"])


@command.command("check")
@global_options
@pass_invocation
def check(invocation: Invocation) -> int:
    """Check that the file is whole, and say how large it and the cached clones are."""
    from pkgharvest.app.removal import kept_clones  # noqa: PLC0415 - db path needs none of it

    where = invocation.db_path
    with database.open_reader(where) as conn:
        condition = maintenance.check_catalog(conn, where)
    for problem in condition.problems:
        click.echo(f"error: {problem}", err=True)
    if not invocation.quiet:
        counts = ", ".join(f"{number:,} {table}" for table, number in condition.rows.items())
        clones = kept_clones(where)
        write(
            [
                f"{where}: {'damaged' if condition.problems else 'ok'}\n",
                f"  {_size(condition.size)}: {counts}\n",
                f"  cached clones: {_size(clones.size())} in {clones.directory}\n",
            ]
        )
    return ExitCode.ERROR if condition.problems else ExitCode.OK


@command.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@global_options
@pass_invocation
def backup(invocation: Invocation, file: Path) -> None:
    """Copy the catalogue to FILE, whole, even while a fetch is at work."""
    size = maintenance.backup(invocation.db_path, file)
    invocation.say(f"{file}: {_size(size)}")


@command.command("vacuum")
@global_options
@pass_invocation
def vacuum(invocation: Invocation) -> None:
    """Give back unused space in the file, and clear cached clones that no package needs."""
    from pkgharvest.app.removal import clear_unused_clones  # noqa: PLC0415

    where = invocation.db_path
    with database.open_writer(where) as connection:
        before = maintenance.file_size(where)
        maintenance.vacuum_catalog(connection)
    freed = max(0, before - maintenance.file_size(where))
    clones = clear_unused_clones(where)
    invocation.say(f"freed {_size(freed)} of the file, {_size(clones)} of cached clones")


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:  # noqa: PLR2004 - SI
            return f"{count:,.0f} {unit}" if unit == "bytes" else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} GB"
