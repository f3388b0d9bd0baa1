"""``pkgharvest import``: the accepted formats, the stored values and the errors."""

import json
from typing import Any

import pytest

from tests.support.api_records import (
    BASE_URL,
    category,
    encode,
    grid,
    import_documents,
    outcomes,
    page,
    record,
    skip_message,
)
from tests.support.command_line import CommandLine
from tests.support.packages import TRUTH, published_lines, published_records

needs_truth = pytest.mark.skipif(TRUTH is None, reason="the published records are not here")


# ── published records ──


@needs_truth
def test_imported_published_records_are_shown_unchanged(shell: CommandLine) -> None:
    assert TRUTH is not None
    shell.variables |= {"PKGHARVEST_BASE_URL": "https://djangopackages.org"}
    shell.variables |= {"PKGHARVEST_TZ": "America/New_York"}
    results = shell.ok("import", str(TRUTH / "records.jsonl"), "--json").json()
    assert outcomes(results) == ["added"] * len(published_records())
    for line, published in zip(published_lines(), published_records(), strict=True):
        shown = shell.ok("show", published["slug"], "--format", "jsonl").out
        assert shown == line + "\n"
        assert list(shell.show(published["slug"]).items()) == list(published.items())
    assert shell.ok("db", "check").out


@needs_truth
def test_importing_the_same_records_again_changes_nothing(shell: CommandLine) -> None:
    assert TRUTH is not None
    path = str(TRUTH / "records.jsonl")
    shell.ok("import", path)
    before = shell.ok("export").out
    results = shell.ok("import", path, "--json").json()
    assert set(outcomes(results)) == {"unchanged"}
    assert shell.ok("export").out == before


# ── accepted formats ──


@pytest.mark.parametrize(
    "data",
    [
        encode(record(), record(8, "dog")),
        encode([record(), record(8, "dog")]),
        encode([record(), record(8, "dog")], indent=4),
        encode(page(record(), record(8, "dog"))),
        encode(page(record(), record(8, "dog")), indent=2),
        b"\xef\xbb\xbf" + encode(record(), record(8, "dog")),
        b"\n\n" + encode(record()) + b"\r\n \n" + encode(record(8, "dog")),
    ],
    ids=["lines", "list", "indented list", "page", "indented page", "mark", "blank lines"],
)
def test_import_accepts_every_format(shell: CommandLine, data: bytes) -> None:
    assert shell.ok("import", "-", stdin=data).out == "standard input: 2 added\n"
    assert [shown["slug"] for shown in shell.ok("list", "--json").json()] == ["cat", "dog"]


@pytest.mark.parametrize("indent", [None, 4])
def test_import_accepts_one_record(shell: CommandLine, indent: int | None) -> None:
    shell.ok("import", "-", stdin=encode(record(), indent=indent))
    assert shell.show("cat")["repo_watchers"] == 7


@pytest.mark.parametrize("data", [b"[]", encode(page())])
def test_import_accepts_an_empty_list(shell: CommandLine, data: bytes) -> None:
    assert shell.ok("import", "-", "--json", stdin=data).json() == []


def test_import_accepts_several_files(shell: CommandLine) -> None:
    (shell.cwd / "a.json").write_bytes(encode([record()]))
    (shell.cwd / "b.json").write_bytes(encode([record(8, "dog")]))
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
def test_import_rejects_other_data(shell: CommandLine, data: bytes) -> None:
    result = shell.run("import", "-", stdin=data)
    assert result.code == 1
    assert result.error.startswith("standard input")
    assert not shell.db.exists()


def test_an_unreadable_file_does_not_affect_the_others(shell: CommandLine) -> None:
    (shell.cwd / "a.json").write_bytes(encode(record()))
    (shell.cwd / "b.json").write_bytes(b"nonsense")
    result = shell.run("import", "missing.json", "b.json", "a.json")
    assert result.code == 1
    assert result.out == "a.json: 1 added\n"
    assert "error: missing.json: no such file or directory\n" in result.err
    assert "error: b.json: not valid JSON\n" in result.err


def test_a_file_with_one_page_of_several_prints_a_note(shell: CommandLine) -> None:
    first_page = page(record(), next_url=f"{BASE_URL}/api/v4/packages/?offset=20") | {"count": 4000}
    result = shell.ok("import", "-", stdin=encode(first_page))
    assert result.err == (
        "standard input: one page of a list of 4,000; import its URL to read all pages:"
        f" {BASE_URL}/api/v4/packages/?offset=20\n"
    )
    assert shell.run("-q", "import", "-", stdin=encode(first_page)).err == ""


# ── stored values ──


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
def test_imported_values_are_shown_unchanged(shell: CommandLine, changes: dict[str, Any]) -> None:
    expected = record(**changes)
    import_documents(shell, expected)
    shown = shell.show("7", "--base-url", BASE_URL, "--tz", "America/New_York")
    assert list(shown.items()) == list(expected.items())
    assert "ok" in shell.ok("db", "check").out


