"""The current program does the same on many command lines as an earlier version did.

``RENAMED`` and the constants after it list the names that changed since ``expected.jsonl.gz`` was
recorded, so a renamed column, module or message needs no new recording. A new field of a package
does, because exports and ``--full`` print it: ``record.py`` records the file again.
"""

import gzip
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.golden.cases import SCENARIOS, Case, Scenario
from tests.golden.play import play
from tests.golden.stage import FIXTURES

Json = Any

RENAMED: dict[str, dict[str, str]] = {
    "package": {
        "edited": "user_fields",
        "pypi_choice": "pypi_source",
        "pypi_tried": "pypi_lookup_note",
    },
    "category": {"edited": "user_fields", "by_number": "is_placeholder"},
    "grid": {"edited": "user_fields", "by_number": "is_placeholder"},
}
"""Old and new names of columns.

The keys are the type of an export's line (``package``, ``category``, ``grid``) or the name of a
table (``fetches``, ``validators``, ``runs``).
"""

RENAMED_FIELDS: dict[str, str] = {}
"""Old and new values in the columns of ``FIELD_LISTS``."""

FIELD_LISTS = frozenset({"edited", "user_fields"})
"""Columns that hold names of fields, under their old and new names."""

DUMP_TYPE = {"catalogue": "catalogue"}
"""Old and new type of the first line of an export."""

DUMP_VERSION = {2: 3}
"""Old and new version in the first line of an export."""

_WORDS = re.compile(r"[^\W_][\w.-]*[^\W_]|[^\W_]")
_NUMBERS = re.compile(r"\d+(?:[.,:]\d+)*")
_PLACEHOLDERS = re.compile(r"<[A-Z0-9]+>")
_FORGE_SETTING = re.compile("_(api_url|graphql_url|token)$")
_MESSAGE = re.compile(r'"message": "(?:[^"\\]|\\.)+"')
"""A message in JSON that is not empty: its text may change."""


def _read_expected() -> dict[str, Json]:
    raw = gzip.decompress((FIXTURES / "expected.jsonl.gz").read_bytes())
    scenarios = [json.loads(line) for line in raw.splitlines()]
    return {scenario["scenario"]: scenario for scenario in scenarios}


EXPECTED = _read_expected()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_golden_scenario_is_unchanged(scenario: Scenario) -> None:
    then, now = EXPECTED[scenario.name], play(scenario)
    assert [case["name"] for case in now["cases"]] == [case["name"] for case in then["cases"]]
    slugs = frozenset(then["slugs"])
    different = [
        f"{scenario.name}: {case.name}\n    {difference}"
        for case, before, after in zip(scenario.cases, then["cases"], now["cases"], strict=True)
        for difference in _differences(case, before, after, slugs)
    ]
    different += [
        f"{scenario.name}: at its end\n    {difference}"
        for difference in (
            *_file_differences(then["files"], now["files"]),
            *_catalog_differences(then["catalogs"], now["catalogs"]),
        )
    ]
    assert not different, "\n" + "\n".join(different)


def test_every_golden_scenario_has_expected_results() -> None:
    assert list(EXPECTED) == [scenario.name for scenario in SCENARIOS]


# ── command lines ──


def _differences(case: Case, then: Json, now: Json, slugs: frozenset[str]) -> Iterator[str]:
    """Yield a line for each difference."""
    if then["code"] != now["code"]:
        yield f"exit code {then['code']} is now {now['code']}: {now['err']!r}"
        return
    for stream in ("out", "err"):
        if bool(then[stream]) != bool(now[stream]):
            yield f"{stream}: {_short(then[stream])} is now {_short(now[stream])}"
    if case.comparison == "streams":
        return
    if _frame(then["err"]) != _frame(now["err"]):
        yield f"errors and hints: {then['err']!r} is now {now['err']!r}"
    if case.comparison == "frame":
        return
    yield from _missing("err", then["err"], now["err"], slugs)
    match case.comparison:
        case "tokens":
            yield from _missing("out", then["out"], now["out"], slugs)
        case "exact":
            yield from _text_differences(case, then["out"], now["out"], slugs)
        case "dump":
            yield from _line_differences(_lines(then["out"]), _lines(now["out"]))
        case _:
            return


def _frame(text: str) -> tuple[int, int, bool]:
    """Return the numbers of errors and hints, and whether an error comes first."""
    lines = text.splitlines()
    errors = sum(line.startswith("error: ") for line in lines)
    hints = sum(line.startswith("hint: ") for line in lines)
    return errors, hints, text.startswith("error: ")


def _missing(stream: str, then: str, now: str, slugs: frozenset[str]) -> Iterator[str]:
    """Yield the numbers, slugs and placeholders that are no longer printed."""
    missing = _tokens(then, slugs) - _tokens(now, slugs)
    if missing:
        yield f"{stream}: {sorted(missing)} missing in {_short(now)}, was {_short(then)}"


def _tokens(text: str, slugs: frozenset[str]) -> set[str]:
    words = {word for word in _WORDS.findall(text) if word in slugs}
    return words | set(_NUMBERS.findall(text)) | set(_PLACEHOLDERS.findall(text))


def _without_messages(text: str) -> str:
    """Replace messages, whose text may change."""
    return _MESSAGE.sub('"message": "…"', text)


