"""``pkgharvest fetch``."""

import datetime as dt
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pkgharvest.cli.errors import ExitCode, exit_code_for_run
from pkgharvest.cli.invocation import (
    Invocation,
    global_options,
    pass_invocation,
    require_names_or_all,
    write,
    write_json,
)
from pkgharvest.cli.parameters import DURATION, INSTANT
from pkgharvest.model.observations import SOURCES, SourceName

if TYPE_CHECKING:
    from pkgharvest.app.fetch import FetchOptions, History


@click.command("fetch")
@click.argument("names", metavar="[SLUG]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every package that is due.")
@click.option("--stale", type=DURATION, help="Only sources last read longer ago than this: 24h.")
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
    help="Read weekly commits, last commit and commit count as of this instant, from git.",
)
@click.option(
    "--history",
    type=click.Choice(["auto", "api", "git"]),
    default="auto",
    show_default=True,
    help="Where to read the commits of GitHub repositories: the API, or a clone.",
)
@click.option(
    "--wait/--no-wait",
    default=False,
    help="Sleep until a used-up quota resets.  [default: --no-wait]",
)
@click.option("--retry-failed", is_flag=True, help="Also sources that failed and are not due yet.")
@click.option("--dry-run", is_flag=True, help="Print what would be fetched, and do nothing.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the report of the run, or the plan, as JSON."
)
@click.option(
    "--record",
    type=click.Path(path_type=Path),
    metavar="FILE.har",
    help="Save every response.",
)
@click.option(
    "--replay",
    type=click.Path(path_type=Path),
    metavar="FILE.har",
    help="Take the responses from a recording; the network is not used.",
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
    """Fetch the metadata of packages: each SLUG, or with --all every package.

    Every package is saved as soon as it is done; the next run continues an interrupted one.
    """
    require_names_or_all(names, everything=everything)
    from pkgharvest.app.fetch import FetchOptions  # noqa: PLC0415 - brings the whole engine

    options = FetchOptions(
        names=names,
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
    return run_fetch(invocation, options, dry_run=dry_run, as_json=as_json)


def run_fetch(
    invocation: Invocation,
    options: "FetchOptions",
    *,
    dry_run: bool = False,
    as_json: bool = False,
) -> int:
    """Fetch, print how it went, and return the exit code."""
    from pkgharvest.app.fetch import explain_idle, fetch, preview  # noqa: PLC0415 - as above
    from pkgharvest.cli.progress import Progress, count_noun, make_context  # noqa: PLC0415

    with Progress(invocation, os.environ) as progress:
        context = make_context(invocation, progress)
        if dry_run:
            planned = preview(options, context)
            if as_json:
                write_json([plan.to_dict() for plan in planned])
            else:
                write(f"{slug}  {' '.join(sources)}\n" for slug, sources in planned)
            invocation.say(f"{count_noun(len(planned), 'package')} would be fetched")
            if not planned:
                progress.explain_idle(explain_idle(options, context), options)
            return ExitCode.OK
        report = fetch(options, context)
    if as_json:
        write_json(report.to_dict())
    progress.summarize(report, options)
    if report.selected == 0 and report.stopped is None:
        progress.explain_idle(explain_idle(options, context), options)
    return exit_code_for_run(report)
