"""Sparklines: their scale, their width, and zero."""

from hypothesis import given
from hypothesis import strategies as st

from pkgharvest.formats.sparkline import ZERO, sparkline

COUNTS = st.lists(st.integers(0, 10_000), max_size=60)


def test_a_sparkline_is_scaled_to_its_highest_count() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7, 8]) == ".▁▂▃▄▅▆▇█"
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7, 8], ascii_only=True) == ".:-=+*#%@"


def test_a_sparkline_of_no_counts_is_empty_and_of_zeros_is_dots() -> None:
    assert sparkline([]) == ""
    assert sparkline([0] * 52) == ZERO * 52


def test_a_sparkline_shows_one_commit_beside_a_thousand() -> None:
    assert sparkline([0, 1, 1000]) == ".▁█"


def test_a_sparkline_sums_neighbors_in_equal_groups() -> None:
    year = [1, 0, 0, 0] * 12 + [0, 0, 4, 4]
    assert sparkline(year, 13) == "▁" * 12 + "█"
    assert sparkline(year, 26) == "▁." * 12 + ".█"
    assert sparkline([8, 1, 0], 2) == "█▁", "the first group is the short one"


@given(COUNTS, st.none() | st.integers(1, 60), st.booleans())
def test_a_sparkline_fits_its_cells_and_distinguishes_zero(
    counts: list[int], cells: int | None, ascii_only: bool
) -> None:
    row = sparkline(counts, cells, ascii_only=ascii_only)
    assert len(row) <= (len(counts) if cells is None else cells)
    assert (set(row) <= {ZERO}) == (not any(counts))
    assert row.isascii() or not ascii_only


@given(COUNTS)
def test_only_zero_is_a_dot_in_a_sparkline(counts: list[int]) -> None:
    assert [bar == ZERO for bar in sparkline(counts)] == [count == 0 for count in counts]
