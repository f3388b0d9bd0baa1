"""How a run is followed: a display on a terminal, lines for a log, silence for cron."""

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Display
from rich.text import Text

from pkgharvest.app.fetching import Idleness, Order
from pkgharvest.app.report import RunReport
from pkgharvest.cli.invocation import Invocation
from pkgharvest.events import Event, Finished, Requested, Retried, Settled, Started, Throttled
from pkgharvest.instants import format_instant
from pkgharvest.render.terminal import clean

_STOPPED = {
    "time-budget": "the time budget is spent",
    "request-budget": "the request budget is spent",
    "interrupted": "interrupted",
}


class Progress:
    """Listens to a run and tells of it on standard error."""

    def __init__(self, invocation: Invocation, environ: Mapping[str, str]) -> None:
        self._verbose = invocation.verbosity > 0
        self._quiet = invocation.quiet
        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        shown = (
            sys.stderr.isatty() and not self._quiet and not environ.get("PKGHARVEST_NO_PROGRESS")
        )
        self._display = Display(
            TextColumn("fetching"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[slug]}", markup=False),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not shown,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._display.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._display.stop()

    def __call__(self, event: Event) -> None:
        """Take note of what happens."""
        match event:
            case Started(packages=packages):
                self._task = self._display.add_task("fetch", total=packages, slug="")
            case Settled():
                self._settled(event)
            case Throttled(host=host, seconds=seconds, until=until):
                until_then = f"{seconds:,.0f} s, until {format_instant(until)}"
                self._line(f"{host} is out of quota: waiting {until_then}")
            case Requested() if self._verbose:
                status = "no answer" if event.status is None else event.status
                self._line(f"{event.method} {event.url} {status} {event.seconds:.2f} s")
            case Retried() if self._verbose:
                self._line(f"again in {event.seconds:.1f} s: {event.url}: {event.reason}")
            case Requested() | Retried() | Finished():
                pass

    def conclude(self, report: RunReport, order: Order) -> None:
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
            f"{number} {what}"
            for what, number in (
                ("updated", report.updated),
                ("unchanged", report.unchanged),
                ("failed", report.failed),
                ("left for the next run", report.deferred),
            )
            if number
        ]
        line = ", ".join(parts) + f"; {counted(report.traffic.requests, 'request')}"
        if report.stopped == "quota":
            line += f"; {'; '.join(report.out_of_quota)}"
        elif report.stopped is not None:
            line += f"; {_STOPPED[report.stopped]}"
        if report.stopped == "interrupted" and self._console.is_terminal and self._display.disable:
            self._line("")  # ends the one on which the terminal has shown ^C
        self._line(line)
        if report.stopped == "quota":
            advice = ["set GH_TOKEN for a larger quota at GitHub"] if report.wants_token else []
            advice += [] if order.wait else ["--wait sleeps until a quota begins anew"]
            self._hint("; ".join(advice))

    def tell_why(self, idle: Idleness, order: Order) -> None:
        """Tell why there is nothing to fetch, and what there is to do about it."""
        if self._quiet:
            return
        counts = [
            f"{number:,} {what}"
            for number, what in ((idle.fresh, "fresh"), (idle.backing_off, "in back-off"))
            if number
        ]
        if not idle.catalogued:
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

    def _settled(self, event: Settled) -> None:
        outcome, failure = event.outcome, event.failure
        if self._task is not None:
            last = outcome.target.sources[-1] == outcome.source
            self._display.update(self._task, advance=int(last), slug=outcome.target.slug)
        if failure is not None:
            message = f"{outcome.target.slug}: {outcome.source}: {failure.kind}: {failure.message}"
            self._line(message, style="red")

    def _line(self, text: str, style: str = "") -> None:
        self._console.print(Text(clean(text), style=style), soft_wrap=True)


def counted(number: int, noun: str) -> str:
    """Return ``number`` of ``noun`` in words: ``1 package``, ``2 packages``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
