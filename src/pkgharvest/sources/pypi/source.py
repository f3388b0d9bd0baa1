"""PyPI: the Simple API first, the JSON API only where the project's serial has moved.

Two requests for a project that was never seen, one where nothing changed. Redirects, retries and
quotas are the transport's.
"""

from collections.abc import Iterable
from dataclasses import replace
from http import HTTPStatus

from pkgharvest.model.errors import Malformed, NotFound
from pkgharvest.model.locators import Locator, points_back
from pkgharvest.model.observations import FetchTarget, Project, ProjectResult, Validator
from pkgharvest.model.versions import latest_release
from pkgharvest.settings.load import PYPI_URL
from pkgharvest.sources.json_api import status_error
from pkgharvest.sources.pypi.decode import Details, Index, canonical_name, read_details, read_index
from pkgharvest.transport.base import (
    Request,
    Response,
    Transport,
    make_conditional,
    response_validator,
)

PARSER_REVISION = 3
"""Revision of the reading code below: validators of another revision are not used."""

_SIMPLE = "application/vnd.pypi.simple.v1+json"
_JSON = "application/json"


class PypiIndexSource:
    """A ProjectSource; ``url`` is the base of PyPI, or of a mirror with both of its APIs.

    ``conditional=False`` sends no validators and asks for everything: a recording is replayed
    into a catalogue that knows nothing yet.
    """

    def __init__(self, client: Transport, *, url: str = PYPI_URL, conditional: bool = True) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self._conditional = conditional

    async def read(self, target: FetchTarget) -> ProjectResult:
        """Look at the project of ``target``, or for one that is named like its repository.

        A project that was only guessed becomes the package's when one of its links points back
        to the repository; until then ``lookup_note`` says what was tried. One that became so and
        points back no longer (somebody else may have its name now) brings nothing more. Raises
        SourceError where nothing could be read; BudgetSpent passes through.
        """
        if target.pypi_name is not None:
            name = canonical_name(target.pypi_name)
            if name is None:
                raise NotFound(f"{target.pypi_name!r} cannot be the name of a project at PyPI")
            lost = None
            if target.pypi_source == "auto" and target.locator is not None:
                lost = f"{name} at PyPI links to {_where(target.locator)} no longer: not followed"
            return await self._look(target, name, guessed=lost, adopted=True)
        if target.locator is None or target.locator.is_local:
            return ProjectResult(
                lookup_note="no name given, and no repository that a link can point to"
            )
        name = canonical_name(target.locator.name)
        if name is None:
            return ProjectResult(lookup_note=f"{target.locator.name!r} cannot be a name at PyPI")
        where = _where(target.locator)
        guessed = f"{name} exists at PyPI, but none of its links points to {where}"
        return await self._look(target, name, guessed=guessed, adopted=False)

    async def _look(
        self, target: FetchTarget, name: str, *, guessed: str | None, adopted: bool
    ) -> ProjectResult:
        """Look at the project ``name``.

        ``guessed`` is None where a person gave the name, else what to say where the project does
        not point back; ``adopted`` is one that is the package's already. What was kept of the
        last look counts only where the same was looked for: after a rename or a new name
        everything is asked for afresh.
        """
        expected = {guessed, None} if adopted else {guessed}
        known = self._conditional and target.pypi_lookup_note in expected
        kept = target.validators if known else {}
        nothing_new = ProjectResult(
            name=name, serial=target.pypi_serial, lookup_note=target.pypi_lookup_note
        )

        simple_url = f"{self._url}/simple/{name}/"
        answer = await self._get(simple_url, _SIMPLE, kept.get(simple_url))
        if answer is None:
            return nothing_new
        if answer.status == HTTPStatus.NOT_FOUND:
            if adopted:
                raise NotFound(f"no project {name!r} at PyPI")
            return ProjectResult(name=name, lookup_note=f"{name}: no such project at PyPI")
        index = read_index(answer, name)
        vouched = [response_validator(answer, simple_url, PARSER_REVISION)]
        serial = index.serial
        if known and serial is not None and serial == target.pypi_serial:
            return replace(nothing_new, validators=_given(vouched))

        json_url = f"{self._url}/pypi/{name}/json"
        answer = await self._get(json_url, _JSON, kept.get(json_url))
        if answer is None:
            # The caches of the two APIs expire apart: this one has yet to hear of the news, and
            # nothing is kept that would keep us from asking again.
            return nothing_new
        if answer.status == HTTPStatus.NOT_FOUND:
            # Quarantined, or without any release; with releases the two disagree: ask again.
            details = Details(serial=serial, name=target.pypi_name or name, told=False)
            if index.releases:
                serial, vouched = target.pypi_serial, []
        else:
            details = read_details(answer, name)
            if _is_earlier(details.serial, serial):
                serial, vouched = details.serial, []
            vouched.append(response_validator(answer, json_url, PARSER_REVISION))

        reading = ProjectResult(name=name, serial=serial, validators=_given(vouched))
        untold = adopted and not details.told
        if guessed is None or untold or points_back(details.links, _locators(target)):
            return replace(reading, project=_project(name, index, details))
        return replace(reading, lookup_note=guessed)

    async def _get(self, url: str, accept: str, validator: Validator | None) -> Response | None:
        """Return the answer, a 200 with JSON or a 404; None where it is a 304."""
        if validator is not None and validator.parser != PARSER_REVISION:
            validator = None
        request = make_conditional(Request(url=url, headers={"Accept": accept}), validator)
        answer = await self._client.send(request)
        match answer.status:
            case HTTPStatus.OK:
                kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
                if kind != _JSON and not kind.endswith("+json"):
                    raise Malformed(f"{url}: expected JSON, got {kind or 'no content type'}")
                return answer
            case HTTPStatus.NOT_MODIFIED if validator is not None:
                return None
            case HTTPStatus.NOT_FOUND:
                return answer
            case _:
                raise status_error(answer.status, url)


def _project(name: str, index: Index, details: Details) -> Project:
    newest = latest_release(index.releases)
    requires_python = details.requires_python
    if newest is not None and (newest.requires_python or newest.version != details.version):
        requires_python = newest.requires_python
    return Project(
        name=details.name,
        # Where people look at it, whatever server the figures came from.
        url=f"{PYPI_URL}/project/{name}/",
        version=newest.version if newest else None,
        releases=index.releases,
        status=index.status,
        requires_python=requires_python,
        license=details.license,
        classifiers=details.classifiers,
        summary=details.summary,
        documentation_url=details.documentation_url,
        links=details.links,
        described=details.told,
    )


def _where(locator: Locator) -> str:
    return f"{locator.host}/{locator.path}"


def _locators(target: FetchTarget) -> list[Locator]:
    return [] if target.locator is None else [target.locator, *target.previous]


def _is_earlier(one: str | None, other: str | None) -> bool:
    if one is None or other is None or not (one.isdecimal() and other.isdecimal()):
        return False
    return (len(one), one) < (len(other), other)


def _given(validators: Iterable[Validator | None]) -> tuple[Validator, ...]:
    return tuple(validator for validator in validators if validator is not None)
