"""The settings in effect, with their origins and without any secret, for `config show`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from pkgharvest.model.redaction import redact
from pkgharvest.settings.hosts import ForgeHost, clean_url
from pkgharvest.settings.load import Setting, Settings
from pkgharvest.settings.spec import all_settings, api_url_setting, graphql_url_setting
from pkgharvest.transport.credentials import Credentials, find_token, last_four


class SettingRow(NamedTuple):
    """A setting as it may be shown; None for what is not set."""

    name: str
    value: str | None
    origin: str | None


def describe_settings(settings: Settings, environ: Mapping[str, str]) -> list[SettingRow]:
    """Return every setting, then what is set for hosts, then the tokens of hosts with an API.

    Of a token at most the last four characters are shown, of an address neither user name nor
    password. Raises InvalidValue for what no fetch could use.
    """
    hosts = settings.host_table.api_hosts
    in_effect = {spec.name: settings.lookup(spec) for spec in all_settings()}
    in_effect |= dict(_forge_addresses(hosts))
    in_effect["pypistats_url"] = Setting(settings.pypistats or "", settings.pypistats_url.origin)
    _check(settings, in_effect)
    return [
        *(_shown(name, setting) for name, setting in in_effect.items()),
        *(
            _shown(f'hosts."{host}".{key}', setting)
            for host, values in sorted(settings.host_settings.items())
            for key, setting in sorted(values.items())
        ),
        *(_token_row(host, environ) for host in hosts),
    ]


def _forge_addresses(hosts: Iterable[ForgeHost]) -> Iterator[tuple[str, Setting]]:
    """Return the addresses of forges' own APIs, derived ones included."""
    for host in hosts:
        if host.is_primary and host.api_url is not None:
            yield api_url_setting(host.forge).name, host.api_url
            if host.graphql_url is not None:
                yield graphql_url_setting(host.forge).name, host.graphql_url


def _check(settings: Settings, in_effect: Mapping[str, Setting]) -> None:
    """Raise InvalidValue for a backoff or an address that no fetch could use."""
    _ = settings.backoff
    for spec in all_settings():
        address = in_effect[spec.name]
        if spec.kind == "url" and spec.name != "base_url" and address.value:
            clean_url(address)


def _shown(name: str, setting: Setting) -> SettingRow:
    value = setting.value
    is_address = name.endswith("_url") or "://" in value
    # Redaction also shortens, so only what may hold a secret goes through it.
    if is_address and any(mark in value for mark in ("@", "%40", "?")):
        value = redact(value)
    return SettingRow(name, value, setting.origin)


def _token_row(host: ForgeHost, environ: Mapping[str, str]) -> SettingRow:
    name = f"{host.forge.kind}_token" if host.is_primary else f'hosts."{host.host}".token'
    is_sent = bool(Credentials.find([host], environ).secrets)
    found = find_token(host, environ) if is_sent else None
    if found is None:
        return SettingRow(name, None, None)
    return SettingRow(name, f"***{last_four(found.token)}", found.origin)
