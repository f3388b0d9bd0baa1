"""One package as a sheet: what a person wants to know of it, and how old that is."""

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from pkgharvest.api_v4.encode import RECORD_FIELDS, Field, OutputStyle
from pkgharvest.formats.fields import FULL_FIELDS
from pkgharvest.model.activity import window_start
from pkgharvest.model.package import Downloads, Package, SourceState
from pkgharvest.model.score import ScoreBreakdown, package_breakdown
from pkgharvest.terminal.console import CELLS, TONES, Screen
from pkgharvest.terminal.humanize import relative_time

_WIDEST = 100
"""Lines of prose longer than this are hard to read, whatever the screen has."""

_LABELS = 13
_PEOPLE = 10
_VERSIONS = 10
_FRAME = 4
_GAP = 2
_INDENT = 2
_ADDRESS = re.compile(r"https?://\S+")

_STATUS = {
    "active": "active",
    "archived": "archived by its owner",
    "moved": "moved: its address no longer leads to it, or to another repository",
    "gone": "gone: the host has it no more; the figures are the last good ones",
    "blocked": "blocked: withheld by its host; the figures are the last good ones",
    "empty": "empty: the repository has no commit",
}

_DATA = {"repo": "repo data", "pypi": "pypi data", "downloads": "download data"}
"""Labels of the sources' ages, none of them longer than ``_LABELS``."""

_TOLD_ABOVE = frozenset({"fetches", "pypi_name"})

Row = tuple[str, RenderableType]


def print_cards(
    packages: Iterable[Package],
    console: Console,
    style: OutputStyle,
    *,
    full: bool = False,
    fields: Sequence[Field] | None = None,
) -> None:
    """Print a sheet for each package; with ``full`` all that is known, with ``fields`` these."""
    screen = Screen(console)
    for number, package in enumerate(packages):
        if number:
            console.print()
        if fields is None:
            console.print(_panel(package, _sheet(package, screen, style, full=full), screen))
        else:
            rows = ((field.name, screen.value(field, package, style)) for field in fields)
            console.print(_panel(package, _grids(rows, screen), screen))


def _panel(package: Package, parts: Iterable[RenderableType], screen: Screen) -> Panel:
    width = min(screen.width, _WIDEST)
    title = screen.text(package.title or package.slug, "bold not dim")
    fits = title.cell_len <= width - 2 * _FRAME  # the frame would cut it
    return Panel(
        Group(*(() if fits else (title, Text())), *parts),
        title=title if fits else None,
        title_align="left",
        border_style="dim",
        padding=(0, 1),
        width=width,
    )


def _sheet(
    package: Package, screen: Screen, style: OutputStyle, *, full: bool
) -> Iterator[RenderableType]:
    if package.repo_description:
        yield screen.text(package.repo_description)
        yield Text()
    yield _grid([*_figures(package, screen, style), *_commits(package, screen, style)])
    yield Text()
    yield from _grids(_links(package, screen), screen)
    yield Text()
    yield _grid([*_place(package, screen, style), *_freshness(package, screen, style)])
    if full:
        yield Text()
        yield from _grids(_rest(package, screen, style), screen)


def _grids(rows: Iterable[Row], screen: Screen) -> Iterator[RenderableType]:
    """Yield ``rows`` as a grid, but for addresses that would be folded beside their labels.

    These get lines of their own, so that they can be copied whole.
    """
    rows = list(rows)
    labels = max(_LABELS, *(cell_len(label) for label, _ in rows))
    width = min(screen.width, _WIDEST) - _FRAME
    waiting: list[Row] = []
    folded = False
    for label, value in rows:
        room = width - labels - _GAP
        if isinstance(value, Text) and value.cell_len > room and _ADDRESS.fullmatch(value.plain):
            if waiting:
                yield _grid(waiting, labels)
            indent = max(0, min(_INDENT, width - value.cell_len))
            yield Text(label, "dim")
            yield Padding(value, (0, 0, 0, indent))
            waiting, folded = [], True
        else:
            waiting.append((label, value))
    if waiting:
        yield _grid(waiting, labels if folded else _LABELS)


def _grid(rows: Iterable[Row], labels: int = _LABELS) -> Table:
    grid = Table.grid(padding=(0, _GAP, 0, 0), pad_edge=False)
    grid.add_column(style="dim", min_width=labels, overflow="fold")
    grid.add_column(overflow="fold")
    for label, value in rows:
        grid.add_row(Text(label), value)
    return grid


