"""A measured figure beside its target, and the table of them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing measured. ``met`` is None where there is no target."""

    what: str
    measured: str
    values: Mapping[str, float]
    """What ``measured`` says, as numbers, each by its unit."""
    target: str = ""
    met: bool | None = None


def at_most(what: str, value: float, unit: str, most: float | None = None) -> Figure:
    """Return a figure that is to be ``most``, or less."""
    return Figure(
        what=what,
        measured=f"{_number(value)} {unit}",
        values={unit: value},
        target="" if most is None else f"<= {_number(most)}",
        met=None if most is None else value <= most,
    )


def _number(value: float) -> str:
    """Print with as many places as mean something."""
    match abs(value):
        case whole if whole == int(whole):
            return f"{value:,.0f}"
        case small if small < 1:
            return f"{value:.3f}"
        case middle if middle < 100:  # noqa: PLR2004
            return f"{value:.2f}"
        case _:
            return f"{value:,.0f}"


def print_table(figures: Sequence[Figure]) -> None:
    """Print the figures, each beside its target."""
    table = Table("what", "measured", "target", "met")
    for figure in figures:
        met = "" if figure.met is None else "yes" if figure.met else "NO"
        table.add_row(figure.what, figure.measured, figure.target, met)
    console = Console()
    if not console.is_terminal:
        console.width = 200  # a file has room for whole lines
    console.print(table)


def as_json(figures: Sequence[Figure]) -> list[dict[str, object]]:
    """Return the figures as JSON objects."""
    return [asdict(figure) for figure in figures]
