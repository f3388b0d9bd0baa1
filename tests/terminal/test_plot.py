"""Values over time drawn with characters."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkgharvest.terminal.plot import HEIGHT, Point, draw_bars, draw_line

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def points(*values: int | None) -> list[Point]:
    return [Point(at=START + number * DAY, value=value) for number, value in enumerate(values)]


def test_a_line_plot_has_steps() -> None:
    drawn = draw_line(points(0, 9, 4), width=30, ascii_only=True)
    assert drawn == [
        "9 |             **************",
        "  |             *            *",
        "  |             *            *",
        "  |             *            *",
        "  |             *            *",
        "  |             *            *",
        "  |             *",
        "  |             *",
        "  |             *",
        "0 |**************",
        "   2026-01-01       2026-01-03",
    ]


def test_a_braille_plot_has_eight_dots_per_cell() -> None:
    drawn = draw_line(points(0, 1), width=12)
    assert len(drawn) == HEIGHT + 1
    assert drawn[0] == "1 |        ⢸"
    assert drawn[-2] == "0 |⣀⣀⣀⣀⣀⣀⣀⣀⣸"


def test_a_plot_of_a_constant_value_is_a_flat_line() -> None:
    drawn = draw_line(points(7), width=20, ascii_only=True)
    assert drawn == ["7 |*****************", "   2026-01-01"]
    assert draw_line(points(7, 7, 7), width=29) == [
        f"7 |{'⣀' * 26}",
        "   2026-01-01      2026-01-03",
    ]
    assert draw_bars([0, 0], START.date(), START.date(), width=20) == ["0 |", "   2026-01-01"]
    assert (
        len(draw_bars([3, 3], START.date(), START.date(), width=20)) == HEIGHT + 1
    )  # from zero on


def test_a_plot_omits_unknown_values() -> None:
    assert draw_line([], width=40) == draw_line(points(None, None), width=40) == []
    drawn = draw_line(points(None, 5, None), width=13, ascii_only=True)
    assert drawn[-2] == "5 |     ****"


def test_a_bar_plot_starts_at_zero() -> None:
    drawn = draw_bars([0, 10, 5], START.date(), START.date() + 14 * DAY, width=16, ascii_only=True)
    assert drawn[0] == "10 |    ****"
    assert drawn[5] == "   |    ********"
    assert drawn[-2] == " 0 |    ********"
    assert drawn[-1].split() == ["2026-01-01", "2026-01-15"]
    assert draw_bars([], START.date(), START.date(), width=16) == []


def test_a_bar_plot_shows_the_highest_of_many_counts() -> None:
    drawn = draw_bars(
        [0] * 400 + [1] + [0] * 400, START.date(), START.date(), width=20, ascii_only=True
    )
    assert drawn[0].count("*") == 1


@given(
    st.lists(st.none() | st.integers(0, 10**9), min_size=1, max_size=60),
    st.integers(1, 200),
    st.booleans(),
)
def test_a_plot_fits_its_width(values: list[int | None], width: int, ascii_only: bool) -> None:
    drawn = draw_line(points(*values), width=width, ascii_only=ascii_only)
    known = [value for value in values if value is not None]
    if known:
        assert len(drawn) == (HEIGHT if max(known) > min(known) else 1) + 1
        assert drawn[0].startswith(f"{max(known):,} |")
        assert max(map(len, drawn)) <= max(width, 40)
        assert not ascii_only or "".join(drawn).isascii()
    counts = [value or 0 for value in values]
    drawn = draw_bars(counts, START.date(), START.date(), width=width, ascii_only=ascii_only)
    assert max(map(len, drawn)) <= max(width, 40)


@pytest.mark.parametrize("width", [40, 41, 80])
def test_a_plot_uses_its_width(width: int) -> None:
    assert len(draw_line(points(1, 2, 3), width=width)[-1]) == width
