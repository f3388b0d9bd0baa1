"""``pkgharvest fetch`` in its own process: locked out, interrupted, its output closed."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.standins.server import Fault
from tests.support.command_line import CommandLine
from tests.support.hosts import Hosts

pytestmark = pytest.mark.repositories(4)


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until ``true`` returns something true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)


# ── the lock ──


def test_a_lock_stops_a_second_fetch(shell: CommandLine, hosts: Hosts) -> None:
    with shell.locked():
        before = shell.db.read_bytes()
        for more in ((), ("--json",), ("--dry-run",)):
            result = shell.run("fetch", "--all", *more)
            assert result.code == (0 if more == ("--dry-run",) else 6)
        result = shell.run("fetch", "--all", "--json")
        assert result.out == ""
        assert result.error.startswith("another fetch is at work on ")
        assert hosts.request_counts() == (0, 0)
        assert shell.db.read_bytes() == before
        assert shell.show("r001")["slug"] == "r001"  # readers are never blocked
        shell.ok("add", "octo/new")


def test_a_lock_holds_through_a_symbolic_link(shell: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(shell.db)
    with shell.locked():
        assert shell.run("fetch", "--all", "--db", str(tmp_path / "link.db")).code == 6


def test_a_lock_ends_with_its_process(shell: CommandLine) -> None:
    with shell.locked() as holder:
        holder.kill()
        holder.wait()
        assert shell.run("fetch", "--all").code == 0


# ── interrupts ──


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupt_saves_what_was_fetched(shell: CommandLine, hosts: Hosts, name: str) -> None:
    hosts.github.fault("r00[123]", Fault(delay=60))
    process = shell.start("fetch", "--all", "--json")
    with process:
        wait_until(lambda: shell.rows("SELECT 1 FROM fetches WHERE source = 'pypi'"))
        start = time.monotonic()
        process.send_signal(signal.Signals[name])
        out, err = process.communicate(timeout=20)
        elapsed = time.monotonic() - start
    assert process.returncode == 130, err
    assert elapsed < 2
    assert '"stopped": "interrupted"' in out
    assert err.endswith("3 left for the next run; 8 requests; interrupted\n")
    assert "Traceback" not in err
    assert shell.show("r000")["pypi_version"] == "1.1"
    hosts.github.heal()
    hosts.request_counts()
    shell.ok("fetch", "--all")
    assert not [request for request in hosts.github.log if "r000" in request.target]
    assert shell.show("r003")["repo_watchers"] == 3


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_the_parent_ignores_does_not_stop_a_fetch(
    shell: CommandLine, hosts: Hosts, name: str
) -> None:
    hosts.github.latency = 0.2
    command = (
        "bash",
        "-c",
        f"trap '' {name[3:]}; exec \"$@\"",
        "bash",
        *shell.argv("fetch", "--all"),
    )
    process = subprocess.Popen(command, env=shell.variables, stderr=subprocess.PIPE, text=True)
    with process:
        wait_until(lambda: hosts.github.log)
        process.send_signal(signal.Signals[name])
        _, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert err == "4 packages, 4 updated; 20 requests\n"


def test_an_interrupt_while_git_is_running(shell: CommandLine, hosts: Hosts) -> None:
    shell.ok("add", hosts.github.url.replace("http", "git+http") + "/slow.git")
    hosts.github.fault("/slow", Fault(delay=60))
    process = shell.start("fetch", "slow")
    with process:
        wait_until(lambda: hosts.github.busiest)
        time.sleep(0.05)
        start = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert time.monotonic() - start < 2


HANGING_LOOKUP = """
import socket, sys, time
def never(*words, **names):
    print("looking", file=sys.stderr, flush=True)
    time.sleep(30)
