"""Importing resources of the API v4: new ones, and newer values of stored ones.

Records and fetches compete for the same columns. A package that was fetched after the record's
own fetch is fresher, and keeps its fetched columns. Columns that a user has set always stay. What
an import brings was not read from the host by this catalog, so the validators of that data are
deleted: the next fetch reads it again. ``upsert`` has the rules of identity.
"""

import datetime as dt
import json
import sqlite3

from pkgharvest.api_v4.decode import Resource, parse_project_name
from pkgharvest.catalog.columns import (
    PACKAGE_COLUMNS,
    decode_instant,
    decode_list,
    encode_instant,
    encode_list,
    stored_locator,
)
from pkgharvest.catalog.database import Table, find_row, insert_row, update_row
from pkgharvest.catalog.package_update import (
    PackageUpdate,
    locator_columns,
    project_name_columns,
)
from pkgharvest.catalog.transfer.upsert import (
    UpsertResult,
    ensure_collection,
    grids_of,
    locked_grids,
    require_free_slug,
    require_package_identity,
    require_same_collection,
    set_grids,
)
from pkgharvest.model.locators import Locator

_FETCHED_COLUMNS = tuple(
    column.name
    for column in PACKAGE_COLUMNS
    if column.owner == "repository" and column.is_published
)
"""Columns that both a record and a fetch of the repository fill."""

_VALIDATED_COLUMNS = {*_FETCHED_COLUMNS, "participant_names"} - {"last_fetched"}
"""Columns that the validators of the repository vouch for."""


def import_resource(
    connection: sqlite3.Connection, resource: Resource, now: dt.datetime
) -> UpsertResult:
    """Add or update a package, category or grid.

    Raises Conflict if another resource has its id, slug or repository. Call inside a transaction,
    which a Conflict leaves half done.
    """
    if resource.kind != "package":
        return _import_collection(connection, resource, now)
    row = find_row(connection, "packages", resource.id)
    locator = stored_locator(str(resource.values.get("repo_url", "")))
    require_package_identity(connection, row, resource.id, resource.slug, locator)
    is_new = row is None
    if row is None:
        insert_row(
            connection,
            "packages",
            {
                "id": resource.id,
                "slug": resource.slug,
                "title": resource.values["title"],
                "created": encode_instant(now),
                "modified": "",  # before every instant, so that the record's is later
            },
        )
        row = find_row(connection, "packages", resource.id)
        assert row is not None
    return _PackageImport(connection, row, resource, locator, now).apply(is_new=is_new)


def _import_collection(
    connection: sqlite3.Connection, resource: Resource, now: dt.datetime
) -> UpsertResult:
    """Add or update a category or a grid.

    A grid's list of packages adds those to it that the catalog has, and removes none: a package
    states itself which grids it is in, and in which order.
    """
    table: Table = "grids" if resource.kind == "grid" else "categories"
    row = find_row(connection, table, resource.id)
    user_fields = frozenset() if row is None else frozenset(decode_list(row["user_fields"]))
    columns: dict[str, object] = {
        key: value
        for key, value in _encode_values(resource).items()
        if key != "packages" and key not in user_fields
    }
    if row is not None:
        require_same_collection(table, row, resource.slug, columns.get("created"))
    if "slug" in columns:
        require_free_slug(connection, table, resource.id, resource.slug)
    extra = {} if row is None else json.loads(row["extra"])
    columns |= {"extra": json.dumps(extra | dict(resource.extra)), "is_placeholder": 0}
    if row is None:
        now_text = encode_instant(now)
        columns = {"id": resource.id, "created": now_text, "modified": now_text} | columns
        insert_row(connection, table, columns)
    else:
        if row["created"] == columns.get("created") and "modified" in columns:
            # An edit made here after the site's last one stays the last modification.
            columns["modified"] = max(str(columns["modified"]), row["modified"])
        columns = {name: value for name, value in columns.items() if row[name] != value}
        update_row(connection, table, resource.id, columns)
    absent, added = _add_members(connection, resource)
    message = f"{absent} of its packages are not in the catalog" if absent else ""
    if row is None:
        return UpsertResult("added", message)
    return UpsertResult("updated" if columns or added else "unchanged", message)


