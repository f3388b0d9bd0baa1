"""A forge is two files: those in CONTRIBUTING.md are put in their places, and read through."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pkgharvest.model.forges
import pkgharvest.sources
from pkgharvest.model.forges.base import find_forges
from pkgharvest.model.locators import parse_locator
from pkgharvest.sources.base import find_source
from tests.standins.server import Call, LoopbackServer, Reply
from tests.support import histories
from tests.support.command_line import CommandLine
from tests.support.git_server import GitServer

GUIDE = Path(__file__).parents[2] / "CONTRIBUTING.md"
TOKEN = "a-token-of-some-length"


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put the guide's two files into folders that the two packages are looked for in, too."""
    write_example(tmp_path / "extra")
    for package in (pkgharvest.model.forges, pkgharvest.sources):
        folder = package.__name__.removeprefix("pkgharvest.").replace(".", "/")
        paths = [*package.__path__, str(tmp_path / "extra" / folder)]
        monkeypatch.setattr(package, "__path__", paths)
    _forget()
    yield
    monkeypatch.undo()
    _forget()


def write_example(directory: Path) -> list[Path]:
    """Write the guide's two files below ``directory``, and return their paths."""
    files = dict(
        re.findall(
            r"^`src/pkgharvest/(\S+/example\.py)`:\n\n```python\n(.*?)^```$",
            GUIDE.read_text(encoding="utf-8"),
            flags=re.MULTILINE | re.DOTALL,
        )
    )
    assert set(files) == {"model/forges/example.py", "sources/example.py"}
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    return [directory / name for name in files]


def _forget() -> None:
    for cached in (find_forges, find_source):
        cached.cache_clear()
    for package in (pkgharvest.model.forges, pkgharvest.sources):
        sys.modules.pop(f"{package.__name__}.example", None)
        vars(package).pop("example", None)


def test_every_kind_host_and_scheme_belongs_to_one_forge() -> None:
    forges = find_forges()
    found = list(forges.by_kind.values())
    assert {"bitbucket", "forgejo", "github", "gitlab"} <= set(forges.by_kind)
    for names in (
        [host for forge in found for host in (*forge.hosts, *forge.aliases, *forge.api_hosts)],
        [scheme for forge in found for scheme in forge.schemes],
        [variable for forge in found if forge.api for variable in forge.api.token_variables],
    ):
        assert len(names) == len(set(names))
        assert names == [name for name in names if name == name.lower() or name.isupper()]


def test_a_forge_without_a_source_is_read_by_git() -> None:
    assert find_source("github") is not None
    assert find_source("gitlab") is None
    assert find_source("git") is None


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
def test_the_files_of_a_new_forge_have_correct_types(tmp_path: Path) -> None:
    paths = [str(path) for path in write_example(tmp_path)]
    done = subprocess.run(
        (sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), *paths),
        cwd=GUIDE.parent,
        env={**os.environ, "MYPYPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.usefixtures("example")
@pytest.mark.parametrize(
    "text",
    [
        "https://forge.example/Mona/Tool/issues",
        "git@forge.example:Mona/Tool.git",
        "www.forge.example/Mona/Tool",
        "example:Mona/Tool",
    ],
)
def test_a_new_forge_has_its_spellings(text: str) -> None:
    locator = parse_locator(text)
    assert locator.url == locator.clone_url == "https://forge.example/Mona/Tool"
    assert locator.key == "forge.example/mona/tool"


@pytest.mark.usefixtures("example")
def test_a_new_forge_has_its_settings(tmp_path: Path) -> None:
    shell = CommandLine(tmp_path, {"EXAMPLE_TOKEN": TOKEN})
    settings = shell.ok("config", "show", "--json").json()
    assert settings["example_api_url"] == {
        "value": "https://forge.example/api/v1",
        "origin": "default",
    }
    assert settings["example_token"] == {"value": f"***{TOKEN[-4:]}", "origin": "EXAMPLE_TOKEN"}
    (shell.cwd / "pkgharvest.toml").write_text('[hosts."git.example.org"]\nkind = "nope"\n')
    assert " example, " in shell.run("config", "show").hint


@pytest.mark.usefixtures("example")
def test_a_repository_is_read_through_a_new_forge(tmp_path: Path) -> None:
    histories.build(histories.load("django-ltree"), tmp_path / "served" / "Mona" / "Tool")
    body = {
        "id": 7,
        "full_name": "Mona/Tool",
        "description": "A tool",
        "website": "https://tool.example",
        "topics": ["tools"],
        "license": "MIT",
        "stars_count": 5,
        "forks_count": 2,
        "open_issues_count": 1,
        "default_branch": "main",
        "archived": False,
        "archived_at": None,
        "updated_at": "2026-02-01T00:00:00Z",
    }

    def reply(call: Call) -> Reply:
        if call.path != "/api/v1/repos/Mona/Tool":
            return Reply(status=404)
        if call.headers.get("if-none-match") == '"1"':
            return Reply(status=304, headers={"etag": '"1"'})
        headers = {"content-type": "application/json", "etag": '"1"'}
        return Reply(status=200, headers=headers, body=json.dumps(body).encode())

    with LoopbackServer(reply) as api, GitServer(tmp_path / "served") as git:
        shell = CommandLine(tmp_path, {"EXAMPLE_SELF_HOSTED_TOKEN": TOKEN, "EXAMPLE_TOKEN": "no"})
        host = f"127.0.0.1:{git.port}"
        (shell.cwd / "hosts.toml").write_text(
            f'[hosts."{host}"]\nkind = "example"\napi = "{api.url}/api/v1"\n'
        )
        shell.ok("add", git.locator("Mona/Tool").url, "--no-pypi")
        fetch = ("fetch", "--all", "--source", "repo", "--config", "hosts.toml", "--json")
        shell.ok(*fetch)
        record = shell.show("tool", "--full")
        again = shell.ok(*fetch).json()
    assert (record["repo_id"], record["repo_watchers"], record["license"]) == (7, 5, "MIT")
    assert record["repo_url"] == f"http://{host}/Mona/Tool"
    assert record["topics"] == ["tools"]
    assert len(record["commits_over_52"]) == 52
    assert record["participants"]
    assert again["packages"]["unchanged"] == 1
    assert [call.status for call in api.log] == [200, 304]
    assert {call.headers.get("authorization") for call in api.log} == {f"token {TOKEN}"}
