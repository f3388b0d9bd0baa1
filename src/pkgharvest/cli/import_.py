"""``pkgharvest import``."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pkgharvest.cli.exit_codes import ExitCode
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation, write
from pkgharvest.cli.messages import error_hint
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
def command(invocation: Invocation, inputs: tuple[str, ...], as_json: bool) -> int:
    """Import packages, grids and categories: data of the API v4, or what export wrote.

    A FILE (- for standard input) has one resource, a list, a page, or one resource a line. For a
    URL every page of its list is read. Ids are kept; importing again changes nothing.
    """
    from pkgharvest.app.transfer.documents import is_url, require_readable  # noqa: PLC0415
    from pkgharvest.app.transfer.imports import Importer  # noqa: PLC0415 - not for --help

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
        except (SourceError, OSError) as error:
            errors.append(error)
            _print_error(name, error)
        except KeyboardInterrupt:
            printer.close()
            invocation.say("what was imported is saved; import again for the rest")
            raise
        if not as_json and not invocation.quiet:
            printer.end_input("standard input" if name == "-" else name)
    printer.close()
    if any(isinstance(error, Unauthorized) for error in errors):
        return ExitCode.CREDENTIALS
    if any(isinstance(error, RateLimited) for error in errors):
        return ExitCode.STOPPED
    if errors:
        return ExitCode.ERROR
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


def _print_error(name: str, error: SourceError | OSError) -> None:
    if isinstance(error, SourceError):
        click.echo(f"error: {sanitize(error.message)}", err=True)
        if hint := error_hint(error):
            click.echo(f"\nhint: {sanitize(hint)}", err=True)
    else:
        reason = (error.strerror or str(error)).lower()
        click.echo(f"error: {sanitize(name)}: {reason}", err=True)


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
            click.echo(f"error: {sanitize(result.message)}", err=True)
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
