"""A measurement with its target, and the table of measurements."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One thing measured. ``met`` is None where there is no target."""

    what: str
    measured: str
    values: Mapping[str, float]
    """The numbers in ``measured``, by unit."""
    target: str = ""
    met: bool | None = None


def at_most(what: str, value: float, unit: str, most: float | None = None) -> Measurement:
    """Return a measurement whose target is ``most`` or less."""
    return Measurement(
        what=what,
        measured=f"{_number(value)} {unit}",
        values={unit: value},
        target="" if most is None else f"<= {_number(most)}",
        met=None if most is None else value <= most,
    )


def _number(value: float) -> str:
    """Format with as many digits as are significant."""
    match abs(value):
        case number if number == int(number):
            return f"{value:,.0f}"
        case small if small < 1:
            return f"{value:.3f}"
        case middle if middle < 100:  # noqa: PLR2004
            return f"{value:.2f}"
        case _:
            return f"{value:,.0f}"


def print_table(measurements: Sequence[Measurement]) -> None:
    """Print the measurements, each beside its target."""
    table = Table("what", "measured", "target", "met")
    for measurement in measurements:
        met = "" if measurement.met is None else "yes" if measurement.met else "NO"
        table.add_row(measurement.what, measurement.measured, measurement.target, met)
    console = Console()
    if not console.is_terminal:
        console.width = 200  # a file can hold whole lines
    console.print(table)


def as_json(measurements: Sequence[Measurement]) -> list[dict[str, object]]:
    """Return the measurements as JSON objects."""
    return [asdict(measurement) for measurement in measurements]
