"""Faults of the machine: a full disk, a database in use, signals."""

import contextlib
import json
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pkgharvest.catalog import database, results
from tests.standins.server import Fault
from tests.support.command_line import CommandLine, Result
from tests.support.faults import FaultPoint
from tests.support.hosts import Hosts
from tests.support.world import World

pytestmark = pytest.mark.repositories(8)

SLUGS = [f"r{number:03}" for number in range(8)]


def add_pragma(monkeypatch: pytest.MonkeyPatch, pragma: str) -> None:
    """Run ``pragma`` on every new connection that writes to a catalog."""
    connect = database._connect

    def connect_with_pragma(
        path: Path, mode: str, busy_seconds: float = 30.0
    ) -> sqlite3.Connection:
        conn = connect(path, mode, busy_seconds)
        if mode.startswith("rw"):
            conn.execute(pragma)
        return conn

    monkeypatch.setattr(database, "_connect", connect_with_pragma)


def fetched_packages(shell: CommandLine) -> set[str]:
    """Return the packages that were fetched from both sources."""
    query = """
        SELECT slug FROM fetches JOIN packages ON id = package_id
        GROUP BY slug HAVING count(last_success) = 2
    """
    return {slug for (slug,) in shell.rows(query)}


def assert_next_run_continues(shell: CommandLine, hosts: Hosts, *, clocked: bool = True) -> None:
    """Assert that saved packages are complete and that the next run fetches only the rest.

    Pass ``clocked=False`` when a process saved them, with the time of the machine.
    """
    assert shell.ok("db", "check")
    saved = fetched_packages(shell)
    for slug in saved:
        record = shell.show(slug, "--full")
        assert record["repo_watchers"] == int(slug[1:])
        assert record["participants"] == ["mona", "hubot"]
        assert len(record["commits_over_52"]) == 52
        assert not clocked or sum(record["commits_over_52"]) == 3
        assert record["pypi_version"] == "1.1"
    hosts.request_counts()
    shell.ok("fetch", "--all")
    assert fetched_packages(shell) == set(SLUGS)
    targets = [request.target for request in (*hosts.github.log, *hosts.pypi.log)]
    assert targets
    assert not [target for target in targets if any(slug in target for slug in saved)]


# ── a full disk ──────────────────────────────────────────────────────────────────────────


