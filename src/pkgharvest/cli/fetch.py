"""``pkgharvest fetch``."""

import datetime as dt
import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pkgharvest.cli.exit_codes import ExitCode, exit_code_for_run
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation, write
from pkgharvest.cli.parameters import DURATION, INSTANT
from pkgharvest.model.observations import SOURCES, SourceName

if TYPE_CHECKING:
    from pkgharvest.pipeline.options import History


@click.command("fetch")
@click.argument("names", metavar="[SLUG]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every package that is due.")
@click.option("--stale", type=DURATION, help="Only sources that last succeeded longer ago: 24h.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N packages.")
@click.option("--time-budget", type=DURATION, help="Stop after this long: 50m.")
@click.option(
    "--request-budget", type=click.IntRange(min=0), metavar="N", help="Send at most N requests."
)
@click.option(
    "--source",
    "sources",
    type=click.Choice(SOURCES),
    multiple=True,
    help="Only this source; may be repeated.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=8,
    show_default=True,
    metavar="N",
    help="Requests at once to each host.",
)
@click.option(
    "--as-of",
    type=INSTANT,
    help="The curve, last commit and commit count as they were at this instant, from git.",
)
@click.option(
    "--history",
    type=click.Choice(["auto", "api", "git"]),
    default="auto",
    show_default=True,
    help="Where GitHub's commits are read: its API, or a clone.",
)
@click.option(
    "--wait/--no-wait", default=False, help="Sleep through a used-up quota.  [default: --no-wait]"
)
@click.option("--retry-failed", is_flag=True, help="Also what failed and is not due yet.")
@click.option("--dry-run", is_flag=True, help="Say what would be fetched, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the record of the run, or the plan.")
@click.option(
    "--record", type=click.Path(path_type=Path), metavar="FILE.har", help="Keep every answer."
)
@click.option(
    "--replay",
    type=click.Path(path_type=Path),
    metavar="FILE.har",
    help="Take the answers from a recording; no network is used.",
)
@global_options
@pass_invocation
def command(
    invocation: Invocation,
    names: tuple[str, ...],
    everything: bool,
    stale: dt.timedelta | None,
    limit: int | None,
    time_budget: dt.timedelta | None,
    request_budget: int | None,
    sources: tuple[SourceName, ...],
    jobs: int,
    as_of: dt.datetime | None,
    history: "History",
    wait: bool,
    retry_failed: bool,
    dry_run: bool,
    as_json: bool,
    record: Path | None,
    replay: Path | None,
) -> int:
    """Harvest the figures of packages: each SLUG, or with --all every package.

    Each package is saved when it is done; an interrupted run is continued by the next.
    """
    if bool(names) == everything:
        raise click.UsageError(
            "SLUG and --all exclude each other" if names else "name a SLUG, or say --all"
        )
    return run_order(
        invocation,
        names=names,
        dry_run=dry_run,
        as_json=as_json,
        stale=stale,
        limit=limit,
        time_budget=time_budget,
        request_budget=request_budget,
        sources=tuple(name for name in SOURCES if name in (sources or SOURCES)),
        jobs=jobs,
        as_of=as_of,
        history=history,
        wait=wait,
        retry_failed=retry_failed,
        record=record,
        replay=replay,
    )


def run_order(
    invocation: Invocation,
    *,
    dry_run: bool = False,
    as_json: bool = False,
    **order: object,
) -> int:
    """Fetch as ``order`` says (see ``app.order.Order``), tell how it went, return the code."""
    # Here and not above: what the engine brings with it is not for fetch --help to pay.
    from pkgharvest.cli.progress import Progress, counted  # noqa: PLC0415
    from pkgharvest.pipeline.options import FetchOptions, RunContext  # noqa: PLC0415
    from pkgharvest.pipeline.plan import explain_idle, preview_plan  # noqa: PLC0415
    from pkgharvest.pipeline.run import fetch  # noqa: PLC0415

    wanted = FetchOptions(**order)  # type: ignore[arg-type]  # checked where the command is declared
    with Progress(invocation, os.environ) as progress:
        around = RunContext(
            settings=invocation.settings(),
            environ=os.environ,
            clock=invocation.clock,
            listener=progress,
            stop_signals=(signal.SIGINT, signal.SIGTERM),
        )
        if dry_run:
            planned = preview_plan(wanted, around)
            if as_json:
                told = [{"slug": slug, "sources": sources} for slug, sources in planned]
                write([json.dumps(told, indent=4) + "\n"])
            else:
                write(f"{slug}  {' '.join(sources)}\n" for slug, sources in planned)
            invocation.say(f"{counted(len(planned), 'package')} would be fetched")
            if not planned:
                progress.tell_why(explain_idle(wanted, around), wanted)
            return ExitCode.OK
        report = fetch(wanted, around)
    if as_json:
        write([json.dumps(report.to_dict(), indent=4) + "\n"])
    progress.conclude(report, wanted)
    if report.selected == 0 and report.stopped is None:
        progress.tell_why(explain_idle(wanted, around), wanted)
    return exit_code_for_run(report)
