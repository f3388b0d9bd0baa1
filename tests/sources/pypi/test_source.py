"""The PyPI source: its requests, its validators and serials, and projects found by name."""

import asyncio
import dataclasses
import datetime as dt

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
from tests.standins.pypi import SIMPLE, FakeProject, FakePyPI, file, released
from tests.standins.server import Fault, LoopbackServer, Reply
from tests.standins.transport import LoopbackTransport
from tests.support.pypi_case import (
    BASE,
    LTREE,
    SEED,
    connect,
    named_target,
    project_of,
    read,
    seed_project,
    target,
    update_target,
)


def test_a_project_is_read_in_two_requests() -> None:
    transport = connect(FakePyPI(seed_project()))
    result = read(transport, target())
    assert transport.requests == [("/simple/django-ltree/", 200), ("/pypi/django-ltree/json", 200)]
    assert transport.headers[0] == {"accept": SIMPLE}
    project = project_of(result)
    assert (result.name, result.serial, result.lookup_note) == ("django-ltree", "40418259", None)
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
    assert [(each.key, each.parser) for each in result.validators] == [
        (f"{BASE}/simple/django-ltree/", PARSER_REVISION),
        (f"{BASE}/pypi/django-ltree/json", PARSER_REVISION),
    ]


@pytest.mark.parametrize("name", ["Zope_Interface", "zope.interface", "zope--.interface"])
def test_every_spelling_of_a_name_requests_the_canonical_one(name: str) -> None:
    transport = connect(FakePyPI(released("zope.interface", ["8.7"])))
    result = read(transport, named_target(name))
    assert [path for path, _ in transport.requests] == [
        "/simple/zope-interface/",
        "/pypi/zope-interface/json",
    ]
    assert project_of(result).name == "zope.interface"
    assert project_of(result).url == "https://pypi.org/project/zope-interface/"


def test_a_project_missing_from_the_json_api_is_requested_again() -> None:
    project = released("x", ["1.0"])
    project.has_json = False
    pypi = FakePyPI(project)
    first = read(connect(pypi), named_target("x"))
    assert project_of(first).version == "1.0"
    project.has_json, project.info["summary"] = True, "There now"
    assert (
        project_of(read(connect(pypi), update_target(named_target("x"), first))).summary
        == "There now"
    )


# ── again ──


@pytest.mark.parametrize("etags", [True, False])
def test_an_unchanged_project_takes_one_request(etags: bool) -> None:
    transport = connect(FakePyPI(seed_project(), etags=etags))
    first = read(transport, target())
    transport.requests.clear()
    again = read(transport, update_target(target(), first))
    assert transport.requests == [("/simple/django-ltree/", 304 if etags else 200)]
    assert (again.project, again.serial, again.lookup_note) == (None, first.serial, None)
    assert again.validators == ()


def test_a_new_serial_reads_both_apis() -> None:
    project = seed_project()
    transport = connect(FakePyPI(project))
    known = update_target(target(), read(transport, target()))
    transport.requests.clear()
    project.serial = 40418260
    project.files.append(file("django_ltree-0.8.0.tar.gz"))
    assert project.versions is not None
    project.versions.append("0.8.0")
    again = read(transport, known)
    assert [status for _, status in transport.requests] == [200, 200]
    assert (project_of(again).version, again.serial) == ("0.8.0", "40418260")


@pytest.mark.parametrize("etags", [True, False])
def test_a_guessed_project_is_followed_while_it_points_back(etags: bool) -> None:
    project = seed_project()
    transport = connect(FakePyPI(project, etags=etags))
    found = update_target(target(), read(transport, target()))
    links = project.info["project_urls"]
    project.serial, project.info["project_urls"] = 40418260, {"Source": "https://github.com/evil/x"}
    lost = read(transport, found)
    assert lost.project is None
    assert lost.lookup_note == (
        "django-ltree at PyPI links to github.com/mariocesar/django-ltree no longer: not followed"
    )
    transport.requests.clear()
    still = read(transport, update_target(found, lost))
    assert (still.project, still.lookup_note, len(transport.requests)) == (
        None,
        lost.lookup_note,
        1,
    )
    project.serial, project.info["project_urls"] = 40418261, links
    again = read(transport, update_target(update_target(found, lost), still))
    assert (project_of(again).name, again.lookup_note) == ("django-ltree", None)
    del transport
    named_by_hand = dataclasses.replace(found, pypi_source="set")
    project.serial, project.info["project_urls"] = 40418262, {}
    assert project_of(read(connect(FakePyPI(project)), named_by_hand)).name == "django-ltree"


def test_the_same_serial_in_another_body_renews_only_the_validator() -> None:
    project = seed_project()
    transport = connect(FakePyPI(project))
    known = update_target(target(), read(transport, target()))
    project.api_version = "1.5"
    transport.requests.clear()
    again = read(transport, known)
    assert again.project is None
    (validator,) = again.validators
    assert validator != known.validators[validator.key]
    assert transport.requests == [("/simple/django-ltree/", 200)]
    read(transport, update_target(known, again))
    assert transport.requests[-1] == ("/simple/django-ltree/", 304)


def test_an_outdated_json_api_is_requested_until_it_is_current() -> None:
    project = seed_project()
    transport = connect(FakePyPI(project))
    known = update_target(target(), read(transport, target()))
    project.serial, project.json_serial, project.api_version = 50000000, 40418259, "1.5"
    behind = read(transport, known)  # its answer is what it was: 304
    assert (behind.project, behind.serial, behind.validators) == (None, "40418259", ())
    project.info["summary"], project.json_serial = "Half of the news", 49999999
    partly = read(transport, update_target(known, behind))
    assert (project_of(partly).summary, partly.serial) == ("Half of the news", "49999999")
    project.info["summary"], project.json_serial = "All of it", None
    at_last = read(transport, update_target(update_target(known, behind), partly))
    assert (project_of(at_last).summary, at_last.serial) == ("All of it", "50000000")


