"""What can be wrong with the machine: its disk, its database's other users, its patience."""

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
from tests.support.faults import Place
from tests.support.hosts import Hosts
from tests.support.world import World

pytestmark = pytest.mark.repositories(8)

SLUGS = [f"r{number:03}" for number in range(8)]


def opened(monkeypatch: pytest.MonkeyPatch, pragma: str) -> None:
    """Let ``pragma`` be said on every connection to a catalogue that is to be written."""
    connect = database._connect

    def changed(path: Path, how: str, busy_seconds: float = 30.0) -> sqlite3.Connection:
        conn = connect(path, how, busy_seconds)
        if how.startswith("rw"):
            conn.execute(pragma)
        return conn

    monkeypatch.setattr(database, "_connect", changed)


def done(shell: CommandLine) -> set[str]:
    """Return the packages that were fetched, from both of their sources."""
    query = """
        SELECT slug FROM fetches JOIN packages ON id = package_id
        GROUP BY slug HAVING count(last_success) = 2
    """
    return {slug for (slug,) in shell.rows(query)}


def expect_to_go_on(shell: CommandLine, hosts: Hosts, *, clocked: bool = True) -> None:
    """See that what was committed is whole, and that the next run asks for the rest alone.

    Not ``clocked``: it was a process that committed it, at whatever time the machine has.
    """
    assert shell.ok("db", "check")
    had = done(shell)
    for slug in had:
        record = shell.show(slug, "--full")
        assert record["repo_watchers"] == int(slug[1:])
        assert record["participants"] == ["mona", "hubot"]
        assert len(record["commits_over_52"]) == 52
        assert not clocked or sum(record["commits_over_52"]) == 3
        assert record["pypi_version"] == "1.1"
    hosts.asked()
    shell.ok("fetch", "--all")
    assert done(shell) == set(SLUGS)
    targets = [one.target for one in (*hosts.github.log, *hosts.pypi.log)]
    assert targets
    assert not [target for target in targets if any(slug in target for slug in had)]


# ── a full disk ──────────────────────────────────────────────────────────────────────────


