"""The README is correct: its picture, its tables and its commands."""

import datetime as dt
import re
from pathlib import Path

import pytest

from pkgharvest.api_v4.encode import RECORD_FIELDS
from pkgharvest.cli.exit_codes import ExitCode
from pkgharvest.model.clock import FixedClock
from tests.support.command_line import CommandLine

README = Path(__file__).parent.parent / "README.md"
AN_HOUR_LATER = dt.datetime(2026, 2, 16, 0, 10, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def text() -> str:
    return README.read_text(encoding="utf-8")


def between(text: str, mark: str) -> str:
    """Return what stands between a mark and its end, the fences of code aside."""
    part = text.partition(f"<!-- {mark} -->\n")[2].partition("<!-- end -->")[0]
    return re.sub(r"^```\w*\n", "", part, flags=re.MULTILINE)


def test_the_picture_is_what_is_printed(text: str, tmp_path: Path) -> None:
    line = CommandLine(tmp_path, {"COLUMNS": "126"})
    line.clock = FixedClock(AN_HOUR_LATER)
    line.ok("demo", "-q")
    demo = ("--db", "pkgharvest-demo.db")
    pieces = []
    for words in (["list"], ["show", "django-ltree"]):
        printed = line.ok(*demo, *words).out
        pieces.append(f"$ pkgharvest {' '.join(words)}\n{printed}")
    picture = "\n".join(line.rstrip() for line in "\n".join(pieces).splitlines()) + "\n"
    if between(text, "picture") != picture:
        new = f"<!-- picture -->\n```\n{picture}```\n<!-- end -->"
        (tmp_path / "picture.md").write_text(new, encoding="utf-8")
        pytest.fail(f"the picture has changed; the new one is in {tmp_path / 'picture.md'}")


def test_it_has_the_record_key_by_key(text: str) -> None:
    rows = between(text.replace("## The record", "<!-- record -->"), "record").split(
        "`--full` adds"
    )[0]
    named = [name for row in re.findall(r"^\| (`.*?) \|", rows, re.MULTILINE)
             for name in re.findall(r"`(\w+)`", row)]  # fmt: skip
    assert sorted(named) == sorted(field.name for field in RECORD_FIELDS)


def test_it_has_every_exit_code(text: str) -> None:
    named = re.findall(r"^\| (\d+) \|", text, re.MULTILINE)
    assert [int(code) for code in named] == [code.value for code in ExitCode]


@pytest.mark.parametrize("mark", ["demo", "tests"])
def test_each_of_its_two_commands_is_one_line(text: str, mark: str) -> None:
    assert between(text, mark).count("\n") == 1
