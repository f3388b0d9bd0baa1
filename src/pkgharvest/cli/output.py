"""The options that choose how records are printed, and the printing."""

import functools
import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import click

from pkgharvest.api_v4.encode import (
    RECORD_FIELDS,
    Column,
    Field,
    OutputStyle,
    Record,
    choose_columns,
)
from pkgharvest.app.queries import CARD_PARTS
from pkgharvest.cli.invocation import Command, Invocation, write
from pkgharvest.formats import json_text
from pkgharvest.formats.fields import FULL_FIELDS
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
    fields: str | None = None
    """What was given with ``--fields``."""
    full: bool = False

    @property
    def style(self) -> OutputStyle:
        """The time zone and the base of links; raises InvalidValue for an unknown zone."""
        settings = self.invocation.settings()
        return OutputStyle(
            now=self.invocation.clock.now(),
            zone=parse_zone(self.tz or settings.tz.value),
            base_url=settings.base_url.value if self.base_url is None else self.base_url,
        )

    def choose_columns(
        self, usual: Sequence[Column[Record]], known: Sequence[Column[Record]]
    ) -> Sequence[Column[Record]]:
        """Return the columns to print: those of ``known`` that were named, else ``usual``."""
        return usual if self.fields is None else choose_columns(self.fields, known)

    @property
    def is_usual_table(self) -> bool:
        """Whether it is for people, who did not choose the fields."""
        return self.format == "table" and self.fields is None

    @property
    def columns(self) -> Sequence[Field]:
        """The fields of packages to print."""
        return self.choose_columns(FULL_FIELDS if self.full else RECORD_FIELDS, FULL_FIELDS)

    @property
    def parts(self) -> frozenset[str]:
        """The parts of packages to read for them; see ``queries.show_packages``."""
        names = frozenset(field.name for field in self.columns)
        # A table also shows how old the data is.
        return names | CARD_PARTS if self.format == "table" else names


def fields_option(command: Command) -> Command:
    """Add ``--fields`` to the options of ``printing_options``."""
    return click.option("--fields", metavar="A,B,C", help="Only these fields, in this order.")(
        command
    )


def field_options(command: Command) -> Command:
    """Add ``--full`` and ``--fields`` to the options of ``printing_options``."""
    return fields_option(
        click.option("--full", is_flag=True, help="Everything known, not only the record.")(command)
    )


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
        fields: str | None = None,
        full: bool = False,
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
            fields=fields,
            full=full,
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
        print_record(package, output.columns, output)
    else:
        print_packages([package], output, as_cards=True)


def print_packages(packages: Iterable[Package], output: Output, *, as_cards: bool) -> None:
    """Print packages; for people as a card each, or as a line each of one table."""
    if output.format != "table":
        print_records(packages, output.columns, output)
        return
    from pkgharvest.terminal import package_card, package_table  # noqa: PLC0415 - brings rich

    def draw(console: "Console") -> None:
        if as_cards and output.fields is None:
            package_card.print_cards(packages, console, output.style, full=output.full)
        else:
            fields = None if output.fields is None else output.columns
            package_table.print_package_table(packages, console, output.style, fields)

    print_drawing(draw, output.file)


def print_record(record: Record, columns: Sequence[Column[Record]], output: Output) -> None:
    """Print one record; as JSON it is an object, not a list of one."""
    if output.format == "json":
        write_utf8([json_text.object_text(record, columns, output.style)], output.file)
    else:
        print_records([record], columns, output)


def print_records(
    records: Iterable[Record],
    columns: Sequence[Column[Record]],
    output: Output,
    *,
    figures: frozenset[str] = frozenset(),
    dispensable: tuple[str, ...] = (),
) -> None:
    """Print ``columns`` of the records, for programs or as a table.

    ``figures`` and ``dispensable`` are those of ``terminal.tables.TextTable``.
    """
    style = output.style
    if output.format != "table":
        write_utf8(format_records(records, columns, style, output.format), output.file)
        return
    from pkgharvest.terminal.tables import print_columns  # noqa: PLC0415 - brings rich

    print_drawing(
        lambda console: print_columns(records, columns, console, style, figures, dispensable),
        output.file,
    )


def write_utf8(pieces: Iterable[str], file: str | None) -> None:
    """Write for programs, which read UTF-8 whatever the locale is (RFC 8259, section 8.1)."""
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8")
    write(pieces, file)


def format_records(
    records: Iterable[Record],
    columns: Sequence[Column[Record]],
    style: OutputStyle,
    format_: Literal["json", "jsonl", "csv", "tsv", "md"],
) -> Iterator[str]:
    """Return a list of records, piece by piece, in a format for programs."""
    if format_ == "json":
        return json_text.array_pieces(records, columns, style)
    if format_ == "jsonl":
        return json_text.jsonl_lines(records, columns, style)
    from pkgharvest.formats import delimited, markdown  # noqa: PLC0415 - not for JSON

    writers = {
        "csv": delimited.csv_lines,
        "tsv": delimited.tsv_lines,
        "md": markdown.markdown_lines,
    }
    return writers[format_](records, columns, style)


def print_drawing(draw: Callable[["Console"], None], file: str | None = None) -> None:
    """Write what ``draw`` prints on a console as wide and colorful as the output."""
    from pkgharvest.terminal.console import open_console  # noqa: PLC0415 - brings rich

    console = open_console(sys.stdout if file is None else io.StringIO())
    with console.capture() as captured:
        draw(console)
    write([captured.get()], file)
