"""``pkgharvest history``: what a package was before, and its commits by week."""

import datetime as dt
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from pkgharvest.api_v4.encode import Column, choose_columns, format_instant_field
from pkgharvest.app.history import (
    PackageHistory,
    Snapshot,
    Week,
    read_history,
    read_weekly_commits,
)
from pkgharvest.cli.errors import ExitCode, print_error
from pkgharvest.cli.invocation import (
    Invocation,
    global_options,
    pass_invocation,
    require_names_or_all,
    write,
    write_json,
)
from pkgharvest.cli.output import Output, print_drawing, print_records, printing_options
from pkgharvest.cli.parameters import SINCE
from pkgharvest.model.errors import InvalidValue

if TYPE_CHECKING:
    from rich.console import Console

_MAX_WEEKS = 5200
"""A century."""
_DEFAULT_WEEKS = 260
"""Five years."""

_AT: Column[Snapshot] = Column(
    "at", "when", lambda snapshot, style: format_instant_field(snapshot.at, style)
)

_AT_MINUTE: Column[Snapshot] = Column(
    "at",
    "when, in a table",
    lambda snapshot, style: f"{snapshot.at.astimezone(style.zone):%Y-%m-%d %H:%M}",
)

_FIELDS: tuple[Column[Snapshot], ...] = (
    Column("stars", "stars", lambda snapshot, _: snapshot.stars),
    Column("forks", "forks", lambda snapshot, _: snapshot.forks),
    Column("commits", "commits in the 52 weeks before", lambda snapshot, _: snapshot.commits),
    Column("version", "latest version on PyPI", lambda snapshot, _: snapshot.version),
    Column("downloads", "downloads in the month before", lambda snapshot, _: snapshot.downloads),
    Column("open_issues", "open issues", lambda snapshot, _: snapshot.open_issues),
    Column(
        "status",
        "active, archived, moved, gone, blocked or empty",
        lambda snapshot, _: snapshot.status,
    ),
)

_NUMBERS = ("stars", "forks", "commits", "downloads", "open_issues")
"""The fields that can be plotted, the most interesting first."""

_FIGURES = frozenset(_NUMBERS)

_DISPENSABLE = ("open_issues", "forks", "status", "downloads", "version", "commits")
"""The fields that a narrow screen leaves out, the least interesting first."""


_WEEK_COLUMNS: tuple[Column[Week], ...] = (
    Column("week", "its first day, in UTC", lambda week, _: week.week.isoformat()),
    Column("commits", "commits by author date, merges included", lambda week, _: week.commits),
)


