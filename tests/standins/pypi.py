"""A stand-in for PyPI: the Simple and the JSON API of made-up projects.

``LoopbackServer(pypi.reply)`` serves it. A test may change a project between requests; the serial
changes only if the test changes it. With ``etags=False`` it is like PyPI behind a cache that drops
ETags.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from packaging.utils import canonicalize_name

from tests.standins.server import Call, Reply

SIMPLE = "application/vnd.pypi.simple.v1+json"


@dataclass(slots=True, kw_only=True)
class FakeProject:
    """What the two APIs tell about a project. It may be changed at any time."""

    name: str
    info: dict[str, object] = field(default_factory=dict)
    """Members of the JSON API's ``info``, in place of the defaults."""
    files: list[dict[str, object]] = field(default_factory=list)
    """As returned by `file`."""
    versions: list[str] | None = None
    """PEP 700; None for a server of API 1.0."""
    serial: int | None = 1
    json_serial: int | None = None
    """The serial of the JSON API, if its cache is outdated."""
    status: object = None
    """The whole ``project-status`` member (PEP 792)."""
    api_version: str = "1.4"
    has_json: bool = True
    """False: the JSON API sends a 404, as for quarantined projects and those without a release."""


def file(
    filename: str,
    *,
    uploaded: str | None = "2024-05-01T12:00:00.000000Z",
    yanked: object = False,
    requires_python: str | None = None,
) -> dict[str, object]:
    """Return a file of the Simple API. ``uploaded=None`` is for servers before API 1.1."""
    entry: dict[str, object] = {
        "filename": filename,
        "url": f"https://files.example.org/{filename}",
        "hashes": {},
        "requires-python": requires_python,
        "yanked": yanked,
    }
    return entry if uploaded is None else entry | {"upload-time": uploaded, "size": 1}


def released(name: str, versions: Sequence[str], **overrides: object) -> FakeProject:
    """Return a project with one sdist per version. ``overrides`` are members of ``info``."""
    return FakeProject(
        name=name,
        info=overrides,
        files=[file(f"{name}-{version}.tar.gz") for version in versions],
        versions=list(versions),
    )


class FakePyPI:
    """The projects, and the replies of PyPI for them."""

    def __init__(
        self,
        *projects: FakeProject,
        etags: bool = True,
        make: Callable[[str], FakeProject | None] | None = None,
    ) -> None:
        """Serve ``projects``, and what ``make`` returns for any other canonical name."""
        self.etags = etags
        self._make = make
        self._projects = {canonicalize_name(project.name): project for project in projects}

    def add(self, project: FakeProject) -> None:
        """Serve ``project``, in place of one with the same name."""
        self._projects[canonicalize_name(project.name)] = project

    def remove(self, name: str) -> None:
        """Stop serving the project ``name``."""
        del self._projects[canonicalize_name(name)]

    def _find(self, name: str) -> FakeProject | None:
        key = canonicalize_name(name)
        return self._projects.get(key) or (self._make(key) if self._make else None)

    def reply(self, call: Call) -> Reply:
        """Return the reply of PyPI to ``call``."""
        match call.path.split("/"):
            case ["", "simple", name, ""]:
                return self._simple(call, name)
            case ["", "pypi", name, "json"]:
                return self._json(call, name)
            case _:
                return _text(404, "404 Not Found")

    def _simple(self, call: Call, name: str) -> Reply:
        if name != canonicalize_name(name):
            return _redirect(f"/simple/{canonicalize_name(name)}/")
        project = self._find(name)
        if project is None:
            return Reply(status=404)  # as PyPI's cache sends it, without body and content type
        if call.headers.get("accept") != SIMPLE:
            return _text(200, "<!DOCTYPE html><title>Links</title>", "text/html")
        meta: dict[str, object] = {"api-version": project.api_version}
        if project.serial is not None:
            meta["_last-serial"] = project.serial
        page: dict[str, object] = {"meta": meta, "name": name, "files": project.files}
        if project.versions is not None:
            page["versions"] = project.versions
        if project.status is not None:
            page["project-status"] = project.status
        return self._page(call, page, SIMPLE)

    def _json(self, call: Call, name: str) -> Reply:
        if name != canonicalize_name(name):
            return _redirect(f"/pypi/{canonicalize_name(name)}/json")
        project = self._find(name)
        if project is None or not project.has_json:
            return _text(404, '{"message": "Not Found"}', "application/json")
        serial = project.serial if project.json_serial is None else project.json_serial
        page: dict[str, object] = {
            "info": _INFO | {"name": project.name} | project.info,
            "last_serial": serial,
            "releases": {},
            "urls": [],
            "vulnerabilities": [],
        }
        return self._page(call, page, "application/json")

    def _page(self, call: Call, page: Mapping[str, object], kind: str) -> Reply:
        body = json.dumps(page).encode()
        headers = {"Content-Type": kind, "Cache-Control": "max-age=600, public", "Vary": "Accept"}
        if self.etags:
            headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:22]}"'
            if call.headers.get("if-none-match") == headers["ETag"]:
                return Reply(status=304, headers={"ETag": headers["ETag"]})
        return Reply(status=200, headers=headers, body=body)


_INFO: dict[str, object] = {
    "author": None,
    "author_email": "",
    "classifiers": [],
    "description": "",
    "docs_url": None,
    "download_url": "",
    "home_page": "",
    "license": None,
    "license_expression": None,
    "project_urls": None,
    "requires_python": None,
    "summary": "",
    "version": "1.0",
    "yanked": False,
    "yanked_reason": None,
}


def _redirect(path: str) -> Reply:
    return Reply(status=301, headers={"Location": path})


def _text(status: int, text: str, kind: str = "text/plain") -> Reply:
    return Reply(status=status, headers={"Content-Type": kind}, body=text.encode())
