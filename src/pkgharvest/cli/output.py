"""The options that say how packages are printed, and the printing."""

import datetime as dt
import functools
import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import click

from pkgharvest.api_v4.encode import RECORD_FIELDS, Column, Field, OutputStyle, Record
from pkgharvest.catalog import packages
from pkgharvest.cli.invocation import Invocation, write
from pkgharvest.formats.fields import FULL_FIELDS, choose_fields
from pkgharvest.model.errors import InvalidValue
from pkgharvest.model.package import Package

if TYPE_CHECKING:
    from rich.console import Console

Format = Literal["table", "json", "jsonl", "csv", "tsv", "md"]


class Output(NamedTuple):
    """How packages are to be printed."""

    format: Format
    fields: tuple[Field, ...] | None
    """What was asked for with ``--fields``."""
    full: bool
    file: str | None
    tz: str | None
    base_url: str | None

    @property
    def columns(self) -> Sequence[Field]:
        """The fields to print."""
        return self.fields or (FULL_FIELDS if self.full else RECORD_FIELDS)

    @property
    def parts(self) -> frozenset[str]:
        """What is to be read of packages beyond their columns, as ``catalog.reading`` has it."""
        named = frozenset(field.name for field in self.columns)
        # A table shows more than its fields: how old they are.
        return named | packages.CARD_PARTS if self.format == "table" else named


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of ``printing_options``, and those that choose fields of packages."""

    @functools.wraps(command)
    def with_fields(
        *args: Any, output: Output, fields: str | None, full: bool, **options: Any
    ) -> Any:
        output = output._replace(
            fields=None if fields is None else choose_fields(fields), full=full
        )
        return command(*args, output=output, **options)

    return printing_options(field_options(with_fields))


def field_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--full`` and ``--fields``; the command gets them as they were written."""
    for option in (
        click.option("--full", is_flag=True, help="All that is known, not the record alone."),
        click.option("--fields", metavar="A,B,C", help="These fields, in this order."),
    ):
        command = option(command)
    return command


def printing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options; the command gets them as ``output``, an Output that chooses no fields."""

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
            format=format_ or ("json" if as_json else "table"),
            fields=None,
            full=False,
            file=None if file == "-" else file,
            tz=tz,
            base_url=base_url,
        )
        return command(*args, output=output, **options)

    for option in (
        click.option("-o", "--output", "file", metavar="FILE", help="Write to FILE."),
        click.option("--base-url", metavar="URL", help="Before links.  [env: PKGHARVEST_BASE_URL]"),
        click.option(
            "--tz", metavar="ZONE",
            help="Print times in this IANA zone, or local.  [env: PKGHARVEST_TZ; default: UTC]",
        ),
        click.option(
            "--format", "format_",
            type=click.Choice(["table", "json", "jsonl", "csv", "tsv", "md"]),
            help="How to print.  [default: table]",
        ),
        click.option("--json", "as_json", is_flag=True, help="The same as --format json."),
    ):  # fmt: skip
        with_output = option(with_output)
    return with_output


def style(invocation: Invocation, output: Output) -> OutputStyle:
    """Return the reader's choices of zone and links; InvalidValue for an unknown zone."""
    settings = invocation.settings()
    return OutputStyle(
        now=invocation.clock.now(),
        zone=_zone(output.tz or settings.tz.value),
        base_url=settings.base_url.value if output.base_url is None else output.base_url,
    )


def print_one(invocation: Invocation, package: Package, output: Output) -> None:
    """Print one package: in JSON it is an object, not a list of one."""
    if output.format == "json":
        from pkgharvest.formats import json_text  # noqa: PLC0415 - as the others below

        chosen = style(invocation, output)
        speak_utf8()
        write([json_text.object_text(package, output.columns, chosen)], output.file)
        return
    print_many(invocation, [package], output, whole=True)


def print_many(
    invocation: Invocation, packages: Iterable[Package], output: Output, *, whole: bool
) -> None:
    """Print packages; in a table ``whole`` shows each by itself, otherwise a line each."""
    chosen = style(invocation, output)
    if output.format != "table":
        speak_utf8()
    write(_pieces(packages, output, chosen, whole=whole), output.file)


def speak_utf8() -> None:
    """Let programs read UTF-8 whatever the locale is (RFC 8259, section 8.1)."""
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8")


def _pieces(
    packages: Iterable[Package], output: Output, chosen: OutputStyle, *, whole: bool
) -> Iterator[str]:
    if output.format == "table":
        yield from _table(packages, output, chosen, whole=whole)
    else:
        yield from pieces(packages, output.columns, chosen, output.format)


def pieces(
    records: Iterable[Record],
    columns: Sequence[Column[Record]],
    chosen: OutputStyle,
    format_: Literal["json", "jsonl", "csv", "tsv", "md"],
) -> Iterator[str]:
    """Yield the pieces of a list of ``records``, whatever they are, in a format for programs."""
    # Each format is imported when it is asked for: show --json pays for no table.
    match format_:
        case "json":
            from pkgharvest.formats import json_text  # noqa: PLC0415

            yield from json_text.array_pieces(records, columns, chosen)
        case "jsonl":
            from pkgharvest.formats import json_text  # noqa: PLC0415

            yield from json_text.jsonl_lines(records, columns, chosen)
        case "csv":
            from pkgharvest.formats import delimited  # noqa: PLC0415

            yield from delimited.csv_lines(records, columns, chosen)
        case "tsv":
            from pkgharvest.formats import delimited  # noqa: PLC0415

            yield from delimited.tsv_lines(records, columns, chosen)
        case "md":
            from pkgharvest.formats import markdown  # noqa: PLC0415

            yield from markdown.markdown_lines(records, columns, chosen)


def _table(
    packages: Iterable[Package], output: Output, chosen: OutputStyle, *, whole: bool
) -> Iterator[str]:
    from pkgharvest.terminal import package_card, package_table  # noqa: PLC0415

    def draw(console: "Console") -> None:
        if output.fields is not None or not whole:
            package_table.print_package_table(list(packages), console, chosen, fields=output.fields)
        else:
            package_card.print_cards(packages, console, chosen, full=output.full)

    yield drawn(output, draw)


def drawn(output: Output, draw: Callable[["Console"], None]) -> str:
    """Return what ``draw`` prints on a console that is like where the output goes."""
    from pkgharvest.terminal.console import open_console  # noqa: PLC0415

    console = open_console(sys.stdout if output.file is None else io.StringIO())
    with console.capture() as captured:
        draw(console)
    return captured.get()


def _zone(name: str) -> dt.tzinfo | None:
    """Return the zone called ``name``; None is the machine's own."""
    if name.upper() in {"UTC", "Z"}:
        return dt.UTC
    if name.lower() == "local":
        return None
    import zoneinfo  # noqa: PLC0415 - most people read UTC

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidValue(
            f"no time zone {name!r}", hint="an IANA name such as America/New_York, or local"
        ) from error
