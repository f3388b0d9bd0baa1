"""The table of settings: their names, environment variables, defaults, and what they are for.

Each forge with an API adds its own addresses. Where values come from is in ``load.py``.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from pkgharvest.model.forges.base import Forge

PYPI_URL = "https://pypi.org"
PYPISTATS_URL = "https://pypistats.org"


class Setting(NamedTuple):
    """A value, and its origin: an option, ``PKGHARVEST_DB``, the path of a file, ``default``."""

    value: str
    origin: str


class SettingSpec(NamedTuple):
    """One setting."""

    name: str
    """Its key in a configuration file."""
    variable: str
    """Its environment variable."""
    default: str
    kind: Literal["path", "url", "zone", "duration"]
    help: str


SETTINGS = (
    SettingSpec("db", "PKGHARVEST_DB", "", "path", "the catalog; empty: in the data directory"),
    SettingSpec("base_url", "PKGHARVEST_BASE_URL", "", "url", "what links in records begin with"),
    SettingSpec("tz", "PKGHARVEST_TZ", "UTC", "zone", "the zone of printed instants"),
    SettingSpec("pypi_url", "PKGHARVEST_PYPI_URL", PYPI_URL, "url", "PyPI, or a mirror of it"),
    SettingSpec(
        "pypistats_url", "PKGHARVEST_PYPISTATS_URL", "", "url",
        "where downloads are counted; empty: at pypistats.org for PyPI's own, else nowhere",
    ),
    SettingSpec(
        "backoff_first", "PKGHARVEST_BACKOFF_FIRST", "1h", "duration",
        "how long a source rests after its first failure",
    ),
    SettingSpec(
        "backoff_most", "PKGHARVEST_BACKOFF_MOST", "7d", "duration",
        "how long a source rests after many failures",
    ),
)  # fmt: skip
"""All settings but those of forges."""

_SETTINGS_BEFORE_FORGES = 3


def all_settings() -> tuple[SettingSpec, ...]:
    """Return all settings, those of forges included, in the order in which they are shown."""
    return (
        *SETTINGS[:_SETTINGS_BEFORE_FORGES],
        *_forge_settings(),
        *SETTINGS[_SETTINGS_BEFORE_FORGES:],
    )


def api_url_setting(forge: "Forge") -> SettingSpec:
    """Return the setting with the base of the API of the forge's own host."""
    name = f"{forge.kind}_api_url"
    default = forge.api.public_url if forge.api else ""
    return SettingSpec(name, name.upper(), default, "url", f"the API of {forge.name}")


def graphql_url_setting(forge: "Forge") -> SettingSpec:
    """Return the setting with the address of the GraphQL API of the forge's own host."""
    name = f"{forge.kind}_graphql_url"
    meaning = f"the GraphQL API of {forge.name}; empty: derived from {forge.kind}_api_url"
    return SettingSpec(name, name.upper(), "", "url", meaning)


def _forge_settings() -> Iterator[SettingSpec]:
    from pkgharvest.model.forges.base import find_forges  # noqa: PLC0415 - not at start-up

    for forge in find_forges().by_kind.values():
        if forge.api is not None:
            yield api_url_setting(forge)
            if forge.api.graphql_url is not None:
                yield graphql_url_setting(forge)
