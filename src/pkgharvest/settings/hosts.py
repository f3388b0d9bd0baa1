"""What configuration files say about hosts: their limits, and what kind of forge they are.

[hosts."api.github.com"]
requests_per_minute = 600
concurrency = 4

[hosts."ghe.example.org"]
kind = "github"
api = "https://ghe.example.org/api/v3"  # derived from the kind where it is left out
token_env = "EXAMPLE_TOKEN"
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pkgharvest.model.errors import InvalidValue, LocatorError, Malformed
from pkgharvest.model.forges.base import Forge, ForgeRegistry, LocatorRefused, find_forges
from pkgharvest.model.locators import Locator
from pkgharvest.model.origin import strip_userinfo
from pkgharvest.settings.load import Settings
from pkgharvest.settings.spec import Setting, api_url_setting, graphql_url_setting

_LIMITS: dict[str, tuple[type, float, str]] = {
    "requests_per_minute": (float, 1_000_000, "a number above 0, 1000000 at most"),
    "concurrency": (int, 100, "a whole number from 1 to 100"),
}
"""The type, the highest value, and both in words."""

TRUSTED_KEYS = ("api", "token_env", "token_file")
"""Keys that say where a token goes: not read from a file that was merely found."""

_TEXTS = ("kind", *TRUSTED_KEYS)

GIT = "git"
"""The kind of hosts that are known to serve git, and nothing else."""

_EXAMPLE = '[hosts."api.github.com"]'


class HostLimits(NamedTuple):
    """The limits that a person set for a host; None: left to the program."""

    requests_per_minute: float | None = None
    concurrency: int | None = None


def host_limits(settings: Mapping[str, Mapping[str, Setting]]) -> dict[str, HostLimits]:
    """Return the limits of the hosts that have any, from what files say by host and key."""
    return {
        host: HostLimits(
            **{
                key: number_type(values[key].value)
                for key, (number_type, _, _) in _LIMITS.items()
                if key in values
            }
        )
        for host, values in settings.items()
        if values.keys() & _LIMITS.keys()
    }


def read_host_tables(tables: object, path: str) -> dict[str, dict[str, str]]:
    """Return the values in the ``hosts`` of the file ``path``, as text, by host and key.

    Hosts are returned as `pkgharvest.model.origin.Origin` prints those of https URLs. Raises
    InvalidValue for what is no table or no host, for an unknown key and an invalid limit.
    """
    if not isinstance(tables, dict):
        raise InvalidValue(f"{path}: hosts must be a table of tables", hint=f"such as {_EXAMPLE}")
    values: dict[str, dict[str, str]] = {}
    for name, table in tables.items():
        host = _normalize_host(name)
        if host is None:
            raise InvalidValue(
                f"{path}: hosts: {name!r} is not a host",
                hint="a name in ASCII, and a port where the URL has one:"
                ' [hosts."git.example.org:8443"]',
            )
        where = f'{path}: hosts."{name}"'
        if host in values:
            raise InvalidValue(f"{where}: another table is for the same host")
        if not isinstance(table, dict):
            raise InvalidValue(f"{where} must be a table", hint=f"such as {_EXAMPLE}")
        for key, value in table.items():
            _check_value(where, key, value)
            values.setdefault(host, {})[key] = str(value)
    return values


def _check_value(where: str, key: str, value: Any) -> None:
    if key in _TEXTS:
        if not isinstance(value, str) or not value:
            raise InvalidValue(f"{where}: {key} must be a string that is not empty")
    elif key not in _LIMITS:
        # A name with dots and without quotes is tables inside tables.
        hint = (
            f"a name with dots stands in quotes: {_EXAMPLE}"
            if isinstance(value, dict)
            else f"known: {', '.join((*_LIMITS, *_TEXTS))}"
        )
        raise InvalidValue(f"{where}: unknown key {key!r}", hint=hint)
    else:
        number_type, highest, words = _LIMITS[key]
        is_number = isinstance(value, int | number_type) and not isinstance(value, bool)
        if not (is_number and 0 < value <= highest):
            raise InvalidValue(f"{where}: {key} must be {words}")


def _normalize_host(name: str) -> str | None:
    """Return the host in lower case, with a port other than 443; None where it is no host."""
    if not name.isascii() or not name.isprintable() or set(name) & set(' "\\@'):
        return None
    try:
        parts = urlsplit(f"//{name}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or parts.netloc != name or port == 0:
        return None
    host = f"[{host}]" if ":" in host else host
    return host if port in {None, 443} else f"{host}:{port}"


# ── what kind of forge a host is ─────────────────────────────────────────────────────────


class ForgeHost(NamedTuple):
    """A host of a known kind. To ask its API, the forge must have one."""

    forge: Forge
    host: str
    """As `pkgharvest.model.locators.Locator.host_with_port` returns it."""
    api_url: Setting | None = None
    """The base of its API, perhaps with a user name and a password in it; None without an API."""
    graphql_url: Setting | None = None
    token_variables: tuple[str, ...] = ()
    """Environment variables with a token for it, after ``token_env`` and ``token_file``."""
    token_env: Setting | None = None
    """The name of a variable with its token."""
    token_file: Setting | None = None

    @property
    def is_primary(self) -> bool:
        """Whether this host is meant where only the forge is named."""
        return self.host == self.forge.hosts[0]

    @property
    def name(self) -> str:
        """Its name in archives: ``github`` for github.com, else ``github:ghe.example.org``."""
        return self.forge.kind if self.is_primary else f"{self.forge.kind}:{self.host}"

    @property
    def urls(self) -> tuple[str, ...]:
        """The addresses of its API, without user names and passwords; the base first.

        Raises InvalidValue for what is no address.
        """
        return tuple(clean_url(url) for url in (self.api_url, self.graphql_url) if url is not None)

    def locator(self, path: str, *, exact: bool = True) -> Locator:
        """Return the locator of a repository on this host from its path, as its API returns it.

        With ``exact=False`` the path may be that of one of its pages. Raises LocatorError for a
        path that no repository of this forge can have.
        """
        try:
            path = self.forge.repository_path(path.split("/"), host=self.host, exact=exact)
        except LocatorRefused as error:
            raise LocatorError(str(error)) from error
        server = urlsplit(f"//{self.host}")
        # Where the API speaks plain HTTP, so does the web server beside it: both are for tests.
        is_plain = self.api_url is not None and self.api_url.value.startswith("http:")
        return Locator(
            scheme="http" if is_plain and server.port else "https",
            host=server.hostname or "",
            port=server.port,
            path=path,
        )


class HostTable(NamedTuple):
    """What kind every host is of: a forge's own host is of its kind, others are configured."""

    hosts: Mapping[str, ForgeHost]
    """Hosts of a known kind, by `Locator.host_with_port`."""

    @property
    def api_hosts(self) -> list[ForgeHost]:
        """The hosts that have an API."""
        return [host for host in self.hosts.values() if host.api_url is not None]

    def find(self, locator: Locator) -> ForgeHost | None:
        """Return the host of ``locator``; None where nothing but git is known of it."""
        return self.hosts.get(locator.host_with_port)

    def kind_of(self, locator: Locator) -> str:
        """Return the kind of the host of ``locator``."""
        host = self.find(locator)
        return GIT if host is None else host.forge.kind

    @classmethod
    def from_settings(cls, settings: Settings) -> "HostTable":
        """Return the table that configuration files and the environment describe.

        Raises InvalidValue for an unknown kind, and for keys without a kind.
        """
        forges = find_forges()
        kinds = {host: forge.kind for host, forge in forges.by_host.items()}
        for host, values in settings.host_settings.items():
            if values.keys() & set(_TEXTS):
                kinds[host] = _checked_kind(host, values, forges)
        return cls(
            {
                host: _forge_host(forges.by_kind[kind], host, settings)
                for host, kind in kinds.items()
                if kind != GIT
            }
        )

    @classmethod
    def from_archive(cls, urls: Mapping[str, str]) -> "HostTable":
        """Return the table of a recording, from its base addresses by `ForgeHost.name`."""
        forges = find_forges().by_kind
        public = {forge.kind: forge.api.public_url for forge in forges.values() if forge.api}
        hosts = {}
        for name, url in {**public, **urls}.items():
            kind, _, host = name.partition(":")
            if kind in forges:
                host = host or forges[kind].hosts[0]
                hosts[host] = ForgeHost(forges[kind], host, Setting(url, "archive"))
        return cls(hosts)


