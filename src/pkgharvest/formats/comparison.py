"""The comparison of a grid's packages: its rows, the best values, and its formats for programs.

`terminal.comparison_table` shows it to people. An unknown value is None: it is never the best, and
no other value is better than it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pkgharvest.api_v4.encode import (
    GRID_FIELDS,
    Column,
    Json,
    OutputStyle,
    format_instant_field,
    resource_url,
)
from pkgharvest.formats.fields import format_day, name_first, supported_pythons
from pkgharvest.formats.markdown import markdown_cell, markdown_row, markdown_rule
from pkgharvest.formats.sanitize import sanitize
from pkgharvest.formats.sparkline import sparkline
from pkgharvest.model.collections import Category, Grid
from pkgharvest.model.package import Package

_NAMED_PARTICIPANTS = 3
_MIN_RUN_LENGTH = 3
"""From this length on, consecutive Python versions are shortened to the first and the last."""

_MATURITY = "Development Status :: "


class ComparisonEntry(NamedTuple):
    """A package of a grid, with its category."""

    package: Package
    category: Category | None


class ComparisonRow(NamedTuple):
    """One property that packages are compared by."""

    name: str
    label: str
    read: Callable[[ComparisonEntry, OutputStyle], Json]
    """Return the value for programs; None if unknown."""
    text: Callable[[ComparisonEntry, OutputStyle], str]
    """Return the value for people; "" if unknown."""
    rank: Callable[[ComparisonEntry, OutputStyle], int | None] | None = None
    """Return a number that is higher for a better value. None if no value is better."""
    detail: Callable[[ComparisonEntry], str] = lambda _: ""
    """Return what people read beside the value."""
    optional: bool = False
    """Whether people see this row only if a package has a value."""


def _score(entry: ComparisonEntry, _: OutputStyle) -> int | None:
    return entry.package.score if entry.package.has_star_counts else None


def _license(entry: ComparisonEntry, _: OutputStyle) -> str:
    text = (entry.package.license or entry.package.pypi_license or "").strip()
    # Some projects state the full license text.
    return re.split(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]", text, maxsplit=1)[0]


def _maturity(entry: ComparisonEntry, _: OutputStyle) -> str:
    stated = [text for text in entry.package.pypi_classifiers if text.startswith(_MATURITY)]
    return max(stated, default="").removeprefix(_MATURITY)


def _python_ranges(entry: ComparisonEntry, _: OutputStyle) -> str:
    """Return the supported Pythons, with consecutive ones as a range: ``2.7, 3.10 to 3.12``."""
    runs: list[list[str]] = []
    expected = ""
    for version in supported_pythons(entry.package):
        if version == expected:
            runs[-1].append(version)
        else:
            runs.append([version])
        major, _dot, minor = version.partition(".")
        expected = f"{major}.{int(minor) + 1}"
    return ", ".join(
        f"{run[0]} to {run[-1]}" if len(run) >= _MIN_RUN_LENGTH else ", ".join(run) for run in runs
    )


def _text_row(name: str, text: Callable[[ComparisonEntry, OutputStyle], str]) -> ComparisonRow:
    return ComparisonRow(name, name, lambda e, s: text(e, s) or None, text)


def _number_row(
    name: str, number: Callable[[ComparisonEntry, OutputStyle], int | None]
) -> ComparisonRow:
    def text(entry: ComparisonEntry, style: OutputStyle) -> str:
        value = number(entry, style)
        return "" if value is None else f"{value:,}"

    return ComparisonRow(name, name, number, text, number)


COMPARISON_ROWS: tuple[ComparisonRow, ...] = (
    _text_row(
        "description", lambda e, s: e.package.repo_description or e.package.pypi_summary or ""
    ),
    ComparisonRow(
        "category",
        "category",
        lambda e, s: None if e.category is None else resource_url(s, "categories", e.category.id),
        lambda e, s: "" if e.category is None else e.category.title,
    ),
    _number_row(
        "downloads", lambda e, s: e.package.downloads.last_month if e.package.downloads else None
    ),
    ComparisonRow(
        "last_updated",
        "last updated",
        lambda e, s: format_instant_field(e.package.last_updated, s),
        lambda e, s: format_day(e.package.last_updated, s) if e.package.last_updated else "",
        lambda e, s: (
            e.package.last_updated.astimezone(s.zone).toordinal()
            if e.package.last_updated
            else None
        ),
    ),
    _text_row("version", lambda e, s: e.package.pypi_version or ""),
    _text_row("repository", lambda e, s: e.package.repo_url),
    _number_row(
        "commits",
        lambda e, s: sum(e.package.commits_over_52) if e.package.commits_over_52 else None,
    )._replace(read=lambda e, s: e.package.commits_over_52 or None),
    _number_row(
        "stars", lambda e, s: e.package.repo_watchers if e.package.has_star_counts else None
    ),
    _number_row("score", _score),
    _number_row("forks", lambda e, s: e.package.repo_forks if e.package.has_star_counts else None),
    _number_row("participants", lambda e, s: len(e.package.participants) or None)._replace(
        read=lambda e, s: e.package.participants or None,
        detail=lambda e: name_first(e.package.participants, _NAMED_PARTICIPANTS),
    ),
    _text_row("license", _license),
    _text_row("status", lambda e, s: e.package.status),
    ComparisonRow(
        "development_status",
        "development",
        lambda e, s: _maturity(e, s) or None,
        lambda e, s: _maturity(e, s).partition(" - ")[2] or _maturity(e, s),
        optional=True,
    ),
    ComparisonRow(
        "supports_python",
        "Python",
        lambda e, s: supported_pythons(e.package) or None,
        _python_ranges,
        optional=True,
    ),
)
"""The rows of every comparison. Downloads are of 30 days, commits of 52 weeks."""


def compare_packages(
    packages: Iterable[Package], categories: Mapping[int, Category], style: OutputStyle
) -> list[ComparisonEntry]:
    """Return ``packages`` in the order of a comparison: the best score first, unknown ones last.

    ``categories`` maps ids to categories.
    """

    def sort_key(entry: ComparisonEntry) -> tuple[bool, int, str]:
        score = _score(entry, style)
        return score is None, -(score or 0), entry.package.slug

    entries = (
        ComparisonEntry(
            package, None if package.category_id is None else categories.get(package.category_id)
        )
        for package in packages
    )
    return sorted(entries, key=sort_key)


def best_ids(
    entries: Sequence[ComparisonEntry], row: ComparisonRow, style: OutputStyle
) -> frozenset[int]:
    """Return the ids of the packages with the best value; none if all known values are equal."""
    if row.rank is None:
        return frozenset()
    ranks = {entry.package.id: row.rank(entry, style) for entry in entries}
    known = {rank for rank in ranks.values() if rank is not None}
    best = max(known) if len(known) > 1 else None
    return frozenset(number for number, rank in ranks.items() if rank is not None and rank == best)


def comparison_columns(entries: Sequence[ComparisonEntry]) -> tuple[Column[Grid], ...]:
    """Return the columns of a grid, and ``comparison``: a list with an object per package."""

    def read(_: Grid, style: OutputStyle) -> Json:
        best = {row.name: best_ids(entries, row, style) for row in COMPARISON_ROWS}
        return [
            {
                "slug": entry.package.slug,
                **{row.name: row.read(entry, style) for row in COMPARISON_ROWS},
                "best": [name for name, ids in best.items() if entry.package.id in ids],
            }
            for entry in entries
        ]

    return (*GRID_FIELDS, Column("comparison", "the properties of its packages", read))


def transposed_columns(entries: Sequence[ComparisonEntry]) -> tuple[Column[ComparisonRow], ...]:
    """Return columns that read ``COMPARISON_ROWS``: the row's name, each package, the best.

    The last column has the slugs of the packages with the best value, if there are any.
    """

    def package_column(entry: ComparisonEntry) -> Column[ComparisonRow]:
        def read(row: ComparisonRow, style: OutputStyle) -> Json:
            # In a cell, the category's title is more useful than a link to it.
            return row.text(entry, style) if row.name == "category" else row.read(entry, style)

        return Column(sanitize(entry.package.slug), "", read)

    def best_slugs(row: ComparisonRow, style: OutputStyle) -> Json:
        ids = best_ids(entries, row, style)
        return [entry.package.slug for entry in entries if entry.package.id in ids] or None

    return (
        Column("package", "", lambda row, _: row.name),
        *map(package_column, entries),
        Column("best figure", "", best_slugs),  # no slug contains a space
    )


def visible_rows(entries: Sequence[ComparisonEntry], style: OutputStyle) -> Iterator[ComparisonRow]:
    """Return the rows to show to people."""
    return (
        row
        for row in COMPARISON_ROWS
        if not row.optional or any(row.text(entry, style) for entry in entries)
    )


def markdown_comparison(entries: Sequence[ComparisonEntry], style: OutputStyle) -> Iterator[str]:
    """Yield the lines of a table with a column per package; the best values are bold."""

    def cell(entry: ComparisonEntry, row: ComparisonRow, best: frozenset[int]) -> str:
        text = markdown_cell(sanitize(row.text(entry, style)))
        marked = f"**{text}**" if entry.package.id in best else text
        is_weekly = row.name == "commits"
        detail = sparkline(entry.package.commits_over_52) if is_weekly else row.detail(entry)
        return f"{marked} {markdown_cell(sanitize(detail))}" if detail else marked

    slugs = (markdown_cell(sanitize(entry.package.slug)) for entry in entries)
    yield markdown_row(("", *slugs))
    yield markdown_rule(len(entries) + 1)
    for row in visible_rows(entries, style):
        best = best_ids(entries, row, style)
        yield markdown_row((row.label, *(cell(entry, row, best) for entry in entries)))
