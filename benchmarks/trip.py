"""The trip of one package: how many files one replayed fetch passes through, and how often.

A *hop* is a call of a function of this package that is defined in another file than the function
called before it. The code of modules themselves, which runs at import, does not count. Statements
are those of the whole source, without docstrings.
"""

import ast
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from types import FrameType

import pkgharvest
from benchmarks.measurement import Measurement, at_most

SOURCE = Path(pkgharvest.__file__).parent
RECORDING = Path(__file__).parents[1] / "data" / "demo.har.gz"
PACKAGE = "mariocesar/django-ltree"

_MAX_FILES = 45
_MAX_HOPS = 1_000
_MAX_STATEMENTS = 10_146
"""Raise it only for a new feature."""

_PAIRS_SHOWN = 12


class Trip:
    """Counts files and hops while it is set as the profiler: ``sys.setprofile(trip)``."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.hops: Counter[tuple[str, str]] = Counter()
        self._root = f"{SOURCE}{os.sep}"
        self._last = ""

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        """Count a call."""
        code = frame.f_code
        if event != "call" or code.co_name == "<module>":
            return
        if not code.co_filename.startswith(self._root):
            return
        file = code.co_filename.removeprefix(self._root)
        self.files.add(file)
        if file != self._last:
            if self._last:
                self.hops[self._last, file] += 1
            self._last = file


def measure() -> list[Measurement]:
    """Count the files and hops of one replayed fetch, in a process of its own."""
    words = [sys.executable, "-m", "benchmarks.trip"]
    with tempfile.TemporaryDirectory() as home:
        environ = {"PATH": os.environ["PATH"], "HOME": home, "TZ": "UTC"}
        environ |= dict.fromkeys(("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), home)
        done = subprocess.run(
            words, env=environ, check=True, capture_output=True, text=True, cwd=SOURCE.parents[1]
        )
    files, hops = map(int, done.stdout.splitlines()[0].split())
    return [
        at_most("one fetch: files of the source it passes through", files, "files", _MAX_FILES),
        at_most("one fetch: calls into another file than the last", hops, "hops", _MAX_HOPS),
        at_most("statements of the source", count_statements(), "statements", _MAX_STATEMENTS),
    ]


def take_trip(directory: Path) -> Trip:
    """Fetch one package from the recording, and return what was counted."""
    from pkgharvest.cli.main import main  # noqa: PLC0415 - with the environment of the process
    from pkgharvest.pipeline import run  # noqa: PLC0415 - as above

    options = ("-q", "--db", str(directory / "trip.db"))
    assert main(["add", *options, PACKAGE]) == 0
    trip = Trip()
    fetch = run.fetch

    def counted_fetch(*arguments: object, **options: object) -> object:
        sys.setprofile(trip)
        try:
            return fetch(*arguments, **options)  # type: ignore[arg-type]
        finally:
            sys.setprofile(None)

    run.fetch = counted_fetch  # type: ignore[assignment]
    try:
        name = PACKAGE.rpartition("/")[2]
        assert main(["fetch", *options, name, "--replay", str(RECORDING)]) == 0
    finally:
        run.fetch = fetch
    return trip


def count_statements() -> int:
    """Count the statements of the source; docstrings are none."""
    return sum(
        isinstance(node, ast.stmt) and not _is_docstring(node)
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    )


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def main() -> None:
    """Print the numbers of files and hops, and the pairs of files with the most hops."""
    with tempfile.TemporaryDirectory() as directory:
        trip = take_trip(Path(directory))
    print(len(trip.files), trip.hops.total())  # noqa: T201
    for (before, after), count in trip.hops.most_common(_PAIRS_SHOWN):
        print(f"{count:5} {before} -> {after}")  # noqa: T201
    print(*sorted(trip.files), sep="\n")  # noqa: T201


if __name__ == "__main__":
    main()
