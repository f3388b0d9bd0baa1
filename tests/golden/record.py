"""Writes down what the program of today does: ``python -m tests.golden.record``.

The kept files are made where they are missing, and never again; ``expected.jsonl.gz`` always.
"""

import contextlib
import gzip
import json
import re
import sqlite3
import sys
from pathlib import Path

from tests.golden.cases import KEPT_CATALOG, KEPT_RECORDING, SCENARIOS, Case, Scenario
from tests.golden.play import play
from tests.golden.stage import Stage

HERE = Path(__file__).parent
EXPECTED = HERE / "expected.jsonl.gz"


def main() -> None:
    """Make what is missing, and write what is expected."""
    if not (HERE / "catalog-schema-4.db.gz").exists():
        _keep_catalog()
    if not (HERE / "catalog-schema-1.db.gz").exists():
        _keep_first_catalog()
    if not (HERE / "recording.har.gz").exists():
        _keep_recording()
    lines = []
    for scenario in SCENARIOS:
        lines.append(json.dumps(play(scenario), ensure_ascii=False) + "\n")
        sys.stderr.write(f"{scenario.name}: {len(scenario.cases)} cases\n")
    _pack(EXPECTED.name, "".join(lines).encode())


def _pack(name: str, content: bytes) -> None:
    (HERE / name).write_bytes(gzip.compress(content, mtime=0))


def _keep_catalog() -> None:
    with Stage(KEPT_CATALOG.world) as stage:
        _prepare(stage, KEPT_CATALOG)
        ports = [url.encode() for url in _addresses(stage)]
        path = stage.here / "kept.db"
        with contextlib.closing(sqlite3.connect(stage.shell.db)) as connection:
            for number, port in enumerate(ports):
                for table, column in (("validators", "key"), ("runs", "report")):
                    connection.execute(
                        f"UPDATE {table} SET {column} = replace({column}, ?, ?)",
                        (port.decode(), f"127.0.0.1:{10_001 + number}"),
                    )
            connection.commit()
            connection.execute("VACUUM INTO ?", (str(path),))
        stage.shell.ok("db", "check", "--db", str(path))
        _pack("catalog-schema-4.db.gz", path.read_bytes())
        _pack("dump-version-2.jsonl.gz", stage.shell.ok("export", "--db", str(path)).out.encode())


def _keep_first_catalog() -> None:
    with Stage("none") as stage:
        stage.do_first_catalog()
        path = stage.here / "kept.db"
        with contextlib.closing(sqlite3.connect(stage.shell.db)) as connection:
            connection.execute("VACUUM INTO ?", (str(path),))
        _pack("catalog-schema-1.db.gz", path.read_bytes())


def _keep_recording() -> None:
    with Stage(KEPT_RECORDING.world) as stage:
        _prepare(stage, KEPT_RECORDING)
        text = (stage.here / "recording.har").read_text(encoding="utf-8")
        for number, address in enumerate(_addresses(stage)):
            text = re.sub(re.escape(address) + r"\b", f"127.0.0.1:{10_001 + number}", text)
        _pack("recording.har.gz", text.encode())


def _prepare(stage: Stage, scenario: Scenario) -> None:
    for step in scenario.steps:
        if isinstance(step, Case):
            code, out, err = stage.run(step.argv, step.stdin)
            sys.stderr.write(f"{step.name}: {code} {out[:200]} {err}\n")
        else:
            stage.do(step.action, *step.arguments)


def _addresses(stage: Stage) -> list[str]:
    hosts = stage.hosts
    return [one.url.removeprefix("http://") for one in (hosts.github, hosts.pypi, hosts.pypistats)]


if __name__ == "__main__":
    main()
