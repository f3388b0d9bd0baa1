"""Packages are edited: what a person typed becomes what is written, or is refused."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pkgharvest.app import validation
from pkgharvest.catalog import database, edits
from pkgharvest.catalog.edits import EDITABLE_FIELDS, EditableField, EditResult, PackageChanges
from pkgharvest.model.errors import InvalidValue
from pkgharvest.model.observations import PypiSource

_ALSO: dict[str, EditableField] = {"grid": "grids"}
"""The one field that is not called as its option is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EditRequest:
    """What a person asked to be edited, in the words of the options."""

    title: str | None = None
    slug: str | None = None
    repository: str | None = None
    pypi_source: PypiSource | None = None
    pypi_name: str | None = None
    documentation_url: str | None = None
    category: str | None = None
    """Its slug; "" for none."""
    grids: tuple[str, ...] = ()
    not_grids: tuple[str, ...] = ()
    reset: tuple[str, ...] = ()


def edit(db_path: Path, name: str, request: EditRequest, now: dt.datetime) -> EditResult:
    """Edit the package that answers to ``name``, in one transaction.

    Raises CatalogError, InvalidValue for what cannot be understood, and what ``edits.edit`` raises.
    """
    wanted = _understood(request)
    with database.open_writer(db_path) as connection, database.transaction(connection):
        return edits.edit(connection, name, wanted, now)


def _understood(request: EditRequest) -> PackageChanges:
    validation.check(
        title=request.title,
        pypi_name=request.pypi_name,
        documentation_url=request.documentation_url,
    )
    repository = request.repository
    wanted = PackageChanges(
        title=request.title,
        slug=request.slug,
        locator=None if repository is None else validation.read_repository(repository),
        pypi_source=request.pypi_source,
        pypi_name=request.pypi_name,
        documentation_url=request.documentation_url,
        category=request.category,
        grids=request.grids,
        not_grids=request.not_grids,
        reset=_fields(request.reset),
    )
    both: list[str] = [field for field in EDITABLE_FIELDS if field in wanted.sets & wanted.reset]
    both += [grid for grid in request.grids if grid in request.not_grids]
    if both:
        raise InvalidValue("cannot be set and reset in one edit", field=both[0])
    return wanted


def _fields(names: Sequence[str]) -> frozenset[EditableField]:
    known: dict[str, EditableField] = {**{field: field for field in EDITABLE_FIELDS}, **_ALSO}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InvalidValue(
            f"unknown field: {', '.join(map(repr, unknown))}",
            field="reset",
            hint=f"fields that can be reset: {', '.join(EDITABLE_FIELDS)}",
        )
    return frozenset(known[name] for name in names)
