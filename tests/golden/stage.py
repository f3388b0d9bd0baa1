"""The stage for golden scenarios: hosts, a home directory, a clock, and actions on them.

This is the only file here that imports from other test modules and from the program. When their
names change, only the imports below have to change.
"""

import contextlib
import datetime as dt
import gzip
import json
import random
import re
import shutil
import signal
import sqlite3
import string
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Self
from unittest import mock

# ── names of other modules: change them here and nowhere else ──
from pkgharvest.model.clock import FixedClock
from tests.standins.github import FakeCommit, FakeRepository
from tests.standins.pypi import FakeProject, file
from tests.standins.server import Call, Fault, LoopbackServer, Reply
from tests.support import histories
from tests.support.catalogs import make_first_catalog
from tests.support.command_line import CommandLine, Result
from tests.support.github_case import repository
from tests.support.hosts import Hosts, make_repositories, project_of

Json = Any
FIXTURES = Path(__file__).parent
MAX_SCENARIO_SECONDS = 120
"""Limit for one scenario, which usually takes two seconds."""

_SHA256 = re.compile(r"\b[0-9a-f]{64}\b")


class Stage:
    """A new home directory and, in its context, the hosts on the loopback interface."""

    def __init__(self, world: str) -> None:
        # Constant length and no digits: output may truncate paths, and numbers are compared.
        name = "".join(random.SystemRandom().choices(string.ascii_lowercase, k=10))
        self.directory = Path(tempfile.gettempdir()).resolve() / f"golden-{name}"
        self.directory.mkdir()
        self.hosts = Hosts(*_WORLDS[world](), downloads=world != "none")
        self.site = LoopbackServer(self._site)
        self._pages: dict[str, str] = {}
        self._lock: contextlib.ExitStack | None = None
        self._stack = contextlib.ExitStack()
        self.shell = CommandLine(self.directory, self.hosts.variables)
        self.shell.variables["TMPDIR"] = str(self.directory)
        _enrich(self.hosts)

    def __enter__(self) -> Self:
        self._stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
        self._stack.enter_context(self.hosts)
        self._stack.enter_context(self.site)
        self._stack.enter_context(_time_limit())
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def cwd(self) -> Path:
        """The working directory."""
        return self.shell.cwd

    def run(self, argv: Sequence[str], stdin: str = "") -> tuple[int, str, str]:
        """Run a command line; return its exit code and its output with placeholders."""
        arguments = [self.with_values(word) for word in argv]
        with mock.patch.object(random, "Random", _SeededRandom):
            result: Result = self.shell.run(*arguments, stdin=self.with_values(stdin).encode())
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        return result.code, self.with_placeholders(result.out), self.with_placeholders(result.err)

    # ── placeholders ──

    def with_placeholders(self, text: str) -> str:
        """Replace values that differ in each run with placeholders."""
        for placeholder, value in self._placeholders():
            text = text.replace(value, placeholder)
        return _SHA256.sub("<SHA256>", text)

    def with_values(self, text: str) -> str:
        """Replace placeholders with their values."""
        for placeholder, value in self._placeholders():
            text = text.replace(placeholder, value)
        return text

    def _placeholders(self) -> list[tuple[str, str]]:
        return [
            ("<GITHUB>", self.hosts.github.url.removeprefix("http://")),
            ("<PYPI>", self.hosts.pypi.url.removeprefix("http://")),
            ("<PYPISTATS>", self.hosts.pypistats.url.removeprefix("http://")),
            ("<SITE>", self.site.url.removeprefix("http://")),
            ("<HERE>", str(self.shell.cwd)),
            ("<HOME>", str(self.shell.home)),
            ("<STAGE>", str(self.directory)),
        ]

    # ── final state ──

    def catalog(self, name: str = "") -> Json:
        """Return the lines of a catalog's export, and the tables that it does not cover."""
        path = self.cwd / name if name else self.shell.db
        if not path.is_file():
            return None
        code, out, _ = self.run(["export", "--db", str(path)])
        if code:
            return None
        tables = {}
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.row_factory = sqlite3.Row
            for table in ("fetches", "validators", "runs"):
                rows = [
                    json.loads(self.with_placeholders(json.dumps(dict(row))))
                    for row in connection.execute(f"SELECT * FROM {table}")
                ]
                tables[table] = sorted(rows, key=json.dumps)
        return {"lines": [json.loads(line) for line in out.splitlines()], "tables": tables}

    def slugs(self) -> set[str]:
        """Return all slugs that are in the catalog now."""
        if not self.shell.db.is_file():
            return set()
        query = " UNION ".join(
            f"SELECT slug FROM {table}" for table in ("packages", "grids", "categories")
        )
        try:
            return {str(slug) for (slug,) in self.shell.rows(query)}
        except sqlite3.Error:
            return set()

    def files(self) -> dict[str, Json]:
        """Return the files that commands wrote, by name; recordings as their entries."""
        found: dict[str, Json] = {}
        for path in sorted(self.cwd.rglob("*")):
            name = str(path.relative_to(self.cwd))
            if not path.is_file() or ".git/" in name or name.startswith(("given", ".")):
                continue
            if ".har" in path.suffixes:
                found[name] = self._recording(path)
            elif ".db" not in path.name:
                found[name] = self.with_placeholders(path.read_bytes().decode())
        return found

    def _recording(self, path: Path) -> Json:
        raw = path.read_bytes()
        archive = json.loads(gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw)
        entries = [
            {
                "method": entry["request"]["method"],
                "url": entry["request"]["url"],
                "headers": _headers(entry["request"]),
                "post": entry["request"].get("postData"),
                "status": entry["response"]["status"],
                "answer_headers": _headers(entry["response"]),
                "content": entry["response"]["content"],
            }
            for entry in archive["log"]["entries"]
        ]
        plain_entries = [json.loads(self.with_placeholders(json.dumps(entry))) for entry in entries]
        plain_entries.sort(key=lambda entry: (entry["url"], entry["method"], json.dumps(entry)))
        hosts = archive["log"]["_pkgharvest"]["hosts"]
        return {
            "hosts": json.loads(self.with_placeholders(json.dumps(hosts))),
            "entries": plain_entries,
        }

    # ── actions between command lines ──

    def do(self, action: str, *arguments: Any) -> None:
        """Call the method ``do_…`` that ``action`` names."""
        getattr(self, f"do_{action}")(*arguments)

    def do_later(self, hours: float) -> None:
        """Move the clock forward."""
        self.shell.clock = FixedClock(self.shell.clock.now() + dt.timedelta(hours=hours))

    def do_variable(self, name: str, value: str | None) -> None:
        """Set an environment variable; None removes it."""
        self.shell.variables.pop(name, None)
        if value is not None:
            self.shell.variables[name] = self.with_values(value)

    def do_repository(self, name: str, changes: dict[str, Any]) -> None:
        """Change a repository at GitHub."""
        repo = self._repository(name)
        for key, value in changes.items():
            assert hasattr(repo, key), key
            setattr(repo, key, value)

    def do_rename(self, name: str, full_name: str) -> None:
        """Rename a repository; its old name redirects."""
        self.hosts.github.rename(self._repository(name), full_name)

    def do_push(self, name: str) -> None:
        """Add a commit with the current time."""
        repo, now = self._repository(name), self.shell.clock.now()
        commit = FakeCommit(sha="e" * 40, authored=now, committed=now, author="lisa")
        repo.commits, repo.pushed_at = [commit, *repo.commits], now

    def do_release(self, name: str, *versions: str) -> None:
        """Replace the versions of a project."""
        project = project_of(self._repository(name), *versions)
        project.serial = 2
        self.hosts.projects.add(project)

    def do_no_project(self, name: str) -> None:
        """Remove the project with that name."""
        self.hosts.projects.remove(name)

    def do_downloads(self, name: str, *figures: int) -> None:
        """Replace the downloads of a project."""
        day, week, month = figures
        self.hosts.download_stats.downloads[name] = (day, week, month)

    def do_fault(self, host: str, pattern: str, status: int) -> None:
        """Respond with ``status`` to matching requests."""
        getattr(self.hosts, host).fault(pattern, Fault(status=status))

    def do_garble(self, host: str, pattern: str) -> None:
        """Respond with HTML instead of JSON to matching requests."""
        getattr(self.hosts, host).fault(pattern, Fault(status=200, body=b"<html>"))

    def do_heal(self) -> None:
        """Remove all faults."""
        self.hosts.github.heal()
        self.hosts.pypi.heal()
        self.hosts.pypistats.heal()

    def do_quota(self, remaining: int, status: int = 403) -> None:
        """Set GitHub's remaining quota."""
        self.hosts.github.quota.remaining = remaining
        self.hosts.github.quota.spent_status = status

    def do_tokens(self, *good: str) -> None:
        """Accept these tokens only; none given: accept every token."""
        self.hosts.github.tokens = set(good) or None

    def do_page(self, path: str, text: str) -> None:
        """Add a page to the site with the API v4."""
        self._pages[path] = text

    def do_lock(self) -> None:
        """Hold the fetch lock in another process during the next command."""
        self._lock = contextlib.ExitStack()
        self._lock.enter_context(self.shell.locked())

    def do_write(self, name: str, text: str) -> None:
        """Write a file in the working directory."""
        (self.cwd / name).write_text(self.with_values(text), encoding="utf-8")

    def do_directory(self, name: str) -> None:
        """Create a directory in the working directory."""
        (self.cwd / name).mkdir()

    def do_truth(self, name: str, first: int, last: int) -> None:
        """Write a range of the published records into a file."""
        lines = [json.dumps(record) + "\n" for record in histories.records()[first:last]]
        (self.cwd / name).write_text("".join(lines), encoding="utf-8")

    def do_history(self, slug: str, name: str) -> None:
        """Create a bare git repository with a published history."""
        histories.build(histories.load(slug), self.cwd / name)

    def do_empty_git(self, name: str) -> None:
        """Create a bare git repository without commits."""
        path = self.cwd / name
        path.mkdir()
        histories.git(path, "init", "-q", "--bare", "--initial-branch=main")

    def do_move(self, name: str, other: str) -> None:
        """Rename a file or directory."""
        (self.cwd / name).rename(self.cwd / other)

    def do_sql(self, statement: str) -> None:
        """Change the catalog directly, in ways no command does."""
        self.shell.write(statement)

    def do_strange_database(self, name: str) -> None:
        """Create a database of another program."""
        with contextlib.closing(sqlite3.connect(self.cwd / name)) as connection, connection:
            connection.execute("PRAGMA application_id = 12345")
            connection.execute("CREATE TABLE notes (text TEXT)")

    def do_unpack(self, fixture: str, name: str = "") -> None:
        """Unpack a fixture into the working directory, or without a name as the default catalog."""
        path = self.cwd / name if name else self.shell.db
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.decompress((FIXTURES / fixture).read_bytes()))

    def do_first_catalog(self) -> None:
        """Create a catalog with the first schema."""
        self.shell.db.parent.mkdir(parents=True, exist_ok=True)
        make_first_catalog(self.shell.db)

    def _repository(self, name: str) -> FakeRepository:
        return self.hosts.github._by_name[name.lower()]

    def _site(self, call: Call) -> Reply:
        query = "&".join(f"{name}={value}" for name, value in call.query.items())
        text = self._pages.get(f"{call.path}?{query}" if query else call.path)
        if text is None:
            return Reply(status=404, body=b'{"detail": "Not found."}')
        headers = {"content-type": "application/json"}
        return Reply(status=200, headers=headers, body=self.with_values(text).encode())


