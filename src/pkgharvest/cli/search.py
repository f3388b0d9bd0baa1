"""``pkgharvest search``."""

from typing import TYPE_CHECKING

import click

from pkgharvest.catalog import database, lookup
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation, write
from pkgharvest.cli.output import Output, drawn, pieces, printing_options, speak_utf8, style
from pkgharvest.cli.parameters import TEXT
from pkgharvest.formats.sanitize import sanitize

if TYPE_CHECKING:
    from rich.console import Console

_LIMIT = 20
"""As the published API has it."""
_QUOTED = 60
"""So many characters of a query are repeated where nothing was found."""


@click.command("search")
@click.argument("query", metavar="QUERY...", nargs=-1, required=True, type=TEXT)
@click.option(
    "--limit", type=click.IntRange(min=0), default=_LIMIT, show_default=True, metavar="N",
    help="Only the best N.",
)  # fmt: skip
@click.option("--fields", metavar="A,B,C", help="These fields, in this order.")
@printing_options
@global_options
@pass_invocation
def command(
    invocation: Invocation, query: tuple[str, ...], limit: int, fields: str | None, output: Output
) -> None:
    """Find packages and grids by words, the best first.

    Titles, slugs, descriptions, topics, summaries and participants are searched. Each word must be
    there, or what begins with it: "django tre" finds django-treebeard. Case and accents do not
    matter, and nothing is an operator.
    """
    from pkgharvest.api_v4.encode import SEARCH_FIELDS, choose_columns  # noqa: PLC0415
    from pkgharvest.catalog.search import search  # noqa: PLC0415 - not for --help to pay
    from pkgharvest.model.search_text import unique_words  # noqa: PLC0415

    columns = SEARCH_FIELDS if fields is None else choose_columns(fields, SEARCH_FIELDS)
    text = " ".join(query)
    chosen = style(invocation, output)
    with database.open_reader(invocation.db_path) as conn:
        found = search(conn, text, limit=limit)
        if not found and limit:
            name = "-".join(unique_words(text))
            invocation.say(
                _nothing(text, lookup.suggest_slugs(conn, "packages", name) if name else ())
            )

    def draw(console: "Console") -> None:
        from pkgharvest.terminal import collection_tables, search_results  # noqa: PLC0415 - rich

        if fields is None:
            search_results.print_search_hits(found, text, console, chosen)
        else:
            collection_tables.print_columns(found, columns, console, chosen)

    if output.format != "table":
        speak_utf8()
        write(pieces(found, columns, chosen, output.format), output.file)
    elif found:
        write([drawn(output, draw)], output.file)
        if len(found) == limit:
            invocation.say(f"the best {limit}; --limit shows more")


def _nothing(text: str, near: tuple[str, ...]) -> str:
    shown = sanitize(text) if len(text) <= _QUOTED else f"{sanitize(text[:_QUOTED])}…"
    if not any(character.isalnum() for character in text):
        return f"nothing to search for: there is no word in '{shown}'"
    return f"nothing found for '{shown}'" + (f"; did you mean {' or '.join(near)}?" if near else "")
