"""Typed reads from foreign JSON: the right value, or an error that names the place."""

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkgharvest.formats.sanitize import sanitize
from pkgharvest.model.errors import Malformed
from pkgharvest.model.json_node import DecodeError, JsonNode, parse_json

AT_NIGHT = dt.datetime(2026, 2, 15, 23, 8, 42, tzinfo=dt.UTC)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
READS = (
    JsonNode.text,
    JsonNode.integer,
    JsonNode.boolean,
    JsonNode.instant,
    JsonNode.sequence,
    lambda node: list(node.items()),
    lambda node: node["name"],
    lambda node: node.get("name"),
    lambda node: node.optional_text("name"),
    lambda node: node.optional_instant("name"),
    lambda node: node.texts("name"),
)


def test_a_json_error_names_the_path_to_the_value() -> None:
    commits = parse_json(b'[{"commit": {"author": {"date": "yesterday"}}}]', "commits").sequence()
    with pytest.raises(DecodeError) as caught:
        commits[0]["commit"]["author"]["date"].instant()
    assert caught.value.message == (
        "commits[0].commit.author.date: expected an ISO 8601 instant, got 'yesterday'"
    )


@pytest.mark.parametrize(
    ("text", "read", "expected"),
    [
        ('"é"', JsonNode.text, "é"),
        (r'"\ud83d\ude00 \ud800"', JsonNode.text, "😀 \ufffd"),
        ("0", JsonNode.integer, 0),
        (str(2**63 - 1), JsonNode.integer, 2**63 - 1),
        ("true", JsonNode.boolean, True),
        (
            '"2026-02-15T18:08:42-05:00"',
            JsonNode.instant,
            dt.datetime(2026, 2, 15, 23, 8, 42, 0, dt.UTC),
        ),
        ('"2026-02-15T18:08:42"', JsonNode.instant, dt.datetime(2026, 2, 15, 18, 8, 42, 0, dt.UTC)),
    ],
)
def test_a_json_node_reads_a_value_of_its_type(text: str, read: object, expected: object) -> None:
    assert callable(read)
    assert read(parse_json(text.encode(), "x")) == expected


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("1", JsonNode.text),
        ("null", JsonNode.text),
        ("true", JsonNode.integer),
        ("1.0", JsonNode.integer),
        ("-1", JsonNode.integer),
        (str(2**63), JsonNode.integer),
        ("0", JsonNode.boolean),
        ("{}", JsonNode.sequence),
        ('"9999-12-31T23:59:59-14:00"', JsonNode.instant),
    ],
)
def test_a_json_node_rejects_a_value_of_another_type(text: str, read: object) -> None:
    assert callable(read)
    with pytest.raises(DecodeError, match=r"^x: expected"):
        read(parse_json(text.encode(), "x"))


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"<html>", b"NaN", b"[Infinity]", b"\xff", b"[" * 100_000, b"9" * 5_000],
    ids=["empty", "cut", "html", "nan", "infinity", "bytes", "deep", "long"],
)
def test_a_body_that_is_not_json_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed, match="not valid JSON"):
        parse_json(body, "answer")


def test_a_json_member_may_be_absent_or_null() -> None:
    node = parse_json(b'{"there": 1, "null": null}', "x")
    assert node["there"].integer() == 1
    assert node["null"].value is None
    assert node.get("null") is None
    assert node.get("absent") is None
    with pytest.raises(DecodeError, match=r"^x\.absent: expected a value"):
        node["absent"]


def test_the_optional_readers_read_a_member_or_nothing_where_it_is_absent_or_null() -> None:
    node = parse_json(
        b'{"text": "a", "instant": "2026-02-15T23:08:42Z", "texts": ["a", "b"], "null": null}',
        "x",
    )
    assert node.optional_text("text") == "a"
    assert node.optional_instant("instant") == AT_NIGHT
    assert node.texts("texts") == ("a", "b")
    for key in ("null", "absent"):
        assert node.optional_text(key) is None
        assert node.optional_instant(key) is None
        assert node.texts(key) == ()
    with pytest.raises(DecodeError, match=r"^x\.text: expected a list, got 'a'"):
        node.texts("text")


@given(JSON)
def test_every_json_reader_gives_a_value_or_a_harmless_message_on_one_line(value: object) -> None:
    node = parse_json(json.dumps(value).encode(), "x")
    nodes = [node]
    if isinstance(node.value, dict):
        nodes += [inner for _, inner in node.items()]
    messages = []
    for inner in nodes:
        for read in READS:
            try:
                read(inner)
            except DecodeError as error:
                messages.append(error.message)
    assert [sanitize(message) for message in messages] == messages
    assert all(len(message) < 300 for message in messages)


def test_a_json_member_is_read_through_several_keys() -> None:
    node = parse_json(b'{"author": {"user": {"login": "mona"}}, "committer": null}', "commit")

    assert node.optional_text("author", "user", "login") == "mona"
    assert node.get("committer", "user") is None
    assert node.get("author", "team", "login") is None
    with pytest.raises(DecodeError, match=r"commit\.author\.user\.login: expected an object"):
        node.get("author", "user", "login", "first")
