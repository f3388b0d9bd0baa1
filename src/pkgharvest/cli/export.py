"""``pkgharvest export``."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import click

from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation, write
from pkgharvest.cli.output import Output, speak_utf8, style
from pkgharvest.cli.parameters import TEXT


@click.command("export")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["jsonl", "v4", "csv", "sqlite"]),
    default="jsonl",
    show_default=True,
    help="Lines that import takes back exactly, lists of the API v4, CSV, or a database.",
)
@click.option(
    "-o",
    "--output",
    "file",
    metavar="FILE",
    type=TEXT,
    help="Write to FILE; of v4 into this directory.",
)
@click.option("--category", type=TEXT, metavar="SLUG", help="Only packages of this category.")
@click.option("--grid", type=TEXT, metavar="SLUG", help="Only packages in this grid.")
@click.option(
    "--tz",
    metavar="ZONE",
    help="Of v4 and csv: times in this IANA zone, or local.  [env: PKGHARVEST_TZ; default: UTC]",
)
@click.option(
    "--base-url", metavar="URL", help="Of v4 and csv: before links.  [env: PKGHARVEST_BASE_URL]"
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
    """Write the whole catalogue, as it is at this moment; a fetch may go on meanwhile.

    jsonl holds everything but the runs and what vouches for answers, and goes back in by import.
    v4 writes packages.json, grids.json and categories.json.
    """
    from pkgharvest.app.transfer import exports  # noqa: PLC0415 - not for export --help to pay
    from pkgharvest.catalog.packages import PackageFilter  # noqa: PLC0415

    file = None if file == "-" else file
    if file is None and format_ in {"v4", "sqlite"}:
        where = "a directory" if format_ == "v4" else "a file"
        raise click.UsageError(f"--format {format_} goes into {where}: name it with -o")
    if format_ == "sqlite" and (category is not None or grid is not None):
        raise click.UsageError("--format sqlite is a copy of the whole catalogue")
    path = invocation.db_path
    wanted = PackageFilter(category=category, grid=grid)
    chosen = style(
        invocation,
        Output(format="json", fields=None, full=True, file=file, tz=tz, base_url=base_url),
    )
    speak_utf8()
    match format_:
        case "jsonl":
            write(_begun(exports.jsonl(path, wanted)), file)
        case "csv":
            write(_begun(exports.csv(path, wanted, chosen)), file)
        case "v4":
            for written in exports.v4(path, wanted, chosen, Path(str(file))):
                invocation.say(f"{written}")
        case "sqlite":
            size = exports.sqlite(path, Path(str(file)))
            invocation.say(f"{file}: {size:,} bytes")


def _begun(pieces: Iterator[str]) -> Iterator[str]:
    """Return the same pieces, once the first is there: without it no file is to be touched."""
    return itertools.chain([next(pieces)], pieces)
