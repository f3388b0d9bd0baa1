"""Measure, print the table, and write it as JSON: ``python -m benchmarks [FILE.json]``."""

import json
import sys
import tempfile
from pathlib import Path

from benchmarks import harvesting, startup
from benchmarks.figures import as_json, print_table

_PACKAGES = (100, 1_000)


def main() -> None:
    """Run every benchmark."""
    with tempfile.TemporaryDirectory() as directory:
        figures = startup.measure(Path(directory))
        for count in _PACKAGES:
            figures += harvesting.measure(Path(directory), count)
    print_table(figures)
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(json.dumps(as_json(figures), indent=4) + "\n", "utf-8")


if __name__ == "__main__":
    main()
