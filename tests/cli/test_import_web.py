"""``pkgharvest import`` from a URL."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.standins.server import Call, LoopbackServer, Reply
from tests.support.api_records import (
    category,
    grid,
    page,
    record,
)
from tests.support.command_line import CommandLine


class Website:
    """A website with the API v4."""

    def __init__(self) -> None:
        self.server = LoopbackServer(self.reply)
        self.documents: dict[str, Any] = {}
        self.statuses: dict[str, int] = {}

    def reply(self, call: Call) -> Reply:
        target = call.path + ("?" + "&".join(f"{k}={v}" for k, v in call.query.items()) or "")
        target = target.rstrip("?")
        if target + "/" in self.documents:
            return Reply(status=301, headers={"location": target + "/"})
        if target not in self.documents:
            return Reply(status=self.statuses.get(target, 404), body=b'{"detail": "Not found."}')
        return Reply(
            status=200,
            headers={"content-type": "application/json"},
            body=json.dumps(self.documents[target]).encode(),
        )

    def at(self, path: str) -> str:
        return f"{self.server.url}{path}"


@pytest.fixture
def website() -> Iterator[Website]:
    website = Website()
    with website.server:
        yield website


def test_import_reads_all_pages_of_a_list(shell: CommandLine, website: Website) -> None:
    first, second = "/api/v4/packages/", "/api/v4/packages/?limit=1&offset=1"
    website.documents = {
        first: page(record(8, "dog"), next_url=website.at(second)),
        second: page(record(), next_url="?limit=1&offset=2"),
        "/api/v4/packages/?limit=1&offset=2": page(record(9, "fox")),
    }
    shell.variables["GH_TOKEN"] = "ghp_" + "x" * 36
    result = shell.ok("import", website.at("/api/v4/packages"))
    assert result.out.endswith(": 3 added\n")
    assert len(website.server.log) == 4  # the first is redirected to the URL with a slash
    assert all("authorization" not in request.headers for request in website.server.log)
    assert all(request.headers["accept"] == "application/json" for request in website.server.log)
    assert shell.ok("import", website.at(first)).out.endswith(": 3 unchanged\n")


def test_import_of_one_record_by_url(shell: CommandLine, website: Website) -> None:
    website.documents["/api/v4/packages/7/"] = record()
    results = shell.ok("import", website.at("/api/v4/packages/7/"), "--json").json()
    assert [(result["slug"], result["outcome"]) for result in results] == [("cat", "added")]


def test_import_of_the_api_root_reads_everything(shell: CommandLine, website: Website) -> None:
    names = ("packages", "search", "grids", "categories")
    website.documents = {
        "/api/v4/": {name: website.at(f"/api/v4/{name}/") for name in names},
        "/api/v4/packages/": page(record()),
        "/api/v4/grids/": page(grid(), grid(9, "other")),
        "/api/v4/categories/": page(category()),
    }
    assert shell.ok("import", website.at("/api/v4/")).out.endswith(": 4 added\n")
    assert shell.rows("SELECT slug FROM categories") == [("apps",)]


def test_a_next_page_on_another_site_is_not_read(shell: CommandLine, website: Website) -> None:
    with LoopbackServer(lambda _: Reply(status=200, body=b"[]")) as other:
        website.documents["/list/"] = page(record(), next_url=f"{other.url}/list/")
        result = shell.run("import", website.at("/list/"))
        assert result.code == 1
        assert "leads to another site" in result.error
        assert other.log == []
    assert result.out.endswith(": 1 added\n")


def test_pages_that_form_a_loop_are_an_error(shell: CommandLine, website: Website) -> None:
    website.documents["/list/"] = page(record(), next_url=website.at("/list/"))
    result = shell.run("import", website.at("/list/"))
    assert result.code == 1
    assert "repeats a page" in result.error


@pytest.mark.parametrize(("status", "code"), [(404, 1), (401, 4), (410, 1), (418, 1)])
def test_an_http_error_of_the_site_is_reported(
    shell: CommandLine, website: Website, status: int, code: int
) -> None:
    website.statuses["/api/v4/packages/"] = status
    result = shell.run("import", website.at("/api/v4/packages/"))
    assert result.code == code
    assert result.error
    assert not shell.db.exists()


@pytest.mark.parametrize(
    "address",
    [
        *("http://", "http://[bad", "http://[::1", "https://:80/", "http://x.example:abc/"),
        *("http://x.example:99999/", "http://ex ample/", "http://x.example/\nHost: y"),
    ],
)
def test_an_invalid_url_is_rejected(shell: CommandLine, address: str) -> None:
    result = shell.run("import", address)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: not a URL: 'http")


@pytest.mark.parametrize("address", ["ftp://x.example/y", "file:///etc/hosts", "s3://a/b"])
def test_a_url_of_another_scheme_is_rejected(shell: CommandLine, address: str) -> None:
    result = shell.run("import", address)
    assert result.code == 2
    assert "only http and https URLs are read" in result.err


def test_a_list_that_repeats_its_records_is_an_error(shell: CommandLine, website: Website) -> None:
    for number in range(9):
        next_url = website.at(f"/list/?offset={number + 1}")
        website.documents[f"/list/?offset={number}"] = page(record(), next_url=next_url)
    result = shell.run("import", website.at("/list/?offset=0"))
    assert (result.code, result.out.rpartition(": ")[2]) == (1, "1 added, 1 unchanged\n")
    assert "starts again and never ends" in result.err


def test_a_rate_limit_of_the_site_stops_the_import(shell: CommandLine, website: Website) -> None:
    website.statuses["/list/"] = 429
    assert shell.run("import", website.at("/list/")).code == 5


def test_a_password_in_a_url_is_not_printed(shell: CommandLine) -> None:
    result = shell.run("import", "https://me:hunter2@site.example/api/v4/")
    assert result.code == 2
    assert "hunter2" not in result.err
