"""``pkgharvest import``."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pkgharvest.cli.exits import Exit
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation, write
from pkgharvest.cli.values import TEXT
from pkgharvest.errors import RateLimited, SourceError, Unauthorized
from pkgharvest.render.terminal import clean
from pkgharvest.settings import prepare_default_directory

if TYPE_CHECKING:
    from pkgharvest.app.importing import Import, Imported


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
    from pkgharvest.app.importing import Import  # noqa: PLC0415 - brings what --help needs not
    from pkgharvest.app.intake import is_url, require_readable  # noqa: PLC0415

    for each in inputs:
        require_readable(each)
    prepare_default_directory(invocation.settings())
    told = _Told(as_json=as_json)
    work = Import(
        invocation.db_path,
        invocation.clock.now(),
        told,
        lambda words: invocation.say(clean(words)),
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
        return Exit.CREDENTIALS
    if any(isinstance(error, RateLimited) for error in faults):
        return Exit.STOPPED
    if faults:
        return Exit.ERROR
    return Exit.SOME_FAILED if told.has_skipped else Exit.OK


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
        click.echo(f"error: {clean(error.message)}", err=True)
        if error.hint:
            click.echo(f"\nhint: {clean(error.hint)}", err=True)
    else:
        reason = (error.strerror or str(error)).lower()
        click.echo(f"error: {clean(each)}: {reason}", err=True)


class _Told:
    """Tells what became of each resource as soon as that is known."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._opening = "["
        self._counts: Counter[str] = Counter()
        self.has_skipped = False

    def __call__(self, one: "Imported") -> None:
        """Take note of one."""
        self._counts[one.outcome] += 1
        if one.outcome == "skipped":
            self.has_skipped = True
            click.echo(f"error: {clean(one.message)}", err=True)
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
            write([f"{clean(name)}: {', '.join(counted)}\n"])

    def end(self) -> None:
        """Print the end of the list."""
        if self._as_json:
            write(["[]\n" if self._opening == "[" else "\n]\n"])
