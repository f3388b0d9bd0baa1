"""The live display of a run: a line for each lane, one for each wait, and one of the quotas.

It is drawn some times a second, by a thread that alone writes on the terminal meanwhile: rich's own
may write while others do, and then lines are lost or left. What happens is only noted.
"""

import datetime as dt
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Literal, assert_never

from rich.console import Console, ConsoleOptions, RenderableType
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

_EVERY = 0.2
"""Seconds from one drawing to the next."""

_WINDOW = 60.0
"""Seconds that a rate is taken over: batches come out at once, and then nothing for a while."""

_SOON = 3.0
"""Seconds before which a rate would be a guess."""

_PARTS: tuple[tuple[int, tuple[str, ...], int | None], ...] = (
    (120, ("name", "bar", "count", "rate", "left", "slug"), 40),
    (76, ("name", "bar", "count", "rate", "left", "slug"), 12),
    (54, ("name", "bar", "count", "rate", "left"), None),
    (44, ("name", "count", "rate", "left"), None),
    (35, ("name", "count", "left"), None),
    (0, ("name", "count"), None),
)
"""From which width on a lane shows what, and the bar's width (None: what room there is)."""

_Cut = Literal["crop", "ellipsis"]

_LEAST = {"rate": 6, "left": 12}
"""Kept free, so that nothing moves when a figure comes."""


class _Lane:
    """Packages that pass one after another: how many have, of how many, and how fast."""

    def __init__(self, name: str, total: int, clock: Clock) -> None:
        self.name = name
        self.total = total
        self.done = 0
        self.slug = ""
        """The last that passed."""
        self._clock = clock
        self._seen = deque([(clock.monotonic(), 0)])

    def passed(self, slug: str) -> None:
        """Take note that ``slug`` is done."""
        self.done += 1
        self.slug = slug

    def rate(self) -> float | None:
        """Return packages a second over the last minute; None where that says nothing."""
        now = self._clock.monotonic()
        if now - self._seen[-1][0] >= 1:
            self._seen.append((now, self.done))
        while len(self._seen) > 1 and self._seen[1][0] <= now - _WINDOW:
            self._seen.popleft()
        began, before = self._seen[0]
        if now - began < _SOON or self.done == before:
            return None
        return (self.done - before) / (now - began)

    def cells(self, bar: int | None) -> dict[str, RenderableType]:
        """Return what there is to show, by the names of ``_PARTS``."""
        total = max(self.total, self.done)
        rate = self.rate() if self.done < total else None
        return {
            "name": Text(self.name),
            "bar": ProgressBar(
                total=total, completed=self.done, width=bar, complete_style="bar.finished"
            ),
            "count": Text(f"{self.done:{len(f'{total:,}')},}/{total:,}"),
            "rate": Text("" if rate is None else _pace(rate)),
            "left": Text("" if rate is None else f"{_span((total - self.done) / rate)} left"),
            "slug": Text(sanitize(self.slug), style="dim"),
        }


