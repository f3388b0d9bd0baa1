"""How a run is followed: what is told when, on a terminal and off it, and the last line."""

import dataclasses
import datetime as dt
import os
import pty
import re
import signal
import subprocess
import termios
import time
from typing import Self

import pytest

from pkgharvest.cli.invocation import Invocation
from pkgharvest.cli.progress import Progress, counted
from pkgharvest.model.events import (
    Event,
    RequestFinished,
    RequestThrottled,
    RunStarted,
    SourceFinished,
)
from pkgharvest.model.observations import Failure, FetchOutcome, FetchTarget
from pkgharvest.pipeline.options import FetchOptions
from pkgharvest.pipeline.report import RunReport, SourceFailure
from pkgharvest.transport.metrics import MetricsReport
from tests.standins.server import Fault
from tests.support.command_line import CommandLine
from tests.support.github_case import NOW
from tests.support.hosts import Hosts

pytestmark = pytest.mark.repositories(4)


def failed(slug: str, message: str = "no such thing") -> SourceFinished:
    """The repository of a package was not there."""
    target = FetchTarget(package_id=1, slug=slug, sources=("repo",), locator=None)
    failure = Failure(kind="not_found", message=message)
    outcome = FetchOutcome(target=target, source="repo", at=NOW, result=failure)
    return SourceFinished(outcome=outcome, changed=False, failure=failure)


def throttled(seconds: float, *, used_up: bool = True) -> RequestThrottled:
    """The host makes us wait."""
    until = NOW + dt.timedelta(seconds=seconds)
    return RequestThrottled(host="api.github.com", seconds=seconds, until=until, used_up=used_up)


REPORT = RunReport(
    started=NOW,
    finished=NOW,
    selected=3,
    updated=3,
    unchanged=0,
    failed=0,
    deferred=0,
    traffic=MetricsReport(requests=15, bytes=0, by_host={}),
    failures=(),
    stopped=None,
)


def failures(*slugs: str) -> tuple[SourceFailure, ...]:
    """What a report says of packages whose repository was not there."""
    return tuple(
        SourceFailure(slug=slug, source="repo", error="not_found", message="gone") for slug in slugs
    )


