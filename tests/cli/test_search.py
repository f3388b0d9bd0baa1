"""``pkgharvest search``: its hits, its JSON and its table."""

import csv
import io
import json
from pathlib import Path

import pytest

from tests.support.catalogs import empty_catalog
from tests.support.command_line import CommandLine

KEYS = (
    *("title", "slug", "description", "category", "item_type", "absolute_url", "repo_watchers"),
    *("repo_forks", "pypi_downloads", "usage", "score", "participants", "last_committed"),
    *("last_released", "weight"),
)


@pytest.fixture
def shell(tmp_path: Path) -> CommandLine:
    shell = CommandLine(tmp_path)
    shell.create_catalog(empty_catalog())
    shell.ok("add", "octo/django-tree", "octo/django-forms", "octo/treebeard", "octo/cat")
    shell.write(
        "UPDATE packages SET repo_description = 'Trees for Django' WHERE slug = 'treebeard'"
    )
    shell.write("UPDATE packages SET repo_watchers = 10 * id, score = 9 * id")
    return shell


def slugs(shell: CommandLine, *arguments: str) -> list[str]:
    return [hit["slug"] for hit in shell.ok("search", *arguments, "--json").json()]


# ── hits ──


def test_search_lists_the_best_hits_first(shell: CommandLine) -> None:
    assert slugs(shell, "django") == ["django-forms", "django-tree", "treebeard"]
    assert slugs(shell, "tree") == ["treebeard", "django-tree"]


def test_search_matches_prefixes_of_words(shell: CommandLine) -> None:
    for query in (("django tre",), ("django", "tre"), ("TRE  djan",)):
        assert slugs(shell, *query)[0] == "django-tree"
        assert set(slugs(shell, *query)) == {"django-tree", "treebeard"}


@pytest.mark.parametrize(
    "query",
    [
        *('"', "'", '"django', "django*", "*", "AND", "django AND", "NOT tree", "(", "title:cat"),
        *("{slug} : cat", "^cat", "cat + tree", "NEAR(a b, 3)", "-", "--- ---", "cat; DROP TABLE"),
        *("\\", "%", "_", "?", "''", "🌲", "\u0301", "ß", "日本語", "x" * 10_000, '"' * 10_000),
    ],
)
def test_search_accepts_any_text(shell: CommandLine, query: str) -> None:
    hits = shell.ok("search", "--json", "--", query).json()
    assert isinstance(hits, list)


def test_search_for_a_query_that_looks_like_an_option(shell: CommandLine) -> None:
    assert [hit["slug"] for hit in shell.ok("search", "--json", "--", "-cat").json()] == ["cat"]
    assert shell.run("search", "-cat").code == 2


@pytest.mark.parametrize("query", ["", " ", "-", "\"'*", "\u0301"])
def test_search_with_a_blank_query_finds_nothing(shell: CommandLine, query: str) -> None:
    result = shell.ok("search", query, "--json")
    assert result.json() == []
    assert result.err.startswith("nothing to search for: no word in ")
    assert shell.ok("search", query).out == ""


def test_search_suggests_a_word_when_nothing_is_found(shell: CommandLine) -> None:
    result = shell.ok("search", "treebaerd")
    assert result.out == ""
    assert result.err == "nothing found for 'treebaerd'; did you mean treebeard?\n"
    assert shell.ok("search", "zzz").err == "nothing found for 'zzz'\n"
    assert shell.ok("search", "zzz", "-q").err == ""
    assert shell.ok("search", "zzz", "--format", "csv", "--fields", "slug").out == "slug\n"
    assert shell.ok("search", "\x1b[31mzz").err == "nothing found for '\\x1b[31mzz'\n"
    assert shell.ok("search", "a\\z").err == "nothing found for 'a\\z'\n"
    assert shell.ok("search", "\x1b").err.endswith(" no word in '\\x1b'\n")
    message = shell.ok("search", "z" * 10_000).err
    assert len(message) < 100


def test_search_needs_a_query(shell: CommandLine) -> None:
    result = shell.run("search")
    assert result.code == 2
    assert "QUERY" in result.error


def test_search_rejects_bytes_that_are_not_text(shell: CommandLine) -> None:
    assert shell.run("search", "cat\udcff").code == 2


def test_search_limit(shell: CommandLine) -> None:
    for number in range(25):
        shell.ok("add", f"octo/apple-{number:02}")
    assert len(slugs(shell, "apple")) == 20
    assert len(slugs(shell, "apple", "--limit", "30")) == 25
    assert slugs(shell, "apple", "--limit", "0") == []
    assert shell.run("search", "apple", "--limit", "-1").code == 2
    assert shell.ok("search", "apple").err == "showing the best 20; --limit shows more\n"
    assert shell.ok("search", "apple", "--limit", "30").err == ""