def _complete_fields(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[str]:
    return [field.name for field in _FIELDS if field.name.startswith(incomplete)]


class _History(click.Group):
    """A group of which ``history SLUG``, without a command, is one more command."""

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
        return _show.make_context(info_name, args, parent, **extra)


def _first_word(args: Sequence[str]) -> str | None:
    """Return the first of ``args`` that is neither an option nor the value of a global one."""
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
    """Show what a package was before; history backfill reads older commits."""


@click.command(
    "history",
    epilog="pkgharvest history backfill SLUG... reads older commits, from git.",
)
@click.argument("name", metavar="SLUG")
@click.option(
    "--field",
    "field_names",
    metavar="A,B,C",
    multiple=True,
    shell_complete=_complete_fields,
    help="Only these fields; may be repeated.",
)
@click.option("--since", type=SINCE, help="Only what is newer: 90d, or 2026-02-15.")
@click.option(
    "--weeks",
    type=click.IntRange(1, _MAX_WEEKS),
    metavar="N",
    help="Instead, the commits of each of the last N weeks, as far back as they are known.",
)
@click.option(
    "--plot", is_flag=True, help="Plot the numbers: the first known one, or each --field."
)
@printing_options
@global_options
@pass_invocation
def _show(
    invocation: Invocation,
    name: str,
    field_names: tuple[str, ...],
    since: dt.timedelta | dt.datetime | None,
    weeks: int | None,
    plot: bool,
    output: Output,
) -> None:
    """Show what a package was: a line for every run that found a change, oldest first.

    A value holds until the next line. For --weeks, history backfill SLUG... reads older commits.
    """
    if plot and output.format != "table":
        raise click.UsageError(f"--plot and --format {output.format} exclude each other")
    if weeks is not None and (field_names or since is not None):
        raise click.UsageError("--weeks goes with neither --field nor --since")
    chosen = choose_columns(",".join(field_names), _FIELDS) if field_names else ()
    words = [field.name for field in chosen if field.name not in _NUMBERS]
    if plot and words:
        raise InvalidValue(
            f"--plot: not a number: {', '.join(words)}", hint=f"numbers: {', '.join(_NUMBERS)}"
        )
    if weeks is not None:
        _print_weeks(invocation, name, weeks, output, plot=plot)
        return
    start = invocation.clock.now() - since if isinstance(since, dt.timedelta) else since
    history = read_history(invocation.db_path, name, since=start)
    if not history.snapshots:
        _explain_none(invocation, history, has_since=since is not None)
    if plot:
        _plot_snapshots(invocation, history, [field.name for field in chosen], output)
        return
    if history.snapshots or output.format != "table":
        shown = [field for field in _FIELDS if not chosen or field in chosen]
        print_records(
            _without_repeats(history.snapshots, shown),
            (_AT_MINUTE if output.format == "table" else _AT, *shown),
            output,
            figures=_FIGURES,
            dispensable=() if chosen else _DISPENSABLE,
        )


def _without_repeats(
    snapshots: Sequence[Snapshot], fields: Sequence[Column[Snapshot]]
) -> list[Snapshot]:
    """Return the snapshots in which one of ``fields`` changed."""
    kept: list[Snapshot] = []
    for snapshot in snapshots:
        values = [getattr(snapshot, field.name) for field in fields]
        if not kept or values != [getattr(kept[-1], field.name) for field in fields]:
            kept.append(snapshot)
    return kept


def _explain_none(invocation: Invocation, history: PackageHistory, *, has_since: bool) -> None:
    """Say that there is no snapshot of a package, and what there is instead."""
    slug = history.slug
    if has_since:
        invocation.say(f"no change of {slug} is known since then")
        return
    invocation.say(f"no history of {slug} yet: each fetch adds to it")
    if history.known_weeks:
        weeks = min(history.known_weeks, _DEFAULT_WEEKS)
        invocation.say(f"\nhint: pkgharvest history {slug} --weeks {weeks} shows its commits")


def _print_weeks(
    invocation: Invocation, name: str, count: int, output: Output, *, plot: bool
) -> None:
    slug, weeks = read_weekly_commits(invocation.db_path, name, count)
    if len(weeks) < count:
        known = f"are known from {weeks[0].week} on" if weeks else "are not known"
        invocation.say(
            f"the commits of {slug} {known}: pkgharvest history backfill {slug} --weeks {count}"
        )
    if not plot and (weeks or output.format != "table"):
        print_records(weeks, _WEEK_COLUMNS, output, figures=_FIGURES)
    if not plot or not weeks:
        return
    from pkgharvest.terminal.plot import draw_bars  # noqa: PLC0415 - brings rich

    def draw(console: "Console") -> None:
        lines = draw_bars(
            [week.commits for week in weeks],
            weeks[0].week,
            weeks[-1].week,
            width=console.width,
            ascii_only=console.options.ascii_only,
        )
        _print_plot(console, f"{slug}: commits by week", lines)

    print_drawing(draw, output.file)


def _plot_snapshots(
    invocation: Invocation, history: PackageHistory, fields: Sequence[str], output: Output
) -> None:
    slug, snapshots, _ = history
    known = [
        name
        for name in _NUMBERS
        if any(getattr(snapshot, name) is not None for snapshot in snapshots)
    ]
    shown = [name for name in fields if name in known] if fields else known[:1]
    if not shown:
        if snapshots:
            invocation.say(f"no {' or '.join(fields or _NUMBERS)} of {slug} are known")
        return

    zone = output.style.zone

    def draw(console: "Console") -> None:
        from pkgharvest.terminal.plot import Point, draw_line  # noqa: PLC0415

        for name in shown:
            points = [
                Point(at=snapshot.at.astimezone(zone), value=getattr(snapshot, name))
                for snapshot in snapshots
            ]
            lines = draw_line(points, width=console.width, ascii_only=console.options.ascii_only)
            _print_plot(console, f"{slug}: {name}", lines)

    print_drawing(draw, output.file)


def _print_plot(console: "Console", title: str, lines: Sequence[str]) -> None:
    console.print(title, style="bold", soft_wrap=True)
    for text in lines:
        console.print(text, soft_wrap=True)


# ── backfill ──


@command.command("backfill")
@click.argument("names", metavar="[SLUG]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every package that can be read.")
@click.option(
    "--weeks",
    type=click.IntRange(1, _MAX_WEEKS),
    default=_DEFAULT_WEEKS,
    show_default=True,
    metavar="N",
    help="How many weeks back.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    metavar="N",
    help="Repositories at once.",
)
@click.option(
    "--again",
    is_flag=True,
    help="Read known weeks again: a history may have been rewritten.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result of each SLUG as JSON.")
@global_options
@pass_invocation
def _backfill(
    invocation: Invocation,
    names: tuple[str, ...],
    everything: bool,
    weeks: int,
    jobs: int,
    again: bool,
    as_json: bool,
) -> int:
    """Read older commits of packages, from the whole history in git.

    What is known already is read again only with --again.
    """
    require_names_or_all(names, everything=everything)
    from pkgharvest.app.backfill import BackfillOptions, backfill  # noqa: PLC0415 - brings git
    from pkgharvest.cli.progress import Progress, make_context  # noqa: PLC0415

    options = BackfillOptions(names=names, weeks=weeks, jobs=jobs, again=again)
    with Progress(invocation, os.environ) as progress:
        report = backfill(options, make_context(invocation, progress))
    if as_json:
        write_json([result.to_dict() for result in report.packages])
    for result in report.packages:
        if result.failure is not None:
            print_error(f"{result.slug}: {result.failure.message}")
        elif not as_json and not invocation.quiet:
            label = "counted" if result.outcome == "read" else "already known:"
            write([f"{label} {result.slug}  since {result.since}\n"])
    if report.interrupted:
        invocation.say("interrupted; what was counted is saved")
        return ExitCode.INTERRUPTED
    errors = [result.failure.kind for result in report.packages if result.failure is not None]
    if "unauthorized" in errors:
        return ExitCode.CREDENTIALS
    return ExitCode.SOME_FAILED if errors else ExitCode.OK
