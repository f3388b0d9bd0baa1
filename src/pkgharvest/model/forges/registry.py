"""Finds the forges: every module of this package that defines ``FORGE``.

Nothing is imported before somebody asks, so that commands that read no address pay nothing.
"""

import functools
import importlib
import pkgutil
from collections.abc import Mapping
from typing import NamedTuple

from pkgharvest.model import forges
from pkgharvest.model.forges.base import Forge


class ForgeRegistry(NamedTuple):
    """All forges, by what an address may call them; hosts are in lower case."""

    by_kind: Mapping[str, Forge]
    by_host: Mapping[str, Forge]
    """By the forges' own hosts, aliases aside."""
    aliases: Mapping[str, str]
    """Own hosts by their other names."""
    by_api_host: Mapping[str, Forge]
    by_scheme: Mapping[str, Forge]
    by_purl_type: Mapping[str, Forge]

    def canonical_host(self, host: str) -> str:
        """Return the forge's own host for an alias; other hosts stay as they are.

        >>> find_forges().canonical_host("www.github.com")
        'github.com'
        """
        return self.aliases.get(host, host)

    def names_repositories(self, host: str) -> bool:
        """Return whether a path on ``host`` names a repository of a known forge."""
        host = self.canonical_host(host)
        return host in self.by_host or host in self.by_api_host


@functools.cache
def find_forges() -> ForgeRegistry:
    """Import every forge, and return them.

    >>> find_forges().by_kind["github"].hosts
    ('github.com',)
    """
    found = [
        module.FORGE
        for entry in sorted(pkgutil.iter_modules(forges.__path__), key=lambda entry: entry.name)
        if hasattr(module := importlib.import_module(f"{forges.__name__}.{entry.name}"), "FORGE")
    ]
    return ForgeRegistry(
        by_kind={forge.kind: forge for forge in found},
        by_host={host: forge for forge in found for host in forge.hosts},
        aliases={
            alias: host
            for forge in found
            for alias, host in (
                *forge.aliases.items(),
                *((f"www.{host}", host) for host in forge.hosts),
            )
        },
        by_api_host={host: forge for forge in found for host in forge.api_hosts},
        by_scheme={scheme: forge for forge in found for scheme in forge.schemes},
        by_purl_type={forge.purl_type: forge for forge in found if forge.purl_type},
    )