# ── data formats ──


def test_search_json_has_the_keys_of_the_api(shell: CommandLine) -> None:
    [hit] = shell.ok("search", "cat", "--json").json()
    assert tuple(hit) == KEYS
    assert hit == {
        "title": "cat",
        "slug": "cat",
        "description": "",
        "category": "",
        "item_type": "package",
        "absolute_url": "/packages/p/cat/",
        "repo_watchers": 40,
        "repo_forks": 0,
        "pypi_downloads": None,
        "usage": 0,
        "score": 36,
        "participants": "",
        "last_committed": None,
        "last_released": None,
        "weight": 100,
    }


def test_search_json_contains_known_values(shell: CommandLine) -> None:
    shell.write(
        "INSERT INTO categories (title, slug, created, modified) VALUES ('Apps', 'apps', '', '')"
    )
    shell.write(
        "UPDATE packages SET category_id = 1, pypi_version = '1.1', downloads_last_day = 1,"
        " downloads_last_week = 2, downloads_last_month = 3,"
        " last_updated = '2026-01-02T03:04:05.000000Z' WHERE slug = 'cat'"
    )
    for position, version in enumerate(("1.1", "1.0")):
        shell.write(
            "INSERT INTO versions VALUES (4, ?, ?, ?, 0, NULL, 0, NULL)",
            position,
            version,
            f"2026-01-0{2 - position}T00:00:00.000000Z",
        )
    for position, name in enumerate(("zoe", "ann")):
        shell.write("INSERT INTO participants VALUES (4, ?, ?, 1)", position, name)
    [hit] = shell.ok(
        "search", "cat", "--json", "--tz", "Europe/Berlin", "--base-url", "https://x.test/"
    ).json()
    assert hit["category"] == "Apps"
    assert hit["absolute_url"] == "https://x.test/packages/p/cat/"
    assert hit["participants"] == "zoe,ann"
    assert hit["pypi_downloads"] == 3
    assert hit["last_committed"] == "2026-01-02T04:04:05+01:00"
    assert hit["last_released"] == "2026-01-02T01:00:00+01:00"


def test_search_finds_grids(shell: CommandLine) -> None:
    shell.write(
        "INSERT INTO grids (title, slug, description, created, modified)"
        " VALUES ('Trees', 'trees', 'Of all kinds', '', '')"
    )
    hits = shell.ok("search", "tree", "--json").json()
    assert [hit["item_type"] for hit in hits] == ["grid", "package", "package"]
    assert tuple(hits[0]) == KEYS
    assert hits[0]["absolute_url"] == "/grids/g/trees/"
    assert hits[0]["description"] == "Of all kinds"
    assert hits[0]["repo_watchers"] == hits[0]["score"] == 0
    lines = shell.ok("search", "tree").out.splitlines()
    assert lines[0].split() == ["name", "type", "stars", "last", "commit", "description"]
    assert lines[1].split()[:2] == ["trees", "grid"]
    assert lines[1].rstrip().endswith("Of all kinds")


def test_search_in_every_format(shell: CommandLine, tmp_path: Path) -> None:
    hits = shell.ok("search", "tree", "--json").json()
    lines = shell.ok("search", "tree", "--format", "jsonl").out.splitlines()
    assert [json.loads(line) for line in lines] == hits
    rows = list(csv.DictReader(io.StringIO(shell.ok("search", "tree", "--format", "csv").out)))
    assert [row["slug"] for row in rows] == [hit["slug"] for hit in hits]
    assert tuple(rows[0]) == KEYS
    tsv = shell.ok("search", "tree", "--format", "tsv", "--fields", "slug,weight").out
    assert tsv == "slug\tweight\ntreebeard\t95\ndjango-tree\t95\n"
    markdown = shell.ok("search", "tree", "--format", "md", "--fields", "weight,slug").out
    assert markdown.splitlines()[:3] == ["| weight | slug |", "| --- | --- |", "| 95 | treebeard |"]
    target = tmp_path / "out.json"
    assert shell.ok("search", "tree", "--json", "-o", str(target)).out == ""
    assert json.loads(target.read_text("utf-8")) == hits
    assert shell.run("search", "tree", "--json", "--format", "csv").code == 2


def test_search_fields(shell: CommandLine) -> None:
    assert shell.ok("search", "cat", "--json", "--fields", "weight,slug").out == (
        '[\n    {\n        "weight": 100,\n        "slug": "cat"\n    }\n]\n'
    )
    assert shell.ok("search", "cat", "--fields", "slug,weight").out.split() == [
        *("slug", "weight"),
        *("cat", "100"),
    ]
    result = shell.run("search", "cat", "--fields", "slug,stars")
    assert result.code == 2
    assert result.error == "no field is called 'stars'"
    assert result.hint == f"valid fields: {', '.join(KEYS)}"


