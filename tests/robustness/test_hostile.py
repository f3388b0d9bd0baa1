"""Text that hosts send is text: no format lets it act on a terminal, hide, or break out."""

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
EVIL = f"{ESCAPES}{BIDI}{MARKUP}{BREAKS}"

FORMATS = ("table", "json", "jsonl", "csv", "tsv", "md")
ACTS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u200b\u202a-\u202e\u2060-\u2069]")


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """A catalogue of one package, everything of which that a host tells is hostile."""
    repo = repository(
        owner="octo",
        name="cat",
        description=EVIL,
        homepage=f"javascript:{EVIL}",
        license=EVIL,
        topics=[EVIL],
        default_branch=EVIL,
        contributors=[FakeContributor(name=EVIL, contributions=9)],
    )
    shell = CommandLine(tmp_path_factory.mktemp("hostile"))
    with Hosts(repo) as hosts:
        hosts.projects.add(
            released(
                "cat",
                ["1.0"],
                project_urls={
                    "Source": "https://github.com/octo/cat",
                    "Documentation": f"https://docs.test/{EVIL}",
                },
                summary=EVIL,
                license=EVIL,
                classifiers=[EVIL, "Programming Language :: Python :: 3.11"],
                requires_python=EVIL,
            )
        )
        shell.variables |= hosts.variables
        shell.ok("add", "octo/cat")
        shell.ok("fetch", "cat")
        yield shell


def harmless(text: str, *, tabs: bool = False) -> bool:
    return not ACTS.search(text.replace("\t", "") if tabs else text)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("command", [("list",), ("show", "cat"), ("show", "cat", "--full")])
def test_nothing_acts(shell: CommandLine, command: tuple[str, ...], form: str) -> None:
    text = shell.ok(*command, "--format", form).out
    assert harmless(text, tabs=form == "tsv")


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_json_keeps_it(shell: CommandLine, form: str) -> None:
    record = json.loads(shell.ok("show", "cat", "--full", "--format", form).out)
    assert record["repo_description"] == EVIL
    assert record["participants"] == [EVIL]
    assert record["topics"] == [EVIL]


def test_lines_stay_lines(shell: CommandLine) -> None:
    for form, count in (("jsonl", 1), ("csv", 2), ("tsv", 2), ("md", 3)):
        text = shell.ok("list", "--full", "--format", form).out
        assert len(text.splitlines()) == text.count("\n") == count, form
    rows = list(csv.reader(io.StringIO(shell.ok("list", "--format", "csv").out)))
    assert len(rows[0]) == len(rows[1]) == 18


def test_markup_is_text(shell: CommandLine) -> None:
    shell.variables["FORCE_COLOR"] = "1"
    try:
        text = shell.ok("show", "cat").out
    finally:
        del shell.variables["FORCE_COLOR"]
    joined = re.sub(r"[\s│]+|\x1b\[[0-9;]*m", "", text)
    assert "[boldred]x[/][link=file:///etc/passwd]y[/link]:smile:" in joined
    assert "\x1b]8" not in text  # no hyperlink
    assert not re.search(r"\x1b(?!\[[0-9;]*m)", text)


def test_names_of_branches_and_failures(tmp_path: Path) -> None:
    shell = CommandLine(tmp_path)
    with Hosts(repository(owner="octo", name="cat")) as hosts:
        shell.variables |= hosts.variables
        said = json.dumps({"message": EVIL, "block": {"reason": EVIL}}).encode()
        hosts.github.fault("/repos/", Fault(status=403, body=said))
        shell.ok("add", "octo/cat")
        result = shell.run("fetch", "cat", "-v", "--json")
    assert result.code == 3
    assert harmless(result.err)
    assert harmless(result.out)
    assert len(result.out.splitlines()) == result.out.count("\n")
    assert harmless(shell.ok("show", "cat").out)
    assert harmless(shell.ok("list", "--format", "csv", "--full").out)


def test_a_title_that_a_person_was_made_to_paste(shell: CommandLine) -> None:
    added = shell.run("add", "octo/dog", "--title", EVIL)
    try:
        assert harmless(added.out + added.err)
        for form in FORMATS:
            text = shell.ok("list", "--format", form, "--fields", "title").out
            assert harmless(text, tabs=form == "tsv")
    finally:
        shell.ok("remove", "dog", "--yes")
