"""Markdown: cells that stay cells, and text that stays text."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkgharvest.api_v4.encode import OutputStyle
from pkgharvest.formats.fields import FULL_FIELDS, choose_fields
from pkgharvest.formats.markdown import markdown_lines
from pkgharvest.formats.sanitize import sanitize
from tests.support.packages import NOW, package

STYLE = OutputStyle(now=NOW)
MARKUP = st.text(st.sampled_from("ab1 _*`|~<>[]()!:\\&#;\n\x1b"), max_size=20)


def cells(line: str) -> list[str]:
    """Split a row as GitHub does: a pipe after a backslash is none."""
    return [cell.strip() for cell in re.split(r"(?<!\\)(?:\\\\)*\|", line.strip())[1:-1]]


def unescaped(cell: str) -> str:
    return html.unescape(re.sub(r"\\(.)", r"\1", cell))


@given(MARKUP | st.text())
def test_markdown_text_reads_back_and_stays_in_its_cell(text: str) -> None:
    lines = list(
        markdown_lines(
            [package(repo_description=text)], choose_fields("slug,repo_description"), STYLE
        )
    )
    assert lines[:2] == ["| slug | repo_description |\n", "| --- | --- |\n"]
    row = lines[2].removesuffix("\n")
    assert "\n" not in row
    start, end = "| django-ltree | ", " |"
    assert row.startswith(start)
    assert row.endswith(end)
    inside = row[len(start) : -len(end)]
    assert not re.search(r"(?<!\\)(\\\\)*\|", inside)
    assert unescaped(inside) == sanitize(text)


@given(MARKUP)
def test_markdown_text_makes_no_tag_link_or_emphasis(text: str) -> None:
    *_, row = markdown_lines(
        [package(repo_description=text)], choose_fields("repo_description"), STYLE
    )
    bare = re.sub(r"\\.", ".", row)  # an escaped character is none, but it stands between
    assert not re.search(r"[<*`~]|\]\(|\]\[|\]:", bare)
    assert not re.search(r"&(?!amp;|lt;)(#|\w+;)", bare)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("plain text, login2[bot] >=3.10", "plain text, login2[bot] >=3.10"),
        ("a|b", r"a\|b"),
        ("snake_case and __init__", r"snake_case and \_\_init\_\_"),
        ("[click](http://evil)", r"[click\](http://evil)"),
        ("<script>", "&lt;script>"),
        ("&lt; & more", "&amp;lt; & more"),
        ("https://host/a_b/__init__?x=1&y=2", "https://host/a_b/__init__?x=1&y=2"),
        ("two\nlines", "two lines"),
    ],
)
def test_markdown_cells_are_escaped(text: str, cell: str) -> None:
    *_, row = markdown_lines(
        [package(repo_description=text)], choose_fields("repo_description"), STYLE
    )
    assert row == f"| {cell} |\n"


def test_markdown_cells_hold_lists_as_json_and_null_as_empty() -> None:
    fields = choose_fields("category,commits_over_52,participants")
    plain = package(category_id=None, commits_over_52=(1, 2), participants=("a", "b[bot]"))
    *_, row = markdown_lines([plain], fields, STYLE)
    assert row == '|  | [1, 2] | ["a", "b[bot]"] |\n'


def test_every_field_has_a_markdown_cell() -> None:
    lines = list(markdown_lines([package()], FULL_FIELDS, STYLE))
    assert [len(cells(line)) for line in lines] == [len(FULL_FIELDS)] * 3


def test_markdown_of_no_packages_is_a_header() -> None:
    assert list(markdown_lines([], choose_fields("slug"), STYLE)) == ["| slug |\n", "| --- |\n"]
