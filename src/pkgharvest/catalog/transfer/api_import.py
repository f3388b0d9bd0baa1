"""Resources of the API v4 come into the catalogue: new ones, and news of those that are there.

A package that was fetched later than the record says is fresher than the record, which then tells
nothing of its figures. What a person set with ``edit`` is theirs.
"""

import datetime as dt
import json
import sqlite3

from pkgharvest.api_v4 import decode
from pkgharvest.api_v4.decode import Resource
from pkgharvest.catalog import package_update, source_state
from pkgharvest.catalog.database import Table, find_row, insert_row, update_row
from pkgharvest.catalog.encoding import (
    decode_instant,
    decode_strings,
    encode_instant,
    encode_list,
    stored_locator,
)
from pkgharvest.catalog.lookup import find_by_repository
from pkgharvest.catalog.migrations import DOWNLOAD_COLUMNS
from pkgharvest.catalog.transfer.upsert import (
    UpsertResult,
    ensure_placeholder,
    locked_grids,
    require_free_slug,
    require_same_collection,
    set_grids,
)
from pkgharvest.model.errors import Conflict
from pkgharvest.model.locators import Locator, normalize_name

_FIGURES = (
    "last_updated",
    "last_fetched",
    "repo_forks",
    "repo_watchers",
    "repo_description",
    "commits_over_52",
)
"""Columns that a fetch of the repository fills: the fresher of two has them right."""

_OF_REPOSITORY = (
    *("last_updated", "repo_forks", "repo_watchers", "repo_description"),
    *("commits_over_52", "participant_names"),
)

_NO_REPOSITORY: dict[str, object] = {
    "repo_id": None,
    "default_branch": None,
    "head": None,
    "commit_count": None,
    "archived": None,
    "archived_at": None,
    "status": "active",
    "open_issues": None,
    "homepage": None,
    "license": None,
    "topics": "[]",
    "days_known": 0,
    "days_since": None,
    "days_from": None,
    "days_until": None,
    "contributors_read": None,
}
"""What was read of a repository, and no record tells."""

_NO_PROJECT: dict[str, object] = {
    "pypi_serial": None,
    "pypi_lookup_note": None,
    "pypi_status": None,
    "pypi_requires_python": None,
    "pypi_license": None,
    "pypi_classifiers": "[]",
    "pypi_summary": None,
    "pypi_documentation_url": None,
    **dict.fromkeys(DOWNLOAD_COLUMNS),
}
"""What was read of a project, and no record tells."""


def import_resource(
    connection: sqlite3.Connection, told: Resource, now: dt.datetime
) -> UpsertResult:
    """Put ``told`` into the catalogue; Conflict where it cannot stand beside what is there.

    Call inside a transaction, which a Conflict leaves half done.
    """
    if told.kind != "package":
        return import_collection(connection, told, now)
    row = find_row(connection, "packages", told.id)
    place = stored_locator(str(told.values.get("repo_url", "")))
    require_package_identity(connection, row, told.id, told.slug, place)
    if row is not None:
        return _News(connection, row, told, place, now).take(new=False)
    moment = str(encode_instant(now))
    insert_row(
        connection,
        "packages",
        {
            "id": told.id,
            "slug": told.slug,
            "title": told.values["title"],
            "created": moment,
            "modified": "",  # older than whatever is told
        },
    )
    row = find_row(connection, "packages", told.id)
    assert row is not None
    return _News(connection, row, told, place, now).take(new=True)


def require_package_identity(
    connection: sqlite3.Connection,
    row: sqlite3.Row | None,
    number: int,
    slug: str,
    place: Locator | None,
) -> None:
    """Raise Conflict where a package of that id, slug and repository cannot be.

    ``row`` is the package that has the id; it is the same one where it has the slug, or is or was
    followed at ``place``.
    """
    follower = None if place is None else find_by_repository(connection, place)
    if row is not None and row["slug"] not in {slug, follower}:
        raise Conflict(f"the id {number} is taken by another package, {row['slug']}")
    require_free_slug(connection, "packages", number, slug)
    if follower is not None and (row is None or row["slug"] != follower):
        raise Conflict(f"its repository is that of another package, {follower}")


