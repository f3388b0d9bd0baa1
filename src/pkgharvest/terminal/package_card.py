"""One package as a card: what people want to know about it, and how old that is."""

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Column, Table
from rich.text import Text

from pkgharvest.api_v4.encode import RECORD_FIELDS, Field, OutputStyle
from pkgharvest.formats.fields import FULL_FIELDS, format_day, name_first
from pkgharvest.model.activity import window_start
from pkgharvest.model.package import Package, SourceState
from pkgharvest.model.score import ScoreBreakdown, package_breakdown
from pkgharvest.terminal.console import (
    COLUMN_GAP,
    SPARKLINE_WIDTHS,
    STATUS_COLORS,
    Screen,
    label_table,
    relative_time,
)

_LABEL_WIDTH = 13
_FRAME_WIDTH = 4
_MAX_LISTED = 10
"""Participants and versions that are shown; the rest is counted."""

_STATUS_TEXT = {
    "active": "active",
    "archived": "archived by its owner",
    "moved": "moved: its URL no longer leads to it, or now leads to another repository",
    "gone": "gone: no longer at its host; values are from the last successful fetch",
    "blocked": "blocked: withheld by its host; values are from the last successful fetch",
    "empty": "empty: the repository has no commits",
}

_SOURCE_LABELS = {"repo": "repo data", "pypi": "pypi data", "downloads": "download data"}
"""No longer than ``_LABEL_WIDTH``."""

Row = tuple[str, RenderableType]
"""A label and its value."""


def print_cards(
    packages: Iterable[Package],
    console: Console,
    style: OutputStyle,
    *,
    full: bool = False,
    fields: Sequence[Field] | None = None,
) -> None:
    """Print a card for each package.

    With ``full``, a card shows everything that is known; with ``fields``, exactly these.
    """
    screen = Screen(console)
    for number, package in enumerate(packages):
        if number:
            console.print()
        content = (
            _card(package, screen, style, full=full)
            if fields is None
            else _stack(
                [(field.name, screen.field(field, package, style)) for field in fields], screen
            )
        )
        console.print(_frame(package, content, screen))


def _frame(package: Package, content: Iterable[RenderableType], screen: Screen) -> Panel:
    title = screen.text(package.title or package.slug, "bold not dim")
    # The frame would cut a longer title.
    fits = title.cell_len <= screen.card_width - 2 * _FRAME_WIDTH
    return Panel(
        Group(*(() if fits else (title, Text())), *content),
        title=title if fits else None,
        title_align="left",
        border_style="dim",
        padding=(0, 1),
        width=screen.card_width,
    )


def _card(
    package: Package, screen: Screen, style: OutputStyle, *, full: bool
) -> Iterator[RenderableType]:
    if package.repo_description:
        yield screen.text(package.repo_description)
        yield Text()
    yield _fill([*_popularity(package, screen, style), *_activity(package, screen, style)])
    yield Text()
    yield from _stack([*_links(package, screen)], screen)
    yield Text()
    yield _fill([*_catalog(package, screen, style), *_source_ages(package, screen, style)])
    if full:
        yield Text()
        yield from _stack([*_other_fields(package, screen, style)], screen)


def _stack(rows: Sequence[Row], screen: Screen) -> Iterator[RenderableType]:
    """Yield ``rows`` as tables.

    A URL that does not fit beside its label gets a line of its own, so that it can be copied.
    """
    label_width = max(_LABEL_WIDTH, *(cell_len(label) for label, _ in rows))
    width = screen.card_width - _FRAME_WIDTH
    room = width - label_width - COLUMN_GAP
    pending: list[Row] = []
    was_split = False
    for label, value in rows:
        if (
            isinstance(value, Text)
            and value.cell_len > room
            and re.fullmatch(r"https?://\S+", value.plain)
        ):
            if pending:
                yield _fill(pending, label_width)
            yield Text(label, "dim")
            yield Padding(value, (0, 0, 0, max(0, min(2, width - value.cell_len))))
            pending, was_split = [], True
        else:
            pending.append((label, value))
    if pending:
        yield _fill(pending, label_width if was_split else _LABEL_WIDTH)


def _fill(rows: Iterable[Row], label_width: int = _LABEL_WIDTH) -> Table:
    table = label_table(label_width)
    for label, value in rows:
        table.add_row(Text(label), value)
    return table


# ── sections of the card ──


