"""Durations and instants: what people type, and what is printed."""

import datetime as dt
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkgharvest.model.errors import InvalidValue
from pkgharvest.model.instants import format_instant, parse_duration, parse_instant, utc_day

NEW_YORK = zoneinfo.ZoneInfo("America/New_York")
INSTANTS = st.datetimes(
    min_value=dt.datetime(1, 1, 2),  # noqa: DTZ001 - the zone is added below
    max_value=dt.datetime(9999, 12, 30),  # noqa: DTZ001
).map(lambda naive: naive.replace(tzinfo=dt.UTC))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("50m", 3000), ("24h", 86_400), ("7d", 604_800), ("2w", 1_209_600), ("0s", 0)],
)
def test_a_duration_is_a_number_with_a_unit(text: str, seconds: int) -> None:
    assert parse_duration(text) == dt.timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", "7", "d", "7 d", "-7d", "7D", "1.5h", "7dd", "\u0667d", "999999999d"],
)
def test_invalid_durations_are_rejected(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_duration(text)


@given(st.text())
def test_any_text_is_an_error_or_a_duration_that_can_be_subtracted_from_a_date(text: str) -> None:
    try:
        duration = parse_duration(text)
    except InvalidValue:
        return
    assert dt.datetime(2026, 1, 1, tzinfo=dt.UTC) - duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-02-15", "2026-02-15T00:00:00Z"),
        ("2026-02-15T18:08:42.136634-05:00", "2026-02-15T23:08:42.136634Z"),
        ("2026-02-15T18:08:42Z", "2026-02-15T18:08:42Z"),
        ("2026-02-15 18:08", "2026-02-15T18:08:00Z"),
    ],
)
def test_an_instant_is_parsed_and_formatted_in_utc(text: str, expected: str) -> None:
    assert format_instant(parse_instant(text)) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "0001-01-01T00:00:00+14:00"])
def test_invalid_instants_are_rejected(text: str) -> None:
    with pytest.raises(InvalidValue, match="is not an instant"):
        parse_instant(text)


@given(INSTANTS, st.sampled_from([dt.UTC, NEW_YORK, None]))
def test_a_formatted_instant_is_parsed_as_the_same_instant(
    moment: dt.datetime, zone: dt.tzinfo | None
) -> None:
    if zone is not dt.UTC and not 1971 < moment.year < 2037:
        return  # before and after, zones have odd offsets, or the machine no rules
    assert parse_instant(format_instant(moment, zone)) == moment


def test_an_instant_is_formatted_with_the_offset_of_its_day() -> None:
    winter, summer = parse_instant("2026-01-15T12:00:00Z"), parse_instant("2026-07-15T12:00:00Z")
    assert format_instant(winter, NEW_YORK) == "2026-01-15T07:00:00-05:00"
    assert format_instant(summer, NEW_YORK) == "2026-07-15T08:00:00-04:00"


def test_the_day_of_an_instant_is_the_utc_day() -> None:
    assert utc_day(parse_instant("2026-02-15T21:00:00-05:00")) == dt.date(2026, 2, 16)
