"""What a search found: the keys of the published API's search, and a table with the words marked.

The API has no answer without figures: of a grid they are 0. ``usage`` is how many users of a site
say that they use a package; there are none here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pkgharvest.found import Found, folded, hits, words
from pkgharvest.instants import format_instant
from pkgharvest.render.fields import Column, Json, Style

if TYPE_CHECKING:
    import datetime as dt

    from rich.console import Console
    from rich.text import Text

    from pkgharvest.render.screen import Screen

_GAP = 2
_MARK = "bold underline"
_SEPARATORS = re.compile(r"[\W_]+")


def _url(found: Found, style: Style) -> Json:
    kind = "packages/p" if found.item_type == "package" else "grids/g"
    return f"{style.base_url.rstrip('/')}/{kind}/{found.slug}/"


def _instant(moment: dt.datetime | None, style: Style) -> Json:
    return None if moment is None else format_instant(moment, style.zone)


FOUND: tuple[Column[Found], ...] = (
    Column("title", "what people call it", lambda f, s: f.title),
    Column("slug", "its name in the catalogue", lambda f, s: f.slug),
    Column("description", "what it is", lambda f, s: f.description),
    Column("category", "the title of its category", lambda f, s: f.category),
    Column("item_type", "package or grid", lambda f, s: f.item_type),
    Column("absolute_url", "its page", _url),
    Column("repo_watchers", "stars", lambda f, s: f.stars),
    Column("repo_forks", "forks", lambda f, s: f.forks),
    Column("pypi_downloads", "of the last month, null for unknown", lambda f, s: f.downloads),
    Column("usage", "users who say that they use it: there are none", lambda f, s: 0),
    Column("score", "the site's score", lambda f, s: f.score),
    Column(
        "participants",
        "who contributed, with commas between, as the API has it",
        lambda f, s: ",".join(f.participants),
    ),
    Column("last_committed", "its newest commit", lambda f, s: _instant(f.last_committed, s)),
    Column(
        "last_released", "upload of its latest version", lambda f, s: _instant(f.last_released, s)
    ),
    Column("weight", "how good a hit it is, of 100", lambda f, s: f.weight),
)
"""The keys of the published API, in its order."""


def listing(found: Sequence[Found], query: str, console: Console, style: Style) -> None:
    """Print a line or more for each hit, the words of ``query`` marked where they were found."""
    from rich.table import Table  # noqa: PLC0415 - JSON pays for no table
    from rich.text import Text  # noqa: PLC0415

    from pkgharvest.render.age import ago  # noqa: PLC0415
    from pkgharvest.render.screen import Screen  # noqa: PLC0415

    screen = Screen(console)
    wanted = list(words(query))
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
    table.add_column(Text("found"), overflow="fold", max_width=max(16, console.width // 3))
    has_grids = any(one.item_type == "grid" for one in found)
    if has_grids:
        table.add_column(Text("type"), no_wrap=True)
    table.add_column(Text("stars"), justify="right", no_wrap=True)
    table.add_column(Text("last commit"), no_wrap=True)
    table.add_column(Text("what it is"), overflow="fold")
    for one in found:
        is_package = one.item_type == "package"
        committed = ago(one.last_committed, style.now) if one.last_committed else screen.nothing
        table.add_row(
            _marked(one.slug, wanted, screen),
            *([Text(one.item_type, "" if is_package else "cyan")] if has_grids else []),
            str(one.stars) if is_package else screen.nothing,
            committed,
            Text("\n").join(_marked(line, wanted, screen) for line in _told(one, wanted)),
        )
    console.print(table)


def _told(found: Found, wanted: Sequence[str]) -> Iterator[str]:
    """Yield what it is, then the rest of what is told of it that has words not seen till then."""
    alike = _bare(found.title) == _bare(found.slug)
    parts = (found.description,) if alike else (found.title, found.description)
    first = ": ".join(part for part in parts if part)
    yield first
    seen = f"{found.slug} {first}"
    for label, told in (
        ("topics", found.topics),
        ("PyPI", (found.summary,)),
        ("participants", found.participants),
    ):
        missing = [word for word in wanted if not any(hits(seen, [word]))]
        having = [part for part in told if any(hits(part, missing))] if missing else []
        if having:
            yield f"{label}: {', '.join(having)}"
            seen += " " + " ".join(having)


def _bare(name: str) -> str:
    return _SEPARATORS.sub("", folded(name))


def _marked(foreign: str, wanted: Sequence[str], screen: Screen) -> Text:
    text = screen.text(foreign)
    for begin, end in hits(text.plain, wanted):
        text.stylize(_MARK, begin, end)
    return text
