"""The Link header: the examples of RFC 8288, those of GitHub, and any nonsense."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkgharvest.transport.base import page_number, parse_link_header


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, {}),
        ("", {}),
        (
            '<https://h/r/1/c?per_page=9&page=2>; rel="next", <https://h/r/1/c?page=3>; rel="last"',
            {"next": "https://h/r/1/c?per_page=9&page=2", "last": "https://h/r/1/c?page=3"},
        ),
        ("<https://h/a>;rel=next", {"next": "https://h/a"}),
        ('< /a > ; REL = "Next Last"', {"next": "/a", "last": "/a"}),
        ('</a>; title="x; rel=next, <b>"; rel=last', {"last": "/a"}),
        (r'</a>; title="a\"; rel=next"; rel="last"', {"last": "/a"}),
        ("</a>; rel=next; rel=last", {"next": "/a"}),
        ("</a>; rel=next, </b>; rel=next", {"next": "/a"}),
        ("</a,b>; rel=next", {"next": "/a,b"}),
        ("</a>; foo; rel=next", {"next": "/a"}),
        ('</a>; rel="next', {"next": "/a"}),
        ("</a", {}),
        ("/a; rel=next", {}),
        ("</a>", {}),
        ("junk, </a>; rel=next", {"next": "/a"}),
    ],
)
def test_parse_link_header(header: str | None, expected: dict[str, str]) -> None:
    assert parse_link_header(header) == expected


@given(st.text() | st.text(alphabet='<>;=," \\relnxt', max_size=200))
def test_any_link_header_is_read_without_an_error(header: str) -> None:
    for relation, target in parse_link_header(header).items():
        assert relation == relation.lower()
        assert "<" not in target


_PLAIN = st.text(alphabet="abc/?&=1.%-", min_size=1).map(lambda text: f"https://h/{text}")


@given(st.dictionaries(st.sampled_from(["next", "last", "prev", "first"]), _PLAIN))
def test_a_well_formed_link_header_is_read_completely(targets: dict[str, str]) -> None:
    header = ", ".join(f'<{target}>; rel="{relation}"' for relation, target in targets.items())
    assert parse_link_header(header) == targets


@pytest.mark.parametrize("header", ["<" * 60_000, '<a>\\"' * 12_000, '<a>;="' * 10_000])
def test_a_long_link_header_is_read_in_linear_time(header: str) -> None:
    assert set(parse_link_header(header)) <= {"next"}


@pytest.mark.parametrize(
    ("target", "page"),
    [
        ("https://h/c?per_page=1&page=1234", 1234),
        ("/c?page=7", 7),
        ("https://h/c", None),
        ("", None),
        ("?page=", None),
        ("?page=x", None),
        ("?page=-1", None),
        ("?page=٣", None),
        ("?page=1&page=2", None),
        ("http://[", None),
        ("?page=" + "9" * 5_000, None),
    ],
)
def test_page_number(target: str, page: int | None) -> None:
    assert page_number(target) == page
