"""``pkgharvest history``: what a package was, and its commits by week."""

import datetime as dt
import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from pkgharvest.api_v4.encode import Column, Record, choose_columns, format_instant_field
from pkgharvest.catalog import database, lookup, snapshots
from pkgharvest.catalog.snapshots import Snapshot
from pkgharvest.cli import backfill
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation, write
from pkgharvest.cli.output import Output, drawn, pieces, printing_options, speak_utf8, style
from pkgharvest.model.errors import InvalidValue
from pkgharvest.model.instants import parse_duration, parse_instant

if TYPE_CHECKING:
    from rich.console import Console

_AT: Column[Snapshot] = Column(
    "at", "when", lambda one, chosen: format_instant_field(one.at, chosen)
)

_AT_ABOUT: Column[Snapshot] = Column(
    "at",
    "when, for a table",
    lambda one, chosen: f"{one.at.astimezone(chosen.zone):%Y-%m-%d %H:%M}",
)

_FIELDS: tuple[Column[Snapshot], ...] = (
    Column("stars", "stars", lambda one, _: one.stars),
    Column("forks", "forks", lambda one, _: one.forks),
    Column("commits", "commits of the 52 weeks before", lambda one, _: one.commits),
    Column("version", "latest version on PyPI", lambda one, _: one.version),
    Column("downloads", "downloads of the month before", lambda one, _: one.downloads),
    Column("open_issues", "open issues", lambda one, _: one.open_issues),
    Column("status", "active, archived, moved, gone, blocked or empty", lambda one, _: one.status),
)

_FIGURES = ("stars", "forks", "commits", "downloads", "open_issues")
"""What can be drawn, the most telling first."""

_DISPENSABLE = ("open_issues", "forks", "status", "downloads", "version", "commits")
"""What a narrow screen has no room for, the least telling first."""


class Week(NamedTuple):
    """The commits of seven days."""

    week: dt.date
    """The first of them."""
    commits: int


_WEEKLY: tuple[Column[Week], ...] = (
    Column("week", "its first day, in UTC", lambda one, _: one.week.isoformat()),
    Column("commits", "commits by author date, merges included", lambda one, _: one.commits),
)


