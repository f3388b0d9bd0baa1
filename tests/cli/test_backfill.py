"""``pkgharvest history backfill``: weekly commits of past years, read from git once."""

import dataclasses
import datetime as dt
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from pkgharvest.model.clock import FixedClock
from pkgharvest.model.instants import parse_instant
from tests.support import histories
from tests.support.command_line import CommandLine
from tests.support.git_server import GitServer
from tests.support.github_case import NOW
from tests.support.histories import SLUGS, History, ancestors, head_at, load
from tests.support.hosts import Hosts, make_repositories

WEEK = dt.timedelta(weeks=1)


def history_at_fetch(slug: str) -> History:
    """Return the commits that a published record could see when it was fetched."""
    history = load(slug)
    index = head_at(history, parse_instant(histories.record(slug)["last_fetched"]))
    assert index is not None
    kept = sorted(ancestors(history, index))
    new_index = {old: new for new, old in enumerate(kept)}
    return History(
        slug=slug,
        commits=tuple(
            dataclasses.replace(
                history.commits[old],
                parents=tuple(new_index[parent] for parent in history.commits[old].parents),
            )
            for old in kept
        ),
    )


def weekly(history: History, today: dt.date, count: int) -> list[int]:
    """Count commits per week by author date in UTC, without any shortcut."""
    dates = [commit.authored.astimezone(dt.UTC).date() for commit in history.commits]
    starts = [today - number * WEEK for number in range(count, 0, -1)]
    return [sum(start <= day < start + WEEK for day in dates) for start in starts]


def weeks(shell: CommandLine, slug: str, count: int) -> list[int]:
    rows = shell.ok("history", slug, "--weeks", str(count), "--json").json()
    return [row["commits"] for row in rows]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """Return a catalog of the published histories at their records' instants, never fetched."""
    directory = tmp_path_factory.mktemp("truth")
    for slug in SLUGS:
        histories.build(history_at_fetch(slug), directory / f"{slug}.git")
    shell = CommandLine(directory)
    shell.ok("add", "--no-pypi", *(str(directory / f"{slug}.git") for slug in SLUGS))
    return shell


@pytest.mark.parametrize("slug", SLUGS)
def test_backfill_counts_the_published_weeks_and_earlier_ones(
    published: CommandLine, slug: str
) -> None:
    record = histories.record(slug)
    instant = parse_instant(record["last_fetched"])
    published.clock = FixedClock(instant)
    published.ok("history", "backfill", slug, "--weeks", "520")
    counts = weeks(published, slug, 520)
    assert counts[-52:] == record["commits_over_52"]
    assert counts == weekly(history_at_fetch(slug), instant.date(), 520)


# ── reading once ──


@pytest.fixture
def ltree(shell: CommandLine) -> CommandLine:
    """Return a catalog with one local repository."""
    histories.build(load("django-ltree"), shell.cwd / "ltree.git")
    shell.ok("add", "./ltree.git", "--no-pypi")
    return shell


def test_backfill_does_not_read_known_weeks_again(ltree: CommandLine) -> None:
    first = ltree.ok("history", "backfill", "ltree", "--weeks", "100")
    since = (NOW.date() - 100 * WEEK).isoformat()
    assert first.out == f"counted ltree  since {since}\n"
    (ltree.cwd / "ltree.git").rename(ltree.cwd / "away.git")  # it must not be read
    again = ltree.ok("history", "backfill", "ltree", "--weeks", "100")
    assert again.out == f"already known: ltree  since {since}\n"
    ltree.ok("history", "backfill", "ltree", "--weeks", "52")
    (ltree.cwd / "away.git").rename(ltree.cwd / "ltree.git")
    further = ltree.ok("history", "backfill", "ltree", "--weeks", "150", "--json").json()
    assert further == [
        {
            "slug": "ltree",
            "outcome": "read",
            "since": (NOW.date() - 150 * WEEK).isoformat(),
            "error": None,
            "message": "",
        }
    ]
    assert len(weeks(ltree, "ltree", 400)) == 150


def test_backfill_keeps_only_the_requested_weeks(ltree: CommandLine) -> None:
    ltree.ok("history", "backfill", "ltree", "--weeks", "60")
    [(first,)] = ltree.rows("SELECT min(day) FROM commit_days")
    assert first >= (NOW.date() - 60 * WEEK).isoformat()


def test_backfill_knows_when_it_reached_the_first_commit(ltree: CommandLine) -> None:
    ltree.ok("history", "backfill", "ltree", "--weeks", "2000")
    assert "already known" in ltree.ok("history", "backfill", "ltree", "--weeks", "5200").out
    assert sum(weeks(ltree, "ltree", 2000)) == sum(weekly(load("django-ltree"), NOW.date(), 2000))


