"""Remote git repositories, and the clones that are kept of them."""

import asyncio
import datetime as dt
import os
import shutil
import socket
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from pkgharvest.git.process import GitProcess
from pkgharvest.model.errors import (
    Blocked,
    Gone,
    Malformed,
    NotFound,
    RateLimited,
    SourceError,
    TimedOut,
    Unauthorized,
    Unavailable,
)
from pkgharvest.model.locators import Locator
from pkgharvest.sources.git import GitLimits, GitSource
from tests.support.git_bench import NOON, TODAY, Bench, chain, commit, local, target
from tests.support.git_server import PAGES
from tests.support.histories import git


def test_a_clone_is_bare_and_holds_only_commits(bench: Bench) -> None:
    path = bench.make()
    oids = chain(path, 3)
    assert bench.activity(bench.remote()).head == oids[-1]
    clone = bench.clone()
    assert git(clone, "rev-parse", "--is-bare-repository") == "true"
    objects = git(clone, "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)")
    assert set(objects.split()) == {"commit"}
    assert bench.server.locator("x").url not in (clone / "config").read_text("utf-8")


def test_an_unchanged_remote_takes_one_request(bench: Bench) -> None:
    path = bench.make()
    oids = chain(path, 2)
    first = bench.read(bench.remote())
    assert bench.spy.networked == ["ls-remote", "fetch"]
    assert bench.read(bench.remote()) == first
    assert bench.spy.networked == ["ls-remote", "fetch", "ls-remote"]
    commit(path, parents=(oids[-1],), at=NOON + 99_999)
    assert bench.activity(bench.remote()).commit_count == 3
    assert bench.spy.networked[3:] == ["ls-remote", "fetch"]


def test_a_renamed_branch_is_followed(bench: Bench) -> None:
    path = bench.make()
    oids = chain(path, 2)
    bench.read(bench.remote())
    for branch in ("main/new", "main"):
        (path / "refs/heads/main").unlink() if branch != "main" else shutil.rmtree(
            path / "refs/heads/main"
        )
        oids.append(commit(path, branch=branch, parents=(oids[-1],), at=NOON + len(oids)))
        (path / "HEAD").write_text(f"ref: refs/heads/{branch}\n", encoding="utf-8")
        activity = bench.activity(bench.remote())
        assert (activity.head, activity.default_branch) == (oids[-1], branch)
        assert activity.commit_count == len(oids)


def test_a_rewritten_history_is_read(bench: Bench) -> None:
    path = bench.make()
    oids = chain(path, 5)
    bench.read(bench.remote())
    commit(path, parents=(oids[1],), at=NOON + 7)
    assert bench.activity(bench.remote()).commit_count == 3
    (path / "refs/heads/main").write_text(oids[0] + "\n", encoding="utf-8")
    assert bench.activity(bench.remote()).commit_count == 1


@pytest.mark.parametrize("remote", [False, True])
def test_a_detached_remote_head_is_read(remote: bool, bench: Bench) -> None:
    path = bench.make()
    oids = chain(path, 3)
    (path / "HEAD").write_text(oids[1] + "\n", encoding="utf-8")
    activity = bench.activity(bench.remote() if remote else local(path))
    assert (activity.head, activity.default_branch) == (oids[1], None)
    assert activity.commit_count == 2


def test_a_server_without_filters_sends_a_full_clone(bench: Bench) -> None:
    path = bench.make()
    chain(path, 3)
    git(path, "config", "uploadpack.allowFilter", "false")
    assert bench.activity(bench.remote()).commit_count == 3


@pytest.mark.parametrize("remote", [False, True])
def test_a_sha256_repository_is_read(remote: bool, bench: Bench) -> None:
    path = bench.make("x.git", "--object-format=sha256")
    oids = chain(path, 3)
    activity = bench.activity(bench.remote() if remote else local(path))
    assert activity.head == oids[-1]
    assert len(oids[-1]) == 64
    assert activity.commit_count == 3


