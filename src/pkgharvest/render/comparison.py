"""The comparison of a grid's packages: which rows it has, and which figures are the best.

What a program reads of it is here too; ``spread`` shows it to a person. No row is made of what
is not known: that is null, and no figure beats it or is beaten by it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pkgharvest.package import Package
from pkgharvest.render import markdown
from pkgharvest.render.fields import Column, Json, Style, instant, link, supported_pythons
from pkgharvest.render.resources import GRID
from pkgharvest.render.sparkline import sparkline
from pkgharvest.render.terminal import clean
from pkgharvest.shelf import Category, Grid

_PEOPLE = 3
_RUN = 3
_BEST = "best figure"
"""No package is called so: slugs have no spaces."""

_MATURITY = "Development Status :: "
_LINE_END = re.compile(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]")


class Entry(NamedTuple):
    """A package, as the grid compares it."""

    package: Package
    category: Category | None


class Row(NamedTuple):
    """One thing that packages are compared by."""

    name: str
    label: str
    read: Callable[[Entry, Style], Json]
    """What it is, for programs; None for unknown."""
    words: Callable[[Entry, Style], str]
    """What it is, for persons; nothing for unknown."""
    figure: Callable[[Entry, Style], int | None] | None = None
    """What is the better the higher it is."""
    more: Callable[[Entry], str] = lambda _: ""
    """What persons are told beside a figure."""
    optional: bool = False
    """Persons are not told where it is known of no package."""


def _description(entry: Entry, _: Style) -> str:
    return entry.package.repo_description or entry.package.pypi_summary or ""


def _downloads(entry: Entry, _: Style) -> int | None:
    known = entry.package.downloads
    return None if known is None else known.last_month


def _day(entry: Entry, style: Style) -> str:
    at = entry.package.last_updated
    return "" if at is None else f"{at.astimezone(style.zone):%Y-%m-%d}"


def _day_number(entry: Entry, style: Style) -> int | None:
    at = entry.package.last_updated
    return None if at is None else at.astimezone(style.zone).toordinal()


def _commits(entry: Entry, _: Style) -> int | None:
    counts = entry.package.commits_over_52
    return sum(counts) if counts else None


def _stars(entry: Entry, _: Style) -> int | None:
    return entry.package.repo_watchers if entry.package.has_figures else None


def _forks(entry: Entry, _: Style) -> int | None:
    return entry.package.repo_forks if entry.package.has_figures else None


def _score(entry: Entry, style: Style) -> int | None:
    return entry.package.score if entry.package.has_figures else None


def _contributors(entry: Entry, _: Style) -> int | None:
    return len(entry.package.participants) or None


def _people(entry: Entry) -> str:
    names = entry.package.participants
    more = f", +{len(names) - _PEOPLE:,} more" if len(names) > _PEOPLE else ""
    return ", ".join(names[:_PEOPLE]) + more


def _license(entry: Entry, _: Style) -> str:
    told = (entry.package.license or entry.package.pypi_license or "").strip()
    return _LINE_END.split(told, maxsplit=1)[0]  # some projects tell the whole text


def _maturity(entry: Entry, _: Style) -> str:
    told = [one for one in entry.package.pypi_classifiers if one.startswith(_MATURITY)]
    return max(told, default="").removeprefix(_MATURITY)


def _pythons(entry: Entry, _: Style) -> str:
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


def _text(name: str, words: Callable[[Entry, Style], str]) -> Row:
    return Row(name, name, lambda e, s: words(e, s) or None, words)


def _number(name: str, figure: Callable[[Entry, Style], int | None]) -> Row:
    def words(entry: Entry, style: Style) -> str:
        number = figure(entry, style)
        return "" if number is None else f"{number:,}"

    return Row(name, name, figure, words, figure)


ROWS: tuple[Row, ...] = (
    _text("description", _description),
    Row(
        "category",
        "category",
        lambda e, s: None if e.category is None else link(s, "categories", e.category.id),
        lambda e, s: "" if e.category is None else e.category.title,
    ),
    _number("downloads", _downloads),
    Row(
        "last_updated",
        "last updated",
        lambda e, s: instant(e.package.last_updated, s),
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
    Row(
        "development_status",
        "development",
        lambda e, s: _maturity(e, s) or None,
        lambda e, s: _maturity(e, s).partition(" - ")[2] or _maturity(e, s),
        optional=True,
    ),
    Row(
        "supports_python",
        "Python",
        lambda e, s: supported_pythons(e.package) or None,
        _pythons,
        optional=True,
    ),
)
"""What packages are compared by: downloads are the last month's, commits those of 52 weeks."""


