"""JSON: the published bytes, nothing dangerous, and the same value back."""

import json
import re
import unicodedata
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkgharvest.api_v4.encode import RECORD_FIELDS, OutputStyle, record_values
from pkgharvest.formats import json_text
from pkgharvest.formats.fields import FULL_FIELDS, choose_fields
from pkgharvest.model.package import Package
from tests.support.packages import (
    NOW,
    TRUTH,
    package,
    published,
    published_lines,
    published_records,
)

STYLE = OutputStyle(now=NOW)
SITE = OutputStyle(
    now=NOW, zone=ZoneInfo("America/New_York"), base_url="https://djangopackages.org"
)
LONE = re.compile("[\ud800-\udbff][\udc00-\udfff]")
ANYTHING = st.text(st.characters()).filter(lambda text: not LONE.search(text))
"""All that a str may hold, but for two surrogates that JSON itself makes one character of."""

needs_truth = pytest.mark.skipif(TRUTH is None, reason="the published records are not here")


@needs_truth
def test_published_records_are_printed_as_json_byte_for_byte() -> None:
    packages = [published(record) for record in published_records()]
    printed = "".join(json_text.jsonl_lines(packages, RECORD_FIELDS, SITE))
    assert printed.removesuffix("\n").split("\n") == published_lines()


@needs_truth
def test_the_captured_record_is_printed_as_json_unchanged() -> None:
    assert TRUTH is not None
    captured = (TRUTH / "seed-record.json").read_text("utf-8")
    printed = json_text.object_text(published(json.loads(captured)), RECORD_FIELDS, SITE)
    assert printed.rstrip("\n") == captured.rstrip("\n")


def test_json_lists_equal_those_of_the_json_module() -> None:
    packages = [package(slug=f"p{number}") for number in range(3)]
    for count in range(4):
        records = [record_values(each, FULL_FIELDS, STYLE) for each in packages[:count]]
        printed = "".join(json_text.array_pieces(packages[:count], FULL_FIELDS, STYLE))
        assert printed == json.dumps(records, indent=4) + "\n"


def test_json_lists_are_printed_one_record_at_a_time() -> None:
    taken = []

    def packages() -> Iterator[Package]:
        for number in range(3):
            taken.append(number)
            yield package(id=number)

    pieces = json_text.array_pieces(packages(), choose_fields("id"), STYLE)
    assert next(pieces) == '[\n    {\n        "id": 0\n    }'
    assert taken == [0]
    assert next(json_text.jsonl_lines(packages(), choose_fields("id,slug"), STYLE)).count("\n") == 1
    assert taken == [0, 0]


@given(ANYTHING, ANYTHING, st.lists(ANYTHING, max_size=3))
def test_json_escapes_dangerous_characters_and_reads_back_unchanged(
    title: str, description: str, people: list[str]
) -> None:
    wild = package(title=title, repo_description=description, participants=tuple(people))
    expected = json.loads(json.dumps(record_values(wild, FULL_FIELDS, STYLE)))
    for printed, value in (
        (json_text.object_text(wild, FULL_FIELDS, STYLE), expected),
        ("".join(json_text.array_pieces([wild], FULL_FIELDS, STYLE)), [expected]),
        ("".join(json_text.jsonl_lines([wild], FULL_FIELDS, STYLE)), expected),
    ):
        assert json.loads(printed) == value
        left = {unicodedata.category(each) for each in printed.replace("\n", "")}
        assert not left & {"Cc", "Cf", "Cs", "Zl", "Zp"}
        printed.encode("utf-8")


def test_json_keeps_harmless_text_readable() -> None:
    assert json_text.compact_json("café — \N{GEAR} 日本") == '"café — \N{GEAR} 日本"'


@pytest.mark.parametrize(
    ("character", "escape"),
    [
        ("\x1b", r"\u001b"),
        ("\x7f", r"\u007f"),
        ("\x9b", r"\u009b"),
        ("\u2028", r"\u2028"),
        ("\u202e", r"\u202e"),
        ("\ufeff", r"\ufeff"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\udb40\udc41"),
    ],
)
def test_json_escapes_hidden_characters(character: str, escape: str) -> None:
    assert json_text.compact_json(f"a{character}b") == f'"a{escape}b"'
