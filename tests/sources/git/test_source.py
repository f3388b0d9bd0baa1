"""Histories read with git: counts, dates, names, and the past."""

import asyncio
import datetime as dt

import pytest

from pkgharvest.model.errors import Malformed
from tests.support.git_bench import NOON, Bench, chain, commit, local, target
from tests.support.histories import git


def test_merges_and_all_reachable_commits_are_counted(bench: Bench) -> None:
    path = bench.make()
    root = commit(path)
    left = commit(path, parents=(root,), at=NOON + 1)
    right = commit(path, parents=(root,), at=NOON + 2)
    other_root = commit(path, at=NOON + 3)
    commit(path, parents=(left, right, other_root), at=NOON + 4)
    commit(path, branch="elsewhere", parents=(left,), at=NOON + 5)
    assert bench.activity(local(path)).commit_count == 5
    assert bench.activity(bench.remote()).commit_count == 5


def test_commits_with_skewed_clocks_are_counted(bench: Bench) -> None:
    path = bench.make()
    day, oids = 86_400, list[str]()
    for at in (NOON, NOON - 4000 * day, NOON + 2000 * day, 0, NOON + day):
        oids.append(commit(path, at=at, parents=tuple(oids[-1:])))
    activity = bench.activity(bench.remote())
    assert activity.commit_count == 5
    assert list(activity.days.values()) == [1] * 5
    assert min(activity.days) == dt.date(1970, 1, 1)


@pytest.mark.parametrize("at", ["9" * 17, "9" * 60, "-5", "yesterday", ""])
def test_invalid_author_dates_are_left_out_of_the_days(at: str, bench: Bench) -> None:
    path = bench.make()
    root = commit(path)
    commit(path, at=at, committed=NOON, parents=(root,))
    activity = bench.activity(local(path))
    assert activity.commit_count == 2
    assert sum(activity.days.values()) == 1


@pytest.mark.parametrize("committed", ["9" * 17, "9" * 60, "x"])
def test_a_head_with_an_invalid_date_is_malformed(committed: str, bench: Bench) -> None:
    path = bench.make()
    commit(path, committed=committed)
    with pytest.raises(Malformed, match="outside the calendar"):
        bench.read(local(path))


def test_author_names_of_all_kinds_are_read(bench: Bench) -> None:
    path = bench.make()
    names = ["Émile Zółw 花子 😀", "a|b;c\t%x00%n\x1b[31m", "-o--x", "x" * 3000, "ann@x.org"]
    oids: list[str] = []
    for number, name in enumerate(names):
        parents = tuple(oids[-1:])
        oids.append(commit(path, name=name, email=f"{number}@e", at=NOON - number, parents=parents))
    commit(path, name="Jos\udce9", email="l@e", at=NOON - 9, parents=tuple(oids[-1:]))
    wanted = [*names[:3], "x" * 200, "ann", "Jos\ufffd"]
    assert bench.names(local(path)) == wanted
    assert bench.names(bench.remote()) == wanted


def test_author_names_in_an_old_encoding_are_read(bench: Bench) -> None:
    path = bench.make()
    commit(path, name="José", encoding="iso-8859-1")
    assert bench.names(local(path)) == ["José"]


def test_an_endless_author_name_is_malformed(bench: Bench) -> None:
    path = bench.make()
    commit(path, name="x" * 2_000_000)
    with pytest.raises(Malformed, match="bytes of author data"):
        bench.read(local(path))


def test_branch_names_that_look_like_options_are_harmless(bench: Bench) -> None:
    path = bench.make("-x/--upload-pack=touch pwned.git")
    chain(path, 2, "--exec=x")
    (path / "HEAD").write_text("ref: refs/heads/--exec=x\n", encoding="utf-8")
    activity = bench.activity(local(path))
    assert activity.default_branch == "--exec=x"
    locator = bench.remote("-x/--upload-pack=touch pwned.git")
    assert bench.activity(locator).default_branch == "--exec=x"


def test_replacements_and_grafts_do_not_change_history(bench: Bench) -> None:
    path = bench.make()
    oids = chain(path, 4)
    git(path, "replace", oids[3], oids[0])
    (path / "info").mkdir(exist_ok=True)
    (path / "info" / "grafts").write_text(f"{oids[2]}\n", encoding="utf-8")
    assert bench.activity(local(path)).commit_count == 4


@pytest.mark.parametrize("remote", [False, True])
def test_history_at_an_instant_starts_from_the_head_of_that_time(
    remote: bool, bench: Bench
) -> None:
    path = bench.make()
    root = commit(path, at=NOON, committed=NOON)
    late = commit(path, at=NOON, committed=NOON + 500, parents=(root,))
    # The way goes along first parents: that a second parent is older does not matter.
    side = commit(path, at=NOON, committed=NOON + 50, parents=(root,))
    merge = commit(path, at=NOON, committed=NOON + 100, parents=(late, side))
    commit(path, at=NOON, committed=NOON + 900, parents=(merge,))
    where = target(bench.remote() if remote else local(path))

    def at(second: float) -> tuple[str | None, int | None]:
        instant = dt.datetime.fromtimestamp(NOON + second, dt.UTC)
        activity = asyncio.run(bench.git.history_at(where, instant))
        return activity.head, activity.commit_count

    assert at(899.999) == (merge, 4)
    assert at(100) == (merge, 4)
    assert at(99.999) == (root, 1)
    assert at(0) == (root, 1)
    assert at(-0.001) == (None, 0)
    assert at(10**9)[1] == 5


def test_history_at_an_instant_stops_reading_early(bench: Bench) -> None:
    path = bench.make()
    oids = chain(path, 40)
    instant = dt.datetime.fromtimestamp(NOON + 20 * 3600, dt.UTC)
    activity = asyncio.run(bench.git.history_at(target(local(path)), instant))
    assert activity.head == oids[20]
    assert activity.commit_count == 21
