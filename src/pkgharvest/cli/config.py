"""``pkgharvest config``: what the program goes by."""

import json
import os
import sys
from collections.abc import Mapping
from typing import NamedTuple

import click

from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation, write
from pkgharvest.errors import InvalidValue, Malformed
from pkgharvest.redaction import redacted
from pkgharvest.settings import Setting, Settings

_TOKENS = ("GH_TOKEN", "GITHUB_TOKEN")
"""The first that is not empty counts (see transport.credentials)."""


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
    rows = [
        *(_shown(name, setting) for name, setting in _settings(settings).items()),
        _github_token(settings, os.environ),
    ]
    if as_json:
        told = {row.name: {"value": row.value, "origin": row.origin} for row in rows}
        write([json.dumps(told, indent=4) + "\n"])
        return
    from pkgharvest.render import overview, screen  # noqa: PLC0415 - --json pays for no table

    console = screen.open_console(sys.stdout)
    with console.capture() as captured:
        part = overview.Part(
            columns=("setting", "value", "origin"),
            rows=tuple((row.name, row.value or "", row.origin or "") for row in rows),
        )
        overview.show([part], console)
    write([captured.get()])


def _settings(settings: Settings) -> dict[str, Setting]:
    return settings._asdict()


def _shown(name: str, setting: Setting) -> _Row:
    value = setting.value
    is_address = name.endswith("_url") or "://" in value
    # Redaction also shortens, so only what may hold a secret goes through it.
    if is_address and any(mark in value for mark in ("@", "%40", "?")):
        value = redacted(value)
    return _Row(name, value, setting.origin)


def _github_token(settings: Settings, environ: Mapping[str, str]) -> _Row:
    from pkgharvest.transport.credentials import Credentials  # noqa: PLC0415 - not for --help

    address = settings.github_api_url
    try:
        credentials = Credentials.from_environment(environ, address.value)
        last = credentials.last_four(address.value)
    except Malformed as error:
        raise InvalidValue(f"{address.origin}: {error.message}") from error
    if not credentials.secrets:
        return _Row("github_token", None, None)
    origin = next((name for name in _TOKENS if environ.get(name)), "netrc")
    return _Row("github_token", f"***{last}", origin)