def _add_members(connection: sqlite3.Connection, resource: Resource) -> tuple[int, int]:
    """Add the packages of a grid to it; return how many are unknown, and how many were added."""
    listed = resource.values.get("packages")
    if not isinstance(listed, tuple) or not listed or resource.id in locked_grids(connection):
        return 0, 0
    ids_json = json.dumps(listed)
    [known] = connection.execute(
        "SELECT count(*) FROM packages WHERE id IN (SELECT value FROM json_each(?))", (ids_json,)
    ).fetchone()
    added = connection.execute(
        """
        INSERT OR IGNORE INTO grid_packages (package_id, grid_id, position)
        SELECT id, :grid, (
            SELECT coalesce(max(position) + 1, 0) FROM grid_packages WHERE package_id = id
        ) FROM packages
        WHERE id IN (SELECT value FROM json_each(:ids))
            AND NOT EXISTS (SELECT 1 FROM json_each(user_fields) WHERE value = 'grids')
        """,
        {"grid": resource.id, "ids": ids_json},
    ).rowcount
    return len(listed) - int(known), int(added)


def _encode_values(resource: Resource) -> dict[str, object]:
    """Return the values of a resource, instants as they are stored."""
    return {
        key: encode_instant(value) if isinstance(value, dt.datetime) else value
        for key, value in resource.values.items()
    }


