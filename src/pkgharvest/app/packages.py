"""Add, edit and remove packages: values are checked here, then written in one transaction.

Reading packages is in ``queries``.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import urlsplit

from pkgharvest.app.maintenance import clone_cache
from pkgharvest.catalog import database, edits
from pkgharvest.catalog.columns import stored_locator
from pkgharvest.catalog.edits import (
    EDITABLE_FIELDS,
    EditableField,
    EditResult,
    NewPackage,
    PackageChanges,
)
from pkgharvest.model.errors import InvalidValue, LocatorError
from pkgharvest.model.locators import Locator, parse_locator, redact
from pkgharvest.model.observations import PypiSource
from pkgharvest.settings.load import expand_home

__all__ = [
    "AddResult",
    "EditResult",
    "PackageChanges",
    "add_packages",
    "check_values",
    "edit_package",
    "parse_editable_fields",
    "parse_repository_list",
    "read_repository",
    "remove_packages",
]

_MAX_NAME_CHARACTERS = 200
"""Of a PyPI project: a file of a longer name, with its version, could not be stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddResult:
    """What became of one repository."""

    input: str
    """As it was given, without credentials."""
    outcome: Literal["added", "exists", "refused"]
    slug: str | None = None
    repo_url: str | None = None
    message: str = ""
    error: LocatorError | None = None
    """Why it was refused."""

    def to_dict(self) -> dict[str, str | None]:
        """Return the object that ``add --json`` prints."""
        return {
            "input": self.input,
            "slug": self.slug,
            "repo_url": self.repo_url,
            "outcome": self.outcome,
            "message": self.message,
        }


def add_packages(
    db_path: Path,
    repositories: Sequence[str],
    now: dt.datetime,
    *,
    title: str | None = None,
    slug: str | None = None,
    category: str | None = None,
    grids: tuple[str, ...] = (),
    documentation_url: str | None = None,
    pypi_source: PypiSource = "auto",
    pypi_name: str | None = None,
) -> list[AddResult]:
    """Add the repositories that can be understood, in one transaction; return what became of each.

    A missing catalog is created, unless there is nothing to add. What is not given is derived from
    the repository. Raises CatalogError, UnknownCategory, UnknownGrid, GridLocked, and InvalidValue
    for a value that no package can have.
    """
    check_values(title=title, pypi_name=pypi_name, documentation_url=documentation_url)
    parsed = [_parse(text) for text in repositories]
    if not any(isinstance(item, Locator) for item in parsed):
        return [item for item in parsed if isinstance(item, AddResult)]
    results: list[AddResult] = []
    with (
        database.open_writer(db_path, create=True) as connection,
        database.transaction(connection),
    ):
        for text, item in zip(repositories, parsed, strict=True):
            if isinstance(item, AddResult):
                results.append(item)
                continue
            new = NewPackage(
                locator=item,
                title=title,
                slug=slug,
                category=category,
                grids=grids,
                documentation_url=documentation_url,
                pypi_source=pypi_source,
                pypi_name=pypi_name,
            )
            added_slug, is_new = edits.add_package(connection, new, now)
            results.append(
                AddResult(
                    # A locator holds no password, but a query may hold anything.
                    input=redact(text) if "?" in text else text,
                    outcome="added" if is_new else "exists",
                    slug=added_slug,
                    repo_url=item.url,
                    message="" if is_new else f"already in the catalog: {added_slug}",
                )
            )
    return results


def _parse(text: str) -> Locator | AddResult:
    try:
        return read_repository(text)
    except LocatorError as error:
        return AddResult(input=redact(text), outcome="refused", message=error.message, error=error)


