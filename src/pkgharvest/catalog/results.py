"""Saving what a fetch brought into its package.

A source result may be partial: ``None`` means that the host did not say, so a field changes only
when there is a new value for it. A failure therefore keeps every good value, and only its kind
can change ``status``: 410 and 451 at once, 404 after three in a row, since a single 404 can be a
passing fault of the host. Validators are stored in the same transaction as the data they belong
to, and deleted as soon as that data is replaced another way. Otherwise the next 304 would vouch
for values that the catalog does not hold.

A fetch takes time, and users edit meanwhile. What was fetched for another repository or project
than the package has now is dropped.

How each source is doing is written by ``package_update``; runs and snapshots live in their own
modules.
"""

import datetime as dt
import sqlite3
from dataclasses import dataclass
from typing import assert_never

from pkgharvest.catalog import history, package_update
from pkgharvest.catalog.columns import (
    RELEASE_COLUMNS,
    encode_facts,
    encode_instant,
    encode_list,
    stored_locator,
)
from pkgharvest.catalog.database import find_row, find_value
from pkgharvest.catalog.package_update import (
    PackageUpdate,
    locator_columns,
    project_name_columns,
)
from pkgharvest.model import activity
from pkgharvest.model.errors import RateLimited
from pkgharvest.model.instants import utc_day
from pkgharvest.model.locators import normalize_name
from pkgharvest.model.observations import (
    Activity,
    DownloadsResult,
    Failure,
    FetchOutcome,
    FetchTarget,
    ProjectResult,
    RepositoryResult,
    Skipped,
)
from pkgharvest.model.package import Project, Release, RepositoryFacts, Status

_MAX_NOT_FOUND = 3
"""404 responses in a row that mark a repository as gone."""

