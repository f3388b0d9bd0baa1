"""Fixtures that several folders share. A module overrides one where it needs something else."""

import functools
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.standins.github import GitHubStandIn
from tests.standins.github_graphql import GitHubGraphQL
from tests.support import graphql_case
from tests.support.command_line import CommandLine
from tests.support.hosts import Hosts, make_repositories

HERE = Path(__file__).parent

SLOW = (
    *("golden", "properties", "robustness", "sources/git"),
    *("cli/test_backfill.py", "cli/test_bare.py", "cli/test_batches.py", "cli/test_category.py"),
    *("cli/test_db.py", "cli/test_demo.py", "cli/test_display.py", "cli/test_downloads.py"),
    *("cli/test_edit.py", "cli/test_export.py", "cli/test_fetch_limits.py", "cli/test_grid.py"),
    *("cli/test_import.py", "cli/test_main.py", "cli/test_progress.py", "cli/test_quota.py"),
    *("cli/test_reasons.py", "cli/test_remove.py", "cli/test_replay.py", "cli/test_search.py"),
    *("cli/test_configured_hosts.py", "cli/test_import_merge.py", "cli/test_import_web.py"),
    *("cli/test_stops.py", "cli/test_truth.py", "cli/test_add.py", "cli/test_credentials.py"),
    *("cli/test_fetch.py", "cli/test_fetch_failures.py", "catalog/test_readonly.py"),
    *("catalog/test_maintenance.py", "catalog/test_snapshots.py", "git/test_process.py"),
    *("pipeline/test_writer.py", "transport/test_httpx_transport.py"),
    *("sources/github/test_graphql_faults.py", "sources/github/test_parity.py"),
    "standins/test_histories.py",
)
"""Below ``tests``: many runs of the program, processes, real git."""

SLOW_TEST_TIMEOUT_SECONDS = 300


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Start one worker more than there are cores, because many slow tests wait for a process."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
    return cores if config.option.markexpr == "not slow" else cores + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow files, and those that Hypothesis runs a hundred times."""
    slow = tuple(HERE / path for path in SLOW)
    for item in items:
        examples = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        if examples or any(item.path.is_relative_to(path) for path in slow):
            item.add_marker(pytest.mark.slow)
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_TEST_TIMEOUT_SECONDS))


def pytest_configure() -> None:
    """Take SIGINT as usual, so that the processes tests start do too.

    Whoever runs the tests may ignore it (a job in the background, ``trap '' INT``), and a process
    started with a signal ignored keeps ignoring it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def hosts(request: pytest.FixtureRequest) -> Iterator[Hosts]:
    """GitHub and PyPI on the loopback interface, with as many repositories as the mark says.

    ``pytestmark = pytest.mark.repositories(3)`` makes ``octo/r000`` to ``octo/r002``; further
    arguments go to ``Hosts``.
    """
    mark = request.node.get_closest_marker("repositories")
    assert mark is not None, "mark the module with repositories(COUNT)"
    with Hosts(*make_repositories(*mark.args), **mark.kwargs) as hosts:
        yield hosts


@pytest.fixture(scope="module")
def prepared() -> CommandLine | None:
    """Return the command line whose catalog each test gets a copy of; none here."""
    return None


@pytest.fixture
def shell(
    request: pytest.FixtureRequest, tmp_path: Path, prepared: CommandLine | None
) -> CommandLine:
    """Return a command line with its own home directory.

    Its catalog is a copy of the ``prepared`` one; or it has the repositories of the mark
    ``repositories``, not yet fetched; or there is none.
    """
    if prepared is not None:
        shutil.copytree(prepared.home, tmp_path / "home")
        return CommandLine(tmp_path)
    mark = request.node.get_closest_marker("repositories")
    if mark is None:
        return CommandLine(tmp_path)
    hosts: Hosts = request.getfixturevalue("hosts")
    shell = CommandLine(tmp_path, hosts.variables)
    shell.create_catalog(_catalog_of(*mark.args))
    return shell


@functools.cache
def _catalog_of(count: int) -> bytes:
    """Return the file of a catalog with so many repositories, as ``add`` makes it."""
    with tempfile.TemporaryDirectory() as directory:
        shell = CommandLine(Path(directory))
        shell.ok("add", *(repo.full_name for repo in make_repositories(count)))
        return shell.db.read_bytes()


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reach the loopback interface directly."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def github() -> Iterator[GitHubGraphQL]:
    """Run a GitHub with both APIs and no repositories, at NOW."""
    with graphql_case.stand_in() as server:
        yield server


@pytest.fixture
def http(github: GitHubStandIn) -> Iterator[httpx.Client]:
    """Open a plain client of ``github``, without TLS or proxies."""
    agent = {"user-agent": "tests"}
    with httpx.Client(base_url=github.url, headers=agent, verify=False, trust_env=False) as client:
        yield client
