"""How a run is followed: a display on a terminal, lines for a log, silence for cron."""

import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.text import Text

from pkgharvest.cli.invocation import Invocation
from pkgharvest.formats.sanitize import sanitize
from pkgharvest.model.events import (
    Event,
    RequestFinished,
    RequestRetried,
    RequestThrottled,
    SourceFinished,
)
from pkgharvest.model.instants import format_instant
from pkgharvest.pipeline.options import FetchOptions
from pkgharvest.pipeline.plan import IdleReason
from pkgharvest.pipeline.report import RunReport, SourceFailure
from pkgharvest.terminal.progress import ProgressDisplay

_STOPPED = {
    "time-budget": "the time budget is spent",
    "request-budget": "the request budget is spent",
    "interrupted": "interrupted",
}

_LONG = 60.0
"""Seconds of a wait that is worth a line even where only the end is told."""

_NAMED = 3
"""Packages that failed and are named in the last line."""

_UNTIMED = 10.0
"""Seconds that nobody needs to be told a run took."""


class Progress:
    """Listens to a run and tells of it on standard error.

    On a terminal there is a display, and failures are told as they come; elsewhere, or when
    quiet, the last line names them. Verbose, all is told as it comes.
    """

    def __init__(self, invocation: Invocation, environ: Mapping[str, str]) -> None:
        self._verbose = invocation.verbosity > 0
        self._quiet = invocation.quiet
        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._on_terminal = sys.stderr.isatty()
        watched = self._on_terminal and not self._quiet
        self._tells_failures = watched or self._verbose
        self._display: ProgressDisplay | None = None
        if watched and not environ.get("PKGHARVEST_NO_PROGRESS") and _can_redraw(self._console):
            self._display = ProgressDisplay(self._console, invocation.clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._display is not None:
            self._display.stop()

    def __call__(self, event: Event) -> None:
        """Take note of what happens."""
        if self._display is not None:
            self._display(event)
        match event:
            case SourceFinished(failure=failure) if failure is not None and self._tells_failures:
                what = f"{event.outcome.target.slug}: {event.outcome.source}: {failure.kind}"
                self._line(f"{what}: {failure.message}", style="red")
            case RequestThrottled():
                self._throttled(event)
            case RequestFinished() if self._verbose:
                status = "no answer" if event.status is None else event.status
                self._line(f"{event.method} {event.url} {status} {event.seconds:.2f} s")
            case RequestRetried() if self._verbose:
                self._line(f"again in {event.seconds:.1f} s: {event.url}: {event.reason}")
            case _:
                pass

    def conclude(self, report: RunReport, order: FetchOptions) -> None:
        """Tell how the run went: one line, or none where all is well and nobody asked.

        A recording that lacks something is told of before, and what helps with a quota after.
        """
        if order.record is not None and report.read_with_git:
            read = counted(report.read_with_git, "package")
            self._line(
                f"warning: {order.record} holds no git traffic:"
                f" a replay fails for {read} read with git"
            )
        troubled = report.failed or report.stopped
        if self._quiet and not troubled:
            return
        parts = [counted(report.selected, "package")]
        parts += [
            f"{number:,} {what}"
            for what, number in (
                ("updated", report.updated),
                ("unchanged", report.unchanged),
                ("failed", report.failed),
                ("left for the next run", report.deferred),
            )
            if number
        ]
        line = ", ".join(parts) + f"; {counted(report.traffic.requests, 'request')}{_took(report)}"
        if report.stopped == "quota":
            line += f"; {'; '.join(report.out_of_quota)}"
        elif report.stopped is not None:
            line += f"; {_STOPPED[report.stopped]}"
        if report.failures and not self._tells_failures:
            line += f"; failed: {_named(report.failures)}"
        was_shown = self._display is not None and self._display.was_shown
        if report.stopped == "interrupted" and self._on_terminal and not was_shown:
            self._line("")  # ends the one on which the terminal has shown ^C
        self._line(line)
        if report.stopped == "quota":
            advice = list(report.token_advice)
            advice += [] if order.wait else ["--wait sleeps until a quota begins anew"]
            self._hint("; ".join(advice))

    def tell_why(self, idle: IdleReason, order: FetchOptions) -> None:
        """Tell why there is nothing to fetch, and what there is to do about it."""
        if self._quiet:
            return
        counts = [
            f"{number:,} {what}"
            for number, what in ((idle.fresh, "fresh"), (idle.backing_off, "in back-off"))
            if number
        ]
        if not idle.cataloged:
            self._line("the catalogue is empty")
            self._hint("pkgharvest add OWNER/NAME follows a repository")
        elif counts:
            self._line(f"nothing is due: {', '.join(counts)}")
            self._hint("--retry-failed fetches what is in back-off" if idle.backing_off else "")
        elif idle.done:
            self._line("nothing is due: the run before, which did not end, had done it all")
        else:
            self._line(f"no package has this source: {', '.join(order.sources)}")

    def _hint(self, text: str) -> None:
        if text:
            self._line("")
            self._line(f"hint: {text}")

    def _throttled(self, event: RequestThrottled) -> None:
        if self._verbose or (event.seconds >= _LONG and not self._quiet):
            why = "is out of quota" if event.used_up else "asks for a pause"
            until = f"{event.seconds:,.0f} s, until {format_instant(event.until)}"
            self._line(f"{event.host} {why}: waiting {until}")

    def _line(self, text: str, style: str = "") -> None:
        line = Text(sanitize(text), style=style)
        if self._display is not None and self._display.is_shown:
            self._display.print(line)
        else:
            self._console.print(line, soft_wrap=True)


def counted(number: int, noun: str) -> str:
    """Return ``number`` of ``noun`` in words: ``1 package``, ``2,000 packages``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _named(failures: Sequence[SourceFailure]) -> str:
    """Name what failed, so that a log has it: a few packages, or all about a single source."""
    if len(failures) == 1:
        (one,) = failures
        return f"{one.slug} ({one.source}: {one.error}: {one.message})"
    by_slug: dict[str, list[str]] = {}
    for one in failures:
        by_slug.setdefault(one.slug, []).append(f"{one.source}: {one.error}")
    named = [f"{slug} ({', '.join(errors)})" for slug, errors in by_slug.items()][:_NAMED]
    more = len(by_slug) - len(named)
    return ", ".join(named) + (f" and {more:,} more (pkgharvest list --failing)" if more else "")


def _took(report: RunReport) -> str:
    """Say how long it took; nothing where that was short, or where the clock was put back."""
    seconds = int((report.finished - report.started).total_seconds())
    if seconds < _UNTIMED:
        return ""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f" in {hours:,} h {minutes} min"
    return f" in {minutes} min {seconds} s" if minutes else f" in {seconds} s"


def _can_redraw(console: Console) -> bool:
    return console.is_interactive and not console.is_dumb_terminal