def compare(
    packages: Iterable[Package], categories: Mapping[int, Category], style: Style
) -> list[Entry]:
    """Return the packages as a grid compares them: the best score first, unknown last."""

    def rank(entry: Entry) -> tuple[bool, int, str]:
        score = _score(entry, style)
        return score is None, -(score or 0), entry.package.slug

    def entry(package: Package) -> Entry:
        number = package.category_id
        return Entry(package, None if number is None else categories.get(number))

    return sorted(map(entry, packages), key=rank)


def best(entries: Sequence[Entry], row: Row, style: Style) -> frozenset[int]:
    """Return the ids of those with the best figure of a row: none where all known are alike."""
    if row.figure is None:
        return frozenset()
    figures = {entry.package.id: row.figure(entry, style) for entry in entries}
    known = {figure for figure in figures.values() if figure is not None}
    if len(known) <= 1:
        return frozenset()
    highest = max(known)
    return frozenset(number for number, figure in figures.items() if figure == highest)


def compared(entries: Sequence[Entry]) -> tuple[Column[Grid], ...]:
    """Return the fields of a grid, and its comparison: a list with an object for each package."""

    def read(_: Grid, style: Style) -> Json:
        leads = {row.name: best(entries, row, style) for row in ROWS}
        return [
            {
                "slug": entry.package.slug,
                **{row.name: row.read(entry, style) for row in ROWS},
                "best": [name for name, ids in leads.items() if entry.package.id in ids],
            }
            for entry in entries
        ]

    return (*GRID, Column("comparison", "what its packages are compared by", read))


def transposed(entries: Sequence[Entry]) -> tuple[Column[Row], ...]:
    """Return the columns of ``ROWS`` as records: the row's name, each package, the best figure.

    The last has the slugs of those with the best figure, if there is one.
    """

    def column(entry: Entry) -> Column[Row]:
        def read(row: Row, style: Style) -> Json:
            # A link is of no use to those who read cells; its title is what people call it.
            if row.name == "category":
                return row.words(entry, style)
            return row.read(entry, style)

        return Column(clean(entry.package.slug), "", read)

    def leaders(row: Row, style: Style) -> Json:
        ids = best(entries, row, style)
        return [entry.package.slug for entry in entries if entry.package.id in ids] or None

    return (
        Column("package", "", lambda row, _: row.name),
        *map(column, entries),
        Column(_BEST, "", leaders),
    )


def told(entries: Sequence[Entry], style: Style) -> Iterator[Row]:
    """Yield the rows that persons are told of."""
    for row in ROWS:
        if not row.optional or any(row.words(entry, style) for entry in entries):
            yield row


def markdown_table(entries: Sequence[Entry], style: Style) -> Iterator[str]:
    """Yield the lines of a Markdown table, packages as columns; the best figures are bold."""

    def cell(entry: Entry, row: Row, leads: frozenset[int]) -> str:
        words = row.words(entry, style)
        text = markdown.cell(clean(words))
        if entry.package.id in leads:
            text = f"**{text}**"
        beside = row.more(entry)
        if row.name == "commits":
            beside = sparkline(entry.package.commits_over_52)
        return f"{text} {markdown.cell(clean(beside))}" if beside else text

    yield (
        "".join(
            f"| {text} " for text in ("", *(markdown.cell(clean(e.package.slug)) for e in entries))
        )
        + "|\n"
    )
    yield f"|{' --- |' * (len(entries) + 1)}\n"
    for row in told(entries, style):
        leads = best(entries, row, style)
        cells = (row.label, *(cell(entry, row, leads) for entry in entries))
        yield f"| {' | '.join(cells)} |\n"
