"""``pkgharvest list``: all combinations of filters, every sort order, and chosen columns."""

import datetime as dt
import itertools
from typing import Any

import pytest

from pkgharvest.catalog import database
from pkgharvest.catalog.columns import encode_instant
from pkgharvest.formats.fields import FULL_FIELDS
from tests.support.command_line import CommandLine
from tests.support.github_case import NOW

STATUSES = ("active", "archived", "gone")


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """Return a catalog of 48 packages that differ in every filtered field."""
    shell = CommandLine(tmp_path_factory.mktemp("list"))
    shell.ok("add", "octo/first")
    with database.open_writer(shell.db) as connection, database.transaction(connection):
        for table, number in itertools.product(("categories", "grids"), (1, 2)):
            connection.execute(
                f"INSERT INTO {table} (title, slug, created, modified) VALUES (?, ?, '', '')",
                (f"Number {number}", f"n{number}"),
            )
        connection.execute("DELETE FROM packages")
        for number in range(1, 49):
            hours = (None, 1, 30, 100)[number % 4]
            connection.execute(
                "INSERT INTO packages (id, slug, title, created, modified, status, category_id,"
                " last_fetched, repo_watchers, commits_over_52)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(number, f"p{number:02}", f"Title {number * 31 % 48:02}"),
                    *(encode_instant(NOW), encode_instant(NOW), STATUSES[number % 3]),
                    (None, 1, 2)[number // 3 % 3],
                    None if hours is None else encode_instant(NOW - dt.timedelta(hours=hours)),
                    number * 7 % 10,
                    "[]" if number % 5 == 0 else str([number % 6] * 52),
                ),
            )
            if number % 2:
                connection.execute(
                    "INSERT INTO grid_packages VALUES (?, ?, 0)", (number, number % 4 // 2 + 1)
                )
            failures = int(number % 6 == 1)
            connection.execute(
                "INSERT INTO fetches (package_id, source, consecutive_failures)"
                " VALUES (?, 'repo', ?)",
                (number, failures),
            )
    return shell


def list_slugs(shell: CommandLine, *options: str) -> list[Any]:
    records = shell.ok("list", "--json", "--fields", "slug", *options).json()
    return [record["slug"] for record in records]


FILTERS: dict[tuple[str, ...], Any] = {
    ("--category", "n2"): lambda r: str(r["category"]).endswith("/2/"),
    ("--grid", "n1"): lambda r: any(link.endswith("/1/") for link in r["grids"]),
    ("--status", "gone"): lambda r: r["status"] == "gone",
    ("--stale", "24h"): lambda r: (
        r["last_fetched"] is None
        or dt.datetime.fromisoformat(r["last_fetched"]) < NOW - dt.timedelta(hours=24)
    ),
    ("--failing",): lambda r: r["fetches"]["repo"]["consecutive_failures"] > 0,
}


def test_list_filters_combine(shell: CommandLine) -> None:
    records = shell.ok("list", "--json", "--full").json()
    assert len(records) == 48
    non_empty = 0
    for size in range(len(FILTERS) + 1):
        for chosen in itertools.combinations(FILTERS, size):
            expected = [r["slug"] for r in records if all(FILTERS[name](r) for name in chosen)]
            options = [word for name in chosen for word in name]
            assert list_slugs(shell, *options) == expected, options
            assert list_slugs(shell, *options, "--limit", "3") == expected[:3], options
            non_empty += bool(expected)
    assert non_empty >= 18


def test_list_rejects_an_unknown_category_or_grid_among_other_filters(shell: CommandLine) -> None:
    for option in ("--category", "--grid"):
        result = shell.run("list", "--failing", option, "n3", "--status", "gone")
        assert result.code == 1
        assert "'n3'" in result.error


@pytest.mark.parametrize("reverse", [False, True])
def test_list_sorts_filtered_packages(shell: CommandLine, reverse: bool) -> None:
    options = ("--status", "active", "--reverse") if reverse else ("--status", "active")
    sign = 1 if reverse else -1

    def commits(record: Any) -> Any:
        return sum(record["commits_over_52"]) if record["commits_over_52"] else None

    records = shell.ok("list", "--json", "--full", "--status", "active").json()
    records.sort(key=lambda r: (sign * r["repo_watchers"], r["slug"]))
    assert list_slugs(shell, "--sort", "stars", *options) == [r["slug"] for r in records]
    records.sort(key=lambda r: (commits(r) is None, sign * (commits(r) or 0), r["slug"]))
    assert list_slugs(shell, "--sort", "commits", *options) == [r["slug"] for r in records]
    records.sort(key=lambda r: (sign * r["score"], r["slug"]))
    assert list_slugs(shell, "--sort", "score", *options) == [r["slug"] for r in records]
    assert list_slugs(shell, "--sort", "score", *options, "--limit", "4") == [
        r["slug"] for r in records[:4]
    ]


# ── columns ──


@pytest.mark.parametrize("format_", ["table", "json", "jsonl", "csv", "tsv", "md"])
def test_list_rejects_an_unknown_field_in_every_format(shell: CommandLine, format_: str) -> None:
    result = shell.run("list", "--format", format_, "--fields", "slug,stars,nope")
    assert result.code == 2
    assert result.out == ""
    assert result.error == "no field is called 'stars', 'nope'"
    assert result.hint == f"valid fields: {', '.join(field.name for field in FULL_FIELDS)}"


def test_list_prints_fields_in_the_given_order(shell: CommandLine) -> None:
    def out(format_: str) -> list[str]:
        options = ("--fields", "repo_watchers, slug", "--category", "n1", "--limit", "1")
        return shell.ok("list", "--format", format_, *options).out.splitlines()

    assert out("table")[0].split() == ["repo_watchers", "slug"]
    stars, slug = out("table")[1].split()
    assert [line.strip() for line in out("json")] == [
        *("[", "{", f'"repo_watchers": {stars},', f'"slug": "{slug}"', "}", "]"),
    ]
    assert out("jsonl") == [f'{{"repo_watchers": {stars}, "slug": "{slug}"}}']
    assert out("csv") == ["repo_watchers,slug", f"{stars},{slug}"]
    assert out("tsv") == ["repo_watchers\tslug", f"{stars}\t{slug}"]
    assert out("md") == ["| repo_watchers | slug |", "| --- | --- |", f"| {stars} | {slug} |"]


def test_list_can_print_every_field(shell: CommandLine) -> None:
    for field in FULL_FIELDS:
        lines = shell.ok("list", "--fields", f"slug,{field.name}", "--limit", "2").out.splitlines()
        assert len(lines) >= 3, field.name


def test_list_prints_cards_when_columns_do_not_fit(shell: CommandLine) -> None:
    shell.variables["COLUMNS"] = "60"
    try:
        names = ",".join(field.name for field in FULL_FIELDS)
        out = shell.ok("list", "--fields", names, "--limit", "2").out
    finally:
        del shell.variables["COLUMNS"]
    assert max(map(len, out.splitlines())) <= 60
    for field in FULL_FIELDS:
        assert field.name in out


# ── queries ──


@pytest.mark.parametrize(
    "options",
    [
        *(("--sort", key) for key in ("name", "stars", "updated", "fetched", "commits")),
        *(("--sort", "downloads"), ("--sort", "score"), ("--sort", "updated", "--reverse")),
        *(("--category", "n1"), ("--grid", "n1"), ("--status", "gone"), ("--failing",)),
        ("--stale", "1d"),
    ],
)
def test_list_never_scans_the_packages_table(shell: CommandLine, options: tuple[str, ...]) -> None:
    catalog = pytest.importorskip("benchmarks.catalog", reason="no benchmarks beside the tests")
    assert catalog.scans(shell.db, ("list", *options, "--limit", "5", "--json")) == []