class Told:
    """A progress off a terminal, and what it said."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *, quiet: bool, verbose: bool) -> None:
        invocation = Invocation()
        invocation.quiet, invocation.verbosity = quiet, int(verbose)
        self._progress = Progress(invocation, {})
        self._capsys = capsys

    def after(self, *events: Event) -> list[str]:
        """Return the lines that came of ``events``."""
        with self._progress:
            for event in events:
                self._progress(event)
        return self._capsys.readouterr().err.splitlines()

    def at_the_end(self, **changes: object) -> list[str]:
        """Return the lines that a report's end brings: REPORT's with ``changes``."""
        report = dataclasses.replace(REPORT, **changes)  # type: ignore[arg-type]
        self._progress.conclude(report, FetchOptions())
        return self._capsys.readouterr().err.splitlines()


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    return Told(capsys, quiet=False, verbose=False)


@pytest.fixture
def quietly(capsys: pytest.CaptureFixture[str]) -> Told:
    return Told(capsys, quiet=True, verbose=False)


@pytest.fixture
def verbosely(capsys: pytest.CaptureFixture[str]) -> Told:
    return Told(capsys, quiet=False, verbose=True)


REQUESTED = RequestFinished(method="GET", url="https://example.org/x", status=200, seconds=0.1234)


# ── off a terminal, as it goes ──


def test_silence_while_it_goes(told: Told, quietly: Told) -> None:
    events = (RunStarted(packages=3, downloads=1), failed("a"), REQUESTED, throttled(9))
    assert told.after(*events) == []
    assert quietly.after(*events, throttled(3_600)) == []


def test_verbose_tells_all_as_it_comes(verbosely: Told) -> None:
    assert verbosely.after(failed("a"), REQUESTED, throttled(9, used_up=False)) == [
        "a: repo: not_found: no such thing",
        "GET https://example.org/x 200 0.12 s",
        "api.github.com asks for a pause: waiting 9 s, until 2026-02-15T18:08:51Z",
    ]


def test_a_long_wait_is_worth_a_line(told: Told) -> None:
    assert told.after(throttled(3_600), throttled(60, used_up=False)) == [
        "api.github.com is out of quota: waiting 3,600 s, until 2026-02-15T19:08:42Z",
        "api.github.com asks for a pause: waiting 60 s, until 2026-02-15T18:09:42Z",
    ]


@pytest.mark.parametrize("evil", ["a\x1b[31mb\x07", "[red]a[/]", "a\nb", ":smile:"])
def test_messages_do_nothing(verbosely: Told, evil: str) -> None:
    (line,) = verbosely.after(failed(evil, evil))
    assert not re.search("[\x00-\x1f]", line)
    if evil[0] in "[:":
        assert line == f"{evil}: repo: not_found: {evil}"
    (line,) = verbosely.at_the_end(failed=1, failures=failures(evil))
    assert not re.search("[\x00-\x1f]", line)


def test_a_listener_costs_next_to_nothing(told: Told) -> None:
    # Far above what it takes, so that a busy machine does not matter; a line each would show.
    event, count = failed("a"), 20_000
    began = time.process_time()
    assert told.after(*(event for _ in range(count))) == []
    assert (time.process_time() - began) / count < 100e-6


# ── the last line ──


def test_figures_are_easy_to_read(told: Told) -> None:
    assert told.at_the_end(
        selected=10_000,
        updated=312,
        unchanged=9_688,
        traffic=MetricsReport(requests=10_420, bytes=0, by_host={}),
        finished=NOW + dt.timedelta(seconds=72.9),
    ) == ["10,000 packages, 312 updated, 9,688 unchanged; 10,420 requests in 1 min 12 s"]
    assert counted(1, "package") == "1 package"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, ""),
        (9.9, ""),
        (10, " in 10 s"),
        (60, " in 1 min 0 s"),
        (3_599, " in 59 min 59 s"),
        (7_500, " in 2 h 5 min"),
        (100_000, " in 27 h 46 min"),
    ],
)
def test_how_long_it_took(told: Told, seconds: float, words: str) -> None:
    (line,) = told.at_the_end(finished=NOW + dt.timedelta(seconds=seconds))
    assert line == f"3 packages, 3 updated; 15 requests{words}"


def test_one_failure_is_told_with_its_message(told: Told) -> None:
    (line,) = told.at_the_end(updated=2, failed=1, failures=failures("a"))
    assert line == (
        "3 packages, 2 updated, 1 failed; 15 requests; failed: a (repo: not_found: gone)"
    )


def test_some_failures_are_named(told: Told, quietly: Told) -> None:
    found = (*failures("a", "b"), dataclasses.replace(failures("a")[0], source="pypi"))
    for one in (told, quietly):
        (line,) = one.at_the_end(updated=1, failed=2, failures=found)
        assert line.endswith("; failed: a (repo: not_found, pypi: not_found), b (repo: not_found)")


def test_many_failures_are_counted(told: Told) -> None:
    found = failures(*(f"p{number}" for number in range(2_003)))
    (line,) = told.at_the_end(selected=2_003, updated=0, failed=2_003, failures=found)
    assert line == (
        "2,003 packages, 2,003 failed; 15 requests;"
        " failed: p0 (repo: not_found), p1 (repo: not_found), p2 (repo: not_found)"
        " and 2,000 more (pkgharvest list --failing)"
    )


def test_what_was_told_is_not_told_again(verbosely: Told) -> None:
    (line,) = verbosely.at_the_end(updated=2, failed=1, failures=failures("a"))
    assert line == "3 packages, 2 updated, 1 failed; 15 requests"


def test_quiet_is_silent_where_all_is_well(quietly: Told) -> None:
    assert quietly.at_the_end() == []
    assert quietly.at_the_end(deferred=1, stopped="request-budget") == [
        "3 packages, 3 updated, 1 left for the next run; 15 requests; the request budget is spent"
    ]


# ── on a terminal ──


class Terminal:
    """A terminal of one process: what it wrote, and what of it is on the screen."""

    def __init__(self, shell: CommandLine, *words: str, columns: int = 80) -> None:
        self.said = ""
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, columns))
        self.process = subprocess.Popen(
            shell.words(*words),
            env={"TERM": "xterm-256color", "PYTHONUTF8": "1", **shell.variables},
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=slave,
            cwd=shell.here,
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        os.close(self._master)
        self.process.kill()
        with self.process:
            self.process.wait()

    def until(self, text: str) -> None:
        """Read on until ``text`` was written."""
        while text not in self.said:
            assert self._read(), f"{text!r} was never written: {self.said!r}"

    def end(self) -> int:
        """Read to the end, and return the exit code."""
        while self._read():
            pass
        return self.process.wait(20)

    def _read(self) -> bool:
        try:
            piece = os.read(self._master, 65_536)
        except OSError:  # Linux's end of a pseudo-terminal
            return False
        self.said += piece.decode("utf-8", "replace")
        return bool(piece)

    @property
    def screen(self) -> list[str]:
        """The lines that a person sees, for the few sequences that rich uses; no line wraps."""
        lines, row, column = [""], 0, 0
        for sequence, control, text in re.findall(
            r"\x1b\[\??([0-9;]*[A-Za-z])|([\r\n])|([^\x1b\r\n]+)", self.said
        ):
            if control == "\r":
                column = 0
            elif control == "\n":
                row += 1
                lines += [""] * (row + 1 - len(lines))
            elif sequence.endswith("A"):
                row -= int(sequence[:-1] or 1)
            elif sequence == "2K":
                lines[row] = ""
            elif text:
                before = lines[row].ljust(column)
                lines[row] = before[:column] + text + before[column + len(text) :]
                column += len(text)
            else:
                assert sequence[-1] in "mlh", repr(sequence)
        return [line.rstrip() for line in lines if line.strip()]


REPO = ("fetch", "--all", "--source", "repo")


@pytest.mark.parametrize("columns", [120, 80, 60, 40])
def test_the_display_comes_and_goes(shell: CommandLine, hosts: Hosts, columns: int) -> None:
    hosts.github.latency = 0.2
    hosts.github._now = lambda: int(time.time())  # or its quota is one of the past
    hosts.github.fault("r001", Fault(status=404))
    with Terminal(shell, *REPO, columns=columns) as terminal:
        terminal.until("/4")
        terminal.until(" left of ")
        assert terminal.end() == 3
        failure, end = terminal.screen
        assert failure.startswith("r001: repo: not_found: ")
        assert end.startswith("4 packages, 3 updated, 1 failed; ")
        assert end.endswith(" requests")
        cursor = re.findall(r"\x1b\[\?25[lh]", terminal.said)
        assert cursor == ["\x1b[?25l", "\x1b[?25h"]  # gone while it lasts, and back
        assert "packages" in terminal.said


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupt_leaves_a_clean_screen(shell: CommandLine, hosts: Hosts, name: str) -> None:
    hosts.github.fault("r00[123]", Fault(delay=60))
    with Terminal(shell, *REPO) as terminal:
        terminal.until("1/4")
        began = time.monotonic()
        terminal.process.send_signal(signal.Signals[name])
        assert terminal.end() == 130
        assert time.monotonic() - began < 2
        (line,) = terminal.screen
        assert line.startswith("4 packages, 1 updated, 3 left for the next run; ")
        assert line.endswith("; interrupted")
        assert shell.show("r000")["last_fetched"] is not None
        hosts.github.heal()


def test_a_wait_is_shown_and_not_left_behind(shell: CommandLine, hosts: Hosts) -> None:
    pause = Fault(status=429, headers={"retry-after": "1"}, body=b"slow down")
    hosts.github.fault("r00", pause, times=1)
    with Terminal(shell, *REPO) as terminal:
        terminal.until("waiting 0:0")
        assert terminal.end() == 0
        assert "which asks for a pause" in terminal.said
        assert len(terminal.screen) == 1


def test_no_colour(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.fault("r001", Fault(status=404))
    shell.variables["NO_COLOR"] = "1"
    with Terminal(shell, *REPO) as terminal:
        assert terminal.end() == 3
        assert not re.search(r"\x1b\[[0-9;]*[34]\d[0-9;]*m", terminal.said)


@pytest.mark.parametrize("variables", [{"PKGHARVEST_NO_PROGRESS": "1"}, {"TERM": "dumb"}])
def test_a_terminal_without_a_display(
    shell: CommandLine, hosts: Hosts, variables: dict[str, str]
) -> None:
    hosts.github.fault("r001", Fault(status=404))
    shell.variables |= variables
    with Terminal(shell, *REPO) as terminal:
        assert terminal.end() == 3
        failure, end = terminal.screen
        assert failure.startswith("r001: repo: ")
        assert end.startswith("4 packages, ")
        assert "━" not in terminal.said


def test_quiet_on_a_terminal(shell: CommandLine, hosts: Hosts) -> None:
    with Terminal(shell, *REPO, "-q") as terminal:
        assert (terminal.end(), terminal.said) == (0, "")
        hosts.github.fault("r001", Fault(status=404))
    with Terminal(shell, *REPO, "-q") as terminal:
        assert terminal.end() == 3
        assert re.sub(r"\x1b\[\d*m", "", terminal.said).count("\n") == 1
        assert "; failed: r001 (repo: not_found: " in terminal.said


def test_data_stays_out_of_the_display(shell: CommandLine, hosts: Hosts) -> None:
    for words in (("--dry-run",), ("--json",)):
        with Terminal(shell, *REPO, *words) as terminal:
            assert terminal.process.stdout is not None
            out = terminal.process.stdout.read().decode()
            assert terminal.end() == 0
            assert out.startswith("r000  repo\n" if words == ("--dry-run",) else "{\n")
            assert not any("r000" in line for line in terminal.screen)


def test_no_escapes_off_a_terminal(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.fault("r001", Fault(status=404))
    result = shell.process(*REPO, "-v")
    assert result.code == 3
    assert "\x1b" not in result.err
    assert "r001: repo: not_found: " in result.err
    shell.variables["FORCE_COLOR"] = "1"
    result = shell.process(*REPO, "--retry-failed")
    assert "\x1b[?25l" not in result.err
    assert "━" not in result.err