def parse_repository_list(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the repositories of a list with one a line; ``#`` starts a comment.

    A ``#`` inside a URL is its fragment: white space, or nothing, stands before a comment.

    >>> parse_repository_list(["octo/cat  # a cat", "", "# dogs", "https://example.org/x#readme"])
    ('octo/cat', 'https://example.org/x#readme')
    """
    repositories = (f" {line}".replace("\t", " ").split(" #", 1)[0].strip() for line in lines)
    return tuple(filter(None, repositories))


def edit_package(db_path: Path, name: str, changes: PackageChanges, now: dt.datetime) -> EditResult:
    """Apply ``changes`` to the package called ``name``, in one transaction.

    Raises CatalogError, UnknownPackage, UnknownCategory, UnknownGrid, GridLocked, RepositoryTaken,
    and InvalidValue for a value that no package can have, or a field both set and reset.
    """
    check_values(
        title=changes.title,
        pypi_name=changes.pypi_name,
        documentation_url=changes.documentation_url,
    )
    for field in EDITABLE_FIELDS:
        if field in changes.sets & changes.reset:
            raise InvalidValue("cannot be set and reset in one edit", field=field)
    for grid in changes.grids:
        if grid in changes.not_grids:
            raise InvalidValue(f"cannot both add and remove {grid!r}", field="grids")
    with database.open_writer(db_path) as connection, database.transaction(connection):
        return edits.edit(connection, name, changes, now)


def parse_editable_fields(names: Iterable[str]) -> frozenset[EditableField]:
    """Return the editable fields called ``names``; raises InvalidValue for any other name."""
    known: dict[str, EditableField] = {"grid": "grids", **{name: name for name in EDITABLE_FIELDS}}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InvalidValue(
            f"unknown field: {', '.join(map(repr, unknown))}",
            field="reset",
            hint=f"editable fields: {', '.join(EDITABLE_FIELDS)}",
        )
    return frozenset(known[name] for name in names)


def remove_packages(db_path: Path, package_ids: Iterable[int]) -> list[str]:
    """Remove packages and their clones; return the slugs of those that were still there."""
    with (
        database.open_writer(db_path) as connection,
        database.transaction(connection),
    ):
        found = [edits.remove_package(connection, package_id) for package_id in package_ids]
    removed = list(filter(None, found))
    clones = clone_cache(db_path)
    for _, url in removed:
        locator = stored_locator(url)
        if locator is not None:
            clones.remove(locator)
    return [slug for slug, _ in removed]


# ── valid values ──


def check_values(
    *, title: str | None, pypi_name: str | None, documentation_url: str | None
) -> None:
    """Raise InvalidValue for a value that no package can have; None is always valid."""
    if pypi_name is not None and not _is_project_name(pypi_name):
        raise InvalidValue(
            f"not a valid project name: '{redact(pypi_name)}'",
            field="pypi_name",
            hint="ASCII letters and digits, with . _ or - between them",
        )
    if documentation_url is not None and not _is_web_url(documentation_url):
        raise InvalidValue(
            f"not the URL of a web page: '{redact(documentation_url)}'",
            field="documentation_url",
            hint="it starts with https:// or http://",
        )
    if title is not None and not any(
        character.isprintable() and not character.isspace() for character in title
    ):
        raise InvalidValue("title is empty", field="title")


def read_repository(text: str) -> Locator:
    """Parse any spelling of a repository; a local one must exist, and is known by its real path.

    Raises LocatorError, whose message repeats no credential.
    """
    home = expand_home("~")
    locator = parse_locator(
        text,
        base=PurePosixPath(Path.cwd()),
        home=None if home is None else PurePosixPath(home),
    )
    return _resolve_local(locator) if locator.is_local else locator


def _resolve_local(locator: Locator) -> Locator:
    """Return a local repository by its real path: a symbolic link to it is the same package."""
    path = Path(locator.path)
    if not path.is_dir():
        raise LocatorError(f"no directory {redact(locator.path)}")
    real = path.resolve()
    if not ((real / ".git").exists() or (real / "HEAD").is_file()):
        raise LocatorError(
            f"{redact(locator.path)} is not a git repository",
            hint="name the directory that contains .git, or a bare repository",
        )
    return parse_locator(str(real))


def _is_project_name(text: str) -> bool:
    """Return whether PyPI may have a project of this name."""
    from pkgharvest.sources.pypi.source import canonical_name  # noqa: PLC0415 - rarely needed

    return canonical_name(text) is not None and len(text) <= _MAX_NAME_CHARACTERS


def _is_web_url(text: str) -> bool:
    # Checked first, because urlsplit silently removes line breaks.
    if not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises ValueError for an invalid port
    except ValueError:
        return False
    if parts.username is not None or parts.password is not None:
        return False  # it would be stored and shown
    return parts.scheme in {"https", "http"} and bool(parts.hostname)