# ── the table ──


def test_search_shows_the_text_that_matched(shell: CommandLine) -> None:
    shell.write(
        'UPDATE packages SET topics = \'["sql", "hierarchy"]\','
        " participant_names = 'zoe' || char(10) || 'ann', pypi_summary = 'Climb'"
        " WHERE slug = 'treebeard'"
    )
    for position, name in enumerate(("zoe", "ann")):
        shell.write("INSERT INTO participants VALUES (3, ?, ?, 1)", position, name)
    for query, text in (
        ("tree trees", "Trees for Django"),
        ("tree hier", "topics: hierarchy"),
        ("tree climb", "PyPI: Climb"),
        ("tree an", "participants: ann"),
    ):
        assert text in shell.ok("search", query).out
    assert "topics" not in shell.ok("search", "trees").out


def test_search_highlights_matches(shell: CommandLine) -> None:
    shell.variables["FORCE_COLOR"] = "1"
    shell.variables["TERM"] = "xterm-256color"
    out = shell.ok("search", "tree", "djan").out
    assert "\x1b[1;4mTrees\x1b[0m" in out
    assert "\x1b[1;4mdjango\x1b[0m-\x1b[1;4mtree\x1b[0m" in out


def test_hostile_text_in_search_hits_is_harmless(shell: CommandLine) -> None:
    shell.write("UPDATE packages SET repo_description = char(27) || '[31mcat [link=x]y[/link]'")
    out = shell.ok("search", "cat").out
    assert "\x1b" not in out
    assert "\\x1b[31mcat [link=x]y[/link]" in out


LONG_DESCRIPTION = (
    "A tree for Django that has many more words to say of itself than anybody reads. " * 5
)


@pytest.mark.parametrize("width", [1, 10, 20, 30, 40, 60, 80, 120, 160, 200])
def test_search_fits_every_width(shell: CommandLine, width: int) -> None:
    shell.variables["COLUMNS"] = str(width)
    shell.write("UPDATE packages SET repo_description = ? || slug", LONG_DESCRIPTION)
    shell.write(
        "INSERT INTO grids (title, slug, description, created, modified)"
        " VALUES ('Trees', 'trees', 'Of all kinds', '', '')"
    )
    header, *lines = shell.ok("search", "tree").out.splitlines()
    assert max(map(len, (header, *lines))) <= width
    for column, min_width in (("name", 5), ("description", 30), ("type", 60), ("stars", 60)):
        assert (column in header) == (width >= min_width), (column, header)
    assert ("last commit" in header) == (width >= 80)
    if width >= 40:
        assert len(lines) <= 2 * 5
        descriptions = [line[header.index("description") :].rstrip() for line in lines]
        assert sum(line.endswith("…") for line in descriptions) == 4
        assert sum("Of all kinds" in line for line in descriptions) == 1
        assert ("grid: Of all" in "".join(descriptions)) == ("type" not in header)


def test_short_descriptions_leave_room_for_columns(shell: CommandLine) -> None:
    shell.variables["COLUMNS"] = "40"
    shell.write("UPDATE packages SET repo_description = 'A cat' WHERE slug = 'cat'")
    header = shell.ok("search", "cat").out.splitlines()[0]
    assert header.split() == ["name", "stars", "last", "commit", "description"]
    shell.write("UPDATE packages SET repo_description = 'A cat'")
    header = shell.ok("search", "cat").out.splitlines()[0]
    assert header.split() == ["name", "stars", "description"]


def test_a_match_outside_the_description_has_its_own_line(shell: CommandLine) -> None:
    shell.variables["COLUMNS"] = "60"
    shell.write(
        "UPDATE packages SET repo_description = ?, pypi_summary = 'Zoo ' || ?",
        LONG_DESCRIPTION,
        LONG_DESCRIPTION,
    )
    lines = shell.ok("search", "cat", "zoo").out.splitlines()[1:]
    assert len(lines) == 3
    assert "PyPI: Zoo A tree" in lines[2]
    assert all(line.rstrip().endswith("…") for line in lines[1:])


def test_search_truncates_with_dots_in_ascii(shell: CommandLine) -> None:
    shell.variables |= {"COLUMNS": "60", "PYTHONIOENCODING": "ascii"}
    shell.write("UPDATE packages SET repo_description = ?", LONG_DESCRIPTION)
    result = shell.process("search", "cat")
    assert result.code == 0
    assert result.out.isascii()
    assert result.out.splitlines()[-1].rstrip().endswith("...")


def test_search_without_a_catalog(tmp_path: Path) -> None:
    assert CommandLine(tmp_path).run("search", "cat").code == 1
