"""A PyPI of one's own: the Simple and the JSON API of made-up projects.

``LoopbackServer(pypi.reply)`` serves it. A test changes a project between requests, which moves
its serial where the test moves it. By default it is PyPI as its source has it, with ETags; with
``etags=False`` it is PyPI as some caches let it through.
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
    """A project, as much of it as the two APIs tell; to be changed at will."""

    name: str
    info: dict[str, object] = field(default_factory=dict)
    """Overrides what ``info`` of the JSON API says by default."""
    files: list[dict[str, object]] = field(default_factory=list)
    """As ``file`` makes them."""
    versions: list[str] | None = None
    """PEP 700; None for a server of API 1.0."""
    serial: int | None = 1
    json_serial: int | None = None
    """What the JSON API says, where its cache is behind."""
    status: object = None
    """``project-status``, whole (PEP 792)."""
    api_version: str = "1.4"
    has_json: bool = True
    """False: quarantined, or never released, for which the JSON API has a 404."""


def file(
    filename: str,
    *,
    uploaded: str | None = "2024-05-01T12:00:00.000000Z",
    yanked: object = False,
    requires_python: str | None = None,
) -> dict[str, object]:
    """Make a file of the Simple API; ``uploaded=None`` is how servers before API 1.1 have it."""
    made: dict[str, object] = {
        "filename": filename,
        "url": f"https://files.example.org/{filename}",
        "hashes": {},
        "requires-python": requires_python,
        "yanked": yanked,
    }
    return made if uploaded is None else made | {"upload-time": uploaded, "size": 1}


def released(name: str, versions: Sequence[str], **overrides: object) -> FakeProject:
    """Make a project with one source distribution per version; ``overrides`` are of ``info``."""
    return FakeProject(
        name=name,
        info=overrides,
        files=[file(f"{name}-{version}.tar.gz") for version in versions],
        versions=list(versions),
    )


class FakePyPI:
    """The projects that there are, and the answers about them."""

    def __init__(
        self,
        *projects: FakeProject,
        etags: bool = True,
        made: Callable[[str], FakeProject | None] | None = None,
    ) -> None:
        """Have ``projects``, and what ``made`` makes of a canonical name not among them."""
        self.etags = etags
        self._made = made
        self._projects = {canonicalize_name(project.name): project for project in projects}

    def add(self, project: FakeProject) -> None:
        """Let there be ``project``, in place of one with its name."""
        self._projects[canonicalize_name(project.name)] = project

    def remove(self, name: str) -> None:
        """Let there be no project ``name`` any more."""
        del self._projects[canonicalize_name(name)]

    def _named(self, name: str) -> FakeProject | None:
        key = canonicalize_name(name)
        return self._projects.get(key) or (self._made(key) if self._made else None)

    def reply(self, call: Call) -> Reply:
        """Answer a request as PyPI would."""
        match call.path.split("/"):
            case ["", "simple", name, ""]:
                return self._simple(call, name)
            case ["", "pypi", name, "json"]:
                return self._json(call, name)
            case _:
                return _text(404, "404 Not Found")

    def _simple(self, call: Call, name: str) -> Reply:
        if name != canonicalize_name(name):
            return _moved(f"/simple/{canonicalize_name(name)}/")
        project = self._named(name)
        if project is None:
            return Reply(status=404)  # through its cache, without a body or a type
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
            return _moved(f"/pypi/{canonicalize_name(name)}/json")
        project = self._named(name)
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


def _moved(path: str) -> Reply:
    return Reply(status=301, headers={"Location": path})


def _text(status: int, text: str, kind: str = "text/plain") -> Reply:
    return Reply(status=status, headers={"Content-Type": kind}, body=text.encode())
