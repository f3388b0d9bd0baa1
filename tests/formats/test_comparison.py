"""The comparison of a grid: its values, the best of them, and its layout on a screen."""

import datetime as dt
import re
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from pkgharvest.api_v4.encode import GRID_FIELDS, Json, OutputStyle, record_values
from pkgharvest.formats import comparison
from pkgharvest.formats.comparison import (
    COMPARISON_ROWS,
    ComparisonEntry,
    best_ids,
    compare_packages,
    markdown_comparison,
)
from pkgharvest.model.collections import Category, Grid
from pkgharvest.model.package import Downloads, Package
from pkgharvest.terminal import comparison_table
from tests.support.packages import COMMITS, NOW, package
from tests.terminal.test_package_table import HOSTILE, NEVER, hostile, printed

STYLE = OutputStyle(now=NOW)
APPS = Category(
    id=1,
    title="Apps",
    slug="apps",
    description="",
    title_plural="",
    show_pypi=True,
    created=NOW,
    modified=NOW,
    size=2,
)
TREES = Grid(
    id=9,
    title="Trees",
    slug="trees",
    description="Hierarchies, compared",
    is_locked=False,
    package_ids=(1, 2),
    header=True,
    created=NOW,
    modified=NOW,
)
BIG = package(id=1, slug="big", repo_watchers=1500, repo_forks=10, commits_over_52=(2,) * 52)
SMALL = package(id=2, slug="small", repo_watchers=20, repo_forks=10)
DAY = dt.timedelta(days=1)
UNKNOWN = NEVER._replace(
    id=3, pypi_license=None, license=None, downloads=None, category_id=None, pypi_classifiers=()
)


def entries(*packages: Package) -> list[ComparisonEntry]:
    return compare_packages(packages, {1: APPS}, STYLE)


def leaders(row: str, *packages: Package) -> set[str]:
    [found] = [one for one in COMPARISON_ROWS if one.name == row]
    ids = best_ids(entries(*packages), found, STYLE)
    return {one.slug for one in packages if one.id in ids}


def screen(*packages: Package, width: int = 80, grid: Grid = TREES, encoding: str = "utf-8") -> str:
    found, hint = entries(*packages), f"pkgharvest grid edit {grid.slug} --add PACKAGE adds one"
    return printed(
        lambda console: comparison_table.print_comparison(
            grid, found, console, STYLE, if_empty=hint
        ),
        width,
        encoding,
    )


def compared(*packages: Package) -> list[dict[str, Json]]:
    columns = comparison.comparison_columns(entries(*packages))
    values = record_values(TREES, columns, STYLE)["comparison"]
    assert isinstance(values, list)
    return values


# ── what is compared ──


def test_a_comparison_lists_the_best_score_first_and_unknown_ones_last() -> None:
    old = package(id=4, slug="old", repo_watchers=9000, last_updated=NOW - dt.timedelta(days=9999))
    tie = SMALL._replace(id=5, slug="also-small")
    found = entries(UNKNOWN, old, tie, SMALL, BIG)
    assert [one.package.slug for one in found] == ["big", "also-small", "small", "old", "new"]


def test_a_comparison_has_every_row_of_a_package() -> None:
    [values] = compared(package())
    assert values == {
        "slug": "django-ltree",
        "description": "Hierarchical tree-like data in Django models, by Postgres' own ltree",
        "category": "/api/v4/categories/1/",
        "downloads": 12345,
        "last_updated": "2025-12-11T11:59:20Z",
        "version": "0.6.0",
        "repository": "https://github.com/mariocesar/django-ltree",
        "commits": COMMITS,
        "stars": 72,
        "score": 72,
        "forks": 19,
        "participants": tuple(f"login{number}" for number in range(1, 13)),
        "license": "MIT",
        "status": "active",
        "development_status": None,
        "supports_python": ("3.12",),
        "best": [],
    }


def test_an_unknown_value_of_a_comparison_is_null_and_not_zero() -> None:
    [values] = compared(UNKNOWN)
    for row in ("downloads", "last_updated", "commits", "stars", "score", "forks", "participants"):
        assert values[row] is None, row


