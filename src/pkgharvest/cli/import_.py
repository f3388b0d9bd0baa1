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
    from pkgharvest.app.transfer.imports import Import, ImportResult


@click.command("import")
@click.argument("inputs", metavar="FILE|URL...", nargs=-1, required=True, type=TEXT)
@click.option("--json", "as_json", is_flag=True, help="Print what became of each as JSON.")
@global_options
@pass_invocation
def command(invocation: Invocation, inputs: tuple[str, ...], as_json: bool) -> int:
    """Take over packages, grids and categories: data of the API v4, or what export wrote.

    A FILE (- for standard input) holds one, a list, a page, or one a line. Of a URL every page of
    the list is read. Ids are kept; to import the same again changes nothing.
    """
    from pkgharvest.app.transfer.documents import is_url, require_readable  # noqa: PLC0415
    from pkgharvest.app.transfer.imports import Import  # noqa: PLC0415 - brings what --help needs not

    for each in inputs:
        require_readable(each)
    prepare_default_directory(invocation.settings())
    told = _Told(as_json=as_json)
    work = Import(
        invocation.db_path,
        invocation.clock.now(),
        told,
        lambda words: invocation.say(sanitize(words)),
    )
    faults: list[SourceError | OSError] = []
    for each in dict.fromkeys(inputs):
        told.begin()
        try:
            _import(work, each, invocation, from_web=is_url(each))
        except (SourceError, OSError) as error:
            faults.append(error)
            _tell(each, error)
        except KeyboardInterrupt:
            told.end()
            invocation.say("what was imported is saved; the same again does the rest")
            raise
        if not as_json and not invocation.quiet:
            told.conclude("standard input" if each == "-" else each)
    told.end()
    if any(isinstance(error, Unauthorized) for error in faults):
        return ExitCode.CREDENTIALS
    if any(isinstance(error, RateLimited) for error in faults):
        return ExitCode.STOPPED
    if faults:
        return ExitCode.ERROR
    return ExitCode.SOME_FAILED if told.has_skipped else ExitCode.OK


def _import(work: "Import", each: str, invocation: Invocation, *, from_web: bool) -> None:
    if from_web:
        from pkgharvest.cli.progress import Progress  # noqa: PLC0415 - brings rich

        # Lines and no display: how many there are to come, nobody knows.
        with Progress(invocation, {"PKGHARVEST_NO_PROGRESS": "1"}) as progress:
            work.url(each, invocation.clock, progress)
    elif each == "-":
        work.file("standard input", sys.stdin.buffer)
    else:
        with Path(each).open("rb") as stream:
            work.file(each, stream)


def _tell(each: str, error: SourceError | OSError) -> None:
    if isinstance(error, SourceError):
        click.echo(f"error: {sanitize(error.message)}", err=True)
        if hint := error_hint(error):
            click.echo(f"\nhint: {sanitize(hint)}", err=True)
    else:
        reason = (error.strerror or str(error)).lower()
        click.echo(f"error: {sanitize(each)}: {reason}", err=True)


class _Told:
    """Tells what became of each resource as soon as that is known."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._opening = "["
        self._counts: Counter[str] = Counter()
        self.has_skipped = False

    def __call__(self, one: "ImportResult") -> None:
        """Take note of one."""
        self._counts[one.outcome] += 1
        if one.outcome == "skipped":
            self.has_skipped = True
            click.echo(f"error: {sanitize(one.message)}", err=True)
        if self._as_json:
            told = {
                "input": one.input,
                "type": one.type,
                "slug": one.slug,
                "outcome": one.outcome,
                "message": one.message,
            }
            body = json.dumps(told, indent=4).replace("\n", "\n    ")
            write([f"{self._opening}\n    {body}"])
            self._opening = ","

    def begin(self) -> None:
        """Count anew: the next file or address begins."""
        self._counts.clear()

    def conclude(self, name: str) -> None:
        """Print what came of one file or address."""
        counted = [
            f"{count:,} {outcome}"
            for outcome in ("added", "updated", "unchanged", "skipped")
            if (count := self._counts[outcome])
        ]
        if counted:
            write([f"{sanitize(name)}: {', '.join(counted)}\n"])

    def end(self) -> None:
        """Print the end of the list."""
        if self._as_json:
            write(["[]\n" if self._opening == "[" else "\n]\n"])
