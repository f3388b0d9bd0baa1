"""PyPI as a source: what is asked, what is kept, and what is left alone."""

import asyncio
import dataclasses
import datetime as dt

import httpx
import pytest

from pkgharvest.model.errors import (
    Blocked,
    Gone,
    Malformed,
    NotFound,
    RateLimited,
    SourceError,
    Unauthorized,
    Unavailable,
)
from pkgharvest.model.locators import parse_locator
from pkgharvest.model.observations import ProjectResult
from pkgharvest.sources.pypi.source import PARSER_REVISION, PypiIndexSource
from pkgharvest.transport.base import Request, Response
from tests.standins.pypi import SIMPLE, FakeProject, FakePyPI, file, released
from tests.standins.server import Fault, LoopbackServer, Reply
from tests.support.pypi_line import (
    BASE,
    LTREE,
    SEED,
    Line,
    after,
    named,
    project_of,
    read,
    seed,
    target,
)


def test_a_project_is_read_in_two_requests() -> None:
    line = Line(FakePyPI(seed()))
    reading = read(line, target())
    assert line.asked == [("/simple/django-ltree/", 200), ("/pypi/django-ltree/json", 200)]
    assert line.headers[0] == {"accept": SIMPLE}
    project = project_of(reading)
    assert (reading.name, reading.serial, reading.lookup_note) == ("django-ltree", "40418259", None)
    assert project.name == "django-ltree"
    assert project.url == "https://pypi.org/project/django-ltree/"
    assert project.version == "0.6.0"
    assert project.status == "active"
    assert project.requires_python == ">=3.9"
    assert project.license == "MIT"
    assert project.summary == "Trees"
    assert project.classifiers == ("Framework :: Django", "Programming Language :: Python :: 3.9")
    assert project.links == (LTREE, f"{LTREE}/issues")
    newest, latest, *_ = project.releases
    assert (newest.version, newest.yanked, newest.yanked_reason) == ("0.7.0", True, "broken")
    assert latest.upload_time == dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)
    assert [each.version for each in project.releases] == ["0.7.0", "0.6.0", "0.5", "0.1a0"]
    assert [(each.key, each.parser) for each in reading.validators] == [
        (f"{BASE}/simple/django-ltree/", PARSER_REVISION),
        (f"{BASE}/pypi/django-ltree/json", PARSER_REVISION),
    ]


@pytest.mark.parametrize("name", ["Zope_Interface", "zope.interface", "zope--.interface"])
def test_every_spelling_of_a_name_requests_the_canonical_one(name: str) -> None:
    line = Line(FakePyPI(released("zope.interface", ["8.7"])))
    reading = read(line, named(name))
    assert [path for path, _ in line.asked] == [
        "/simple/zope-interface/",
        "/pypi/zope-interface/json",
    ]
    assert project_of(reading).name == "zope.interface"
    assert project_of(reading).url == "https://pypi.org/project/zope-interface/"


def test_a_project_missing_from_the_json_api_is_requested_again() -> None:
    project = released("x", ["1.0"])
    project.has_json = False
    pypi = FakePyPI(project)
    first = read(Line(pypi), named("x"))
    assert project_of(first).version == "1.0"
    project.has_json, project.info["summary"] = True, "There now"
    assert project_of(read(Line(pypi), after(named("x"), first))).summary == "There now"


# ── again ──


@pytest.mark.parametrize("etags", [True, False])
def test_an_unchanged_project_takes_one_request(etags: bool) -> None:
    line = Line(FakePyPI(seed(), etags=etags))
    first = read(line, target())
    line.asked.clear()
    again = read(line, after(target(), first))
    assert line.asked == [("/simple/django-ltree/", 304 if etags else 200)]
    assert (again.project, again.serial, again.lookup_note) == (None, first.serial, None)
    assert again.validators == ()


def test_a_new_serial_reads_both_apis() -> None:
    project = seed()
    line = Line(FakePyPI(project))
    known = after(target(), read(line, target()))
    line.asked.clear()
    project.serial = 40418260
    project.files.append(file("django_ltree-0.8.0.tar.gz"))
    assert project.versions is not None
    project.versions.append("0.8.0")
    again = read(line, known)
    assert [status for _, status in line.asked] == [200, 200]
    assert (project_of(again).version, again.serial) == ("0.8.0", "40418260")


