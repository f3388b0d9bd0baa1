"""``pkgharvest config``: what the program goes by."""

import json
import os
import sys
from collections.abc import Mapping
from typing import NamedTuple

import click

from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation, write
from pkgharvest.model.errors import InvalidValue, Malformed
from pkgharvest.model.redaction import redact
from pkgharvest.settings.load import Setting, Settings

_TOKENS = ("GH_TOKEN", "GITHUB_TOKEN")
"""The first that is not empty counts (see transport.credentials)."""


_ASKED = ("github_api_url", "github_graphql_url", "pypi_url", "pypistats_url")
"""Addresses that a fetch asks; there may be no pypistats."""


class _Row(NamedTuple):
    """A setting as it may be shown; None for what is not set."""

    name: str
    value: str | None
    origin: str | None


@click.group("config", no_args_is_help=False)
@global_options
def command() -> None:
    """Look at the settings."""


@command.command("show")
@click.option("--json", "as_json", is_flag=True, help="Print an object: by name, value and origin.")
@global_options
@pass_invocation
def show(invocation: Invocation, as_json: bool) -> None:
    """Show every setting, its value and where it comes from.

    That is a flag, an environment variable, a file, or the default. Of a token the last four
    characters are shown at most, of an address neither user nor password.
    """
    settings = invocation.settings()
    in_effect = _in_effect(settings)
    _check(settings, in_effect)
    rows = [
        *(_shown(name, setting) for name, setting in in_effect.items()),
        *(
            _shown(f'hosts."{host}".{key}', setting)
            for host, said in sorted(settings.host_settings.items())
            for key, setting in sorted(said.items())
        ),
        _github_token(settings, os.environ),
    ]
    if as_json:
        told = {row.name: {"value": row.value, "origin": row.origin} for row in rows}
        write([json.dumps(told, indent=4) + "\n"])
        return
    from pkgharvest.terminal import tables  # noqa: PLC0415 - --json pays for no table
    from pkgharvest.terminal.console import open_console  # noqa: PLC0415 - --json pays for no table

    console = open_console(sys.stdout)
    with console.capture() as captured:
        part = tables.TextTable(
            columns=("setting", "value", "origin"),
            rows=tuple((row.name, row.value or "", row.origin or "") for row in rows),
        )
        tables.print_tables([part], console)
    write([captured.get()])


def _in_effect(settings: Settings) -> dict[str, Setting]:
    """Return the settings by name; an address that follows from another's has its origin."""
    graphql, stats = settings.github_graphql_url, settings.pypistats_url
    said_by = graphql if graphql.value else settings.github_api_url
    return {
        **{name: said for name, said in settings._asdict().items() if isinstance(said, Setting)},
        "github_graphql_url": Setting(settings.github_graphql, said_by.origin),
        "pypistats_url": Setting(settings.pypistats or "", stats.origin),
    }


def _check(settings: Settings, in_effect: Mapping[str, Setting]) -> None:
    """Raise InvalidValue for what no fetch could use."""
    from pkgharvest.model.origin import Origin  # noqa: PLC0415 - not for --help

    _ = settings.backoff
    for name in _ASKED:
        address = in_effect[name]
        try:
            if address.value or name != "pypistats_url":
                Origin.of(address.value)
        except Malformed as error:
            raise InvalidValue(f"{address.origin}: {error.message}") from error


def _shown(name: str, setting: Setting) -> _Row:
    value = setting.value
    is_address = name.endswith("_url") or "://" in value
    # Redaction also shortens, so only what may hold a secret goes through it.
    if is_address and any(mark in value for mark in ("@", "%40", "?")):
        value = redact(value)
    return _Row(name, value, setting.origin)


def _github_token(settings: Settings, environ: Mapping[str, str]) -> _Row:
    from pkgharvest.transport.credentials import Credentials  # noqa: PLC0415 - not for --help

    url = settings.github_api_url.value
    credentials = Credentials.from_environment(environ, url)
    last = credentials.last_four(url)
    if not credentials.secrets:
        return _Row("github_token", None, None)
    origin = next((name for name in _TOKENS if environ.get(name)), "netrc")
    return _Row("github_token", f"***{last}", origin)