class _News:
    """One record on its way into one package; lives for the length of a ``take``."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        row: sqlite3.Row,
        told: Resource,
        place: Locator | None,
        now: dt.datetime,
    ) -> None:
        self._connection = connection
        self._row = row
        self._id = int(row["id"])
        self._told = {
            key: encode_instant(value) if isinstance(value, dt.datetime) else value
            for key, value in told.values.items()
        }
        self._extra = json.loads(row["extra"]) | dict(told.extra)
        self._place = place
        self._now = str(encode_instant(now))
        self._edited = frozenset(json.loads(row["user_fields"]))
        query = "SELECT source, last_success FROM fetches WHERE package_id = ?"
        own: dict[str, str | None] = dict(connection.execute(query, (self._id,)).fetchall())
        fetched, known = str(self._told.get("last_fetched") or ""), row["last_fetched"]
        # Of the same instant what was fetched here is as good, and told in full.
        is_own = known is not None and known in own.values()
        self._fresh = known is None or (fetched > known if is_own else fetched >= known)
        read = own.get("pypi")
        self._project_fresh = self._fresh and (read is None or fetched > read)
        self._columns: dict[str, object] = {}
        self._made = False
        """Whether it was put into other grids."""

    def take(self, *, new: bool) -> UpsertResult:
        """Write what is news, and say what it came to."""
        self._set_by_people()
        self._repository()
        self._project()
        if self._fresh:
            self._figures()
        self._grids()
        self._columns["extra"] = json.dumps(self._extra)
        changed = {name: to for name, to in self._columns.items() if self._row[name] != to}
        if not (changed or self._made or new):
            told_later = self._fresh and str(self._told.get("modified", "")) > self._row["modified"]
            if not told_later:
                return UpsertResult("unchanged")
        self._distrust(changed)
        told = str(self._told.get("modified", self._now))
        changed["modified"] = max(told, self._row["modified"])
        update_row(self._connection, "packages", self._id, changed)
        package_update.refresh_score(self._connection, self._id)
        return UpsertResult("added" if new else "updated")

    def _is_theirs(self, name: str) -> bool:
        """Tell whether a person set ``name`` with edit."""
        return name in self._edited

    def _set_by_people(self) -> None:
        for name in ("slug", "title", "created"):
            if name in self._told and not self._is_theirs(name):
                self._columns[name] = self._told[name]
        if "category" in self._told and not self._is_theirs("category"):
            number = self._told["category"]
            if isinstance(number, int):
                ensure_placeholder(self._connection, "categories", number, self._now)
            self._columns["category_id"] = number
        docs, own = self._told.get("documentation_url"), self._row["documentation_url"]
        shown = self._row["pypi_documentation_url"] if own is None else own
        is_told = "documentation_url" in self._told
        if is_told and docs != shown and not self._is_theirs("docs"):
            self._columns["documentation_url"] = docs

    def _grids(self) -> None:
        wanted = self._told.get("grids")
        if not isinstance(wanted, tuple) or self._is_theirs("grids"):
            return
        query = "SELECT grid_id FROM grid_packages WHERE package_id = ? ORDER BY position"
        there = [int(row[0]) for row in self._connection.execute(query, (self._id,))]
        grids = [int(one) for one in wanted]
        if fixed := locked_grids(self._connection):
            grids = [one for one in grids if one not in fixed or one in there]
            grids += [one for one in there if one in fixed and one not in grids]
        if grids != there:
            self._made = True
            set_grids(self._connection, self._id, grids, self._now)

    # ── where it is ──

    def _repository(self) -> None:
        url, known = self._told.get("repo_url"), self._row["repo_url"]
        if not url or url == known or self._is_theirs("repo"):
            return
        key = None if self._place is None else self._place.key
        if key is not None and key == self._row["repo_key"]:
            if self._fresh:
                self._columns["repo_url"] = url  # another spelling
            return
        if self._was_at(key):
            return  # a rename that a fetch has followed, and the record has not
        self._columns |= {
            "repo_url": url,
            "repo_key": key,
            "repo_host": None if self._place is None else self._place.host or None,
        }
        if not known:
            return
        self._columns |= _NO_REPOSITORY
        self._connection.execute("DELETE FROM commit_days WHERE package_id = ?", (self._id,))
        source_state.delete_validators(self._connection, self._id, "repo")
        source_state.clear_source_state(self._connection, self._id, "repo")
        if self._row["repo_key"] is not None:
            self._connection.execute(
                "INSERT OR REPLACE INTO previous_urls (package_id, url, key, until)"
                " VALUES (?, ?, ?, ?)",
                (self._id, known, self._row["repo_key"], self._now),
            )

    def _was_at(self, key: str | None) -> bool:
        query = "SELECT 1 FROM previous_urls WHERE package_id = ? AND key = ?"
        return self._connection.execute(query, (self._id, key)).fetchone() is not None

    def _project(self) -> None:
        url, known = self._told.get("pypi_url"), self._row["pypi_key"]
        chosen = self._row["pypi_source"] == "none" or self._is_theirs("pypi")
        if not url or url == self._row["pypi_url"] or chosen:
            return
        name = decode.parse_project_name(str(url))
        key = None if name is None else normalize_name(name)
        if known is not None and key == known:
            if self._project_fresh:
                self._columns["pypi_url"] = url  # another spelling
            return
        self._columns["pypi_url"] = url
        if key is not None:
            # The record's editors chose it: a fetch need not find out which it is.
            self._columns |= {"pypi_name": name, "pypi_key": key, "pypi_source": "set"}
        if known is not None and key is not None:
            self._columns |= _NO_PROJECT
            self._connection.execute("DELETE FROM versions WHERE package_id = ?", (self._id,))
            for source in ("pypi", "downloads"):
                source_state.delete_validators(self._connection, self._id, source)
                source_state.clear_source_state(self._connection, self._id, source)

    # ── figures ──

    def _is_about_the_same_repository(self) -> bool:
        """Tell whether the record's figures are of the repository that a person set, if one did."""
        url = self._told.get("repo_url")
        if not self._is_theirs("repo") or not url or url == self._row["repo_url"]:
            return True
        key = None if self._place is None else self._place.key
        return key is not None and (key == self._row["repo_key"] or self._was_at(key))

    def _is_about_the_same_project(self) -> bool:
        """Tell whether the record's version is of the project that a person set, if one did."""
        if self._row["pypi_source"] == "none":
            return False
        url = self._told.get("pypi_url")
        if not self._is_theirs("pypi") or not url or url == self._row["pypi_url"]:
            return True
        name = decode.parse_project_name(str(url))
        return name is not None and normalize_name(name) == self._row["pypi_key"]

    def _figures(self) -> None:
        if (
            "pypi_version" in self._told
            and self._project_fresh
            and self._is_about_the_same_project()
        ):
            self._columns["pypi_version"] = self._told["pypi_version"]
        if not self._is_about_the_same_repository():
            return
        self._participants()
        for name in _FIGURES:
            if name in self._told:
                value = self._told[name]
                self._columns[name] = encode_list(value) if isinstance(value, tuple) else value
        fetched = decode_instant(self._row["last_fetched"])
        if "last_fetched" in self._told:
            told = self._told["last_fetched"]
            fetched = None if told is None else decode_instant(str(told))
        if "commits_over_52" in self._told:
            end = fetched if self._told["commits_over_52"] else None
            self._columns["commits_until"] = None if end is None else end.date().isoformat()

    def _participants(self) -> None:
        """Take the names; how many commits each has, no record tells."""
        names = self._told.get("participants")
        query = "SELECT name FROM participants WHERE package_id = ? ORDER BY position"
        known = tuple(row[0] for row in self._connection.execute(query, (self._id,)))
        if not isinstance(names, tuple) or names == known:
            return
        self._connection.execute("DELETE FROM participants WHERE package_id = ?", (self._id,))
        self._connection.executemany(
            "INSERT INTO participants (package_id, position, name, commits) VALUES (?, ?, ?, 0)",
            [(self._id, position, name) for position, name in enumerate(names)],
        )
        self._columns["participant_names"] = "\n".join(map(str, names))

    def _distrust(self, changed: dict[str, object]) -> None:
        """Let the next fetch read again what was not read, but told: a 304 would keep it."""
        if not changed.keys().isdisjoint(_OF_REPOSITORY):
            source_state.delete_validators(self._connection, self._id, "repo")
            changed |= {"contributors_read": None, "head": None}
        if "pypi_version" in changed:
            source_state.delete_validators(self._connection, self._id, "pypi")
            changed["pypi_serial"] = None


