"""What is known of a forge: its hosts, what its repositories are called, where its API is.

`find_forges` imports the forges when first asked, so that commands that read no address pay
nothing. How repositories are addressed in general is in ``model/locators.py``, how a forge's API
is read is in ``sources/``.
"""

import functools
import importlib
import itertools
import pkgutil
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pkgharvest.model import forges

ANY_SEGMENT = r"(?!\.\.?\Z)[A-Za-z0-9_.][A-Za-z0-9_.-]{0,254}"
"""An owner or a name on forges that do not say what they allow."""

# Patterns are text: re compiles them when first used, and start-up does without them.
_DOT_GIT = r"(?i:\.git)+\Z"


class LocatorRefused(ValueError):
    """Why a text is not a repository: a fixed sentence that never repeats the text."""

    def __init__(self, why: str, hint: str | None = None) -> None:
        super().__init__(why)
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeApi:
    """Where a forge's API is, and what it is asked with.

    The addresses of the forge's own API are settings, named after its kind: ``github_api_url``
    (``GITHUB_API_URL``), and with ``graphql_url`` also ``github_graphql_url``.
    """

    public_url: str
    """The base of the API of the forge's own host."""
    url_template: str
    """The base on another host: ``https://{host}/api/v3``."""
    graphql_url: Callable[[str], str] | None = None
    """Derives the address of the GraphQL API from the base of the API."""
    token_variables: tuple[str, ...] = ()
    """Environment variables with a token for the forge's own host. The first that is set counts."""
    other_token_variables: tuple[str, ...] = ()
    """The same for all other hosts of this kind."""
    authorization: str = "Bearer {token}"
    """The value of the ``Authorization`` header."""
    public_requests_per_minute: float | None = None
    """What the forge's own host allows, where it does not say so in its answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forge:
    """A kind of repository host, with the hosts that its makers run.

    The first of ``hosts`` is meant where only the forge is named, as in ``gh:owner/name``.
    """

    kind: str
    """The name in configuration files, and of the module in ``sources/`` that reads it."""
    name: str
    """The name for people."""
    hosts: tuple[str, ...]
    """Hosts that are of this kind without being configured, in lower case."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Other names of those hosts; ``www.`` in front of them is understood anyway."""
    api_hosts: Mapping[str, str] = field(default_factory=dict)
    """API hosts with URLs that name repositories of the first host, and how their paths begin."""
    schemes: tuple[str, ...] = ()
    """What may stand before ``:owner/name``."""
    purl_type: str | None = None
    """Its type in package URLs (https://github.com/package-url/purl-spec)."""
    owner_pattern: str = ANY_SEGMENT
    """What an owner, or each group, may be called: a regular expression for all of it."""
    name_pattern: str = ANY_SEGMENT
    """What a repository may be called, without ``.git``."""
    page_owners: str | None = None
    """First segments of pages that are no repositories: a regular expression in lower case."""
    page_marker: str | None = None
    """Where groups nest: the segment that separates a repository's path from its pages.

    None: a repository's path is an owner and a name.
    """
    ignores_case: bool = True
    """Whether its own hosts find a repository by its name in any case."""
    clone_suffix: str = ""
    """What is appended to the address of a repository on its own hosts for git."""
    api: ForgeApi | None = None
    """None: repositories are read by git alone."""

    def repository_path(self, segments: Sequence[str], *, host: str, exact: bool) -> str:
        """Return the repository's path, without ``.git``, from a page's path on ``host``.

        ``exact``: nothing may follow it, as in an address for git. Raises LocatorRefused.
        """
        if self.page_owners and segments and re.fullmatch(self.page_owners, segments[0].lower()):
            raise LocatorRefused(f"a page of {self.name}, not a repository")
        path = list(
            segments[:2]
            if self.page_marker is None
            else itertools.takewhile(lambda part: part != self.page_marker, segments)
        )
        if len(path) < 2:  # noqa: PLR2004
            raise LocatorRefused("an owner without a name" if path else "no owner and no name")
        if exact and len(path) < len(segments):
            raise LocatorRefused("more than an owner and a name")
        path[-1] = re.sub(_DOT_GIT, "", path[-1])
        if not all(re.fullmatch(self.owner_pattern, segment) for segment in path[:-1]):
            raise LocatorRefused(f"an owner that {host} does not allow")
        if not re.fullmatch(self.name_pattern, path[-1]):
            raise LocatorRefused(f"a name that {host} does not allow")
        return "/".join(path)


class ForgeRegistry(NamedTuple):
    """All forges, by what an address may call them; hosts are in lower case."""

    by_kind: Mapping[str, Forge]
    by_host: Mapping[str, Forge]
    """By the forges' own hosts, without aliases."""
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