def _popularity(package: Package, screen: Screen, style: OutputStyle) -> Iterator[Row]:
    if package.title != package.slug:
        yield "slug", screen.text(package.slug)
    if package.status != "active":
        at = package.archived_at
        since = f" (since {format_day(at, style)})" if at else ""
        yield (
            "status",
            Text(f"{_STATUS_TEXT[package.status]}{since}", style=STATUS_COLORS[package.status]),
        )
    if package.has_star_counts:
        star = "* " if screen.ascii_only else "★ "
        forks = f"{package.repo_forks} {'fork' if package.repo_forks == 1 else 'forks'}"
        yield "stars", Text.assemble((star, "yellow"), f"{package.repo_watchers}, {forks}")
    else:
        yield "stars", Text("unknown", style="dim")
    yield "version", _version(package, screen)
    if package.downloads is not None:
        day, week, month = package.downloads
        yield (
            "downloads",
            Text(f"{month:,} last month, {week:,} last week, {day:,} last day"),
        )


def _version(package: Package, screen: Screen) -> Text:
    if package.pypi_version is None:
        return Text("no release" if package.pypi_url else "none", style="dim")
    text = screen.text(package.pypi_version, "bold")
    if package.pypi_name:
        text.append_text(screen.text(f"  {package.pypi_name} on PyPI", "not bold"))
    if package.pypi_status not in (None, "active"):
        text.append_text(screen.text(f", {package.pypi_status}", "not bold yellow"))
    return text


def _activity(package: Package, screen: Screen, style: OutputStyle) -> Iterator[Row]:
    if package.last_updated is None:
        yield "last commit", Text("unknown", style="dim")
    else:
        day = format_day(package.last_updated, style)
        yield "last commit", Text(f"{day}, {relative_time(package.last_updated, style.now)}")
    yield "commits", _histogram(package, screen)
    names = screen.text(name_first(package.participants, _MAX_LISTED))
    yield "participants", names if package.participants else Text("unknown", style="dim")


def _histogram(package: Package, screen: Screen) -> RenderableType:
    counts = package.commits_over_52
    if not counts:
        return Text("unknown", style="dim")
    room = screen.card_width - _FRAME_WIDTH - _LABEL_WIDTH - COLUMN_GAP
    cells = next((cells for cells in SPARKLINE_WIDTHS if cells <= room), SPARKLINE_WIDTHS[-1])
    total = Text(f"{sum(counts)} in 52 weeks")
    peak = max(counts)
    if peak:
        total.append(f", at most {peak} in one")
    bars = screen.sparkline(counts, cells)
    if package.commits_until is None:
        return Group(total, bars)
    first = window_start(package.commits_until)
    last = package.commits_until - dt.timedelta(days=1)
    if peak:
        total.append(f" (from {first + dt.timedelta(weeks=counts.index(peak))})")
    gap = max(1, cells - len(f"{first}{last}"))
    return Group(total, bars, Text(f"{first}{' ' * gap}{last}", style="dim"))


def _links(package: Package, screen: Screen) -> Iterator[Row]:
    none = Text("none", style="dim")
    yield "repository", screen.text(package.repo_url) if package.repo_url else none
    note = package.pypi_lookup_note
    if package.pypi_url:
        yield "PyPI", screen.text(package.pypi_url)
        if note:
            yield "", screen.text(note, "yellow")
    else:
        reason = f"; {note}" if note else ""
        yield "PyPI", screen.text(f"{_missing_project(package)}{reason}", "dim")
    docs = package.documentation_url
    yield "documentation", screen.text(docs) if docs else none


def _missing_project(package: Package) -> str:
    """Explain why there is no page on PyPI."""
    if package.pypi_name is None:
        return "none"
    tried = any(state.source == "pypi" and state.last_attempt for state in package.fetches)
    return f"{package.pypi_name}, {'never found' if tried else 'not fetched yet'}"


def _catalog(package: Package, screen: Screen, style: OutputStyle) -> Iterator[Row]:
    parts = [f"id {package.id}"]
    if package.category_slug is not None:
        parts.append(f"category {package.category_slug}")
    if package.grid_slugs:
        noun = "grid" if len(package.grid_slugs) == 1 else "grids"
        parts.append(f"{noun} {', '.join(package.grid_slugs)}")
    yield "catalog", screen.text(", ".join(parts))
    changed = relative_time(package.modified, style.now)
    yield "added", Text(f"{format_day(package.created, style)}, content last changed {changed}")


def _source_ages(package: Package, screen: Screen, style: OutputStyle) -> Iterator[Row]:
    if not package.fetches:
        yield "data", Text(_fetched(package.last_fetched, style))
    for state in package.fetches:
        yield _SOURCE_LABELS.get(state.source, state.source), _source_age(state, screen, style)


