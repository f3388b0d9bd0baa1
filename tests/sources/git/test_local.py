"""Local git repositories, read in place."""

import asyncio
import datetime as dt
import shutil
from pathlib import Path

import pytest

from pkgharvest.model.errors import Malformed, NotFound, Unavailable
from pkgharvest.sources.git import GitSource
from tests.support.git_bench import NOON, TODAY, Bench, Spy, chain, commit, local, snapshot, target
from tests.support.histories import git


def test_a_bare_repository_is_read_in_place(bench: Bench) -> None:
    path = bench.make()
    oids = chain(path, 30)
    before = snapshot(path)
    result = bench.read(local(path))
    activity = result.activity
    assert activity is not None
    assert activity.head == oids[-1]
    assert activity.commit_count == 30
    assert activity.default_branch == "main"
    assert activity.since is None
    assert activity.committed_at == dt.datetime.fromtimestamp(NOON + 29 * 3600, dt.UTC)
    assert list(activity.days.values()) == [22, 8]
    assert result.status == "active"
    assert snapshot(path) == before
    assert not bench.clones.directory.exists()


def test_a_working_tree_is_read_in_place(bench: Bench, tmp_path: Path) -> None:
    chain(bench.make(), 3)
    git(tmp_path, "clone", "-q", str(bench.served / "x.git"), "work")
    (tmp_path / "work" / "new").touch()
    before = snapshot(tmp_path / "work")
    assert bench.activity(local(tmp_path / "work")).commit_count == 3
    assert snapshot(tmp_path / "work") == before
    (tmp_path / "link").symlink_to(tmp_path / "work")
    assert bench.activity(local(tmp_path / "link")).commit_count == 3


def test_history_does_not_set_the_status(bench: Bench) -> None:
    chain(bench.make(), 1)
    where = target(local(bench.served / "x.git"))
    result = asyncio.run(bench.git.history(where, TODAY))
    assert result.status is None
    assert result.repository is None
    assert result.activity is not None
    assert result.contributors is not None


@pytest.mark.parametrize("remote", [False, True])
def test_a_repository_without_commits_is_empty(remote: bool, bench: Bench) -> None:
    path = bench.make()
    result = bench.read(bench.remote() if remote else local(path))
    activity = result.activity
    assert activity is not None
    assert (activity.head, activity.committed_at, activity.commit_count) == (None, None, 0)
    assert (activity.days, activity.since, result.contributors) == ({}, None, ())
    assert activity.default_branch == (None if remote else "main")
    assert result.status == "empty"
    assert not bench.clones.directory.exists()


@pytest.mark.parametrize("remote", [False, True])
def test_a_head_on_a_missing_branch_is_not_an_empty_repository(remote: bool, bench: Bench) -> None:
    path = bench.make()
    chain(path, 2, "other")
    chain(path, 3, "another")
    with pytest.raises(Malformed, match="HEAD is on a branch without commits"):
        bench.read(bench.remote() if remote else local(path))


@pytest.mark.parametrize("remote", [False, True])
def test_the_only_branch_is_the_default_wherever_head_points(remote: bool, bench: Bench) -> None:
    path = bench.make()
    chain(path, 2, "feature/other")
    activity = bench.read(bench.remote() if remote else local(path)).activity
    assert activity is not None
    assert (activity.commit_count, activity.default_branch) == (2, "feature/other")


@pytest.mark.parametrize("remote", [False, True])
@pytest.mark.parametrize("content", ["", "garbage\n"])
def test_a_broken_head_is_not_an_empty_repository(remote: bool, content: str, bench: Bench) -> None:
    path = bench.make()
    chain(path, 2)
    (path / "refs/heads/main").write_text(content, encoding="utf-8")
    with pytest.raises(Malformed):
        bench.read(bench.remote() if remote else local(path))


def test_a_directory_that_is_not_a_repository_is_an_error(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "plain").mkdir()
    for name, words in {
        "nothing": "does not exist",
        "file": "is not a directory",
        "file/x": "does not exist",
        "plain": "is not a git repository",
    }.items():
        with pytest.raises(NotFound, match=words):
            bench.read(local(tmp_path / name))
    with pytest.raises(NotFound, match="no repository"):
        asyncio.run(bench.git.read(target(None), TODAY))


