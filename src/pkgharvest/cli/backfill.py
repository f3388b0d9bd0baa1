"""``pkgharvest history backfill``."""

import json
import os
import signal
from typing import TYPE_CHECKING

import click

from pkgharvest.cli.exit_codes import ExitCode
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation, write
from pkgharvest.formats.sanitize import sanitize

if TYPE_CHECKING:
    from pkgharvest.app.backfill import BackfillReport, BackfillResult

MOST_WEEKS = 5200
"""A century."""
USUAL_WEEKS = 260
"""Five years."""


@click.command("backfill")
@click.argument("names", metavar="[SLUG]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every package that can be read.")
@click.option(
    "--weeks",
    type=click.IntRange(1, MOST_WEEKS),
    default=USUAL_WEEKS,
    show_default=True,
    metavar="N",
    help="How far back.",
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
    help="Read what is known already once more: a history may have been rewritten.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what became of each.")
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
    """Count the commits of each day further back, from the whole history that git has.

    What is known already is not read again but with --again.
    """
    if bool(names) == everything:
        raise click.UsageError(
            "SLUG and --all exclude each other" if names else "name a SLUG, or say --all"
        )
    from pkgharvest.app.backfill import BackfillOptions, backfill  # noqa: PLC0415 - brings the engine
    from pkgharvest.cli.progress import Progress  # noqa: PLC0415
    from pkgharvest.pipeline.options import RunContext  # noqa: PLC0415

    with Progress(invocation, os.environ) as progress:
        around = RunContext(
            settings=invocation.settings(),
            environ=os.environ,
            clock=invocation.clock,
            listener=progress,
            stop_signals=(signal.SIGINT, signal.SIGTERM),
        )
        done = backfill(BackfillOptions(names=names, weeks=weeks, jobs=jobs, again=again), around)
    if as_json:
        write([json.dumps([_as_json(one) for one in done.packages], indent=4) + "\n"])
    for one in done.packages:
        if one.outcome == "failed":
            click.echo(f"error: {sanitize(f'{one.slug}: {one.message}')}", err=True)
        elif not as_json and not invocation.quiet:
            what = "counted" if one.outcome == "read" else "known already:"
            write([f"{what} {one.slug}  from {one.since} on\n"])
    if done.interrupted:
        invocation.say("interrupted; what was counted is saved")
    return _code(done)


def _as_json(one: "BackfillResult") -> dict[str, str | None]:
    return {
        "slug": one.slug,
        "outcome": one.outcome,
        "since": None if one.since is None else one.since.isoformat(),
        "error": one.error,
        "message": one.message,
    }


def _code(done: "BackfillReport") -> ExitCode:
    if done.interrupted:
        return ExitCode.INTERRUPTED
    errors = [one.error for one in done.packages if one.error is not None]
    if "unauthorized" in errors:
        return ExitCode.CREDENTIALS
    return ExitCode.SOME_FAILED if errors else ExitCode.OK