def import_collection(
    connection: sqlite3.Connection, told: Resource, now: dt.datetime
) -> UpsertResult:
    """Put a category or a grid into the catalogue as it was told.

    What a person set is theirs. A grid's list of packages puts those that are there into it, and
    takes none out: which grids a package is in, and in which order, is for the package to say.
    """
    table: Table = "grids" if told.kind == "grid" else "categories"
    row = find_row(connection, table, told.id)
    theirs = frozenset() if row is None else frozenset(decode_strings(row["user_fields"]))
    columns: dict[str, object] = {
        key: encode_instant(value) if isinstance(value, dt.datetime) else value
        for key, value in told.values.items()
        if key != "packages" and key not in theirs
    }
    if row is not None:
        created = columns.get("created")
        require_same_collection(table, row, told.slug, None if created is None else str(created))
    if "slug" in columns:
        require_free_slug(connection, table, told.id, told.slug)
    extra = {} if row is None else json.loads(row["extra"])
    columns |= {"extra": json.dumps(extra | dict(told.extra)), "is_placeholder": 0}
    if row is None:
        moment = encode_instant(now)
        insert_row(
            connection, table, {"id": told.id, "created": moment, "modified": moment} | columns
        )
    else:
        if row["created"] == columns.get("created") and "modified" in columns:
            # What was changed here after the site changed it, was.
            columns["modified"] = max(str(columns["modified"]), row["modified"])
        columns = {name: value for name, value in columns.items() if row[name] != value}
        update_row(connection, table, told.id, columns)
    absent, put = _put_into(connection, told)
    message = f"{absent} of its packages are not in the catalogue" if absent else ""
    if row is None:
        return UpsertResult("added", message)
    return UpsertResult("updated" if columns or put else "unchanged", message)


def _put_into(connection: sqlite3.Connection, told: Resource) -> tuple[int, int]:
    """Put the packages of a grid into it; return how many are absent, and how many were put."""
    listed = told.values.get("packages")
    if not isinstance(listed, tuple) or not listed or told.id in locked_grids(connection):
        return 0, 0
    these = json.dumps(listed)
    present = connection.execute(
        "SELECT count(*) FROM packages WHERE id IN (SELECT value FROM json_each(?))", (these,)
    ).fetchone()[0]
    put = connection.execute(
        """
        INSERT OR IGNORE INTO grid_packages (package_id, grid_id, position)
        SELECT id, :grid, (
            SELECT coalesce(max(position) + 1, 0) FROM grid_packages WHERE package_id = id
        ) FROM packages
        WHERE id IN (SELECT value FROM json_each(:these))
            AND NOT EXISTS (SELECT 1 FROM json_each(user_fields) WHERE value = 'grids')
        """,
        {"grid": told.id, "these": these},
    ).rowcount
    return len(listed) - int(present), int(put)
