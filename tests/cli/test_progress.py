"""What a run prints: lines while it runs, the display on a terminal, and the summary line."""

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
from pkgharvest.cli.progress import Progress, count_noun
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


def repository_missing(slug: str, message: str = "no such thing") -> SourceFinished:
    """Return the event of a package whose repository was not found."""
    target = FetchTarget(package_id=1, slug=slug, sources=("repo",), locator=None)
    failure = Failure(kind="not_found", message=message)
    outcome = FetchOutcome(target=target, source="repo", at=NOW, result=failure)
    return SourceFinished(outcome=outcome, changed=False, failure=failure)


def throttled(seconds: float, *, used_up: bool = True) -> RequestThrottled:
    """Return the event of a host that makes us wait."""
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
    """Return the failures of packages whose repository was not found."""
    return tuple(
        SourceFailure(slug=slug, source="repo", error="not_found", message="gone") for slug in slugs
    )


class PrintedProgress:
    """A progress off a terminal, and the lines it prints."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *, quiet: bool, verbose: bool) -> None:
        invocation = Invocation()
        invocation.quiet, invocation.verbosity = quiet, int(verbose)
        self._progress = Progress(invocation, {})
        self._capsys = capsys

    def lines_for(self, *events: Event) -> list[str]:
        """Return the lines printed for ``events``."""
        with self._progress:
            for event in events:
                self._progress(event)
        return self._capsys.readouterr().err.splitlines()

    def lines_at_end(self, **changes: object) -> list[str]:
        """Return the lines printed at the end of a run: REPORT with ``changes``."""
        report = dataclasses.replace(REPORT, **changes)  # type: ignore[arg-type]
        self._progress.summarize(report, FetchOptions())
        return self._capsys.readouterr().err.splitlines()


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> PrintedProgress:
    return PrintedProgress(capsys, quiet=False, verbose=False)


@pytest.fixture
def printed_quiet(capsys: pytest.CaptureFixture[str]) -> PrintedProgress:
    return PrintedProgress(capsys, quiet=True, verbose=False)


@pytest.fixture
def printed_verbose(capsys: pytest.CaptureFixture[str]) -> PrintedProgress:
    return PrintedProgress(capsys, quiet=False, verbose=True)


REQUESTED = RequestFinished(method="GET", url="https://example.org/x", status=200, seconds=0.1234)


# ── off a terminal ──


def test_progress_off_a_terminal_is_silent(
    printed: PrintedProgress, printed_quiet: PrintedProgress
) -> None:
    events = (RunStarted(packages=3, downloads=1), repository_missing("a"), REQUESTED, throttled(9))
    assert printed.lines_for(*events) == []
    assert printed_quiet.lines_for(*events, throttled(3_600)) == []


def test_progress_verbose_prints_every_event(printed_verbose: PrintedProgress) -> None:
    assert printed_verbose.lines_for(
        repository_missing("a"), REQUESTED, throttled(9, used_up=False)
    ) == [
        "a: repo: not_found: no such thing",
        "GET https://example.org/x 200 0.12 s",
        "api.github.com asks for a pause: waiting 9 s, until 2026-02-15T18:08:51Z",
    ]


def test_progress_prints_a_long_wait(printed: PrintedProgress) -> None:
    assert printed.lines_for(throttled(3_600), throttled(60, used_up=False)) == [
        "api.github.com is out of quota: waiting 3,600 s, until 2026-02-15T19:08:42Z",
        "api.github.com asks for a pause: waiting 60 s, until 2026-02-15T18:09:42Z",
    ]


@pytest.mark.parametrize("text", ["a\x1b[31mb\x07", "[red]a[/]", "a\nb", ":smile:"])
def test_hostile_messages_are_harmless(printed_verbose: PrintedProgress, text: str) -> None:
    (line,) = printed_verbose.lines_for(repository_missing(text, text))
    assert not re.search("[\x00-\x1f]", line)
    if text[0] in "[:":
        assert line == f"{text}: repo: not_found: {text}"
    (line,) = printed_verbose.lines_at_end(failed=1, failures=failures(text))
    assert not re.search("[\x00-\x1f]", line)


def test_progress_off_a_terminal_is_fast(printed: PrintedProgress) -> None:
    # Far above the usual time, so that a busy machine passes; a line per event would not.
    event, count = repository_missing("a"), 20_000
    start = time.process_time()
    assert printed.lines_for(*(event for _ in range(count))) == []
    assert (time.process_time() - start) / count < 100e-6


# ── the summary line ──


def test_the_summary_groups_digits(printed: PrintedProgress) -> None:
    assert printed.lines_at_end(
        selected=10_000,
        updated=312,
        unchanged=9_688,
        traffic=MetricsReport(requests=10_420, bytes=0, by_host={}),
        finished=NOW + dt.timedelta(seconds=72.9),
    ) == ["10,000 packages, 312 updated, 9,688 unchanged; 10,420 requests in 1 min 12 s"]
    assert count_noun(1, "package") == "1 package"


@pytest.mark.parametrize(
    ("seconds", "duration"),
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
def test_the_summary_says_how_long_the_run_took(
    printed: PrintedProgress, seconds: float, duration: str
) -> None:
    (line,) = printed.lines_at_end(finished=NOW + dt.timedelta(seconds=seconds))
    assert line == f"3 packages, 3 updated; 15 requests{duration}"


def test_the_summary_gives_the_message_of_a_single_failure(printed: PrintedProgress) -> None:
    (line,) = printed.lines_at_end(updated=2, failed=1, failures=failures("a"))
    assert line == (
        "3 packages, 2 updated, 1 failed; 15 requests; failed: a (repo: not_found: gone)"
    )


def test_the_summary_names_a_few_failures(
    printed: PrintedProgress, printed_quiet: PrintedProgress
) -> None:
    report_failures = (*failures("a", "b"), dataclasses.replace(failures("a")[0], source="pypi"))
    for progress in (printed, printed_quiet):
        (line,) = progress.lines_at_end(updated=1, failed=2, failures=report_failures)
        assert line.endswith("; failed: a (repo: not_found, pypi: not_found), b (repo: not_found)")


def test_the_summary_counts_many_failures(printed: PrintedProgress) -> None:
    report_failures = failures(*(f"p{number}" for number in range(2_003)))
    (line,) = printed.lines_at_end(
        selected=2_003, updated=0, failed=2_003, failures=report_failures
    )
    assert line == (
        "2,003 packages, 2,003 failed; 15 requests;"
        " failed: p0 (repo: not_found), p1 (repo: not_found), p2 (repo: not_found)"
        " and 2,000 more (pkgharvest list --failing)"
    )


def test_the_summary_repeats_no_failure_printed_before(printed_verbose: PrintedProgress) -> None:
    (line,) = printed_verbose.lines_at_end(updated=2, failed=1, failures=failures("a"))
    assert line == "3 packages, 2 updated, 1 failed; 15 requests"


def test_the_summary_is_silent_with_quiet_on_success(printed_quiet: PrintedProgress) -> None:
    assert printed_quiet.lines_at_end() == []
    assert printed_quiet.lines_at_end(deferred=1, stopped="request-budget") == [
        "3 packages, 3 updated, 1 left for the next run; 15 requests; the request budget is spent"
    ]


# ── on a terminal ──


class Terminal:
    """The terminal of one process: what the process wrote, and what is on the screen."""

    def __init__(self, shell: CommandLine, *words: str, columns: int = 80) -> None:
        self.output = ""
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, columns))
        self.process = subprocess.Popen(
            shell.argv(*words),
            env={"TERM": "xterm-256color", "PYTHONUTF8": "1", **shell.variables},
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=slave,
            cwd=shell.cwd,
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
        """Read until ``text`` was written."""
        while text not in self.output:
            assert self._read(), f"{text!r} was never written: {self.output!r}"

    def end(self) -> int:
        """Read to the end and return the exit code."""
        while self._read():
            pass
        return self.process.wait(20)

    def _read(self) -> bool:
        try:
            piece = os.read(self._master, 65_536)
        except OSError:  # Linux's end of a pseudo-terminal
            return False
        self.output += piece.decode("utf-8", "replace")
        return bool(piece)

    @property
    def screen(self) -> list[str]:
        """The visible lines, for the few sequences that rich uses; lines do not wrap."""
        lines, row, column = [""], 0, 0
        for sequence, control, text in re.findall(
            r"\x1b\[\??([0-9;]*[A-Za-z])|([\r\n])|([^\x1b\r\n]+)", self.output
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


FETCH_REPOS = ("fetch", "--all", "--source", "repo")


@pytest.mark.parametrize("columns", [120, 80, 60, 40])
def test_the_display_disappears_at_the_end(shell: CommandLine, hosts: Hosts, columns: int) -> None:
    hosts.github.latency = 0.2
    hosts.github._now = lambda: int(time.time())  # or its quota would have been reset already
    hosts.github.fault("r001", Fault(status=404))
    with Terminal(shell, *FETCH_REPOS, columns=columns) as terminal:
        terminal.until("/4")
        terminal.until(" left of ")
        assert terminal.end() == 3
        failure, summary = terminal.screen
        assert failure.startswith("r001: repo: not_found: ")
        assert summary.startswith("4 packages, 3 updated, 1 failed; ")
        assert summary.endswith(" requests")
        cursor = re.findall(r"\x1b\[\?25[lh]", terminal.output)
        assert cursor == ["\x1b[?25l", "\x1b[?25h"]  # hidden while the display is on, then shown
        assert "packages" in terminal.output


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupt_clears_the_display(shell: CommandLine, hosts: Hosts, name: str) -> None:
    hosts.github.fault("r00[123]", Fault(delay=60))
    with Terminal(shell, *FETCH_REPOS) as terminal:
        terminal.until("1/4")
        start = time.monotonic()
        terminal.process.send_signal(signal.Signals[name])
        assert terminal.end() == 130
        assert time.monotonic() - start < 2
        (line,) = terminal.screen
        assert line.startswith("4 packages, 1 updated, 3 left for the next run; ")
        assert line.endswith("; interrupted")
        assert shell.show("r000")["last_fetched"] is not None
        hosts.github.heal()


def test_the_display_shows_a_wait_and_removes_it(shell: CommandLine, hosts: Hosts) -> None:
    pause = Fault(status=429, headers={"retry-after": "1"}, body=b"slow down")
    hosts.github.fault("r00", pause, times=1)
    with Terminal(shell, *FETCH_REPOS) as terminal:
        terminal.until("waiting 0:0")
        assert terminal.end() == 0
        assert "which asks for a pause" in terminal.output
        assert len(terminal.screen) == 1


def test_no_color_in_the_display(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.fault("r001", Fault(status=404))
    shell.variables["NO_COLOR"] = "1"
    with Terminal(shell, *FETCH_REPOS) as terminal:
        assert terminal.end() == 3
        assert not re.search(r"\x1b\[[0-9;]*[34]\d[0-9;]*m", terminal.output)


@pytest.mark.parametrize("variables", [{"PKGHARVEST_NO_PROGRESS": "1"}, {"TERM": "dumb"}])
def test_the_display_can_be_disabled(
    shell: CommandLine, hosts: Hosts, variables: dict[str, str]
) -> None:
    hosts.github.fault("r001", Fault(status=404))
    shell.variables |= variables
    with Terminal(shell, *FETCH_REPOS) as terminal:
        assert terminal.end() == 3
        failure, summary = terminal.screen
        assert failure.startswith("r001: repo: ")
        assert summary.startswith("4 packages, ")
        assert "━" not in terminal.output


def test_quiet_disables_the_display(shell: CommandLine, hosts: Hosts) -> None:
    with Terminal(shell, *FETCH_REPOS, "-q") as terminal:
        assert (terminal.end(), terminal.output) == (0, "")
        hosts.github.fault("r001", Fault(status=404))
    with Terminal(shell, *FETCH_REPOS, "-q") as terminal:
        assert terminal.end() == 3
        assert re.sub(r"\x1b\[\d*m", "", terminal.output).count("\n") == 1
        assert "; failed: r001 (repo: not_found: " in terminal.output


def test_data_is_not_mixed_with_the_display(shell: CommandLine, hosts: Hosts) -> None:
    for words in (("--dry-run",), ("--json",)):
        with Terminal(shell, *FETCH_REPOS, *words) as terminal:
            assert terminal.process.stdout is not None
            out = terminal.process.stdout.read().decode()
            assert terminal.end() == 0
            assert out.startswith("r000  repo\n" if words == ("--dry-run",) else "{\n")
            assert not any("r000" in line for line in terminal.screen)


def test_progress_off_a_terminal_has_no_escape_sequences(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.fault("r001", Fault(status=404))
    result = shell.process(*FETCH_REPOS, "-v")
    assert result.code == 3
    assert "\x1b" not in result.err
    assert "r001: repo: not_found: " in result.err
    shell.variables["FORCE_COLOR"] = "1"
    result = shell.process(*FETCH_REPOS, "--retry-failed")
    assert "\x1b[?25l" not in result.err
    assert "━" not in result.err
