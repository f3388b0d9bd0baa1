"""``pkgharvest import``: what is taken over, what is kept, what is refused and how it is told."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pkgharvest.model.clock import FixedClock
from tests.standins.server import Call, LoopbackServer, Reply
from tests.support.command_line import CommandLine, Result
from tests.support.hosts import Hosts, some
from tests.support.packages import TRUTH, published_lines, published_records

SITE = "https://site.example"
LATER = "2020-01-01T00:00:00Z"

needs_truth = pytest.mark.skipif(TRUTH is None, reason="the published records are not here")


def record(number: int = 7, name: str = "cat", **changes: Any) -> dict[str, Any]:
    return {
        "category": f"{SITE}/api/v4/categories/1/",
        "grids": [f"{SITE}/api/v4/grids/9/", f"{SITE}/api/v4/grids/3/"],
        "id": number,
        "title": name.title(),
        "slug": name,
        "last_updated": "2026-01-03T17:13:40-05:00",
        "last_fetched": "2026-02-10T18:04:11.230084-05:00",
        "repo_url": f"https://github.com/octo/{name}",
        "pypi_version": "1.1",
        "created": "2020-02-13T11:09:23.697029-05:00",
        "modified": "2026-01-28T14:23:45.386202-05:00",
        "repo_forks": 3,
        "repo_description": "A cat",
        "pypi_url": f"http://pypi.python.org/pypi/{name}",
        "documentation_url": None,
        "repo_watchers": 7,
        "commits_over_52": [0] * 51 + [2],
        "participants": ["ann", "bob"],
    } | changes


def category(number: int = 1, slug: str = "apps", **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "title": slug.title(),
        "slug": slug,
        "description": "Small ones",
        "title_plural": f"{slug.title()}s",
        "show_pypi": True,
        "created": "2010-08-14T22:47:52Z",
        "modified": "2022-03-04T12:18:15.544000Z",
    } | changes


def grid(number: int = 3, slug: str = "cms", **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "title": slug.upper(),
        "slug": slug,
        "description": "Compared",
        "is_locked": False,
        "packages": [f"{SITE}/api/v4/packages/7/"],
        "header": True,
        "created": "2010-08-14T22:47:52Z",
        "modified": "2022-03-04T12:18:15.544000Z",
    } | changes


def page(*results: dict[str, Any], following: str | None = None) -> dict[str, Any]:
    return {"count": len(results), "next": following, "previous": None, "results": list(results)}


def given(*documents: object, indent: int | None = None) -> bytes:
    return b"".join(json.dumps(one, indent=indent).encode() + b"\n" for one in documents)


def imported(shell: CommandLine, *documents: object) -> list[dict[str, Any]]:
    """Import what must all be readable; return what became of each."""
    told: list[dict[str, Any]] = shell.ok("import", "-", "--json", stdin=given(*documents)).json()
    return told


def outcomes(told: list[dict[str, Any]]) -> list[str]:
    return [one["outcome"] for one in told]


def skipped(result: Result) -> str:
    """Return why the one that was skipped was."""
    assert result.code == 3, result
    return result.error


# ── published records ──


@needs_truth
def test_published_records_are_shown_as_they_were(shell: CommandLine) -> None:
    assert TRUTH is not None
    shell.variables |= {"PKGHARVEST_BASE_URL": "https://djangopackages.org"}
    shell.variables |= {"PKGHARVEST_TZ": "America/New_York"}
    told = shell.ok("import", str(TRUTH / "records.jsonl"), "--json").json()
    assert outcomes(told) == ["added"] * len(published_records())
    for line, each in zip(published_lines(), published_records(), strict=True):
        shown = shell.ok("show", each["slug"], "--format", "jsonl").out
        assert shown == line + "\n"
        assert list(shell.show(each["slug"]).items()) == list(each.items())
    assert shell.ok("db", "check").out


@needs_truth
def test_the_same_again_changes_nothing(shell: CommandLine) -> None:
    assert TRUTH is not None
    path = str(TRUTH / "records.jsonl")
    shell.ok("import", path)
    before = shell.ok("export").out
    told = shell.ok("import", path, "--json").json()
    assert set(outcomes(told)) == {"unchanged"}
    assert shell.ok("export").out == before


# ── the shapes that data has ──


@pytest.mark.parametrize(
    "data",
    [
        given(record(), record(8, "dog")),
        given([record(), record(8, "dog")]),
        given([record(), record(8, "dog")], indent=4),
        given(page(record(), record(8, "dog"))),
        given(page(record(), record(8, "dog")), indent=2),
        b"\xef\xbb\xbf" + given(record(), record(8, "dog")),
        b"\n\n" + given(record()) + b"\r\n \n" + given(record(8, "dog")),
    ],
    ids=["lines", "list", "indented list", "page", "indented page", "mark", "blank lines"],
)
def test_every_shape(shell: CommandLine, data: bytes) -> None:
    assert shell.ok("import", "-", stdin=data).out == "standard input: 2 added\n"
    assert [one["slug"] for one in shell.ok("list", "--json").json()] == ["cat", "dog"]


@pytest.mark.parametrize("indent", [None, 4])
def test_one_record(shell: CommandLine, indent: int | None) -> None:
    shell.ok("import", "-", stdin=given(record(), indent=indent))
    assert shell.show("cat")["repo_watchers"] == 7


@pytest.mark.parametrize("data", [b"[]", given(page())])
def test_an_empty_list_is_a_list(shell: CommandLine, data: bytes) -> None:
    assert shell.ok("import", "-", "--json", stdin=data).json() == []


def test_several_files(shell: CommandLine) -> None:
    (shell.here / "a.json").write_bytes(given([record()]))
    (shell.here / "b.json").write_bytes(given([record(8, "dog")]))
    result = shell.ok("import", "a.json", "b.json")
    assert result.out == "a.json: 1 added\nb.json: 1 added\n"
    assert shell.ok("import", "a.json", "-q").out == ""


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\n", b"nonsense", b"{", b"7", b'"x"', b"null", b"\xff\xfe", b"[1, 2]"),
        *(b'{"message": "Not Found"}', b'[{"a": 1}]', b"<html>\n<p>\n</html>\n", b"NaN"),
        b'{"detail": "x"}\n{"detail": "y"}\n',
    ],
)
def test_nothing_of_the_kind(shell: CommandLine, data: bytes) -> None:
    result = shell.run("import", "-", stdin=data)
    assert result.code == 1
    assert result.error.startswith("standard input")
    assert not shell.db.exists()


def test_what_cannot_be_read_hinders_no_other(shell: CommandLine) -> None:
    (shell.here / "a.json").write_bytes(given(record()))
    (shell.here / "b.json").write_bytes(b"nonsense")
    result = shell.run("import", "missing.json", "b.json", "a.json")
    assert result.code == 1
    assert result.out == "a.json: 1 added\n"
    assert "error: missing.json: no such file or directory\n" in result.err
    assert "error: b.json: not valid JSON\n" in result.err


# ── what is kept ──


@pytest.mark.parametrize(
    "changes",
    [
        {"documentation_url": ""},
        {"documentation_url": None},
        {"documentation_url": "https://docs.example/ with words"},
        {"commits_over_52": []},
        {"participants": []},
        {"participants": ["zoe", "ann", "Jos\u00e9", "x[bot]"]},
        {"repo_url": "", "last_fetched": None, "last_updated": None},
        {"repo_url": "https://BitBucket.org/octo/Cat/"},
        {"repo_url": "https://gumroad.example/l/cat"},
        {"repo_url": "http://trac.example/wiki?page=cat#x y"},
        {"pypi_url": "", "pypi_version": None},
        {"pypi_url": "http://pypi.python.org/pypi/Cat_s/1.0"},
        {"pypi_url": "Cat_s"},
        {"pypi_url": "https://elsewhere.example/cat"},
        {"pypi_version": ""},
        {"category": None, "grids": []},
        {"title": "\u202ecat \x1b[31m\u0000 \U000e0041"},
        {"slug": "Cat"},
    ],
)
def test_every_value_is_shown_as_it_came(shell: CommandLine, changes: dict[str, Any]) -> None:
    wanted = record(**changes)
    imported(shell, wanted)
    shown = shell.show("7", "--base-url", SITE, "--tz", "America/New_York")
    assert list(shown.items()) == list(wanted.items())
    assert "ok" in shell.ok("db", "check").out


def test_instants_of_any_offset(shell: CommandLine) -> None:
    told: dict[str, Any] = {
        "created": "2020-02-13T16:09:23+05:30",
        "modified": "2020-07-13T16:09:23.000001Z",
    }
    imported(shell, record(**told))
    shown = shell.show("cat")
    assert (shown["created"], shown["modified"]) == ("2020-02-13T10:39:23Z", told["modified"])


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://pypi.python.org/pypi/Cat_s", "Cat_s"),
        ("https://pypi.python.org/project/cat/", "cat"),
        ("https://pypi.org/project/cat/1.0/", "cat"),
        ("HTTPS://PyPI.org/pypi/cat/json", "cat"),
        ("http://www.pypi.org/simple/cat?x", "cat"),
        ("cat", "cat"),
        ("https://pypi.example/pypi/cat", None),
        ("pypi.example/cat", None),
        ("", None),
        ("http://pypi.python.org/pypi/", None),
    ],
)
def test_the_name_at_pypi(shell: CommandLine, url: str, name: str | None) -> None:
    imported(shell, record(pypi_url=url))
    assert shell.show("cat", "--full")["pypi_name"] == name


def test_what_has_no_place_is_kept(shell: CommandLine) -> None:
    odd: dict[str, Any] = {"usage_count": 3, "nested": {"b": [1.5, None], "a": "\ud800"}}
    imported(shell, record(**odd), category(color="red"), grid(rank=None))
    lines = [json.loads(line) for line in shell.ok("export").out.splitlines()]
    extras = {one["slug"]: one["extra"] for one in lines[1:]}
    assert extras["cat"] == odd
    assert (extras["apps"], extras["cms"]) == ({"color": "red"}, {"rank": None})
    assert list(shell.show("cat")) == list(record())


def test_a_grid_as_it_is_shown_brings_its_comparison_as_no_news(shell: CommandLine) -> None:
    imported(shell, record(), grid())
    shown = shell.ok("grid", "show", "cms", "--json").out
    assert '"comparison"' in shown
    result = shell.ok("import", "-", stdin=shown.encode())
    assert result.out == "standard input: 1 unchanged\n"


def test_what_is_not_told_stays_as_it_is(shell: CommandLine) -> None:
    imported(shell, record())
    told = {"id": 7, "slug": "cat", "title": "The cat", "repo_url": "https://github.com/octo/cat"}
    assert outcomes(imported(shell, told)) == ["updated"]
    shown = shell.show("cat", "--base-url", SITE, "--tz", "America/New_York")
    assert shown == record(title="The cat", modified=shown["modified"])


# ── categories and grids ──


def test_what_is_known_by_number_gets_its_name_later(shell: CommandLine) -> None:
    imported(shell, record())
    slugs = "SELECT slug FROM categories UNION ALL SELECT slug FROM grids"
    assert [row[0] for row in shell.rows(slugs)] == ["category-1", "grid-3", "grid-9"]
    told = imported(shell, category(), grid(), grid(9, "other", packages=[]))
    assert [(one["type"], one["outcome"]) for one in told] == [
        *[("category", "updated")],
        *[("grid", "updated")] * 2,
    ]
    assert [row[0] for row in shell.rows(slugs)] == ["apps", "cms", "other"]
    assert outcomes(imported(shell, category(), grid(), record())) == ["unchanged"] * 3
    assert shell.show("cat")["grids"] == ["/api/v4/grids/9/", "/api/v4/grids/3/"]


def test_the_slug_of_what_is_known_by_number_may_be_taken(shell: CommandLine) -> None:
    imported(shell, category(5, "category-1"), record())
    query = "SELECT id, slug FROM categories ORDER BY id"
    assert shell.rows(query) == [(1, "category-1-2"), (5, "category-1")]
    assert outcomes(imported(shell, category())) == ["updated"]


def test_categories_and_grids_before_their_packages(shell: CommandLine) -> None:
    told = imported(shell, grid(), category(), record())
    assert outcomes(told) == ["added"] * 3
    assert told[0]["message"] == "1 of its packages are not in the catalog"
    query = "SELECT title, description, is_locked, header, created, modified FROM grids"
    assert shell.rows(f"{query} WHERE slug = 'cms'") == [
        ("CMS", "Compared", 0, 1, "2010-08-14T22:47:52.000000Z", "2022-03-04T12:18:15.544000Z")
    ]


def test_a_grid_puts_its_packages_into_it(shell: CommandLine) -> None:
    imported(shell, record(grids=[f"{SITE}/api/v4/grids/9/"]))
    assert outcomes(imported(shell, grid())) == ["added"]
    assert shell.show("cat")["grids"] == ["/api/v4/grids/9/", "/api/v4/grids/3/"]
    assert outcomes(imported(shell, grid())) == ["unchanged"]


@pytest.mark.parametrize(
    ("there", "coming", "words"),
    [
        (
            category(),
            category(1, "tools", created=LATER),
            "the id 1 is taken by another category, apps",
        ),
        (category(), category(2), "the slug apps is that of another category, id 1"),
        (grid(), grid(3, "blog", created=LATER), "the id 3 is taken by another grid, cms"),
        (grid(), grid(4), "the slug cms is that of another grid, id 3"),
    ],
)
def test_another_shelf(
    shell: CommandLine, there: dict[str, Any], coming: dict[str, Any], words: str
) -> None:
    imported(shell, there)
    assert words in skipped(shell.run("import", "-", stdin=given(coming)))


# ── the same package, and another ──


@pytest.mark.parametrize(
    ("coming", "words"),
    [
        (record(7, "dog"), "the id 7 is taken by another package, cat"),
        (record(8, "cat", repo_url=""), "the slug cat is that of another package, id 7"),
        (
            record(8, "dog", repo_url="http://www.github.com/Octo/Cat.git"),
            "its repository is that of another package, cat",
        ),
    ],
)
def test_another_package(shell: CommandLine, coming: dict[str, Any], words: str) -> None:
    imported(shell, record())
    before = shell.ok("export").out
    result = shell.run("import", "-", "--json", stdin=given(coming, record(9, "fox")))
    assert words in skipped(result)
    assert [(one["slug"], one["outcome"]) for one in result.json()] == [
        (coming["slug"], "skipped"),
        ("fox", "added"),
    ]
    shell.ok("remove", "fox", "--yes")
    assert shell.ok("export").out == before


def test_the_same_repository_is_the_same_package(shell: CommandLine) -> None:
    imported(shell, record())
    told = shell.ok("add", "https://github.com/OCTO/cat", "--json").json()
    assert [(one["outcome"], one["slug"]) for one in told] == [("exists", "cat")]
    shell.ok("add", "octo/dog")
    result = shell.run("import", "-", stdin=given(record(30, "dog")))
    assert "the slug dog is that of another package" in skipped(result)


def test_a_package_that_was_added_takes_news_of_its_id(shell: CommandLine) -> None:
    shell.ok("add", "octo/cat")
    assert outcomes(imported(shell, record(1))) == ["updated"]
    assert shell.show("cat")["repo_watchers"] == 7


def test_the_site_moved_it(shell: CommandLine) -> None:
    imported(shell, record())
    told = imported(shell, record(repo_url="https://github.com/octo/lynx"))
    assert outcomes(told) == ["updated"]
    full = shell.show("cat", "--full")
    assert full["repo_url"] == "https://github.com/octo/lynx"
    assert full["previous_urls"] == ["https://github.com/octo/cat"]


def test_what_a_person_set_is_theirs(shell: CommandLine) -> None:
    imported(shell, record())
    edited = json.dumps(["title", "category", "grids", "docs"])
    shell.write(
        "UPDATE packages SET title = 'Mine', category_id = NULL, documentation_url = 'https://m/',"
        " user_fields = ?",
        edited,
    )
    shell.write("DELETE FROM grid_packages")
    assert outcomes(imported(shell, record(), grid())) == ["unchanged", "updated"]
    shown = shell.show("cat")
    assert (shown["title"], shown["category"], shown["grids"]) == ("Mine", None, [])
    assert shown["documentation_url"] == "https://m/"


@pytest.mark.parametrize("kind", ["category", "grid"])
def test_what_a_person_set_of_a_shelf_is_theirs(shell: CommandLine, kind: str) -> None:
    coming = category() if kind == "category" else grid(1, "apps", packages=[])
    imported(shell, coming)
    shell.ok(kind, "edit", "apps", "--title", "Mine", "--slug", "mine")
    assert outcomes(imported(shell, coming)) == ["unchanged"]
    news = coming | {"title": "New", "slug": "new", "description": "News"}
    assert outcomes(imported(shell, news)) == ["updated"]
    there = shell.ok(kind, "list", "--json").json()[0]
    assert (there["title"], there["slug"], there["description"]) == ("Mine", "mine", "News")
    told = shell.ok(kind, "edit", "mine", "--reset", "title", "--reset", "slug")
    assert told.err == "mine stays as it is until an import brings something else\n"
    assert outcomes(imported(shell, news)) == ["updated"]
    there = shell.ok(kind, "list", "--json").json()[0]
    assert (there["title"], there["slug"]) == ("New", "new")


def test_what_was_said_of_a_new_shelf_is_a_persons(shell: CommandLine) -> None:
    shell.ok("category", "add", "apps", "--description", "Mine")
    assert outcomes(imported(shell, category(title="Applications"))) == ["updated"]
    there = shell.ok("category", "list", "--json").json()[0]
    assert (there["title"], there["description"]) == ("Applications", "Mine")


def test_the_site_renamed_a_shelf(shell: CommandLine) -> None:
    imported(shell, category(), grid())
    again = category(slug="programs"), grid(slug="sites")
    assert outcomes(imported(shell, *again)) == ["updated", "updated"]
    assert shell.ok("grid", "list", "--json").json()[0]["slug"] == "sites"


def test_grids_that_a_person_chose_stay(shell: CommandLine) -> None:
    imported(shell, record())
    shell.ok("grid", "add", "zoo")
    shell.ok("grid", "edit", "zoo", "--add", "cat")
    shell.ok("grid", "edit", "grid-9", "--remove", "cat")
    chosen = shell.show("cat")["grids"]
    assert outcomes(imported(shell, record())) == ["unchanged"]
    assert shell.show("cat")["grids"] == chosen
    shell.ok("edit", "cat", "--reset", "grids")
    imported(shell, record())
    assert shell.show("cat")["grids"] == ["/api/v4/grids/9/", "/api/v4/grids/3/"]


def test_what_a_person_locked_stays_as_it_is(shell: CommandLine) -> None:
    imported(shell, record(), record(8, "dog", grids=[]), grid())
    shell.ok("grid", "edit", "cms", "--locked")
    imported(shell, record(grids=[]), record(8, "dog", grids=[f"{SITE}/api/v4/grids/3/"]))
    links = [f"{SITE}/api/v4/packages/{number}/" for number in (7, 8)]
    imported(shell, grid(packages=links))
    assert shell.show("cat")["grids"] == ["/api/v4/grids/3/"]
    assert shell.show("dog")["grids"] == []
    shell.ok("grid", "edit", "cms", "--unlocked", "--title", "CMS")
    imported(shell, grid(packages=links))
    assert shell.show("dog")["grids"] == ["/api/v4/grids/3/"]


def test_what_is_known_by_number_is_so_under_the_name_that_a_person_gave_it(
    shell: CommandLine,
) -> None:
    imported(shell, record())
    shell.ok("grid", "edit", "grid-3", "--slug", "mine", "--title", "Mine")
    assert outcomes(imported(shell, grid())) == ["updated"]
    three = next(one for one in shell.ok("grid", "list", "--json").json() if one["id"] == 3)
    assert (three["slug"], three["title"], three["header"]) == ("mine", "Mine", True)
    other = shell.run("import", "-", stdin=given(grid(3, "other", created=LATER)))
    assert "the id 3 is taken by another grid, mine" in skipped(other)


def test_a_version_that_was_read_later_stays(shell: CommandLine) -> None:
    imported(shell, record())
    shell.write(
        "INSERT INTO fetches (package_id, source, last_success) VALUES (7, 'pypi', ?)",
        "2026-03-01T00:00:00.000000Z",
    )
    shell.write("UPDATE packages SET pypi_version = '2.0', pypi_url = ''")
    assert outcomes(imported(shell, record())) == ["unchanged"]
    assert shell.show("cat")["pypi_version"] == "2.0"
    fresher = record(last_fetched="2026-04-01T00:00:00Z", pypi_version="3.0")
    assert outcomes(imported(shell, fresher)) == ["updated"]
    assert shell.show("cat")["pypi_version"] == "3.0"


def test_what_was_fetched_here_is_as_good_as_what_was_fetched_elsewhere_then(
    shell: CommandLine,
) -> None:
    imported(shell, record())
    shell.write(
        "INSERT INTO fetches (package_id, source, last_success)"
        " SELECT id, 'repo', last_fetched FROM packages"
    )
    shell.write("UPDATE packages SET repo_forks = 99, head = 'abc'")
    assert outcomes(imported(shell, record())) == ["unchanged"]
    assert shell.show("cat")["repo_forks"] == 99


def test_a_participant_is_named_once(shell: CommandLine) -> None:
    told = record(participants=["ann", "bob", "ann"])
    imported(shell, told)
    assert shell.show("cat")["participants"] == ["ann", "bob"]
    assert outcomes(imported(shell, told)) == ["unchanged"]


def test_participants_are_searched(shell: CommandLine) -> None:
    imported(shell, record())
    assert shell.rows("SELECT participant_names FROM packages") == [("ann\nbob",)]
    found = "SELECT rowid FROM packages_fts WHERE packages_fts MATCH 'participant_names : bob'"
    assert shell.rows(found) == [(7,)]


# ── what cannot be read ──


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": "7"}, ".id: expected a whole number, got '7'"),
        ({"id": 0}, ".id: expected an id from 1 to 2^53-1"),
        ({"id": 2**63 - 1}, ".id: expected an id from 1 to 2^53-1"),
        ({"slug": "a b"}, ".slug: expected a slug, got 'a b'"),
        ({"slug": None}, ".slug: expected a string, got null"),
        ({"title": " "}, ".title: expected a title"),
        ({"category": "https://x/api/v4/grids/1/"}, ".category: expected a link that ends in"),
        ({"grids": [f"{SITE}/api/v4/grids/9/", 3]}, ".grids[1]: expected a string"),
        ({"created": None}, ".created: expected a string, got null"),
        ({"last_fetched": "yesterday"}, ".last_fetched: expected an ISO 8601 instant"),
        (
            {"modified": "0001-01-01T00:00:00Z"},
            ".modified: expected an instant from year",
        ),
        ({"repo_forks": -1}, ".repo_forks: expected a number from 0"),
        ({"repo_watchers": True}, ".repo_watchers: expected a whole number"),
        ({"commits_over_52": [1] * 51}, ".commits_over_52: expected 52 numbers or none"),
        (
            {"commits_over_52": [2**62] * 52},
            ".commits_over_52: expected at most 2^40",
        ),
        ({"participants": [None]}, ".participants[0]: expected a string"),
        ({"repo_url": "https://me:hunter2@github.com/octo/cat"}, "a URL without credentials"),
    ],
)
def test_a_fault_is_told_with_its_place(
    shell: CommandLine, changes: dict[str, Any], words: str
) -> None:
    data = given(record(8, "dog"), record(**changes), record(9, "fox"))
    result = shell.run("import", "-", stdin=data)
    assert words in skipped(result)
    assert result.error.startswith("standard input:2.")
    assert "hunter2" not in result.err
    assert result.out == "standard input: 2 added, 1 skipped\n"


def test_a_line_that_is_no_json(shell: CommandLine) -> None:
    for data in (
        given(record()) + b"{broken\n" + given(record(8, "dog")),
        b"{broken\n" + given(record(), record(8, "dog")),
    ):
        result = shell.run("import", "-", "--json", stdin=data)
        assert result.code == 3
        assert [one["outcome"] for one in result.json()].count("skipped") == 1


def test_a_number_that_is_none(shell: CommandLine) -> None:
    data = given(record()).replace(b'"repo_forks": 3', b'"repo_forks": 3, "x": 1e999')
    assert ".x: expected numbers that JSON" in skipped(shell.run("import", "-", stdin=data))


def test_what_strangers_wrote_does_nothing_to_a_terminal(shell: CommandLine) -> None:
    result = shell.run("import", "-", stdin=given(record(8, "dog"), record(slug="\x1b[31m\u202e")))
    assert result.code == 3
    assert "\x1b" not in result.err
    assert "\u202e" not in result.err


# ── and then a fetch ──


def test_a_fetch_works_on_it(tmp_path: Path) -> None:
    with Hosts(*some(1)) as hosts:
        shell = CommandLine(tmp_path, hosts.variables)
        old = record(name="r000", documentation_url="https://docs.example/", participants=["zoe"])
        imported(shell, old)
        shell.ok("fetch", "--all")
        full = shell.show("r000", "--full")
        assert full["documentation_url"] == "https://docs.example/"
        assert full["created"] == "2020-02-13T16:09:23.697029Z"
        assert full["title"] == "R000"
        assert full["id"] == 7
        assert full["grids"] == ["/api/v4/grids/9/", "/api/v4/grids/3/"]
        assert full["participants"] != ["zoe"]
        assert full["pypi_name"] == "r000"
        assert full["fetches"]["repo"]["last_success"] is not None
        # The record is older than the fetch: it has nothing to tell.
        before = shell.ok("export").out
        assert outcomes(imported(shell, old)) == ["unchanged"]
        assert shell.ok("export").out == before
        # A later one is fresher; what it says, the next fetch reads again.
        later = record(name="r000", last_fetched="2026-06-01T00:00:00Z", repo_watchers=900)
        assert outcomes(imported(shell, later)) == ["updated"]
        assert shell.show("r000")["repo_watchers"] == 900
        assert shell.rows("SELECT count(*) FROM validators WHERE source = 'repo'") == [(0,)]
        shell.clock = FixedClock(shell.clock.now().replace(month=7))
        shell.ok("fetch", "--all")
        assert shell.show("r000")["repo_watchers"] == full["repo_watchers"]


# ── from the web ──


class Site:
    """A site with the API v4."""

    def __init__(self) -> None:
        self.server = LoopbackServer(self.reply)
        self.answers: dict[str, Any] = {}
        self.statuses: dict[str, int] = {}

    def reply(self, call: Call) -> Reply:
        target = call.path + ("?" + "&".join(f"{k}={v}" for k, v in call.query.items()) or "")
        target = target.rstrip("?")
        if target + "/" in self.answers:
            return Reply(status=301, headers={"location": target + "/"})
        if target not in self.answers:
            return Reply(status=self.statuses.get(target, 404), body=b'{"detail": "Not found."}')
        return Reply(
            status=200,
            headers={"content-type": "application/json"},
            body=json.dumps(self.answers[target]).encode(),
        )

    def at(self, path: str) -> str:
        return f"{self.server.url}{path}"


@pytest.fixture
def site() -> Iterator[Site]:
    one = Site()
    with one.server:
        yield one


def test_a_list_with_all_its_pages(shell: CommandLine, site: Site) -> None:
    first, second = "/api/v4/packages/", "/api/v4/packages/?limit=1&offset=1"
    site.answers = {
        first: page(record(8, "dog"), following=site.at(second)),
        second: page(record(), following="?limit=1&offset=2"),
        "/api/v4/packages/?limit=1&offset=2": page(record(9, "fox")),
    }
    shell.variables["GH_TOKEN"] = "ghp_" + "x" * 36
    result = shell.ok("import", site.at("/api/v4/packages"))
    assert result.out.endswith(": 3 added\n")
    assert len(site.server.log) == 4  # the first was sent on, to the slash
    assert all("authorization" not in asked.headers for asked in site.server.log)
    assert all(asked.headers["accept"] == "application/json" for asked in site.server.log)
    assert shell.ok("import", site.at(first)).out.endswith(": 3 unchanged\n")


def test_one_by_url(shell: CommandLine, site: Site) -> None:
    site.answers["/api/v4/packages/7/"] = record()
    told = shell.ok("import", site.at("/api/v4/packages/7/"), "--json").json()
    assert [(one["slug"], one["outcome"]) for one in told] == [("cat", "added")]


def test_the_root_leads_to_everything(shell: CommandLine, site: Site) -> None:
    names = ("packages", "search", "grids", "categories")
    site.answers = {
        "/api/v4/": {name: site.at(f"/api/v4/{name}/") for name in names},
        "/api/v4/packages/": page(record()),
        "/api/v4/grids/": page(grid(), grid(9, "other")),
        "/api/v4/categories/": page(category()),
    }
    assert shell.ok("import", site.at("/api/v4/")).out.endswith(": 4 added\n")
    assert shell.rows("SELECT slug FROM categories") == [("apps",)]


def test_a_list_that_leads_elsewhere(shell: CommandLine, site: Site) -> None:
    with LoopbackServer(lambda _: Reply(status=200, body=b"[]")) as other:
        site.answers["/list/"] = page(record(), following=f"{other.url}/list/")
        result = shell.run("import", site.at("/list/"))
        assert result.code == 1
        assert "leads to another site" in result.error
        assert other.log == []
    assert result.out.endswith(": 1 added\n")


def test_a_list_that_goes_in_a_circle(shell: CommandLine, site: Site) -> None:
    site.answers["/list/"] = page(record(), following=site.at("/list/"))
    result = shell.run("import", site.at("/list/"))
    assert result.code == 1
    assert "goes in a circle" in result.error


@pytest.mark.parametrize(("status", "code"), [(404, 1), (401, 4), (410, 1), (418, 1)])
def test_a_site_that_refuses(shell: CommandLine, site: Site, status: int, code: int) -> None:
    site.statuses["/api/v4/packages/"] = status
    result = shell.run("import", site.at("/api/v4/packages/"))
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
def test_what_is_no_address(shell: CommandLine, address: str) -> None:
    result = shell.run("import", address)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: no web address: 'http")


@pytest.mark.parametrize("address", ["ftp://x.example/y", "file:///etc/hosts", "s3://a/b"])
def test_an_address_of_another_kind(shell: CommandLine, address: str) -> None:
    result = shell.run("import", address)
    assert result.code == 2
    assert "only http and https addresses are read" in result.err


def test_no_file_at_all(shell: CommandLine) -> None:
    result = shell.run("import", "")
    assert (result.code, result.err) == (2, "error: no file is named\n")


def test_one_page_of_several_in_a_file(shell: CommandLine) -> None:
    one = page(record(), following=f"{SITE}/api/v4/packages/?offset=20") | {"count": 4000}
    result = shell.ok("import", "-", stdin=given(one))
    assert result.err == (
        "standard input: one page of a list of 4,000; import its address, and all pages are read:"
        f" {SITE}/api/v4/packages/?offset=20\n"
    )
    assert shell.run("-q", "import", "-", stdin=given(one)).err == ""


def test_a_list_that_repeats_itself(shell: CommandLine, site: Site) -> None:
    for number in range(9):
        following = site.at(f"/list/?offset={number + 1}")
        site.answers[f"/list/?offset={number}"] = page(record(), following=following)
    result = shell.run("import", site.at("/list/?offset=0"))
    assert (result.code, result.out.rpartition(": ")[2]) == (1, "1 added, 1 unchanged\n")
    assert "begins again, and has no end" in result.err


def test_an_endless_line(shell: CommandLine) -> None:
    result = shell.run("import", "/dev/zero")
    assert result.code == 1
    assert "a line of more than" in result.err


def test_a_quota_of_the_site_stops_it(shell: CommandLine, site: Site) -> None:
    site.statuses["/list/"] = 429
    assert shell.run("import", site.at("/list/")).code == 5


def test_an_address_with_a_password(shell: CommandLine) -> None:
    result = shell.run("import", "https://me:hunter2@site.example/api/v4/")
    assert result.code == 2
    assert "hunter2" not in result.err


def test_the_figures_of_another_repository_are_not_taken(shell: CommandLine) -> None:
    """What a person set stays, and so does what belongs to it."""
    record = {
        "id": 7, "slug": "cat", "title": "cat", "repo_url": "https://github.com/octo/cat",
        "repo_watchers": 99, "repo_forks": 9, "repo_description": "a cat", "pypi_version": "1.0",
        "pypi_url": "https://pypi.org/project/cat/", "participants": ["mona", "hubot"],
        "created": "2020-01-01T00:00:00Z", "modified": "2020-01-01T00:00:00Z",
        "last_fetched": "2020-01-01T00:00:00Z", "commits_over_52": [1] * 52,
    }  # fmt: skip
    (shell.here / "cat.json").write_text(json.dumps(record))
    shell.ok("import", "cat.json")
    assert shell.show("cat")["participants"] == ["mona", "hubot"]
    assert shell.ok("import", "cat.json").out == "cat.json: 1 unchanged\n"
    shell.ok("edit", "cat", "--repo", "other/thing", "--no-pypi")
    before = shell.show("cat")
    record["last_fetched"] = "2099-01-01T00:00:00Z"
    (shell.here / "cat.json").write_text(json.dumps(record))
    shell.ok("import", "cat.json")
    after = shell.show("cat")
    assert after == before
    assert (after["repo_watchers"], after["pypi_version"], after["participants"]) == (0, None, [])
