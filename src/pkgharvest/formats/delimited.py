r"""CSV and TSV: a line of field names, then one line per record.

Lists and objects are written as JSON, null as an empty cell. Text is sanitized and kept on one
line. Lines end with ``\n``: the ``\r\n`` of RFC 4180 confuses line-based tools, and every CSV
reader accepts both.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence

from pkgharvest.api_v4.encode import Column, Json, OutputStyle, Record
from pkgharvest.formats.json_text import compact_json
from pkgharvest.formats.sanitize import sanitize


class _LineReturner:
    """A file that returns what is written to it, because `csv` can only write to files."""

    def write(self, line: str) -> str:
        return line


def cell_text(value: Json) -> str:
    r"""Return ``value`` as the text of one cell.

    >>> [cell_text(value) for value in (None, True, 72, "two\nlines", ["a", "b"])]
    ['', 'true', '72', 'two lines', '["a", "b"]']
    """
    match value:
        case None:
            return ""
        case str():
            return sanitize(value)
        case _:
            return compact_json(value)


def cell_rows(
    records: Iterable[Record], columns: Sequence[Column[Record]], style: OutputStyle
) -> Iterator[list[str]]:
    """Yield the names of the columns, then the cells of each record."""
    yield [column.name for column in columns]
    for record in records:
        yield [cell_text(column.read(record, style)) for column in columns]


def csv_lines(
    records: Iterable[Record], columns: Sequence[Column[Record]], style: OutputStyle
) -> Iterator[str]:
    """Return the lines of a CSV file (RFC 4180 apart from the line ends)."""
    writer = csv.writer(_LineReturner(), lineterminator="\n")
    return map(writer.writerow, cell_rows(records, columns, style))


def tsv_lines(
    records: Iterable[Record], columns: Sequence[Column[Record]], style: OutputStyle
) -> Iterator[str]:
    """Return the lines of a TSV file. Nothing is quoted: no cell contains a tab or a line break."""
    return ("\t".join(row) + "\n" for row in cell_rows(records, columns, style))
