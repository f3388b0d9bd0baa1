"""What a harvest brought goes into the catalogue: the fields that were read, and no others."""

import datetime as dt
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from pkgharvest import activity
from pkgharvest.catalog.columns import instant_text, list_text
from pkgharvest.catalog.packages import find_repository
from pkgharvest.errors import RateLimited, SourceError
from pkgharvest.instants import midnight
from pkgharvest.locators import normalized
from pkgharvest.records import (
    Activity,
    Contributor,
    Deferred,
    Failure,
    Outcome,
    Project,
    ProjectReading,
    Repository,
    RepositoryReading,
    Status,
    Target,
    Validator,
)

if TYPE_CHECKING:
    from sqlite_utils import Database

_FIRST_RETRY = dt.timedelta(hours=1)
_LAST_RETRY = dt.timedelta(days=7)
_NOT_FOUND_MEANS_GONE = 3
"""A 404 can be a passing fault of the host; three in a row are believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What saving an outcome came to."""

    changed: bool
    """Something that the record shows is another than before (the window's moving on is not)."""
    failure: Failure | None = None


def save(db: "Database", outcome: Outcome, run_id: int) -> Saved:
    """Write ``outcome`` into its package, all of it or nothing. Call inside a transaction.

    A failure leaves every good value as it is. A package that was removed meanwhile, or whose
    repository or project a person changed meanwhile, is left alone.
    """
    row = db.conn.execute(
        "SELECT * FROM packages WHERE id = ?", (outcome.target.package_id,)
    ).fetchone()
    if row is None or _changed_meanwhile(row, outcome):
        return Saved(changed=False)
    match outcome.result:
        case Deferred():
            return Saved(changed=False)
        case Failure() as failure:
            return _Saving(db, row, outcome, run_id).fail(failure)
        case RepositoryReading() as reading:
            return _Saving(db, row, outcome, run_id).repository(reading)
        case ProjectReading() as reading:
            return _Saving(db, row, outcome, run_id).project(reading)
        case _:
            assert_never(outcome.result)


def save_as_of(db: "Database", target: Target, past: Activity, instant: dt.datetime) -> None:
    """Write the activity of ``instant``: the curve, the last commit, the count, nothing else.

    The validators that vouched for today's go, so that the next fetch reads those again.
    Call inside a transaction.
    """
    if db.table("packages").count_where("id = ?", [target.package_id]):
        db.table("packages").update(
            target.package_id,
            {
                "commits_over_52": list_text(activity.weeks(past.days, midnight(instant))),
                "last_updated": instant_text(past.committed_at),
                "commit_count": past.commit_count,
                "head": None,
            },
        )
    db.table("validators").delete_where("package_id = ? AND source = 'repo'", [target.package_id])


def _changed_meanwhile(row: sqlite3.Row, outcome: Outcome) -> bool:
    target = outcome.target
    if outcome.source == "pypi":
        key = None if target.pypi_name is None else normalized(target.pypi_name)
        return bool(row["pypi_choice"] != target.pypi_choice or row["pypi_key"] != key)
    return target.locator is None or bool(row["repo_key"] != target.locator.key)


