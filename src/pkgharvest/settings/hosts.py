"""Limits for one host, as tables of a configuration file set them.

    [hosts."api.github.com"]
    requests_per_minute = 600
    concurrency = 4

What else such a table says of its host is left to others.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pkgharvest.model.errors import InvalidValue
from pkgharvest.model.forges.registry import find_forges
from pkgharvest.model.locators import Locator

_KEYS: dict[str, tuple[type, float, str]] = {
    "requests_per_minute": (float, 1_000_000, "a number above 0, 1000000 at most"),
    "concurrency": (int, 100, "a whole number from 1 to 100"),
}
"""The type, the highest value, and both in words."""

_OTHERS = ("kind", "api", "token_env", "token_file")
"""Keys of such a table that are no limits."""

GIT = "git"
"""The kind of hosts of which nothing but git is known."""

_EXAMPLE = '[hosts."api.github.com"]'


class HostLimits(NamedTuple):
    """How hard a host may be pressed at most; None where that is left to the program."""

    requests_per_minute: float | None = None
    concurrency: int | None = None


class HostTable:
    """The kind of every host: that of a known forge, else as configured, else ``git``."""

    def __init__(self, kinds: Mapping[str, str]) -> None:
        """Take the configured kinds by host."""
        self._kinds = kinds

    def kind_of(self, locator: Locator) -> str:
        """Return the kind of the host of ``locator``."""
        forge = find_forges().by_host.get(locator.host)
        return forge.kind if forge else self._kinds.get(locator.host_with_port, GIT)


def host_limits(said: Mapping[str, str]) -> HostLimits:
    """Return the limits of one host, of which ``read`` gave the values by key."""
    rate, at_once = (said.get(key) for key in _KEYS)
    return HostLimits(
        requests_per_minute=None if rate is None else float(rate),
        concurrency=None if at_once is None else int(at_once),
    )


def read_host_tables(tables: object, path: str) -> Mapping[str, Mapping[str, str]]:
    """Read the ``hosts`` of the file ``path``: the limits as they are written, by host and key.

    Hosts come out as transport's Origin prints those of https. Raises InvalidValue for what is no
    table, no host, no known key, or out of range.
    """
    if not isinstance(tables, dict):
        raise InvalidValue(f"{path}: hosts must be a table of tables", hint=f"such as {_EXAMPLE}")
    limits: dict[str, dict[str, str]] = {}
    for written, table in tables.items():
        host = _host(written)
        if host is None:
            raise InvalidValue(
                f"{path}: hosts: {written!r} is not a host",
                hint='a name, and a port where the URL has one: [hosts."git.example.org:8443"]',
            )
        where = f'{path}: hosts."{written}"'
        if not isinstance(table, dict):
            raise InvalidValue(f"{where} must be a table", hint=f"such as {_EXAMPLE}")
        for key, value in table.items():
            if key not in _OTHERS:
                _check(where, key, value)
                limits.setdefault(host, {})[key] = str(value)
    return limits


def _check(where: str, key: str, value: Any) -> None:
    if key not in _KEYS:
        # A name with dots and without quotes is tables inside tables.
        hint = (
            f"a name with dots stands in quotes: {_EXAMPLE}"
            if isinstance(value, dict)
            else f"known: {', '.join((*_KEYS, *_OTHERS))}"
        )
        raise InvalidValue(f"{where}: unknown key {key!r}", hint=hint)
    kind, most, words = _KEYS[key]
    is_number = isinstance(value, int | kind) and not isinstance(value, bool)
    if not (is_number and 0 < value <= most):
        raise InvalidValue(f"{where}: {key} must be {words}")


def _host(written: str) -> str | None:
    """Return the host in lower case, with its port where that is not 443; None if it is none."""
    if not written.isprintable() or set(written) & set(' "\\@'):
        return None
    try:
        parts = urlsplit(f"//{written}")
        name, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not name or parts.netloc != written:
        return None
    name = f"[{name}]" if ":" in name else name
    return name if port in {None, 443} else f"{name}:{port}"
