"""Adding, editing and removing packages, as users ask for it.

``packages.user_fields`` lists the fields that a user has set. Imports and fetches leave those
alone, except that a fetch follows a renamed repository and takes over PyPI's spelling of a name.
Reading packages lives in ``packages``.
"""

import datetime as dt
import functools
import sqlite3
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, get_args

from pkgharvest.catalog import lookup
from pkgharvest.catalog.columns import (
    decode_list,
    encode_instant,
    encode_list,
    stored_locator,
)
from pkgharvest.catalog.database import (
    Table,
    as_sqlite_utils,
    find_row,
    find_value,
    update_row,
)
from pkgharvest.catalog.package_update import (
    PackageUpdate,
    locator_columns,
    project_name_columns,
    replace_grids,
)
from pkgharvest.model import slugs
from pkgharvest.model.errors import InvalidValue, RepositoryTaken
from pkgharvest.model.locators import Locator, normalize_name
from pkgharvest.model.observations import PypiSource

EditableField = Literal["title", "slug", "repo", "pypi", "docs", "category", "grids"]
EDITABLE_FIELDS: tuple[EditableField, ...] = get_args(EditableField)
"""The fields that users may set, in the order of the output."""

ALL_GRIDS = "*"
"""Stands for every grid; no slug can be this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageChanges:
    """What to change in a package; what is None or empty stays as it is."""

    title: str | None = None
    slug: str | None = None
    locator: Locator | None = None
    pypi_source: PypiSource | None = None
    """``set`` or ``none``; resetting ``pypi`` gives ``auto``."""
    pypi_name: str | None = None
    documentation_url: str | None = None
    category: str | None = None
    """Its slug; "" takes the package out of its category."""
    grids: tuple[str, ...] = ()
    """Slugs of grids to put the package into."""
    not_grids: tuple[str, ...] = ()
    """Slugs of grids to take the package out of; ``ALL_GRIDS`` stands for all of them."""
    reset: frozenset[EditableField] = frozenset()
    """Fields to release: imports and fetches may change them again.

    Each returns to its derived value. Only the repository has none: it stays as it is.
    """

    @property
    def sets(self) -> set[EditableField]:
        """The fields that it sets."""
        values: dict[EditableField, object] = {
            "title": self.title is not None,
            "slug": self.slug is not None,
            "repo": self.locator,
            "pypi": self.pypi_source in {"set", "none"},
            "docs": self.documentation_url is not None,
            "category": self.category is not None,
            "grids": self.grids or self.not_grids,
        }
        return {field for field, value in values.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPackage(PackageChanges):
    """A package to add: the changes of one that has nothing but its repository.

    What is None is derived from the repository.
    """

    locator: Locator


class EditResult(NamedTuple):
    """What an edit changed."""

    package_id: int
    slug: str
    """The slug after the edit."""
    changed: tuple[EditableField, ...]
    """The fields that differ from before."""
    reset: tuple[EditableField, ...] = ()
    """The fields that fetches and imports may change again."""


def add_package(
    connection: sqlite3.Connection, new: NewPackage, now: dt.datetime
) -> tuple[str, bool]:
    """Add a package; return its slug, and whether it is new.

    If a package follows the repository already, or followed it under a previous name, nothing
    changes. Call inside a transaction. Raises UnknownCategory, UnknownGrid and GridLocked, even
    if there is nothing to add, and InvalidValue for a slug that is invalid or taken.
    """
    category = (
        None
        if new.category is None
        else lookup.collection_id(connection, "categories", new.category)
    )
    grids = [lookup.open_grid_id(connection, grid) for grid in dict.fromkeys(new.grids)]
    existing = lookup.find_by_repository(connection, new.locator)
    if existing is not None:
        return existing, False
    if new.slug is not None:
        require_free_slug(connection, "packages", new.slug)
    slug = new.slug or _free_slug(connection, new.locator)
    columns = {
        "slug": slug,
        "title": new.title or new.locator.name,
        "category_id": category,
        "created": encode_instant(now),
        "modified": encode_instant(now),
        "repo_url": new.locator.url,
        **locator_columns(new.locator),
        "documentation_url": new.documentation_url,
        "user_fields": encode_list(_sort_fields(new.sets - {"repo"})),
        "pypi_source": new.pypi_source or "auto",
        **project_name_columns(new.pypi_name),
    }
    package_id = as_sqlite_utils(connection).table("packages").insert(columns).last_pk
    assert isinstance(package_id, int)
    replace_grids(connection, package_id, grids)
    return slug, True


def remove_package(connection: sqlite3.Connection, package_id: int) -> tuple[str, str] | None:
    """Remove a package and everything known of it; return its slug and its repository's URL.

    Returns None if it was removed already. Call inside a transaction.
    """
    row = find_row(connection, "packages", package_id)
    connection.execute("DELETE FROM packages WHERE id = ?", (package_id,))
    return None if row is None else (str(row["slug"]), str(row["repo_url"]))


def slug_is_taken(connection: sqlite3.Connection, table: Table, slug: str) -> bool:
    """Tell whether a package, a category or a grid has this slug."""
    query = f"SELECT 1 FROM {table} WHERE slug = ?"  # noqa: S608 - one of three
    return find_value(connection, query, slug) is not None


def require_free_slug(connection: sqlite3.Connection, table: Table, slug: str) -> None:
    """Raise InvalidValue if ``slug`` is invalid, or is another one's in ``table``."""
    require_slug(slug)
    if slug_is_taken(connection, table, slug):
        raise InvalidValue(f"{slug!r} is taken", field="slug")


