"""A sample catalog: many packages in grids, with two years of history.

Plain statements fill it, not fetches, because only reading is measured. The same number of
packages always makes the same catalog, except for its dates.
"""

import datetime as dt
import functools
import json
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from pkgharvest.catalog import database, package_update
from pkgharvest.catalog.columns import encode_instant
from pkgharvest.model.clock import SystemClock

GRIDS = 500
CATEGORIES = 8
WEEKS = 104

_WITH_DOWNLOADS = 0.6
"""So many packages have measurements of downloads, which are others nearly every week."""
_CHANGES = {True: 0.95, False: 0.15}
"""How likely something is another a week later: with downloads, and without."""
_SYLLABLES = (
    *("ba", "co", "du", "fe", "gi", "ho", "ju", "ka", "le", "mi", "no", "pu", "ra", "se", "ti"),
    *("vo", "wa", "xe", "yo", "zu", "tre", "sta", "plo", "gri"),
)
_STATUSES = (*["active"] * 90, *["archived"] * 6, "gone", "gone", "moved", "empty")
_CLASSIFIERS = json.dumps(
    ["Framework :: Django", *(f"Programming Language :: Python :: 3.{n}" for n in range(10, 15))]
)
_COLUMNS = (
    *("id", "slug", "title", "category_id", "created", "modified", "last_fetched", "repo_url"),
    *("repo_key", "repo_host", "repo_id", "repo_description", "repo_watchers", "repo_forks"),
    *("open_issues", "topics", "license", "archived", "status", "default_branch", "head"),
    *("last_updated", "commit_count", "days_known", "commits_over_52", "commits_until"),
    *("pypi_name", "pypi_key", "pypi_url", "pypi_version", "pypi_requires_python"),
    *("pypi_classifiers", "pypi_summary", "downloads_last_day", "downloads_last_week"),
    *("downloads_last_month", "people"),
)


def make(path: Path, count: int) -> None:
    """Make a catalog of ``count`` packages at ``path``."""
    now = SystemClock().now().replace(microsecond=0)
    with database.open_writer(path, create=True) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        with database.transaction(connection):
            _surround(connection, now)
            _fill(connection, "packages", _COLUMNS, (_package(n, now) for n in range(1, count + 1)))
            for table, columns, rows in (
                ("grid_packages", ("package_id", "grid_id", "position"), _in_grids),
                ("participants", ("package_id", "position", "name", "commits"), _participants),
                ("commit_days", ("package_id", "day", "commits"), _days),
                ("versions", _VERSION, _versions),
                ("fetches", _FETCH, _fetches),
                ("validators", ("package_id", "source", "key", "etag", "parser"), _validators),
                ("snapshots", _SNAPSHOT, _snapshots),
            ):
                every = (row for n in range(1, count + 1) for row in rows(n, now))
                _fill(connection, table, columns, every)
            package_update.refresh_scores(connection)


def name(number: int) -> str:
    """Return the slug of a package."""
    slug = f"{_words(_dice(number), 2).replace(' ', '-')}-{number}"
    return slug if number % 3 else f"django-{slug}"


def _fill(
    conn: sqlite3.Connection,
    table: str,
    columns: tuple[str, ...],
    rows: Iterator[tuple[object, ...]],
) -> None:
    marks = ", ".join("?" * len(columns))
    conn.executemany(
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})",  # noqa: S608 - ours
        rows,
    )


def _dice(number: int, about: str = "") -> random.Random:
    """Return what is random about a package, the same each time."""
    return random.Random(f"{about}{number}")  # noqa: S311 - nothing is kept secret by it


def _words(dice: random.Random, many: int) -> str:
    return " ".join("".join(dice.choices(_SYLLABLES, k=dice.randint(2, 3))) for _ in range(many))


def _is_popular(number: int) -> bool:
    return number % 50 == 0


def _stars(number: int) -> int:
    return int(5 / (_dice(number, "stars").random() + 1e-4))  # a few have many, most a handful


def _people(number: int) -> list[str]:
    dice = _dice(number, "people")
    return [
        f"{_words(dice, 1)}{dice.randint(1, 99)}" for _ in range(100 if _is_popular(number) else 4)
    ]


def _surround(conn: sqlite3.Connection, now: dt.datetime) -> None:
    """Make the categories and the grids."""
    at = encode_instant(now)
    for table, many in (("categories", CATEGORIES), ("grids", GRIDS)):
        rows: Iterator[tuple[object, ...]] = (
            (_words(_dice(n, table), 2).title(), f"{table}-{n}", _words(_dice(n), 8), at, at)
            for n in range(1, many + 1)
        )
        _fill(conn, table, ("title", "slug", "description", "created", "modified"), rows)


