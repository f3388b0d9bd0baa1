"""Catalogs for tests, and results that sources may have read."""

import contextlib
import dataclasses
import datetime as dt
import functools
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlite_utils import Database

from pkgharvest.catalog import (
    columns,
    database,
    edits,
    lookup,
    migrations,
    package_update,
    packages,
    results,
    runs,
    selection,
)
from pkgharvest.model.locators import parse_locator
from pkgharvest.model.observations import (
    SOURCES,
    Activity,
    Contributor,
    DownloadsResult,
    Failure,
    FetchOutcome,
    FetchTarget,
    ProjectResult,
    PypiSource,
    RepositoryResult,
    Skipped,
    SourceName,
    SourceResult,
    Validator,
)
from pkgharvest.model.package import Downloads, Package, Project, Release, RepositoryFacts

NOW = dt.datetime(2026, 2, 15, 18, 30, tzinfo=dt.UTC)
TODAY = NOW.date()
DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)
GITHUB = "https://api.github.com/repos/octo/cat"
PYPISTATS = "https://pypistats.org/api/packages/cat/recent"

_SOURCE_OF: dict[type, SourceName] = {ProjectResult: "pypi", DownloadsResult: "downloads"}


@dataclasses.dataclass(slots=True)
class OpenCatalog:
    """An open catalog, and the run that writes to it."""

    connection: sqlite3.Connection
    run: int

    def add(
        self,
        text: str = "octo/cat",
        *,
        slug: str | None = None,
        title: str | None = None,
        pypi_source: PypiSource = "auto",
        pypi_name: str | None = None,
    ) -> int:
        """Add a package; return its id."""
        addition = edits.NewPackage(
            locator=parse_locator(text),
            slug=slug,
            title=title,
            pypi_source=pypi_source,
            pypi_name=pypi_name,
        )
        with database.transaction(self.connection):
            slug, _ = edits.add_package(self.connection, addition, NOW)
        return lookup.find_package(self.connection, slug)

    def target(self, package_id: int = 1) -> FetchTarget:
        """Return the fetch target of the package."""
        return next(selection.fetch_targets(self.connection, [(package_id, SOURCES)]))

    def save(
        self,
        result: SourceResult | Failure | Skipped,
        at: dt.datetime = NOW,
        *,
        package_id: int = 1,
        target: FetchTarget | None = None,
        source: SourceName | None = None,
        run: int | None = None,
        backoff: package_update.Backoff = package_update.DEFAULT_BACKOFF,
    ) -> results.SaveResult:
        """Save the result of a source; the default source is the result's, or ``repo``."""
        if source is None:
            source = _SOURCE_OF.get(type(result), "repo")
        outcome = FetchOutcome(
            target=target or self.target(package_id), source=source, at=at, result=result
        )
        with database.transaction(self.connection):
            return results.save_outcome(self.connection, outcome, run or self.run, backoff)

    def package(self, package_id: int = 1) -> Package:
        """Return the package with all parts."""
        return next(packages.read_packages(self.connection, [package_id], packages.ALL_PARTS))

    def column(self, name: str, package_id: int = 1) -> object:
        """Return the stored value of a column."""
        query = f"SELECT {name} FROM packages WHERE id = ?"
        return self.connection.execute(query, (package_id,)).fetchone()[0]

    def days(self, package_id: int = 1) -> dict[dt.date, int]:
        """Return the stored commits per day."""
        rows = self.connection.execute(
            "SELECT day, commits FROM commit_days WHERE package_id = ?", (package_id,)
        )
        return {dt.date.fromisoformat(day): commits for day, commits in rows}

    def validator_keys(self, source: SourceName, package_id: int = 1) -> list[str]:
        """Return the keys of the stored validators."""
        rows = self.connection.execute(
            "SELECT key FROM validators WHERE package_id = ? AND source = ? ORDER BY key",
            (package_id, source),
        )
        return [str(row[0]) for row in rows]


