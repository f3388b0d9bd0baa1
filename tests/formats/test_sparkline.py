"""Bars and ages: small words and pictures."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkgharvest.formats.sparkline import ZERO, sparkline
from pkgharvest.terminal.humanize import relative_time

COUNTS = st.lists(st.integers(0, 10_000), max_size=60)


def test_a_year_is_drawn_to_the_height_of_its_best_week() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7, 8]) == ".▁▂▃▄▅▆▇█"
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7, 8], ascii_only=True) == ".:-=+*#%@"


def test_unknown_is_nothing_and_a_year_of_rest_is_not() -> None:
    assert sparkline([]) == ""
    assert sparkline([0] * 52) == ZERO * 52


def test_one_commit_is_seen_beside_a_thousand() -> None:
    assert sparkline([0, 1, 1000]) == ".▁█"


def test_neighbours_are_summed_in_whole_groups() -> None:
    year = [1, 0, 0, 0] * 12 + [0, 0, 4, 4]
    assert sparkline(year, 13) == "▁" * 12 + "█"
    assert sparkline(year, 26) == "▁." * 12 + ".█"
    assert sparkline([8, 1, 0], 2) == "█▁", "the first group is the short one"


@given(COUNTS, st.none() | st.integers(1, 60), st.booleans())
def test_the_row_fits_and_tells_zero_from_more(
    counts: list[int], cells: int | None, ascii_only: bool
) -> None:
    row = sparkline(counts, cells, ascii_only=ascii_only)
    assert len(row) <= (len(counts) if cells is None else cells)
    assert (set(row) <= {ZERO}) == (not any(counts))
    assert row.isascii() or not ascii_only


@given(COUNTS)
def test_zero_and_only_zero_is_a_dot(counts: list[int]) -> None:
    assert [bar == ZERO for bar in sparkline(counts)] == [count == 0 for count in counts]


@pytest.mark.parametrize(
    ("past", "words"),
    [
        ({"seconds": 0}, "just now"),
        ({"seconds": 59}, "just now"),
        ({"seconds": 60}, "1 min ago"),
        ({"hours": 3, "minutes": 59}, "3 h ago"),
        ({"hours": 47}, "47 h ago"),
        ({"hours": 48}, "2 d ago"),
        ({"days": 59}, "59 d ago"),
        ({"days": 66}, "2 mo ago"),
        ({"days": 3 * 366}, "3 y ago"),
        ({"seconds": -30}, "now"),
        ({"hours": -21}, "in 21 h"),
        ({"days": -2}, "in 2 d"),
    ],
)
def test_ages(past: dict[str, float], words: str) -> None:
    now = dt.datetime(2026, 2, 15, 12, tzinfo=dt.UTC)
    assert relative_time(now - dt.timedelta(**past), now) == words


@given(st.datetimes(), st.datetimes())
def test_every_age_is_a_few_characters(moment: dt.datetime, now: dt.datetime) -> None:
    assert len(relative_time(moment, now)) <= len("9999 mo ago")
