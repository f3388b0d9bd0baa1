"""What an earlier program did on many command lines, the program of today still does.

``RENAMED`` and what stands beside it say which names have changed since ``expected.jsonl.gz`` was
written; nothing else has to be filled in after names of columns, modules or words of messages
have changed. ``record.py`` writes the file anew.
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
"""By the type of an export's line (``package``, ``category``, ``grid``) or the name of a table
(``fetches``, ``validators``, ``runs``): names of columns then, and what they are called now."""

RENAMED_FIELDS: dict[str, str] = {}
"""Values in such a list of the names of fields (``edited``): then, and now."""

FIELD_LISTS = frozenset({"edited", "user_fields"})
"""The columns that hold names of fields, by their old and new names."""

DUMP_TYPE = {"catalogue": "catalogue"}
"""The type of the first line of an export: then, and now."""

DUMP_VERSION = {2: 3}
"""The version in it: then, and now."""

_WORDS = re.compile(r"[^\W_][\w.-]*[^\W_]|[^\W_]")
_NUMBERS = re.compile(r"\d+(?:[.,:]\d+)*")
_PLACES = re.compile(r"<[A-Z0-9]+>")
_SAID = re.compile(r'"message": "(?:[^"\\]|\\.)+"')
"""A member of JSON for people, not empty: its words may change."""


def _expected() -> dict[str, Json]:
    raw = gzip.decompress((FIXTURES / "expected.jsonl.gz").read_bytes())
    told = [json.loads(line) for line in raw.splitlines()]
    return {one["scenario"]: one for one in told}


EXPECTED = _expected()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_it_is_as_it_was(scenario: Scenario) -> None:
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


def test_every_scenario_is_expected() -> None:
    assert list(EXPECTED) == [scenario.name for scenario in SCENARIOS]


# ── command lines ──


def _differences(case: Case, then: Json, now: Json, slugs: frozenset[str]) -> Iterator[str]:
    """Yield in what the two differ, each in a line."""
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
        case "exact" if _unsaid(then["out"]) != _unsaid(now["out"]):
            yield _first_difference("out", _unsaid(then["out"]), _unsaid(now["out"]))
            yield from _missing("out", then["out"], now["out"], slugs)
        case "dump":
            yield from _line_differences(_lines(then["out"]), _lines(now["out"]))
        case _:
            return


def _frame(text: str) -> tuple[int, int, bool]:
    """Return how many errors and hints there are, and whether an error comes first."""
    lines = text.splitlines()
    errors = sum(line.startswith("error: ") for line in lines)
    hints = sum(line.startswith("hint: ") for line in lines)
    return errors, hints, text.startswith("error: ")


def _missing(stream: str, then: str, now: str, slugs: frozenset[str]) -> Iterator[str]:
    """Yield which numbers, slugs and places were printed and are no longer."""
    missing = _tokens(then, slugs) - _tokens(now, slugs)
    if missing:
        yield f"{stream}: {sorted(missing)} missing in {_short(now)}, was {_short(then)}"


def _tokens(text: str, slugs: frozenset[str]) -> set[str]:
    words = {word for word in _WORDS.findall(text) if word in slugs}
    return words | set(_NUMBERS.findall(text)) | set(_PLACES.findall(text))


def _unsaid(text: str) -> str:
    """Take out sentences for people: their words may change."""
    return _SAID.sub('"message": "…"', text)


def _first_difference(where: str, then: str, now: str) -> str:
    place = next(
        (at for at, (a, b) in enumerate(zip(then, now, strict=False)) if a != b),
        min(len(then), len(now)),
    )
    start = max(0, place - 60)
    return f"{where}: …{then[start : place + 60]!r} is now …{now[start : place + 60]!r}"


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
            text = (json.dumps(one, indent=1, sort_keys=True) for one in (before, after))
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
            was, is_now = (
                sorted(_unsaid(_row_text(row)) for row in some)
                for some in (rows, after["tables"][table])
            )
            if was != is_now:
                gone, come = sorted(set(was) - set(is_now)), sorted(set(is_now) - set(was))
                yield f"catalog {name!r}: {table}: {gone} are now {come}"


def _row_text(row: Json) -> str:
    """Return a row as text that sorts; the report of a run, which is JSON in it, opened."""
    opened = row | ({"report": json.loads(row["report"])} if row.get("report") else {})
    return json.dumps(opened, sort_keys=True)


def _lines(text: str) -> list[Json]:
    return [json.loads(line) for line in text.splitlines()]


def _line_differences(then: list[Json], now: list[Json]) -> Iterator[str]:
    """Yield in what two exports differ."""
    before = normalized(then)
    if len(before) != len(now):
        yield f"{len(before)} lines are now {len(now)}"
    for old, new in zip(before, now, strict=False):
        for key in [*old, *(key for key in new if key not in old)]:
            one, other = old.get(key, "absent"), _unsaid_rows(key, new.get(key, "absent"))
            if _unsaid_rows(key, one) != other:
                yield f"{old.get('slug')}: {key}: {one!r} is now {other!r}"


def normalized(content: list[Json]) -> list[Json]:
    """Return the lines of an export of then as the program of today would write them."""
    return [_normalized_line(line) for line in content]


def _normalized_line(line: Json) -> Json:
    if "version" in line and "slug" not in line:
        return {"type": DUMP_TYPE[line["type"]], "version": DUMP_VERSION[line["version"]]}
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
    found: dict[str, Json] = {names.get(name, name): value for name, value in row.items()}
    for name in FIELD_LISTS & found.keys():
        found[name] = [RENAMED_FIELDS.get(field, field) for field in found[name]]
    return found


def _unsaid_rows(key: str, value: Json) -> Json:
    """Take out of rows what is said to people."""
    if key == "fetches" and isinstance(value, list):
        return [{name: one for name, one in row.items() if name != "message"} for row in value]
    if key in {"pypi_tried", "pypi_lookup_note"}:
        return value is None
    return value
