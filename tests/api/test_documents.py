"""The Python parts of the documentation run as they stand."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(code: str, directory: Path) -> str:
    """Run ``code`` in a process of its own, in an empty home, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=directory,
        env={"HOME": str(directory), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_the_python_tour_prints_what_it_says(tmp_path: Path) -> None:
    (code,), (output,) = blocks("docs/python.md", "python"), blocks("docs/python.md", "text")
    assert run(code, tmp_path) == output


@pytest.mark.slow
def test_the_python_part_of_the_readme_runs(tmp_path: Path) -> None:
    (code,) = blocks("README.md", "python")
    archive = "__import__('pkgharvest.app.demo').app.demo.archive_path()"
    assert 'catalog.fetch(stale="24h")' in code
    offline = code.replace('stale="24h"', f'stale="24h", replay={archive}')
    assert run(offline, tmp_path).split() == ["django-ltree", "72", "58"]