def test_weeks_fetched_with_git_need_no_backfill(ltree: CommandLine) -> None:
    ltree.ok("fetch", "ltree")
    assert "already known" in ltree.ok("history", "backfill", "ltree").out


def test_backfill_leaves_the_record_unchanged(ltree: CommandLine) -> None:
    before = ltree.show("ltree", "--full")
    ltree.ok("history", "backfill", "ltree")
    assert ltree.show("ltree", "--full") == before
    ltree.ok("fetch", "ltree")
    after = ltree.show("ltree")
    assert after["commits_over_52"] == weeks(ltree, "ltree", 52)


# ── --again ──


def rewritten(history: History) -> History:
    """Return ``history`` with every commit moved by three days, and without the oldest."""
    later = dt.timedelta(days=3)
    kept = range(len(history.commits) - 1)
    return History(
        slug=history.slug,
        commits=tuple(
            dataclasses.replace(
                commit,
                authored=commit.authored + later,
                parents=tuple(parent for parent in commit.parents if parent in kept),
            )
            for commit in history.commits[:-1]
        ),
    )


def commits_per_day(shell: CommandLine) -> dict[str, int]:
    return dict(shell.rows("SELECT day, commits FROM commit_days"))


def per_day(history: History, since: dt.date) -> dict[str, int]:
    dates = [commit.authored.astimezone(dt.UTC).date() for commit in history.commits]
    return {day.isoformat(): dates.count(day) for day in sorted(set(dates)) if day >= since}


def test_backfill_again_reads_a_rewritten_history(ltree: CommandLine) -> None:
    ltree.ok("history", "backfill", "ltree", "--weeks", "200")
    before, since = commits_per_day(ltree), NOW.date() - 200 * WEEK
    assert before == per_day(load("django-ltree"), since)
    shutil.rmtree(ltree.cwd / "ltree.git")
    histories.build(rewritten(load("django-ltree")), ltree.cwd / "ltree.git")
    assert "already known" in ltree.ok("history", "backfill", "ltree", "--weeks", "200").out
    assert commits_per_day(ltree) == before
    # Older weeks that are known already are read again, too.
    first = (NOW.date() - 60 * WEEK).isoformat()
    again = ltree.ok("history", "backfill", "ltree", "--weeks", "60", "--again")
    assert again.out == f"counted ltree  since {first}\n"
    assert commits_per_day(ltree) == per_day(rewritten(load("django-ltree")), since) != before
    assert len(weeks(ltree, "ltree", 400)) == 200
    ltree.ok("history", "backfill", "ltree", "--weeks", "300", "--again")
    assert weeks(ltree, "ltree", 300) == weekly(rewritten(load("django-ltree")), NOW.date(), 300)


def test_backfill_again_reads_a_rewritten_history_that_was_fetched(ltree: CommandLine) -> None:
    ltree.ok("fetch", "ltree")
    shutil.rmtree(ltree.cwd / "ltree.git")
    histories.build(rewritten(load("django-ltree")), ltree.cwd / "ltree.git")
    ltree.ok("history", "backfill", "--all", "--again", "--weeks", "5")
    assert commits_per_day(ltree) == per_day(rewritten(load("django-ltree")), dt.date.min)


def test_backfill_again_reads_a_rewritten_remote(tmp_path: Path, shell: CommandLine) -> None:
    served = tmp_path / "served" / "ltree.git"
    histories.build(load("django-ltree"), served)
    with GitServer(tmp_path / "served") as server:
        shell.ok("add", server.locator("ltree.git").url, "--no-pypi")
        shell.ok("history", "backfill", "ltree")
        shutil.rmtree(served)
        histories.build(rewritten(load("django-ltree")), served)
        shell.ok("history", "backfill", "ltree", "--again")
    assert weeks(shell, "ltree", 260) == weekly(rewritten(load("django-ltree")), NOW.date(), 260)


def test_backfill_again_keeps_the_old_weeks_when_reading_fails(ltree: CommandLine) -> None:
    ltree.ok("history", "backfill", "ltree")
    before = commits_per_day(ltree)
    (ltree.cwd / "ltree.git").rename(ltree.cwd / "away.git")
    assert ltree.run("history", "backfill", "ltree", "--again").code == 3
    assert commits_per_day(ltree) == before


# ── together with the API ──


