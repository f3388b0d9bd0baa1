"""``pkgharvest export``."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import click

from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation, write
from pkgharvest.cli.output import TZ_HELP, Output, speak_utf8
from pkgharvest.cli.parameters import TEXT


@click.command("export")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["jsonl", "v4", "csv", "sqlite"]),
    default="jsonl",
    show_default=True,
    help="Lines that import restores exactly, lists of the API v4, CSV, or a database.",
)
@click.option(
    "-o",
    "--output",
    "file",
    metavar="FILE",
    type=TEXT,
    help="Write to FILE; for v4 to this directory.",
)
@click.option("--category", type=TEXT, metavar="SLUG", help="Only packages of this category.")
@click.option("--grid", type=TEXT, metavar="SLUG", help="Only packages in this grid.")
@click.option(
    "--tz",
    metavar="ZONE",
    help=f"For v4 and csv. {TZ_HELP}",
)
@click.option(
    "--base-url",
    metavar="URL",
    help="For v4 and csv. Put this before links.  [env: PKGHARVEST_BASE_URL]",
)
@global_options
@pass_invocation
def command(
    invocation: Invocation,
    format_: Literal["jsonl", "v4", "csv", "sqlite"],
    file: str | None,
    category: str | None,
    grid: str | None,
    tz: str | None,
    base_url: str | None,
) -> None:
    """Write the whole catalog as it is now, even while a fetch is at work.

    jsonl has everything but the runs and the HTTP cache validators, and import restores it.
    v4 writes packages.json, grids.json and categories.json.
    """
    from pkgharvest.app.queries import PackageFilter  # noqa: PLC0415
    from pkgharvest.app.transfer import exports  # noqa: PLC0415 - not for --help

    file = None if file == "-" else file
    if file is None and format_ in {"v4", "sqlite"}:
        where = "a directory" if format_ == "v4" else "a file"
        raise click.UsageError(f"--format {format_} writes to {where}: name it with -o")
    if format_ == "sqlite" and (category is not None or grid is not None):
        raise click.UsageError("--format sqlite is a copy of the whole catalogue")
    path = invocation.db_path
    wanted = PackageFilter(category=category, grid=grid)
    style = Output(invocation, tz=tz, base_url=base_url).style()
    speak_utf8()
    match format_:
        case "jsonl":
            write(_start(exports.export_jsonl(path, wanted)), file)
        case "csv":
            write(_start(exports.export_csv(path, wanted, style)), file)
        case "v4":
            for written in exports.export_v4(path, wanted, style, Path(str(file))):
                invocation.say(f"{written}")
        case "sqlite":
            size = exports.export_sqlite(path, Path(str(file)))
            invocation.say(f"{file}: {size:,} bytes")


def _start(pieces: Iterator[str]) -> Iterator[str]:
    """Produce the first piece now, so that an error leaves the output file untouched."""
    return itertools.chain([next(pieces)], pieces)