@pytest.mark.parametrize(
    ("row", "better", "worse"),
    [
        ("downloads", {"downloads": Downloads(last_day=0, last_week=0, last_month=9)}, {}),
        ("last_updated", {"last_updated": NOW}, {}),
        ("commits", {"commits_over_52": (9,) * 52}, {}),
        ("stars", {"repo_watchers": 73}, {}),
        ("score", {"repo_watchers": 73}, {}),
        ("forks", {"repo_forks": 20}, {}),
        ("participants", {"participants": ("a", "b")}, {"participants": ("a",)}),
    ],
)
def test_the_higher_value_of_two_is_the_best_of_a_comparison(
    row: str, better: dict[str, object], worse: dict[str, object]
) -> None:
    if row == "downloads":
        worse = {"downloads": Downloads(last_day=99, last_week=99, last_month=8)}
    first, second = package(id=1, slug="a", **better), package(id=2, slug="b", **worse)
    assert leaders(row, first, second, UNKNOWN) == {"a"}
    assert (
        row in compared(second, first)[[one["slug"] for one in compared(second, first)].index("a")]
    )


def test_equal_best_values_are_all_marked_unless_all_values_are_equal() -> None:
    also = BIG._replace(id=4, slug="also-big")
    assert leaders("stars", BIG, SMALL, also, UNKNOWN) == {"big", "also-big"}
    assert leaders("forks", BIG, SMALL, also, UNKNOWN) == set()
    assert leaders("stars", BIG) == set()
    assert leaders("stars", BIG, UNKNOWN) == set()  # there is nothing to be better than
    assert leaders("stars") == set()
    assert leaders("version", BIG, SMALL) == set()


def test_a_score_below_zero_can_be_the_best() -> None:
    first, second = (
        package(id=stars, slug=f"s{stars}", repo_watchers=stars, last_updated=NOW - 9999 * DAY)
        for stars in (10, 20)
    )
    assert leaders("score", first, second) == {"s10"}


def test_updates_on_the_same_day_are_equal_in_a_comparison() -> None:
    late, early = (package(id=h, slug=f"h{h}", last_updated=NOW.replace(hour=h)) for h in (20, 2))
    assert leaders("last_updated", late, early) == set()
    tokyo = OutputStyle(now=NOW, zone=dt.timezone(dt.timedelta(hours=9)))
    [row] = [one for one in COMPARISON_ROWS if one.name == "last_updated"]
    assert best_ids(entries(late, early), row, tokyo) == {20}


@pytest.mark.parametrize(
    ("requires", "words"),
    [
        (">=3.10,<3.13", "3.10 to 3.12"),
        (">=3.10,<3.12", "3.10, 3.11"),
        (">=3.8,!=3.11.*,<3.15", "3.8 to 3.10, 3.12 to 3.14"),
        ("==2.7.*", "2.7"),
        (">=2.7,!=3.0.*,!=3.1.*,!=3.2.*,<3.6", "2.7, 3.3 to 3.5"),
        (None, ""),
    ],
)
def test_consecutive_python_versions_are_shown_as_a_range(requires: str | None, words: str) -> None:
    [row] = [one for one in COMPARISON_ROWS if one.name == "supports_python"]
    one = package(pypi_requires_python=requires, pypi_classifiers=())
    assert row.text(entries(one)[0], STYLE) == words


def test_a_license_text_is_shortened_to_its_first_line() -> None:
    text = "MIT License\r\n\nPermission is hereby granted"
    assert compared(package(license=None, pypi_license=text))[0]["license"] == "MIT License"
    assert compared(package(license=None, pypi_license=" "))[0]["license"] is None


def test_the_development_status_is_shown_in_words() -> None:
    classifiers = ("Development Status :: 4 - Beta", "Development Status :: 5 - Production/Stable")
    one = package(pypi_classifiers=classifiers)
    assert compared(one)[0]["development_status"] == "5 - Production/Stable"
    assert re.search("^development +Production/Stable$", screen(one), re.MULTILINE)
    assert "development" not in screen(package())  # known of none: no row


