"""The settings of one invocation, and where each value comes from.

A flag counts first, then the environment, then the project's ``pkgharvest.toml`` (or the file that
``--config`` names), then the user's own file, then the default. Which settings there are is in
``spec.py``, what files say about hosts in ``hosts.py``.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from pkgharvest.model.errors import Advice, InvalidValue, Malformed
from pkgharvest.model.instants import parse_duration
from pkgharvest.settings.spec import (
    PYPI_URL,
    PYPISTATS_URL,
    SETTINGS,
    Setting,
    SettingSpec,
    all_settings,
)

if TYPE_CHECKING:
    import datetime as dt

    from pkgharvest.settings.hosts import HostLimits, HostTable

__all__ = ["PYPISTATS_URL", "PYPI_URL", "Setting", "Settings", "load"]

APP = "pkgharvest"
PROJECT_FILE = "pkgharvest.toml"

_HOSTS = "hosts"
"""The table of a file that has a table for each host."""


class Settings(NamedTuple):
    """All settings of one invocation."""

    db: Setting
    base_url: Setting
    tz: Setting
    pypi_url: Setting
    pypistats_url: Setting
    backoff_first: Setting
    backoff_most: Setting
    host_settings: Mapping[str, Mapping[str, Setting]]
    """What files say about hosts, by host and key."""
    lookup: Callable[[SettingSpec], Setting]
    """Returns any setting, those of forges included."""
    found_file: str | None = None
    """The project's file if it was found, not named: it may not say where tokens go."""
    notes: tuple[str, ...] = ()
    """What a person should know about these settings, a line each."""

    @property
    def pypistats(self) -> str | None:
        """The base of pypistats, or None if downloads are not fetched.

        As set, else the public one, but only beside the public PyPI: pypistats counts downloads
        from pypi.org, and must not learn the names of private projects. An empty string
        in a file turns downloads off.
        """
        if self.pypistats_url.origin != "default":
            return self.pypistats_url.value or None
        from pkgharvest.model.origin import Origin  # noqa: PLC0415 - only to fetch

        try:
            is_public = Origin.of(self.pypi_url.value) == Origin.of(PYPI_URL)
        except Malformed:
            return None
        return PYPISTATS_URL if is_public else None

    @property
    def backoff(self) -> "tuple[dt.timedelta, dt.timedelta]":
        """How long a source rests after its first failure and after many; InvalidValue."""
        first = _backoff_duration("backoff_first", self.backoff_first)
        most = _backoff_duration("backoff_most", self.backoff_most)
        if first > most:
            raise InvalidValue(
                f"backoff_first ({self.backoff_first.value}, {self.backoff_first.origin}) is longer"
                f" than backoff_most ({self.backoff_most.value}, {self.backoff_most.origin})"
            )
        return first, most

    @property
    def host_limits(self) -> "Mapping[str, HostLimits]":
        """The limits by host, in lower case, with any port other than 443."""
        from pkgharvest.settings.hosts import host_limits  # noqa: PLC0415 - only to fetch

        return host_limits(self.host_settings)

    @property
    def host_table(self) -> "HostTable":
        """The kinds of hosts; InvalidValue where files say what cannot be."""
        from pkgharvest.settings.hosts import HostTable  # noqa: PLC0415 - only to fetch

        return HostTable.from_settings(self)

    @property
    def db_path(self) -> Path:
        """The path of the catalog; InvalidValue if it is in a home that does not exist."""
        if self.db.origin == "default" and not self.db.value:
            raise InvalidValue(
                "no home directory to keep the catalog in", advice=Advice("choose_catalog")
            )
        path = expand_home(self.db.value)
        if path is None:
            raise InvalidValue(
                f"{self.db.origin}: no such home directory: {self.db.value}",
                hint="write the path without ~",
            )
        return path


def load(
    flags: Mapping[str, Setting],
    environ: Mapping[str, str],
    *,
    config: str | None = None,
    directory: Path | None = None,
) -> Settings:
    """Gather the settings. The project's file is looked for in ``directory`` (default: here).

    ``flags`` come first; ``config`` is the file to read instead of the project's.

    Raises InvalidValue for a named file that is missing, and for a file that is not TOML or
    cannot be understood. An empty variable counts as not set.
    """
    named = config or environ.get("PKGHARVEST_CONFIG")
    project = _read(
        Path(named) if named else (directory or Path.cwd()) / PROJECT_FILE, required=bool(named)
    )
    notes = () if named else _drop_trusted_keys(project)
    user_path = _user_file(environ)
    files = [project, *([] if user_path is None else [_read(user_path, required=False)])]

    def lookup(spec: SettingSpec) -> Setting:
        if spec.name in flags:
            return flags[spec.name]
        if environ.get(spec.variable):
            return Setting(value=environ[spec.variable], origin=spec.variable)
        for file in files:
            if spec.name in file.values:
                return Setting(value=file.values[spec.name], origin=file.path)
        return Setting(_default_db() if spec.name == "db" else spec.default, "default")

    hosts: dict[str, dict[str, Setting]] = {}
    for file in reversed(files):
        for host, values in file.hosts.items():
            for key, value in values.items():
                known = hosts.setdefault(host, {}).get(key)
                # The same value keeps its origin, so that a found file takes no trust away.
                if known is None or known.value != value:
                    hosts[host][key] = Setting(value, origin=file.path)
    return Settings(
        **{spec.name: lookup(spec) for spec in SETTINGS},
        host_settings=hosts,
        lookup=lookup,
        found_file=None if named else project.path,
        notes=notes,
    )


