"""Invariants of every catalog, whatever commands made it, checked through the command line."""

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

EXIT_CODES = frozenset({0, 1, 2, 3, 4, 5, 6, 130})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The state of a catalog at one moment."""

    records: dict[int, dict[str, Any]]
    """The output of ``list --json``, by id."""
    collections: dict[str, dict[int, str]]
    """The slugs of ``categories`` and of ``grids``, by id."""
    rows: dict[int, dict[str, Any]]
    """Columns of each package that its record lacks, by id."""
    snapshots: dict[int, list[tuple[Any, ...]]]
    """The snapshots of each package, oldest first."""


def look(shell: CommandLine) -> State:
    """Return the state of the catalog."""
    columns = ("repo_id", "pypi_source", "pypi_key", "category_id", "user_fields")
    rows = {
        row[0]: dict(zip(columns, row[1:], strict=True))
        for row in shell.rows(f"SELECT id, {', '.join(columns)} FROM packages")
    }
    snapshots: dict[int, list[tuple[Any, ...]]] = {number: [] for number in rows}
    for number, *rest in shell.rows("SELECT * FROM snapshots ORDER BY package_id, at"):
        snapshots[number].append(tuple(rest))
    return State(
        records={record["id"]: record for record in shell.ok("list", "--json").json()},
        collections={
            table: dict(shell.rows(f"SELECT id, slug FROM {table} ORDER BY id"))
            for table in ("categories", "grids")
        },
        rows=rows,
        snapshots=snapshots,
    )


def settable(state: State, number: int) -> dict[str, object]:
    """Return the editable fields of a package, by their names in ``edit --reset``."""
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
    """Require a documented exit code, and errors of one line."""
    assert result.code in EXIT_CODES, result
    assert "Traceback" not in result.err, result
    if result.code in {1, 2}:
        assert re.search("^error: .", result.err, re.MULTILINE), result


def require_whole(shell: CommandLine, state: State) -> None:
    """Require what holds for every catalog."""
    assert shell.run("db", "check").code == 0, shell.run("db", "check")
    # The rank makes SQLite compare the index with the packages; a difference is an error.
    shell.write("INSERT INTO packages_fts (packages_fts, rank) VALUES ('integrity-check', 1)")
    assert state.records.keys() == state.rows.keys()
    for slugs in state.collections.values():
        assert len(set(slugs.values())) == len(slugs)
    names = [record["slug"] for record in state.records.values()]
    assert len(set(names)) == len(names)
    for record in state.records.values():
        _require_record(record, shell.clock.now(), state)
    with database.open_reader(shell.db) as conn:
        for package in packages.read_packages(conn, state.records):
            assert package.score == package_breakdown(package).score, package
    for snapshots in state.snapshots.values():
        moments = [snapshot[0] for snapshot in snapshots]
        assert moments == sorted(set(moments))


def _require_record(record: dict[str, Any], now: dt.datetime, state: State) -> None:
    assert list(record) == list(KEYS), record
    for key, kind in KEYS.items():
        assert isinstance(record[key], kind), (key, record)
        assert not isinstance(record[key], bool), (key, record)
    weeks, participants = record["commits_over_52"], record["participants"]
    assert len(weeks) in {0, 52}, record
    assert all(type(count) is int and count >= 0 for count in weeks), record
    assert all(isinstance(name, str) for name in participants), record
    assert len(set(participants)) == len(participants), record
    assert min(record["repo_forks"], record["repo_watchers"]) >= 0, record
    created, modified = (dt.datetime.fromisoformat(record[key]) for key in ("created", "modified"))
    assert created <= modified <= now, record
    if record["last_fetched"] is not None:
        assert dt.datetime.fromisoformat(record["last_fetched"]) <= now, record
    if record["last_updated"] is not None:
        assert dt.datetime.fromisoformat(record["last_updated"]).tzinfo is not None
    assert re.fullmatch("[a-z0-9_-]+", record["slug"]), record
    if record["category"] is not None:
        assert number_of(record["category"], "categories") in state.collections["categories"], (
            record
        )
    grids = [number_of(link, "grids") for link in record["grids"]]
    assert len(set(grids)) == len(grids), record
    assert set(grids) <= state.collections["grids"].keys(), record


def number_of(link: str, resource: str) -> int:
    """Return the id at the end of a link to a category or grid."""
    match = re.fullmatch(f"/api/v4/{resource}/([0-9]+)/", link)
    assert match, link
    return int(match[1])


def require_kept(before: State, after: State, failed: set[tuple[str, str]]) -> None:
    """Require that a fetch lost nothing; ``failed`` has pairs of slug and source that failed."""
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
    # Not compared as text, because whole seconds have no fraction.
    return dt.datetime.fromisoformat(text)


def require_past(before: State, after: State) -> None:
    """Require that snapshots are kept; the last run may replace its own."""
    for number, snapshots in before.snapshots.items():
        if number in after.snapshots:
            assert after.snapshots[number][: len(snapshots) - 1] == snapshots[:-1]
