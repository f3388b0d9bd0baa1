"""Published commit histories, and real git repositories made from them.

Reads the published histories of `truth/`, whose columns `truth/README.md` describes.
"""

import datetime as dt
import functools
import gzip
import io
import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TRUTH = Path(__file__).parents[1] / "truth"
SLUGS = tuple(sorted(path.name.split(".")[0] for path in TRUTH.glob("histories/*.tsv.gz")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One commit; ``parents`` are indexes into its history."""

    parents: tuple[int, ...]
    authored: dt.datetime
    committed: dt.datetime
    author: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The commits of a default branch. Index 0 is the head, and parents follow their children."""

    slug: str
    commits: tuple[Commit, ...]


@functools.cache
def load(slug: str) -> History:
    """Read the published history of ``slug``."""
    commits = []
    with gzip.open(TRUTH / "histories" / f"{slug}.tsv.gz", "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            index, parents, authored, committed, author = line.rstrip("\n").split("\t")
            assert int(index) == number
            commits.append(
                Commit(
                    parents=tuple(int(parent) for parent in parents.split(",") if parent),
                    authored=dt.datetime.fromisoformat(authored),
                    committed=dt.datetime.fromisoformat(committed),
                    author=author,
                )
            )
    return History(slug=slug, commits=tuple(commits))


@functools.cache
def _records() -> tuple[dict[str, Any], ...]:
    lines = (TRUTH / "records.jsonl").read_text("utf-8").splitlines()
    return tuple(json.loads(line) for line in lines)


def records() -> list[dict[str, Any]]:
    """Return the published records."""
    return [dict(record) for record in _records()]


def record(slug: str) -> dict[str, Any]:
    """Return the published record of ``slug``."""
    return next(record for record in records() if record["slug"] == slug)


def head_at(history: History, instant: dt.datetime) -> int | None:
    """Return the index of the head at ``instant``, or None before the first commit."""
    index = 0 if history.commits else None
    while index is not None and history.commits[index].committed > instant:
        index = next(iter(history.commits[index].parents), None)
    return index


def ancestors(history: History, index: int) -> set[int]:
    """Return the indexes of the commits reachable from ``index``, itself included."""
    found: set[int] = set()
    left = [index]
    while left:
        commit = left.pop()
        if commit not in found:
            found.add(commit)
            left.extend(history.commits[commit].parents)
    return found


def git(directory: Path, *arguments: str, data: bytes | None = None) -> str:
    """Run git in ``directory``, without the user's configuration."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "LC_ALL": "C",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    done = subprocess.run(
        ("git", *arguments),
        cwd=directory,
        env=environment,
        input=data,
        check=False,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def build(history: History, directory: Path, *, branch: str = "main") -> None:
    """Make ``directory`` a bare repository with ``history`` on ``branch``, its default.

    Authors are called by their numbers (``Person a1``); all trees are empty. It may be served
    with filters.
    """
    directory.mkdir(parents=True, exist_ok=True)
    git(directory, "init", "--quiet", "--bare", f"--initial-branch={branch}")
    git(directory, "config", "uploadpack.allowFilter", "true")
    if history.commits:
        write(directory, history.commits, branch)


def write(directory: Path, commits: Sequence[Commit], branch: str) -> None:
    """Commit ``commits``, newest first as in a `History`, to ``branch`` of a repository."""
    git(directory, "fast-import", "--quiet", data=_stream(commits, branch))


def _stream(commits: Sequence[Commit], branch: str) -> bytes:
    """Return ``commits`` in the format of git-fast-import, oldest first."""
    ref = f"refs/heads/{branch}"
    out = io.StringIO()
    for index in reversed(range(len(commits))):
        commit = commits[index]
        first, *others = commit.parents or (None,)
        if first is None:  # else it would follow the commit that was written last
            out.write(f"reset {ref}\n")
        out.write(f"commit {ref}\nmark :{index + 1}\n")
        out.write(f"author {_person(commit.author)} {_raw(commit.authored)}\n")
        out.write(f"committer {_person(commit.author)} {_raw(commit.committed)}\n")
        out.write("data 0\n")
        if first is not None:
            out.write(f"from :{first + 1}\n")
        out.writelines(f"merge :{other + 1}\n" for other in others if other is not None)
        out.write("deleteall\n\n")
    return out.getvalue().encode()


def _person(author: str) -> str:
    return f"Person {author} <{author}@example.invalid>"


def _raw(moment: dt.datetime) -> str:
    return f"{int(moment.timestamp())} {moment:%z}"
