"""Hostile text from hosts stays text: it cannot control a terminal, hide or break a format."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.standins.github import FakeContributor
from tests.standins.pypi import released
from tests.standins.server import Fault
from tests.support.command_line import CommandLine
from tests.support.github_case import repository
from tests.support.hosts import Hosts

ESCAPES = "\x1b[31mred\x1b]0;title\x07\x9b2J"
BIDI = "\u202egnol\u2066\u200b"
MARKUP = "[bold red]x[/] [link=file:///etc/passwd]y[/link] :smile:"
BREAKS = 'a\r\nb\tc\x00d\u2028e "|` <b>=1+1'
HOSTILE = f"{ESCAPES}{BIDI}{MARKUP}{BREAKS}"

FORMATS = ("table", "json", "jsonl", "csv", "tsv", "md")
CONTROL_CHARACTERS = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u200b\u202a-\u202e\u2060-\u2069]"
)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """Return a catalog with one package whose data from hosts is hostile throughout."""
    repo = repository(
        owner="octo",
        name="cat",
        description=HOSTILE,
        homepage=f"javascript:{HOSTILE}",
        license=HOSTILE,
        topics=[HOSTILE],
        default_branch=HOSTILE,
        contributors=[FakeContributor(name=HOSTILE, contributions=9)],
    )
    shell = CommandLine(tmp_path_factory.mktemp("hostile"))
    with Hosts(repo) as hosts:
        hosts.projects.add(
            released(
                "cat",
                ["1.0"],
                project_urls={
                    "Source": "https://github.com/octo/cat",
                    "Documentation": f"https://docs.test/{HOSTILE}",
                },
                summary=HOSTILE,
                license=HOSTILE,
                classifiers=[HOSTILE, "Programming Language :: Python :: 3.11"],
                requires_python=HOSTILE,
            )
        )
        shell.variables |= hosts.variables
        shell.ok("add", "octo/cat")
        shell.ok("fetch", "cat")
        yield shell


def is_harmless(text: str, *, tabs: bool = False) -> bool:
    return not CONTROL_CHARACTERS.search(text.replace("\t", "") if tabs else text)


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("command", [("list",), ("show", "cat"), ("show", "cat", "--full")])
def test_hostile_text_is_harmless_in_every_format(
    shell: CommandLine, command: tuple[str, ...], format_: str
) -> None:
    text = shell.ok(*command, "--format", format_).out
    assert is_harmless(text, tabs=format_ == "tsv")


@pytest.mark.parametrize("format_", ["json", "jsonl"])
def test_json_preserves_hostile_text(shell: CommandLine, format_: str) -> None:
    record = json.loads(shell.ok("show", "cat", "--full", "--format", format_).out)
    assert record["repo_description"] == HOSTILE
    assert record["participants"] == [HOSTILE]
    assert record["topics"] == [HOSTILE]


def test_hostile_text_adds_no_lines(shell: CommandLine) -> None:
    for format_, count in (("jsonl", 1), ("csv", 2), ("tsv", 2), ("md", 3)):
        text = shell.ok("list", "--full", "--format", format_).out
        assert len(text.splitlines()) == text.count("\n") == count, format_
    rows = list(csv.reader(io.StringIO(shell.ok("list", "--format", "csv").out)))
    assert len(rows[0]) == len(rows[1]) == 18


def test_hostile_markup_is_printed_as_text(shell: CommandLine) -> None:
    shell.variables["FORCE_COLOR"] = "1"
    try:
        text = shell.ok("show", "cat").out
    finally:
        del shell.variables["FORCE_COLOR"]
    joined = re.sub(r"[\s│]+|\x1b\[[0-9;]*m", "", text)
    assert "[boldred]x[/][link=file:///etc/passwd]y[/link]:smile:" in joined
    assert "\x1b]8" not in text  # no hyperlink
    assert not re.search(r"\x1b(?!\[[0-9;]*m)", text)


def test_hostile_error_messages_are_harmless(tmp_path: Path) -> None:
    shell = CommandLine(tmp_path)
    with Hosts(repository(owner="octo", name="cat")) as hosts:
        shell.variables |= hosts.variables
        body = json.dumps({"message": HOSTILE, "block": {"reason": HOSTILE}}).encode()
        hosts.github.fault("/repos/", Fault(status=403, body=body))
        shell.ok("add", "octo/cat")
        result = shell.run("fetch", "cat", "-v", "--json")
    assert result.code == 3
    assert is_harmless(result.err)
    assert is_harmless(result.out)
    assert len(result.out.splitlines()) == result.out.count("\n")
    assert is_harmless(shell.ok("show", "cat").out)
    assert is_harmless(shell.ok("list", "--format", "csv", "--full").out)


def test_a_hostile_title_option_is_harmless(shell: CommandLine) -> None:
    added = shell.run("add", "octo/dog", "--title", HOSTILE)
    try:
        assert is_harmless(added.out + added.err)
        for format_ in FORMATS:
            text = shell.ok("list", "--format", format_, "--fields", "title").out
            assert is_harmless(text, tabs=format_ == "tsv")
    finally:
        shell.ok("remove", "dog", "--yes")