def test_a_full_disk(shell: CommandLine, hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite reports a database that reached its maximum size like a full disk."""
    (pages,) = shell.rows("PRAGMA page_count")[0]
    extra_pages = 0
    while not 0 < len(fetched_packages(shell)) < len(SLUGS):
        with monkeypatch.context() as patched:
            extra_pages += 1
            assert extra_pages < 50, "some of them fit in no case"
            add_pragma(patched, f"PRAGMA max_page_count = {pages + extra_pages}")
            result = shell.run("fetch", "--all", "--json", "--jobs", "1")
            assert result.code == 1
            assert result.out == ""
            assert result.error == f"no space left for {shell.db}"
            assert result.hint == "nothing is lost; free some space and run again"
    assert_next_run_continues(shell, hosts)


SMALL_DISK = """
mount -t tmpfs -o size="$1" small "$2" || exit 77
cp "$3" "$2/cat.db" && cd "$2" || exit 77
shift 3
"$@" --db "$PWD/cat.db"; code=$?
for suffix in "" -wal; do
    if [ -e "cat.db$suffix" ]; then cp "cat.db$suffix" "$OUT$suffix"; fi
done
$READ --db "$PWD/cat.db"
exit $code
"""
"""Arguments: size, mount point, catalog, and the command that fills it; $READ reads it after."""


@pytest.mark.parametrize(
    ("free_bytes", "saves_some"),
    [
        pytest.param(2**15 + 2**17, True, id="room for some of the log"),
        pytest.param(2**14, False, id="no room for shared memory"),
    ],
)
def test_a_full_file_system(
    shell: CommandLine, hosts: Hosts, tmp_path: Path, free_bytes: int, saves_some: bool
) -> None:
    """A file system a few pages larger than the catalog, where this user may mount one."""
    mount_point = tmp_path / "small"
    mount_point.mkdir()
    size = shell.db.stat().st_size + free_bytes
    command = shell.argv("fetch", "--all", "--jobs", "1")
    unshare = ("unshare", "--map-root-user", "--mount")
    script_arguments = (str(size), str(mount_point), str(shell.db))
    try:
        process = subprocess.run(
            (*unshare, "bash", "-c", SMALL_DISK, "bash", *script_arguments, *command),
            env=shell.variables
            | {"OUT": str(shell.db), "READ": " ".join(shell.argv("list", "--fields", "slug"))},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    except FileNotFoundError:
        pytest.skip("there is no unshare here")
    if process.returncode == 77 or process.stderr.startswith("unshare"):
        pytest.skip("this user can make no file system")
    result = Result(code=process.returncode, out=process.stdout, err=process.stderr)
    assert result.code == 1, result
    assert result.error == f"no space left for {mount_point}/cat.db"
    assert result.out.splitlines() == ["slug", *SLUGS]
    assert result.hint
    assert bool(fetched_packages(shell)) == saves_some
    assert fetched_packages(shell) < set(SLUGS)
    assert_next_run_continues(shell, hosts, clocked=False)


# ── a locked database ────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def write_lock(
    shell: CommandLine, *, after: int, seconds: float
) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Hold a write lock once ``after`` packages were fetched, for at most ``seconds``.

    The first event is set when the lock is taken; set the second to release it.
    """
    locked, release, released = threading.Event(), threading.Event(), threading.Event()

    def hold() -> None:
        with contextlib.closing(sqlite3.connect(shell.db, isolation_level=None)) as conn:
            query = "SELECT count(DISTINCT package_id) FROM fetches"
            while conn.execute(query).fetchone()[0] < after and not release.wait(0.001):
                pass
            conn.execute("BEGIN IMMEDIATE")
            locked.set()
            release.wait(seconds)
            conn.execute("COMMIT")
        released.set()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        if after == 0:
            assert locked.wait(10)
        yield locked, release
    finally:
        release.set()
        holder.join()
    assert released.is_set()


@pytest.mark.parametrize("after", [0, 3])
def test_a_short_database_lock_delays_a_fetch(shell: CommandLine, hosts: Hosts, after: int) -> None:
    with write_lock(shell, after=after, seconds=0.3):
        start = time.monotonic()
        shell.ok("fetch", "--all", "--jobs", "1")
        assert time.monotonic() - start > 0.25
    assert fetched_packages(shell) == set(SLUGS)
    assert sum(hosts.request_counts()) == 5 * len(SLUGS)


@pytest.mark.parametrize("after", [0, 3])
def test_a_long_database_lock_stops_a_fetch(
    shell: CommandLine, hosts: Hosts, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    with monkeypatch.context() as patched, write_lock(shell, after=after, seconds=60):
        patched.setattr(database, "BUSY_SECONDS", 0.3)
        result = shell.run("fetch", "--all", "--json", "--jobs", "1")
        assert result.code == 1
        assert result.out == ""
        assert result.error == f"{shell.db} is in use by another program"
        assert result.hint == "try again when it is done"
        assert after // 2 <= len(fetched_packages(shell)) < len(SLUGS)
        assert shell.show("r000")["slug"] == "r000"  # readers are not blocked
    assert_next_run_continues(shell, hosts)


# ── SIGTERM ──────────────────────────────────────────────────────────────────────────────

HANGING = Fault(delay=1e6)


@pytest.mark.parametrize(
    ("point", "fault", "more"),
    [
        pytest.param("rest", HANGING, (), id="rest"),
        pytest.param("graphql", HANGING, (), id="graphql"),
        pytest.param("pypi", HANGING, (), id="pypi"),
        pytest.param("pypistats", HANGING, (), id="pypistats"),
        pytest.param("rest", Fault(drip=0.5), (), id="slow body"),
        pytest.param("pypi", Fault(status=503, headers={"retry-after": "25"}), (), id="backoff"),
        pytest.param(
            "pypi", Fault(status=429, headers={"retry-after": "3600"}), ("--wait",), id="--wait"
        ),
    ],
)
def test_sigterm_ends_every_wait(
    tmp_path: Path, point: FaultPoint, fault: Fault, more: tuple[str, ...]
) -> None:
    """A run ends within two seconds, whatever it waits for, and saves what it has."""
    with World() as world:
        shell = CommandLine(tmp_path, world.variables(token=point == "graphql"))
        shell.ok("add", "octo/cat")
        server = world.server(point)
        server.fault("", fault)
        process = shell.start("fetch", "--all", "--json", *more)
        with process:
            wait_until(lambda: server.busy or server.log)
            time.sleep(0.1)
            start = time.monotonic()
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=20)
            elapsed = time.monotonic() - start
        assert process.returncode == 130, err
        assert elapsed < 2
        assert '"stopped": "interrupted"' in out
        assert err.endswith("; interrupted\n")
        assert "Traceback" not in err
        record = shell.show("cat")
        assert record["repo_watchers"] == (0 if server is world.github else 72)
        assert record["pypi_version"] == ("1.1" if server is world.pypistats else None)
        shell.ok("db", "check")
        world.heal()
        shell.ok("fetch", "--all")
        assert shell.show("cat")["participants"] == ["mona"]
        assert shell.show("cat")["pypi_version"] == "1.1"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("after", [0, 3])
def test_a_signal_while_another_program_writes(
    shell: CommandLine, hosts: Hosts, after: int, name: str
) -> None:
    """Unsaved results are dropped, and the next run fetches them again."""
    with write_lock(shell, after=after, seconds=20) as (locked, _):
        process = shell.start("fetch", "--all", "--json", "--jobs", "1")
        with process:
            assert locked.wait(20)
            wait_until(shell.db.with_name(f"{shell.db.name}-lock").exists)
            time.sleep(1)
            start = time.monotonic()
            process.send_signal(signal.Signals[name])
            out, err = process.communicate(timeout=20)
            elapsed = time.monotonic() - start
        saved = fetched_packages(shell)
    assert process.returncode == 130, err
    assert elapsed < 2
    assert after // 2 <= len(saved) < len(SLUGS)
    report = json.loads(out)
    assert report["stopped"] == "interrupted"
    remaining = len(SLUGS) - len(saved)
    assert report["packages"] == {
        "selected": len(SLUGS),
        "updated": len(saved),
        "unchanged": 0,
        "failed": 0,
        "deferred": remaining,
    }
    assert f"{remaining} left for the next run; " in err
    assert err.endswith("; interrupted\n")
    assert shell.rows("SELECT finished FROM runs") == [(None,)] * bool(after)
    assert_next_run_continues(shell, hosts, clocked=False)


def test_a_time_budget_while_another_program_writes(shell: CommandLine, hosts: Hosts) -> None:
    with write_lock(shell, after=3, seconds=20):
        start = time.monotonic()
        result = shell.run("fetch", "--all", "--jobs", "1", "--time-budget", "2s")
        assert time.monotonic() - start < 4
    assert result.code == 5
    assert 1 <= len(fetched_packages(shell)) < len(SLUGS)
    assert_next_run_continues(shell, hosts)


def test_requests_continue_while_another_program_writes(shell: CommandLine, hosts: Hosts) -> None:
    """A waiting save delays later saves only; each is done once, in order."""
    with write_lock(shell, after=1, seconds=20) as (locked, release):
        process = shell.start("fetch", "--all", "--json", "--jobs", "1")
        with process:
            assert locked.wait(20)
            wait_until(lambda: len(hosts.github.log) + len(hosts.pypi.log) == 5 * len(SLUGS))
            assert len(fetched_packages(shell)) < len(SLUGS)
            release.set()
            out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert json.loads(out)["packages"]["updated"] == len(SLUGS)
    assert fetched_packages(shell) == set(SLUGS)


def test_delayed_results_are_saved_in_order_and_once(
    shell: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = []

    def record_and_save(*arguments: Any) -> results.SaveResult:
        saved.append((arguments[1].target.slug, arguments[1].source))
        return save_outcome(*arguments)

    save_outcome = results.save_outcome
    monkeypatch.setattr(results, "save_outcome", record_and_save)
    with write_lock(shell, after=2, seconds=1):
        shell.ok("fetch", "--all", "--jobs", "1")
    assert saved == [(slug, source) for slug in SLUGS for source in ("repo", "pypi")]


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until ``condition`` returns something true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)
