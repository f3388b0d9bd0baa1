"""Ages and due times in words."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkgharvest.terminal.console import relative_time


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
def test_a_relative_time_has_a_unit_that_suits_its_length(
    past: dict[str, float], words: str
) -> None:
    now = dt.datetime(2026, 2, 15, 12, tzinfo=dt.UTC)
    assert relative_time(now - dt.timedelta(**past), now) == words


@given(st.datetimes(), st.datetimes())
def test_every_relative_time_is_short(moment: dt.datetime, now: dt.datetime) -> None:
    assert len(relative_time(moment, now)) <= len("9999 mo ago")
