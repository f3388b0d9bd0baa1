"""Decoding the pages of PyPI's two APIs."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkgharvest.model.errors import Malformed
from pkgharvest.model.observations import ProjectResult
from tests.standins.pypi import FakeProject, FakePyPI, file, released
from tests.standins.server import Reply
from tests.support.pypi_case import connect, named_target, project_of, read


def test_a_project_with_only_pre_releases_has_a_latest_version() -> None:
    result = read(
        connect(FakePyPI(released("x", ["0.66b2", "0.66b10", "0.65b0"]))), named_target("x")
    )
    assert project_of(result).version == "0.66b10"


def test_a_simple_api_of_version_1_0_is_read() -> None:
    old = FakeProject(
        name="x",
        api_version="1.0",
        serial=None,
        files=[file("x-1.0.tar.gz", uploaded=None), file("x-1.0rc1-py3-none-any.whl")],
    )
    result = read(connect(FakePyPI(old)), named_target("x"))
    project = project_of(result)
    assert [(each.version, each.upload_time is None) for each in project.releases] == [
        ("1.0", True),
        ("1.0rc1", False),
    ]
    assert result.serial is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "active"),
        ({}, "active"),
        ({"status": "archived", "reason": "done"}, "archived"),
        ({"state": "deprecated"}, "deprecated"),
    ],
)
def test_the_project_status_is_read_under_both_keys(value: object, expected: str) -> None:
    project = released("x", ["1.0"])
    project.status = value
    assert project_of(read(connect(FakePyPI(project)), named_target("x"))).status == expected


def test_a_quarantined_project_is_not_a_failure() -> None:
    project = FakeProject(name="x", versions=[], has_json=False, status={"status": "quarantined"})
    transport = connect(FakePyPI(project))
    result = read(transport, named_target("X"))
    value = project_of(result)
    assert (value.name, value.status, value.version, value.releases) == (
        "X",
        "quarantined",
        None,
        (),
    )
    assert result.serial == "1"


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({}, None),
        ({"license": "UNKNOWN"}, None),
        ({"license": "BSD-3-Clause"}, "BSD-3-Clause"),
        ({"license": "MIT", "license_expression": "apache-2.0 or mit"}, "Apache-2.0 OR MIT"),
        ({"license_expression": "BSD"}, "BSD"),
        ({"license": "Copyright (c) 2020\n\nAll rights\n"}, None),
        ({"license": "long " * 50, "classifiers": ["License :: Public Domain"]}, "Public Domain"),
        ({"classifiers": ["License :: OSI Approved :: MIT License"]}, "MIT"),
        ({"classifiers": ["License :: OSI Approved", "Topic :: Licenses"]}, None),
        (
            {"classifiers": [f"License :: OSI Approved :: {name}" for name in ("A", "B")]},
            "A, B",
        ),
    ],
)
def test_the_license_is_read_from_all_three_fields(
    info: dict[str, object], expected: str | None
) -> None:
    project = released("x", ["1.0"], **info)
    assert project_of(read(connect(FakePyPI(project)), named_target("x"))).license == expected


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"project_urls": {"Homepage": "https://a.example"}}, None),
        ({"project_urls": {"Docs": "https://a.example"}}, "https://a.example"),
        ({"project_urls": {" Docu-mentation: ": "http://a.example"}}, "http://a.example"),
        ({"project_urls": {"docs": "javascript:alert(1)"}}, None),
        (
            {"project_urls": {"docs": "UNKNOWN"}, "docs_url": "https://b.example"},
            "https://b.example",
        ),
        ({"project_urls": {"docs": None, "Documentation": "HTTPS://A"}}, "HTTPS://A"),
        ({"docs_url": "https://pythonhosted.org/x/"}, "https://pythonhosted.org/x/"),
    ],
)
def test_the_documentation_link_is_found_by_its_label(
    info: dict[str, object], expected: str | None
) -> None:
    project = released("x", ["1.0"], **info)
    assert (
        project_of(read(connect(FakePyPI(project)), named_target("x"))).documentation_url
        == expected
    )


def test_project_links_are_unique_and_in_order() -> None:
    info = {
        "project_urls": {"Code": "https://a", "Issues": "https://b"},
        "home_page": "https://a",
        "download_url": "https://c",
        "docs_url": None,
    }
    result = read(connect(FakePyPI(released("x", ["1.0"], **info))), named_target("x"))
    assert project_of(result).links == ("https://a", "https://b", "https://c")


@pytest.mark.parametrize(
    ("of_file", "of_info", "version", "expected"),
    [
        (">=3.9", ">=3.9", "1.0", ">=3.9"),
        (None, ">=3.9", "1.0", ">=3.9"),  # an index that leaves it out
        (None, ">=3.9", "0.9", None),  # metadata of another release
    ],
)
def test_requires_python_is_that_of_the_latest_release(
    of_file: str | None, of_info: str, version: str, expected: str | None
) -> None:
    project = released("x", ["1.0"], requires_python=of_info, version=version)
    project.files = [file("x-1.0.tar.gz", requires_python=of_file)]
    assert (
        project_of(read(connect(FakePyPI(project)), named_target("x"))).requires_python == expected
    )


def simple_page(**changes: object) -> dict[str, object]:
    return {
        "meta": {"api-version": "1.1", "_last-serial": "7"},
        "name": "x",
        "files": [],
        "versions": [],
    } | changes


def json_page(**changes: object) -> dict[str, object]:
    return {"info": {"name": "x", "version": "1.0"} | changes, "last_serial": 7}


def read_pages(simple: object, details: object) -> ProjectResult:
    transport = connect(FakePyPI())
    for path, page in (("/simple/x/", simple), ("/pypi/x/json", details)):
        body = json.dumps(page).encode()
        headers = {"Content-Type": "application/json; charset=utf-8"}
        transport.overrides[path] = Reply(status=200, headers=headers, body=body)
    return read(transport, named_target("x"))


def test_the_smallest_valid_pages_are_read() -> None:
    assert project_of(read_pages(simple_page(), json_page())).version is None


@pytest.mark.parametrize(
    ("simple", "message"),
    [
        ([], r"simple/x: expected an object"),
        (simple_page(meta={}), r"simple/x\.meta\.api-version: expected a value"),
        (simple_page(meta={"api-version": "2.0"}), r"api-version: expected 1\.x, got '2\.0'"),
        (simple_page(meta={"api-version": "1.1", "_last-serial": []}), "_last-serial: expected"),
        (simple_page(name="y"), r"simple/x\.name: expected a spelling of x, got 'y'"),
        (simple_page(files={}), r"simple/x\.files: expected a list"),
        (simple_page(files=[{}]), r"files\[0\]\.filename: expected a value"),
        (simple_page(files=[file("x-1.tar.gz", uploaded="now")]), r"files\[0\]\.upload-time"),
        (simple_page(files=[file("x-1.tar.gz", yanked=1)]), r"files\[0\]\.yanked"),
        (simple_page(versions=[1]), r"versions\[0\]: expected a string"),
        ({"project-status": "archived"} | simple_page(), "project-status: expected an object"),
    ],
)
def test_a_simple_page_of_the_wrong_shape_is_malformed(simple: object, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        read_pages(simple, json_page())


@pytest.mark.parametrize(
    ("details", "message"),
    [
        ({}, r"pypi/x\.info: expected a value"),
        (json_page(name="y"), r"pypi/x\.info\.name: expected a spelling of x"),
        (json_page(classifiers="MIT"), "classifiers: expected a list"),
        (json_page(project_urls=["https://a"]), "project_urls: expected an object"),
        (json_page(project_urls={"docs": 1}), r"project_urls\.docs: expected a string"),
        (json_page(summary=["a"]), "summary: expected a string"),
        (json_page(license_expression={}), "license_expression: expected a string"),
    ],
)
def test_a_json_page_of_the_wrong_shape_is_malformed(details: object, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        read_pages(simple_page(), details)


@pytest.mark.parametrize(
    ("kind", "body"), [("text/html", b"{}"), ("", b"{}"), ("application/json", b"<html>")]
)
def test_a_page_that_is_not_json_is_malformed(kind: str, body: bytes) -> None:
    transport = connect(FakePyPI())
    transport.overrides["/simple/x/"] = Reply(status=200, headers={"Content-Type": kind}, body=body)
    with pytest.raises(Malformed):
        read(transport, named_target("x"))


@pytest.mark.parametrize("value", ["40418259", 40418259, None])
def test_a_serial_is_a_number_a_string_or_a_header(value: object) -> None:
    transport = connect(FakePyPI())
    meta = {"api-version": "1.9", "_last-serial": value}
    transport.overrides["/simple/x/"] = Reply(
        status=200,
        headers={"Content-Type": "application/json", "X-PyPI-Last-Serial": "40418259"},
        body=json.dumps(simple_page(meta=meta)).encode(),
    )
    transport.overrides["/pypi/x/json"] = Reply(
        status=200,
        headers={"Content-Type": "application/json"},
        body=json.dumps(json_page() | {"last_serial": 40418259}).encode(),
    )
    assert read(transport, named_target("x")).serial == "40418259"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(
    st.sampled_from(["meta", "name", "files", "versions", "project-status"]),
    st.sampled_from(["classifiers", "license", "license_expression", "project_urls", "summary"]),
    _JSON,
    _JSON,
)
def test_any_json_page_is_read_or_malformed(
    simple_key: str, json_key: str, simple: object, details: object
) -> None:
    page, other = simple_page(**{simple_key: simple}), json_page(**{json_key: details})
    with suppress(Malformed):
        assert project_of(read_pages(page, other)).name == "x"
