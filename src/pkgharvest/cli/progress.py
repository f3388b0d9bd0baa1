"""The progress of a run: a display on a terminal, lines in a log, nothing for cron."""

import os
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.text import Text

from pkgharvest.cli.invocation import Invocation
from pkgharvest.formats.sanitize import sanitize
from pkgharvest.model.events import (
    Event,
    Listener,
    RequestFinished,
    RequestRetried,
    RequestThrottled,
    SourceFinished,
)
from pkgharvest.model.instants import format_instant
from pkgharvest.terminal.progress import ProgressDisplay

if TYPE_CHECKING:
    from pkgharvest.app.fetch import (
        FetchOptions,
        IdleReason,
        RunContext,
        RunReport,
        SourceFailure,
    )

_STOPPED = {
    "time-budget": "the time budget is spent",
    "request-budget": "the request budget is spent",
    "interrupted": "interrupted",
}

_LONG_WAIT_SECONDS = 60.0
"""Waits from this on get a line, even if otherwise only the end of the run does."""

_MAX_NAMED = 3
"""Failed packages that the last line names."""

_MIN_TIMED_SECONDS = 10.0
"""The duration of shorter runs is not printed."""


class Progress:
    """Listens to a run and reports it on standard error.

    On a terminal there is a display, and failures are printed as they come. Elsewhere, or when
    quiet, the last line names them. With ``--verbose`` everything is printed as it comes.
    """

    def __init__(self, invocation: Invocation, environ: Mapping[str, str]) -> None:
        self._verbose = invocation.verbosity > 0
        self._quiet = invocation.quiet
        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._on_terminal = sys.stderr.isatty()
        is_watched = self._on_terminal and not self._quiet
        self._prints_failures = is_watched or self._verbose
        self._display: ProgressDisplay | None = None
        can_redraw = self._console.is_interactive and not self._console.is_dumb_terminal
        if is_watched and not environ.get("PKGHARVEST_NO_PROGRESS") and can_redraw:
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
        """Handle an event of the run."""
        if self._display is not None:
            self._display(event)
        match event:
            case SourceFinished(failure=failure) if failure is not None and self._prints_failures:
                source = f"{event.outcome.target.slug}: {event.outcome.source}"
                self._line(f"{source}: {failure.kind}: {failure.message}", style="red")
            case RequestThrottled():
                self._throttled(event)
            case RequestFinished() if self._verbose:
                status = "no response" if event.status is None else event.status
                self._line(f"{event.method} {event.url} {status} {event.seconds:.2f} s")
            case RequestRetried() if self._verbose:
                self._line(f"retrying in {event.seconds:.1f} s: {event.url}: {event.reason}")

    def summarize(self, report: "RunReport", options: "FetchOptions") -> None:
        """Print how the run went in one line, or nothing if all is well and ``--quiet`` given.

        A warning about an incomplete recording comes before it, a hint about a quota after it.
        """
        if options.record is not None and report.read_with_git:
            packages = count_noun(report.read_with_git, "package")
            self._line(
                f"warning: {options.record} has no git traffic:"
                f" replaying it fails for {packages} read with git"
            )
        if self._quiet and not (report.failed or report.stopped):
            return
        counts = (
            (report.updated, "updated"),
            (report.unchanged, "unchanged"),
            (report.failed, "failed"),
            (report.deferred, "left for the next run"),
        )
        parts = [count_noun(report.selected, "package"), *_name_counts(counts)]
        line = (
            ", ".join(parts)
            + f"; {count_noun(report.traffic.requests, 'request')}{_format_duration(report)}"
        )
        if report.stopped == "quota":
            line += f"; {'; '.join(report.out_of_quota)}"
        elif report.stopped is not None:
            line += f"; {_STOPPED[report.stopped]}"
        if report.failures and not self._prints_failures:
            line += f"; failed: {_name_failures(report.failures)}"
        was_shown = self._display is not None and self._display.was_shown
        if report.stopped == "interrupted" and self._on_terminal and not was_shown:
            self._line("")  # end the line on which the terminal shows ^C
        self._line(line)
        if report.stopped == "quota":
            waiting = () if options.wait else ("--wait sleeps until the quota resets",)
            self._hint("; ".join((*report.token_advice, *waiting)))

    def explain_idle(self, idle: "IdleReason", options: "FetchOptions") -> None:
        """Print why there is nothing to fetch, and what helps."""
        if self._quiet:
            return
        counts = _name_counts(((idle.fresh, "fresh"), (idle.backing_off, "in backoff")))
        if not idle.cataloged:
            self._line("the catalog is empty")
            self._hint("pkgharvest add OWNER/NAME adds a repository")
        elif counts:
            self._line(f"nothing is due: {', '.join(counts)}")
            self._hint("--retry-failed fetches packages in backoff" if idle.backing_off else "")
        elif idle.done:
            self._line("nothing is due: the last run did everything, though it did not finish")
        else:
            self._line(f"no package has this source: {', '.join(options.sources)}")

    def _hint(self, text: str) -> None:
        if text:
            self._line("")
            self._line(f"hint: {text}")

    def _throttled(self, event: RequestThrottled) -> None:
        if self._verbose or (event.seconds >= _LONG_WAIT_SECONDS and not self._quiet):
            reason = "is out of quota" if event.used_up else "asks for a pause"
            until = f"{event.seconds:,.0f} s, until {format_instant(event.until)}"
            self._line(f"{event.host} {reason}: waiting {until}")

    def _line(self, text: str, style: str = "") -> None:
        line = Text(sanitize(text), style=style)
        if self._display is not None and self._display.is_shown:
            self._display.print(line)
        else:
            self._console.print(line, soft_wrap=True)


def count_noun(number: int, noun: str) -> str:
    """Return a count with its noun.

    >>> count_noun(1, "package"), count_noun(2000, "package")
    ('1 package', '2,000 packages')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _name_counts(counts: Iterable[tuple[int, str]]) -> list[str]:
    """Return each count that is not zero with its label."""
    return [f"{number:,} {label}" for number, label in counts if number]


def _name_failures(failures: "Sequence[SourceFailure]") -> str:
    """Name a few packages that failed, or describe a single failure, for the log."""
    if len(failures) == 1:
        (failure,) = failures
        return f"{failure.slug} ({failure.source}: {failure.error}: {failure.message})"
    by_slug: dict[str, list[str]] = {}
    for failure in failures:
        by_slug.setdefault(failure.slug, []).append(f"{failure.source}: {failure.error}")
    names = [f"{slug} ({', '.join(errors)})" for slug, errors in by_slug.items()][:_MAX_NAMED]
    more = len(by_slug) - len(names)
    return ", ".join(names) + (f" and {more:,} more (pkgharvest list --failing)" if more else "")


def _format_duration(report: "RunReport") -> str:
    """Return how long the run took, or nothing if it was short or the clock was set back."""
    seconds = int((report.finished - report.started).total_seconds())
    if seconds < _MIN_TIMED_SECONDS:
        return ""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f" in {hours:,} h {minutes} min"
    return f" in {minutes} min {seconds} s" if minutes else f" in {seconds} s"


def make_context(invocation: Invocation, listener: Listener) -> "RunContext":
    """Return what a run of this invocation takes from its surroundings."""
    from pkgharvest.app.fetch import RunContext  # noqa: PLC0415 - import needs only Progress

    return RunContext(
        settings=invocation.settings(),
        environ=os.environ,
        clock=invocation.clock,
        listener=listener,
        stop_signals=(signal.SIGINT, signal.SIGTERM),
    )
