"""The live display: what it shows at which width, after which events, on a clock of its own."""

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


class Watch(FixedClock):
    """A clock that goes on when it is told to."""

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self._slept_seconds += seconds


class Screen:
    """A display that is drawn when it is asked for."""

    def __init__(self) -> None:
        self.clock = Watch(NOW)
        self.display = ProgressDisplay(Console(file=io.StringIO()), self.clock)
        self.started = False

    def hear(self, *events: Event) -> None:
        """Tell the display of events; ``Started`` without the thread that draws."""
        for event in events:
            self.display._record(event)

    def lines(self, width: int = 120, encoding: str = "utf-8") -> list[str]:
        """Draw it once."""
        file = io.TextIOWrapper(io.BytesIO(), encoding, errors="strict")
        console = Console(file=file, width=width, markup=False, emoji=False, highlight=False)
        with console.capture() as captured:
            console.print(self.display)
        text = captured.get()
        text.encode(encoding)
        return [line.rstrip() for line in text.splitlines() if line.strip()]


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The wall clock is in Greenwich."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def settled(
    slug: str, source: SourceName = "pypi", *, sources: tuple[SourceName, ...] = ("repo", "pypi")
) -> SourceFinished:
    """A source of a package has its outcome."""
    target = FetchTarget(package_id=1, slug=slug, sources=sources, locator=None)
    outcome = FetchOutcome(
        target=target, source=source, at=NOW, result=Skipped(reason="quota", message="")
    )
    return SourceFinished(outcome=outcome, changed=False, failure=None)


def downloaded(slug: str) -> SourceFinished:
    """A package's downloads have been read."""
    return settled(slug, "downloads", sources=("downloads",))


def told(
    remaining: int,
    host: str = "api.github.com",
    resource: str | None = "core",
    *,
    limit: int | None = 5_000,
    minutes: float | None = 30,
) -> QuotaReported:
    """A host says what is left."""
    reset = None if minutes is None else NOW + dt.timedelta(minutes=minutes)
    return QuotaReported(
        host=host, resource=resource, remaining=remaining, limit=limit, reset=reset
    )


# ── lanes ──


def test_a_package_is_done_with_its_last_source() -> None:
    screen = Screen()
    screen.hear(RunStarted(packages=10_000), settled("a", "repo"), settled("a", "pypi"))
    screen.hear(settled("b", "repo"), settled("c", "repo", sources=("repo",)))
    (line,) = screen.lines()
    assert line.split()[0] == "packages"
    assert " 2/10,000 " in line
    assert line.split()[-1] == "c"


def test_downloads_have_a_lane_of_their_own() -> None:
    screen = Screen()
    screen.hear(RunStarted(packages=3, downloads=1), downloaded("a"), DownloadsQueued(downloads=4))
    packages, downloads = screen.lines()
    assert packages.split()[0] == "packages"
    assert " 0/3" in packages
    assert downloads.split()[0] == "downloads"
    assert " 1/5 " in downloads


def test_a_lane_without_work_is_not_shown() -> None:
    screen = Screen()
    screen.hear(RunStarted(packages=0, downloads=2))
    (line,) = screen.lines()
    assert line.startswith("downloads ")


def test_downloads_that_were_not_foreseen() -> None:
    screen = Screen()
    screen.hear(RunStarted(packages=1), downloaded("a"))
    assert " 1/1 " in screen.lines()[1]


def test_rate_and_time_left() -> None:
    screen = Screen()
    screen.hear(RunStarted(packages=1_000, downloads=100))
    screen.clock.pass_by(1)
    screen.hear(*(settled(f"p{number}") for number in range(100)))
    assert "/s" not in screen.lines()[0]  # too early for more than a guess
    screen.clock.pass_by(9)
    screen.hear(*(downloaded(f"p{number}") for number in range(5)))
    packages, downloads = screen.lines()
    assert packages.split()[-4:] == ["10/s", "1:30", "left", "p99"]
    assert downloads.split()[-4:] == ["30/min", "3:10", "left", "p4"]


def test_the_rate_is_that_of_the_last_minute() -> None:
    screen = Screen()
    screen.hear(RunStarted(packages=1_000))
    for second in range(300):
        screen.clock.pass_by(1)
        if second < 200:
            screen.hear(settled(f"p{second}"))
        (line,) = screen.lines()
        if second == 199:
            assert "1.0/s 13:20 left" in " ".join(line.split())
    assert " 200/1,000 " in line
    assert "left" not in line  # a minute without any: nothing is known
    screen.clock.pass_by(1)
    screen.hear(settled("next"))
    assert "1/min 13:" in " ".join(screen.lines()[0].split())


def test_nothing_is_left_of_what_is_done() -> None:
    screen = Screen()
    screen.hear(RunStarted(packages=1))
    screen.clock.pass_by(60)
    screen.hear(settled("a"))
    assert "left" not in screen.lines()[0]