def clean_url(setting: Setting) -> str:
    """Return the URL without user name and password, so that neither gets into the catalog.

    Raises InvalidValue for what is no http or https URL.
    """
    try:
        return strip_userinfo(setting.value)
    except Malformed as error:
        raise InvalidValue(f"{setting.origin}: {error.message}") from error


def _checked_kind(host: str, values: Mapping[str, Setting], forges: ForgeRegistry) -> str:
    own, kind = forges.by_host.get(host), values.get("kind")
    hint: str | None = f"known: {', '.join((*forges.by_kind, GIT))}"
    key = "kind"
    chosen = own.kind if own else kind.value if kind else GIT
    with_api = {forge.kind for forge in forges.by_kind.values() if forge.api is not None}
    unused = [] if chosen in with_api else [name for name in TRUSTED_KEYS if name in values]
    if own is None and kind is None:
        key = next(key for key in values if key in _TEXTS)
        problem = f"{key} without a kind"
    elif own is None and kind is not None and kind.value not in {*forges.by_kind, GIT}:
        problem = f"unknown kind {kind.value!r}"
    elif own is not None and kind is not None and kind.value != own.kind:
        problem, hint = f"the kind of this host is {own.kind!r}", None
    elif own is not None and "api" in values:
        key, problem, hint = "api", "api is for other hosts", f"{api_url_setting(own).name} sets it"
    elif unused:
        key, problem, hint = unused[0], f"{unused[0]} is for hosts with an API", None
    else:
        return chosen
    raise InvalidValue(f'{values[key].origin}: hosts."{host}": {problem}', hint=hint)


def _forge_host(forge: Forge, host: str, settings: Settings) -> ForgeHost:
    if forge.api is None:
        return ForgeHost(forge, host)
    values = settings.host_settings.get(host, {})
    kind = values.get("kind", Setting(forge.kind, "default"))
    variables = forge.api.token_variables
    if host not in forge.hosts:
        # A file that was merely found names this host: no token may go there on its word.
        is_trusted = kind.origin != settings.found_file
        variables = forge.api.other_token_variables if is_trusted else ()
    graphql_url = None
    if host == forge.hosts[0]:
        api_url = settings.lookup(api_url_setting(forge))
        graphql_url = settings.lookup(graphql_url_setting(forge)) if forge.api.graphql_url else None
    else:
        api_url = values.get("api") or Setting(
            forge.api.url_template.format(host=host), kind.origin
        )
    if forge.api.graphql_url is not None and not (graphql_url and graphql_url.value):
        graphql_url = Setting(forge.api.graphql_url(api_url.value), api_url.origin)
    return ForgeHost(
        forge,
        host,
        api_url,
        graphql_url,
        variables,
        token_env=values.get("token_env"),
        token_file=values.get("token_file"),
    )