def test_imported_instants_may_have_any_offset(shell: CommandLine) -> None:
    instants: dict[str, Any] = {
        "created": "2020-02-13T16:09:23+05:30",
        "modified": "2020-07-13T16:09:23.000001Z",
    }
    import_documents(shell, record(**instants))
    shown = shell.show("cat")
    assert (shown["created"], shown["modified"]) == ("2020-02-13T10:39:23Z", instants["modified"])


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
def test_the_pypi_name_of_an_imported_url(shell: CommandLine, url: str, name: str | None) -> None:
    import_documents(shell, record(pypi_url=url))
    assert shell.show("cat", "--full")["pypi_name"] == name


def test_unknown_keys_are_stored(shell: CommandLine) -> None:
    unknown: dict[str, Any] = {"usage_count": 3, "nested": {"b": [1.5, None], "a": "\ud800"}}
    import_documents(shell, record(**unknown), category(color="red"), grid(rank=None))
    lines = [json.loads(line) for line in shell.ok("export").out.splitlines()]
    extras = {line["slug"]: line["extra"] for line in lines[1:]}
    assert extras["cat"] == unknown
    assert (extras["apps"], extras["cms"]) == ({"color": "red"}, {"rank": None})
    assert list(shell.show("cat")) == list(record())


def test_importing_the_output_of_grid_show_changes_nothing(shell: CommandLine) -> None:
    import_documents(shell, record(), grid())
    shown = shell.ok("grid", "show", "cms", "--json").out
    assert '"comparison"' in shown
    result = shell.ok("import", "-", stdin=shown.encode())
    assert result.out == "standard input: 1 unchanged\n"


def test_missing_keys_change_nothing(shell: CommandLine) -> None:
    import_documents(shell, record())
    partial = {
        "id": 7,
        "slug": "cat",
        "title": "The cat",
        "repo_url": "https://github.com/octo/cat",
    }
    assert outcomes(import_documents(shell, partial)) == ["updated"]
    shown = shell.show("cat", "--base-url", BASE_URL, "--tz", "America/New_York")
    assert shown == record(title="The cat", modified=shown["modified"])


def test_a_repeated_participant_is_stored_once(shell: CommandLine) -> None:
    repeated = record(participants=["ann", "bob", "ann"])
    import_documents(shell, repeated)
    assert shell.show("cat")["participants"] == ["ann", "bob"]
    assert outcomes(import_documents(shell, repeated)) == ["unchanged"]


def test_imported_participants_can_be_searched(shell: CommandLine) -> None:
    import_documents(shell, record())
    assert shell.rows("SELECT participant_names FROM packages") == [("ann\nbob",)]
    found = "SELECT rowid FROM packages_fts WHERE packages_fts MATCH 'participant_names : bob'"
    assert shell.rows(found) == [(7,)]


# ── invalid input ──


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
        ({"grids": [f"{BASE_URL}/api/v4/grids/9/", 3]}, ".grids[1]: expected a string"),
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
def test_an_invalid_value_is_reported_with_its_path(
    shell: CommandLine, changes: dict[str, Any], words: str
) -> None:
    data = encode(record(8, "dog"), record(**changes), record(9, "fox"))
    result = shell.run("import", "-", stdin=data)
    assert words in skip_message(result)
    assert result.error.startswith("standard input:2.")
    assert "hunter2" not in result.err
    assert result.out == "standard input: 2 added, 1 skipped\n"


def test_a_line_that_is_not_json_is_skipped(shell: CommandLine) -> None:
    for data in (
        encode(record()) + b"{broken\n" + encode(record(8, "dog")),
        b"{broken\n" + encode(record(), record(8, "dog")),
    ):
        result = shell.run("import", "-", "--json", stdin=data)
        assert result.code == 3
        assert [entry["outcome"] for entry in result.json()].count("skipped") == 1


def test_a_number_that_json_cannot_hold_is_skipped(shell: CommandLine) -> None:
    data = encode(record()).replace(b'"repo_forks": 3', b'"repo_forks": 3, "x": 1e999')
    assert ".x: expected numbers that JSON" in skip_message(shell.run("import", "-", stdin=data))


def test_hostile_text_in_import_errors_is_harmless(shell: CommandLine) -> None:
    result = shell.run("import", "-", stdin=encode(record(8, "dog"), record(slug="\x1b[31m\u202e")))
    assert result.code == 3
    assert "\x1b" not in result.err
    assert "\u202e" not in result.err


def test_an_empty_file_name_is_rejected(shell: CommandLine) -> None:
    result = shell.run("import", "")
    assert (result.code, result.err) == (2, "error: the name of the file is empty\n")


def test_a_line_that_is_too_long_is_rejected(shell: CommandLine) -> None:
    result = shell.run("import", "/dev/zero")
    assert result.code == 1
    assert "a line of more than" in result.err
