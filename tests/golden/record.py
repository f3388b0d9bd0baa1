"""Records what the current program does: ``python -m tests.golden.record``.

Fixtures of earlier versions are created only if they are missing, ``expected.jsonl.gz`` always.
"""

import contextlib
import gzip
import json
import re
import sqlite3
import sys
from pathlib import Path

from tests.golden.cases import CATALOG_FIXTURE, RECORDING_FIXTURE, SCENARIOS, Case, Scenario
from tests.golden.play import play
from tests.golden.stage import Stage

HERE = Path(__file__).parent
EXPECTED = HERE / "expected.jsonl.gz"


def main() -> None:
    """Create missing fixtures and write the expected results."""
    if not (HERE / "catalog-schema-4.db.gz").exists():
        _write_catalog_fixture()
    if not (HERE / "catalog-schema-1.db.gz").exists():
        _write_first_catalog_fixture()
    if not (HERE / "recording.har.gz").exists():
        _write_recording_fixture()
    lines = []
    for scenario in SCENARIOS:
        lines.append(json.dumps(play(scenario), ensure_ascii=False) + "\n")
        sys.stderr.write(f"{scenario.name}: {len(scenario.cases)} cases\n")
    _write_compressed(EXPECTED.name, "".join(lines).encode())


def _write_compressed(name: str, content: bytes) -> None:
    (HERE / name).write_bytes(gzip.compress(content, mtime=0))


def _write_catalog_fixture() -> None:
    with Stage(CATALOG_FIXTURE.world) as stage:
        _run_steps(stage, CATALOG_FIXTURE)
        ports = [url.encode() for url in _host_addresses(stage)]
        path = stage.cwd / "kept.db"
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
        _write_compressed("catalog-schema-4.db.gz", path.read_bytes())
        _write_compressed(
            "dump-version-2.jsonl.gz", stage.shell.ok("export", "--db", str(path)).out.encode()
        )


def _write_first_catalog_fixture() -> None:
    with Stage("none") as stage:
        stage.do_first_catalog()
        path = stage.cwd / "kept.db"
        with contextlib.closing(sqlite3.connect(stage.shell.db)) as connection:
            connection.execute("VACUUM INTO ?", (str(path),))
        _write_compressed("catalog-schema-1.db.gz", path.read_bytes())


def _write_recording_fixture() -> None:
    with Stage(RECORDING_FIXTURE.world) as stage:
        _run_steps(stage, RECORDING_FIXTURE)
        text = (stage.cwd / "recording.har").read_text(encoding="utf-8")
        for number, address in enumerate(_host_addresses(stage)):
            text = re.sub(re.escape(address) + r"\b", f"127.0.0.1:{10_001 + number}", text)
        _write_compressed("recording.har.gz", text.encode())


def _run_steps(stage: Stage, scenario: Scenario) -> None:
    for step in scenario.steps:
        if isinstance(step, Case):
            code, out, err = stage.run(step.argv, step.stdin)
            sys.stderr.write(f"{step.name}: {code} {out[:200]} {err}\n")
        else:
            stage.do(step.action, *step.arguments)


def _host_addresses(stage: Stage) -> list[str]:
    hosts = stage.hosts
    return [
        server.url.removeprefix("http://") for server in (hosts.github, hosts.pypi, hosts.pypistats)
    ]


if __name__ == "__main__":
    main()
