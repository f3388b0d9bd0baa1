"""The live display: what it shows after which events, at which width, on a fake clock."""

import datetime as dt
import io
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from pkgharvest.model.clock import FixedClock
from pkgharvest.model.events import (
    DownloadsQueued,
    Event,
    QuotaReported,
    RequestThrottled,
    RunStarted,
    SourceFinished,
)
from pkgharvest.model.observations import FetchOutcome, FetchTarget, Skipped, SourceName
from pkgharvest.terminal.progress import ProgressDisplay, quota_line
from tests.support.github_case import NOW


class ManualClock(FixedClock):
    """A clock that advances on request only."""

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._slept_seconds += seconds


class DrawnDisplay:
    """A display that is drawn on request only."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.display = ProgressDisplay(Console(file=io.StringIO()), self.clock)
        self.started = False

    def record(self, *events: Event) -> None:
        """Send events to the display, without starting the thread that draws."""
        for event in events:
            self.display._record(event)

    def lines(self, width: int = 120, encoding: str = "utf-8") -> list[str]:
        """Draw the display once and return its lines."""
        file = io.TextIOWrapper(io.BytesIO(), encoding, errors="strict")
        console = Console(file=file, width=width, markup=False, emoji=False, highlight=False)
        with console.capture() as captured:
            console.print(self.display)
        text = captured.get()
        text.encode(encoding)
        return [line.rstrip() for line in text.splitlines() if line.strip()]


@pytest.fixture(autouse=True)
def use_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set the local time zone to UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def source_finished(
    slug: str, source: SourceName = "pypi", *, sources: tuple[SourceName, ...] = ("repo", "pypi")
) -> SourceFinished:
    """Return the event of a finished source."""
    target = FetchTarget(package_id=1, slug=slug, sources=sources, locator=None)
    outcome = FetchOutcome(
        target=target, source=source, at=NOW, result=Skipped(reason="quota", message="")
    )
    return SourceFinished(outcome=outcome, changed=False, failure=None)


def downloads_finished(slug: str) -> SourceFinished:
    """Return the event of finished downloads."""
    return source_finished(slug, "downloads", sources=("downloads",))


def quota_reported(
    remaining: int,
    host: str = "api.github.com",
    resource: str | None = "core",
    *,
    limit: int | None = 5_000,
    minutes: float | None = 30,
) -> QuotaReported:
    """Return the event of a host that reports its quota."""
    reset = None if minutes is None else NOW + dt.timedelta(minutes=minutes)
    return QuotaReported(
        host=host, resource=resource, remaining=remaining, limit=limit, reset=reset
    )


# ── progress bars ──


def test_a_package_is_done_with_its_last_source() -> None:
    screen = DrawnDisplay()
    screen.record(
        RunStarted(packages=10_000), source_finished("a", "repo"), source_finished("a", "pypi")
    )
    screen.record(source_finished("b", "repo"), source_finished("c", "repo", sources=("repo",)))
    (line,) = screen.lines()
    assert line.split()[0] == "packages"
    assert " 2/10,000 " in line
    assert line.split()[-1] == "c"


def test_downloads_have_their_own_progress_bar() -> None:
    screen = DrawnDisplay()
    screen.record(
        RunStarted(packages=3, downloads=1), downloads_finished("a"), DownloadsQueued(downloads=4)
    )
    packages, downloads = screen.lines()
    assert packages.split()[0] == "packages"
    assert " 0/3" in packages
    assert downloads.split()[0] == "downloads"
    assert " 1/5 " in downloads


def test_a_progress_bar_without_work_is_hidden() -> None:
    screen = DrawnDisplay()
    screen.record(RunStarted(packages=0, downloads=2))
    (line,) = screen.lines()
    assert line.startswith("downloads ")


def test_unplanned_downloads_are_counted() -> None:
    screen = DrawnDisplay()
    screen.record(RunStarted(packages=1), downloads_finished("a"))
    assert " 1/1 " in screen.lines()[1]


def test_the_display_shows_rate_and_time_left() -> None:
    screen = DrawnDisplay()
    screen.record(RunStarted(packages=1_000, downloads=100))
    screen.clock.advance(1)
    screen.record(*(source_finished(f"p{number}") for number in range(100)))
    assert "/s" not in screen.lines()[0]  # too early to estimate
    screen.clock.advance(9)
    screen.record(*(downloads_finished(f"p{number}") for number in range(5)))
    packages, downloads = screen.lines()
    assert packages.split()[-4:] == ["10/s", "1:30", "left", "p99"]
    assert downloads.split()[-4:] == ["30/min", "3:10", "left", "p4"]


def test_the_rate_covers_the_last_minute() -> None:
    screen = DrawnDisplay()
    screen.record(RunStarted(packages=1_000))
    for second in range(300):
        screen.clock.advance(1)
        if second < 200:
            screen.record(source_finished(f"p{second}"))
        (line,) = screen.lines()
        if second == 199:
            assert "1.0/s 13:20 left" in " ".join(line.split())
    assert " 200/1,000 " in line
    assert "left" not in line  # no package in the last minute: no estimate
    screen.clock.advance(1)
    screen.record(source_finished("next"))
    assert "1/min 13:" in " ".join(screen.lines()[0].split())


def test_a_finished_bar_shows_no_time_left() -> None:
    screen = DrawnDisplay()
    screen.record(RunStarted(packages=1))
    screen.clock.advance(60)
    screen.record(source_finished("a"))
    assert "left" not in screen.lines()[0]


@pytest.mark.parametrize(
    ("width", "shown", "hidden"),
    [
        (120, ("/s", "left", "━", "slug-of-it"), ()),
        (80, ("/s", "left", "━", "slug-of-it"), ()),
        (60, ("/s", "left", "━"), ("slug-of-it",)),
        (50, ("/s", "left"), ("slug-of-it", "━")),
        (38, ("left",), ("slug-of-it", "━", "/s")),
        (30, (), ("slug-of-it", "━", "/s", "left")),
    ],
)
def test_a_narrow_display_drops_the_least_important_parts(
    width: int, shown: tuple[str, ...], hidden: tuple[str, ...]
) -> None:
    screen = DrawnDisplay()
    screen.record(RunStarted(packages=10_000))
    screen.clock.advance(10)
    screen.record(*(source_finished("slug-of-it") for _ in range(1_234)))
    (line,) = screen.lines(width)
    assert "1,234/10,000" in line
    assert all(part in line for part in shown)
    assert not any(part in line for part in hidden)


@given(
    width=st.integers(20, 200),
    total=st.integers(1, 10**6),
    done=st.integers(0, 50),
    seconds=st.floats(0, 10_000),
    slug=st.text(max_size=80),
    remaining=st.integers(0, 10**6),
    hosts=st.integers(0, 4),
)
def test_no_line_is_wider_than_the_terminal(
    width: int, total: int, done: int, seconds: float, slug: str, remaining: int, hosts: int
) -> None:
    screen = DrawnDisplay()
    screen.record(
        RunStarted(packages=total, downloads=total), *(source_finished(slug) for _ in range(done))
    )
    screen.record(*(quota_reported(remaining, f"host{number}.example") for number in range(hosts)))
    until = NOW + dt.timedelta(hours=3)
    waits = [
        RequestThrottled(host=f"host{n}.example", seconds=9_999, until=until) for n in range(hosts)
    ]
    screen.clock.advance(seconds)
    screen.record(*waits)
    lines = screen.lines(width)
    assert len(lines) <= 2 + hosts + 1
    assert max(map(cell_len, lines)) <= width


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_the_display_works_in_a_small_encoding(encoding: str) -> None:
    screen = DrawnDisplay()
    screen.record(
        RunStarted(packages=2),
        source_finished("s" * 200),
        quota_reported(3),
        quota_reported(4, "other" * 40),
    )
    assert screen.lines(80, encoding)


@pytest.mark.parametrize("slug", ["a\x1b[31mb", "[red]a[/]", "a\r\nb", "a\u202eb", ":smile:"])
def test_a_hostile_slug_is_harmless(slug: str) -> None:
    screen = DrawnDisplay()
    screen.record(RunStarted(packages=2), source_finished(slug))
    (line,) = screen.lines()
    assert "\x1b" not in line
    assert "\u202e" not in line
    if slug[0] in "[:":
        assert slug in line


# ── waits ──


def test_a_wait_is_counted_down() -> None:
    screen = DrawnDisplay()
    until = NOW + dt.timedelta(seconds=2_052)
    screen.record(
        RunStarted(packages=2), RequestThrottled(host="api.github.com", seconds=2_052, until=until)
    )
    line = "waiting 34:12 for api.github.com, out of quota until 18:42"
    assert screen.lines()[1] == line
    assert screen.lines(60)[1] == line
    screen.clock.advance(2_000)
    assert screen.lines()[1] == "waiting 0:52 for api.github.com, out of quota until 18:42"
    screen.clock.advance(53)
    assert len(screen.lines()) == 1


def test_a_pause_is_not_shown_as_a_quota() -> None:
    screen = DrawnDisplay()
    until = NOW + dt.timedelta(seconds=40)
    screen.record(
        RunStarted(packages=2),
        RequestThrottled(host="pypistats.org", seconds=40, until=until, used_up=False),
    )
    assert screen.lines()[1] == "waiting 0:40 for pypistats.org, which asks for a pause"


def test_the_shortest_wait_is_shown_first() -> None:
    screen = DrawnDisplay()
    screen.record(RunStarted(packages=2))
    for host, seconds in (("a", 7_200), ("b", 60), ("b", 120)):
        until = NOW + dt.timedelta(seconds=seconds)
        screen.record(RequestThrottled(host=host, seconds=seconds, until=until))
    assert [line.split()[1:4] for line in screen.lines()[1:]] == [
        ["2:00", "for", "b,"],
        ["2:00:00", "for", "a,"],
    ]


# ── quotas ──


def test_the_latest_quota_is_shown() -> None:
    screen = DrawnDisplay()
    screen.record(RunStarted(packages=2), quota_reported(5_000), quota_reported(4_321))
    assert screen.lines()[1] == "api.github.com 4,321 left of 5,000, reset at 18:38"


def test_requests_and_points_are_shown_separately() -> None:
    line = quota_line(
        [quota_reported(4_321), quota_reported(4_980, resource="graphql", minutes=40)], 80
    )
    assert line == "api.github.com 4,321 core, 4,980 graphql, reset at 18:38"


def test_a_quota_that_was_reset_is_hidden() -> None:
    screen = DrawnDisplay()
    screen.record(
        RunStarted(packages=2),
        quota_reported(0, minutes=1),
        quota_reported(7, "other", minutes=None),
    )
    assert len(screen.lines()[1].split(";")) == 2
    screen.clock.advance(61)
    assert screen.lines()[1] == "other 7 left of 5,000"


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (120, "b 5 left of 60, reset at 18:38; a 4,321 left of 5,000, reset at 18:38; c 1 left"),
        (60, "b 5 left of 60; a 4,321 left of 5,000; c 1 left"),
        (40, "b 5 left; a 4,321 left; c 1 left"),
        (10, "b 5 left; a 4,321 left; c 1 left"),
    ],
)
def test_the_scarcest_quota_comes_first_and_details_are_dropped_before_hosts(
    width: int, line: str
) -> None:
    quotas = [
        quota_reported(4_321, "a"),
        quota_reported(5, "b", None, limit=60),
        quota_reported(1, "c", None, limit=None, minutes=None),
    ]
    assert quota_line(quotas, width) == line


def test_a_host_shows_its_scarcest_quota() -> None:
    quotas = [quota_reported(29, resource="search", limit=30), quota_reported(4_000)]
    assert quota_line(quotas, 80) == "api.github.com 4,000 left of 5,000, reset at 18:38"


def test_without_a_quota_there_is_no_line() -> None:
    assert quota_line([], 80) == ""
    screen = DrawnDisplay()
    screen.record(RunStarted(packages=2))
    assert len(screen.lines()) == 1