@pytest.mark.parametrize("etags", [True, False])
def test_a_guessed_project_is_followed_while_it_points_back(etags: bool) -> None:
    project = seed()
    line = Line(FakePyPI(project, etags=etags))
    found = after(target(), read(line, target()))
    links = project.info["project_urls"]
    project.serial, project.info["project_urls"] = 40418260, {"Source": "https://github.com/evil/x"}
    lost = read(line, found)
    assert lost.project is None
    assert lost.lookup_note == (
        "django-ltree at PyPI links to github.com/mariocesar/django-ltree no longer: not followed"
    )
    line.asked.clear()
    still = read(line, after(found, lost))
    assert (still.project, still.lookup_note, len(line.asked)) == (None, lost.lookup_note, 1)
    project.serial, project.info["project_urls"] = 40418261, links
    again = read(line, after(after(found, lost), still))
    assert (project_of(again).name, again.lookup_note) == ("django-ltree", None)
    del line
    named_by_hand = dataclasses.replace(found, pypi_source="set")
    project.serial, project.info["project_urls"] = 40418262, {}
    assert project_of(read(Line(FakePyPI(project)), named_by_hand)).name == "django-ltree"


def test_the_same_serial_in_another_body_renews_only_the_validator() -> None:
    project = seed()
    line = Line(FakePyPI(project))
    known = after(target(), read(line, target()))
    project.api_version = "1.5"
    line.asked.clear()
    again = read(line, known)
    assert again.project is None
    (validator,) = again.validators
    assert validator != known.validators[validator.key]
    assert line.asked == [("/simple/django-ltree/", 200)]
    read(line, after(known, again))
    assert line.asked[-1] == ("/simple/django-ltree/", 304)


def test_an_outdated_json_api_is_requested_until_it_is_current() -> None:
    project = seed()
    line = Line(FakePyPI(project))
    known = after(target(), read(line, target()))
    project.serial, project.json_serial, project.api_version = 50000000, 40418259, "1.5"
    behind = read(line, known)  # its answer is what it was: 304
    assert (behind.project, behind.serial, behind.validators) == (None, "40418259", ())
    project.info["summary"], project.json_serial = "Half of the news", 49999999
    partly = read(line, after(known, behind))
    assert (project_of(partly).summary, partly.serial) == ("Half of the news", "49999999")
    project.info["summary"], project.json_serial = "All of it", None
    at_last = read(line, after(after(known, behind), partly))
    assert (project_of(at_last).summary, at_last.serial) == ("All of it", "50000000")


@pytest.mark.parametrize(
    ("simple", "details", "kept"), [(10, 9, "9"), (9, 10, "9"), (101, 100, "100"), (7, 7, "7")]
)
def test_the_older_of_two_serials_is_kept(simple: int, details: int, kept: str) -> None:
    project = seed()
    project.serial, project.json_serial = simple, details
    reading = read(Line(FakePyPI(project)), target())
    assert reading.serial == kept
    vouched = {each.key.removeprefix(BASE) for each in reading.validators}
    assert ("/simple/django-ltree/" in vouched) == (details >= simple)


def test_validators_of_another_parser_revision_are_not_sent() -> None:
    line = Line(FakePyPI(seed()))
    known = after(target(), read(line, target()))
    old = {
        key: dataclasses.replace(validator, parser=PARSER_REVISION + 1)
        for key, validator in known.validators.items()
    }
    line.asked.clear()
    read(line, dataclasses.replace(known, validators=old))
    assert line.asked == [("/simple/django-ltree/", 200)]


def test_a_recording_requests_everything() -> None:
    line = Line(FakePyPI(seed()))
    known = after(target(), read(line, target()))
    line.asked.clear()
    again = read(line, known, conditional=False)
    assert [status for _, status in line.asked] == [200, 200]
    assert project_of(again).version == "0.6.0"


# ── guessing ──


def test_an_unlinked_guess_leaves_a_note_and_takes_one_request_later() -> None:
    line = Line(FakePyPI(seed()))
    guess = target(locator=parse_locator("someone/django-ltree"))
    first = read(line, guess)
    assert first.project is None
    assert first.lookup_note == (
        "django-ltree exists at PyPI, but none of its links points to"
        " github.com/someone/django-ltree"
    )
    line.asked.clear()
    again = read(line, after(guess, first))
    assert line.asked == [("/simple/django-ltree/", 304)]
    assert (again.project, again.serial, again.lookup_note) == (
        None,
        first.serial,
        first.lookup_note,
    )


