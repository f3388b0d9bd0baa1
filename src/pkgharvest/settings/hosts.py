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
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from pkgharvest.model.errors import InvalidValue, LocatorError, Malformed
from pkgharvest.settings.spec import Setting, api_url_setting, graphql_url_setting

if TYPE_CHECKING:
    from pkgharvest.model.forges.base import Forge
    from pkgharvest.model.locators import Locator
    from pkgharvest.settings.load import Settings

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


def host_limits(values: Mapping[str, str]) -> HostLimits | None:
    """Return the limits of one host from its values by key, as `read_host_tables` returns them.

    None where there are none.
    """
    rate, concurrency = (values.get(key) for key in _LIMITS)
    if rate is None and concurrency is None:
        return None
    return HostLimits(
        requests_per_minute=None if rate is None else float(rate),
        concurrency=None if concurrency is None else int(concurrency),
    )


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
                hint='a name, and a port where the URL has one: [hosts."git.example.org:8443"]',
            )
        where = f'{path}: hosts."{name}"'
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
        return
    if key not in _LIMITS:
        # A name with dots and without quotes is tables inside tables.
        hint = (
            f"a name with dots stands in quotes: {_EXAMPLE}"
            if isinstance(value, dict)
            else f"known: {', '.join((*_LIMITS, *_TEXTS))}"
        )
        raise InvalidValue(f"{where}: unknown key {key!r}", hint=hint)
    number_type, highest, words = _LIMITS[key]
    is_number = isinstance(value, int | number_type) and not isinstance(value, bool)
    if not (is_number and 0 < value <= highest):
        raise InvalidValue(f"{where}: {key} must be {words}")