@functools.cache
def empty_catalog() -> bytes:
    """Return the file of an empty catalog: to run the migrations takes longer than most tests."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "empty.db"
        with database.open_writer(path, create=True):
            pass
        return path.read_bytes()


@contextlib.contextmanager
def open_catalog(path: Path) -> Iterator[OpenCatalog]:
    """Open the catalog at ``path`` and begin a run; create it where it is missing."""
    if not path.exists():
        path.write_bytes(empty_catalog())
    with database.open_writer(path) as connection:
        yield OpenCatalog(connection, runs.begin_run(connection, NOW, whole=True, continues=None))


def make_catalog(path: Path) -> Path:
    """Make a catalog with octo/cat, fetched once; return its path."""
    with open_catalog(path) as cat:
        cat.add()
        cat.save(repository_result())
    return path


def make_first_catalog(path: Path) -> Path:
    """Make a catalog of the first schema with octo/cat, fetched once; return its path."""
    at = columns.encode_instant(NOW)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as conn:
        migrations.MIGRATIONS[0](Database(conn, execute_plugins=False))
        conn.executescript(
            f"""
            PRAGMA journal_mode = WAL;
            PRAGMA application_id = {migrations.APPLICATION_ID};
            PRAGMA user_version = 1;
            INSERT INTO packages (
                slug, title, created, modified, last_fetched, repo_url, repo_key, repo_watchers,
                pypi_name, pypi_key, commits_over_52
            ) VALUES (
                'cat', 'cat', '{at}', '{at}',
                '{at}', 'https://github.com/octo/cat', 'github.com/octo/cat',
                7, 'cat', 'cat', '[1, 2]'
            );
            INSERT INTO participants VALUES (1, 0, 'ann', 2);
            INSERT INTO versions VALUES (1, 0, '1.1', NULL, 0, NULL, 0, NULL);
            INSERT INTO commit_days VALUES (1, '2026-02-13', 2);
            INSERT INTO previous_urls VALUES (
                1, 'https://github.com/octo/kitten', 'github.com/octo/kitten',
                '{at}'
            );
            INSERT INTO runs (started, whole) VALUES ('{at}', 1);
            INSERT INTO fetches (package_id, source, last_success, run_id)
                VALUES (1, 'repo', '{at}', 1);
            INSERT INTO validators VALUES (1, 'repo', '{GITHUB}', '"x"', NULL, 1);
            """
        )
    return path


def repository_facts(
    text: str = "octo/cat",
    *,
    repo_id: str = "42",
    stars: int = 7,
    archived: bool = False,
    disabled: bool = False,
    description: str = "A cat",
) -> RepositoryFacts:
    return RepositoryFacts(
        repo_id=repo_id,
        locator=parse_locator(text),
        description=description,
        homepage=None,
        topics=("cats",),
        license="MIT",
        stars=stars,
        forks=3,
        open_issues=1,
        default_branch="main",
        archived=archived,
        archived_at=None,
        disabled=disabled,
        pushed_at=NOW - DAY,
    )


def activity(
    days: Mapping[dt.date, int],
    *,
    head: str | None = "a" * 40,
    since: dt.date | None = None,
    count: int | None = None,
    committed_at: dt.datetime | None = NOW - DAY,
) -> Activity:
    return Activity(
        head=head,
        committed_at=committed_at,
        default_branch="main",
        commit_count=count,
        since=since,
        days=days,
    )


EMPTY = Activity(
    head=None, committed_at=None, default_branch="main", commit_count=0, since=None, days={}
)


def repository_result(**changes: object) -> RepositoryResult:
    """Return the result of reading all of octo/cat."""
    whole = RepositoryResult(
        repository=repository_facts(),
        activity=activity({TODAY - 2 * DAY: 2, TODAY - 30 * DAY: 1}),
        contributors=(Contributor(name="ann", commits=2), Contributor(name="bob", commits=1)),
        contributors_asked=True,
        validators=(validator(GITHUB), validator(f"{GITHUB}/commits?since=1")),
    )
    return dataclasses.replace(whole, **changes)  # type: ignore[arg-type]


def validator(key: str, etag: str | None = '"x"') -> Validator:
    return Validator(key=key, etag=etag, last_modified=None, parser=1)


def release(number: str, **changes: object) -> Release:
    plain = Release(
        version=number,
        upload_time=NOW - 9 * DAY,
        yanked=False,
        yanked_reason=None,
        requires_python=">=3.11",
        is_prerelease=False,
    )
    return plain._replace(**changes)  # type: ignore[arg-type]


def project(name: str = "cat", **changes: object) -> Project:
    plain = Project(
        name=name,
        url=f"https://pypi.org/project/{name}/",
        version="1.1",
        releases=(release("1.1"), release("1.0", yanked=True, yanked_reason="broken")),
        status="active",
        requires_python=">=3.11",
        license="MIT",
        classifiers=("Topic :: Cats",),
        summary="A cat",
        documentation_url="https://cat.example/docs",
        links=(),
    )
    return plain._replace(**changes)  # type: ignore[arg-type]


def project_result(name: str = "cat", **changes: object) -> ProjectResult:
    """Return the result of reading all of octo/cat's project."""
    whole = ProjectResult(
        project=project(name),
        name=name,
        serial="5",
        validators=(validator(f"https://pypi.org/simple/{name}/"),),
    )
    return dataclasses.replace(whole, **changes)  # type: ignore[arg-type]


def downloads_result(day: int = 1, week: int = 7, month: int = 30) -> DownloadsResult:
    """Return the result of reading the downloads of octo/cat's project."""
    return DownloadsResult(
        downloads=Downloads(last_day=day, last_week=week, last_month=month),
        validators=(validator(PYPISTATS),),
    )


NOTHING_NEW = RepositoryResult()
"""The result of a 304 from GitHub."""
