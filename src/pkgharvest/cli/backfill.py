"""``pkgharvest history backfill``."""

import json
import os
from typing import TYPE_CHECKING

import click

from pkgharvest.cli.exit_codes import ExitCode
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation, write
from pkgharvest.formats.sanitize import sanitize

if TYPE_CHECKING:
    from pkgharvest.app.backfill import BackfillReport

MAX_WEEKS = 5200
"""A century."""
DEFAULT_WEEKS = 260
"""Five years."""


@click.command("backfill")
@click.argument("names", metavar="[SLUG]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every package that can be read.")
@click.option(
    "--weeks",
    type=click.IntRange(1, MAX_WEEKS),
    default=DEFAULT_WEEKS,
    show_default=True,
    metavar="N",
    help="How many weeks back.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    metavar="N",
    help="Repositories at once.",
)
@click.option(
    "--again",
    is_flag=True,
    help="Read known weeks again: a history may have been rewritten.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result of each SLUG as JSON.")
@global_options
@pass_invocation
def command(
    invocation: Invocation,
    names: tuple[str, ...],
    everything: bool,
    weeks: int,
    jobs: int,
    again: bool,
    as_json: bool,
) -> int:
    """Read older commits of packages, from the whole history in git.

    What is known already is read again only with --again.
    """
    if bool(names) == everything:
        raise click.UsageError(
            "SLUG and --all exclude each other" if names else "name a SLUG, or use --all"
        )
    from pkgharvest.app.backfill import BackfillOptions, backfill  # noqa: PLC0415 - brings git
    from pkgharvest.cli.progress import Progress, make_context  # noqa: PLC0415

    options = BackfillOptions(names=names, weeks=weeks, jobs=jobs, again=again)
    with Progress(invocation, os.environ) as progress:
        report = backfill(options, make_context(invocation, progress))
    if as_json:
        write([json.dumps([result.to_dict() for result in report.packages], indent=4) + "\n"])
    for result in report.packages:
        if result.outcome == "failed":
            click.echo(f"error: {sanitize(f'{result.slug}: {result.message}')}", err=True)
        elif not as_json and not invocation.quiet:
            label = "counted" if result.outcome == "read" else "already known:"
            write([f"{label} {result.slug}  since {result.since}\n"])
    if report.interrupted:
        invocation.say("interrupted; what was counted is saved")
    return _exit_code(report)


def _exit_code(report: "BackfillReport") -> ExitCode:
    if report.interrupted:
        return ExitCode.INTERRUPTED
    errors = [result.error for result in report.packages if result.error is not None]
    if "unauthorized" in errors:
        return ExitCode.CREDENTIALS
    return ExitCode.SOME_FAILED if errors else ExitCode.OK
