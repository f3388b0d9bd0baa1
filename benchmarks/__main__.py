"""Measure, print the table, write it as JSON: ``python -m benchmarks [FILE.json]``."""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click

from benchmarks import catalog, downloads, fetching, interruption, startup, trip
from benchmarks.measurement import Measurement, as_json, print_table

Benchmark = tuple[str, Callable[[], list[Measurement]]]


def _start_up() -> list[Measurement]:
    with tempfile.TemporaryDirectory() as directory:
        return startup.measure(Path(directory))


_QUICK: tuple[Benchmark, ...] = (
    ("no token", lambda: fetching.without_token(50)),
    ("growth", lambda: fetching.growth((100, 1_000))),
    ("an interrupted run", lambda: interruption.measure(100)),
    ("faults", lambda: fetching.with_faults(100)),
    ("catalog", lambda: catalog.measure(2_000)),
    ("trip", trip.measure),
)
# Start-up is last: a process reports at least the peak memory of its parent, and this one needs
# more after it has made a catalog of 100,000 packages.
_WHOLE: tuple[Benchmark, ...] = (
    ("token, GitHub's limits: a minute and a half", lambda: fetching.with_token(1_000)),
    ("token, young repositories", lambda: fetching.with_young(200)),
    ("no token", lambda: fetching.without_token(200)),
    ("growth: some minutes", lambda: fetching.growth((100, 1_000, 10_000))),
    ("an interrupted run", lambda: interruption.measure(500)),
    ("faults", lambda: fetching.with_faults(500)),
    ("downloads", lambda: downloads.measure(200)),
    ("catalog: some minutes", lambda: catalog.measure(100_000)),
    ("trip", trip.measure),
    ("start-up", _start_up),
)


@click.command()
@click.option("--quick", is_flag=True, help="One minute: fewer packages, no limits, no start-up.")
@click.option("--only", metavar="WORD", help="Only benchmarks with this word in their name.")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
def main(quick: bool, only: str | None, file: Path | None) -> None:
    """Measure what pkgharvest costs, and print it next to the targets; FILE gets JSON.

    All hosts are stand-ins on this machine. It takes up to twelve minutes.
    """
    measurements: list[Measurement] = []
    benchmarks = _QUICK if quick else _WHOLE
    chosen = [(name, run) for name, run in benchmarks if only is None or only in name]
    if not chosen:
        names = ", ".join(name for name, _ in benchmarks)
        raise click.BadParameter(f"no such benchmark; there are: {names}", param_hint="--only")
    for name, benchmark in chosen:
        click.echo(f"{name} ... ", nl=False, err=True)
        began = time.perf_counter()
        measurements += benchmark()
        click.echo(f"{time.perf_counter() - began:.0f} s", err=True)
    print_table(measurements)
    if file is not None:
        file.write_text(json.dumps(as_json(measurements), indent=4) + "\n", "utf-8")


if __name__ == "__main__":
    main()
