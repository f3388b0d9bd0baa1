"""``pkgharvest status``."""

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import click

from pkgharvest.app.status import HostQuota, PastRun, StatusReport, read_status
from pkgharvest.cli.invocation import (
    Invocation,
    global_options,
    pass_invocation,
    write_json,
)
from pkgharvest.cli.output import TZ_HELP, Output, print_drawing
from pkgharvest.cli.parameters import DURATION

if TYPE_CHECKING:
    from pkgharvest.terminal.tables import TextTable

_UNITS: tuple[tuple[int, str], ...] = ((86_400, "d"), (3600, "h"), (60, "min"))


class _View(NamedTuple):
    """A report, and the time zone to print it in."""

    report: StatusReport
    zone: dt.tzinfo | None


@click.command("status")
@click.option(
    "--stale",
    type=DURATION,
    default="24h",
    show_default=True,
    help="Sources that last succeeded longer ago than this are stale.",
)
@click.option(
    "--runs", "max_runs", type=click.IntRange(min=0, max=1000), default=5, show_default=True,
    metavar="N", help="Show the last N runs.",
)  # fmt: skip
@click.option(
    "--failures", "max_failures", type=click.IntRange(min=0, max=1_000_000), default=5,
    show_default=True, metavar="N", help="Name the N sources with the most failures.",
)  # fmt: skip
@click.option("--tz", metavar="ZONE", help=TZ_HELP)
@click.option("--json", "as_json", is_flag=True, help="Print an object for a monitor.")
@global_options
@pass_invocation
def command(
    invocation: Invocation,
    stale: dt.timedelta,
    max_runs: int,
    max_failures: int,
    tz: str | None,
    as_json: bool,
) -> None:
    """Show how fresh the catalog is, what fails, the quotas left and the last runs.

    The exit code is 0 whatever the state, and 1 if there is no catalog.

    A repository known to be gone or blocked counts as that, and neither as stale nor as failing.
    A quota is as the last run left it, and renewed once its reset has passed. A run that has not
    ended is at work or was killed.

    \b
    --json prints an object of
      as_of, stale_after (seconds)
      packages, never_fetched, stale, failing, backing_off,
      active, archived, moved, gone, blocked, empty   counts of packages
      sources   by name: packages, never_fetched, stale, failing,
                backing_off, oldest, median
      failures  the worst: slug, source, error, message, failures,
                last_success, last_attempt, next_due
      quota     by host: remaining, reset, told, renewed
      runs      newest first: started, finished, state (finished, at_work,
                killed, or unfinished if neither is certain), stopped,
                packages, requests (null before the end), saved (null after)
    """
    zone = Output(invocation, tz=tz).style.zone
    report = read_status(
        invocation.db_path,
        invocation.clock.now(),
        stale=stale,
        max_failures=max_failures,
        max_runs=max_runs,
    )
    if as_json:
        write_json(report.to_dict(zone))
        return
    from pkgharvest.terminal.tables import print_tables  # noqa: PLC0415 - brings rich

    tables = _tables(_View(report, zone), f"{invocation.db_path}")
    print_drawing(lambda console: print_tables(tables, console))


def _tables(view: _View, path: str) -> "Iterator[TextTable]":
    from pkgharvest.terminal.tables import TextTable  # noqa: PLC0415 - as above

    yield TextTable(title=path, columns=("", ""), rows=tuple(_totals(view)))
    yield TextTable(
        columns=("source", "packages", "never", "stale", "failing", "oldest", "median"),
        rows=tuple(
            (
                summary.source,
                f"{summary.packages:,}",
                f"{summary.never_fetched:,}",
                f"{summary.stale:,}",
                f"{summary.failing:,}",
                _ago(summary.oldest, view),
                _ago(summary.median, view),
            )
            for summary in view.report.catalog.sources
        ),
        figures=frozenset({"packages", "never", "stale", "failing"}),
    )
    if view.report.catalog.worst:
        yield TextTable(
            columns=("failing", "source", "times", "last good", "next due", "error", "message"),
            rows=tuple(
                (
                    failure.slug,
                    failure.source,
                    f"{failure.failures:,}",
                    _ago(failure.last_success, view) or "never",
                    _due(failure.next_due, view),
                    failure.error,
                    failure.message,
                )
                for failure in view.report.catalog.worst
            ),
            figures=frozenset({"times"}),
        )
    sources_failing = sum(summary.failing for summary in view.report.catalog.sources)
    if others := sources_failing - len(view.report.catalog.worst):
        yield TextTable(columns=("",), rows=((f"{others:,} more: pkgharvest list --failing",),))
    if view.report.quotas:
        yield TextTable(
            columns=("quota", "left", "reset", "reported"),
            rows=tuple(_quota_cells(quota, view) for quota in view.report.quotas),
            figures=frozenset({"left"}),
        )
    if view.report.runs:
        yield TextTable(
            columns=("run", "took", "packages", "updated", "failed", "left", "requests", "end"),
            rows=tuple(_run_cells(run, view) for run in view.report.runs),
            figures=frozenset({"took", "packages", "updated", "failed", "left", "requests"}),
        )


def _totals(view: _View) -> Iterator[tuple[str, str]]:
    totals = view.report.catalog.totals
    statuses = ", ".join(f"{count:,} {name}" for name, count in totals.by_status.items() if count)
    yield "packages", f"{totals.packages:,}" + (f": {statuses}" if statuses else "")
    yield "never fetched", f"{totals.never_fetched:,}"
    yield "stale", f"{totals.stale:,}, fetched more than {_format_span(view.report.stale)} ago"
    waiting = f", {totals.backing_off:,} of them in backoff" if totals.backing_off else ""
    yield "failing", f"{totals.failing:,}{waiting}"


def _quota_cells(quota: HostQuota, view: _View) -> tuple[str, ...]:
    renewed = quota.is_renewed(view.report.as_of)
    return (
        quota.host,
        "all" if renewed else f"{quota.remaining:,}",
        f"{_ago(quota.reset, view)}, {quota.remaining:,} were left"
        if renewed
        else _ago(quota.reset, view),
        _ago(quota.reported, view),
    )


def _run_cells(run: PastRun, view: _View) -> tuple[str, ...]:
    started = f"{run.started.astimezone(view.zone):%Y-%m-%d %H:%M}"
    if run.finished is None:
        state = {
            "at_work": "at work",
            "killed": "killed",
            "unfinished": "at work, or killed",
            "finished": "",
        }[run.state]
        return started, "", "", "", "", "", "", f"{state}, {run.saved or 0:,} saved"
    took = _format_span(run.finished - run.started)
    end = f"stopped: {run.stopped}" if run.stopped else "finished"
    counts = run.figures
    if counts is None:
        return started, took, "", "", "", "", "", end
    names = ("selected", "updated", "failed", "deferred", "requests")
    return started, took, *(f"{counts[name]:,}" for name in names), end


def _ago(moment: dt.datetime | None, view: _View) -> str:
    from pkgharvest.terminal.console import relative_time  # noqa: PLC0415 - as above

    return "" if moment is None else relative_time(moment, view.report.as_of)


def _due(moment: dt.datetime | None, view: _View) -> str:
    return "now" if moment is None or moment <= view.report.as_of else _ago(moment, view)


def _format_span(length: dt.timedelta) -> str:
    """Return ``length`` in the largest unit of which there are two or more, rounded down."""
    seconds = max(0, int(length.total_seconds()))
    for unit, name in _UNITS:
        if seconds >= 2 * unit:
            return f"{seconds // unit:,} {name}"
    return f"{seconds} s"