def test_comparison_columns_are_those_of_the_api_and_the_comparison() -> None:
    columns = comparison.comparison_columns([])
    assert columns[:-1] == GRID_FIELDS
    assert columns[-1].name == "comparison"


def test_star_counts_that_a_host_never_stated_are_unknown_in_a_comparison() -> None:
    unstated = {"repo_watchers": 0, "repo_forks": 0, "repo_id": None}
    [values] = compared(package(**unstated))
    assert [values["stars"], values["score"], values["forks"]] == [None] * 3
    [values] = compared(package(**{**unstated, "repo_id": "7"}))
    assert [values["stars"], values["score"], values["forks"]] == [0] * 3
    [values] = compared(package(**{**unstated, "repo_forks": 2}))
    assert [values["stars"], values["score"], values["forks"]] == [0, 0, 2]


# ── on a screen ──


def test_a_comparison_shows_packages_side_by_side() -> None:
    lines = screen(BIG, SMALL, UNKNOWN).splitlines()
    assert lines[:4] == ["Trees", "Hierarchies, compared", "3 packages", ""]
    rows = {line[:12].strip(): line[12:].split() for line in lines if line[:1].strip()}
    dash = "\N{EN DASH}"
    assert lines[4].split() == ["big", "small", "new"]
    assert rows["stars"] == ["1,500", "*", "20", dash]
    assert rows["forks"] == ["10", "10", dash]
    assert rows["commits"] == ["104", "*", "58", dash]
    assert rows["category"] == ["Apps", "Apps", dash]
    assert rows["downloads"] == ["12,345", "12,345", dash]
    assert rows["last updated"] == ["2025-12-11", "2025-12-11", dash]
    assert rows["participants"] == ["12", "12", dash]
    bars = next(line for line in lines if "█" in line)
    assert bars.split()[0] == "█" * 13
    assert lines[-1] == "* the best of all in this grid"


def test_the_best_value_is_bold_and_has_no_color() -> None:
    found = entries(BIG, SMALL)
    shown = printed(
        lambda console: comparison_table.print_comparison(TREES, found, console, STYLE),
        force_terminal=True,
        color_system="standard",
    )
    assert "\x1b[1m1,500 *" in shown


def test_no_value_is_marked_if_none_is_better() -> None:
    assert "*" not in screen(BIG)


def test_packages_that_do_not_fit_a_comparison_go_below() -> None:
    many = [
        package(id=n, slug=f"p{n:02}", repo_watchers=1000 - n, repo_url=f"https://h.test/{n}")
        for n in range(50)
    ]
    shown = screen(*many, width=80)
    heads = re.findall(r"^(\d+(?: to \d+)? of 50)$", shown, re.MULTILINE)
    assert heads == [*(f"{n} to {n + 2} of 50" for n in range(1, 49, 3)), "49 to 50 of 50"]
    for label in ("description", "repository", "stars", "Python"):
        assert len(re.findall(rf"^{label} ", shown, re.MULTILINE)) == len(heads)
    assert [found for n in range(50) if (found := f"p{n:02}") not in shown] == []
    assert re.findall(r"\bp\d\d\b", shown) == [f"p{n:02}" for n in range(50)]
    assert shown.count("1,000 *") == 2  # stars and score: of all, not of each block
    assert shown == screen(*reversed(many), width=80)


def test_columns_of_a_comparison_use_the_width() -> None:
    wide = screen(BIG, SMALL, width=130)
    assert re.search(r"^ +█{52}  ", wide, re.MULTILINE)
    assert "Hierarchical tree-like data in Django models, by" in wide


def test_a_narrow_comparison_has_labels_above_values() -> None:
    lines = screen(BIG, SMALL, width=20).splitlines()
    assert lines[lines.index("stars") + 1] == "1,500 *"
    assert lines[lines.index("commits") + 1 : lines.index("commits") + 3] == ["104 *", "█" * 13]
    assert lines.count("repository") == 2