# ── the worlds ──


def _none() -> list[FakeRepository]:
    return []


def _three() -> list[FakeRepository]:
    return make_repositories(3)


def _mixed() -> list[FakeRepository]:
    """Return one repository of every kind."""
    return [
        *make_repositories(3),
        repository(
            owner="octo",
            name="cat",
            id=2001,
            description="A cat | in *Python*, größer",
            homepage="https://cat.example/",
            license="MIT",
            topics=["cats", "trees"],
            open_issues=4,
        ),
        repository(owner="octo", name="attic", id=2002, stars=5, archived=True),
        repository(owner="octo", name="new-name", id=2003, renamed_from=["octo/old-name"]),
        repository(owner="octo", name="hollow", id=2004, empty=True, stars=1),
        repository(owner="octo", name="fallen", id=2005, gone=True),
        repository(owner="octo", name="barred", id=2006, blocked=True),
        repository(owner="octo", name="banned", id=2007, dmca_403=True),
        repository(owner="octo", name="huge", id=2008, too_large=True, stars=12345),
    ]


_WORLDS = {"none": _none, "three": _three, "mixed": _mixed}


def _enrich(hosts: Hosts) -> None:
    """Give the project of octo/cat, if it exists, a value in every field."""
    if "octo/cat" not in hosts.github._by_name:
        return
    early_upload, late_upload = "2024-05-01T12:00:00.000000Z", "2025-11-02T08:30:00.000000Z"
    hosts.projects.add(
        FakeProject(
            name="cat",
            info={
                "summary": "Cats for everybody",
                "license_expression": "MIT",
                "requires_python": ">=3.10",
                "classifiers": [
                    "Framework :: Django",
                    "Programming Language :: Python :: 3.10",
                    "Programming Language :: Python :: 3.12",
                ],
                "project_urls": {
                    "Source": "https://github.com/octo/cat",
                    "Documentation": "https://cat.example/docs",
                },
            },
            files=[
                file("cat-1.0.tar.gz", uploaded=early_upload),
                file("cat-1.1.tar.gz", uploaded=early_upload, yanked="broken"),
                file("cat-1.2.tar.gz", uploaded=late_upload, requires_python=">=3.10"),
                file("cat-2.0rc1.tar.gz", uploaded=late_upload, requires_python=">=3.10"),
            ],
            versions=["1.0", "1.1", "1.2", "2.0rc1"],
        )
    )


# ── helpers ──


class _SeededRandom(random.Random):
    """A replacement for ``random.Random``, so that waits before retries are always the same."""

    def __init__(self) -> None:
        super().__init__(0)


def _headers(message: Json) -> dict[str, str]:
    """Return the headers that do not differ in each run."""
    omitted = {
        *("date", "server", "host", "content-length", "user-agent"),
        *("x-ratelimit-remaining", "x-ratelimit-used"),  # depend on the order of requests
    }
    return {
        header["name"].lower(): header["value"]
        for header in message["headers"]
        if header["name"].lower() not in omitted
    }


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    """Stop a scenario that hangs."""

    def raise_timeout(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"a scenario took more than {MAX_SCENARIO_SECONDS} seconds")

    if not hasattr(signal, "SIGALRM"):
        yield
        return
    handler = signal.signal(signal.SIGALRM, raise_timeout)
    signal.alarm(MAX_SCENARIO_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)