def _text_differences(case: Case, then: str, now: str, slugs: frozenset[str]) -> Iterator[str]:
    before = _without_messages(then)
    after = _without_messages(_without_new_forges(case, then, now))
    if before != after:
        yield _first_difference("out", before, after)
        yield from _missing("out", before, after, slugs)


def _without_new_forges(case: Case, then: str, now: str) -> str:
    """Return ``then`` if ``config show --json`` has only gained the settings of new forges."""
    if case.argv[:2] != ("config", "show") or not (then and now):
        return now
    before, after = json.loads(then), json.loads(now)
    added = {name for name in after.keys() - before.keys() if _FORGE_SETTING.search(name)}
    kept = [(name, value) for name, value in after.items() if name not in added]
    return then if added and kept == list(before.items()) else now


def _first_difference(where: str, then: str, now: str) -> str:
    position = next(
        (index for index, (a, b) in enumerate(zip(then, now, strict=False)) if a != b),
        min(len(then), len(now)),
    )
    start = max(0, position - 60)
    return f"{where}: …{then[start : position + 60]!r} is now …{now[start : position + 60]!r}"


def _short(text: str) -> str:
    return repr(text if len(text) < 600 else text[:600] + "…")


# ── files and catalogs ──


def _file_differences(then: Json, now: Json) -> Iterator[str]:
    if then.keys() != now.keys():
        yield f"files {sorted(then)} are now {sorted(now)}"
    for name in then.keys() & now.keys():
        before, after = then[name], now[name]
        if isinstance(before, str) and name.endswith(".jsonl"):
            for difference in _line_differences(_lines(before), _lines(after)):
                yield f"{name}: {difference}"
        elif name.endswith(".txt"):
            yield from _missing(name, before, after, frozenset())
        elif before != after:
            text = (json.dumps(value, indent=1, sort_keys=True) for value in (before, after))
            yield _first_difference(name, *text)


def _catalog_differences(then: Json, now: Json) -> Iterator[str]:
    for name in then.keys() | now.keys():
        before, after = then.get(name), now.get(name)
        if before is None or after is None:
            if before is not after:
                yield f"catalog {name!r}: {before is not None} is now {after is not None}"
            continue
        for difference in _line_differences(before["lines"], after["lines"]):
            yield f"catalog {name!r}: {difference}"
        for table, rows in _normalized_tables(before["tables"]).items():
            old_rows, new_rows = (
                sorted(_without_messages(_row_text(row)) for row in table_rows)
                for table_rows in (rows, after["tables"][table])
            )
            if old_rows != new_rows:
                removed, added = (
                    sorted(set(old_rows) - set(new_rows)),
                    sorted(set(new_rows) - set(old_rows)),
                )
                yield f"catalog {name!r}: {table}: {removed} are now {added}"


def _row_text(row: Json) -> str:
    """Return a row as text that can be sorted, with the report of a run parsed."""
    parsed = row | ({"report": json.loads(row["report"])} if row.get("report") else {})
    return json.dumps(parsed, sort_keys=True)


def _lines(text: str) -> list[Json]:
    return [json.loads(line) for line in text.splitlines()]


def _line_differences(then: list[Json], now: list[Json]) -> Iterator[str]:
    """Yield the differences between two exports."""
    before = normalized(then)
    if len(before) != len(now):
        yield f"{len(before)} lines are now {len(now)}"
    for old, new in zip(before, now, strict=False):
        for key in [*old, *(key for key in new if key not in old)]:
            old_value, new_value = (
                old.get(key, "absent"),
                _without_message_values(key, new.get(key, "absent")),
            )
            if _without_message_values(key, old_value) != new_value:
                yield f"{old.get('slug')}: {key}: {old_value!r} is now {new_value!r}"


def normalized(content: list[Json]) -> list[Json]:
    """Return the lines of an old export as the current program would write them."""
    return [_normalized_line(line) for line in content]


def _normalized_line(line: Json) -> Json:
    if "version" in line and "slug" not in line:
        version = line["version"]
        return {"type": DUMP_TYPE[line["type"]], "version": DUMP_VERSION.get(version, version)}
    renamed = _renamed(line, line["type"])
    for table in ("previous_urls", "participants", "versions", "commit_days", "snapshots"):
        if table in line:
            renamed[table] = [_renamed(row, table) for row in line[table]]
    if "fetches" in line:
        renamed["fetches"] = [_renamed(row, "fetches") for row in line["fetches"]]
    return renamed


def _normalized_tables(tables: Json) -> dict[str, list[Json]]:
    return {name: [_renamed(row, name) for row in rows] for name, rows in tables.items()}


def _renamed(row: Json, kind: str) -> dict[str, Json]:
    names = RENAMED.get(kind, {})
    renamed: dict[str, Json] = {names.get(name, name): value for name, value in row.items()}
    for name in FIELD_LISTS & renamed.keys():
        renamed[name] = [RENAMED_FIELDS.get(field, field) for field in renamed[name]]
    return renamed


def _without_message_values(key: str, value: Json) -> Json:
    """Remove messages from rows."""
    if key == "fetches" and isinstance(value, list):
        return [
            {name: field_value for name, field_value in row.items() if name != "message"}
            for row in value
        ]
    if key in {"pypi_tried", "pypi_lookup_note"}:
        return value is None
    return value