def _normalize_host(name: str) -> str | None:
    """Return the host in lower case, with a port other than 443; None where it is no host."""
    if not name.isprintable() or set(name) & set(' "\\@'):
        return None
    try:
        parts = urlsplit(f"//{name}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or parts.netloc != name:
        return None
    host = f"[{host}]" if ":" in host else host
    return host if port in {None, 443} else f"{host}:{port}"


# ── what kind of forge a host is ─────────────────────────────────────────────────────────


class ApiHost(NamedTuple):
    """A host of a forge that has an API."""

    forge: "Forge"
    host: str
    """As `pkgharvest.model.locators.Locator.host_with_port` returns it."""
    api_url: Setting
    """The base of its API, perhaps with a user name and a password in it."""
    graphql_url: Setting | None = None
    token_variables: tuple[str, ...] = ()
    """Environment variables with a token for it, after ``token_env`` and ``token_file``."""
    token_env: str | None = None
    token_file: Setting | None = None

    @property
    def name(self) -> str:
        """Its name in archives: ``github`` for github.com, else ``github:ghe.example.org``."""
        is_first = self.host == self.forge.hosts[0]
        return self.forge.kind if is_first else f"{self.forge.kind}:{self.host}"

    @property
    def is_forges_own(self) -> bool:
        """Whether the forge's makers run it."""
        return self.host in self.forge.hosts

    @property
    def urls(self) -> tuple[str, ...]:
        """The addresses that are asked, without user names and passwords; the API's base first.

        Raises InvalidValue for what is no address.
        """
        return tuple(clean_url(url) for url in (self.api_url, self.graphql_url) if url is not None)

    def locator(self, path: str, *, exact: bool = True) -> "Locator":
        """Return the locator of a repository on this host from its path, as its API returns it.

        With ``exact=False`` the path may be that of one of its pages. Raises LocatorError for a
        path that no repository of this forge can have.
        """
        from pkgharvest.model.forges.base import LocatorRefused  # noqa: PLC0415 - not at start-up
        from pkgharvest.model.locators import Locator  # noqa: PLC0415

        server = urlsplit(f"//{self.host}")
        try:
            path = self.forge.repository_path(path.split("/"), host=self.host, exact=exact)
        except LocatorRefused as error:
            raise LocatorError(str(error)) from error
        # A web server with an API over plain HTTP is one for tests, at the same port.
        is_plain = server.port is not None and self.api_url.value.startswith("http:")
        return Locator(
            scheme="http" if is_plain else "https",
            host=server.hostname or "",
            port=server.port,
            path=path,
        )


class HostTable(NamedTuple):
    """The kind of every host: that of a forge's own host, else as configured, else ``git``."""

    kinds: Mapping[str, str]
    """Of hosts that are configured."""
    api_hosts: Mapping[str, ApiHost]
    """Hosts with an API: forges' own and configured ones."""

    def kind_of(self, locator: "Locator") -> str:
        """Return the kind of the host of ``locator``."""
        from pkgharvest.model.forges.registry import find_forges  # noqa: PLC0415 - not at start-up

        forge = find_forges().by_host.get(locator.host)
        return forge.kind if forge else self.kinds.get(locator.host_with_port, GIT)

    def api_host(self, locator: "Locator") -> ApiHost | None:
        """Return the host of ``locator`` if it has an API."""
        return self.api_hosts.get(locator.host_with_port)

    @classmethod
    def from_settings(cls, settings: "Settings") -> "HostTable":
        """Return the table that configuration files and the environment describe.

        Raises InvalidValue for an unknown kind, and for keys without a kind.
        """
        from pkgharvest.model.forges.registry import find_forges  # noqa: PLC0415 - not at start-up

        forges = find_forges()
        kinds: dict[str, str] = {}
        api_hosts = {
            host: _own_api_host(forge, host, settings)
            for host, forge in forges.by_host.items()
            if forge.api is not None
        }
        for host, values in settings.host_settings.items():
            if not values.keys() & set(_TEXTS):
                continue
            kind = _checked_kind(host, values, forges.by_kind, forges.by_host.get(host))
            kinds[host] = kind
            forge = forges.by_kind.get(kind)
            if forge is not None and forge.api is not None:
                known = api_hosts.get(host) or _other_api_host(
                    forge, host, values, settings.found_file
                )
                api_hosts[host] = known._replace(
                    token_env=values["token_env"].value if "token_env" in values else None,
                    token_file=values.get("token_file"),
                )
        return cls(kinds, api_hosts)

    @classmethod
    def from_archive(cls, urls: Mapping[str, str], origin: str) -> "HostTable":
        """Return the table of a recording, from its base addresses by `ApiHost.name`."""
        from pkgharvest.model.forges.registry import find_forges  # noqa: PLC0415 - not at start-up

        forges = find_forges()
        bases = {
            (forge.kind, host): forge.api.public_url
            for host, forge in forges.by_host.items()
            if forge.api is not None
        }
        for name, url in urls.items():
            kind, _, host = name.partition(":")
            if kind in forges.by_kind:
                bases[kind, host or forges.by_kind[kind].hosts[0]] = url
        return cls(
            {host: kind for kind, host in bases},
            {
                host: ApiHost(forges.by_kind[kind], host, Setting(url, origin))
                for (kind, host), url in bases.items()
            },
        )


def clean_url(setting: Setting) -> str:
    """Return the URL without user name and password, so that neither gets into the catalog.

    Raises InvalidValue for what is no http or https URL.
    """
    from pkgharvest.model.origin import strip_userinfo  # noqa: PLC0415 - not at start-up

    try:
        return strip_userinfo(setting.value)
    except Malformed as error:
        raise InvalidValue(f"{setting.origin}: {error.message}") from error


def _checked_kind(
    host: str,
    values: Mapping[str, Setting],
    forges: Mapping[str, "Forge"],
    own: "Forge | None",
) -> str:
    known = f"known: {', '.join((*forges, GIT))}"
    if own is not None:
        kind = values.get("kind", Setting(own.kind, ""))
        if kind.value != own.kind:
            where = f'{kind.origin}: hosts."{host}"'
            raise InvalidValue(f"{where}: the kind of this host is {own.kind!r}")
        if "api" in values:
            where = f'{values["api"].origin}: hosts."{host}"'
            name = api_url_setting(own).name
            raise InvalidValue(f"{where}: api is for other hosts", hint=f"{name} sets it")
        return own.kind
    if "kind" not in values:
        key, value = next((key, value) for key, value in values.items() if key in _TEXTS)
        where = f'{value.origin}: hosts."{host}"'
        raise InvalidValue(f"{where}: {key} without a kind", hint=known)
    kind = values["kind"]
    if kind.value not in {*forges, GIT}:
        where = f'{kind.origin}: hosts."{host}"'
        raise InvalidValue(f"{where}: unknown kind {kind.value!r}", hint=known)
    return kind.value


def _own_api_host(forge: "Forge", host: str, settings: "Settings") -> ApiHost:
    assert forge.api is not None
    if host == forge.hosts[0]:
        api_url = settings.lookup(api_url_setting(forge))
    else:
        api_url = Setting(forge.api.url_template.format(host=host), "default")
    graphql_url = None
    if forge.api.graphql_url is not None:
        graphql_url = settings.lookup(graphql_url_setting(forge))
        if host != forge.hosts[0] or not graphql_url.value:
            graphql_url = Setting(forge.api.graphql_url(api_url.value), api_url.origin)
    return ApiHost(forge, host, api_url, graphql_url, forge.api.token_variables)


def _other_api_host(
    forge: "Forge", host: str, values: Mapping[str, Setting], found_file: str | None
) -> ApiHost:
    assert forge.api is not None
    kind = values["kind"]
    api_url = values.get("api", Setting(forge.api.url_template.format(host=host), kind.origin))
    graphql_url = None
    if forge.api.graphql_url is not None:
        graphql_url = Setting(forge.api.graphql_url(api_url.value), api_url.origin)
    # A file that was merely found names the host: no token may go there on its word.
    variables = () if kind.origin == found_file else forge.api.other_token_variables
    return ApiHost(forge, host, api_url, graphql_url, variables)