def test_a_full_disk(shell: CommandLine, hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite is given so many pages; with one more it says what it says of a full disk."""
    (pages,) = shell.rows("PRAGMA page_count")[0]
    left = 0
    while not 0 < len(done(shell)) < len(SLUGS):
        with monkeypatch.context() as patched:
            left += 1
            assert left < 50, "some of them fit in no case"
            opened(patched, f"PRAGMA max_page_count = {pages + left}")
            result = shell.run("fetch", "--all", "--json", "--jobs", "1")
            assert result.code == 1
            assert result.out == ""
            assert result.error == f"no space left for {shell.db}"
            assert result.hint == "nothing is lost; free some space and run again"
    expect_to_go_on(shell, hosts)


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
"""Its size, where it is mounted, the catalogue, and the command that fills it; $READ reads it."""


@pytest.mark.parametrize(
    ("room", "some"),
    [
        pytest.param(2**15 + 2**17, True, id="shared memory, and some of the log"),
        pytest.param(2**14, False, id="not even shared memory"),
    ],
)
def test_a_disk_that_is_full_indeed(
    shell: CommandLine, hosts: Hosts, tmp_path: Path, room: int, some: bool
) -> None:
    """A file system of a few pages more than the catalogue, where this user may make one."""
    small = tmp_path / "small"
    small.mkdir()
    size = shell.db.stat().st_size + room
    command = shell.words("fetch", "--all", "--jobs", "1")
    in_a_namespace = ("unshare", "--map-root-user", "--mount")
    where = (str(size), str(small), str(shell.db))
    try:
        ended = subprocess.run(
            (*in_a_namespace, "bash", "-c", SMALL_DISK, "bash", *where, *command),
            env=shell.variables
            | {"OUT": str(shell.db), "READ": " ".join(shell.words("list", "--fields", "slug"))},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    except FileNotFoundError:
        pytest.skip("there is no unshare here")
    if ended.returncode == 77 or ended.stderr.startswith("unshare"):
        pytest.skip("this user can make no file system")
    result = Result(code=ended.returncode, out=ended.stdout, err=ended.stderr)
    assert result.code == 1, result
    assert result.error == f"no space left for {small}/cat.db"
    assert result.out.splitlines() == ["slug", *SLUGS]
    assert result.hint
    assert bool(done(shell)) == some
    assert done(shell) < set(SLUGS)
    expect_to_go_on(shell, hosts, clocked=False)


# ── a locked database ────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def held(
    shell: CommandLine, *, after: int, seconds: float
) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Let another program write, once so many packages were fetched; for ``seconds`` at most.

    The first event is set when it does; set the second, and it does no more.
    """
    begun, over, let_go = threading.Event(), threading.Event(), threading.Event()

    def hold() -> None:
        with contextlib.closing(sqlite3.connect(shell.db, isolation_level=None)) as conn:
            query = "SELECT count(DISTINCT package_id) FROM fetches"
            while conn.execute(query).fetchone()[0] < after and not over.wait(0.001):
                pass
            conn.execute("BEGIN IMMEDIATE")
            begun.set()
            over.wait(seconds)
            conn.execute("COMMIT")
        let_go.set()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        if after == 0:
            assert begun.wait(10)
        yield begun, over
    finally:
        over.set()
        holder.join()
    assert let_go.is_set()


@pytest.mark.parametrize("after", [0, 3])
def test_a_database_that_is_held_for_a_moment(shell: CommandLine, hosts: Hosts, after: int) -> None:
    with held(shell, after=after, seconds=0.3):
        began = time.monotonic()
        shell.ok("fetch", "--all", "--jobs", "1")
        assert time.monotonic() - began > 0.25
    assert done(shell) == set(SLUGS)
    assert sum(hosts.asked()) == 5 * len(SLUGS)


@pytest.mark.parametrize("after", [0, 3])
def test_a_database_that_is_held_too_long(
    shell: CommandLine, hosts: Hosts, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    with monkeypatch.context() as patched, held(shell, after=after, seconds=60):
        patched.setattr(database, "BUSY_SECONDS", 0.3)
        result = shell.run("fetch", "--all", "--json", "--jobs", "1")
        assert result.code == 1
        assert result.out == ""
        assert result.error == f"{shell.db} is in use by another program"
        assert result.hint == "try again when it is done"
        assert after // 2 <= len(done(shell)) < len(SLUGS)
        assert shell.show("r000")["slug"] == "r000"  # who reads is not held up
    expect_to_go_on(shell, hosts)


# ── SIGTERM ──────────────────────────────────────────────────────────────────────────────

HANGS = Fault(delay=1e6)


@pytest.mark.parametrize(
    ("place", "fault", "more"),
    [
        pytest.param("rest", HANGS, (), id="rest"),
        pytest.param("graphql", HANGS, (), id="graphql"),
        pytest.param("pypi", HANGS, (), id="pypi"),
        pytest.param("pypistats", HANGS, (), id="pypistats"),
        pytest.param("rest", Fault(drip=0.5), (), id="a slow drip"),
        pytest.param("pypi", Fault(status=503, headers={"retry-after": "25"}), (), id="back-off"),
        pytest.param(
            "pypi", Fault(status=429, headers={"retry-after": "3600"}), ("--wait",), id="--wait"
        ),
    ],
)
def test_sigterm(tmp_path: Path, place: Place, fault: Fault, more: tuple[str, ...]) -> None:
    """Whatever a run waits for, it is over in two seconds, and what came before is saved."""
    with World() as world:
        shell = CommandLine(tmp_path, world.variables(token=place == "graphql"))
        shell.ok("add", "octo/cat")
        server = world.server(place)
        server.fault("", fault)
        process = shell.start("fetch", "--all", "--json", *more)
        with process:
            until(lambda: server.busy or server.log)
            time.sleep(0.1)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=20)
            took = time.monotonic() - began
        assert process.returncode == 130, err
        assert took < 2
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
    """What it keeps from being saved is given up, and fetched again by the next run."""
    with held(shell, after=after, seconds=20) as (begun, _):
        process = shell.start("fetch", "--all", "--json", "--jobs", "1")
        with process:
            assert begun.wait(20)
            until(shell.db.with_name(f"{shell.db.name}-lock").exists)
            time.sleep(1)
            began = time.monotonic()
            process.send_signal(signal.Signals[name])
            out, err = process.communicate(timeout=20)
            took = time.monotonic() - began
        had = done(shell)
    assert process.returncode == 130, err
    assert took < 2
    assert after // 2 <= len(had) < len(SLUGS)
    report = json.loads(out)
    assert report["stopped"] == "interrupted"
    left = len(SLUGS) - len(had)
    assert report["packages"] == {
        "selected": len(SLUGS),
        "updated": len(had),
        "unchanged": 0,
        "failed": 0,
        "deferred": left,
    }
    assert f"{left} left for the next run; " in err
    assert err.endswith("; interrupted\n")
    assert shell.rows("SELECT finished FROM runs") == [(None,)] * bool(after)
    expect_to_go_on(shell, hosts, clocked=False)


def test_a_time_budget_while_another_program_writes(shell: CommandLine, hosts: Hosts) -> None:
    with held(shell, after=3, seconds=20):
        began = time.monotonic()
        result = shell.run("fetch", "--all", "--jobs", "1", "--time-budget", "2s")
        assert time.monotonic() - began < 4
    assert result.code == 5
    assert 1 <= len(done(shell)) < len(SLUGS)
    expect_to_go_on(shell, hosts)


def test_the_hosts_are_asked_while_another_program_writes(shell: CommandLine, hosts: Hosts) -> None:
    """A save that waits holds up the next one, and nothing else; each is done once, in order."""
    with held(shell, after=1, seconds=20) as (begun, over):
        process = shell.start("fetch", "--all", "--json", "--jobs", "1")
        with process:
            assert begun.wait(20)
            until(lambda: len(hosts.github.log) + len(hosts.pypi.log) == 5 * len(SLUGS))
            assert len(done(shell)) < len(SLUGS)
            over.set()
            out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert json.loads(out)["packages"]["updated"] == len(SLUGS)
    assert done(shell) == set(SLUGS)


def test_what_waited_is_saved_in_order_and_once(
    shell: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = []

    def save(*words: Any) -> results.SaveResult:
        saved.append((words[1].target.slug, words[1].source))
        return really_save(*words)

    really_save = results.save_outcome
    monkeypatch.setattr(results, "save_outcome", save)
    with held(shell, after=2, seconds=1):
        shell.ok("fetch", "--all", "--jobs", "1")
    assert saved == [(slug, source) for slug in SLUGS for source in ("repo", "pypi")]


def until(true: Callable[[], object], seconds: float = 20) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)
