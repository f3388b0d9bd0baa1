"""``pkgharvest db``: the catalog's file."""

from pathlib import Path

import click

from pkgharvest.app import maintenance
from pkgharvest.cli.errors import ExitCode, print_error
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation, write


@click.group("db", no_args_is_help=False)
@global_options
def command() -> None:
    """Look after the catalog's file."""


@command.command("path")
@global_options
@pass_invocation
def path(invocation: Invocation) -> None:
    """Print the path of the catalog."""
    write([f"{invocation.db_path}\n"])


@command.command("check")
@global_options
@pass_invocation
def check(invocation: Invocation) -> int:
    """Check that the file is intact; print its size and that of the cached clones."""
    path = invocation.db_path
    result = maintenance.check_catalog(path)
    problems = result.file.problems
    for problem in problems:
        print_error(problem)
    if not invocation.quiet:
        counts = ", ".join(f"{number:,} {table}" for table, number in result.file.rows.items())
        write(
            [
                f"{path}: {'damaged' if problems else 'ok'}\n",
                f"  {_size(result.file.size)}: {counts}\n",
                f"  cached clones: {_size(result.clones_bytes)} in {result.clones}\n",
            ]
        )
    return ExitCode.ERROR if problems else ExitCode.OK


@command.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@global_options
@pass_invocation
def backup(invocation: Invocation, file: Path) -> None:
    """Copy the whole catalog to FILE, even while a fetch is at work."""
    size = maintenance.backup(invocation.db_path, file)
    invocation.say(f"{file}: {_size(size)}")


@command.command("vacuum")
@global_options
@pass_invocation
def vacuum(invocation: Invocation) -> None:
    """Free unused space in the file, and remove cached clones that no package needs."""
    file, clones = map(_size, maintenance.vacuum_catalog(invocation.db_path))
    invocation.say(f"freed {file} in the file, {clones} of cached clones")


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:  # noqa: PLR2004 - SI
            return f"{count:,.0f} {unit}" if unit == "bytes" else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} GB"