def test_a_long_cell_of_a_comparison_is_cut_unless_it_is_a_url() -> None:
    url = "https://h.test/" + "x" * 500
    one = package(id=1, slug="a", repo_description="word " * 100, repo_url=url)
    shown = screen(one, SMALL)
    assert shown.count("word…") == 1
    assert re.sub(r"\s|small|github.com/mario|cesar/django-ltree", "", shown).count("x" * 20) > 10
    assert "word..." in screen(one, SMALL, encoding="ascii")


def test_the_comparison_of_an_empty_grid_has_a_hint() -> None:
    shown = screen(grid=TREES._replace(is_locked=True))
    assert "0 packages, locked" in shown
    assert "pkgharvest grid edit trees --add PACKAGE" in shown


def test_a_comparison_is_ascii_on_an_ascii_console() -> None:
    shown = screen(BIG, SMALL, UNKNOWN, encoding="ascii")
    assert shown.isascii()
    assert "@@@@" in shown


FOREIGN = st.one_of(
    st.text(max_size=60),
    st.text("漢字한글🙂👩‍👩‍👧é\u0301 -/", max_size=60),
    st.sampled_from([HOSTILE, "x" * 300, "漢" * 99, " ", "a\tb"]),
)
PACKAGES = st.lists(
    st.one_of(
        FOREIGN.map(hostile),
        st.builds(
            lambda stars, text: package(repo_watchers=stars, pypi_version=text, status="gone"),
            st.integers(0, 10**9),
            FOREIGN,
        ),
        st.just(UNKNOWN),
    ),
    max_size=9,
)


@settings(deadline=None)
@given(
    packages=PACKAGES,
    text=FOREIGN,
    width=st.integers(2, 200),
    encoding=st.sampled_from(["utf-8", "ascii"]),
)
@example(packages=[hostile()] * 3, text=HOSTILE, width=28, encoding="utf-8")
@example(packages=[hostile("漢" * 99)] * 3, text="漢" * 99, width=29, encoding="utf-8")
def test_no_line_of_a_comparison_is_wider_than_the_screen(
    packages: Sequence[Package], text: str, width: int, encoding: str
) -> None:
    numbered = [one._replace(id=n, slug=f"slug-{n}" * 3) for n, one in enumerate(packages)]
    shown = screen(
        *numbered,
        width=width,
        grid=TREES._replace(title=text, description=text),
        encoding=encoding,
    )
    assert max(map(cell_len, shown.splitlines())) <= width
    for bad in ("\x1b", "\x07", "\x9b", "\u202e"):
        assert bad not in shown


# ── for programs ──


def test_transposed_columns_have_the_best_slugs_and_category_titles() -> None:
    also = BIG._replace(id=4, slug="also-big")
    found = entries(BIG, SMALL, also)
    columns = comparison.transposed_columns(found)
    assert [one.name for one in columns] == ["package", "also-big", "big", "small", "best figure"]
    values = {
        row.name: list(record_values(row, columns, STYLE).values()) for row in COMPARISON_ROWS
    }
    assert values["stars"] == ["stars", 1500, 1500, 20, ["also-big", "big"]]
    assert values["forks"] == ["forks", 10, 10, 10, None]
    assert values["category"] == ["category", "Apps", "Apps", "Apps", None]


def test_a_markdown_comparison_escapes_hostile_text() -> None:
    lines = list(markdown_comparison(entries(hostile("a|b **c** <i>\n\x1b[31m"), BIG), STYLE))
    pipes = {len(re.findall(r"(?<!\\)\|", line)) for line in lines}
    assert pipes == {4}
    assert not re.search(r"\x1b|<i>", "".join(lines))


def test_a_markdown_comparison_marks_the_best_in_bold() -> None:
    lines = list(markdown_comparison(entries(BIG, SMALL), STYLE))
    assert "| stars | **1,500** | 20 |\n" in lines
    assert "| participants | 12 login1, login2, login3, +9 more |" in "".join(lines)
    assert f"| commits | **104** {'█' * 52} | 58 " in "".join(lines)
