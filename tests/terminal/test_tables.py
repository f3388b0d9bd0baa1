"""Tables of categories and grids, and the card of a category, at every width."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from pkgharvest.api_v4.encode import (
    CATEGORY_FIELDS,
    CATEGORY_FIELDS_WITH_COUNT,
    GRID_FIELDS,
    OutputStyle,
)
from pkgharvest.model.collections import Category, Grid
from pkgharvest.terminal import tables
from tests.support.packages import NOW
from tests.terminal.test_package_table import HOSTILE, printed

STYLE = OutputStyle(now=NOW)
TEXTS = st.one_of(st.text(max_size=80), st.sampled_from([HOSTILE, "漢字" * 60, "x" * 200]))


def category(text: str) -> Category:
    return Category(
        id=1,
        title=text,
        slug="web-applications",
        description=text,
        title_plural=text,
        show_pypi=False,
        created=NOW,
        modified=NOW,
        size=1234,
    )


def grid(text: str) -> Grid:
    return Grid(
        id=1,
        title=text,
        slug="web-applications",
        description=text,
        is_locked=True,
        package_ids=tuple(range(30)),
        header=False,
        created=NOW,
        modified=NOW,
    )


@settings(deadline=None, max_examples=40)
@given(text=TEXTS, width=st.integers(12, 200))
@example(text=HOSTILE, width=12)
def test_no_line_of_a_collection_table_is_wider_than_the_screen(text: str, width: int) -> None:
    one, other = category(text), grid(text)
    names = [f"package-{number}" for number in range(30)]
    for text_shown in (
        printed(
            lambda console: tables.print_collections("category", [one] * 2, console),
            width,
        ),
        printed(lambda console: tables.print_collections("grid", [other] * 2, console), width),
        printed(
            lambda console: tables.print_category(one, names, CATEGORY_FIELDS, console, STYLE),
            width,
        ),
        printed(
            lambda console: tables.print_columns(
                [one], CATEGORY_FIELDS_WITH_COUNT[:3], console, STYLE
            ),
            width,
        ),
        printed(
            lambda console: tables.print_columns([other], GRID_FIELDS[:3], console, STYLE),
            width,
        ),
    ):
        assert text_shown
        assert max(map(cell_len, text_shown.splitlines())) <= width
        assert not {"\x1b", "\x07", "\u202e"} & set(text_shown)


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "none"), (1, "1: p0"), (3, "3: p0, p1, p2"), (5, "5: p0, p1, p2, +2 more")],
)
def test_a_collection_names_its_first_packages(count: int, words: str) -> None:
    assert tables.name_packages([f"p{number}" for number in range(count)], 3) == words


def test_a_locked_grid_is_marked() -> None:
    text_shown = printed(lambda console: tables.print_collections("grid", [grid("Apps")], console))
    assert "web-applications  locked  Apps" in text_shown


def test_rows_become_blocks_on_a_screen_that_is_too_narrow_for_columns() -> None:
    table = tables.TextTable(
        columns=("failing", "source", "times", "message"),
        rows=(("django-ltree", "repo", "3", "no connection"), ("django-otp", "pypi", "1", "")),
        figures=frozenset({"times"}),
    )
    as_table = printed(lambda console: tables.print_tables([table], console), width=44)
    assert as_table.splitlines()[0].split() == ["failing", "source", "times", "message"]
    as_blocks = printed(lambda console: tables.print_tables([table], console), width=30)
    assert [line.rstrip() for line in as_blocks.splitlines()] == [
        "failing  django-ltree",
        "source   repo",
        "times    3",
        "message  no connection",
        "",
        "failing  django-otp",
        "source   pypi",
        "times    1",
    ]