def test_a_renamed_repository_is_guessed_again() -> None:
    line = Line(FakePyPI(seed()))
    guess = target(locator=parse_locator("someone/django-ltree"))
    known = after(guess, read(line, guess))
    moved = dataclasses.replace(known, locator=SEED)
    assert project_of(read(line, moved)).name == "django-ltree"


def test_a_name_set_later_reads_both_apis() -> None:
    line = Line(FakePyPI(seed()))
    guess = target(locator=parse_locator("someone/django-ltree"))
    known = after(guess, read(line, guess))
    told = dataclasses.replace(known, pypi_source="set", pypi_name="Django.LTree")
    assert project_of(read(line, told)).version == "0.6.0"


def test_links_may_point_to_a_previous_repository_name() -> None:
    asked = target(locator=parse_locator("moved-on/django-ltree"), previous=(SEED,))
    assert project_of(read(Line(FakePyPI(seed())), asked)).name == "django-ltree"


def test_a_guess_that_does_not_exist_is_not_a_failure() -> None:
    line = Line(FakePyPI())
    reading = read(line, target())
    assert reading == ProjectResult(
        name="django-ltree", lookup_note="django-ltree: no such project at PyPI"
    )
    assert line.asked == [("/simple/django-ltree/", 404)]


def test_a_guess_without_links_is_not_adopted() -> None:
    empty = FakeProject(name="django-ltree", versions=[], has_json=False)
    reading = read(Line(FakePyPI(empty)), target())
    assert reading.project is None
    assert reading.lookup_note is not None


@pytest.mark.parametrize(
    "locator",
    [None, parse_locator("file:///srv/django-ltree"), parse_locator("mariocesar/.github")],
)
def test_without_a_name_to_guess_nothing_is_requested(locator: object) -> None:
    line = Line(FakePyPI(seed()))
    reading = read(line, target(locator=locator))
    assert line.asked == []
    assert reading.project is None
    assert reading.lookup_note


def test_a_missing_project_of_the_package_is_a_failure() -> None:
    with pytest.raises(NotFound, match="no project 'x' on PyPI"):
        read(Line(FakePyPI()), named("x"))
    with pytest.raises(NotFound, match="not a valid project name"):
        read(Line(FakePyPI()), named("../x"))


# ── what goes wrong ──


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, Unauthorized),
        (403, Unauthorized),
        (410, Gone),
        (429, RateLimited),
        (451, Blocked),
        (500, Unavailable),
        (503, Unavailable),
        (204, Malformed),
        (302, Malformed),
        (304, Malformed),  # to a request without a validator
        (400, Malformed),
    ],
)
@pytest.mark.parametrize("path", ["/simple/django-ltree/", "/pypi/django-ltree/json"])
def test_statuses_of_pypi_become_errors(path: str, status: int, error: type[SourceError]) -> None:
    line = Line(FakePyPI(seed()))
    line.spoil[path] = Reply(status=status)
    with pytest.raises(error):
        read(line, target())


# ── over a socket ──


class Wire:
    """An Exchange over a real connection, in as few lines as it can be."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def send(self, request: Request) -> Response:
        answer = await self._client.request(
            request.method, request.url, headers=dict(request.headers)
        )
        return Response(
            status=answer.status_code,
            headers={name.lower(): value for name, value in answer.headers.items()},
            body=answer.content,
            url=str(answer.url),
        )


def test_a_project_is_read_over_a_socket() -> None:
    async def scenario(server: LoopbackServer) -> ProjectResult:
        async with httpx.AsyncClient(trust_env=False) as client:
            source = PypiIndexSource(Wire(client), url=f"{server.url}/")
            first = await source.read(target())
            assert project_of(first).version == "0.6.0"
            server.fault("/simple/", Fault(status=503), times=1)
            with pytest.raises(Unavailable):
                await source.read(after(target(), first))
            return await source.read(after(target(), first))

    with LoopbackServer(FakePyPI(seed()).reply) as server:
        assert asyncio.run(scenario(server)).project is None
    assert [(each.path, each.status) for each in server.log] == [
        ("/simple/django-ltree/", 200),
        ("/pypi/django-ltree/json", 200),
        ("/simple/django-ltree/", 503),
        ("/simple/django-ltree/", 304),
    ]
