"""Packages and grids by words: full text over what is told of them, best first.

Each word of a query must be found, as a word or as the beginning of one. All else in it (quotes,
operators, stars) separates words, so that there is no text that cannot be searched for. Packages
are found by SQLite's index ``packages_fts``; grids are few and are looked through.

A weight of 0 to 100 says how good a hit is: 100 is called so, 55 to 95 have all words in their
names, 5 to 45 in all that is told of them. Within these bands packages follow BM25
(https://sqlite.org/fts5.html, section 5.1.1) in steps of 5: of what is about as near, more stars
come first.
"""

import datetime as dt
import json
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pkgharvest.catalog import packages
from pkgharvest.catalog.columns import SEARCH_WEIGHTS
from pkgharvest.catalog.encoding import decode_instant
from pkgharvest.model.package import Package
from pkgharvest.model.search_text import SearchHit, fold, unique_words

_NAMES = ("title", "slug")
_CALLED_SO = 100
_IN_NAMES, _ANYWHERE = 50, 0
_STEP, _STEPS = 5, 9


class _Hit(NamedTuple):
    weight: int
    number: int
    """The package's id."""


def search(connection: sqlite3.Connection, text: str, *, limit: int) -> list[SearchHit]:
    """Return the ``limit`` best that ``text`` finds, the best first; nothing where it has no words.

    Of one weight grids come first, then packages with more stars, then by slug.
    """
    wanted = unique_words(text)
    if not wanted or not limit:
        return []
    found = {hit.number: hit for hit in _called_so(connection, text, list(wanted))}
    for columns, base in ((_NAMES, _IN_NAMES), (tuple(SEARCH_WEIGHTS), _ANYWHERE)):
        if len(found) < limit:
            for hit in _matching(connection, list(wanted.values()), columns, base, limit):
                found.setdefault(hit.number, hit)
    hits = _packages(connection, sorted(found.values(), key=lambda hit: -hit.weight)[:limit])
    both = [*_grids(connection, text, list(wanted)), *hits]
    return sorted(both, key=lambda one: -one.weight)[:limit]


def _called_so(connection: sqlite3.Connection, text: str, wanted: Sequence[str]) -> Iterator[_Hit]:
    """Yield the packages that have this title, slug or PyPI project."""
    # Each by its own index, which an OR over all three would not use.
    rows = connection.execute(
        """
        SELECT id FROM packages WHERE id IN (
            SELECT id FROM packages WHERE title = :title COLLATE NOCASE
            UNION ALL SELECT id FROM packages WHERE slug IN (:slug, :dashed)
            UNION ALL SELECT id FROM packages WHERE pypi_key = :dashed
        ) ORDER BY repo_watchers DESC, slug
        """,
        {"title": _text(text), "slug": _text(text).lower(), "dashed": "-".join(wanted)},
    )
    for row in rows:
        yield _Hit(_CALLED_SO, int(row[0]))


def _text(text: str) -> str:
    """Return ``text`` without the edges, and without the halves of characters SQLite refuses."""
    return text.strip().encode("utf-8", "replace").decode("utf-8")


def _matching(
    connection: sqlite3.Connection,
    wanted: Sequence[str],
    columns: Sequence[str],
    base: int,
    limit: int,
) -> Iterator[_Hit]:
    """Yield the best packages that have all words in ``columns``; more than ``limit`` if alike."""
    # A word stands in quotes and holds none: nothing of it is syntax. It is not folded here: the
    # index does that by its own rules.
    prefixes = " ".join(f'"{word}"*' for word in wanted)
    weights = ", ".join(map(str, SEARCH_WEIGHTS.values()))
    rows = connection.execute(
        f"""
        WITH hit AS MATERIALIZED (
            SELECT rowid AS id, bm25(packages_fts, {weights}) AS rank
            FROM packages_fts WHERE packages_fts MATCH ?
        )
        SELECT id, CAST(round(? * rank / (SELECT min(rank) FROM hit)) AS INTEGER) AS step
        FROM hit JOIN packages USING (id)
        ORDER BY step DESC, repo_watchers DESC, slug LIMIT ?
        """,  # noqa: S608 - numbers of ours
        (f"{{{' '.join(columns)}}} : ({prefixes})", _STEPS, min(2 * limit, sys.maxsize)),
    )
    for number, step in rows:
        yield _Hit(base + _STEP * max(1, step or 0), int(number))


def _packages(connection: sqlite3.Connection, hits: Iterable[_Hit]) -> Iterator[SearchHit]:
    weights = {hit.number: hit.weight for hit in hits}
    released = _released(connection, list(weights))
    found = list(packages.read_packages(connection, weights))
    categories = _titles(connection, [package.category_id for package in found])
    for package in found:
        yield SearchHit(
            item_type="package",
            title=package.title,
            slug=package.slug,
            description=package.repo_description,
            weight=weights[package.id],
            category=categories.get(package.category_id, ""),
            stars=package.repo_watchers,
            forks=package.repo_forks,
            downloads=None if package.downloads is None else package.downloads.last_month,
            score=package.score,
            participants=package.participants,
            topics=package.topics,
            summary=package.pypi_summary or "",
            last_committed=package.last_updated,
            last_released=_when(package, released),
        )


def _titles(connection: sqlite3.Connection, ids: Sequence[int | None]) -> dict[int | None, str]:
    """Return the titles of these categories, by id."""
    rows = connection.execute(
        "SELECT id, title FROM categories WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(ids),),
    )
    return dict(rows.fetchall())


def _released(
    connection: sqlite3.Connection, ids: Sequence[int]
) -> dict[tuple[int, str], dt.datetime | None]:
    """Return when each version of these packages was uploaded, by package and number."""
    rows = connection.execute(
        "SELECT package_id, number, upload_time FROM versions"
        " WHERE package_id IN (SELECT value FROM json_each(?))",
        (json.dumps(ids),),
    )
    return {(number, version): decode_instant(at) for number, version, at in rows}


def _when(
    package: Package, released: Mapping[tuple[int, str], dt.datetime | None]
) -> dt.datetime | None:
    return released.get((package.id, package.pypi_version or ""))


def _grids(connection: sqlite3.Connection, text: str, wanted: Sequence[str]) -> list[SearchHit]:
    """Return the grids that have all words, the best first: whose title is hardly more."""
    found = []
    for row in connection.execute("SELECT title, slug, description FROM grids ORDER BY slug"):
        title, slug, description = row
        in_title = unique_words(title)
        names = [*in_title, *unique_words(slug)]
        if not _all_begin(wanted, [*names, *unique_words(description)]):
            continue
        if list(in_title) == list(wanted) or fold(text.strip()) == slug:
            weight = _CALLED_SO
        elif _all_begin(wanted, names):
            share = len(wanted) / max(len(wanted), len(in_title))
            weight = _IN_NAMES + _STEP * max(1, int(_STEPS * share))
        else:
            weight = _ANYWHERE + _STEP
        found.append(
            SearchHit(
                item_type="grid", title=title, slug=slug, description=description, weight=weight
            )
        )
    return found


def _all_begin(wanted: Sequence[str], told: Sequence[str]) -> bool:
    return all(any(word.startswith(one) for word in told) for one in wanted)
