"""Finds the sources of repositories: for a forge of kind ``x``, the ``SOURCE`` of ``sources/x``.

That may be a module or a package. A forge without one is read by git.
"""

import functools
import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

from pkgharvest import sources
from pkgharvest.model.clock import Clock
from pkgharvest.settings.hosts import ForgeHost
from pkgharvest.sources.base import HistorySource, RepositorySource
from pkgharvest.transport.client import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceContext:
    """What a source of repositories is opened with.

    The locators that it will read are of ``host``, as `ForgeHost.locator` returns them: without
    ``.git``, and without what follows a repository's path in the address of one of its pages.
    """

    host: ForgeHost
    """The host that it reads: where its API is, and how its repositories are addressed."""
    client: Client
    clock: Clock
    has_token: bool
    """A token is sent to the host."""
    conditional: bool
    """Whether validators of earlier responses may be sent. A recording must not."""
    may_batch: bool
    """Whether one request may be for many repositories. A recording must not."""
    git: HistorySource
    """Reads commits and authors from the repository itself, for APIs that cannot tell them."""
    prefers_git: bool
    """Whether a person wants them from git even where the API can tell them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """How the repositories of a forge are read."""

    open: Callable[[SourceContext], RepositorySource]
    batches_with_token: bool = False
    """Whether, with a token, one request is for many repositories: then more are read at once."""


@functools.cache
def find_source(kind: str) -> SourceSpec | None:
    """Import and return the source for forges of ``kind``; None where git reads them."""
    name = f"{sources.__name__}.{kind}"
    if importlib.util.find_spec(name) is None:
        return None
    spec: SourceSpec | None = getattr(importlib.import_module(name), "SOURCE", None)
    return spec
