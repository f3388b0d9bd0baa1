r"""CSV and TSV: a line of field names, then a line for each record.

A list or an object is JSON, null is empty, text is made harmless and fits on its line. Lines
end in ``\n``: RFC 4180's ``\r\n`` trips the line tools that such output is piped into, and
every reader of CSV takes both.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence

from pkgharvest.api_v4.encode import Column, Json, OutputStyle, Record
from pkgharvest.formats.json_text import compact
from pkgharvest.formats.sanitize import sanitize


class _Echo:
    """A file that hands back what is written to it: csv builds the line, we pass it on."""

    def write(self, line: str) -> str:
        return line


def cell_text(value: Json) -> str:
    """Return ``value`` as the text of one cell, on one line, harmless."""
    match value:
        case None:
            return ""
        case str():
            return sanitize(value)
        case _:
            return compact(value)


def cell_rows(
    records: Iterable[Record], fields: Sequence[Column[Record]], style: OutputStyle
) -> Iterator[list[str]]:
    """Yield the field names, then the cells of each record."""
    yield [field.name for field in fields]
    for record in records:
        yield [cell_text(field.read(record, style)) for field in fields]


def csv_lines(
    records: Iterable[Record], fields: Sequence[Column[Record]], style: OutputStyle
) -> Iterator[str]:
    """Yield the lines of a CSV file (RFC 4180, but for the line ends)."""
    writer = csv.writer(_Echo(), lineterminator="\n")
    for row in cell_rows(records, fields, style):
        yield writer.writerow(row)


def tsv_lines(
    records: Iterable[Record], fields: Sequence[Column[Record]], style: OutputStyle
) -> Iterator[str]:
    """Yield the lines of a TSV file: no quoting, for no cell holds a tab or a line end."""
    for row in cell_rows(records, fields, style):
        yield "\t".join(row) + "\n"