@pytest.mark.parametrize(
    ("simple", "details", "kept"), [(10, 9, "9"), (9, 10, "9"), (101, 100, "100"), (7, 7, "7")]
)
def test_the_older_of_two_serials_is_kept(simple: int, details: int, kept: str) -> None:
    project = seed_project()
    project.serial, project.json_serial = simple, details
    result = read(connect(FakePyPI(project)), target())
    assert result.serial == kept
    vouched = {each.key.removeprefix(BASE) for each in result.validators}
    assert ("/simple/django-ltree/" in vouched) == (details >= simple)


def test_validators_of_another_parser_revision_are_not_sent() -> None:
    transport = connect(FakePyPI(seed_project()))
    known = update_target(target(), read(transport, target()))
    old = {
        key: dataclasses.replace(validator, parser=PARSER_REVISION + 1)
        for key, validator in known.validators.items()
    }
    transport.requests.clear()
    read(transport, dataclasses.replace(known, validators=old))
    assert transport.requests == [("/simple/django-ltree/", 200)]


def test_a_recording_requests_everything() -> None:
    transport = connect(FakePyPI(seed_project()))
    known = update_target(target(), read(transport, target()))
    transport.requests.clear()
    again = read(transport, known, conditional=False)
    assert [status for _, status in transport.requests] == [200, 200]
    assert project_of(again).version == "0.6.0"


# ── guessing ──


def test_an_unlinked_guess_leaves_a_note_and_takes_one_request_later() -> None:
    transport = connect(FakePyPI(seed_project()))
    guess = target(locator=parse_locator("someone/django-ltree"))
    first = read(transport, guess)
    assert first.project is None
    assert first.lookup_note == (
        "django-ltree exists at PyPI, but none of its links points to"
        " github.com/someone/django-ltree"
    )
    transport.requests.clear()
    again = read(transport, update_target(guess, first))
    assert transport.requests == [("/simple/django-ltree/", 304)]
    assert (again.project, again.serial, again.lookup_note) == (
        None,
        first.serial,
        first.lookup_note,
    )


def test_a_renamed_repository_is_guessed_again() -> None:
    transport = connect(FakePyPI(seed_project()))
    guess = target(locator=parse_locator("someone/django-ltree"))
    known = update_target(guess, read(transport, guess))
    moved = dataclasses.replace(known, locator=SEED)
    assert project_of(read(transport, moved)).name == "django-ltree"


def test_a_name_set_later_reads_both_apis() -> None:
    transport = connect(FakePyPI(seed_project()))
    guess = target(locator=parse_locator("someone/django-ltree"))
    known = update_target(guess, read(transport, guess))
    renamed = dataclasses.replace(known, pypi_source="set", pypi_name="Django.LTree")
    assert project_of(read(transport, renamed)).version == "0.6.0"


def test_links_may_point_to_a_previous_repository_name() -> None:
    asked = target(locator=parse_locator("moved-on/django-ltree"), previous=(SEED,))
    assert project_of(read(connect(FakePyPI(seed_project())), asked)).name == "django-ltree"


def test_a_guess_that_does_not_exist_is_not_a_failure() -> None:
    transport = connect(FakePyPI())
    result = read(transport, target())
    assert result == ProjectResult(
        name="django-ltree", lookup_note="django-ltree: no such project at PyPI"
    )
    assert transport.requests == [("/simple/django-ltree/", 404)]


def test_a_guess_without_links_is_not_adopted() -> None:
    empty = FakeProject(name="django-ltree", versions=[], has_json=False)
    result = read(connect(FakePyPI(empty)), target())
    assert result.project is None
    assert result.lookup_note is not None


@pytest.mark.parametrize(
    "locator",
    [None, parse_locator("file:///srv/django-ltree"), parse_locator("mariocesar/.github")],
)
def test_without_a_name_to_guess_nothing_is_requested(locator: object) -> None:
    transport = connect(FakePyPI(seed_project()))
    result = read(transport, target(locator=locator))
    assert transport.requests == []
    assert result.project is None
    assert result.lookup_note


def test_a_missing_project_of_the_package_is_a_failure() -> None:
    with pytest.raises(NotFound, match="no project 'x' on PyPI"):
        read(connect(FakePyPI()), named_target("x"))
    with pytest.raises(NotFound, match="not a valid project name"):
        read(connect(FakePyPI()), named_target("../x"))


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
    transport = connect(FakePyPI(seed_project()))
    transport.overrides[path] = Reply(status=status)
    with pytest.raises(error):
        read(transport, target())


# ── over a socket ──


def test_a_project_is_read_over_a_socket() -> None:
    async def read_three_times(server: LoopbackServer) -> ProjectResult:
        async with LoopbackTransport() as transport:
            source = PypiIndexSource(transport, url=f"{server.url}/")
            first = await source.read(target())
            assert project_of(first).version == "0.6.0"
            server.fault("/simple/", Fault(status=503), times=1)
            with pytest.raises(Unavailable):
                await source.read(update_target(target(), first))
            return await source.read(update_target(target(), first))

    with LoopbackServer(FakePyPI(seed_project()).reply) as server:
        assert asyncio.run(read_three_times(server)).project is None
    assert [(each.path, each.status) for each in server.log] == [
        ("/simple/django-ltree/", 200),
        ("/pypi/django-ltree/json", 200),
        ("/simple/django-ltree/", 503),
        ("/simple/django-ltree/", 304),
    ]