def _fetched(at: dt.datetime | None, style: OutputStyle) -> str:
    return f"fetched {relative_time(at, style.now)}" if at else "never fetched"


def _source_age(state: SourceState, screen: Screen, style: OutputStyle) -> Text:
    text = Text(_fetched(state.last_success, style))
    if state.last_error:
        when = f" {relative_time(state.last_attempt, style.now)}" if state.last_attempt else ""
        failures = state.consecutive_failures
        times = f" ({failures} in a row)" if failures > 1 else ""
        verb = "not fetched" if state.last_error == "rate_limited" else "failed"
        reason = state.message or state.last_error
        text.append_text(screen.text(f", {verb}{when}{times}: {reason}", "yellow"))
    if state.next_due:
        due = relative_time(state.next_due, style.now) if state.next_due > style.now else "now"
        text.append(f", next due {due}", style="dim")
    return text


# ── what --full adds ──


def _other_fields(package: Package, screen: Screen, style: OutputStyle) -> Iterator[Row]:
    shown_above = {"fetches", "pypi_name"} | ({"downloads"} if package.downloads else set())
    for field in FULL_FIELDS[len(RECORD_FIELDS) :]:
        if field.name == "versions":
            yield "versions", _releases(package, screen, style)
        elif field.name == "score":
            yield "score", _score(package, style)
        elif field.name not in shown_above:
            yield field.name, screen.field(field, package, style)


def _score(package: Package, style: OutputStyle) -> RenderableType:
    """Explain a score step by step: an amount, and the reason for it."""
    breakdown = package_breakdown(package)
    steps = [
        (_stars(breakdown.stars * 10), "one point per star")
        if package.has_star_counts
        else (_stars(0), "number of stars unknown"),
        _age_step(breakdown),
        _python_step(breakdown),
    ]
    correction = breakdown.score * 10 - breakdown.tenths
    if breakdown.is_at_the_floor:
        steps.append((_stars(correction), "the lowest score is -500"))
    elif correction:
        steps.append((_stars(correction), "rounded toward zero"))
    table = Table.grid(
        Column(style="dim", justify="right", overflow="fold"),
        Column(style="dim", overflow="fold"),
        padding=(0, COLUMN_GAP, 0, 0),
    )
    for amount, reason in steps:
        table.add_row(Text(amount), Text(reason))
    when = (
        f"the last fetch on {format_day(package.last_fetched, style)}"
        if package.last_fetched
        else f"the last change on {format_day(package.modified, style)}, never fetched"
    )
    return Group(Text(f"{breakdown.score:,}, as of {when}"), table)


def _age_step(breakdown: ScoreBreakdown) -> tuple[str, str]:
    if breakdown.quarters == 0:
        return "", "no cost for age: last commit less than three months old"
    if not breakdown.stars:
        return "", "no cost for age: no stars"
    amount = _stars(-breakdown.age_tenths)
    if breakdown.quarters is None:
        return amount, "-10 %: date of the last commit unknown"
    return amount, f"-10 % per whole quarter since the last commit ({breakdown.quarters})"


def _python_step(breakdown: ScoreBreakdown) -> tuple[str, str]:
    if breakdown.python3:
        return "", "no cost for Python: supports Python 3, or states no versions"
    if not breakdown.stars:
        return "", "no cost for Python: no stars"
    return _stars(-breakdown.python_tenths), "-30 %, at most -1,000: no Python 3 support"


def _stars(tenths: int) -> str:
    """Return tenths of a star as a number of stars with its sign: ``-7.2``."""
    return f"{'-' if tenths < 0 else '+'}{abs(tenths) // 10:,}.{abs(tenths) % 10}"


def _releases(package: Package, screen: Screen, style: OutputStyle) -> RenderableType:
    if not package.versions:
        return Text(screen.no_value, style="dim")
    lines = []
    for release in package.versions[:_MAX_LISTED]:
        line = screen.text(release.version)
        if release.upload_time:
            line.append(f"  {format_day(release.upload_time, style)}", style="dim")
        if release.is_prerelease:
            line.append("  pre-release", style="dim")
        if release.yanked:
            reason = f": {release.yanked_reason}" if release.yanked_reason else ""
            line.append_text(screen.text(f"  yanked{reason}", "yellow"))
        lines.append(line)
    more = len(package.versions) - _MAX_LISTED
    if more > 0:
        lines.append(Text(f"+{more} more", style="dim"))
    return Group(*lines)
