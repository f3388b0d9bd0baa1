"""The live display of a run: a progress bar per lane, a line per wait, and a line of quotas.

Events only change the display's state. A thread of its own draws a few times a second, and is the
only one to write to the terminal meanwhile: rich's refresh thread would write at the same time as
others, and lines would be lost or left behind.
"""

import datetime as dt
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from typing import assert_never

from rich.console import Console, ConsoleOptions, OverflowMethod, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from pkgharvest.formats.sanitize import sanitize
from pkgharvest.model.clock import Clock
from pkgharvest.model.events import (
    DownloadsQueued,
    Event,
    QuotaReported,
    RequestFinished,
    RequestRetried,
    RequestThrottled,
    RunFinished,
    RunStarted,
    SourceFinished,
)
from pkgharvest.model.observations import FetchOutcome

_MIN_RATE_SECONDS = 3.0
"""Before this, a rate would be a guess."""

_LAYOUTS: tuple[tuple[int, tuple[str, ...], int | None], ...] = (
    (120, ("name", "bar", "count", "rate", "left", "slug"), 40),
    (76, ("name", "bar", "count", "rate", "left", "slug"), 12),
    (54, ("name", "bar", "count", "rate", "left"), None),
    (44, ("name", "count", "rate", "left"), None),
    (35, ("name", "count", "left"), None),
    (0, ("name", "count"), None),
)
"""Minimum screen width, columns, and the bar's width (None: all the room that is left)."""

_MIN_WIDTHS = {"rate": 6, "left": 12}
"""Reserved from the start, so that nothing moves once the values are known."""


class _Lane:
    """Counts packages that finish one after another, and their rate."""

    def __init__(self, name: str, total: int, clock: Clock) -> None:
        self.name = name
        self.total = total
        self.done = 0
        self.slug = ""
        """The package that finished last."""
        self._clock = clock
        self._samples = deque([(clock.monotonic(), 0)])
        """Monotonic seconds, and how many packages were done then."""

    def finish(self, slug: str) -> None:
        """Count ``slug`` as done."""
        self.done += 1
        self.slug = slug

    def rate(self) -> float | None:
        """Return packages per second over the last minute; None if it is too early to tell.

        Batches finish all at once, with pauses in between, so a shorter time would mislead.
        """
        now = self._clock.monotonic()
        if now - self._samples[-1][0] >= 1:
            self._samples.append((now, self.done))
        while len(self._samples) > 1 and self._samples[1][0] <= now - 60:
            self._samples.popleft()
        start, done_before = self._samples[0]
        if now - start < _MIN_RATE_SECONDS or self.done == done_before:
            return None
        return (self.done - done_before) / (now - start)

    def cells(self, bar_width: int | None) -> dict[str, RenderableType]:
        """Return every cell by the column names of ``_LAYOUTS``."""
        total = max(self.total, self.done)
        rate = self.rate() if self.done < total else None
        return {
            "name": Text(self.name),
            "bar": ProgressBar(
                total=total, completed=self.done, width=bar_width, complete_style="bar.finished"
            ),
            "count": Text(f"{self.done:{len(f'{total:,}')},}/{total:,}"),
            "rate": Text("" if rate is None else _format_rate(rate)),
            "left": Text(
                "" if rate is None else f"{_format_seconds((total - self.done) / rate)} left"
            ),
            "slug": Text(sanitize(self.slug), style="dim"),
        }


