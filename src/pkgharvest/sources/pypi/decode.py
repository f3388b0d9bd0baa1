"""Decoders for PyPI's two APIs.

The Simple API (https://docs.pypi.org/api/index-api/, PEPs 691, 700 and 792) has files, yanks,
upload times, the status of the project and its serial. The JSON API
(https://docs.pypi.org/api/json/) has the metadata of the latest release.
"""

import string
from collections.abc import Sequence
from dataclasses import dataclass

from packaging.utils import InvalidName, canonicalize_name

from pkgharvest.model.json_node import DecodeError, JsonNode, parse_json
from pkgharvest.model.package import Release
from pkgharvest.model.versions import IndexFile, group_releases
from pkgharvest.sources.pypi.licenses import license_expression
from pkgharvest.transport.base import Response

_PLACEHOLDERS = frozenset({"", "unknown", "none"})
"""What old tools wrote if a field was not given."""
_DOCUMENTATION_LABELS = frozenset({"documentation", "docs"})
_WEB_SCHEMES = ("https://", "http://")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFiles:
    """What the Simple API tells about a project."""

    serial: str | None
    status: str
    releases: tuple[Release, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectMetadata:
    """What the JSON API tells about a project."""

    serial: str | None
    name: str
    """As its owner spells it."""
    version: str | None = None
    """The release that the other fields describe."""
    requires_python: str | None = None
    license: str | None = None
    classifiers: tuple[str, ...] = ()
    summary: str | None = None
    documentation_url: str | None = None
    links: tuple[str, ...] = ()


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


# ── the Simple API ───────────────────────────────────────────────────────────────────────


def decode_files(response: Response, name: str) -> ProjectFiles:
    """Decode the page of ``name`` in the Simple API, version 1 with any minor. Raises Malformed.

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
        reason = None
        if yanked is not None and not isinstance(yanked.value, bool):
            reason = yanked.text().strip()  # PEP 691: true, false or a reason; "" is false
        files.append(
            IndexFile(
                filename=node["filename"].text(),
                upload_time=node.optional_instant("upload-time"),
                yanked=yanked is not None and bool(yanked.value),
                yanked_reason=reason or None,
                requires_python=_optional_text(node, "requires-python"),
            )
        )
    versions = page.get("versions")
    return ProjectFiles(
        serial=_decode_serial(meta.get("_last-serial"), response),
        status=_decode_status(page.get("project-status")),
        releases=group_releases(files, None if versions is None else page.texts("versions"), name),
    )


def _decode_status(node: JsonNode | None) -> str:
    """Decode PEP 792's status. The PEP's prose names the key ``state``, PyPI ``status``."""
    marker = None if node is None else node.get("status") or node.get("state")
    return "active" if marker is None else marker.text()


# ── the JSON API ─────────────────────────────────────────────────────────────────────────


def decode_metadata(response: Response, name: str) -> ProjectMetadata:
    """Decode the page of ``name`` in the JSON API. Raises Malformed.

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
    return ProjectMetadata(
        serial=_decode_serial(page.get("last_serial"), response),
        name=_decode_name(info["name"], name),
        version=_optional_text(info, "version"),
        requires_python=_optional_text(info, "requires_python"),
        license=license_expression(
            _optional_text(info, "license_expression"),
            _optional_text(info, "license"),
            classifiers,
        ),
        classifiers=classifiers,
        summary=_optional_text(info, "summary"),
        documentation_url=_find_documentation(labeled, docs_url),
        links=tuple(dict.fromkeys(filter(None, links))),
    )


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
