"""``pkgharvest search``."""

import click

from pkgharvest.api_v4.encode import SEARCH_FIELDS
from pkgharvest.app import queries
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation
from pkgharvest.cli.output import (
    Output,
    fields_option,
    print_drawing,
    print_records,
    printing_options,
)
from pkgharvest.cli.parameters import TEXT
from pkgharvest.formats.sanitize import sanitize

_DEFAULT_LIMIT = 20
"""As in the published API."""
_MAX_QUERY_CHARACTERS = 60
"""Characters of the query that a message repeats."""


@click.command("search")
@click.argument("query", metavar="QUERY...", nargs=-1, required=True, type=TEXT)
@click.option(
    "--limit", type=click.IntRange(min=0), default=_DEFAULT_LIMIT, show_default=True, metavar="N",
    help="Only the best N.",
)  # fmt: skip
@fields_option
@printing_options
@global_options
@pass_invocation
def command(invocation: Invocation, query: tuple[str, ...], limit: int, output: Output) -> None:
    """Find packages and grids by words, best first.

    Searches titles, slugs, descriptions, topics, summaries and participants. A result has every
    word, or a word that starts with it: "django tre" finds django-treebeard. Case and accents do
    not matter, and there are no operators.
    """
    columns = output.choose_columns(SEARCH_FIELDS, SEARCH_FIELDS)
    text = " ".join(query)
    style = output.style
    hits, suggestions = queries.search(invocation.db_path, text, limit=limit)
    if not hits and limit:
        invocation.say(_explain_none(text, suggestions))

    if hits and output.is_usual_table:
        from pkgharvest.terminal.search_results import print_search_hits  # noqa: PLC0415 - rich

        print_drawing(lambda console: print_search_hits(hits, text, console, style), output.file)
    elif hits or output.format != "table":
        print_records(hits, columns, output)
    if hits and len(hits) == limit and output.format == "table":
        invocation.say(f"showing the best {limit}; --limit shows more")


def _explain_none(text: str, suggestions: tuple[str, ...]) -> str:
    is_long = len(text) > _MAX_QUERY_CHARACTERS
    shown = f"{sanitize(text[:_MAX_QUERY_CHARACTERS])}…" if is_long else sanitize(text)
    if not any(character.isalnum() for character in text):
        return f"nothing to search for: no word in '{shown}'"
    near = f"; did you mean {' or '.join(suggestions)}?" if suggestions else ""
    return f"nothing found for '{shown}'{near}"