def _names_beginning(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[str]:
    return [field.name for field in _FIELDS if field.name.startswith(incomplete)]


class _Since(click.ParamType[dt.timedelta | dt.datetime]):
    """How long ago, or an instant."""

    name = "duration|instant"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.timedelta | dt.datetime:
        """Read either, or fail as a usage error."""
        try:
            return parse_duration(str(value))
        except InvalidValue:
            pass
        try:
            return parse_instant(str(value))
        except InvalidValue:
            self.fail(f"{str(value)!r} is neither a duration (30d) nor an instant (2026-02-15)")


class _History(click.Group):
    """``history SLUG`` is a command of its own; the group has what else ``history`` does."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        first = _first_word(args)
        completed = extra.get("resilient_parsing") and first is None
        if first in self.commands or completed:
            return super().make_context(info_name, args, parent, **extra)
        return _of_one.make_context(info_name, args, parent, **extra)


def _first_word(args: Sequence[str]) -> str | None:
    """Return the first of ``args`` that is neither a global option nor the value of one."""
    words = iter(args)
    for word in words:
        if word in {"--db", "--config"}:
            next(words, None)
        elif not word.startswith("-"):
            return word
    return None


@click.group("history", cls=_History)
@global_options
def command() -> None:
    """Show what a package was before; history backfill counts commits further back."""


command.add_command(backfill.command)


@click.command(
    "history",
    epilog="pkgharvest history backfill SLUG... counts commits further back, from git.",
)
@click.argument("name", metavar="SLUG")
@click.option(
    "--field",
    "fields",
    metavar="A,B,C",
    multiple=True,
    shell_complete=_names_beginning,
    help="Only these; may be repeated.",
)
@click.option("--since", type=_Since(), help="Only what is younger: 90d, or 2026-02-15.")
@click.option(
    "--weeks",
    type=click.IntRange(1, backfill.MOST_WEEKS),
    metavar="N",
    help="The commits of each of the last N weeks instead, as far back as they are known.",
)
@click.option(
    "--plot", is_flag=True, help="Draw the figures; the first known one, or each --field."
)
@printing_options
@global_options
@pass_invocation
def _of_one(
    invocation: Invocation,
    name: str,
    fields: tuple[str, ...],
    since: dt.timedelta | dt.datetime | None,
    weeks: int | None,
    plot: bool,
    output: Output,
) -> None:
    """Show what a package was: a line for every run that found something changed, oldest first.

    A figure stands until the next line; history backfill SLUG... reads git for --weeks.
    """
    if plot and output.format != "table":
        raise click.UsageError(f"--plot and --format {output.format} exclude each other")
    if weeks is not None and (fields or since is not None):
        raise click.UsageError("--weeks goes with neither --field nor --since")
    chosen = choose_columns(",".join(fields), _FIELDS) if fields else ()
    words = [field.name for field in chosen if field.name not in _FIGURES]
    if plot and words:
        raise InvalidValue(
            f"--plot: {' and '.join(words)} cannot be drawn",
            hint=f"what can be: {', '.join(_FIGURES)}",
        )
    path = invocation.db_path
    with database.open_reader(path) as conn:
        package_id = lookup.find_package(conn, name)
        row = conn.execute("SELECT * FROM packages WHERE id = ?", (package_id,)).fetchone()
        slug = str(row["slug"])
        if weeks is not None:
            _show_weeks(invocation, conn, row, weeks, plot=plot, output=output)
            return
        then = invocation.clock.now() - since if isinstance(since, dt.timedelta) else since
        found = snapshots.history(conn, package_id, then)
    if not found:
        _say_nothing(invocation, row, is_cut=since is not None)
    if plot:
        _plot(invocation, slug, found, [field.name for field in chosen], output)
        return
    wanted = [field for field in _FIELDS if not chosen or field in chosen]
    at = _AT_ABOUT if output.format == "table" else _AT
    spare = () if chosen else _DISPENSABLE
    _print(invocation, _changed(found, wanted), (at, *wanted), output, spare)


def _changed(found: Sequence[Snapshot], wanted: Sequence[Column[Snapshot]]) -> list[Snapshot]:
    """Leave out where nothing of what is wanted was another than before."""
    kept: list[Snapshot] = []
    for one in found:
        values = [getattr(one, field.name) for field in wanted]
        if not kept or values != [getattr(kept[-1], field.name) for field in wanted]:
            kept.append(one)
    return kept


def _say_nothing(invocation: Invocation, row: sqlite3.Row, *, is_cut: bool) -> None:
    """Say that there is no snapshot of a package, a row of ``packages``, and what there is."""
    from pkgharvest.catalog import commit_days  # noqa: PLC0415 - brings records of a harvest

    slug = row["slug"]
    if is_cut:
        invocation.say(f"nothing of {slug} has changed since then, as far as is known")
        return
    invocation.say(f"nothing is known of what {slug} was: each fetch adds to it")
    span = commit_days.known_span(row)
    weeks = 0 if span is None else (span.end - span.start) // dt.timedelta(weeks=1)
    if weeks:
        weeks = min(weeks, backfill.USUAL_WEEKS)
        invocation.say(f"\nhint: pkgharvest history {slug} --weeks {weeks} shows its commits")


def _print(
    invocation: Invocation,
    records: Sequence[Record],
    columns: Sequence[Column[Record]],
    output: Output,
    dispensable: tuple[str, ...] = (),
) -> None:
    chosen = style(invocation, output)
    if output.format != "table":
        speak_utf8()
        write(pieces(records, columns, chosen, output.format), output.file)
        return
    if not records:
        return
    from pkgharvest.terminal.tables import TextTable, print_tables  # noqa: PLC0415 - brings rich

    rows = [[column.read(record, chosen) for column in columns] for record in records]
    part = TextTable(
        columns=tuple(column.name for column in columns),
        rows=tuple(tuple("" if cell is None else str(cell) for cell in row) for row in rows),
        figures=frozenset(_FIGURES),
        dispensable=dispensable,
    )
    write([drawn(output, lambda console: print_tables([part], console))], output.file)


# ── weeks ──


def _show_weeks(
    invocation: Invocation,
    conn: sqlite3.Connection,
    row: sqlite3.Row,
    weeks: int,
    *,
    plot: bool,
    output: Output,
) -> None:
    from pkgharvest.catalog import commit_days  # noqa: PLC0415 - brings records of a harvest

    slug = row["slug"]
    span = commit_days.known_span(row)
    found: list[Week] = []
    if span is not None:
        counts = commit_days.weekly_commits(conn, row["id"], span, weeks)
        found = [Week(week=day, commits=commits) for day, commits in counts]
    if len(found) < weeks:
        known = f"are known from {found[0].week} on" if found else "are not known"
        invocation.say(
            f"the commits of {slug} {known}: pkgharvest history backfill {slug} --weeks {weeks}"
        )
    if not plot:
        _print(invocation, found, _WEEKLY, output)
    elif found:
        from pkgharvest.terminal.plot import draw_bars  # noqa: PLC0415

        def draw(console: "Console") -> None:
            days = found[0].week, found[-1].week
            ascii_only = console.options.ascii_only
            counts = [one.commits for one in found]
            _out(
                console,
                f"{slug}: commits by week",
                draw_bars(counts, *days, width=console.width, ascii_only=ascii_only),
            )

        write([drawn(output, draw)], output.file)


# ── plots ──


def _plot(
    invocation: Invocation,
    slug: str,
    found: Sequence[Snapshot],
    fields: Sequence[str],
    output: Output,
) -> None:
    known = [name for name in _FIGURES if any(getattr(one, name) is not None for one in found)]
    wanted = [name for name in fields if name in known] if fields else known[:1]
    if not wanted:
        if found:
            invocation.say(f"no {' or '.join(fields or _FIGURES)} of {slug} are known")
        return
    from pkgharvest.terminal.plot import Point, draw_line  # noqa: PLC0415

    zone = style(invocation, output).zone

    def draw(console: "Console") -> None:
        for name in wanted:
            points = [Point(at=one.at.astimezone(zone), value=getattr(one, name)) for one in found]
            ascii_only = console.options.ascii_only
            _out(
                console,
                f"{slug}: {name}",
                draw_line(points, width=console.width, ascii_only=ascii_only),
            )

    write([drawn(output, draw)], output.file)


def _out(console: "Console", title: str, lines: Sequence[str]) -> None:
    console.print(title, style="bold", soft_wrap=True)
    for text in lines:
        console.print(text, soft_wrap=True)
