"""Full-text search for packages and grids, the best hits first.

A hit has every word of the query, or a word that begins with it. Everything else in a query
(quotes, operators, asterisks) only separates words, so that any text can be searched for. Packages
are found by SQLite's index ``packages_fts``; grids are few and are all compared.

A weight from 0 to 100 says how good a hit is: 100 has exactly this name, 55 to 95 has all words in
its names, 5 to 45 in any searched column. Within these ranges packages are ranked by BM25
(https://sqlite.org/fts5.html, section 5.1.1) in steps of 5, so that among equally good hits the
one with more stars comes first. The weights of the columns are in ``columns``.
"""

import datetime as dt
import json
import sqlite3
import sys
from collections.abc import Mapping, Sequence

from pkgharvest.catalog import packages
from pkgharvest.catalog.columns import SEARCH_WEIGHTS, decode_instant
from pkgharvest.model.search_text import SearchHit, fold, unique_words

_NAME_COLUMNS = ("title", "slug")
_EXACT_WEIGHT = 100
_NAMES_BASE_WEIGHT, _ANYWHERE_BASE_WEIGHT = 50, 0
_STEP_WEIGHT, _STEPS = 5, 9


def search(connection: sqlite3.Connection, text: str, *, limit: int) -> list[SearchHit]:
    """Return the ``limit`` best hits for ``text``, the best first; none if it has no words.

    With equal weights, grids come first, then packages with more stars, then by slug.
    """
    words = unique_words(text)
    if not words or not limit:
        return []
    weights = _exact_hits(connection, text, list(words))
    for columns, base_weight in (
        (_NAME_COLUMNS, _NAMES_BASE_WEIGHT),
        (tuple(SEARCH_WEIGHTS), _ANYWHERE_BASE_WEIGHT),
    ):
        if len(weights) < limit:
            hits = _word_hits(connection, list(words.values()), columns, base_weight, limit)
            weights |= {number: hits[number] for number in hits if number not in weights}
    best = sorted(weights.items(), key=lambda hit: -hit[1])[:limit]
    found = [*_search_grids(connection, text, list(words)), *_read_hits(connection, dict(best))]
    return sorted(found, key=lambda hit: -hit.weight)[:limit]


def _exact_hits(connection: sqlite3.Connection, text: str, words: Sequence[str]) -> dict[int, int]:
    """Return the packages that have this title, slug or PyPI project, with their weights."""
    # One query for each index: SQLite would not use them for an OR.
    name = text.strip().encode("utf-8", "replace").decode("utf-8")  # SQLite refuses surrogates
    rows = connection.execute(
        """
        SELECT id FROM packages WHERE id IN (
            SELECT id FROM packages WHERE title = :title COLLATE NOCASE
            UNION ALL SELECT id FROM packages WHERE slug IN (:slug, :dashed)
            UNION ALL SELECT id FROM packages WHERE pypi_key = :dashed
        ) ORDER BY repo_watchers DESC, slug
        """,
        {"title": name, "slug": name.lower(), "dashed": "-".join(words)},
    )
    return {row[0]: _EXACT_WEIGHT for row in rows}


def _word_hits(
    connection: sqlite3.Connection,
    words: Sequence[str],
    columns: Sequence[str],
    base_weight: int,
    limit: int,
) -> dict[int, int]:
    """Return the best packages that have all words in ``columns``, with their weights.

    These are up to twice the ``limit``.
    """
    # Quoted words contain no syntax. They are not folded here: the index does that its own way.
    prefixes = " ".join(f'"{word}"*' for word in words)
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
    return {number: base_weight + _STEP_WEIGHT * max(1, step or 0) for number, step in rows}


def _read_hits(connection: sqlite3.Connection, weights: Mapping[int, int]) -> list[SearchHit]:
    uploaded = _upload_times(connection, list(weights))
    categories = dict(connection.execute("SELECT id, title FROM categories").fetchall())
    return [
        SearchHit(
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
            last_released=uploaded.get((package.id, package.pypi_version or "")),
        )
        for package in packages.read_packages(connection, weights)
    ]


def _upload_times(
    connection: sqlite3.Connection, ids: Sequence[int]
) -> dict[tuple[int, str], dt.datetime | None]:
    """Return the upload times of these packages' releases, by package and version."""
    rows = connection.execute(
        "SELECT package_id, number, upload_time FROM versions"
        " WHERE package_id IN (SELECT value FROM json_each(?))",
        (json.dumps(ids),),
    )
    return {(number, version): decode_instant(at) for number, version, at in rows}


def _search_grids(
    connection: sqlite3.Connection, text: str, words: Sequence[str]
) -> list[SearchHit]:
    """Return the grids that have all words.

    The larger the share of the title that the words make up, the higher the weight.
    """
    hits = []
    query = "SELECT title, slug, description FROM grids ORDER BY slug"
    for title, slug, description in connection.execute(query):
        title_words = unique_words(title)
        names = [*title_words, *unique_words(slug)]
        if not _all_begin(words, [*names, *unique_words(description)]):
            continue
        if list(title_words) == list(words) or fold(text.strip()) == slug:
            weight = _EXACT_WEIGHT
        elif _all_begin(words, names):
            share = len(words) / max(len(words), len(title_words))
            weight = _NAMES_BASE_WEIGHT + _STEP_WEIGHT * max(1, int(_STEPS * share))
        else:
            weight = _ANYWHERE_BASE_WEIGHT + _STEP_WEIGHT
        hits.append(
            SearchHit(
                item_type="grid", title=title, slug=slug, description=description, weight=weight
            )
        )
    return hits


def _all_begin(prefixes: Sequence[str], words: Sequence[str]) -> bool:
    """Tell whether each prefix begins a word."""
    return all(any(word.startswith(prefix) for word in words) for prefix in prefixes)
