"""Git repositories behind a server, and sources that read them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.git_bench import Bench
from tests.support.git_server import GitServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    """Serve a directory of repositories, empty at first."""
    with GitServer(tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture
def bench(tmp_path: Path, server: GitServer) -> Bench:
    """Return a source of git repositories with caches of its own."""
    return Bench(tmp_path, server)
