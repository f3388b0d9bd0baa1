"""Open catalogs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.catalogs import OpenCatalog, open_catalog


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the catalog is."""
    return tmp_path / "cat.db"


@pytest.fixture
def catalog(path: Path) -> Iterator[OpenCatalog]:
    """Open an empty catalog."""
    with open_catalog(path) as opened:
        yield opened


@pytest.fixture
def cat(catalog: OpenCatalog) -> OpenCatalog:
    """Open a catalog with octo/cat, not yet fetched."""
    catalog.add()
    return catalog
