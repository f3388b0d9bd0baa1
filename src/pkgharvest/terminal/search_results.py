"""Search hits as a table, with the words that match marked."""

import re
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.text import Text

from pkgharvest.api_v4.encode import OutputStyle
from pkgharvest.model.search_text import SearchHit, fold, match_spans, unique_words
from pkgharvest.terminal.console import COLUMN_GAP, Screen, plain_table, relative_time

_COLUMNS = ("name", "type", "stars", "last commit")
"""Columns before the description. A narrow screen loses the last one first, but never the names."""

_DESCRIPTION = "description"
_DESCRIPTION_ROOM = 28
"""Width that a description gets before the other columns do."""

_MIN_WIDTH = 16
"""Names fold at no less than this; a description with less room is omitted."""

_MAX_DESCRIPTION_LINES = 2


def print_search_hits(
    hits: Sequence[SearchHit], query: str, console: Console, style: OutputStyle
) -> None:
    """Print a row for each hit, with the words of ``query`` marked where they match.

    The least important columns are omitted if they leave too little room for the description.
    """
    screen = Screen(console)
    words = list(unique_words(query))
    rows = [_short_cells(hit, screen, style) for hit in hits]
    descriptions = [[screen.printable(line) for line in _describe(hit, words)] for hit in hits]
    longest = max(len(_DESCRIPTION), *(len(line) for lines in descriptions for line in lines))
    widths, room = _choose_columns(rows, min(longest, _DESCRIPTION_ROOM), screen.width)
    table = plain_table(*widths, figures={"stars"})
    for column, width in zip(table.columns, widths.values(), strict=True):
        column.width = width
    if room:
        table.add_column(Text(_DESCRIPTION), overflow="fold", max_width=room)
    for hit, cells, lines in zip(hits, rows, descriptions, strict=True):
        if hit.item_type != "package" and "type" not in widths:
            lines[0] = f"{hit.item_type}: {lines[0]}"
        texts = [
            _mark_matches(cells[name], words, screen)
            if name == "name"
            else Text(cells[name], "cyan" if cells[name] == "grid" else "")
            for name in widths
        ]
        if room:
            marked = [
                _shorten(
                    _mark_matches(line, words, screen),
                    1 if number else _MAX_DESCRIPTION_LINES,
                    room,
                    screen,
                )
                for number, line in enumerate(lines)
            ]
            texts.append(Text("\n").join(marked))
        table.add_row(*texts)
    console.print(table)


def _short_cells(hit: SearchHit, screen: Screen, style: OutputStyle) -> dict[str, str]:
    """Return the cells before the description, by the names of their columns."""
    committed = hit.last_committed
    return {
        "name": screen.printable(hit.slug),
        "type": hit.item_type,
        "stars": str(hit.stars) if hit.item_type == "package" else screen.no_value,
        "last commit": relative_time(committed, style.now) if committed else screen.no_value,
    }


def _choose_columns(
    rows: Sequence[Mapping[str, str]], wanted: int, screen_width: int
) -> tuple[dict[str, int], int]:
    """Return the columns that fit, with their widths, and the width left for the description.

    The description gets ``wanted`` or more, or else is the only column beside the names. If that
    is too little for a few words, the names stand alone and nothing is left for it.
    """
    widths = {name: max(len(name), *(len(cells[name]) for cells in rows)) for name in _COLUMNS}
    widths["name"] = min(widths["name"], max(_MIN_WIDTH, screen_width // 3), screen_width)
    if all(cells["type"] == "package" for cells in rows):
        del widths["type"]

    def left_over() -> int:
        return screen_width - sum(width + COLUMN_GAP for width in widths.values())

    for name in reversed(_COLUMNS[1:]):
        if left_over() < wanted:
            widths.pop(name, None)
    room = left_over()
    return widths, room if room >= min(wanted, _MIN_WIDTH) else 0


def _shorten(text: Text, max_lines: int, width: int, screen: Screen) -> Text:
    """Return ``text`` cut after ``max_lines`` lines of ``width`` cells."""
    lines = screen.fold(text[: width * (max_lines + 1)], width)
    if len(lines) <= max_lines:
        return text
    return Text("\n").join(screen.cut(lines, max_lines, width))


def _describe(hit: SearchHit, words: Sequence[str]) -> Iterator[str]:
    """Yield the description, then a line for other text that alone contains one of the words."""
    title = "" if _bare_name(hit.title) == _bare_name(hit.slug) else hit.title
    description = ": ".join(filter(None, (title, hit.description)))
    yield description
    shown = f"{hit.slug} {description}"
    for label, texts in (
        ("topics", hit.topics),
        ("PyPI", (hit.summary,)),
        ("participants", hit.participants),
    ):
        missing = [word for word in words if not any(match_spans(shown, [word]))]
        matching = [text for text in texts if any(match_spans(text, missing))] if missing else []
        if matching:
            yield f"{label}: {', '.join(matching)}"
            shown += " " + " ".join(matching)


def _bare_name(name: str) -> str:
    return re.sub(r"[\W_]+", "", fold(name))


def _mark_matches(foreign: str, words: Sequence[str], screen: Screen) -> Text:
    text = screen.text(foreign)
    for start, end in match_spans(text.plain, words):
        text.stylize("bold underline", start, end)
    return text