def test_a_repository_recreated_with_another_hash_is_read(bench: Bench) -> None:
    chain(bench.make(), 2)
    bench.read(bench.remote())
    shutil.rmtree(bench.served / "x.git")
    chain(bench.make("x.git", "--object-format=sha256"), 3)
    assert bench.activity(bench.remote()).commit_count == 3


def test_packs_are_combined_when_there_are_too_many(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pkgharvest.sources.git._MAX_PACKS", 2)
    path = bench.make()
    oids = chain(path, 2)
    for number in range(3):
        bench.read(bench.remote())
        oids.append(commit(path, parents=(oids[-1],), at=NOON + number))
    assert bench.activity(bench.remote()).commit_count == 5
    assert len(list(bench.clone().glob("objects/pack/*.pack"))) <= 2


@pytest.mark.parametrize(
    "left", ["shallow.lock", "HEAD.lock", "config.lock", "refs/heads/default.lock"]
)
def test_lock_files_of_a_killed_git_do_not_block(left: str, bench: Bench) -> None:
    path = bench.make()
    oids = chain(path, 2)
    bench.read(bench.remote())
    (bench.clone() / left).touch()
    commit(path, parents=(oids[-1],), at=NOON + 99_999)
    assert bench.activity(bench.remote()).commit_count == 3
    assert not (bench.clone() / left).exists()


@pytest.mark.parametrize(
    ("damage", "new_commit"),
    [
        ("pack", False),
        ("pack", True),
        ("HEAD", False),
        ("config", False),
        ("objects", True),
        ("ref", False),
        ("garbage", True),
        ("a file", False),
    ],
)
def test_a_damaged_clone_is_replaced(damage: str, new_commit: bool, bench: Bench) -> None:
    path = bench.make()
    oids = chain(path, 5)
    bench.read(bench.remote())
    clone = bench.clone()
    match damage:
        case "pack":
            pack = next(clone.glob("objects/pack/*.pack"))
            pack.chmod(0o644)
            pack.write_bytes(pack.read_bytes()[:20])
        case "objects":
            shutil.rmtree(clone / "objects")
        case "ref":
            (clone / "refs/heads/default").unlink()
        case "garbage":
            (clone / "refs/heads/default").write_text("garbage\n", encoding="utf-8")
        case "a file":
            shutil.rmtree(clone)
            clone.write_text("x", encoding="utf-8")
        case name:
            (clone / name).write_text("\0[[[", encoding="utf-8")
    if new_commit:
        commit(path, parents=(oids[-1],), at=NOON + 99_999)
    assert bench.activity(bench.remote()).commit_count == 5 + new_commit


def test_a_fetch_killed_at_any_instant_is_repaired_by_the_next(bench: Bench) -> None:
    path = bench.make()
    oids = chain(path, 3)

    async def cut_short(seconds: float) -> None:
        task = asyncio.create_task(bench.git.read(target(bench.remote()), TODAY))
        await asyncio.wait({task}, timeout=seconds)
        task.cancel()
        await asyncio.wait({task})

    for number in range(12):
        if number == 6:
            shutil.rmtree(bench.clone(), ignore_errors=True)
        oids.append(commit(path, parents=(oids[-1],), at=NOON + number))
        asyncio.run(cut_short(0.004 * (number % 6)))
    assert bench.activity(bench.remote()).commit_count == 15


def test_a_missing_remote_is_not_found(bench: Bench) -> None:
    with pytest.raises(NotFound, match="not found, or private"):
        bench.read(bench.remote("nothing.git"))
    assert not bench.clones.directory.exists()


def test_a_remote_that_vanished_keeps_its_clone(bench: Bench) -> None:
    chain(bench.make(), 1)
    bench.read(bench.remote())
    (bench.served / "x.git").rename(bench.served / "y.git")
    with pytest.raises(NotFound):
        bench.read(bench.remote())
    assert bench.clone().exists()


def test_a_host_that_does_not_respond_is_unavailable(bench: Bench) -> None:
    closed = Locator(scheme="git", host="127.0.0.1", port=1, path="x.git")
    with pytest.raises(Unavailable, match="cannot be reached"):
        bench.read(closed)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, NotFound),
        (403, Unauthorized),
        (404, NotFound),
        (410, Gone),
        (429, RateLimited),
        (451, Blocked),
        (503, Unavailable),
    ],
)
def test_statuses_of_a_git_host_become_errors(
    status: int, error: type[SourceError], bench: Bench
) -> None:
    with pytest.raises(error):
        bench.read(bench.server.locator(f"status/{status}/x.git"))
    assert bench.spy.networked == ["ls-remote"]