def _figures(package: Package, screen: Screen, style: OutputStyle) -> Iterator[Row]:
    if package.title != package.slug:
        yield "slug", screen.text(package.slug)
    if package.status != "active":
        since = f" (since {_day(package.archived_at, style)})" if package.archived_at else ""
        yield "status", Text(_STATUS[package.status] + since, style=TONES[package.status])
    if package.has_figures:
        star = "* " if screen.ascii_only else "★ "
        forks = f"{package.repo_forks} {'fork' if package.repo_forks == 1 else 'forks'}"
        yield "stars", Text.assemble((star, "yellow"), f"{package.repo_watchers}, {forks}")
    else:
        yield "stars", Text("unknown", style="dim")
    yield "version", _version(package, screen)
    if package.downloads is not None:
        yield "downloads", _downloads(package.downloads)


def _version(package: Package, screen: Screen) -> Text:
    if package.pypi_version is None:
        return Text("no release" if package.pypi_url else "none", style="dim")
    text = screen.text(package.pypi_version, "bold")
    if package.pypi_name:
        text.append_text(screen.text(f"  {package.pypi_name} on PyPI", "not bold"))
    if package.pypi_status not in (None, "active"):
        text.append_text(screen.text(f", {package.pypi_status}", "not bold yellow"))
    return text


def _downloads(known: Downloads) -> Text:
    return Text(
        f"{known.last_month:,} last month, {known.last_week:,} last week,"
        f" {known.last_day:,} last day"
    )


def _commits(package: Package, screen: Screen, style: OutputStyle) -> Iterator[Row]:
    if package.last_updated is None:
        yield "last commit", Text("unknown", style="dim")
    else:
        day = _day(package.last_updated, style)
        yield "last commit", Text(f"{day}, {relative_time(package.last_updated, style.now)}")
    yield "commits", _histogram(package, screen)
    yield "participants", _people(package.participants, screen)


def _histogram(package: Package, screen: Screen) -> RenderableType:
    counts = package.commits_over_52
    if not counts:
        return Text("unknown", style="dim")
    room = min(screen.width, _WIDEST) - _FRAME - _LABELS - _GAP
    cells = next((cells for cells in CELLS if cells <= room), CELLS[-1])
    end = package.commits_until
    first = window_start(end) if end else None
    total = Text(f"{sum(counts)} in 52 weeks")
    if any(counts):
        peak = max(counts)
        total.append(f", at most {peak} in one")
        if first:
            total.append(f" (from {first + dt.timedelta(weeks=counts.index(peak))})")
    parts: list[Text] = [total, screen.bars(counts, cells)]
    if first and end:
        last = end - dt.timedelta(days=1)
        gap = max(1, cells - len(f"{first}{last}"))
        parts.append(Text(f"{first}{' ' * gap}{last}", style="dim"))
    return Group(*parts)


def _people(names: Sequence[str], screen: Screen) -> Text:
    if not names:
        return Text("unknown", style="dim")
    more = len(names) - _PEOPLE
    text = screen.text(", ".join(names[:_PEOPLE]))
    if more > 0:
        text.append(f", +{more} more", style="dim")
    return text


def _links(package: Package, screen: Screen) -> Iterator[Row]:
    none = Text("none", style="dim")
    yield "repository", screen.text(package.repo_url) if package.repo_url else none
    if package.pypi_url:
        yield "PyPI", screen.text(package.pypi_url)
        if package.pypi_lookup_note:
            yield "", screen.text(package.pypi_lookup_note, "yellow")
    else:
        missing = _missing(package)
        tried = (
            f"{missing}; tried {package.pypi_lookup_note}" if package.pypi_lookup_note else missing
        )
        yield "PyPI", screen.text(tried, "dim")
    docs = package.documentation_url
    yield "documentation", screen.text(docs) if docs else none


def _missing(package: Package) -> str:
    """Say what of a project on PyPI there is, where none was found."""
    if package.pypi_name is None:
        return "none"
    asked = any(fetch.source == "pypi" and fetch.last_attempt for fetch in package.fetches)
    return f"{package.pypi_name}, {'never found' if asked else 'not asked for yet'}"


def _place(package: Package, screen: Screen, style: OutputStyle) -> Iterator[Row]:
    place = f"id {package.id}"
    if package.category_slug is not None:
        place += f", category {package.category_slug}"
    if package.grid_slugs:
        noun = "grid" if len(package.grid_slugs) == 1 else "grids"
        place += f", {noun} {', '.join(package.grid_slugs)}"
    yield "catalogue", screen.text(place)
    changed = relative_time(package.modified, style.now)
    yield "added", Text(f"{_day(package.created, style)}, last change of content {changed}")


def _freshness(package: Package, screen: Screen, style: OutputStyle) -> Iterator[Row]:
    if not package.fetches:
        at = package.last_fetched
        words = f"fetched {relative_time(at, style.now)}" if at else "never fetched"
        yield "data", Text(words)
    for fetch in package.fetches:
        yield _DATA.get(fetch.source, fetch.source), _age(fetch, screen, style)