socket.getaddrinfo = never
from pkgharvest.cli.main import run
run(sys.argv[1:])
"""


def test_an_interrupt_during_a_dns_lookup(shell: CommandLine) -> None:
    process = subprocess.Popen(
        (sys.executable, "-c", HANGING_LOOKUP, "fetch", "r000", "--source", "repo"),
        env={**shell.variables, "GITHUB_API_URL": "http://slow.invalid"},
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stderr is not None
        assert process.stderr.readline() == "looking\n"
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert time.monotonic() - start < 2
    assert err == "1 package, 1 left for the next run; 1 request; interrupted\n"


def test_an_interrupt_writes_the_recording_so_far(shell: CommandLine, hosts: Hosts) -> None:
    hosts.github.fault("r00[123]", Fault(delay=60))
    process = shell.start("fetch", "--all", "--record", "run.har")
    with process:
        wait_until(lambda: shell.rows("SELECT 1 FROM fetches WHERE source = 'pypi'"))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 130
    fresh = CommandLine(shell.cwd.parent / "fresh")
    fresh.ok("add", "octo/r000")
    fresh.ok("fetch", "r000", "--replay", str(shell.cwd / "run.har"))
    assert fresh.show("r000")["pypi_version"] == "1.1"


def wait_until_process_reads(process: "subprocess.Popen[str]") -> None:
    """Write more than a pipe holds, and give the process a moment to read the rest."""
    assert process.stdin is not None
    process.stdin.write("# a comment\n" * 100_000)
    time.sleep(0.2)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupt_outside_a_fetch(shell: CommandLine, name: str) -> None:
    process = subprocess.Popen(
        shell.argv("add", "-"),
        env=shell.variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        wait_until_process_reads(process)
        process.send_signal(signal.Signals[name])
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err == "error: interrupted\n"


def test_an_interrupt_on_a_terminal_starts_a_new_line(shell: CommandLine) -> None:
    """The terminal has already echoed ^C on the current line."""
    master, slave = pty.openpty()
    try:
        process = subprocess.Popen(
            shell.argv("add", "-"),
            env=shell.variables,
            stdin=subprocess.PIPE,
            stderr=slave,
            text=True,
        )
        with process:
            wait_until_process_reads(process)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) == 130
        assert os.read(master, 1000) == b"\r\nerror: interrupted\r\n"
    finally:
        os.close(master)
        os.close(slave)


# ── closed pipes ──


def test_output_into_a_closed_pipe(shell: CommandLine) -> None:
    lines = [f"('x{number:05}', 'x', '', '', '')" for number in range(3_000)]
    shell.write(
        "INSERT INTO packages (slug, title, created, modified, repo_description) SELECT"
        " slug, 'x', '2026-02-15T00:00:00.000000Z', '2026-02-15T00:00:00.000000Z', ''"
        " FROM (SELECT 'x' || value AS slug FROM json_each("
        f"'[{','.join(map(str, range(len(lines))))}]'))"
    )
    for command, first in (
        ("list", "package"),
        ("list --json", "["),
        ("list --format csv", "category,"),
        ("list --fields slug,title", "slug"),
        ("--help", "Usage: "),
        ("show r000 r001", "╭"),
        ("completion bash", ""),
        ("db check", str(shell.db)),
    ):
        result = shell.shell(f"pkgharvest {command} | head -1")
        assert result.err == "", command
        assert result.out.startswith(first), command
        assert result.out.count("\n") == 1, command


def test_output_into_a_pipe_closed_from_the_start(shell: CommandLine) -> None:
    result = shell.shell("pkgharvest fetch --all --json | true")
    assert "Traceback" not in result.err
    assert "Broken" not in result.err
    assert shell.show("r003")["repo_watchers"] == 3


def test_messages_into_a_closed_pipe(shell: CommandLine) -> None:
    result = shell.shell("pkgharvest fetch --all -v 2>&1 | head -1")
    assert result.out.count("\n") == 1
    assert "Traceback" not in result.out + result.err
    assert shell.run("db", "check").code == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("command", ["--help", "list --json", "show r000", "db path"])
def test_output_to_a_full_device(shell: CommandLine, command: str) -> None:
    result = shell.shell(f"pkgharvest {command} > /dev/full")
    assert result.code == 1
    assert result.error == "no space left on device"


# ── progress on a terminal ──


@pytest.mark.parametrize("progress", [True, False])
def test_progress_on_a_terminal(shell: CommandLine, hosts: Hosts, progress: bool) -> None:
    hosts.github.latency = 0.1
    shell.variables["TERM"] = "xterm"
    if not progress:
        shell.variables["PKGHARVEST_NO_PROGRESS"] = "1"
    master, slave = pty.openpty()
    try:
        result = subprocess.run(
            shell.argv("fetch", "--all"),
            env=shell.variables,
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=slave,
            check=True,
            timeout=30,
        )
        output = os.read(master, 100_000).decode()
    finally:
        os.close(master)
        os.close(slave)
    assert result.stdout == b""
    assert ("/4 " in output) is progress
    assert "4 packages, 4 updated; 20 requests" in output
