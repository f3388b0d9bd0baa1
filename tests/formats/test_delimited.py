"""CSV and TSV: what their readers read back."""

import csv
import io
import json

from hypothesis import given
from hypothesis import strategies as st

from pkgharvest.api_v4.encode import RECORD_FIELDS, OutputStyle
from pkgharvest.formats.delimited import csv_lines, tsv_lines
from pkgharvest.formats.fields import FULL_FIELDS, choose_fields
from pkgharvest.formats.sanitize import sanitize
from tests.support.packages import NOW, package

STYLE = OutputStyle(now=NOW)
ANYTHING = st.text(st.characters())
NAMES = [field.name for field in FULL_FIELDS]


@given(ANYTHING, ANYTHING, st.lists(ANYTHING, max_size=3))
def test_csv_reads_back_as_it_was_written(title: str, description: str, people: list[str]) -> None:
    wild = package(title=title, repo_description=description, participants=tuple(people))
    text = "".join(csv_lines([wild, wild], FULL_FIELDS, STYLE))
    header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert header == NAMES
    assert [len(row) for row in rows] == [len(NAMES)] * 2
    row = dict(zip(header, rows[0], strict=True))
    assert row["title"] == sanitize(title)
    assert row["repo_description"] == sanitize(description)
    assert len(json.loads(row["participants"])) == len(people)
    assert text.count("\n") == 3


@given(ANYTHING, st.lists(ANYTHING, max_size=3))
def test_tsv_reads_back_by_splitting(title: str, people: list[str]) -> None:
    wild = package(title=title, participants=tuple(people))
    text = "".join(tsv_lines([wild], FULL_FIELDS, STYLE))
    header, row, rest = text.split("\n")
    assert header.split("\t") == NAMES
    assert len(row.split("\t")) == len(NAMES)
    assert row.split("\t")[NAMES.index("title")] == sanitize(title)
    assert rest == ""


def test_tsv_cells_hold_lists_as_json_null_as_empty_and_booleans_as_words() -> None:
    fields = choose_fields("slug,category,grids,commits_over_52,archived,repo_forks,downloads")
    plain = package(category_id=None, commits_over_52=(1, 2), grid_ids=(), archived=True)
    header, row = tsv_lines([plain], fields, STYLE)
    assert header == "slug\tcategory\tgrids\tcommits_over_52\tarchived\trepo_forks\tdownloads\n"
    assert row.removesuffix("\n").split("\t") == [
        "django-ltree",
        "",
        "[]",
        "[1, 2]",
        "true",
        "19",
        '{"last_day": 431, "last_week": 2987, "last_month": 12345}',
    ]


def test_csv_quotes_only_what_it_must_and_ends_lines_with_a_newline() -> None:
    fields = choose_fields("slug,repo_description")
    wild = package(repo_description='say "hi", \x1b[31mred\nnext')
    assert list(csv_lines([wild], fields, STYLE)) == [
        "slug,repo_description\n",
        'django-ltree,"say ""hi"", \\x1b[31mred next"\n',
    ]


def test_csv_and_tsv_of_no_packages_are_a_header() -> None:
    assert list(csv_lines([], RECORD_FIELDS, STYLE)) == [",".join(NAMES[:18]) + "\n"]
    assert list(tsv_lines([], RECORD_FIELDS, STYLE)) == ["\t".join(NAMES[:18]) + "\n"]