class ProgressDisplay:
    """A listener that shows what it hears on ``console``, a terminal, until it is stopped."""

    def __init__(self, console: Console, clock: Clock) -> None:
        self._clock = clock
        self._packages = _Lane("packages", 0, clock)
        self._downloads = _Lane("downloads", 0, clock)
        self._waits: dict[str, tuple[float, RequestThrottled]] = {}
        """By host, with the monotonic second when each is over."""
        self._quotas: dict[tuple[str, str | None], QuotaReported] = {}
        self._lock = threading.Lock()
        self._lines: list[Text] = []
        self._console = console
        # Standard output stays as it is: what goes there is data, and may go to a file.
        self._live = Live(
            self, console=console, auto_refresh=False, transient=True, redirect_stdout=False
        )
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __call__(self, event: Event) -> None:
        """Take note of what happens; a run that starts with something to do starts the display."""
        with self._lock:
            self._note(event)
        if isinstance(event, RunStarted) and (event.packages or event.downloads):
            self._live.start()
            self._thread = threading.Thread(target=self._draw_on, daemon=True)
            self._thread.start()

    @property
    def was_shown(self) -> bool:
        """Whether there was something to show."""
        return self._thread is not None

    @property
    def is_shown(self) -> bool:
        """Whether lines are to be given to ``print`` and not to the console."""
        return self.was_shown and not self._over.is_set()

    def print(self, line: Text) -> None:
        """Print a line above the display, soon."""
        with self._lock:
            self._lines.append(line)

    def stop(self) -> None:
        """Leave the screen as if there had been nothing but what was printed."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            self._draw()
        self._live.stop()

    def _draw_on(self) -> None:
        while not self._over.is_set():
            self._draw()
            self._over.wait(_EVERY)

    def _draw(self) -> None:
        with self._lock:
            lines, self._lines = self._lines, []
        if lines:
            self._console.print(Text("\n").join(lines), soft_wrap=True)
        else:
            self._live.refresh()

    def _note(self, event: Event) -> None:
        match event:
            case SourceFinished(outcome=FetchOutcome(source="downloads", target=target)):
                self._downloads.passed(target.slug)
            case SourceFinished(outcome=FetchOutcome(source=source, target=target)):
                if source == [name for name in target.sources if name != "downloads"][-1]:
                    self._packages.passed(target.slug)
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
        """Draw it as wide as there is room."""
        cut: _Cut = "crop" if options.ascii_only else "ellipsis"
        with self._lock:
            lanes = [lane for lane in (self._packages, self._downloads) if lane.total or lane.done]
            table = _table(lanes, options.max_width, cut)
            lines = [*self._waiting(), quota_line(self._valid(), options.max_width)]
        yield table
        for line in lines:
            if line:
                yield Text(line, no_wrap=True, overflow=cut)

    def _waiting(self) -> Iterator[str]:
        now = self._clock.monotonic()
        for host, (until, event) in sorted(self._waits.items(), key=lambda wait: wait[1][0]):
            if until > now:
                why = (
                    f"out of quota until {_moment(event.until)}"
                    if event.used_up
                    else "which asks for a pause"
                )
                yield sanitize(f"waiting {_span(until - now)} for {host}, {why}")

    def _valid(self) -> list[QuotaReported]:
        now = self._clock.now()
        return [one for one in self._quotas.values() if one.reset is None or one.reset > now]


def quota_line(told: Sequence[QuotaReported], width: int) -> str:
    """Return what is left at each host, the scarcest first, in as many words as fit ``width``.

    Where both GitHub's requests (core) and its points (graphql) are known, both are told, else
    the scarcest quota of a host.
    """
    hosts: dict[str, dict[str | None, QuotaReported]] = {}
    for one in sorted(told, key=_scarcity):
        hosts.setdefault(one.host, {})[one.resource] = one
    lines = [
        sanitize("; ".join(_quota(host, of, words=words) for host, of in hosts.items()))
        for words in (3, 2, 1)
    ]
    return next((line for line in lines if len(line) <= width), lines[-1])


def _quota(host: str, of: dict[str | None, QuotaReported], *, words: int) -> str:
    scarcest = next(iter(of.values()))
    if "core" in of and "graphql" in of:
        text = f"{host} {of['core'].remaining:,} core, {of['graphql'].remaining:,} graphql"
    else:
        text = f"{host} {scarcest.remaining:,} left"
        if words > 1 and scarcest.limit is not None:
            text += f" of {scarcest.limit:,}"
    if words > 2 and scarcest.reset is not None:  # noqa: PLR2004 - the most
        text += f", again at {_moment(scarcest.reset)}"
    return text


def _scarcity(one: QuotaReported) -> tuple[float, int]:
    return (one.remaining / one.limit if one.limit else 1.0, one.remaining)


def _table(lanes: Sequence[_Lane], width: int, cut: _Cut) -> Table:
    names, bar = next((names, bar) for least, names, bar in _PARTS if width >= least)
    grow = "slug" if "slug" in names else "bar"
    table = Table.grid(
        *(
            Column(
                no_wrap=True,
                overflow=cut,
                min_width=_LEAST.get(name),
                justify="right" if name in {"count", "rate", "left"} else "left",
                ratio=1 if name == grow else None,
            )
            for name in names
        ),
        padding=(0, 1),
        expand=grow in names,
    )
    for lane in lanes:
        cells = lane.cells(bar)
        table.add_row(*(cells[name] for name in names))
    return table


def _moment(moment: dt.datetime) -> str:
    """Say when, by the clock on the wall: who looks at a terminal looks at that too."""
    return f"{moment.astimezone():%H:%M}"


def _pace(rate: float) -> str:
    if rate >= 10:  # noqa: PLR2004 - two figures
        return f"{rate:,.0f}/s"
    return f"{rate:.1f}/s" if rate >= 1 else f"{rate * 60:.0f}/min"


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
