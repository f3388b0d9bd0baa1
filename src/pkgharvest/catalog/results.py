"""What a harvest brought goes into the catalogue: the fields that were read, and no others."""

import datetime as dt
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from pkgharvest.catalog import (
    commit_days,
    package_update,
    releases,
    source_state,
)
from pkgharvest.catalog.database import update_row
from pkgharvest.catalog.encoding import encode_instant, encode_list, stored_locator
from pkgharvest.catalog.migrations import DOWNLOAD_COLUMNS
from pkgharvest.model import activity
from pkgharvest.model.errors import RateLimited
from pkgharvest.model.instants import utc_day
from pkgharvest.model.locators import Locator, normalize_name
from pkgharvest.model.observations import (
    Activity,
    Contributor,
    DownloadsResult,
    Failure,
    FetchOutcome,
    FetchTarget,
    Project,
    ProjectResult,
    RepositoryFacts,
    RepositoryResult,
    Skipped,
)
from pkgharvest.model.package import Status

_NOT_FOUND_MEANS_GONE = 3
"""A 404 can be a passing fault of the host; three in a row are believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveResult:
    """What saving an outcome came to."""

    changed: bool
    """Something that the record shows is another than before (the window's moving on is not)."""
    failure: Failure | None = None


def save_outcome(
    connection: sqlite3.Connection,
    outcome: FetchOutcome,
    run_id: int,
    backoff: source_state.Backoff = source_state.DEFAULT_BACKOFF,
) -> SaveResult:
    """Write ``outcome`` into its package, all of it or nothing. Call inside a transaction.

    ``backoff``: how long a source that failed is left in peace.

    A failure leaves every good value as it is. A package that was removed meanwhile, or whose
    repository or project a person changed meanwhile, is left alone.
    """
    begun = not isinstance(outcome.result, Skipped) or outcome.result.reason == "quota"
    row = _row(connection, outcome.target) if begun else None
    if row is None or _was_changed(connection, row, outcome):
        return SaveResult(changed=False)
    saving = _Saving(connection, row, outcome, run_id, backoff)
    match outcome.result:
        case Skipped(message=words):
            return saving.held_up(words)
        case Failure() as failure:
            return saving.fail(failure)
        case RepositoryResult() as reading:
            return saving.repository(reading)
        case ProjectResult() as reading:
            return saving.project(reading)
        case DownloadsResult() as reading:
            return saving.downloads(reading)
        case _:
            assert_never(outcome.result)


def save_as_of(
    connection: sqlite3.Connection, target: FetchTarget, past: Activity, instant: dt.datetime
) -> None:
    """Write the activity of ``instant``: the curve, the last commit, the count, nothing else.

    The validators that vouched for today's go, so that the next fetch reads those again.
    Call inside a transaction.
    """
    row = _row(connection, target)
    if row is None or _has_other_repository(row, target):
        return
    today = utc_day(instant)
    news = {
        "commits_over_52": encode_list(activity.weekly_counts(past.days, today)),
        "commits_until": today.isoformat(),
        "last_updated": encode_instant(past.committed_at),
        "commit_count": past.commit_count,
        "head": None,
    }
    update_row(connection, "packages", target.package_id, news)
    package_update.refresh_score(connection, target.package_id)
    source_state.delete_validators(connection, target.package_id, "repo")


def _row(connection: sqlite3.Connection, target: FetchTarget) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM packages WHERE id = ?", (target.package_id,)
    ).fetchone()
    return row


def _was_changed(connection: sqlite3.Connection, row: sqlite3.Row, outcome: FetchOutcome) -> bool:
    """Tell whether a person changed meanwhile what the outcome is about.

    Be it that it was changed back: "nothing new" is no answer to what is known no longer.
    """
    target = outcome.target
    if outcome.source == "repo":
        known = (row["repo_id"], row["head"])
        return known != (target.repo_id, target.head) or _has_other_repository(row, target)
    key = None if target.pypi_name is None else normalize_name(target.pypi_name)
    if outcome.source == "downloads":
        return bool(row["pypi_key"] != key)
    stands = (row["pypi_source"], row["pypi_key"], row["pypi_serial"])
    if row["pypi_source"] == "none" or stands != (target.pypi_source, key, target.pypi_serial):
        return True
    if key is not None or not _has_other_repository(row, target):
        return False
    # A project is looked for by the repository, which this very run may have found renamed.
    renamed = connection.execute(
        "SELECT 1 FROM previous_urls WHERE package_id = ? AND key = ?",
        (row["id"], target.locator and target.locator.key),
    )
    return renamed.fetchone() is None


def _has_other_repository(row: sqlite3.Row, target: FetchTarget) -> bool:
    followed = stored_locator(row["repo_url"])
    return target.locator is not None and (followed is None or followed.key != target.locator.key)