def require_slug(slug: str) -> None:
    """Raise InvalidValue if ``slug`` is invalid."""
    if not slugs.is_slug(slug):
        raise InvalidValue(
            f"{slug!r} is not a slug",
            field="slug",
            hint="lower-case letters, digits, - and _; not digits alone, and no - in front",
        )


def _free_slug(connection: sqlite3.Connection, locator: Locator, own: str | None = None) -> str:
    """Return the first slug for ``locator`` that is free, or is the package's ``own``."""
    return next(
        slug
        for slug in slugs.slug_candidates(locator)
        if slug == own or not slug_is_taken(connection, "packages", slug)
    )


def edit(
    connection: sqlite3.Connection, name: str, changes: PackageChanges, now: dt.datetime
) -> EditResult:
    """Apply ``changes`` to the package that ``name`` finds, and touch no other field.

    Call inside a transaction, so that simultaneous edits wait for each other. Raises
    UnknownPackage, UnknownCategory, UnknownGrid, GridLocked, RepositoryTaken, and InvalidValue for
    a slug that is invalid or taken.
    """
    row = lookup.find_package_row(connection, name)
    # Only fields that a user has set can be reset.
    user_fields = frozenset(decode_list(row["user_fields"])) | changes.sets
    changes = replace(changes, reset=changes.reset & user_fields)
    editor = _Editor(connection, row, changes, now)
    editor.set_repository()
    editor.set_names()
    editor.set_project()
    editor.set_documentation()
    editor.set_collections()
    return editor.write()


def mark_user_field(connection: sqlite3.Connection, package_id: int, field: EditableField) -> None:
    """Record that a user has set ``field`` of a package."""
    stored = find_value(connection, "SELECT user_fields FROM packages WHERE id = ?", package_id)
    user_fields = encode_list(_sort_fields({*decode_list(stored), field}))
    update_row(connection, "packages", package_id, {"user_fields": user_fields})


def _sort_fields(fields: AbstractSet[str]) -> list[str]:
    """Sort names of fields; those that this version does not know come last."""
    known = [field for field in EDITABLE_FIELDS if field in fields]
    return [*known, *sorted(fields - set(EDITABLE_FIELDS))]


