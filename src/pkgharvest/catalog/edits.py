"""What a person sets goes into a package, and stays that person's until it is reset.

``packages.user_fields`` has the names of the fields that are a person's: what comes from elsewhere
leaves them alone. A fetch writes none of them but ``repo``, where it follows a rename, and the
spelling of ``pypi``.
"""

import datetime as dt
import functools
import itertools
import sqlite3
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, get_args

from pkgharvest.catalog import lookup, package_update, source_state
from pkgharvest.catalog.database import as_sqlite_utils
from pkgharvest.catalog.encoding import decode_strings, encode_instant, encode_list, stored_locator
from pkgharvest.catalog.package_update import PackageUpdate
from pkgharvest.model import slugs
from pkgharvest.model.errors import InvalidValue, RepositoryTaken
from pkgharvest.model.locators import Locator, normalize_name
from pkgharvest.model.observations import PypiSource

EditableField = Literal["title", "slug", "repo", "pypi", "docs", "category", "grids"]
EDITABLE_FIELDS: tuple[EditableField, ...] = get_args(EditableField)
"""The fields that a person may set, in the order in which they are told."""

ALL_GRIDS = "*"
"""No grid's slug."""

_OF_A_REPOSITORY: dict[str, object] = {
    "repo_description": "",
    "repo_watchers": 0,
    "repo_forks": 0,
    "repo_id": None,
    "open_issues": None,
    "homepage": None,
    "topics": "[]",
    "license": None,
    "archived": None,
    "archived_at": None,
    "status": "active",
    "default_branch": None,
    "last_updated": None,
    "last_fetched": None,
    "commit_count": None,
    "commits_over_52": "[]",
}
_KEPT_FOR_A_REPOSITORY: dict[str, object] = {
    "head": None,
    "days_known": 0,
    "days_since": None,
    "days_from": None,
    "days_until": None,
    "commits_until": None,
    "contributors_read": None,
    "participant_names": "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPackage:
    """A package to be added, as a person asked for it; what is None is derived."""

    locator: Locator
    title: str | None = None
    slug: str | None = None
    category: str | None = None
    grids: tuple[str, ...] = ()
    documentation_url: str | None = None
    pypi_source: PypiSource = "auto"
    pypi_name: str | None = None

    @property
    def chosen(self) -> tuple[str, ...]:
        """The fields that the person has set, as ``edits.EDITABLE`` names them."""
        fields = {
            "title": self.title is not None,
            "slug": self.slug is not None,
            "pypi": self.pypi_source != "auto",
            "docs": self.documentation_url is not None,
            "category": self.category is not None,
            "grids": bool(self.grids),
        }
        return tuple(name for name, is_set in fields.items() if is_set)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageChanges:
    """What a person wants to be otherwise; what is None, or empty, stays as it is."""

    title: str | None = None
    slug: str | None = None
    locator: Locator | None = None
    pypi_source: PypiSource | None = None
    """``auto`` is a reset's, see there."""
    pypi_name: str | None = None
    documentation_url: str | None = None
    category: str | None = None
    """Its slug; "" takes the package out of its category."""
    grids: tuple[str, ...] = ()
    """Slugs of grids that the package is put into."""
    not_grids: tuple[str, ...] = ()
    """Slugs of grids that it is taken out of; ``EVERY`` is all in which it is."""
    reset: frozenset[EditableField] = frozenset()
    """Fields that are to be as if nobody had set them. There is no other repository than the one
    that was set: it stays, and is only no person's any more."""

    @property
    def sets(self) -> set[EditableField]:
        """Which fields it sets."""
        given: dict[EditableField, object] = {
            "title": self.title is not None,
            "slug": self.slug is not None,
            "repo": self.locator,
            "pypi": self.pypi_source,
            "docs": self.documentation_url is not None,
            "category": self.category is not None,
            "grids": self.grids or self.not_grids,
        }
        return {field for field, wanted in given.items() if wanted}


class EditResult(NamedTuple):
    """What an edit came to."""

    package_id: int
    slug: str
    """As it is now."""
    changed: tuple[EditableField, ...]
    """The fields that are otherwise than before."""
    given_back: tuple[EditableField, ...] = ()
    """The fields that were a person's, and are so no longer."""


def add_package(
    connection: sqlite3.Connection, new: NewPackage, now: dt.datetime
) -> tuple[str, bool]:
    """Put a package into the catalogue; return its slug, and whether it is new.

    A repository that is there already, under this name or a previous one, changes nothing.
    Call inside a transaction. Raises UnknownCategory, UnknownGrid, and InvalidValue for a slug
    that is taken.
    """
    there = lookup.find_by_repository(connection, new.locator)
    if there is not None:
        return there, False
    category = None if new.category is None else lookup.category_id(connection, new.category)
    grid_ids = [lookup.grid_id(connection, grid) for grid in dict.fromkeys(new.grids)]
    slug = _free_slug(connection, new)
    db = as_sqlite_utils(connection)
    package_id = (
        db.table("packages")
        .insert(
            {
                "slug": slug,
                "title": new.title or new.locator.name,
                "category_id": category,
                "created": encode_instant(now),
                "modified": encode_instant(now),
                "repo_url": new.locator.url,
                "repo_key": new.locator.key,
                "repo_host": new.locator.host or None,
                "documentation_url": new.documentation_url,
                "user_fields": encode_list(new.chosen),
                "pypi_source": new.pypi_source,
                "pypi_name": new.pypi_name,
                "pypi_key": None if new.pypi_name is None else normalize_name(new.pypi_name),
            }
        )
        .last_pk
    )
    db.table("grid_packages").insert_all(
        {"package_id": package_id, "grid_id": grid_id, "position": position}
        for position, grid_id in enumerate(grid_ids)
    )
    return slug, True


def remove_package(connection: sqlite3.Connection, package_id: int) -> tuple[str, str] | None:
    """Take a package out, with all that is known of it; return its slug and repository's URL.

    None where it has gone already. Call inside a transaction.
    """
    row = connection.execute(
        "SELECT slug, repo_url FROM packages WHERE id = ?", (package_id,)
    ).fetchone()
    if row is None:
        return None
    connection.execute("DELETE FROM packages WHERE id = ?", (package_id,))
    return str(row["slug"]), str(row["repo_url"])


def repository_urls(connection: sqlite3.Connection) -> list[str]:
    """Return the URLs of all repositories."""
    return [
        str(row[0])
        for row in connection.execute("SELECT repo_url FROM packages WHERE repo_url <> ''")
    ]


def slug_is_taken(connection: sqlite3.Connection, slug: str) -> bool:
    """Tell whether a package has this slug."""
    query = "SELECT 1 FROM packages WHERE slug = ?"
    return connection.execute(query, (slug,)).fetchone() is not None


def require_free_slug(connection: sqlite3.Connection, slug: str) -> None:
    """Refuse, as InvalidValue, what is no slug, and the slug of another package."""
    if not slugs.is_slug(slug):
        raise InvalidValue(
            f"{slug!r} is not a slug",
            field="slug",
            hint="lower-case letters, digits, - and _; not digits alone, and no - in front",
        )
    if slug_is_taken(connection, slug):
        raise InvalidValue(f"{slug!r} is taken", field="slug")


def _free_slug(connection: sqlite3.Connection, new: NewPackage) -> str:
    if new.slug is None:
        taken = functools.partial(slug_is_taken, connection)
        return next(itertools.filterfalse(taken, slugs.slug_candidates(new.locator)))
    require_free_slug(connection, new.slug)
    return new.slug


def edit(
    connection: sqlite3.Connection, name: str, wanted: PackageChanges, now: dt.datetime
) -> EditResult:
    """Change the package that answers to ``name``: what is ``wanted``, and no other field.

    Call inside a transaction, which makes edits at the same time wait for each other. Raises
    UnknownPackage, UnknownCategory, UnknownGrid, GridLocked, RepositoryTaken, and InvalidValue for
    a slug that is none, or is taken.
    """
    row = connection.execute(
        "SELECT * FROM packages WHERE id = ?", (lookup.find_package(connection, name),)
    ).fetchone()
    # What nobody set is nobody's to give back.
    set_before = frozenset(decode_strings(row["user_fields"])) | wanted.sets
    wanted = replace(wanted, reset=wanted.reset & set_before)
    editing = _Editing(connection, row, now)
    editing.follow(wanted)
    editing.name(wanted)
    editing.choose_project(wanted)
    editing.document(wanted)
    editing.shelve(wanted)
    return editing.write(wanted)


def claim(connection: sqlite3.Connection, package_id: int, field: EditableField) -> None:
    """Note that a person set ``field`` of a package."""
    query = "SELECT user_fields FROM packages WHERE id = ?"
    [told] = connection.execute(query, (package_id,)).fetchone()
    edited = encode_list(_in_order({*decode_strings(told), field}))
    connection.execute("UPDATE packages SET user_fields = ? WHERE id = ?", (edited, package_id))


def _in_order(fields: AbstractSet[str]) -> list[str]:
    known = [field for field in EDITABLE_FIELDS if field in fields]
    return [*known, *sorted(fields - set(EDITABLE_FIELDS))]


class _Editing:
    """One edit on its way into one package; lives for the length of an ``edit``."""

    def __init__(self, connection: sqlite3.Connection, row: sqlite3.Row, at: dt.datetime) -> None:
        self._connection = connection
        self._row = row
        self._id = int(row["id"])
        self._changes = PackageUpdate(connection, row, at)
        self._changed: set[EditableField] = set()
        self._locator = stored_locator(row["repo_url"])
        self._slug = str(row["slug"])

    def follow(self, wanted: PackageChanges) -> None:
        """Follow another repository, or the same in another spelling."""
        place = wanted.locator
        if place is None or place.url == self._row["repo_url"]:
            return
        other = lookup.find_by_repository(self._connection, place)
        if other is not None and other != self._slug:
            raise RepositoryTaken(place.url, other)
        self._locator = place
        self._changed.add("repo")
        self._changes.content |= {
            "repo_url": place.url,
            "repo_key": place.key,
            "repo_host": place.host or None,
        }
        source_state.delete_validators(self._connection, self._id, "repo")
        if place.key != self._row["repo_key"]:
            self._forget_repository()

    def name(self, wanted: PackageChanges) -> None:
        """Set, or reset, title and slug."""
        title = wanted.title
        if "title" in wanted.reset:
            title = self._locator.name if self._locator else self._slug
        if title is not None:
            self._set("title", "title", title)
        slug = wanted.slug
        if "slug" in wanted.reset and self._locator is not None:
            free = itertools.filterfalse(self._is_taken, slugs.slug_candidates(self._locator))
            slug = next(free)
        if slug is not None and slug != self._slug:
            require_free_slug(self._connection, slug)
            self._set("slug", "slug", slug)
            self._slug = slug

    def choose_project(self, wanted: PackageChanges) -> None:
        """Say which PyPI project it is: a person's choice, none, or again what is found out."""
        before: PypiSource = self._row["pypi_source"]
        choice = "auto" if "pypi" in wanted.reset else wanted.pypi_source or before
        name = wanted.pypi_name if choice == "set" else None
        if choice != before:
            self._changed.add("pypi")
            self._changes.silent["pypi_source"] = choice
        if name is None:
            # What was found out, was so by the repository.
            if choice != before or (choice == "auto" and self._is_another_repository):
                self._forget_project(None)
        elif normalize_name(name) != self._row["pypi_key"]:
            self._changed.add("pypi")
            self._forget_project(name)
        elif choice != before:
            package_update.clear_project_cache(self._connection, self._id, self._changes)

    def document(self, wanted: PackageChanges) -> None:
        """Set where the documentation is, or let PyPI say it."""
        was, told = self._row["documentation_url"], self._row["pypi_documentation_url"]
        docs = None if "docs" in wanted.reset else wanted.documentation_url or was
        if docs != was:
            self._changed.add("docs")
            is_shown = (told if docs is None else docs) != (told if was is None else was)
            columns = self._changes.content if is_shown else self._changes.silent
            columns["documentation_url"] = docs

    def shelve(self, wanted: PackageChanges) -> None:
        """Put it into a category and into grids, and take it out of them."""
        if "category" in wanted.reset or wanted.category == "":
            self._set("category", "category_id", None)
        elif wanted.category is not None:
            category = lookup.category_id(self._connection, wanted.category)
            self._set("category", "category_id", category)
        there = {
            str(row["slug"]): int(row["id"])
            for row in self._connection.execute(
                "SELECT slug, id FROM grids JOIN grid_packages ON grid_id = id"
                " WHERE package_id = ? ORDER BY position",
                (self._id,),
            )
        }
        out_of_all = "grids" in wanted.reset or ALL_GRIDS in wanted.not_grids
        leaving = there if out_of_all else dict.fromkeys(wanted.not_grids)
        gone = {self._grid(slug) for slug in leaving if slug not in wanted.grids}
        entering = [self._grid(slug) for slug in wanted.grids]
        grids = list(dict.fromkeys(one for one in (*there.values(), *entering) if one not in gone))
        if grids == list(there.values()):
            return
        self._changed.add("grids")
        self._changes.made = True
        self._connection.execute("DELETE FROM grid_packages WHERE package_id = ?", (self._id,))
        self._connection.executemany(
            "INSERT INTO grid_packages (package_id, grid_id, position) VALUES (?, ?, ?)",
            [(self._id, grid, position) for position, grid in enumerate(grids)],
        )

    def write(self, wanted: PackageChanges) -> EditResult:
        """Write what changed, and whose the fields are."""
        theirs = (set(decode_strings(self._row["user_fields"])) | wanted.sets) - wanted.reset
        self._changes.silent["user_fields"] = encode_list(_in_order(theirs))
        self._changes.write()
        return EditResult(
            self._id,
            self._slug,
            tuple(field for field in EDITABLE_FIELDS if field in self._changed),
            tuple(field for field in EDITABLE_FIELDS if field in wanted.reset),
        )

    # ── the parts ──

    def _set(self, field: EditableField, column: str, value: object) -> None:
        if self._row[column] != value:
            self._changed.add(field)
            self._changes.content[column] = value

    def _is_taken(self, slug: str) -> bool:
        return slug != self._slug and slug_is_taken(self._connection, slug)

    def _grid(self, slug: str) -> int:
        return lookup.open_grid_id(self._connection, slug)

    @property
    def _is_another_repository(self) -> bool:
        before = self._row["repo_key"]
        return bool(self._changes.content.get("repo_key", before) != before)

    def _forget_repository(self) -> None:
        """Leave nothing of a repository that is the package's no longer, nor of its renames."""
        self._changes.content |= _OF_A_REPOSITORY
        self._changes.silent |= _KEPT_FOR_A_REPOSITORY
        self._changes.replace("participants", ("name", "commits"), [])
        for table in ("commit_days", "previous_urls"):
            self._connection.execute(
                f"DELETE FROM {table} WHERE package_id = ?",  # noqa: S608 - our own names
                (self._id,),
            )
        source_state.clear_source_state(self._connection, self._id, "repo")

    def _forget_project(self, name: str | None) -> None:
        """Leave nothing of the project that it was, and take the name of another, or none."""
        self._changes.content |= {
            "pypi_name": name,
            "pypi_key": None if name is None else normalize_name(name),
        }
        package_update.clear_project(self._connection, self._id, self._changes)
