"""Measure, print the table, write it as JSON: ``python -m benchmarks [FILE.json]``."""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click

from benchmarks import catalogue, downloads, harvesting, interruption, startup, trip
from benchmarks.figures import Figure, as_json, print_table

Benchmark = tuple[str, Callable[[], list[Figure]]]


def _start_up() -> list[Figure]:
    with tempfile.TemporaryDirectory() as directory:
        return startup.measure(Path(directory))


_QUICK: tuple[Benchmark, ...] = (
    ("no token", lambda: harvesting.without_token(50)),
    ("growth", lambda: harvesting.growth((100, 1_000))),
    ("an interrupted run", lambda: interruption.measure(100)),
    ("faults", lambda: harvesting.with_faults(100)),
    ("catalogue", lambda: catalogue.measure(2_000)),
    ("trip", trip.measure),
)
# Start-up is last: the memory of a process is told as no less than that of who started it, and
# this one needs more when it has made a catalogue of 100,000 packages.
_WHOLE: tuple[Benchmark, ...] = (
    ("token, GitHub's limits: a minute and a half", lambda: harvesting.with_token(1_000)),
    ("token, young repositories", lambda: harvesting.with_young(200)),
    ("no token", lambda: harvesting.without_token(200)),
    ("growth: some minutes", lambda: harvesting.growth((100, 1_000, 10_000))),
    ("an interrupted run", lambda: interruption.measure(500)),
    ("faults", lambda: harvesting.with_faults(500)),
    ("downloads", lambda: downloads.measure(200)),
    ("catalogue: some minutes", lambda: catalogue.measure(100_000)),
    ("trip", trip.measure),
    ("start-up", _start_up),
)


@click.command()
@click.option("--quick", is_flag=True, help="A minute: fewer packages, no limits, no start-up.")
@click.option("--only", metavar="WORD", help="Only those whose name has this word.")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
def main(quick: bool, only: str | None, file: Path | None) -> None:
    """Measure what pkgharvest costs, and print it beside the targets; FILE gets it as JSON.

    Everything is asked of stand-ins on this machine. It takes up to twelve minutes.
    """
    figures: list[Figure] = []
    benchmarks = _QUICK if quick else _WHOLE
    chosen = [one for one in benchmarks if only is None or only in one[0]]
    if not chosen:
        names = ", ".join(name for name, _ in benchmarks)
        raise click.BadParameter(f"no name has it: {names}", param_hint="--only")
    for name, benchmark in chosen:
        click.echo(f"{name} ... ", nl=False, err=True)
        began = time.perf_counter()
        figures += benchmark()
        click.echo(f"{time.perf_counter() - began:.0f} s", err=True)
    print_table(figures)
    if file is not None:
        file.write_text(json.dumps(as_json(figures), indent=4) + "\n", "utf-8")


if __name__ == "__main__":
    main()
