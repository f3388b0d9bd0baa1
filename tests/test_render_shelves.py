"""Tables of categories and grids, and the sheet of a category, at every width."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from packages import NOW
from pkgharvest.render import shelves
from pkgharvest.render.fields import Style
from pkgharvest.render.resources import CATEGORY, COUNTED, GRID
from pkgharvest.shelf import Category, Grid
from test_render_table import HOSTILE, printed

STYLE = Style(now=NOW)
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
def test_no_line_is_wider_than_the_screen(text: str, width: int) -> None:
    one, other = category(text), grid(text)
    names = [f"package-{number}" for number in range(30)]
    for told in (
        printed(lambda console: shelves.categories([one] * 2, console), width),
        printed(lambda console: shelves.grids([other] * 2, console), width),
        printed(lambda console: shelves.category(one, names, CATEGORY, console, STYLE), width),
        printed(lambda console: shelves.chosen([one], COUNTED[:3], console, STYLE), width),
        printed(lambda console: shelves.chosen([other], GRID[:3], console, STYLE), width),
    ):
        assert told
        assert max(map(cell_len, told.splitlines())) <= width
        assert not {"\x1b", "\x07", "\u202e"} & set(told)


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "none"), (1, "1: p0"), (3, "3: p0, p1, p2"), (5, "5: p0, p1, p2, +2 more")],
)
def test_packages_by_name(count: int, words: str) -> None:
    assert shelves.named([f"p{number}" for number in range(count)], 3) == words


def test_a_locked_grid_says_so() -> None:
    told = printed(lambda console: shelves.grids([grid("Apps")], console))
    assert "web-applications  locked  Apps" in told
