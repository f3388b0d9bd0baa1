"""The documentation: its generated pages are complete, its links lead somewhere, it builds."""

import builtins
import contextlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs import generate
from pkgharvest.cli.main import cli
from tests.support.documents import commands_in, expect_command_exists

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "pkgharvest"
CLASSES = set(vars(builtins)) | {
    name
    for folder in (SOURCE, ROOT / "tests")
    for path in folder.rglob("*.py")
    for name in re.findall(r"^class (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
}
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
    if not {"_build", "reference"} & set(path.parts)
)


def test_the_reference_has_every_command_and_option() -> None:
    page = generate.commands_page()
    context = cli.make_context("pkgharvest", ["list"])
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        help_text = page.partition(f"\n## pkgharvest {name}\n")[2].partition("\n## ")[0]
        for parameter in command.params:
            for option in parameter.opts:
                assert not option.startswith("--") or option in help_text, (name, option)
    assert "### pkgharvest history backfill\n" in page


def test_the_reference_of_tables_describes_each_table_of_a_new_catalog() -> None:
    with generate.new_catalog() as connection:
        tables = generate.table_names(connection)
        columns = [row[1] for row in connection.execute("PRAGMA table_info(packages)")]
    assert sorted(generate.TABLES) == tables, "describe the tables in docs/generate.py"
    page = generate.schema_page()
    assert [name for name in tables if f"\n## {name}\n" not in page] == []
    assert [name for name in columns if f"\n| `{name}` | " not in page] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_classes_that_a_document_names_exist(page: Path) -> None:
    missing = []
    for line in page.read_text(encoding="utf-8").splitlines():
        spans = re.findall(r"`([^`]+)`", line)
        names = [name for name in spans if _is_path(name)]
        # In a row of the map, a file without a folder is in the folder that the row begins with.
        folders = [path for name in names for path in _find_files(name) if path.is_dir()]
        for name in names:
            beside = [folder / name for folder in folders] if line.startswith("|") else []
            anywhere = [] if beside or "/" in name else ROOT.glob(f"[!.]*/**/{name}")
            found = (*_find_files(name), *anywhere, *(path for path in beside if path.exists()))
            missing += [] if found else [name]
        missing += [name for name in spans if _is_class_name(name) and name not in CLASSES]
    assert missing == []


def test_the_map_of_the_code_has_every_layer() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    layers = [path.parent.name for path in SOURCE.glob("*/__init__.py")]
    assert [name for name in layers if f"\n| `{name}/` | " not in page] == []


def _is_path(text: str) -> bool:
    """Return whether a text is a file or folder of the project, without a placeholder in it."""
    if not re.fullmatch(r"\w[\w./-]*(/|\.py)", text):
        return False
    path = Path(text)
    return path.stem != "example" and not any(Path(part).stem.isupper() for part in path.parts)


def _find_files(name: str) -> list[Path]:
    """Return the file or folder with this path in the repository, or in the package."""
    return [path for path in (ROOT / name, SOURCE / name) if path.exists()]


def _is_class_name(text: str) -> bool:
    return re.fullmatch(r"(?:[A-Z]+[a-z0-9]+){2,}", text) is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_in_the_documents_exist_with_their_options(page: Path) -> None:
    for words in commands_in(page.read_text(encoding="utf-8")):
        expect_command_exists(words)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("sphinx") is None, reason="Sphinx is not installed")
def test_the_documentation_builds_without_a_warning(tmp_path: Path) -> None:
    words = ("-m", "sphinx", "-q", "-W", "--keep-going", "docs", str(tmp_path / "html"))
    with contextlib.chdir(ROOT):
        done = subprocess.run(
            (sys.executable, *words), check=False, capture_output=True, text=True, timeout=50
        )
    assert done.returncode == 0, done.stderr
    assert "pkgharvest history backfill" in (tmp_path / "html/reference/commands.html").read_text()