@pytest.mark.parametrize(
    ("width", "seen", "unseen"),
    [
        (120, ("/s", "left", "━", "slug-of-it"), ()),
        (80, ("/s", "left", "━", "slug-of-it"), ()),
        (60, ("/s", "left", "━"), ("slug-of-it",)),
        (50, ("/s", "left"), ("slug-of-it", "━")),
        (38, ("left",), ("slug-of-it", "━", "/s")),
        (30, (), ("slug-of-it", "━", "/s", "left")),
    ],
)
def test_what_matters_less_gives_way(
    width: int, seen: tuple[str, ...], unseen: tuple[str, ...]
) -> None:
    screen = Screen()
    screen.hear(RunStarted(packages=10_000))
    screen.clock.pass_by(10)
    screen.hear(*(settled("slug-of-it") for _ in range(1_234)))
    (line,) = screen.lines(width)
    assert "1,234/10,000" in line
    assert all(part in line for part in seen)
    assert not any(part in line for part in unseen)


@given(
    width=st.integers(20, 200),
    total=st.integers(1, 10**6),
    done=st.integers(0, 50),
    seconds=st.floats(0, 10_000),
    slug=st.text(max_size=80),
    remaining=st.integers(0, 10**6),
    hosts=st.integers(0, 4),
)
def test_no_line_is_wider_than_the_screen(
    width: int, total: int, done: int, seconds: float, slug: str, remaining: int, hosts: int
) -> None:
    screen = Screen()
    screen.hear(RunStarted(packages=total, downloads=total), *(settled(slug) for _ in range(done)))
    screen.hear(*(told(remaining, f"host{number}.example") for number in range(hosts)))
    until = NOW + dt.timedelta(hours=3)
    waits = [
        RequestThrottled(host=f"host{n}.example", seconds=9_999, until=until) for n in range(hosts)
    ]
    screen.clock.pass_by(seconds)
    screen.hear(*waits)
    lines = screen.lines(width)
    assert len(lines) <= 2 + hosts + 1
    assert max(map(cell_len, lines)) <= width


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_of_few_characters(encoding: str) -> None:
    screen = Screen()
    screen.hear(RunStarted(packages=2), settled("s" * 200), told(3), told(4, "other" * 40))
    assert screen.lines(80, encoding)


@pytest.mark.parametrize("evil", ["a\x1b[31mb", "[red]a[/]", "a\r\nb", "a\u202eb", ":smile:"])
def test_a_slug_does_nothing(evil: str) -> None:
    screen = Screen()
    screen.hear(RunStarted(packages=2), settled(evil))
    (line,) = screen.lines()
    assert "\x1b" not in line
    assert "\u202e" not in line
    if evil[0] in "[:":
        assert evil in line


# ── waits ──


def test_a_wait_is_counted_down() -> None:
    screen = Screen()
    until = NOW + dt.timedelta(seconds=2_052)
    screen.hear(
        RunStarted(packages=2), RequestThrottled(host="api.github.com", seconds=2_052, until=until)
    )
    wait = "waiting 34:12 for api.github.com, out of quota until 18:42"
    assert screen.lines()[1] == wait
    assert screen.lines(60)[1] == wait
    screen.clock.pass_by(2_000)
    assert screen.lines()[1] == "waiting 0:52 for api.github.com, out of quota until 18:42"
    screen.clock.pass_by(53)
    assert len(screen.lines()) == 1


def test_a_pause_is_no_quota() -> None:
    screen = Screen()
    until = NOW + dt.timedelta(seconds=40)
    screen.hear(
        RunStarted(packages=2),
        RequestThrottled(host="pypistats.org", seconds=40, until=until, used_up=False),
    )
    assert screen.lines()[1] == "waiting 0:40 for pypistats.org, which asks for a pause"


def test_who_waits_less_is_shown_first() -> None:
    screen = Screen()
    screen.hear(RunStarted(packages=2))
    for host, seconds in (("a", 7_200), ("b", 60), ("b", 120)):
        until = NOW + dt.timedelta(seconds=seconds)
        screen.hear(RequestThrottled(host=host, seconds=seconds, until=until))
    assert [line.split()[1:4] for line in screen.lines()[1:]] == [
        ["2:00", "for", "b,"],
        ["2:00:00", "for", "a,"],
    ]


# ── quotas ──


def test_a_quota_is_told() -> None:
    screen = Screen()
    screen.hear(RunStarted(packages=2), told(5_000), told(4_321))
    assert screen.lines()[1] == "api.github.com 4,321 left of 5,000, reset at 18:38"


def test_requests_and_points_are_told_apart() -> None:
    line = quota_line([told(4_321), told(4_980, resource="graphql", minutes=40)], 80)
    assert line == "api.github.com 4,321 core, 4,980 graphql, reset at 18:38"


def test_a_quota_that_begins_anew_is_not_told() -> None:
    screen = Screen()
    screen.hear(RunStarted(packages=2), told(0, minutes=1), told(7, "other", minutes=None))
    assert len(screen.lines()[1].split(";")) == 2
    screen.clock.pass_by(61)
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
def test_the_scarcest_comes_first_and_words_go_before_hosts(width: int, line: str) -> None:
    quotas = [
        told(4_321, "a"),
        told(5, "b", None, limit=60),
        told(1, "c", None, limit=None, minutes=None),
    ]
    assert quota_line(quotas, width) == line


def test_of_several_quotas_the_scarcest_stands_for_the_host() -> None:
    quotas = [told(29, resource="search", limit=30), told(4_000)]
    assert quota_line(quotas, 80) == "api.github.com 4,000 left of 5,000, reset at 18:38"


def test_no_quota_no_line() -> None:
    assert quota_line([], 80) == ""
    screen = Screen()
    screen.hear(RunStarted(packages=2))
    assert len(screen.lines()) == 1