def _age(fetch: SourceState, screen: Screen, style: OutputStyle) -> Text:
    at = fetch.last_success
    text = Text(f"fetched {relative_time(at, style.now)}" if at else "never fetched")
    if fetch.last_error:
        when = f" {relative_time(fetch.last_attempt, style.now)}" if fetch.last_attempt else ""
        often = fetch.consecutive_failures
        row = f" ({often} in a row)" if often > 1 else ""
        why = fetch.message or fetch.last_error
        what = "not read" if fetch.last_error == "rate_limited" else "failed"
        text.append_text(screen.text(f", {what}{when}{row}: {why}", "yellow"))
    if fetch.next_due:
        due = relative_time(fetch.next_due, style.now) if fetch.next_due > style.now else "now"
        text.append(f", next due {due}", style="dim")
    return text


def _rest(package: Package, screen: Screen, style: OutputStyle) -> Iterator[Row]:
    told = _TOLD_ABOVE if package.downloads is None else _TOLD_ABOVE | {"downloads"}
    for field in FULL_FIELDS[len(RECORD_FIELDS) :]:
        if field.name == "versions":
            yield "versions", _releases(package, screen, style)
        elif field.name == "score":
            yield "score", _score(package, style)
        elif field.name not in told:
            yield field.name, screen.value(field, package, style)


def _score(package: Package, style: OutputStyle) -> RenderableType:
    """Explain a score part by part: what it begins with, what goes from it and why."""
    parts = package_breakdown(package)
    steps = [(_tenths(parts.stars * 10), "a point for each star")]
    if not package.has_figures:
        steps = [(_tenths(0), "stars are unknown")]
    steps += [_age_step(parts), _python_step(parts)]
    if parts.is_at_the_floor:
        steps.append((_tenths(parts.score * 10 - parts.tenths), "no score is lower than that"))
    elif parts.tenths % 10:
        steps.append((_tenths(parts.score * 10 - parts.tenths), "cut towards zero"))
    lines = Table.grid(padding=(0, _GAP, 0, 0), pad_edge=False)
    lines.add_column(style="dim", justify="right", overflow="fold")
    lines.add_column(style="dim", overflow="fold")
    for number, why in steps:
        lines.add_row(Text(number), Text(why))
    if package.last_fetched:
        when = f"the last fetch on {_day(package.last_fetched, style)}"
    else:
        when = f"the last change on {_day(package.modified, style)}, never fetched"
    return Group(Text(f"{parts.score:,}, as of {when}"), lines)


def _age_step(parts: ScoreBreakdown) -> tuple[str, str]:
    if parts.quarters == 0:
        return "", "no cost of age: the last commit was less than three months old"
    if not parts.stars:
        return "", "no cost of age: there are no stars"
    if parts.quarters is None:
        return _tenths(-parts.age_tenths), "a tenth: no commit is known"
    whole = f"{parts.quarters} whole {'quarter' if parts.quarters == 1 else 'quarters'}"
    tenths = f"{parts.quarters} {'tenth' if parts.quarters == 1 else 'tenths'}"
    return _tenths(-parts.age_tenths), f"{tenths}: {whole} since the last commit"


def _python_step(parts: ScoreBreakdown) -> tuple[str, str]:
    if parts.python3:
        return "", "no cost of Python: it runs on 3, or does not say on which"
    if not parts.stars:
        return "", "no cost of Python: there are no stars"
    return _tenths(-parts.python_tenths), "30 %, at most 1,000: no Python 3"


def _tenths(number: int) -> str:
    """Return tenths of a star as stars, with the sign."""
    return f"{'-' if number < 0 else '+'}{abs(number) // 10:,}.{abs(number) % 10}"


def _releases(package: Package, screen: Screen, style: OutputStyle) -> RenderableType:
    if not package.versions:
        return Text(screen.nothing, style="dim")
    lines = []
    for release in package.versions[:_VERSIONS]:
        line = screen.text(release.version)
        if release.upload_time:
            line.append(f"  {_day(release.upload_time, style)}", style="dim")
        if release.is_prerelease:
            line.append("  pre-release", style="dim")
        if release.yanked:
            why = f": {release.yanked_reason}" if release.yanked_reason else ""
            line.append_text(screen.text(f"  yanked{why}", "yellow"))
        lines.append(line)
    more = len(package.versions) - _VERSIONS
    if more > 0:
        lines.append(Text(f"+{more} more", style="dim"))
    return Group(*lines)


def _day(moment: dt.datetime | None, style: OutputStyle) -> str:
    return "" if moment is None else f"{moment.astimezone(style.zone):%Y-%m-%d}"