def _package(number: int, now: dt.datetime) -> tuple[object, ...]:
    dice = _dice(number)
    slug = name(number)
    commits = [dice.randrange(9) if dice.random() < 0.2 else 0 for _ in range(52)]  # noqa: PLR2004
    topics = _words(dice, 3).split()
    last_updated = now - dt.timedelta(days=dice.randrange(2000), seconds=dice.randrange(86_400))
    month = dice.randrange(1, 100_000) if _has_downloads(number) else None
    return (
        *(number, slug, slug.replace("-", " ").title(), number % CATEGORIES + 1),
        *(encode_instant(now - dt.timedelta(days=1000)), encode_instant(last_updated)),
        *(encode_instant(now - dt.timedelta(seconds=dice.randrange(200_000))),),
        *(f"https://github.com/owner/{slug}", f"github.com/owner/{slug}", "github.com"),
        *(str(number), f"{_words(dice, 9).capitalize()} for Django", _stars(number)),
        *(dice.randrange(99), dice.randrange(30), json.dumps(topics), "MIT", 0),
        *(dice.choice(_STATUSES), "main", f"{number:040x}", encode_instant(last_updated)),
        *(dice.randrange(2000), 1, json.dumps(commits), now.date().isoformat(), slug, slug),
        *(f"https://pypi.org/project/{slug}/", "1.4.0", ">=3.10", _CLASSIFIERS),
        *(_words(dice, 7), month and month // 30, month and month // 4, month),
        "\n".join(_people(number)),
    )


def _has_downloads(number: int) -> bool:
    return _dice(number, "downloads").random() < _WITH_DOWNLOADS


def _in_grids(number: int, _now: dt.datetime) -> Iterator[tuple[object, ...]]:
    if number % 10 == 0:
        yield number, number // 10 % GRIDS + 1, 0


def _participants(number: int, _now: dt.datetime) -> Iterator[tuple[object, ...]]:
    people = _people(number)
    for position, person in enumerate(people):
        yield number, position, person, len(people) - position


def _days(number: int, now: dt.datetime) -> Iterator[tuple[object, ...]]:
    for week in range(number % 25):
        yield number, (now.date() - dt.timedelta(days=1 + 14 * week)).isoformat(), week % 4 + 1


_VERSION = ("package_id", "position", "number", "upload_time", "yanked", "is_prerelease")


def _versions(number: int, now: dt.datetime) -> Iterator[tuple[object, ...]]:
    for position in range(5):
        at = encode_instant(now - dt.timedelta(days=90 * position + number % 400))
        yield number, position, f"1.{4 - position}.0", at, 0, 0


_FETCH = (
    *("package_id", "source", "last_success", "last_attempt", "consecutive_failures"),
    *("last_error", "next_due"),
)


def _fetches(number: int, now: dt.datetime) -> Iterator[tuple[object, ...]]:
    at = encode_instant(now - dt.timedelta(hours=number % 40))
    for source in ("repo", "pypi", "downloads"):
        fails = source == "repo" and number % 100 == 0
        yield number, source, at, at, 2 * fails, "unavailable" if fails else None, at


def _validators(number: int, _now: dt.datetime) -> Iterator[tuple[object, ...]]:
    base = f"https://api.github.com/repos/owner/{number}"
    for key in (
        base,
        f"{base}/commits?sha=main&since=2025-11-01T00%3A00%3A00Z",
        f"{base}/contributors",
    ):
        yield number, "repo", key, f'W/"{number:064x}"', 1


_SNAPSHOT = (
    *("package_id", "at", "repo_id", "stars", "forks", "open_issues", "commits", "version"),
    *("downloads", "status"),
)
_EVERY_WEEK = [dt.timedelta(weeks=n) for n in range(WEEKS, 0, -1)]


def _snapshots(number: int, now: dt.datetime) -> Iterator[tuple[object, ...]]:
    """Yield a row for each week in which something changed, as fetches keep them."""
    dice = _dice(number, "past")
    has_downloads = _has_downloads(number)
    likely = _CHANGES[has_downloads]
    stars, downloads = _stars(number) // 2, 1000
    grows = max(1, stars // WEEKS)
    repo_id, forks = str(number), number % 99
    for week, at in enumerate(_run_times(now)):
        change = dice.random()
        if week and change > likely:
            continue
        stars += int(change * 2 * grows)
        downloads = 1 + int(downloads * (0.9 + change / 5))
        yield (
            *(number, at, repo_id, stars, forks, number % 30, week % 40, f"1.{week // 26}.0"),
            *(downloads if has_downloads else None, "active"),
        )


@functools.cache
def _run_times(now: dt.datetime) -> list[str | None]:
    return [encode_instant(now - before) for before in _EVERY_WEEK]
