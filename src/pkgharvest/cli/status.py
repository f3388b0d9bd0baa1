"""``pkgharvest status``."""

import datetime as dt
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pkgharvest.catalog import database
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation, write
from pkgharvest.cli.output import Output, style
from pkgharvest.cli.parameters import DURATION
from pkgharvest.model.instants import format_instant

if TYPE_CHECKING:
    from pkgharvest.api_v4.encode import OutputStyle
    from pkgharvest.catalog.runs import HostQuota, PastRun
    from pkgharvest.catalog.status import CatalogStatus
    from pkgharvest.terminal.tables import TextTable

_SPANS: tuple[tuple[int, str], ...] = ((86_400, "d"), (3600, "h"), (60, "min"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """What was read, and how it is to be told."""

    path: Path
    seen: "CatalogStatus"
    runs: "tuple[PastRun, ...]"
    quotas: "tuple[HostQuota, ...]"
    stale: dt.timedelta
    chosen: "OutputStyle"


@click.command("status")
@click.option(
    "--stale",
    type=DURATION,
    default="24h",
    show_default=True,
    help="Sources that last succeeded longer ago than this are stale.",
)
@click.option(
    "--runs", "most_runs", type=click.IntRange(min=0, max=1000), default=5, show_default=True,
    metavar="N", help="Show the last N runs.",
)  # fmt: skip
@click.option(
    "--failures", "most_failures", type=click.IntRange(min=0, max=1_000_000), default=5,
    show_default=True, metavar="N", help="Name the N sources that have failed most often.",
)  # fmt: skip
@click.option(
    "--tz",
    metavar="ZONE",
    help="Print times in this IANA zone, or local.  [env: PKGHARVEST_TZ; default: UTC]",
)
@click.option("--json", "as_json", is_flag=True, help="Print it for a monitor.")
@global_options
@pass_invocation
def command(
    invocation: Invocation,
    stale: dt.timedelta,
    most_runs: int,
    most_failures: int,
    tz: str | None,
    as_json: bool,
) -> None:
    """Show how fresh the catalogue is, what fails, the quotas left and the last runs.

    The exit code is 0 whatever there is to see, and 1 where there is no catalogue.

    A repository that is known to be gone or blocked counts as that, and neither as stale nor as
    failing. A quota is what the last run was told; once its reset has passed it is renewed.
    A run that has not ended is at work or was killed.

    \b
    --json prints an object of
      as_of, stale_after (seconds)
      packages, never_fetched, stale, failing, backing_off,
      active, archived, moved, gone, blocked, empty   numbers of packages
      sources   by name: packages, never_fetched, stale, failing,
                backing_off, oldest, median
      failures  the worst: slug, source, error, message, failures,
                last_success, last_attempt, next_due
      quota     by host: remaining, reset, told, renewed
      runs      newest first: started, finished, state (finished, at_work,
                killed, or unfinished where that cannot be told), stopped,
                packages, requests (null before the end), saved (null after)
    """
    from pkgharvest.catalog.runs import past_runs, quotas  # noqa: PLC0415
    from pkgharvest.catalog.status import catalog_status  # noqa: PLC0415 - not for --help to pay

    chosen = style(
        invocation,
        Output(format="table", fields=None, full=False, file=None, tz=tz, base_url=None),
    )
    path = invocation.db_path
    with database.open_reader(path) as conn:
        older_than = chosen.now - stale
        view = _View(
            path=path,
            seen=catalog_status(conn, chosen.now, older_than=older_than, worst=most_failures),
            runs=past_runs(conn, path, limit=most_runs),
            quotas=quotas(conn),
            stale=stale,
            chosen=chosen,
        )
    if as_json:
        write([json.dumps(_document(view), indent=4) + "\n"])
    else:
        write(_screen(view))


# ── for programs ──


def _document(view: _View) -> dict[str, object]:
    def when(moment: dt.datetime | None) -> str | None:
        return None if moment is None else format_instant(moment, view.chosen.zone)

    totals = view.seen.totals
    return {
        "as_of": when(view.chosen.now),
        "stale_after": int(view.stale.total_seconds()),
        "packages": totals.packages,
        "never_fetched": totals.never_fetched,
        "stale": totals.stale,
        "failing": totals.failing,
        "backing_off": totals.backing_off,
        **totals.by_status,
        "sources": {
            one.source: {
                "packages": one.packages,
                "never_fetched": one.never_fetched,
                "stale": one.stale,
                "failing": one.failing,
                "backing_off": one.backing_off,
                "oldest": when(one.oldest),
                "median": when(one.median),
            }
            for one in view.seen.sources
        },
        "failures": [
            {
                "slug": one.slug,
                "source": one.source,
                "error": one.error,
                "message": one.message,
                "failures": one.failures,
                "last_success": when(one.last_success),
                "last_attempt": when(one.last_attempt),
                "next_due": when(one.next_due),
            }
            for one in view.seen.worst
        ],
        "quota": {
            one.host: {
                "remaining": one.remaining,
                "reset": when(one.reset),
                "told": when(one.reported),
                "renewed": one.is_renewed(view.chosen.now),
            }
            for one in view.quotas
        },
        "runs": [
            {
                "started": when(one.started),
                "finished": when(one.finished),
                "state": one.state,
                "stopped": one.stopped,
                "packages": None
                if one.figures is None
                else {
                    "selected": one.figures.selected,
                    "updated": one.figures.updated,
                    "unchanged": one.figures.unchanged,
                    "failed": one.figures.failed,
                    "deferred": one.figures.deferred,
                },
                "requests": None if one.figures is None else one.figures.requests,
                "saved": one.saved,
            }
            for one in view.runs
        ],
    }


# ── for people ──


def _screen(view: _View) -> Iterator[str]:
    from pkgharvest.terminal import tables  # noqa: PLC0415 - --json pays for no table
    from pkgharvest.terminal.console import open_console  # noqa: PLC0415 - --json pays for no table

    console = open_console(sys.stdout)
    with console.capture() as captured:
        tables.print_tables(_parts(view), console)
    yield captured.get()


def _parts(view: _View) -> "Iterator[TextTable]":
    from pkgharvest.terminal.tables import TextTable  # noqa: PLC0415 - as above

    yield TextTable(title=str(view.path), columns=("", ""), rows=tuple(_totals(view)))
    yield TextTable(
        columns=("source", "packages", "never", "stale", "failing", "oldest", "median"),
        rows=tuple(
            (
                one.source,
                f"{one.packages:,}",
                f"{one.never_fetched:,}",
                f"{one.stale:,}",
                f"{one.failing:,}",
                _ago(one.oldest, view),
                _ago(one.median, view),
            )
            for one in view.seen.sources
        ),
        figures=frozenset({"packages", "never", "stale", "failing"}),
    )
    if view.seen.worst:
        yield TextTable(
            columns=("failing", "source", "times", "last good", "next due", "error", "message"),
            rows=tuple(
                (
                    one.slug,
                    one.source,
                    f"{one.failures:,}",
                    _ago(one.last_success, view) or "never",
                    _due(one.next_due, view),
                    one.error,
                    one.message,
                )
                for one in view.seen.worst
            ),
            figures=frozenset({"times"}),
        )
    if view.quotas:
        yield TextTable(
            columns=("quota", "left", "reset", "told"),
            rows=tuple(_quota(one, view) for one in view.quotas),
            figures=frozenset({"left"}),
        )
    if view.runs:
        yield TextTable(
            columns=("run", "took", "packages", "updated", "failed", "left", "requests", "end"),
            rows=tuple(_run(one, view) for one in view.runs),
            figures=frozenset({"took", "packages", "updated", "failed", "left", "requests"}),
        )


def _totals(view: _View) -> Iterator[tuple[str, str]]:
    totals = view.seen.totals
    statuses = ", ".join(f"{count:,} {name}" for name, count in totals.by_status.items() if count)
    yield "packages", f"{totals.packages:,}" + (f": {statuses}" if statuses else "")
    yield "never fetched", f"{totals.never_fetched:,}"
    yield "stale", f"{totals.stale:,}, fetched more than {_span(view.stale)} ago"
    waiting = f", {totals.backing_off:,} of them in back-off" if totals.backing_off else ""
    yield "failing", f"{totals.failing:,}{waiting}"


def _quota(one: "HostQuota", view: _View) -> tuple[str, ...]:
    renewed = one.is_renewed(view.chosen.now)
    return (
        one.host,
        "all" if renewed else f"{one.remaining:,}",
        f"{_ago(one.reset, view)}, {one.remaining:,} were left"
        if renewed
        else _ago(one.reset, view),
        _ago(one.reported, view),
    )


def _run(one: "PastRun", view: _View) -> tuple[str, ...]:
    began = f"{one.started.astimezone(view.chosen.zone):%Y-%m-%d %H:%M}"
    if one.finished is None:
        told = {
            "at_work": "at work",
            "killed": "killed",
            "unfinished": "at work, or killed",
            "finished": "",
        }[one.state]
        return began, "", "", "", "", "", "", f"{told}, {one.saved or 0:,} saved"
    took = _span(one.finished - one.started)
    end = f"stopped: {one.stopped}" if one.stopped else "finished"
    figures = one.figures
    if figures is None:
        return began, took, "", "", "", "", "", end
    numbers = (figures.selected, figures.updated, figures.failed, figures.deferred)
    return began, took, *(f"{number:,}" for number in (*numbers, figures.requests)), end


def _ago(moment: dt.datetime | None, view: _View) -> str:
    from pkgharvest.terminal.humanize import relative_time  # noqa: PLC0415 - as above

    return "" if moment is None else relative_time(moment, view.chosen.now)


def _due(moment: dt.datetime | None, view: _View) -> str:
    return "now" if moment is None or moment <= view.chosen.now else _ago(moment, view)


def _span(length: dt.timedelta) -> str:
    """Say how long something is: in the unit of which there are two or more, cut."""
    seconds = max(0, int(length.total_seconds()))
    for unit, name in _SPANS:
        if seconds >= 2 * unit:
            return f"{seconds // unit:,} {name}"
    return f"{seconds} s"
