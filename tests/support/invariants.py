"""What is so of every catalogue, whatever commands made it: looked at through the command line."""

import dataclasses
import datetime as dt
import re
from typing import Any

from pkgharvest.catalog import database, packages
from pkgharvest.model.score import package_breakdown
from tests.support.command_line import CommandLine, Result

KEYS: dict[str, type | tuple[type, ...]] = {
    "category": (str, type(None)),
    "grids": list,
    "id": int,
    "title": str,
    "slug": str,
    "last_updated": (str, type(None)),
    "last_fetched": (str, type(None)),
    "repo_url": str,
    "pypi_version": (str, type(None)),
    "created": str,
    "modified": str,
    "repo_forks": int,
    "repo_description": str,
    "pypi_url": str,
    "documentation_url": (str, type(None)),
    "repo_watchers": int,
    "commits_over_52": list,
    "participants": list,
}
"""The keys of a record in their order, and the types of their values."""

CODES = frozenset({0, 1, 2, 3, 4, 5, 6, 130})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A catalogue at one moment."""

    records: dict[int, dict[str, Any]]
    """As ``list --json`` prints them, by id."""
    shelves: dict[str, dict[int, str]]
    """The slugs of ``categories`` and of ``grids``, by id."""
    rows: dict[int, dict[str, Any]]
    """Of each package what a record does not tell."""
    past: dict[int, list[tuple[Any, ...]]]
    """The snapshots of each package, oldest first."""


def look(shell: CommandLine) -> State:
    """Look at the catalogue."""
    columns = ("repo_id", "pypi_source", "pypi_key", "category_id", "user_fields")
    rows = {
        row[0]: dict(zip(columns, row[1:], strict=True))
        for row in shell.rows(f"SELECT id, {', '.join(columns)} FROM packages")
    }
    past: dict[int, list[tuple[Any, ...]]] = {number: [] for number in rows}
    for number, *rest in shell.rows("SELECT * FROM snapshots ORDER BY package_id, at"):
        past[number].append(tuple(rest))
    return State(
        records={one["id"]: one for one in shell.ok("list", "--json").json()},
        shelves={
            table: dict(shell.rows(f"SELECT id, slug FROM {table} ORDER BY id"))
            for table in ("categories", "grids")
        },
        rows=rows,
        past=past,
    )


def settable(state: State, number: int) -> dict[str, object]:
    """Return what of a package a person may set, by the names that ``edit --reset`` has."""
    record, row = state.records[number], state.rows[number]
    return {
        "title": record["title"],
        "slug": record["slug"],
        "docs": record["documentation_url"],
        "repo": record["repo_url"],
        "pypi": row["pypi_key"] if row["pypi_source"] == "set" else row["pypi_source"],
        "category": row["category_id"],
        "grids": record["grids"],
    }


def require_contract(result: Result) -> None:
    """Require that a command ended as one may: a code of the contract, errors as lines."""
    assert result.code in CODES, result
    assert "Traceback" not in result.err, result
    if result.code in {1, 2}:
        assert re.search("^error: .", result.err, re.MULTILINE), result


def require_whole(shell: CommandLine, state: State) -> None:
    """Require what is so of every catalogue by itself."""
    assert shell.run("db", "check").code == 0, shell.run("db", "check")
    # With a rank it is compared with the packages too: it fails as an error of the database.
    shell.write("INSERT INTO packages_fts (packages_fts, rank) VALUES ('integrity-check', 1)")
    assert state.records.keys() == state.rows.keys()
    for shelf in state.shelves.values():
        assert len(set(shelf.values())) == len(shelf)
    names = [one["slug"] for one in state.records.values()]
    assert len(set(names)) == len(names)
    for record in state.records.values():
        _require_record(record, shell.clock.now(), state)
    with database.open_reader(shell.db) as conn:
        for package in packages.read_packages(conn, state.records):
            assert package.score == package_breakdown(package).score, package
    for snapshots in state.past.values():
        moments = [one[0] for one in snapshots]
        assert moments == sorted(set(moments))


def _require_record(record: dict[str, Any], now: dt.datetime, state: State) -> None:
    assert list(record) == list(KEYS), record
    for key, kind in KEYS.items():
        assert isinstance(record[key], kind), (key, record)
        assert not isinstance(record[key], bool), (key, record)
    weeks, people = record["commits_over_52"], record["participants"]
    assert len(weeks) in {0, 52}, record
    assert all(type(one) is int and one >= 0 for one in weeks), record
    assert all(isinstance(one, str) for one in people), record
    assert len(set(people)) == len(people), record
    assert min(record["repo_forks"], record["repo_watchers"]) >= 0, record
    created, modified = (dt.datetime.fromisoformat(record[key]) for key in ("created", "modified"))
    assert created <= modified <= now, record
    if record["last_fetched"] is not None:
        assert dt.datetime.fromisoformat(record["last_fetched"]) <= now, record
    if record["last_updated"] is not None:
        assert dt.datetime.fromisoformat(record["last_updated"]).tzinfo is not None
    assert re.fullmatch("[a-z0-9_-]+", record["slug"]), record
    if record["category"] is not None:
        assert number_of(record["category"], "categories") in state.shelves["categories"], record
    grids = [number_of(link, "grids") for link in record["grids"]]
    assert len(set(grids)) == len(grids), record
    assert set(grids) <= state.shelves["grids"].keys(), record


def number_of(link: str, resource: str) -> int:
    """Return the id that a record's link to a category or grid ends with."""
    match = re.fullmatch(f"/api/v4/{resource}/([0-9]+)/", link)
    assert match, link
    return int(match[1])


def require_kept(before: State, after: State, failed: set[tuple[str, str]]) -> None:
    """Require that a fetch lost nothing; ``failed`` are slugs, each with a source that failed."""
    assert before.records.keys() == after.records.keys()
    for number, was in before.records.items():
        now = after.records[number]
        for key in ("id", "slug", "title", "category", "grids", "created"):
            assert now[key] == was[key], (key, was, now)
        if was["last_fetched"] is not None:
            assert now["last_fetched"] is not None, (was, now)
            assert _instant(now["last_fetched"]) >= _instant(was["last_fetched"]), (was, now)
        assert _instant(now["modified"]) >= _instant(was["modified"]), (was, now)
        assert bool(now["commits_over_52"]) >= bool(was["commits_over_52"]), (was, now)
        keys: list[str] = []
        if (was["slug"], "repo") in failed:
            keys += ["last_updated", "repo_forks", "repo_watchers", "repo_description"]
            keys += ["commits_over_52", "participants", "repo_url"]
            keys += ["last_fetched"] if was["repo_url"] else []
        if (was["slug"], "pypi") in failed:
            keys += ["pypi_version", "pypi_url", "documentation_url"]
        for key in keys:
            assert now[key] == was[key], (key, was, now)


def _instant(text: str) -> dt.datetime:
    # As text, a whole second would come after what follows it: its fraction is left out.
    return dt.datetime.fromisoformat(text)


def require_past(before: State, after: State) -> None:
    """Require that of the past nothing was lost, but what the last run found once more."""
    for number, snapshots in before.past.items():
        if number in after.past:
            assert after.past[number][: len(snapshots) - 1] == snapshots[:-1]
