"""Configuration of Sphinx. The references of commands and tables are generated on every build."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from docs import generate  # noqa: E402
from pkgharvest import __version__  # noqa: E402

generate.write_pages(HERE / "reference")

project = "pkgharvest"
author = "the pkgharvest authors"
copyright = f"2026, {author}"  # noqa: A001 - Sphinx's name
release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.intersphinx"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_heading_anchors = 3
autodoc_typehints = "description"
intersphinx_mapping: dict[str, tuple[str, None]] = {}
nitpicky = False

html_theme = "furo"
html_title = f"pkgharvest {release}"
