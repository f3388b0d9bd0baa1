"""What PyPI's two APIs tell about a project, read out of their answers.

The Simple API (https://docs.pypi.org/api/index-api/, PEP 691, 700, 792) tells files, yanks, upload
times, the project's status and its serial; the JSON API (https://docs.pypi.org/api/json/) the
metadata of the latest release.
"""

import string
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from packaging.utils import InvalidName, canonicalize_name

from pkgharvest.model import json_node
from pkgharvest.model.json_node import DecodeError, JsonNode
from pkgharvest.model.package import Release
from pkgharvest.model.versions import IndexFile, group_releases
from pkgharvest.sources.pypi.licenses import license_expression
from pkgharvest.transport.base import Response

_NOTHING = frozenset({"", "unknown", "none"})
"""What old tools wrote where nothing was given."""
_DOCUMENTATION = frozenset({"documentation", "docs"})
_WEB = ("https://", "http://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """What the Simple API tells."""

    serial: str | None
    status: str
    releases: tuple[Release, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What the JSON API tells; by default, of a project of which it tells nothing."""

    serial: str | None
    name: str
    version: str | None = None
    """Whose metadata the rest is."""
    requires_python: str | None = None
    license: str | None = None
    classifiers: tuple[str, ...] = ()
    summary: str | None = None
    documentation_url: str | None = None
    links: tuple[str, ...] = ()
    told: bool = True


def canonical_name(name: str) -> str | None:
    """Normalise a project's name (PEP 503); None where no project can have it (PEP 508)."""
    try:
        return canonicalize_name(name, validate=True)
    except InvalidName:
        return None


# ── the Simple API ───────────────────────────────────────────────────────────────────────


def read_index(answer: Response, name: str) -> Index:
    """Read the page of ``name`` in the Simple API, version 1 of any minor; Malformed if not one.

    ``versions``, upload times and the status came in later minors: a server may be without.
    """
    page = json_node.parse_json(answer.body, f"simple/{name}")
    meta = page["meta"]
    version = meta["api-version"].text()
    if version.partition(".")[0] != "1":  # PEP 629: a minor that is new adds, a major breaks
        raise DecodeError(meta["api-version"].path, "1.x", version)
    _spelling(page["name"], name)
    listed = page.get("versions")
    return Index(
        serial=_serial(meta.get("_last-serial"), answer),
        status=_status(page.get("project-status")),
        releases=group_releases(
            map(_file, page["files"].sequence()),
            None if listed is None else [version.text() for version in listed.sequence()],
            name,
        ),
    )


def _file(node: JsonNode) -> IndexFile:
    uploaded, requires = node.get("upload-time"), node.get("requires-python")
    yanked = node.get("yanked")
    reason = None
    if yanked is not None and not isinstance(yanked.value, bool):
        reason = yanked.text().strip()  # PEP 691: true, false or why; an empty string is false
    return IndexFile(
        filename=node["filename"].text(),
        upload_time=None if uploaded is None else uploaded.instant(),
        yanked=yanked is not None and bool(yanked.value),
        yanked_reason=reason or None,
        requires_python=None if requires is None else _told(requires),
    )


def _status(node: JsonNode | None) -> str:
    """Read PEP 792's status: its prose says ``state``, its example and PyPI ``status``."""
    marker = None if node is None else node.get("status") or node.get("state")
    return "active" if marker is None else marker.text()


# ── the JSON API ─────────────────────────────────────────────────────────────────────────


def read_details(answer: Response, name: str) -> Details:
    """Read the page of ``name`` in the JSON API; Malformed where it is not one.

    Its ``releases`` and ``urls`` are left alone: they are deprecated, and the Simple API's job.
    """
    page = json_node.parse_json(answer.body, f"pypi/{name}")
    info = page["info"]
    labelled = list(_project_urls(info))
    classifiers = info.get("classifiers")
    spoken = tuple(one.text() for one in classifiers.sequence()) if classifiers else ()
    pages = (_member(info, key) for key in ("home_page", "download_url", "docs_url"))
    links = [*(link for _, link in labelled), *(link for link in pages if link)]
    return Details(
        serial=_serial(page.get("last_serial"), answer),
        name=_spelling(info["name"], name),
        version=_member(info, "version"),
        requires_python=_member(info, "requires_python"),
        license=license_expression(
            _member(info, "license_expression"), _member(info, "license"), spoken
        ),
        classifiers=spoken,
        summary=_member(info, "summary"),
        documentation_url=_documentation(labelled, _member(info, "docs_url")),
        links=tuple(dict.fromkeys(links)),
    )


def _project_urls(info: JsonNode) -> Iterator[tuple[str, str]]:
    urls = info.get("project_urls")
    for label, url in urls.items() if urls is not None else ():
        if url.value is not None and (link := _told(url)) is not None:
            yield label, link


def _documentation(labelled: Iterable[tuple[str, str]], hosted: str | None) -> str | None:
    """Find the documentation by its label (PEP 753), else what PyPI once hosted itself."""
    removed = str.maketrans("", "", string.punctuation + string.whitespace)
    links = [link for label, link in labelled if label.translate(removed).lower() in _DOCUMENTATION]
    # A link is for a browser to open: no javascript:, no file:.
    web = (one for one in [*links, hosted] if one and one.lower().startswith(_WEB))
    return next(web, None)


def _spelling(node: JsonNode, name: str) -> str:
    """Read the name of the project, which must be a spelling of ``name``."""
    spelling = node.text()
    if canonical_name(spelling) != name:
        raise DecodeError(node.path, f"a spelling of {name}", spelling)
    return spelling


def _serial(node: JsonNode | None, answer: Response) -> str | None:
    """Read a serial: a number, or one in a string (PyPI has had both), or the header's."""
    if node is None:
        return answer.headers.get("x-pypi-last-serial")
    return node.text() if isinstance(node.value, str) else str(node.integer())


def _member(node: JsonNode, key: str) -> str | None:
    member = node.get(key)
    return None if member is None else _told(member)


def _told(node: JsonNode) -> str | None:
    text = node.text().strip()
    return None if text.lower() in _NOTHING else text
