"""The comparison of a grid's packages: which rows it has, and which figures are the best.

What a program reads of it is here too; ``spread`` shows it to a person. No row is made of what
is not known: that is null, and no figure beats it or is beaten by it.
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
from pkgharvest.formats import markdown
from pkgharvest.formats.fields import supported_pythons
from pkgharvest.formats.sanitize import sanitize
from pkgharvest.formats.sparkline import sparkline
from pkgharvest.model.collections import Category, Grid
from pkgharvest.model.package import Package

_PEOPLE = 3
_RUN = 3
_BEST = "best figure"
"""No package is called so: slugs have no spaces."""

_MATURITY = "Development Status :: "
_LINE_END = re.compile(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]")


class ComparisonEntry(NamedTuple):
    """A package, as the grid compares it."""

    package: Package
    category: Category | None


class ComparisonRow(NamedTuple):
    """One thing that packages are compared by."""

    name: str
    label: str
    read: Callable[[ComparisonEntry, OutputStyle], Json]
    """What it is, for programs; None for unknown."""
    words: Callable[[ComparisonEntry, OutputStyle], str]
    """What it is, for persons; nothing for unknown."""
    figure: Callable[[ComparisonEntry, OutputStyle], int | None] | None = None
    """What is the better the higher it is."""
    more: Callable[[ComparisonEntry], str] = lambda _: ""
    """What persons are told beside a figure."""
    optional: bool = False
    """Persons are not told where it is known of no package."""


def _description(entry: ComparisonEntry, _: OutputStyle) -> str:
    return entry.package.repo_description or entry.package.pypi_summary or ""


def _downloads(entry: ComparisonEntry, _: OutputStyle) -> int | None:
    known = entry.package.downloads
    return None if known is None else known.last_month


def _day(entry: ComparisonEntry, style: OutputStyle) -> str:
    at = entry.package.last_updated
    return "" if at is None else f"{at.astimezone(style.zone):%Y-%m-%d}"


def _day_number(entry: ComparisonEntry, style: OutputStyle) -> int | None:
    at = entry.package.last_updated
    return None if at is None else at.astimezone(style.zone).toordinal()


def _commits(entry: ComparisonEntry, _: OutputStyle) -> int | None:
    counts = entry.package.commits_over_52
    return sum(counts) if counts else None


def _stars(entry: ComparisonEntry, _: OutputStyle) -> int | None:
    return entry.package.repo_watchers if entry.package.has_figures else None


def _forks(entry: ComparisonEntry, _: OutputStyle) -> int | None:
    return entry.package.repo_forks if entry.package.has_figures else None


def _score(entry: ComparisonEntry, style: OutputStyle) -> int | None:
    return entry.package.score if entry.package.has_figures else None


def _contributors(entry: ComparisonEntry, _: OutputStyle) -> int | None:
    return len(entry.package.participants) or None


def _people(entry: ComparisonEntry) -> str:
    names = entry.package.participants
    more = f", +{len(names) - _PEOPLE:,} more" if len(names) > _PEOPLE else ""
    return ", ".join(names[:_PEOPLE]) + more


def _license(entry: ComparisonEntry, _: OutputStyle) -> str:
    told = (entry.package.license or entry.package.pypi_license or "").strip()
    return _LINE_END.split(told, maxsplit=1)[0]  # some projects tell the whole text


def _maturity(entry: ComparisonEntry, _: OutputStyle) -> str:
    told = [one for one in entry.package.pypi_classifiers if one.startswith(_MATURITY)]
    return max(told, default="").removeprefix(_MATURITY)


def _pythons(entry: ComparisonEntry, _: OutputStyle) -> str:
    """Return the versions of Python, three and more in a row by the first and the last."""
    runs: list[list[str]] = []
    after = ""
    for version in supported_pythons(entry.package):
        if version == after:
            runs[-1].append(version)
        else:
            runs.append([version])
        major, _dot, minor = version.partition(".")
        after = f"{major}.{int(minor) + 1}"
    return ", ".join(
        f"{run[0]} to {run[-1]}" if len(run) >= _RUN else ", ".join(run) for run in runs
    )


def _text(name: str, words: Callable[[ComparisonEntry, OutputStyle], str]) -> ComparisonRow:
    return ComparisonRow(name, name, lambda e, s: words(e, s) or None, words)


def _number(
    name: str, figure: Callable[[ComparisonEntry, OutputStyle], int | None]
) -> ComparisonRow:
    def words(entry: ComparisonEntry, style: OutputStyle) -> str:
        number = figure(entry, style)
        return "" if number is None else f"{number:,}"

    return ComparisonRow(name, name, figure, words, figure)


COMPARISON_ROWS: tuple[ComparisonRow, ...] = (
    _text("description", _description),
    ComparisonRow(
        "category",
        "category",
        lambda e, s: None if e.category is None else resource_url(s, "categories", e.category.id),
        lambda e, s: "" if e.category is None else e.category.title,
    ),
    _number("downloads", _downloads),
    ComparisonRow(
        "last_updated",
        "last updated",
        lambda e, s: format_instant_field(e.package.last_updated, s),
        _day,
        _day_number,
    ),
    _text("version", lambda e, s: e.package.pypi_version or ""),
    _text("repository", lambda e, s: e.package.repo_url),
    _number("commits", _commits)._replace(read=lambda e, s: e.package.commits_over_52 or None),
    _number("stars", _stars),
    _number("score", _score),
    _number("forks", _forks),
    _number("participants", _contributors)._replace(
        read=lambda e, s: e.package.participants or None, more=_people
    ),
    _text("license", _license),
    _text("status", lambda e, s: e.package.status),
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
        _pythons,
        optional=True,
    ),
)
"""What packages are compared by: downloads are the last month's, commits those of 52 weeks."""


