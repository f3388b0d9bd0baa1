"""Packages are edited: what a person typed becomes what is written, or is refused."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pkgharvest.app import choices
from pkgharvest.catalog import connection, edits
from pkgharvest.catalog.edits import EDITABLE, Edit, Editable, Edited
from pkgharvest.errors import InvalidValue
from pkgharvest.records import PypiChoice

_ALSO: dict[str, Editable] = {"grid": "grids"}
"""The one field that is not called as its option is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person asked to be edited, in the words of the options."""

    title: str | None = None
    slug: str | None = None
    repository: str | None = None
    pypi_choice: PypiChoice | None = None
    pypi_name: str | None = None
    documentation_url: str | None = None
    category: str | None = None
    """Its slug; "" for none."""
    grids: tuple[str, ...] = ()
    not_grids: tuple[str, ...] = ()
    reset: tuple[str, ...] = ()


def edit(db_path: Path, name: str, request: Request, now: dt.datetime) -> Edited:
    """Edit the package that answers to ``name``, in one transaction.

    Raises CatalogError, InvalidValue for what cannot be understood, and what ``edits.edit`` raises.
    """
    wanted = _understood(request)
    with connection.writing(db_path) as db, connection.transaction(db):
        return edits.edit(db, name, wanted, now)


def _understood(request: Request) -> Edit:
    choices.check(
        title=request.title,
        pypi_name=request.pypi_name,
        documentation_url=request.documentation_url,
    )
    repository = request.repository
    wanted = Edit(
        title=request.title,
        slug=request.slug,
        locator=None if repository is None else choices.read_repository(repository),
        pypi_choice=request.pypi_choice,
        pypi_name=request.pypi_name,
        documentation_url=request.documentation_url,
        category=request.category,
        grids=request.grids,
        not_grids=request.not_grids,
        reset=_fields(request.reset),
    )
    both: list[str] = [field for field in EDITABLE if field in wanted.sets & wanted.reset]
    both += [grid for grid in request.grids if grid in request.not_grids]
    if both:
        raise InvalidValue(f"{both[0]}: cannot be set and taken away in one edit")
    return wanted


def _fields(names: Sequence[str]) -> frozenset[Editable]:
    known: dict[str, Editable] = {**{field: field for field in EDITABLE}, **_ALSO}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InvalidValue(
            f"--reset: no field is called {', '.join(map(repr, unknown))}",
            hint=f"fields that can be reset: {', '.join(EDITABLE)}",
        )
    return frozenset(known[name] for name in names)
