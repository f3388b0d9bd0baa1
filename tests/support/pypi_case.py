"""PyPI: what the tests with the stand-in have in common, and the project of the seed record."""

import asyncio
import dataclasses

from pkgharvest.model.locators import parse_locator
from pkgharvest.model.observations import FetchTarget, ProjectResult
from pkgharvest.model.package import Project
from pkgharvest.sources.pypi.source import PypiIndexSource
from tests.standins.pypi import FakeProject, FakePyPI, file
from tests.standins.transport import DirectTransport

BASE = "http://index.test"
SEED = parse_locator("mariocesar/django-ltree")
LTREE = "https://github.com/mariocesar/django_ltree"


def connect(pypi: FakePyPI) -> DirectTransport:
    """Return a transport to ``pypi``."""
    return DirectTransport(pypi.reply, BASE)


def target(**fields: object) -> FetchTarget:
    defaults: dict[str, object] = {
        "package_id": 1,
        "slug": "django-ltree",
        "sources": ("pypi",),
        "locator": SEED,
    }
    return FetchTarget(**(defaults | fields))  # type: ignore[arg-type]


def named_target(name: str, **fields: object) -> FetchTarget:
    return target(locator=None, pypi_source="set", pypi_name=name, **fields)


def read(
    transport: DirectTransport, known: FetchTarget, *, conditional: bool = True
) -> ProjectResult:
    return asyncio.run(PypiIndexSource(transport, url=BASE, conditional=conditional).read(known))


def update_target(known: FetchTarget, result: ProjectResult) -> FetchTarget:
    """Return ``known`` as the catalog has it after saving ``result``."""
    project = result.project
    return dataclasses.replace(
        known,
        pypi_name=project.name if project else known.pypi_name,
        pypi_serial=result.serial or known.pypi_serial,
        pypi_lookup_note=result.lookup_note,
        validators={
            **known.validators,
            **{validator.key: validator for validator in result.validators},
        },
    )


def project_of(result: ProjectResult) -> Project:
    assert result.project is not None
    return result.project


def seed_project() -> FakeProject:
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
