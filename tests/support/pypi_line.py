"""A straight line to a FakePyPI, and what goes along it: targets, readings, the seed's project."""

import asyncio
import dataclasses
from collections.abc import Mapping

from pkgharvest.model.locators import parse_locator
from pkgharvest.model.observations import FetchTarget, Project, ProjectResult
from pkgharvest.sources.pypi.source import PypiIndexSource
from pkgharvest.transport.base import Request, Response
from tests.standins.pypi import FakeProject, FakePyPI, file
from tests.standins.server import Call, Reply

BASE = "http://index.test"
SEED = parse_locator("mariocesar/django-ltree")
LTREE = "https://github.com/mariocesar/django_ltree"


class Line:
    """An Exchange that goes straight to a FakePyPI; ``spoil`` changes the replies of a path."""

    def __init__(self, pypi: FakePyPI) -> None:
        self.asked: list[tuple[str, int]] = []
        self.headers: list[Mapping[str, str]] = []
        self.spoil: dict[str, Reply] = {}
        self._pypi = pypi

    async def send(self, request: Request) -> Response:
        path = request.url.removeprefix(BASE)
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = Call(method=request.method, path=path, query={}, headers=headers)
        reply = self.spoil.get(path) or self._pypi.reply(call)
        self.asked.append((path, reply.status))
        self.headers.append(headers)
        return Response(
            status=reply.status,
            headers={name.lower(): value for name, value in reply.headers.items()},
            body=reply.body,
            url=request.url,
        )


def target(**known: object) -> FetchTarget:
    values: dict[str, object] = {
        "package_id": 1,
        "slug": "django-ltree",
        "sources": ("pypi",),
        "locator": SEED,
    }
    return FetchTarget(**(values | known))  # type: ignore[arg-type]


def named(name: str, **known: object) -> FetchTarget:
    return target(locator=None, pypi_source="set", pypi_name=name, **known)


def read(line: Line, asked: FetchTarget, *, conditional: bool = True) -> ProjectResult:
    return asyncio.run(PypiIndexSource(line, url=BASE, conditional=conditional).read(asked))


def after(asked: FetchTarget, reading: ProjectResult) -> FetchTarget:
    """Return ``asked`` as a catalogue would have it once it has saved ``reading``."""
    project = reading.project
    return dataclasses.replace(
        asked,
        pypi_name=project.name if project else asked.pypi_name,
        pypi_serial=reading.serial or asked.pypi_serial,
        pypi_lookup_note=reading.lookup_note,
        validators={**asked.validators, **{each.key: each for each in reading.validators}},
    )


def project_of(reading: ProjectResult) -> Project:
    assert reading.project is not None
    return reading.project


def seed() -> FakeProject:
    return FakeProject(
        name="django-ltree",
        serial=40418259,
        versions=["0.1a0", "0.5", "0.6.0", "0.7.0"],
        files=[
            file("django_ltree-0.1a0.macosx-10.13-x86_64.tar.gz", requires_python=">=3.6"),
            file("django_ltree-0.5-py2.py3-none-any.whl"),
            file("django_ltree-0.6.0.tar.gz", uploaded="2025-01-02T03:04:05.000006Z"),
            file("django_ltree-0.6.0-py3-none-any.whl", requires_python=">=3.9"),
            file("django_ltree-0.7.0.tar.gz", yanked=" broken "),
        ],
        info={
            "classifiers": ["Framework :: Django", "Programming Language :: Python :: 3.9"],
            "license": "MIT",
            "project_urls": {"Source": LTREE, "Tracker": f"{LTREE}/issues"},
            "requires_python": ">=3.9",
            "summary": " Trees ",
            "version": "0.6.0",
        },
    )