class _PackageImport:
    """Imports one record into one package."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        row: sqlite3.Row,
        resource: Resource,
        locator: Locator | None,
        now: dt.datetime,
    ) -> None:
        self._row = row
        self._update = PackageUpdate(connection, row, now)
        self._values = _encode_values(resource)
        self._extra = json.loads(row["extra"]) | dict(resource.extra)
        self._locator_columns = locator_columns(locator)
        project_name = parse_project_name(str(self._values.get("pypi_url") or ""))
        self._project_columns = project_name_columns(project_name)
        self._now = self._update.at
        self._user_fields = frozenset(decode_list(row["user_fields"]))
        query = "SELECT source, last_success FROM fetches WHERE package_id = ?"
        fetched_here: dict[str, str | None] = dict(
            connection.execute(query, (row["id"],)).fetchall()
        )
        fetched, known = str(self._values.get("last_fetched") or ""), row["last_fetched"]
        # Of two fetches at the same instant this catalog's own has more.
        is_own = known is not None and known in fetched_here.values()
        self._is_fresher = known is None or (fetched > known if is_own else fetched >= known)
        pypi_fetched = fetched_here.get("pypi")
        self._has_fresher_project = self._is_fresher and (
            pypi_fetched is None or fetched > pypi_fetched
        )

    def apply(self, *, is_new: bool) -> UpsertResult:
        """Write what differs from the stored package."""
        self._set_user_values()
        self._set_repository()
        self._set_project()
        if self._is_fresher:
            self._set_fetched_values()
        self._set_grids()
        self._update.content["extra"] = json.dumps(self._extra)
        changed = self._update.changed_content()
        modified = str(self._values.get("modified", ""))
        is_later = self._is_fresher and modified > self._row["modified"]
        if not (changed or self._update.has_changed or is_new or is_later):
            return UpsertResult("unchanged")
        # The next fetch reads again what the record changed; a 304 would keep it.
        if not changed.keys().isdisjoint(_VALIDATED_COLUMNS):
            self._update.delete_validators("repo")
            self._update.state |= {"contributors_read": None, "head": None}
        if "pypi_version" in changed:
            self._update.delete_validators("pypi")
            self._update.state["pypi_serial"] = None
        self._update.at = modified or self._now
        self._update.has_changed = True
        self._update.write()
        return UpsertResult("added" if is_new else "updated")

    def _set_user_values(self) -> None:
        for name in ("slug", "title", "created"):
            if name in self._values and name not in self._user_fields:
                self._update.content[name] = self._values[name]
        if "category" in self._values and "category" not in self._user_fields:
            number = self._values["category"]
            if isinstance(number, int):
                ensure_collection(self._update.connection, "categories", number, self._now)
            self._update.content["category_id"] = number
        if "documentation_url" in self._values and "docs" not in self._user_fields:
            url, stored = self._values["documentation_url"], self._row["documentation_url"]
            if url != (self._row["pypi_documentation_url"] if stored is None else stored):
                self._update.content["documentation_url"] = url

    def _set_grids(self) -> None:
        values = self._values.get("grids")
        if not isinstance(values, tuple) or "grids" in self._user_fields:
            return
        stored = grids_of(self._update.connection, self._row["id"])
        grids = [int(number) for number in values]
        if locked := locked_grids(self._update.connection):
            grids = [number for number in grids if number not in locked or number in stored]
            grids += [number for number in stored if number in locked and number not in grids]
        if grids != stored:
            self._update.has_changed = True
            set_grids(self._update.connection, self._row["id"], grids, self._now)

    # ── which repository and project it is ──

    def _set_repository(self) -> None:
        url, stored = self._values.get("repo_url"), self._row["repo_url"]
        if not url or url == stored or "repo" in self._user_fields:
            return
        key, stored_key = self._locator_columns["repo_key"], self._row["repo_key"]
        if key is not None and key == stored_key:
            if self._is_fresher:
                self._update.content["repo_url"] = url  # another spelling
            return
        if self._update.had_previous_url(key):
            return  # a fetch has followed a rename that the record does not know yet
        self._update.content |= {"repo_url": url, **self._locator_columns}
        if stored:
            self._update.clear_repository(unpublished_only=True)
        if stored and stored_key is not None:
            self._update.add_previous_url(stored_key)

    def _set_project(self) -> None:
        url, stored = self._values.get("pypi_url"), self._row["pypi_key"]
        is_user_set = self._row["pypi_source"] == "none" or "pypi" in self._user_fields
        if not url or url == self._row["pypi_url"] or is_user_set:
            return
        key = self._project_columns["pypi_key"]
        is_respelled = stored is not None and key == stored
        if self._has_fresher_project or not is_respelled:
            self._update.content["pypi_url"] = url
        if is_respelled or key is None:
            return
        # The record's editors chose it, so no fetch has to search for it.
        self._update.content |= {**self._project_columns, "pypi_source": "set"}
        if stored is not None:
            self._update.clear_project(unpublished_only=True)

    # ── what a fetch fills too ──

    def _has_same_repository(self) -> bool:
        """Tell whether the record describes the repository that a user has set, if one did."""
        url = self._values.get("repo_url")
        if "repo" not in self._user_fields or not url or url == self._row["repo_url"]:
            return True
        key = self._locator_columns["repo_key"]
        is_stored = key == self._row["repo_key"] or self._update.had_previous_url(key)
        return key is not None and is_stored

    def _has_same_project(self) -> bool:
        """Tell whether the record describes the PyPI project that a user has set, if one did."""
        if self._row["pypi_source"] == "none":
            return False
        url = self._values.get("pypi_url")
        if "pypi" not in self._user_fields or not url or url == self._row["pypi_url"]:
            return True
        key = self._project_columns["pypi_key"]
        return key is not None and key == self._row["pypi_key"]

    def _set_fetched_values(self) -> None:
        values = self._values
        if "pypi_version" in values and self._has_fresher_project and self._has_same_project():
            self._update.content["pypi_version"] = values["pypi_version"]
        if not self._has_same_repository():
            return
        self._set_participants()
        for name in _FETCHED_COLUMNS:
            if name in values:
                value = values[name]
                self._update.content[name] = (
                    encode_list(value) if isinstance(value, tuple) else value
                )
        if "commits_over_52" in values:
            # The weeks end on the day of the record's fetch.
            fetched = values.get("last_fetched", self._row["last_fetched"])
            end = decode_instant(str(fetched)) if fetched and values["commits_over_52"] else None
            self._update.content["commits_until"] = None if end is None else end.date().isoformat()

    def _set_participants(self) -> None:
        """Replace the participants; a record does not state their numbers of commits."""
        names = self._values.get("participants")
        query = "SELECT name FROM participants WHERE package_id = ? ORDER BY position"
        stored = tuple(row[0] for row in self._update.connection.execute(query, (self._row["id"],)))
        if isinstance(names, tuple) and names != stored:
            self._update.set_participants([(str(name), 0) for name in names])