def compare(
    packages: Iterable[Package], categories: Mapping[int, Category], style: OutputStyle
) -> list[ComparisonEntry]:
    """Return the packages as a grid compares them: the best score first, unknown last."""

    def rank(entry: ComparisonEntry) -> tuple[bool, int, str]:
        score = _score(entry, style)
        return score is None, -(score or 0), entry.package.slug

    def entry(package: Package) -> ComparisonEntry:
        number = package.category_id
        return ComparisonEntry(package, None if number is None else categories.get(number))

    return sorted(map(entry, packages), key=rank)


def best_ids(
    entries: Sequence[ComparisonEntry], row: ComparisonRow, style: OutputStyle
) -> frozenset[int]:
    """Return the ids of those with the best figure of a row: none where all known are alike."""
    if row.figure is None:
        return frozenset()
    figures = {entry.package.id: row.figure(entry, style) for entry in entries}
    known = {figure for figure in figures.values() if figure is not None}
    if len(known) <= 1:
        return frozenset()
    highest = max(known)
    return frozenset(number for number, figure in figures.items() if figure == highest)


def comparison_columns(entries: Sequence[ComparisonEntry]) -> tuple[Column[Grid], ...]:
    """Return the fields of a grid, and its comparison: a list with an object for each package."""

    def read(_: Grid, style: OutputStyle) -> Json:
        leads = {row.name: best_ids(entries, row, style) for row in COMPARISON_ROWS}
        return [
            {
                "slug": entry.package.slug,
                **{row.name: row.read(entry, style) for row in COMPARISON_ROWS},
                "best": [name for name, ids in leads.items() if entry.package.id in ids],
            }
            for entry in entries
        ]

    return (*GRID_FIELDS, Column("comparison", "what its packages are compared by", read))


def transposed_columns(entries: Sequence[ComparisonEntry]) -> tuple[Column[ComparisonRow], ...]:
    """Return the columns of ``ROWS`` as records: the row's name, each package, the best figure.

    The last has the slugs of those with the best figure, if there is one.
    """

    def column(entry: ComparisonEntry) -> Column[ComparisonRow]:
        def read(row: ComparisonRow, style: OutputStyle) -> Json:
            # A link is of no use to those who read cells; its title is what people call it.
            if row.name == "category":
                return row.words(entry, style)
            return row.read(entry, style)

        return Column(sanitize(entry.package.slug), "", read)

    def leaders(row: ComparisonRow, style: OutputStyle) -> Json:
        ids = best_ids(entries, row, style)
        return [entry.package.slug for entry in entries if entry.package.id in ids] or None

    return (
        Column("package", "", lambda row, _: row.name),
        *map(column, entries),
        Column(_BEST, "", leaders),
    )


def visible_rows(entries: Sequence[ComparisonEntry], style: OutputStyle) -> Iterator[ComparisonRow]:
    """Yield the rows that persons are told of."""
    for row in COMPARISON_ROWS:
        if not row.optional or any(row.words(entry, style) for entry in entries):
            yield row


def markdown_table(entries: Sequence[ComparisonEntry], style: OutputStyle) -> Iterator[str]:
    """Yield the lines of a Markdown table, packages as columns; the best figures are bold."""

    def cell(entry: ComparisonEntry, row: ComparisonRow, leads: frozenset[int]) -> str:
        words = row.words(entry, style)
        text = markdown.markdown_cell(sanitize(words))
        if entry.package.id in leads:
            text = f"**{text}**"
        beside = row.more(entry)
        if row.name == "commits":
            beside = sparkline(entry.package.commits_over_52)
        return f"{text} {markdown.markdown_cell(sanitize(beside))}" if beside else text

    yield (
        "".join(
            f"| {text} "
            for text in ("", *(markdown.markdown_cell(sanitize(e.package.slug)) for e in entries))
        )
        + "|\n"
    )
    yield f"|{' --- |' * (len(entries) + 1)}\n"
    for row in visible_rows(entries, style):
        leads = best_ids(entries, row, style)
        cells = (row.label, *(cell(entry, row, leads) for entry in entries))
        yield f"| {' | '.join(cells)} |\n"