def expand_home(path: str) -> Path | None:
    """Return ``path`` with the home directory for a leading ``~``; None where there is none.

    A service or a container may run as a user without one.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return None


def cache_directory(catalog: Path) -> Path:
    """Return the user's cache directory for pkgharvest.

    Without a home directory, it is beside the ``catalog``.
    """
    return _platform_directory("cache") or catalog.parent / f"{APP}-cache"


def prepare_default_directory(settings: Settings) -> None:
    """Create the directory of the default catalog; any other must exist."""
    if settings.db.origin == "default":
        settings.db_path.parent.mkdir(parents=True, exist_ok=True)


def _default_db() -> str:
    directory = _platform_directory("data")
    return "" if directory is None else str(directory / "pkgharvest.db")


def _user_file(environ: Mapping[str, str]) -> Path | None:
    # On Linux, the path that platformdirs returns is found without importing it.
    if sys.platform == "linux":
        return expand_home(f"{environ.get('XDG_CONFIG_HOME') or '~/.config'}/{APP}/config.toml")
    directory = _platform_directory("config")
    return None if directory is None else directory / "config.toml"


def _platform_directory(purpose: Literal["cache", "config", "data"]) -> Path | None:
    """Return the directory; None without a home, where platformdirs fails or leaves a ``~``."""
    import platformdirs  # noqa: PLC0415 - only where the directory is needed

    directories = platformdirs.PlatformDirs(APP, appauthor=False)
    try:
        return Path(getattr(directories, f"user_{purpose}_dir")).expanduser()
    except RuntimeError:
        return None


def _backoff_duration(name: str, setting: Setting) -> "dt.timedelta":
    is_variable = setting.origin in {spec.variable for spec in SETTINGS}
    where = setting.origin if is_variable else f"{setting.origin}: {name}"
    try:
        duration = parse_duration(setting.value)
    except InvalidValue as error:
        raise InvalidValue(f"{where}: {error.message}", hint=error.hint) from error
    if not duration:
        raise InvalidValue(f"{where}: {setting.value!r} is no time at all")
    return duration


# ── files ────────────────────────────────────────────────────────────────────────────────


class _File(NamedTuple):
    path: str
    values: Mapping[str, str]
    hosts: dict[str, dict[str, str]]
    """What it says about hosts, by host and key."""


def _read(path: Path, *, required: bool) -> _File:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if required:
            raise InvalidValue(f"no configuration file {path}") from None
        return _File(str(path), {}, {})
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidValue(f"{path} cannot be read: {error}") from error
    import tomllib  # noqa: PLC0415 - most people have no file

    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidValue(f"{path} is not TOML: {error}") from error
    hosts = content.pop(_HOSTS, None)
    for name, value in content.items():
        if name not in {spec.name for spec in SETTINGS}:
            known = [spec.name for spec in all_settings()]
            if name not in known:
                raise InvalidValue(
                    f"{path}: unknown setting {name!r}",
                    hint=f"known: {', '.join((*known, _HOSTS))}",
                )
        if not isinstance(value, str):
            raise InvalidValue(f"{path}: {name} must be a string")
    if hosts is None:
        return _File(str(path), content, {})
    from pkgharvest.settings.hosts import read_host_tables  # noqa: PLC0415 - fewer still have such tables

    return _File(str(path), content, read_host_tables(hosts, str(path)))


def _drop_trusted_keys(file: _File) -> tuple[str, ...]:
    """Remove what a found file may not set; return a note about it, if there was any."""
    if not file.hosts:
        return ()
    from pkgharvest.settings.hosts import TRUSTED_KEYS  # noqa: PLC0415 - as above

    dropped = {
        key
        for values in file.hosts.values()
        for key in TRUSTED_KEYS
        if values.pop(key, None) is not None
    }
    keys = ", ".join(key for key in TRUSTED_KEYS if key in dropped)
    note = f"{file.path}: ignored {keys}: a file found in the current directory may not set them"
    return (note,) if dropped else ()
