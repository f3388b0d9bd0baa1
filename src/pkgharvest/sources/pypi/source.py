"""PyPI: the Simple API first, then the JSON API if the project's serial has changed.

A project that was never read takes two requests, an unchanged one takes one. Redirects, retries
and quotas belong to the transport.

The Simple API (https://docs.pypi.org/api/index-api/, PEPs 691, 700 and 792) has files, yanks,
upload times, the status of the project and its serial. The JSON API
(https://docs.pypi.org/api/json/) has the metadata of the latest release.
"""

import string
from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus

from packaging.utils import InvalidName, canonicalize_name

from pkgharvest.model.errors import NotFound
from pkgharvest.model.json_node import DecodeError, JsonNode, parse_json
from pkgharvest.model.locators import Locator, points_back
from pkgharvest.model.observations import FetchTarget, ProjectResult
from pkgharvest.model.package import Project
from pkgharvest.model.versions import IndexFile, group_releases, latest_release
from pkgharvest.settings.load import PYPI_URL
from pkgharvest.sources.json_api import JsonApi
from pkgharvest.sources.pypi.licenses import license_expression
from pkgharvest.transport.base import Response, Transport

PARSER_REVISION = 3
"""Revision of the decoders. Raise it when they read more or read it differently."""

_PLACEHOLDERS = frozenset({"", "unknown", "none"})
"""What old tools wrote if a field was not given."""
_DOCUMENTATION_LABELS = frozenset({"documentation", "docs"})
_WEB_SCHEMES = ("https://", "http://")


def canonical_name(name: str) -> str | None:
    """Normalize a project's name (PEP 503). Return None if it is not a valid name (PEP 508).

    >>> canonical_name("Zope_Interface")
    'zope-interface'
    >>> canonical_name("not a name")
    """
    try:
        return canonicalize_name(name, validate=True)
    except InvalidName:
        return None


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
        repository; otherwise ``lookup_note`` says why not. If such a project stops
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
                lookup_note="not looked for: no name is given, and the repository is local"
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
        serial, project = _decode_files(response, name, target.pypi_name or name)
        validators = self._simple.new_validators(response, url)
        if is_known and serial is not None and serial == target.pypi_serial:
            return replace(unchanged, validators=validators)

        url = f"{self._json.base_url}/pypi/{name}/json"
        response = await self._json.get(url, self._json.usable_validator(saved, url))
        if response.status == HTTPStatus.NOT_MODIFIED:
            # The caches of the two APIs expire separately: this one does not have the change yet.
            # Without the new serial and validators, the next fetch asks again.
            return unchanged
        if response.status == HTTPStatus.NOT_FOUND:
            # The project is quarantined or has no release. If it has releases, the APIs disagree,
            # and the next fetch must ask again.
            if project.releases:
                serial, validators = target.pypi_serial, ()
        else:
            json_serial, project = _decode_metadata(response, name, project)
            if _is_older_serial(json_serial, serial):
                serial, validators = json_serial, ()
            validators += self._json.new_validators(response, url)

        result = ProjectResult(name=name, serial=serial, validators=validators)
        if unlinked_note is None or _is_confirmed(target, project, is_adopted=is_adopted):
            return replace(result, project=project)
        return replace(result, lookup_note=unlinked_note)


def _is_confirmed(target: FetchTarget, project: Project, *, is_adopted: bool) -> bool:
    """Return whether ``project`` belongs to the repository of ``target``."""
    if not project.described:
        return is_adopted
    locators: list[Locator] = [] if target.locator is None else [target.locator, *target.previous]
    return points_back(project.links, locators)


def _is_older_serial(serial: str | None, other: str | None) -> bool:
    if serial is None or other is None or not (serial.isdecimal() and other.isdecimal()):
        return False
    return (len(serial), serial) < (len(other), other)


# ── the Simple API ───────────────────────────────────────────────────────────────────────


