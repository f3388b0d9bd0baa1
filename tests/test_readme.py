"""The README is correct: its picture, its tables and its commands."""

import datetime as dt
import re
from pathlib import Path

import pytest

from pkgharvest.api_v4.encode import RECORD_FIELDS
from pkgharvest.cli.errors import ExitCode
from pkgharvest.model.clock import FixedClock
from tests.support.command_line import CommandLine

README = Path(__file__).parents[1] / "README.md"
CLOCK = dt.datetime(2026, 2, 16, 0, 10, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def text() -> str:
    return README.read_text(encoding="utf-8")


def between(text: str, mark: str) -> str:
    """Return the text between a mark and its end mark, without code fences."""
    part = text.partition(f"<!-- {mark} -->\n")[2].partition("<!-- end -->")[0]
    return re.sub(r"^```\w*\n", "", part, flags=re.MULTILINE)


def test_the_readme_picture_matches_the_output(text: str, tmp_path: Path) -> None:
    shell = CommandLine(tmp_path, {"COLUMNS": "126"})
    shell.clock = FixedClock(CLOCK)
    shell.ok("demo", "-q")
    demo_db = ("--db", "pkgharvest-demo.db")
    commands = []
    for arguments in (["list"], ["show", "django-ltree"]):
        output = shell.ok(*demo_db, *arguments).out
        commands.append(f"$ pkgharvest {' '.join(arguments)}\n{output}")
    picture = "\n".join(shell.rstrip() for shell in "\n".join(commands).splitlines()) + "\n"
    if between(text, "picture") != picture:
        new = f"<!-- picture -->\n```\n{picture}```\n<!-- end -->"
        (tmp_path / "picture.md").write_text(new, encoding="utf-8")
        pytest.fail(f"the picture has changed; the new one is in {tmp_path / 'picture.md'}")


def test_the_readme_lists_every_key_of_the_record(text: str) -> None:
    rows = between(text.replace("## The record", "<!-- record -->"), "record").split(
        "`--full` adds"
    )[0]
    names = [name for row in re.findall(r"^\| (`.*?) \|", rows, re.MULTILINE)
             for name in re.findall(r"`(\w+)`", row)]  # fmt: skip
    assert sorted(names) == sorted(field.name for field in RECORD_FIELDS)


def test_the_readme_lists_every_exit_code(text: str) -> None:
    codes = re.findall(r"^\| (\d+) \|", text, re.MULTILINE)
    assert [int(printed_code) for printed_code in codes] == [
        printed_code.value for printed_code in ExitCode
    ]


@pytest.mark.parametrize("mark", ["demo", "tests"])
def test_the_readme_commands_are_one_line_each(text: str, mark: str) -> None:
    assert between(text, mark).count("\n") == 1