class ProgressDisplay:
    """A listener that shows a run's progress on ``console``, a terminal, until it is stopped."""

    def __init__(self, console: Console, clock: Clock) -> None:
        self._clock = clock
        self._packages = _Lane("packages", 0, clock)
        self._downloads = _Lane("downloads", 0, clock)
        self._waits: dict[str, tuple[float, RequestThrottled]] = {}
        """By host, with the monotonic second at which each ends."""
        self._quotas: dict[tuple[str, str | None], QuotaReported] = {}
        """By host and resource."""
        self._lock = threading.Lock()
        self._lines: list[Text] = []
        """Lines to print above the display."""
        # Standard output is left alone: it carries data, and may be a file.
        self._live = Live(
            self, console=console, auto_refresh=False, transient=True, redirect_stdout=False
        )
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def __call__(self, event: Event) -> None:
        """Record ``event``; a run that starts with something to do starts the display."""
        with self._lock:
            self._record(event)
        if isinstance(event, RunStarted) and (event.packages or event.downloads):
            self._live.start()
            self._thread = threading.Thread(target=self._draw_until_stopped, daemon=True)
            self._thread.start()

    @property
    def was_shown(self) -> bool:
        """Whether there was something to show."""
        return self._thread is not None

    @property
    def is_shown(self) -> bool:
        """Whether lines must be printed with ``print`` and not on the console."""
        return self.was_shown and not self._stopped.is_set()

    def print(self, line: Text) -> None:
        """Print ``line`` above the display, at the next refresh."""
        with self._lock:
            self._lines.append(line)

    def stop(self) -> None:
        """Remove the display; printed lines stay on the screen."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
            self._draw()
        self._live.stop()

    def _draw_until_stopped(self) -> None:
        while not self._stopped.is_set():
            self._draw()
            self._stopped.wait(0.2)

    def _draw(self) -> None:
        with self._lock:
            lines, self._lines = self._lines, []
        if lines:
            self._live.console.print(Text("\n").join(lines), soft_wrap=True)
        else:
            self._live.refresh()

    def _record(self, event: Event) -> None:
        match event:
            case SourceFinished(outcome=FetchOutcome(source="downloads", target=target)):
                self._downloads.finish(target.slug)
            case SourceFinished(outcome=FetchOutcome(source=source, target=target)):
                if source == [name for name in target.sources if name != "downloads"][-1]:
                    self._packages.finish(target.slug)
            case QuotaReported(host=host, resource=resource):
                self._quotas[host, resource] = event
            case RequestThrottled(host=host, seconds=seconds):
                self._waits[host] = (self._clock.monotonic() + seconds, event)
            case DownloadsQueued(downloads=downloads):
                self._downloads.total += downloads
            case RunStarted(packages=packages, downloads=downloads):
                self._packages = _Lane("packages", packages, self._clock)
                self._downloads = _Lane("downloads", downloads, self._clock)
            case RequestFinished() | RequestRetried() | RunFinished():
                pass
            case _:
                assert_never(event)

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        """Draw the display within the width that ``options`` allows."""
        overflow: OverflowMethod = "crop" if options.ascii_only else "ellipsis"
        with self._lock:
            lanes = [lane for lane in (self._packages, self._downloads) if lane.total or lane.done]
            table = _lane_table(lanes, options.max_width, overflow)
            now = self._clock.now()
            quotas = [
                quota for quota in self._quotas.values() if quota.reset is None or quota.reset > now
            ]
            lines = [*self._wait_lines(), quota_line(quotas, options.max_width)]
        yield table
        yield from (Text(line, no_wrap=True, overflow=overflow) for line in lines if line)

    def _wait_lines(self) -> Iterator[str]:
        now = self._clock.monotonic()
        for host, (end, event) in sorted(self._waits.items(), key=lambda wait: wait[1][0]):
            if end > now:
                reason = (
                    f"out of quota until {_wall_clock(event.until)}"
                    if event.used_up
                    else "which asks for a pause"
                )
                yield sanitize(f"waiting {_format_seconds(end - now)} for {host}, {reason}")


def quota_line(quotas: Sequence[QuotaReported], width: int) -> str:
    """Return what is left at each host, the scarcest first, in as many details as fit ``width``.

    For each host it is the scarcest quota, or both of GitHub's, requests (core) and points
    (graphql), if both are known.
    """
    hosts: dict[str, dict[str | None, QuotaReported]] = {}
    for quota in sorted(
        quotas,
        key=lambda quota: (
            quota.remaining / quota.limit if quota.limit else 1.0,
            quota.remaining,
        ),
    ):
        hosts.setdefault(quota.host, {})[quota.resource] = quota
    lines = [
        sanitize(
            "; ".join(
                _describe_quotas(host, by_resource, with_limit=with_limit, with_reset=with_reset)
                for host, by_resource in hosts.items()
            )
        )
        for with_limit, with_reset in ((True, True), (True, False), (False, False))
    ]
    return next((line for line in lines if len(line) <= width), lines[-1])


def _describe_quotas(
    host: str,
    by_resource: dict[str | None, QuotaReported],
    *,
    with_limit: bool,
    with_reset: bool,
) -> str:
    """Return the quotas of one host, which are sorted by scarcity."""
    scarcest = next(iter(by_resource.values()))
    if "core" in by_resource and "graphql" in by_resource:
        core, graphql = by_resource["core"].remaining, by_resource["graphql"].remaining
        text = f"{host} {core:,} core, {graphql:,} graphql"
    else:
        text = f"{host} {scarcest.remaining:,} left"
        if with_limit and scarcest.limit is not None:
            text += f" of {scarcest.limit:,}"
    if with_reset and scarcest.reset is not None:
        text += f", reset at {_wall_clock(scarcest.reset)}"
    return text


def _lane_table(lanes: Sequence[_Lane], width: int, overflow: OverflowMethod) -> Table:
    names, bar_width = next(
        (names, bar_width) for min_width, names, bar_width in _LAYOUTS if width >= min_width
    )
    growing = "slug" if "slug" in names else "bar"
    table = Table.grid(
        *(
            Column(
                no_wrap=True,
                overflow=overflow,
                min_width=_MIN_WIDTHS.get(name),
                justify="right" if name in {"count", "rate", "left"} else "left",
                ratio=1 if name == growing else None,
            )
            for name in names
        ),
        padding=(0, 1),
        expand=growing in names,
    )
    for lane in lanes:
        cells = lane.cells(bar_width)
        table.add_row(*(cells[name] for name in names))
    return table


def _wall_clock(moment: dt.datetime) -> str:
    """Return hours and minutes in the machine's own time zone, for comparison with a clock."""
    return f"{moment.astimezone():%H:%M}"


def _format_rate(rate: float) -> str:
    if rate >= 10:  # noqa: PLR2004 - two digits are exact enough
        return f"{rate:,.0f}/s"
    return f"{rate:.1f}/s" if rate >= 1 else f"{rate * 60:.0f}/min"


def _format_seconds(seconds: float) -> str:
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