def _decode_files(response: Response, name: str, spelling: str) -> tuple[str | None, Project]:
    """Decode the page of ``name`` in the Simple API, version 1 with any minor. Raises Malformed.

    Return the serial and the project, as far as this API describes it; it is called ``spelling``.
    ``versions``, upload times and the status came with later minors, so a server may lack them.
    """
    page = parse_json(response.body, f"simple/{name}")
    meta = page["meta"]
    version = meta["api-version"].text()
    if version.partition(".")[0] != "1":  # PEP 629: a new minor adds, a new major breaks
        raise DecodeError(meta["api-version"].path, "1.x", version)
    _decode_name(page["name"], name)
    files = []
    for node in page["files"].sequence():
        yanked = node.get("yanked")
        # PEP 691: true, false or a reason; "" is false.
        reason = None if yanked is None or isinstance(yanked.value, bool) else yanked.text().strip()
        files.append(
            IndexFile(
                filename=node["filename"].text(),
                upload_time=node.optional_instant("upload-time"),
                yanked=yanked is not None and bool(yanked.value),
                yanked_reason=reason or None,
                requires_python=_optional_text(node, "requires-python"),
            )
        )
    versions = None if page.get("versions") is None else page.texts("versions")
    releases = group_releases(files, versions, name)
    newest = latest_release(releases)
    project = Project(
        name=spelling,
        url=f"{PYPI_URL}/project/{name}/",  # for people, whichever mirror was read
        version=newest.version if newest else None,
        releases=releases,
        status=_decode_status(page.get("project-status")),
        requires_python=newest.requires_python if newest else None,
        license=None,
        classifiers=(),
        summary=None,
        documentation_url=None,
        links=(),
        described=False,
    )
    return _decode_serial(meta.get("_last-serial"), response), project


def _decode_status(node: JsonNode | None) -> str:
    """Decode PEP 792's status. The PEP's prose names the key ``state``, PyPI ``status``."""
    marker = None if node is None else node.get("status") or node.get("state")
    return "active" if marker is None else marker.text()


# ── the JSON API ─────────────────────────────────────────────────────────────────────────


def _decode_metadata(response: Response, name: str, project: Project) -> tuple[str | None, Project]:
    """Decode the page of ``name`` in the JSON API. Raises Malformed.

    Return the serial, and ``project`` with the metadata of the release that this API describes.
    Its ``releases`` and ``urls`` are deprecated and not read; the Simple API has them.
    """
    page = parse_json(response.body, f"pypi/{name}")
    info = page["info"]
    labeled = _decode_project_urls(info)
    classifiers = info.texts("classifiers")
    docs_url = _optional_text(info, "docs_url")
    links = [link for _, link in labeled]
    links += [_optional_text(info, key) or "" for key in ("home_page", "download_url")]
    links.append(docs_url or "")
    requires_python = project.requires_python
    if project.version in {None, _optional_text(info, "version")}:
        requires_python = requires_python or _optional_text(info, "requires_python")
    described = project._replace(
        name=_decode_name(info["name"], name),
        requires_python=requires_python,
        license=license_expression(
            _optional_text(info, "license_expression"),
            _optional_text(info, "license"),
            classifiers,
        ),
        classifiers=classifiers,
        summary=_optional_text(info, "summary"),
        documentation_url=_find_documentation(labeled, docs_url),
        links=tuple(dict.fromkeys(filter(None, links))),
        described=True,
    )
    return _decode_serial(page.get("last_serial"), response), described


def _decode_project_urls(info: JsonNode) -> list[tuple[str, str]]:
    """Return label and link of each of ``project_urls`` that has a link, in their order."""
    urls = info.get("project_urls")
    if urls is None:
        return []
    labeled = [(label, url.text()) for label, url in urls.items() if url.value is not None]
    return [(label, link) for label, text in labeled if (link := _given(text)) is not None]


def _find_documentation(labeled: Sequence[tuple[str, str]], docs_url: str | None) -> str | None:
    """Find the documentation by its label (PEP 753), else where PyPI itself once hosted it."""
    removed = str.maketrans("", "", string.punctuation + string.whitespace)
    for label, link in [*labeled, ("docs", docs_url or "")]:
        if (
            label.translate(removed).lower() in _DOCUMENTATION_LABELS
            # The link is for a browser to open: no javascript:, no file:.
            and link.lower().startswith(_WEB_SCHEMES)
        ):
            return link
    return None


def _decode_name(node: JsonNode, name: str) -> str:
    """Decode the project's own spelling of its name. Raises DecodeError if it is not ``name``."""
    spelling = node.text()
    if canonical_name(spelling) != name:
        raise DecodeError(node.path, f"a spelling of {name}", spelling)
    return spelling


def _decode_serial(node: JsonNode | None, response: Response) -> str | None:
    """Decode a serial: a number, or one in a string (PyPI has sent both), or the header's."""
    if node is None:
        return response.headers.get("x-pypi-last-serial")
    return node.text() if isinstance(node.value, str) else str(node.integer())


def _optional_text(node: JsonNode, key: str) -> str | None:
    """Return the text at ``key`` without surrounding spaces, or None if nothing was given."""
    text = node.optional_text(key)
    return None if text is None else _given(text)


def _given(text: str) -> str | None:
    text = text.strip()
    return None if text.lower() in _PLACEHOLDERS else text