def test_a_later_fetch_keeps_backfilled_weeks(shell: CommandLine) -> None:
    with Hosts(*make_repositories(1)) as hosts:
        shell.variables |= hosts.variables
        shell.ok("add", "octo/r000")
        shell.ok("fetch", "r000")
        assert len(weeks(shell, "r000", 260)) < 60
        # Write what a backfill would store: a test cannot clone from github.com.
        old, edge = NOW.date() - 200 * WEEK, NOW.date() - 260 * WEEK
        shell.write("INSERT INTO commit_days VALUES (1, ?, 5)", old.isoformat())
        shell.write("UPDATE packages SET days_from = ?", edge.isoformat())
        before = weeks(shell, "r000", 260)
        assert (len(before), before[60]) == (260, 5)
        shell.clock = FixedClock(NOW + 30 * dt.timedelta(days=1))
        shell.ok("fetch", "r000")
        [(since,)] = shell.rows("SELECT days_since FROM packages")
        after = weeks(shell, "r000", 260)
    assert since > edge.isoformat()
    assert 5 in after
    assert len(after) == 260


def test_backfill_reads_github_with_git(shell: CommandLine) -> None:
    shell.variables["HTTPS_PROXY"] = "http://127.0.0.1:1"  # git cannot reach github.com
    shell.ok("add", "octo/cat")
    result = shell.run("history", "backfill", "cat", "--json")
    assert result.code == 3
    [entry] = result.json()
    assert (entry["outcome"], entry["error"], entry["since"]) == ("failed", "unavailable", None)
    assert result.err.startswith("error: cat: ")
    assert shell.rows("SELECT days_from FROM packages") == [(None,)]


def test_backfill_and_fetch_share_one_clone(tmp_path: Path, shell: CommandLine) -> None:
    histories.build(load("django-ltree"), tmp_path / "served" / "ltree.git")
    with GitServer(tmp_path / "served") as server:
        shell.ok("add", server.locator("ltree.git").url, "--no-pypi")
        shell.ok("history", "backfill", "ltree", "--weeks", "300")
        shell.ok("fetch", "ltree")
    assert len(list((shell.home / "cache" / "pkgharvest" / "clones").glob("*.git"))) == 1
    assert weeks(shell, "ltree", 300) == weekly(load("django-ltree"), NOW.date(), 300)


# ── selection and failures ──


def test_backfill_all_skips_moved_and_gone_repositories(ltree: CommandLine) -> None:
    ltree.ok("add", "octo/gone", "octo/moved", "octo/kept")
    ltree.write("UPDATE packages SET status = slug WHERE slug IN ('gone', 'moved')")
    ltree.write(
        "UPDATE packages SET days_from = '0001-01-01', days_until = '2026-02-15' WHERE id=4"
    )
    entries = ltree.ok("history", "backfill", "--all", "--json").json()
    assert [(entry["slug"], entry["outcome"]) for entry in entries] == [
        ("kept", "known"),
        ("ltree", "read"),
    ]


def test_backfill_does_not_follow_a_moved_repository(shell: CommandLine) -> None:
    shell.ok("add", "octo/cat")
    shell.write("UPDATE packages SET status = 'moved'")
    result = shell.run("history", "backfill", "cat")
    assert result.code == 3
    assert result.error == "cat: its repository has moved, and cannot be followed"


def test_a_failed_backfill_does_not_affect_other_packages(ltree: CommandLine) -> None:
    (ltree.cwd / "x").mkdir()
    histories.git(ltree.cwd / "x", "init", "-q", "--bare")
    ltree.ok("add", "./x", "--no-pypi")
    (ltree.cwd / "x").rename(ltree.cwd / "y")
    result = ltree.run("history", "backfill", "x", "ltree", "ltree")
    assert result.code == 3
    assert result.out.startswith("counted ltree ")
    assert result.err.count("\n") == 1
    assert len(weeks(ltree, "ltree", 260)) == 260


def test_backfill_usage_errors(ltree: CommandLine) -> None:
    for arguments in ((), ("ltree", "--all"), ("ltree", "--weeks", "0")):
        assert ltree.run("history", "backfill", *arguments).code == 2
    assert ltree.run("history", "backfill", "nope").code == 1
    assert ltree.ok("history", "backfill", "ltree", "-q").out == ""


def test_backfill_fails_while_a_fetch_is_running(ltree: CommandLine) -> None:
    with ltree.locked():
        assert ltree.run("history", "backfill", "ltree").code == 6
    assert ltree.rows("SELECT count(*) FROM commit_days") == [(0,)]


def test_an_interrupt_terminates_git(shell: CommandLine, tmp_path: Path) -> None:
    """A git process that never ends is terminated."""
    fake_git = tmp_path / "bin" / "git"
    fake_git.parent.mkdir()
    started = tmp_path / "started"
    fake_git.write_text(f"#!/bin/sh\ntouch {started}\nexec sleep 60\n")
    fake_git.chmod(0o755)
    shell.ok("add", "octo/cat")
    shell.variables["PATH"] = f"{fake_git.parent}{os.pathsep}{shell.variables['PATH']}"
    process = shell.start("history", "backfill", "cat")
    with process:
        deadline = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=20)
        while not started.exists() and dt.datetime.now(dt.UTC) < deadline:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