_INDEX_COLUMNS = frozenset({"pypi_url", "pypi_version", "pypi_status"})
"""What PyPI's file index says of a project that has no description."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveResult:
    """What saving an outcome changed."""

    changed: bool
    """Whether the record differs from before, apart from the 52 weeks moving on."""
    failure: Failure | None = None
    """The failure to report, if any: one that the status already explains is not."""


def save_outcome(
    connection: sqlite3.Connection,
    outcome: FetchOutcome,
    run_id: int,
    backoff: package_update.Backoff = package_update.DEFAULT_BACKOFF,
) -> SaveResult:
    """Save ``outcome`` into its package; call inside a transaction.

    A package that was removed meanwhile, or whose repository or project a user changed meanwhile,
    is left alone. ``backoff`` says when a source that failed is due again.
    """
    result = outcome.result
    was_asked = not isinstance(result, Skipped) or result.reason == "quota"
    row = find_row(connection, "packages", outcome.target.package_id) if was_asked else None
    if row is None or _is_outdated(connection, row, outcome):
        return SaveResult(changed=False)
    saver = _Saver(connection, row, outcome, run_id, backoff)
    match result:
        case Skipped(message=message):
            return saver.save_rate_limited(message)
        case Failure():
            return saver.save_failure(result)
        case RepositoryResult():
            return saver.save_repository(result)
        case ProjectResult():
            return saver.save_project(result)
        case DownloadsResult():
            return saver.save_downloads(result)
        case _:
            assert_never(result)


def save_as_of(
    connection: sqlite3.Connection, target: FetchTarget, past: Activity, instant: dt.datetime
) -> None:
    """Save the commits as they were at ``instant``: the 52 weeks, the last commit and the count.

    Nothing else changes. The validators of today's data are deleted, so that the next fetch reads
    it again. Call inside a transaction.
    """
    row = find_row(connection, "packages", target.package_id)
    if row is None or _has_other_repository(row, target):
        return
    today = utc_day(instant)
    update = PackageUpdate(connection, row, instant)
    update.state |= {
        "commits_over_52": encode_list(activity.weekly_counts(past.days, today)),
        "commits_until": today.isoformat(),
        "last_updated": encode_instant(past.committed_at),
        "commit_count": past.commit_count,
        "head": None,
    }
    update.write()
    update.delete_validators("repo")


def _is_outdated(connection: sqlite3.Connection, row: sqlite3.Row, outcome: FetchOutcome) -> bool:
    """Tell whether the repository or project is another one than the fetch was asked for.

    A change that was undone meanwhile counts: "nothing new" says nothing about values that were
    cleared.
    """
    target = outcome.target
    if outcome.source == "repo":
        is_same = (row["repo_id"], row["head"]) == (target.repo_id, target.head)
        return not is_same or _has_other_repository(row, target)
    key = None if target.pypi_name is None else normalize_name(target.pypi_name)
    if outcome.source == "downloads":
        return bool(row["pypi_key"] != key)
    known = (row["pypi_source"], row["pypi_key"], row["pypi_serial"])
    if row["pypi_source"] == "none" or known != (target.pypi_source, key, target.pypi_serial):
        return True
    if key is not None or not _has_other_repository(row, target):
        return False
    # The project was searched by the repository, which this run may have followed to a new name.
    query = "SELECT 1 FROM previous_urls WHERE package_id = ? AND key = ?"
    return not find_value(connection, query, row["id"], target.locator and target.locator.key)


def _has_other_repository(row: sqlite3.Row, target: FetchTarget) -> bool:
    followed = stored_locator(row["repo_url"])
    return target.locator is not None and (followed is None or followed.key != target.locator.key)


class _Saver:
    """Saves one outcome into one package."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        row: sqlite3.Row,
        outcome: FetchOutcome,
        run_id: int,
        backoff: package_update.Backoff,
    ) -> None:
        self._row = row
        self._followed = outcome.target.locator
        self._source = outcome.source
        self._today = utc_day(outcome.at)
        self._update = PackageUpdate(connection, row, outcome.at)
        self._attempt = package_update.Attempt(
            connection, self._update.id, outcome.source, outcome.at, run_id, backoff
        )

    # ── the kinds of results ──

    def save_rate_limited(self, message: str) -> SaveResult:
        """Note that a rate limit left the source unread, in full or in part; no failure."""
        self._attempt.record_rate_limited(message)
        return SaveResult(changed=self._update.has_changed)

    def save_failure(self, failure: Failure) -> SaveResult:
        """Note a failure, and change ``status`` if the host was clear about it."""
        not_found = self._attempt.record_failure(failure)
        if self._source != "repo":
            return SaveResult(changed=False, failure=failure)
        before: Status = self._row["status"]
        if failure.kind == "gone" or not_found >= _MAX_NOT_FOUND:
            self._update.content["status"] = "gone"
        if failure.kind == "blocked":
            self._update.content["status"] = "blocked"
            # The host may also say so by a flag of the repository. A 304 has no flags, so the
            # repository must be read in full once it is back.
            self._update.delete_validators("repo")
        self._update.write()
        is_known = (before == "gone" and failure.kind in {"not_found", "gone"}) or (
            before == "blocked" and failure.kind == "blocked"
        )
        return SaveResult(changed=self._update.has_changed, failure=None if is_known else failure)

    def save_repository(self, result: RepositoryResult) -> SaveResult:
        """Save what was read of a repository."""
        facts, problem = result.repository, result.problem
        if facts is not None:
            if duplicate := self._find_duplicate(facts):
                self._update.content["status"] = "moved"
                self._update.write()
                return self._save_partial_failure(Failure(kind="malformed", message=duplicate))
            self._set_facts(facts)
        if result.activity is not None:
            self._set_activity(result.activity)
        if result.contributors is not None:
            self._update.set_participants(
                [(person.name, person.commits) for person in result.contributors]
            )
        if result.contributors_asked:
            self._update.state["contributors_read"] = self._update.at
        self._move_window(result)
        if problem is None:
            self._update.state["last_fetched"] = self._update.at
        self._update.content["status"] = self._next_status(result)
        self._update.write()
        self._update.store_validators(self._source, result.validators)
        if problem is None:
            return self._save_success()
        if isinstance(problem, RateLimited):
            return self.save_rate_limited(problem.message)
        return self._save_partial_failure(Failure(kind=problem.kind, message=problem.message))

    def save_project(self, result: ProjectResult) -> SaveResult:
        """Save what was read of a PyPI project."""
        self._update.state["pypi_lookup_note"] = result.lookup_note
        if result.serial is not None:
            self._update.state["pypi_serial"] = result.serial
        if result.project is not None:
            self._set_project(result.project)
            self._update.delete_validators("pypi")
        if not self._row["repo_url"]:
            self._update.state["last_fetched"] = self._update.at
        self._update.write()
        self._update.store_validators(self._source, result.validators)
        return self._save_success()

    def save_downloads(self, result: DownloadsResult) -> SaveResult:
        """Save the download counts; without new ones, the last counts stay.

        They change every day and the record has no key for them, so they do not change
        ``modified``. A run still counts them as an update, because ``--full`` shows them.
        """
        changed = False
        if result.downloads is not None:
            counts = encode_facts("downloads", result.downloads)
            changed = any(self._row[column] != count for column, count in counts.items())
            self._update.state |= counts
            self._update.delete_validators("downloads")
        self._update.write()
        self._update.store_validators(self._source, result.validators)
        self._attempt.record_success()
        return SaveResult(changed=changed)

    def _save_partial_failure(self, failure: Failure) -> SaveResult:
        """Note a failure of a repository that exists."""
        self._attempt.record_failure(failure, found=True)
        return SaveResult(changed=self._update.has_changed, failure=failure)

    def _save_success(self) -> SaveResult:
        self._attempt.record_success()
        return SaveResult(changed=self._update.has_changed)

    # ── the parts of a repository ──

    def _find_duplicate(self, facts: RepositoryFacts) -> str | None:
        """Return why the repository is another package's, if it is.

        The host's own id finds a repository that two packages name differently, for example on
        a host whose keys keep their case.
        """
        locator, update = facts.locator, self._update
        query = "SELECT slug FROM packages WHERE repo_key = ? AND id <> ?"
        slug = find_value(update.connection, query, locator.key, update.id)
        if slug is not None:
            return f"the repository is now {locator.url}, which is the package {slug}"
        if facts.repo_id == self._row["repo_id"]:
            return None
        rows = update.connection.execute(
            "SELECT slug, repo_url FROM packages WHERE repo_id = ? AND repo_host = ? AND id <> ?",
            (facts.repo_id, locator.host, update.id),
        )
        for slug, url in rows:
            other = stored_locator(url)  # ids of the same host at another port are other ids
            if other is not None and other.host_with_port == locator.host_with_port:
                return f"the repository is already followed as {slug}"
        return None

    def _set_facts(self, facts: RepositoryFacts) -> None:
        locator, content = facts.locator, self._update.content
        content |= encode_facts("repository", facts)
        content |= {"repo_url": locator.url, **locator_columns(locator)}
        if not facts.archived:
            content["archived_at"] = None
        elif facts.archived_at is not None:
            content["archived_at"] = encode_instant(facts.archived_at)
        if locator.url != self._row["repo_url"]:
            # Their keys have the old name, and requests have the new one.
            self._update.delete_validators("repo")
        if self._followed is not None and self._followed.key != locator.key:
            self._update.add_previous_url(self._followed.key)
            self._update.connection.execute(
                "DELETE FROM previous_urls WHERE package_id = ? AND key = ?",
                (self._update.id, locator.key),
            )

    def _set_activity(self, commits: Activity) -> None:
        if history.replace_days(self._update.connection, self._update.id, commits):
            self._update.has_changed = True
        since = commits.since
        self._update.state |= {
            "head": commits.head,
            "days_known": 1,
            "days_since": None if since is None else since.isoformat(),
            **history.span_columns(self._row, since, self._today),
        }
        self._update.content["last_updated"] = encode_instant(commits.committed_at)
        if commits.default_branch is not None:
            self._update.content["default_branch"] = commits.default_branch
        # A count belongs to its head: with a new head it is unknown until the host states it.
        if commits.commit_count is not None or commits.head != self._row["head"]:
            self._update.content["commit_count"] = commits.commit_count

    def _move_window(self, result: RepositoryResult) -> None:
        """Compute the 52 weeks that end today, if all their days are known.

        The window moves every day without any commit. A response without new commits (a 304)
        still completes the days until today.
        """
        if result.activity is None and (
            result.problem is not None or result.status is not None or not self._row["days_known"]
        ):
            return
        first = activity.window_start(self._today)
        days = history.read_days(self._update.connection, self._update.id, first)
        until = self._today.isoformat()
        self._update.state |= {
            "commits_over_52": encode_list(activity.weekly_counts(days, self._today)),
            "commits_until": until,
            "days_until": until,
        }

    def _next_status(self, result: RepositoryResult) -> Status:
        before: Status = self._row["status"]
        facts = result.repository
        if result.status is not None:
            return result.status
        if facts is None and (result.problem is not None or before == "blocked"):
            return before
        if facts is not None and facts.disabled:
            return "blocked"
        if self._update.content.get("archived", self._row["archived"]):
            return "archived"
        if result.activity is not None:
            return "active" if result.activity.head else "empty"
        return "empty" if before == "empty" else "active"

    # ── the parts of a project ──

    def _set_project(self, project: Project) -> None:
        columns = project_name_columns(project.name)
        if columns["pypi_key"] != self._row["pypi_key"]:
            self._update.clear_downloads()
        facts = encode_facts("project", project)
        if not project.described:
            facts = {name: value for name, value in facts.items() if name in _INDEX_COLUMNS}
        self._update.content |= columns | facts
        releases = [_release_columns(release) for release in project.releases]
        self._update.replace_rows("versions", RELEASE_COLUMNS, releases)


def _release_columns(release: Release) -> tuple[object, ...]:
    """Return the values of ``RELEASE_COLUMNS``."""
    return (
        release.version,
        encode_instant(release.upload_time),
        int(release.yanked),
        release.yanked_reason,
        int(release.is_prerelease),
        release.requires_python,
    )