class _Editor:
    """Applies one set of changes to one package."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        row: sqlite3.Row,
        changes: PackageChanges,
        now: dt.datetime,
    ) -> None:
        self._row = row
        self._changes = changes
        self._update = PackageUpdate(connection, row, now)
        self._changed: set[EditableField] = set()
        self._locator = stored_locator(row["repo_url"])
        self._slug = str(row["slug"])

    def set_repository(self) -> None:
        """Follow another repository, or another spelling of the same one."""
        locator = self._changes.locator
        if locator is None or locator.url == self._row["repo_url"]:
            return
        other = lookup.find_by_repository(self._update.connection, locator)
        if other is not None and other != self._slug:
            raise RepositoryTaken(locator.url, other)
        self._locator = locator
        self._changed.add("repo")
        self._update.content |= {"repo_url": locator.url, **locator_columns(locator)}
        self._update.delete_validators("repo")
        if locator.key != self._row["repo_key"]:
            self._update.clear_repository()
            self._update.set_participants([])
            self._update.delete_rows("previous_urls")

    def set_names(self) -> None:
        """Set or reset title and slug."""
        title = self._changes.title
        if "title" in self._changes.reset:
            title = self._locator.name if self._locator else self._slug
        if title is not None:
            self._set("title", "title", title)
        slug = self._changes.slug
        if "slug" in self._changes.reset and self._locator is not None:
            slug = _free_slug(self._update.connection, self._locator, own=self._slug)
        if slug is not None and slug != self._slug:
            require_free_slug(self._update.connection, "packages", slug)
            self._set("slug", "slug", slug)
            self._slug = slug

    def set_project(self) -> None:
        """Set the PyPI project: one that the user names, none, or whatever a fetch finds."""
        before: PypiSource = self._row["pypi_source"]
        source = "auto" if "pypi" in self._changes.reset else self._changes.pypi_source or before
        name = self._changes.pypi_name if source == "set" else None
        if source != before:
            self._changed.add("pypi")
            self._update.state["pypi_source"] = source
        if name is None:
            # A fetch found the project by the repository.
            has_new_repository = "repo_key" in self._update.changed_content()
            if source != before or (source == "auto" and has_new_repository):
                self._change_project(None)
        elif normalize_name(name) != self._row["pypi_key"]:
            self._changed.add("pypi")
            self._change_project(name)
        elif source != before:
            self._update.clear_project_state()

    def set_documentation(self) -> None:
        """Set the URL of the documentation, or let PyPI's stand."""
        before, at_pypi = self._row["documentation_url"], self._row["pypi_documentation_url"]
        is_reset = "docs" in self._changes.reset
        url = None if is_reset else self._changes.documentation_url or before
        if url != before:
            self._changed.add("docs")
            is_shown = (at_pypi if url is None else url) != (at_pypi if before is None else before)
            columns = self._update.content if is_shown else self._update.state
            columns["documentation_url"] = url

    def set_collections(self) -> None:
        """Put the package into its category and grids, and take it out of others."""
        changes = self._changes
        if "category" in changes.reset or changes.category == "":
            self._set("category", "category_id", None)
        elif changes.category is not None:
            category = lookup.collection_id(self._update.connection, "categories", changes.category)
            self._set("category", "category_id", category)
        before = {
            str(row["slug"]): int(row["id"])
            for row in self._update.connection.execute(
                "SELECT slug, id FROM grids JOIN grid_packages ON grid_id = id"
                " WHERE package_id = ? ORDER BY position",
                (self._update.id,),
            )
        }
        leaves_all = "grids" in changes.reset or ALL_GRIDS in changes.not_grids
        leaving = before if leaves_all else dict.fromkeys(changes.not_grids)
        find_grid = functools.partial(lookup.open_grid_id, self._update.connection)
        left = {find_grid(slug) for slug in leaving if slug not in changes.grids}
        wanted = dict.fromkeys((*before.values(), *map(find_grid, changes.grids)))
        grids = [grid for grid in wanted if grid not in left]
        if grids == list(before.values()):
            return
        self._changed.add("grids")
        self._update.has_changed = True
        replace_grids(self._update.connection, self._update.id, grids)

    def write(self) -> EditResult:
        """Write the changes, and which fields are the user's now."""
        before = set(decode_list(self._row["user_fields"]))
        user_fields = (before | self._changes.sets) - self._changes.reset
        self._update.state["user_fields"] = encode_list(_sort_fields(user_fields))
        self._update.write()
        return EditResult(
            self._update.id,
            self._slug,
            tuple(field for field in EDITABLE_FIELDS if field in self._changed),
            tuple(field for field in EDITABLE_FIELDS if field in self._changes.reset),
        )

    # ── the parts ──

    def _set(self, field: EditableField, column: str, value: object) -> None:
        if self._row[column] != value:
            self._changed.add(field)
            self._update.content[column] = value

    def _change_project(self, name: str | None) -> None:
        """Clear everything known of the previous project, and set the name of the next."""
        self._update.content |= project_name_columns(name)
        self._update.clear_project()