class _Saving:
    """One outcome on its way into one package; lives for the length of a ``save``."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        row: sqlite3.Row,
        outcome: FetchOutcome,
        run_id: int,
        backoff: source_state.Backoff,
    ) -> None:
        self._connection = connection
        self._row = row
        self._id = int(row["id"])
        self._followed = outcome.target.locator
        self._source = outcome.source
        self._at = outcome.at
        self._run_id = run_id
        self._backoff = backoff
        self._changes = package_update.PackageUpdate(connection, row, outcome.at)

    # ── the kinds of results ──

    def held_up(self, words: str) -> SaveResult:
        """Note that a quota kept the source from being read, wholly or in part: no failure."""
        source_state.record_rate_limited(self._connection, self._id, self._source, self._at, words)
        return SaveResult(changed=self._changes.made)

    def fail(self, failure: Failure) -> SaveResult:
        """Note a failure; it speaks about ``status`` alone, and only where the host was clear."""
        not_found = self._note_failure(failure)
        if self._source != "repo":
            return SaveResult(changed=False, failure=failure)
        before: Status = self._row["status"]
        match failure.kind:
            case "gone":
                self._changes.content["status"] = "gone"
            case "blocked":
                self._changes.content["status"] = "blocked"
                # Whoever withholds it may say so by a flag of the repository too: when it is
                # back it is to be read whole, and a 304 tells no flags.
                source_state.delete_validators(self._connection, self._id, "repo")
            case "not_found" if not_found >= _NOT_FOUND_MEANS_GONE:
                self._changes.content["status"] = "gone"
            case _:
                pass
        self._changes.write()
        known = (before == "gone" and failure.kind in {"not_found", "gone"}) or (
            before == "blocked" and failure.kind == "blocked"
        )
        return SaveResult(changed=self._changes.made, failure=None if known else failure)

    def repository(self, reading: RepositoryResult) -> SaveResult:
        """Write what was read of a repository."""
        if reading.repository is not None:
            other = self._package_at(reading.repository.locator)
            if other is not None:
                return self._moved_onto(other, reading.repository.locator)
            self._described(reading.repository)
        if reading.activity is not None:
            self._active(reading.activity)
        if reading.contributors is not None:
            self._contributed(reading.contributors)
        if reading.contributors_asked:
            self._changes.silent["contributors_read"] = encode_instant(self._at)
        self._move_window(reading)
        if reading.problem is None:
            self._changes.silent["last_fetched"] = encode_instant(self._at)
        self._changes.content["status"] = self._status(reading)
        self._changes.write()
        source_state.store_validators(self._connection, self._id, "repo", reading.validators)
        if reading.problem is None:
            self._note_success()
            return SaveResult(changed=self._changes.made)
        if isinstance(reading.problem, RateLimited):
            return self.held_up(reading.problem.message)
        failure = Failure(kind=reading.problem.kind, message=reading.problem.message)
        self._note_failure(failure, found=True)
        return SaveResult(changed=self._changes.made, failure=failure)

    def project(self, reading: ProjectResult) -> SaveResult:
        """Write what was read of a project at PyPI."""
        self._changes.silent["pypi_lookup_note"] = reading.lookup_note
        if reading.serial is not None:
            self._changes.silent["pypi_serial"] = reading.serial
        if reading.project is not None:
            self._released(reading.project)
            # All of it was read anew: nothing that vouched for what was before may stay.
            source_state.delete_validators(self._connection, self._id, "pypi")
        if not self._row["repo_url"]:
            self._changes.silent["last_fetched"] = encode_instant(self._at)
        self._changes.write()
        source_state.store_validators(self._connection, self._id, "pypi", reading.validators)
        self._note_success()
        return SaveResult(changed=self._changes.made)

    def downloads(self, reading: DownloadsResult) -> SaveResult:
        """Write how often the project was downloaded; without figures the last ones stay."""
        changed = False
        if reading.downloads is not None:
            # They move every day, as the window does, and no key of the record holds them: would
            # they move ``modified``, it would tell nothing. A run counts them as an update still,
            # for ``--full`` shows other figures than before.
            news = dict(zip(DOWNLOAD_COLUMNS, reading.downloads, strict=True))
            changed = any(self._row[column] != figure for column, figure in news.items())
            self._changes.silent |= news
            # All of it was read anew: nothing that vouched for what was before may stay.
            source_state.delete_validators(self._connection, self._id, "downloads")
        self._changes.write()
        source_state.store_validators(self._connection, self._id, "downloads", reading.validators)
        self._note_success()
        return SaveResult(changed=changed)

    # ── the parts of a repository ──

    def _package_at(self, place: Locator) -> str | None:
        """Return the slug of another package that is followed there."""
        row = self._connection.execute(
            "SELECT slug FROM packages WHERE repo_key = ? AND id <> ?", (place.key, self._id)
        ).fetchone()
        return None if row is None else str(row["slug"])

    def _moved_onto(self, other: str, place: Locator) -> SaveResult:
        """Refuse to follow a rename to where another package is; nothing is taken over."""
        failure = Failure(
            kind="malformed",
            message=f"the repository is now {place.url}, which is the package {other}",
        )
        self._changes.content["status"] = "moved"
        self._changes.write()
        self._note_failure(failure, found=True)
        return SaveResult(changed=self._changes.made, failure=failure)

    def _described(self, repository: RepositoryFacts) -> None:
        self._changes.content |= {
            "repo_id": repository.repo_id,
            "repo_url": repository.locator.url,
            "repo_key": repository.locator.key,
            "repo_host": repository.locator.host,
            "repo_description": repository.description,
            "homepage": repository.homepage,
            "topics": encode_list(repository.topics),
            "license": repository.license,
            "repo_watchers": repository.stars,
            "repo_forks": repository.forks,
            "open_issues": repository.open_issues,
            "default_branch": repository.default_branch,
            "archived": int(repository.archived),
        }
        if not repository.archived:
            self._changes.content["archived_at"] = None
        elif repository.archived_at is not None:
            self._changes.content["archived_at"] = encode_instant(repository.archived_at)
        if repository.locator.url != self._row["repo_url"]:
            # They vouch for answers under the old name, and are asked for under the new one.
            source_state.delete_validators(self._connection, self._id, "repo")
        if self._followed is not None and self._followed.key != repository.locator.key:
            self._renamed(self._followed.key, repository.locator.key)

    def _renamed(self, old: str, new: str) -> None:
        """Remember under which URL the package was followed before."""
        self._connection.execute(
            "INSERT OR REPLACE INTO previous_urls (package_id, url, key, until)"
            " VALUES (?, ?, ?, ?)",
            (self._id, self._row["repo_url"], old, encode_instant(self._at)),
        )
        self._connection.execute(
            "DELETE FROM previous_urls WHERE package_id = ? AND key = ?", (self._id, new)
        )

    def _active(self, news: Activity) -> None:
        if commit_days.replace_days(self._connection, self._id, news):
            self._changes.made = True
        self._changes.silent |= {"head": news.head, "days_known": 1}
        self._changes.silent["days_since"] = None if news.since is None else news.since.isoformat()
        self._changes.silent |= commit_days.span_columns(self._row, news.since, utc_day(self._at))
        self._changes.content["last_updated"] = encode_instant(news.committed_at)
        if news.default_branch is not None:
            self._changes.content["default_branch"] = news.default_branch
        # A count is that of its head: of another head, it is not known until it is told.
        if news.commit_count is not None or news.head != self._row["head"]:
            self._changes.content["commit_count"] = news.commit_count

    def _contributed(self, contributors: Sequence[Contributor]) -> None:
        self._changes.replace(
            "participants",
            ("name", "commits"),
            [(person.name, person.commits) for person in contributors],
        )
        self._changes.content["participant_names"] = "\n".join(
            person.name for person in contributors
        )

    def _move_window(self, reading: RepositoryResult) -> None:
        """Compute the 52 weeks that end today, from days that are sure to be today's."""
        if reading.activity is None:
            told_otherwise = reading.problem is not None or reading.status is not None
            if told_otherwise or not self._row["days_known"]:
                return
        today = utc_day(self._at)
        days = commit_days.read_days(self._connection, self._id, activity.window_start(today))
        self._changes.silent |= {
            "commits_over_52": encode_list(activity.weekly_counts(days, today)),
            "commits_until": today.isoformat(),
            "days_until": today.isoformat(),
        }

    def _status(self, reading: RepositoryResult) -> Status:
        before: Status = self._row["status"]
        news = reading.repository
        if reading.status is not None:
            return reading.status
        if news is None and (reading.problem is not None or before == "blocked"):
            return before  # not told, or as it was
        if news is not None and news.disabled:
            return "blocked"
        if self._changes.content.get("archived", self._row["archived"]):
            return "archived"
        if reading.activity is not None:
            return "active" if reading.activity.head else "empty"
        return "empty" if before == "empty" else "active"

    # ── the parts of a project ──

    def _released(self, project: Project) -> None:
        key = normalize_name(project.name)
        if key != self._row["pypi_key"]:
            package_update.clear_downloads(self._connection, self._id, self._changes)
        self._changes.content |= {
            "pypi_name": project.name,
            "pypi_key": key,
            "pypi_url": project.url,
            "pypi_version": project.version,
            "pypi_status": project.status,
        }
        if project.described:
            self._changes.content |= {
                "pypi_requires_python": project.requires_python,
                "pypi_license": project.license,
                "pypi_classifiers": encode_list(project.classifiers),
                "pypi_summary": project.summary,
                "pypi_documentation_url": project.documentation_url,
            }
        self._changes.replace(
            "versions", releases.RELEASE_COLUMNS, list(map(releases.release_row, project.releases))
        )

    # ── how the source is doing ──

    def _note_success(self) -> None:
        source_state.record_success(
            self._connection, self._id, self._source, self._at, self._run_id
        )

    def _note_failure(self, failure: Failure, *, found: bool = False) -> int:
        return source_state.record_failure(
            self._connection,
            self._id,
            self._source,
            self._at,
            self._run_id,
            failure,
            found=found,
            backoff=self._backoff,
        )