@pytest.mark.parametrize("page", PAGES)
def test_a_web_page_is_not_an_empty_repository(page: str, bench: Bench) -> None:
    error = Unavailable if page == "advertisement" else Malformed
    with pytest.raises(error):
        bench.read(bench.server.locator(f"page/{page}/x.git"))


def test_an_empty_repository_on_an_old_server_is_empty(bench: Bench) -> None:
    bench.make()
    old = replace(bench.remote(), path=f"old/{bench.remote().path}")
    assert bench.read(old).status == "empty"


def test_an_empty_repository_on_a_git_daemon_is_empty(bench: Bench) -> None:
    bench.make()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        port = server.getsockname()[1]
        daemon = threading.Thread(target=_serve_twice, args=(server, bench.served))
        daemon.start()
        locator = Locator(scheme="git", host="127.0.0.1", port=port, path="x.git")
        assert bench.read(locator).status == "empty"
        daemon.join()


def _serve_twice(server: socket.socket, directory: Path) -> None:
    """Serve ``directory`` with a git daemon for two connections, as inetd would."""
    options = ("--inetd", "--export-all", f"--base-path={directory}")
    for _ in range(2):
        connection, _ = server.accept()
        client_socket = connection.fileno()
        with connection:
            subprocess.run(
                ("git", "daemon", *options), stdin=client_socket, stdout=client_socket, check=False
            )


def test_a_remote_that_lost_its_commits_is_malformed(bench: Bench) -> None:
    bench.make()
    known = replace(target(bench.remote()), head="a" * 40)
    with pytest.raises(Malformed, match="no longer has any commits"):
        asyncio.run(bench.git.read(known, TODAY))
    # Before the first commit, an empty activity is correct.
    oids = chain(bench.make("y.git"), 1)
    known = replace(target(bench.remote("y.git")), head=oids[0])
    early = dt.datetime.fromtimestamp(NOON - 1, dt.UTC)
    assert asyncio.run(bench.git.history_at(known, early)).head is None


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ("machine 127.0.0.1 login me password s3cret\n", Unauthorized),
        ("default login me password s3cret\n", Unauthorized),
        ("machine example.org login me password s3cret\n", NotFound),
        ("machine\n", NotFound),
        (None, NotFound),
    ],
)
def test_a_rejected_password_is_unauthorized(
    entry: str | None, error: type[SourceError], bench: Bench, tmp_path: Path
) -> None:
    if entry is not None:
        (tmp_path / ".netrc").write_text(entry, encoding="utf-8")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    signed_in = GitSource(GitProcess(environ), bench.clones)
    with pytest.raises(error) as caught:
        asyncio.run(signed_in.read(target(bench.server.locator("status/401/x.git")), TODAY))
    assert "s3cret" not in caught.value.message


def test_a_redirect_of_a_remote_is_followed(bench: Bench) -> None:
    chain(bench.make(), 2)
    moved = replace(bench.remote(), path=f"moved/{bench.remote().path}")
    assert bench.activity(moved).commit_count == 2


def test_a_clone_that_is_too_large_is_removed(bench: Bench) -> None:
    chain(bench.make(), 50)
    small = GitSource(bench.spy, bench.clones, limits=GitLimits(max_clone_bytes=1000))
    with pytest.raises(Malformed, match="too large"):
        asyncio.run(small.read(target(bench.remote()), TODAY))
    assert not bench.clone().exists()


def test_a_git_command_times_out(bench: Bench) -> None:
    chain(bench.make(), 5)
    hurried = GitSource(bench.spy, bench.clones, limits=GitLimits(probe_seconds=0.0001))
    with pytest.raises(TimedOut):
        asyncio.run(hurried.read(target(bench.remote()), TODAY))
