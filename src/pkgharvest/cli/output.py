"""The options that choose how records are printed, and the printing."""

import functools
import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import click

from pkgharvest.api_v4.encode import RECORD_FIELDS, Column, Field, OutputStyle, Record
from pkgharvest.app.queries import CARD_PARTS
from pkgharvest.cli.invocation import Command, Invocation, write
from pkgharvest.formats.fields import FULL_FIELDS, choose_fields
from pkgharvest.model.instants import parse_zone
from pkgharvest.model.package import Package

if TYPE_CHECKING:
    from rich.console import Console

Format = Literal["table", "json", "jsonl", "csv", "tsv", "md"]

TZ_HELP = "Print times in this IANA zone, or local.  [env: PKGHARVEST_TZ; default: UTC]"


class Output(NamedTuple):
    """How records are printed, and where to."""

    invocation: Invocation
    format: Format = "table"
    file: str | None = None
    tz: str | None = None
    base_url: str | None = None
    fields: tuple[Field, ...] | None = None
    """The fields of packages given with ``--fields``."""
    full: bool = False

    @property
    def columns(self) -> Sequence[Field]:
        """The fields of packages to print."""
        return self.fields or (FULL_FIELDS if self.full else RECORD_FIELDS)

    @property
    def parts(self) -> frozenset[str]:
        """The parts of packages to read for them; see ``queries.show_packages``."""
        names = frozenset(field.name for field in self.columns)
        # A table also shows how old the data is.
        return names | CARD_PARTS if self.format == "table" else names

    def style(self) -> OutputStyle:
        """Return the time zone and the base of links; raises InvalidValue for an unknown zone."""
        settings = self.invocation.settings()
        return OutputStyle(
            now=self.invocation.clock.now(),
            zone=parse_zone(self.tz or settings.tz.value),
            base_url=settings.base_url.value if self.base_url is None else self.base_url,
        )


def package_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of ``printing_options`` and ``field_options``, all read into ``output``."""

    @functools.wraps(command)
    def with_fields(
        *args: Any, output: Output, fields: str | None, full: bool, **options: Any
    ) -> Any:
        output = output._replace(
            fields=None if fields is None else choose_fields(fields), full=full
        )
        return command(*args, output=output, **options)

    return printing_options(field_options(with_fields))


def fields_option(command: Command) -> Command:
    """Add ``--fields``; the command gets its text as ``fields``."""
    return click.option("--fields", metavar="A,B,C", help="Only these fields, in this order.")(
        command
    )


def field_options(command: Command) -> Command:
    """Add ``--full`` and ``--fields``; the command gets them as given."""
    full = click.option("--full", is_flag=True, help="Everything known, not only the record.")
    return fields_option(full(command))


def printing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that every list of records has; the command gets them as ``output``."""

    @functools.wraps(command)
    def with_output(
        *args: Any,
        as_json: bool,
        format_: Format | None,
        tz: str | None,
        base_url: str | None,
        file: str | None,
        **options: Any,
    ) -> Any:
        if as_json and format_ not in {None, "json"}:
            raise click.UsageError(f"--json and --format {format_} exclude each other")
        output = Output(
            invocation=click.get_current_context().ensure_object(Invocation),
            format=format_ or ("json" if as_json else "table"),
            file=None if file == "-" else file,
            tz=tz,
            base_url=base_url,
        )
        return command(*args, output=output, **options)

    for option in (
        click.option("-o", "--output", "file", metavar="FILE", help="Write to FILE."),
        click.option(
            "--base-url", metavar="URL",
            help="Put this before links.  [env: PKGHARVEST_BASE_URL]",
        ),
        click.option("--tz", metavar="ZONE", help=TZ_HELP),
        click.option(
            "--format", "format_",
            type=click.Choice(["table", "json", "jsonl", "csv", "tsv", "md"]),
            help="How to print.  [default: table]",
        ),
        click.option("--json", "as_json", is_flag=True, help="The same as --format json."),
    ):  # fmt: skip
        with_output = option(with_output)
    return with_output


def print_package(package: Package, output: Output) -> None:
    """Print one package; as JSON it is an object, not a list of one."""
    if output.format == "json":
        print_object(package, output.columns, output)
    else:
        print_packages([package], output, as_cards=True)


def print_object(record: Record, columns: Sequence[Column[Record]], output: Output) -> None:
    """Print one record as a JSON object."""
    from pkgharvest.formats import json_text  # noqa: PLC0415 - each format when it is needed

    style = output.style()
    speak_utf8()
    write([json_text.object_text(record, columns, style)], output.file)


def print_packages(packages: Iterable[Package], output: Output, *, as_cards: bool) -> None:
    """Print packages; for people as a card each, or as a line each of one table."""
    style = output.style()

    def draw(console: "Console") -> None:
        from pkgharvest.terminal import package_card, package_table  # noqa: PLC0415 - brings rich

        if output.fields is not None or not as_cards:
            package_table.print_package_table(list(packages), console, style, fields=output.fields)
        else:
            package_card.print_cards(packages, console, style, full=output.full)

    print_records(packages, output.columns, output, style, draw)


def print_records(
    records: Iterable[Record],
    columns: Sequence[Column[Record]],
    output: Output,
    style: OutputStyle,
    draw: Callable[["Console"], None],
) -> None:
    """Print ``columns`` of the records for programs, or what ``draw`` prints for people."""
    if output.format == "table":
        write([render(output, draw)], output.file)
        return
    speak_utf8()
    write(format_records(records, columns, style, output.format), output.file)


def speak_utf8() -> None:
    """Let programs read UTF-8 whatever the locale is (RFC 8259, section 8.1)."""
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8")


def format_records(
    records: Iterable[Record],
    columns: Sequence[Column[Record]],
    style: OutputStyle,
    format_: Literal["json", "jsonl", "csv", "tsv", "md"],
) -> Iterator[str]:
    """Yield a list of records, piece by piece, in a format for programs."""
    # Each format is imported when it is needed: show --json does not pay for the others.
    match format_:
        case "json":
            from pkgharvest.formats import json_text  # noqa: PLC0415

            yield from json_text.array_pieces(records, columns, style)
        case "jsonl":
            from pkgharvest.formats import json_text  # noqa: PLC0415

            yield from json_text.jsonl_lines(records, columns, style)
        case "csv":
            from pkgharvest.formats import delimited  # noqa: PLC0415

            yield from delimited.csv_lines(records, columns, style)
        case "tsv":
            from pkgharvest.formats import delimited  # noqa: PLC0415

            yield from delimited.tsv_lines(records, columns, style)
        case "md":
            from pkgharvest.formats import markdown  # noqa: PLC0415

            yield from markdown.markdown_lines(records, columns, style)


def render(output: Output, draw: Callable[["Console"], None]) -> str:
    """Return what ``draw`` prints on a console as wide and colorful as the output's."""
    from pkgharvest.terminal.console import open_console  # noqa: PLC0415 - brings rich

    console = open_console(sys.stdout if output.file is None else io.StringIO())
    with console.capture() as captured:
        draw(console)
    return captured.get()