class _Saving:
    """One outcome on its way into one package; lives for the length of a ``save``."""

    def __init__(self, db: "Database", row: sqlite3.Row, outcome: Outcome, run_id: int) -> None:
        self._db = db
        self._row = row
        self._id = int(row["id"])
        self._source = outcome.source
        self._at = outcome.at
        self._run_id = run_id
        self._fetch = db.conn.execute(
            "SELECT * FROM fetches WHERE package_id = ? AND source = ?", (self._id, self._source)
        ).fetchone()
        self._content: dict[str, object] = {}
        """Columns that the record shows: a change of one is a change of the package."""
        self._silent: dict[str, object] = {}
        """Columns that change without the content having changed."""
        self._changed = False

    # ── the three kinds of results ──

    def fail(self, failure: Failure) -> Saved:
        """Note a failure; it speaks about ``status`` alone, and only where the host was clear."""
        before: Status = self._row["status"]
        not_found = self._not_found_in_a_row() + 1 if failure.kind == "not_found" else 0
        if self._source == "repo":
            match failure.kind:
                case "gone":
                    self._content["status"] = "gone"
                case "blocked":
                    self._content["status"] = "blocked"
                case "not_found" if not_found >= _NOT_FOUND_MEANS_GONE:
                    self._content["status"] = "gone"
                case _:
                    pass
        self._write_columns()
        self._note_failure(failure, not_found)
        known = (before == "gone" and failure.kind in {"not_found", "gone"}) or (
            before == "blocked" and failure.kind == "blocked"
        )
        if self._source == "repo" and known:
            return Saved(changed=False)
        return Saved(changed=self._changed, failure=failure)

    def repository(self, reading: RepositoryReading) -> Saved:
        """Write what was read of a repository."""
        problem = reading.problem
        if reading.repository is not None:
            problem = self._described(reading.repository) or problem
        if reading.activity is not None:
            self._active(reading.activity)
        if reading.contributors is not None:
            self._contributed(reading.contributors)
        if reading.contributors_asked:
            self._silent["contributors_read"] = instant_text(self._at)
        self._move_window(reading)
        if problem is None:
            self._silent["last_fetched"] = instant_text(self._at)
        self._content["status"] = self._status(reading, problem)
        return self._finish(reading.validators, problem)

    def project(self, reading: ProjectReading) -> Saved:
        """Write what was read of a project at PyPI."""
        if reading.serial is not None:
            self._silent["pypi_serial"] = reading.serial
        if self._row["pypi_key"] is None or reading.project is not None:
            self._silent["pypi_tried"] = reading.tried
        if reading.project is not None:
            self._released(reading.project)
        if not self._row["repo_url"]:
            self._silent["last_fetched"] = instant_text(self._at)
        return self._finish(reading.validators, None)

    # ── the parts of a repository ──

    def _described(self, repository: Repository) -> SourceError | None:
        self._content |= {
            "repo_id": repository.repo_id,
            "repo_host": repository.locator.host,
            "repo_description": repository.description,
            "homepage": repository.homepage,
            "topics": list_text(repository.topics),
            "license": repository.license,
            "repo_watchers": repository.stars,
            "repo_forks": repository.forks,
            "open_issues": repository.open_issues,
            "default_branch": repository.default_branch,
            "archived": int(repository.archived),
        }
        if not repository.archived:
            self._content["archived_at"] = None
        elif repository.archived_at is not None:
            self._content["archived_at"] = instant_text(repository.archived_at)
        return self._renamed(repository)

    def _renamed(self, repository: Repository) -> SourceError | None:
        """Follow a rename: the new URL is the package's, the old one is remembered."""
        url, key = repository.locator.url, repository.locator.key
        if key != self._row["repo_key"]:
            other = find_repository(self._db.conn, repository.locator)
            if other is not None and other != self._row["slug"]:
                return SourceError(f"the repository is now {url}, which is the package {other}")
            previous = self._db.table("previous_urls")
            previous.insert(
                {
                    "package_id": self._id,
                    "url": self._row["repo_url"],
                    "key": self._row["repo_key"],
                    "until": instant_text(self._at),
                },
                replace=True,
            )
            previous.delete_where("package_id = ? AND key = ?", [self._id, key])
            self._content["repo_key"] = key
        self._content["repo_url"] = url
        return None

    def _active(self, news: Activity) -> None:
        known = self._days()
        days = activity.merge(known, news.days, news.since)
        if days != known:
            self._changed = True
            self._db.table("commit_days").delete_where("package_id = ?", [self._id])
            self._db.table("commit_days").insert_all(
                {"package_id": self._id, "day": day.isoformat(), "commits": commits}
                for day, commits in days.items()
            )
        self._silent |= {
            "head": news.head,
            "days_known": 1,
            "days_since": None if news.since is None else news.since.isoformat(),
        }
        self._content["last_updated"] = instant_text(news.committed_at)
        if news.default_branch is not None:
            self._content["default_branch"] = news.default_branch
        if news.commit_count is not None or news.head != self._row["head"]:
            self._content["commit_count"] = news.commit_count

    def _contributed(self, contributors: Sequence[Contributor]) -> None:
        self._replace(
            "participants",
            ("name", "commits"),
            [(person.name, person.commits) for person in contributors],
        )

    def _move_window(self, reading: RepositoryReading) -> None:
        """Compute the 52 weeks that end today, from days that are sure to be today's."""
        unsure = reading.activity is None and (reading.problem is not None or reading.status)
        if unsure or not (self._row["days_known"] or reading.activity is not None):
            return
        self._silent["commits_over_52"] = list_text(
            activity.weeks(self._days(), midnight(self._at))
        )

    def _status(self, reading: RepositoryReading, problem: SourceError | None) -> Status:
        before: Status = self._row["status"]
        if reading.status is not None:
            return reading.status
        if problem is not reading.problem:
            return "moved"  # to where another package is already
        if reading.repository is None and problem is not None:
            return before
        if reading.repository is not None and reading.repository.disabled:
            return "blocked"
        if self._content.get("archived", self._row["archived"]):
            return "archived"
        if reading.activity is not None:
            before = "empty" if reading.activity.head is None else "active"
        return "empty" if before == "empty" else "active"

    # ── the parts of a project ──

    def _released(self, project: Project) -> None:
        self._content |= {
            "pypi_name": project.name,
            "pypi_key": normalized(project.name),
            "pypi_url": project.url,
            "pypi_version": project.version,
            "pypi_status": project.status,
        }
        if project.described:
            self._content |= {
                "pypi_requires_python": project.requires_python,
                "pypi_license": project.license,
                "pypi_classifiers": list_text(project.classifiers),
                "pypi_summary": project.summary,
                "pypi_documentation_url": project.documentation_url,
            }
        self._replace(
            "versions",
            (
                "number",
                "upload_time",
                "yanked",
                "yanked_reason",
                "is_prerelease",
                "requires_python",
            ),
            [
                (
                    release.version,
                    instant_text(release.upload_time),
                    int(release.yanked),
                    release.yanked_reason,
                    int(release.is_prerelease),
                    release.requires_python,
                )
                for release in project.releases
            ],
        )

    # ── writing ──

    def _finish(self, validators: Sequence[Validator], problem: SourceError | None) -> Saved:
        self._write_columns()
        self._keep_validators(validators)
        if problem is None:
            self._note_success()
            return Saved(changed=self._changed)
        if isinstance(problem, RateLimited):
            return Saved(changed=self._changed)
        failure = Failure(kind=problem.kind, message=problem.message)
        self._note_failure(failure, 0)
        return Saved(changed=self._changed, failure=failure)

    def _write_columns(self) -> None:
        news = {
            column: value for column, value in self._content.items() if value != self._row[column]
        }
        self._changed = self._changed or bool(news)
        if self._changed:
            news["modified"] = instant_text(self._at)
        if news or self._silent:
            self._db.table("packages").update(self._id, news | self._silent)

    def _replace(
        self, table: str, columns: tuple[str, ...], rows: Sequence[tuple[object, ...]]
    ) -> None:
        """Make ``rows`` the package's rows of ``table``, in their order, where they differ."""
        there = self._db.conn.execute(
            f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608 - fixed names
            " WHERE package_id = ? ORDER BY position",
            (self._id,),
        )
        if [tuple(row) for row in there] == list(rows):
            return
        self._changed = True
        self._db.table(table).delete_where("package_id = ?", [self._id])
        self._db.table(table).insert_all(
            {"package_id": self._id, "position": position} | dict(zip(columns, row, strict=True))
            for position, row in enumerate(rows)
        )

    def _keep_validators(self, validators: Sequence[Validator]) -> None:
        """Keep what vouches for what was read just now, in place of what did before."""
        for validator in validators:
            # One path is one thing that was asked; its query moves with the window.
            path = validator.key.partition("?")[0]
            table = self._db.table("validators")
            table.delete_where(
                "package_id = ? AND source = ? AND (key = ? OR substr(key, 1, ?) = ?)",
                [self._id, self._source, path, len(path) + 1, path + "?"],
            )
            table.insert(
                {
                    "package_id": self._id,
                    "source": self._source,
                    "key": validator.key,
                    "etag": validator.etag,
                    "last_modified": validator.last_modified,
                    "parser": validator.parser,
                }
            )

    def _note_success(self) -> None:
        now = instant_text(self._at)
        self._note(
            last_success=now,
            last_error=None,
            message=None,
            consecutive_failures=0,
            not_found_in_a_row=0,
            next_due=None,
        )

    def _note_failure(self, failure: Failure, not_found_in_a_row: int) -> None:
        failures = 1 + (0 if self._fetch is None else int(self._fetch["consecutive_failures"]))
        wait = min(_FIRST_RETRY * 2 ** min(failures - 1, 16), _LAST_RETRY)
        self._note(
            last_success=None if self._fetch is None else self._fetch["last_success"],
            last_error=failure.kind,
            message=failure.message,
            consecutive_failures=failures,
            not_found_in_a_row=not_found_in_a_row,
            next_due=instant_text(self._at + wait),
        )

    def _note(self, **columns: object) -> None:
        columns |= {"last_attempt": instant_text(self._at), "run_id": self._run_id}
        fetches = self._db.table("fetches")
        fetches.insert({"package_id": self._id, "source": self._source}, ignore=True)
        fetches.update((self._id, self._source), columns)

    # ── looking back ──

    def _days(self) -> dict[dt.date, int]:
        return {
            dt.date.fromisoformat(row["day"]): int(row["commits"])
            for row in self._db.conn.execute(
                "SELECT day, commits FROM commit_days WHERE package_id = ?", (self._id,)
            )
        }

    def _not_found_in_a_row(self) -> int:
        return 0 if self._fetch is None else int(self._fetch["not_found_in_a_row"])