def test_a_directory_inside_a_repository_is_not_a_repository(bench: Bench, tmp_path: Path) -> None:
    chain(bench.make(), 1)
    git(tmp_path, "clone", "-q", str(bench.served / "x.git"), "work")
    (tmp_path / "work" / "inside").mkdir()
    with pytest.raises(NotFound, match="is not a git repository"):
        bench.read(local(tmp_path / "work" / "inside"))


def test_a_shallow_clone_is_malformed(bench: Bench, tmp_path: Path) -> None:
    chain(bench.make(), 3)
    url = f"file://{bench.served}/x.git"
    git(tmp_path, "clone", "-q", "--depth=1", url, "shallow")
    with pytest.raises(Malformed, match="shallow") as caught:
        bench.read(local(tmp_path / "shallow"))
    assert caught.value.hint
    assert "--unshallow" in caught.value.hint


def test_a_repository_owned_by_another_user_is_unavailable(bench: Bench, tmp_path: Path) -> None:
    chain(bench.make(), 1)
    script = tmp_path / "git"
    real = shutil.which("git")
    script.write_text(
        f'#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec {real} "$@"\n', encoding="utf-8"
    )
    script.chmod(0o755)
    git_of_another = GitSource(Spy(executable=str(script)), bench.clones)
    with pytest.raises(Unavailable, match="another user owns it") as caught:
        asyncio.run(git_of_another.read(target(local(bench.served / "x.git")), TODAY))
    assert caught.value.hint
    assert "safe.directory" in caught.value.hint


def test_a_hostile_git_configuration_runs_nothing(bench: Bench, tmp_path: Path) -> None:
    commit(bench.make(), signed=True)
    elsewhere = tmp_path / "mailmap"
    elsewhere.write_text("Mallory <ann@example.invalid>\n", encoding="utf-8")
    git(tmp_path, "clone", "-q", str(bench.served / "x.git"), "work")
    work, trap = tmp_path / "work", tmp_path / "sprung"
    program = tmp_path / "trap"
    program.write_text(f"#!/bin/sh\ntouch {trap}\n", encoding="utf-8")
    program.chmod(0o755)
    for key in (
        "core.fsmonitor",
        "core.pager",
        "pager.log",
        "core.sshCommand",
        "core.editor",
        "gpg.program",
        "diff.external",
        "core.alternateRefsCommand",
    ):
        git(work, "config", key, str(program))
    for key, value in {
        "core.hooksPath": str(tmp_path),
        "log.showSignature": "true",
        "mailmap.file": str(elsewhere),
        "remote.origin.url": f"ext::{program}",
        "i18n.logOutputEncoding": "UTF-16",
        "log.mailmap": "false",
        "format.pretty": "oneline",
        "color.ui": "always",
        "log.decorate": "full",
    }.items():
        git(work, "config", key, value)
    assert bench.activity(local(work)).commit_count == 1
    assert bench.names(local(work)) == ["Ann"]
    assert not trap.exists()


def test_a_partial_clone_is_read_without_its_remote(bench: Bench, tmp_path: Path) -> None:
    oid = chain(bench.make(), 2)[-1]
    url = f"file://{bench.served}/x.git"
    git(tmp_path, "clone", "-q", "--bare", "--filter=tree:0", url, "partial")
    shutil.rmtree(bench.served / "x.git")
    assert bench.activity(local(tmp_path / "partial")).head == oid


def test_the_mailmap_of_a_local_repository_is_used(bench: Bench) -> None:
    path = bench.make()
    first = commit(path, name="annie", email="old@example.invalid")
    blob = git(
        path,
        "hash-object",
        "-w",
        "--stdin",
        data=b"Ann <ann@example.invalid> <old@example.invalid>\n",
    )
    tree = git(path, "mktree", data=f"100644 blob {blob}\t.mailmap\n".encode())
    person = ("-c", "user.name=Ann", "-c", "user.email=ann@example.invalid")
    second = git(path, *person, "commit-tree", "-p", first, "-m", "x", tree)
    git(path, "update-ref", "refs/heads/main", second)
    result = bench.read(local(path))
    assert result.contributors is not None
    assert [(p.name, p.commits) for p in result.contributors] == [("Ann", 2)]
    assert sorted(bench.names(bench.remote())) == ["Ann", "annie"]
    assert bench.spy.networked == ["ls-remote", "fetch"]
