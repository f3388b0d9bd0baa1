"""``pkgharvest import`` and ``export``."""

import itertools
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from pkgharvest.app.queries import PackageFilter
from pkgharvest.app.transfer import exports
from pkgharvest.app.transfer.documents import is_url, require_readable
from pkgharvest.cli.errors import ExitCode, error_hint, os_error_reason, print_error
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation, write
from pkgharvest.cli.output import TZ_HELP, Output, write_utf8
from pkgharvest.cli.parameters import TEXT
from pkgharvest.formats.sanitize import sanitize
from pkgharvest.model.errors import RateLimited, SourceError, Unauthorized
from pkgharvest.settings.load import prepare_default_directory

if TYPE_CHECKING:
    from pkgharvest.app.transfer.imports import Importer, ImportResult


@click.command("import")
@click.argument("inputs", metavar="FILE|URL...", nargs=-1, required=True, type=TEXT)
@click.option("--json", "as_json", is_flag=True, help="Print the result of each resource as JSON.")
@global_options
@pass_invocation
def import_(invocation: Invocation, inputs: tuple[str, ...], as_json: bool) -> int:
    """Import packages, grids and categories: data of the API v4, or what export wrote.

    A FILE (- for standard input) has one resource, a list, a page, or one resource a line. For a
    URL every page of its list is read. Ids are kept; importing again changes nothing.
    """
    from pkgharvest.app.transfer.imports import Importer  # noqa: PLC0415 - brings asyncio

    for name in inputs:
        require_readable(name)
    prepare_default_directory(invocation.settings())
    printer = _ResultPrinter(as_json=as_json)
    importer = Importer(
        invocation.db_path,
        invocation.clock.now(),
        on_result=printer,
        on_note=lambda note: invocation.say(sanitize(note)),
    )
    errors: list[SourceError | OSError] = []
    for name in dict.fromkeys(inputs):
        printer.begin_input()
        try:
            _import(importer, name, invocation, from_web=is_url(name))
        except SourceError as error:
            errors.append(error)
            print_error(error.message, error_hint(error))
        except OSError as error:
            errors.append(error)
            print_error(f"{name}: {os_error_reason(error)}")
        except KeyboardInterrupt:
            printer.close()
            invocation.say("what was imported is saved; import again for the rest")
            raise
        if not as_json and not invocation.quiet:
            printer.end_input("standard input" if name == "-" else name)
    printer.close()
    for kind, code in (
        (Unauthorized, ExitCode.CREDENTIALS),
        (RateLimited, ExitCode.STOPPED),
        (Exception, ExitCode.ERROR),
    ):
        if any(isinstance(error, kind) for error in errors):
            return code
    return ExitCode.SOME_FAILED if printer.has_skipped else ExitCode.OK


def _import(importer: "Importer", name: str, invocation: Invocation, *, from_web: bool) -> None:
    if from_web:
        from pkgharvest.cli.progress import Progress  # noqa: PLC0415 - brings rich

        # Lines and no display: the number of pages is not known.
        with Progress(invocation, {"PKGHARVEST_NO_PROGRESS": "1"}) as progress:
            importer.import_url(name, invocation.clock, progress)
    elif name == "-":
        importer.import_stream("standard input", sys.stdin.buffer)
    else:
        with Path(name).open("rb") as stream:
            importer.import_stream(name, stream)


class _ResultPrinter:
    """Prints the result of each resource as soon as it is known."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._separator = "["
        self._counts: Counter[str] = Counter()
        self.has_skipped = False

    def __call__(self, result: "ImportResult") -> None:
        """Print a result, or count it."""
        self._counts[result.outcome] += 1
        if result.outcome == "skipped":
            self.has_skipped = True
            print_error(result.message)
        if self._as_json:
            body = json.dumps(result.to_dict(), indent=4).replace("\n", "\n    ")
            write([f"{self._separator}\n    {body}"])
            self._separator = ","

    def begin_input(self) -> None:
        """Start the counts of the next file or URL."""
        self._counts.clear()

    def end_input(self, name: str) -> None:
        """Print the counts of a file or URL."""
        counts = [
            f"{count:,} {outcome}"
            for outcome in ("added", "updated", "unchanged", "skipped")
            if (count := self._counts[outcome])
        ]
        if counts:
            write([f"{sanitize(name)}: {', '.join(counts)}\n"])

    def close(self) -> None:
        """Print the end of the JSON list."""
        if self._as_json:
            write(["[]\n" if self._separator == "[" else "\n]\n"])


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
def export(
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
    file = None if file == "-" else file
    if file is None and format_ in {"v4", "sqlite"}:
        where = "a directory" if format_ == "v4" else "a file"
        raise click.UsageError(f"--format {format_} writes to {where}: name it with -o")
    if format_ == "sqlite" and (category is not None or grid is not None):
        raise click.UsageError("--format sqlite is a copy of the whole catalog")
    path = invocation.db_path
    wanted = PackageFilter(category=category, grid=grid)
    style = Output(invocation, tz=tz, base_url=base_url).style
    match format_:
        case "jsonl":
            write_utf8(_start(exports.export_jsonl(path, wanted)), file)
        case "csv":
            write_utf8(_start(exports.export_csv(path, wanted, style)), file)
        case "v4":
            for written in exports.export_v4(path, wanted, style, Path(str(file))):
                invocation.say(f"{written}")
        case "sqlite":
            size = exports.export_sqlite(path, Path(str(file)))
            invocation.say(f"{file}: {size:,} bytes")


def _start(pieces: Iterator[str]) -> Iterator[str]:
    """Produce the first piece now, so that an error leaves the output file untouched."""
    return itertools.chain([next(pieces)], pieces)
