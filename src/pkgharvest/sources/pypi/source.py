"""PyPI: the Simple API first, then the JSON API if the project's serial has changed.

A project that was never read takes two requests, an unchanged one takes one. Redirects, retries
and quotas belong to the transport.
"""

from dataclasses import replace
from http import HTTPStatus

from pkgharvest.model.errors import NotFound
from pkgharvest.model.locators import Locator, points_back
from pkgharvest.model.observations import FetchTarget, Project, ProjectResult, Validator
from pkgharvest.model.versions import latest_release
from pkgharvest.settings.load import PYPI_URL
from pkgharvest.sources.json_api import JsonApi
from pkgharvest.sources.pypi.decode import (
    ProjectFiles,
    ProjectMetadata,
    canonical_name,
    decode_files,
    decode_metadata,
)
from pkgharvest.transport.base import Transport

PARSER_REVISION = 3
"""Revision of the decoders. Raise it when they read more or read it differently."""


class PypiIndexSource:
    """An IndexSource that reads ``url``, the base of PyPI or of a mirror with both of its APIs.

    ``conditional=False`` sends no validators and reads everything, for a recording that is
    replayed into an empty catalog.
    """

    def __init__(
        self, transport: Transport, *, url: str = PYPI_URL, conditional: bool = True
    ) -> None:
        self._simple, self._json = (
            JsonApi(
                transport,
                url,
                headers={"Accept": media_type},
                parser_revision=PARSER_REVISION,
                conditional=conditional,
                check_content_type=True,
            )
            for media_type in ("application/vnd.pypi.simple.v1+json", "application/json")
        )

    async def read(self, target: FetchTarget) -> ProjectResult:
        """Read the project of ``target``, or look for one that is named like its repository.

        A project found by its name becomes the package's if one of its links points back to the
        repository; otherwise ``lookup_note`` says what was tried. If such a project stops
        pointing back, somebody else may own its name now, and nothing more is read from it.
        Raises SourceError; BudgetSpent passes through.
        """
        locator = target.locator
        if target.pypi_name is not None:
            name = canonical_name(target.pypi_name)
            if name is None:
                raise NotFound(f"{target.pypi_name!r} is not a valid project name for PyPI")
            note = None
            if target.pypi_source == "auto" and locator is not None:
                repository = f"{locator.host}/{locator.path}"
                note = f"{name} at PyPI links to {repository} no longer: not followed"
            return await self._read_project(target, name, unlinked_note=note, is_adopted=True)
        if locator is None or locator.is_local:
            return ProjectResult(
                lookup_note="no name given, and no repository that a link can point to"
            )
        name = canonical_name(locator.name)
        if name is None:
            return ProjectResult(lookup_note=f"{locator.name!r} cannot be a name at PyPI")
        repository = f"{locator.host}/{locator.path}"
        note = f"{name} exists at PyPI, but none of its links points to {repository}"
        return await self._read_project(target, name, unlinked_note=note, is_adopted=False)

    async def _read_project(
        self, target: FetchTarget, name: str, *, unlinked_note: str | None, is_adopted: bool
    ) -> ProjectResult:
        """Read the project ``name``.

        ``unlinked_note`` is the ``lookup_note`` for a project that does not point back; None if a
        person gave the name, which needs no confirmation. ``is_adopted`` means that the project
        is the package's already.
        """
        # Validators and the serial count only if the last fetch looked for the same project in
        # the same way, which its saved note tells. After a rename or with a new name, and if a
        # note is ever reworded, everything is read again.
        expected_notes = {unlinked_note, None} if is_adopted else {unlinked_note}
        is_known = self._simple.conditional and target.pypi_lookup_note in expected_notes
        saved = target.validators if is_known else {}
        unchanged = ProjectResult(
            name=name, serial=target.pypi_serial, lookup_note=target.pypi_lookup_note
        )

        url = f"{self._simple.base_url}/simple/{name}/"
        response = await self._simple.get(url, self._simple.usable_validator(saved, url))
        if response.status == HTTPStatus.NOT_MODIFIED:
            return unchanged
        if response.status == HTTPStatus.NOT_FOUND:
            if is_adopted:
                raise NotFound(f"no project {name!r} on PyPI")
            return ProjectResult(name=name, lookup_note=f"{name}: no such project at PyPI")
        files = decode_files(response, name)
        validators = [self._simple.new_validator(response, url)]
        serial = files.serial
        if is_known and serial is not None and serial == target.pypi_serial:
            return replace(unchanged, validators=_present(validators))

        url = f"{self._json.base_url}/pypi/{name}/json"
        response = await self._json.get(url, self._json.usable_validator(saved, url))
        if response.status == HTTPStatus.NOT_MODIFIED:
            # The caches of the two APIs expire separately: this one does not have the change yet.
            # Without the new serial and validators, the next fetch asks again.
            return unchanged
        if response.status == HTTPStatus.NOT_FOUND:
            # The project is quarantined or has no release. If it has releases, the APIs disagree,
            # and the next fetch must ask again.
            metadata = None
            if files.releases:
                serial, validators = target.pypi_serial, []
        else:
            metadata = decode_metadata(response, name)
            if _is_older_serial(metadata.serial, serial):
                serial, validators = metadata.serial, []
            validators.append(self._json.new_validator(response, url))

        result = ProjectResult(name=name, serial=serial, validators=_present(validators))
        if unlinked_note is None or _is_confirmed(target, metadata, is_adopted=is_adopted):
            project = _build_project(name, target.pypi_name or name, files, metadata)
            return replace(result, project=project)
        return replace(result, lookup_note=unlinked_note)


def _is_confirmed(
    target: FetchTarget, metadata: ProjectMetadata | None, *, is_adopted: bool
) -> bool:
    """Return whether the project belongs to the repository of ``target``."""
    if metadata is None:
        return is_adopted
    locators: list[Locator] = [] if target.locator is None else [target.locator, *target.previous]
    return points_back(metadata.links, locators)


def _build_project(
    name: str, spelling: str, files: ProjectFiles, metadata: ProjectMetadata | None
) -> Project:
    """Join what the two APIs tell. ``spelling`` is the name if there is no metadata."""
    has_metadata = metadata is not None
    metadata = metadata or ProjectMetadata(serial=None, name=spelling)
    newest = latest_release(files.releases)
    requires_python = metadata.requires_python
    if newest is not None and (newest.requires_python or newest.version != metadata.version):
        requires_python = newest.requires_python
    return Project(
        name=metadata.name,
        url=f"{PYPI_URL}/project/{name}/",  # for people, whichever mirror was read
        version=newest.version if newest else None,
        releases=files.releases,
        status=files.status,
        requires_python=requires_python,
        license=metadata.license,
        classifiers=metadata.classifiers,
        summary=metadata.summary,
        documentation_url=metadata.documentation_url,
        links=metadata.links,
        described=has_metadata,
    )


def _is_older_serial(serial: str | None, other: str | None) -> bool:
    if serial is None or other is None or not (serial.isdecimal() and other.isdecimal()):
        return False
    return (len(serial), serial) < (len(other), other)


def _present(validators: list[Validator | None]) -> tuple[Validator, ...]:
    return tuple(validator for validator in validators if validator is not None)
