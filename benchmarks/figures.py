"""A measured figure beside its target, and the table of them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing measured. ``met`` is None where there is no target."""

    what: str
    measured: str
    target: str = ""
    met: bool | None = None


def print_table(figures: Sequence[Figure]) -> None:
    """Print the figures, each beside its target."""
    table = Table("what", "measured", "target", "met")
    for figure in figures:
        met = "" if figure.met is None else "yes" if figure.met else "NO"
        table.add_row(figure.what, figure.measured, figure.target, met)
    Console().print(table)


def as_json(figures: Sequence[Figure]) -> list[dict[str, object]]:
    """Return the figures as JSON objects."""
    return [asdict(figure) for figure in figures]
