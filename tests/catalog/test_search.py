"""Full-text search: words, hits and their order."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pkgharvest.catalog import package_update, packages
from pkgharvest.catalog.search import search
from pkgharvest.model.observations import Contributor
from pkgharvest.model.search_text import SearchHit, fold, match_spans, unique_words
from tests.support.catalogs import (
    DAY,
    NOW,
    TODAY,
    OpenCatalog,
    activity,
    repository_facts,
    repository_result,
)


@pytest.fixture
def cat(catalog: OpenCatalog) -> OpenCatalog:
    """An empty catalog."""
    return catalog


def put(cat: OpenCatalog, name: str, **columns: object) -> int:
    """Add a package with these columns."""
    number = cat.add(f"octo/{name}")
    for column, value in columns.items():
        cat.connection.execute(f"UPDATE packages SET {column} = ? WHERE id = ?", (value, number))
    package_update.refresh_scores(cat.connection, [number])
    return number


def put_grid(cat: OpenCatalog, slug: str, title: str, description: str = "") -> None:
    cat.connection.execute(
        "INSERT INTO grids (slug, title, description, created, modified) VALUES (?, ?, ?, ?, ?)",
        (slug, title, description, "2026-01-01", "2026-01-01"),
    )


def found(cat: OpenCatalog, text: str, limit: int = 20) -> list[SearchHit]:
    return search(cat.connection, text, limit=limit)


def slugs(cat: OpenCatalog, text: str, limit: int = 20) -> list[str]:
    return [hit.slug for hit in found(cat, text, limit)]


# ── words ──


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Django tree", ["django", "tree"]),
        ("django-tree_x", ["django", "tree", "x"]),
        ("a a A", ["a"]),
        ('"AND" OR NOT* (near)^', ["and", "or", "not", "near"]),
        ("Café", ["cafe"]),
        ("Cafe\u0301", ["cafe"]),
        ("한국어 データ", ["한국어", "データ"]),
        ("हिन्दी", ["हिन्दी"]),
        ("\u0301 -*\"' \x00", []),
        ("", []),
        ("\ud800x", ["x"]),
    ],
)
def test_unique_words_of_a_query(text: str, expected: list[str]) -> None:
    assert list(unique_words(text)) == expected


def test_the_positions_of_words_are_found() -> None:
    text = "Écrit en Python, écrire"
    assert [text[begin:end] for begin, end in match_spans(text, ["ecri"])] == ["Écrit", "écrire"]
    assert list(match_spans("django", ["jango"])) == []


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


# ── hits ──


@pytest.mark.parametrize(
    "column", ["title", "slug", "repo_description", "topics", "pypi_summary", "participant_names"]
)
def test_search_covers_every_searched_column(cat: OpenCatalog, column: str) -> None:
    put(cat, "cat", **{column: '["whiskers"]' if column == "topics" else "whiskers"})
    put(cat, "dog")
    for text in ("whiskers", "whisk", "WHISKERS", "whi", "w"):
        assert len(found(cat, text)) == 1
    assert found(cat, "hiskers") == []
    assert found(cat, "whiskers dog") == []


def test_search_finds_the_beginnings_of_words(cat: OpenCatalog) -> None:
    put(cat, "django-tree")
    put(cat, "django-forms")
    put(cat, "treebeard", repo_description="Trees for Django")
    assert slugs(cat, "django tre") == ["django-tree", "treebeard"]
    assert slugs(cat, "tre django") == ["django-tree", "treebeard"]
    assert slugs(cat, "dj for") == ["django-forms", "treebeard"]


def test_search_ignores_accents_and_reads_all_scripts(cat: OpenCatalog) -> None:
    put(cat, "a1", repo_description="Ein Übersetzer für Café-Menüs")
    put(cat, "a2", repo_description="हिन्दी और 한국어, データベース")
    for text in ("ubersetzer", "ÜBERSETZER", "cafe menu", "U\u0308bersetzer", "für"):
        assert slugs(cat, text) == ["a1"], text
    for text in ("हिन्दी", "हिन", "한국", "データ"):
        assert slugs(cat, text) == ["a2"], text


def test_search_hits_are_in_the_order_of_their_weights(cat: OpenCatalog) -> None:
    put(cat, "tree", repo_watchers=1)
    put(cat, "django-tree", repo_watchers=5)
    put(
        cat,
        "tree-of-life",
        repo_watchers=7000,
        participant_names="\n".join(f"login{n}" for n in range(900)),
    )
    put(cat, "treebeard", repo_watchers=5)
    put(cat, "forest", repo_watchers=9000, repo_description="Every tree")
    weights = [(hit.slug, hit.weight) for hit in found(cat, "tree")]
    assert [slug for slug, _ in weights] == [
        "tree",
        "tree-of-life",
        "django-tree",
        "treebeard",
        "forest",
    ]
    assert weights[0][1] == 100
    assert 5 <= weights[-1][1] <= 45 < weights[-2][1] <= weights[1][1] <= 95


def test_search_finds_the_exact_name_of_a_project(cat: OpenCatalog) -> None:
    put(cat, "rest-framework-x", title="X", repo_watchers=9)
    put(cat, "drf", pypi_name="Rest.Framework", pypi_key="rest-framework")
    assert slugs(cat, "rest_framework") == ["drf", "rest-framework-x"]


def test_a_search_limit_keeps_the_best_hits(cat: OpenCatalog) -> None:
    for number in range(30):
        put(cat, f"tree-{number:02}", repo_watchers=30 - number)
    put(cat, "x", repo_description="tree", repo_watchers=999)
    every = slugs(cat, "tree", 50)
    assert every == [*(f"tree-{number:02}" for number in range(30)), "x"]
    for limit in (0, 1, 7, 30, 31, 10**30):
        assert slugs(cat, "tree", limit) == every[:limit]


def test_search_mixes_grids_and_packages_by_weight(cat: OpenCatalog) -> None:
    put(cat, "django-trees", repo_watchers=3)
    put_grid(cat, "trees", "Trees")
    put_grid(cat, "tree-forms", "Forms for very many trees")
    put_grid(cat, "other", "Other", "where a tree is told of")
    put_grid(cat, "none", "None")
    hits = [(hit.item_type, hit.slug) for hit in found(cat, "trees")]
    assert hits == [("grid", "trees"), ("package", "django-trees"), ("grid", "tree-forms")]
    assert [hit.slug for hit in found(cat, "tree told")] == ["other"]
    weights = [hit.weight for hit in found(cat, "tree", 50)]
    assert weights == sorted(weights, reverse=True)
    assert len(weights) == 4


def test_a_search_hit_has_all_fields(cat: OpenCatalog) -> None:
    cat.add()
    cat.save(repository_result())
    [hit] = found(cat, "cat")
    package = cat.package()
    assert hit.stars == package.repo_watchers == 7
    assert hit.forks == 3
    assert hit.participants == package.participants
    assert hit.last_committed == NOW - DAY
    assert (hit.downloads, hit.last_released, hit.category) == (None, None, "")


# ── the index ──


def test_the_search_index_follows_a_fetch(cat: OpenCatalog) -> None:
    cat.add()
    cat.save(
        repository_result(
            repository=repository_facts(description="Purring"),
            contributors=(Contributor(name="ann", commits=1),),
        )
    )
    assert slugs(cat, "purring ann") == ["cat"]
    cat.save(
        repository_result(
            repository=repository_facts(description="Meowing"),
            contributors=(Contributor(name="bob", commits=1),),
        ),
        NOW + DAY,
    )
    assert slugs(cat, "meowing bob") == ["cat"]
    assert slugs(cat, "purring") == slugs(cat, "ann") == []
    cat.connection.execute("DELETE FROM packages")
    assert slugs(cat, "meowing") == []
    cat.connection.execute("INSERT INTO packages_fts (packages_fts) VALUES ('integrity-check')")


def test_commits_are_the_sum_of_the_weeks(cat: OpenCatalog) -> None:
    cat.add()
    assert cat.column("commits") is None
    cat.save(repository_result(activity=activity({TODAY - DAY: 2, TODAY - 10 * DAY: 5})))
    assert cat.column("commits") == 7
    cat.connection.execute("UPDATE packages SET commits_over_52 = '[]'")
    assert cat.column("commits") is None


# ── any text ──


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text() | st.text(alphabet="\"'*-()^:{}+ANDORT \x00"))
def test_any_text_can_be_searched(cat: OpenCatalog, text: str) -> None:
    cat.add()  # which is no error the second time
    assert all(hit.slug == "cat" for hit in found(cat, text))


@pytest.mark.parametrize("text", ["x" * 10_000, "x " * 5_000, '"' * 10_000, "AND OR " * 1_500])
def test_long_text_can_be_searched(cat: OpenCatalog, text: str) -> None:
    put(cat, "cat")
    assert found(cat, text) == []


def test_a_query_of_ten_thousand_characters_can_be_searched(cat: OpenCatalog) -> None:
    every = " ".join(f"w{number}" for number in range(1_700))
    put(cat, "cat", repo_description=every)
    put(cat, "dog", repo_description=every.replace("w1699", ""))
    assert slugs(cat, every) == ["cat"]


# ── by score ──


def test_the_best_scores_are_those_of_the_full_list(cat: OpenCatalog) -> None:
    for number in range(60):
        put(
            cat,
            f"p{number:02}",
            repo_watchers=number * 37 % 50 * 10,
            last_updated=f"20{10 + number * 7 % 16}-01-01T00:00:00.000000Z",
            last_fetched="2026-01-01T00:00:00.000000Z",
            pypi_requires_python="==2.7.*" if number % 3 == 0 else None,
        )
    for reverse in (False, True):
        every = packages.select_ids(
            cat.connection, packages.PackageFilter(), sort="score", reverse=reverse
        )
        assert len(every) == 60
        for limit in (0, 1, 5, 59, 60, 99):
            some = packages.select_ids(
                cat.connection, packages.PackageFilter(), sort="score", reverse=reverse, limit=limit
            )
            assert some == every[:limit]


def test_the_score_of_a_package_never_fetched_is_of_its_last_change(cat: OpenCatalog) -> None:
    at = "2026-01-01T00:00:00.000000Z"
    put(cat, "cat", repo_watchers=100, last_updated=at, modified=at.replace("01-01", "11-01"))
    assert found(cat, "cat")[0].score == 70
