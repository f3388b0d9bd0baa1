"""Settings, and where each comes from.

Flag, then environment, then the project's ``pkgharvest.toml`` (or ``--config``), then the
user's own file, then the default.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pkgharvest.model.errors import Advice, InvalidValue
from pkgharvest.model.instants import parse_duration

if TYPE_CHECKING:
    import datetime as dt

    from pkgharvest.settings.hosts import HostLimits

APP = "pkgharvest"
PROJECT_FILE = "pkgharvest.toml"

GITHUB_API_URL = "https://api.github.com"
PYPI_URL = "https://pypi.org"
PYPISTATS_URL = "https://pypistats.org"

_VARIABLES: dict[str, str] = {
    "db": "PKGHARVEST_DB",
    "base_url": "PKGHARVEST_BASE_URL",
    "tz": "PKGHARVEST_TZ",
    "github_api_url": "GITHUB_API_URL",
    "github_graphql_url": "GITHUB_GRAPHQL_URL",
    "pypi_url": "PKGHARVEST_PYPI_URL",
    "pypistats_url": "PKGHARVEST_PYPISTATS_URL",
    "backoff_first": "PKGHARVEST_BACKOFF_FIRST",
    "backoff_most": "PKGHARVEST_BACKOFF_MOST",
}

_DEFAULTS: dict[str, str] = {
    "base_url": "",
    "tz": "UTC",
    "github_api_url": GITHUB_API_URL,
    "github_graphql_url": "",  # what follows from github_api_url
    "pypi_url": PYPI_URL,
    "pypistats_url": "",  # what follows from pypi_url
    "backoff_first": "1h",
    "backoff_most": "7d",
}

_HOSTS = "hosts"
"""The table of the file that holds a table for each host."""


class Setting(NamedTuple):
    """A value, and who said so: ``--db``, ``PKGHARVEST_DB``, a file's path, or ``default``."""

    value: str
    origin: str


class Settings(NamedTuple):
    """All settings of one invocation."""

    db: Setting
    base_url: Setting
    tz: Setting
    github_api_url: Setting
    github_graphql_url: Setting
    pypi_url: Setting
    pypistats_url: Setting
    backoff_first: Setting
    backoff_most: Setting
    host_settings: Mapping[str, Mapping[str, Setting]]
    """The limits of hosts, by host and key; ``hosts`` has them as numbers."""

    @property
    def github_graphql(self) -> str:
        """The address of GitHub's GraphQL API: as set, else what follows from the API's."""
        from pkgharvest.model.forges.github import graphql_url  # noqa: PLC0415 - only to fetch

        return self.github_graphql_url.value or graphql_url(self.github_api_url.value)

    @property
    def pypistats(self) -> str | None:
        """The base of pypistats: as set, else the public one, but beside the public PyPI only.

        None where downloads are not asked for: pypistats counts those from pypi.org, and the names
        of private projects are nothing to tell it. An empty string in a file turns them off.
        """
        if self.pypistats_url.origin != "default":
            return self.pypistats_url.value or None
        return PYPISTATS_URL if _origin(self.pypi_url.value) == _origin(PYPI_URL) else None

    @property
    def backoff(self) -> "tuple[dt.timedelta, dt.timedelta]":
        """How long a source rests after its first failure, and after many; InvalidValue."""
        first = _rest("backoff_first", self.backoff_first)
        most = _rest("backoff_most", self.backoff_most)
        if first > most:
            raise InvalidValue(
                f"backoff_first ({self.backoff_first.value}, {self.backoff_first.origin}) is longer"
                f" than backoff_most ({self.backoff_most.value}, {self.backoff_most.origin})"
            )
        return first, most

    @property
    def hosts(self) -> "Mapping[str, HostLimits]":
        """The limits by host, in lower case, with the port where that is not 443."""
        from pkgharvest.settings.hosts import host_limits  # noqa: PLC0415 - only to fetch

        return {
            host: host_limits({key: setting.value for key, setting in said.items()})
            for host, said in self.host_settings.items()
        }

    @property
    def db_path(self) -> Path:
        """Where the catalogue is; InvalidValue where that is in a home that nobody has."""
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
    flags: Mapping[str, str | None],
    environ: Mapping[str, str],
    *,
    config: str | None = None,
    directory: Path | None = None,
) -> Settings:
    """Gather the settings; ``directory`` is where the project's file is looked for (default: here).

    Raises InvalidValue for a file that is missing (where one was named), is not TOML or says
    what is not understood. An empty variable counts as one that is not set.
    """
    named = config or environ.get("PKGHARVEST_CONFIG")
    project = Path(named) if named else (directory or Path.cwd()) / PROJECT_FILE
    files = [
        _read(path, required=path is project and bool(named))
        for path in (project, _user_file(environ))
        if path is not None
    ]

    def setting(name: str) -> Setting:
        flag = flags.get(name)
        if flag is not None:
            return Setting(value=flag, origin="--" + name.replace("_", "-"))
        variable = _VARIABLES[name]
        if environ.get(variable):
            return Setting(value=environ[variable], origin=variable)
        for path, values, _ in files:
            if name in values:
                return Setting(value=values[name], origin=path)
        return Setting(value=_DEFAULTS[name] if name != "db" else _default_db(), origin="default")

    hosts: dict[str, dict[str, Setting]] = {}
    for path, _, limits in reversed(files):
        for host, said in limits.items():
            settings = {key: Setting(value=value, origin=path) for key, value in said.items()}
            hosts.setdefault(host, {}).update(settings)
    return Settings(
        db=setting("db"),
        base_url=setting("base_url"),
        tz=setting("tz"),
        github_api_url=setting("github_api_url"),
        github_graphql_url=setting("github_graphql_url"),
        pypi_url=setting("pypi_url"),
        pypistats_url=setting("pypistats_url"),
        backoff_first=setting("backoff_first"),
        backoff_most=setting("backoff_most"),
        host_settings=hosts,
    )


def expand_home(path: str) -> Path | None:
    """Return ``path`` with the home that a ``~`` at its beginning stands for; None without one.

    A service or a container may run as somebody of whom the machine knows no home.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return None


def cache_directory(catalogue: Path) -> Path:
    """Return where clones are kept: the user's cache directory for pkgharvest.

    Who has no home has it beside the ``catalogue``.
    """
    import platformdirs  # noqa: PLC0415 - only where the directory is needed

    return _usual(platformdirs.user_cache_dir) or catalogue.parent / f"{APP}-cache"


def prepare_default_directory(settings: Settings) -> None:
    """Make the directory of the catalogue where nobody chose it; a chosen one must be there."""
    if settings.db.origin == "default":
        settings.db_path.parent.mkdir(parents=True, exist_ok=True)


def _default_db() -> str:
    import platformdirs  # noqa: PLC0415 - not needed where --db or the environment says it

    directory = _usual(platformdirs.user_data_dir)
    return "" if directory is None else str(directory / "pkgharvest.db")


def _user_file(environ: Mapping[str, str]) -> Path | None:
    # Where platformdirs puts it on Linux is found without it, which start-up is grateful for.
    import sys  # noqa: PLC0415

    if sys.platform == "linux":
        return expand_home(f"{environ.get('XDG_CONFIG_HOME') or '~/.config'}/{APP}/config.toml")
    import platformdirs  # noqa: PLC0415

    directory = _usual(platformdirs.user_config_dir)
    return None if directory is None else directory / "config.toml"


def _usual(directory: Callable[..., str]) -> Path | None:
    """Return what platformdirs says; None without a home, where it fails or leaves a ``~``."""
    try:
        return Path(directory(APP, appauthor=False)).expanduser()
    except RuntimeError:
        return None


def _origin(url: str) -> tuple[str, str | None, int | None] | None:
    """Return scheme, host and port; None of what is no URL. Transport's Origin is a floor up."""
    from urllib.parse import urlsplit  # noqa: PLC0415 - only to fetch

    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    return parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80)


def _rest(name: str, setting: Setting) -> "dt.timedelta":
    is_variable = setting.origin == _VARIABLES[name]
    where = setting.origin if is_variable else f"{setting.origin}: {name}"
    try:
        duration = parse_duration(setting.value)
    except InvalidValue as error:
        raise InvalidValue(f"{where}: {error.message}", hint=error.hint) from error
    if not duration:
        raise InvalidValue(f"{where}: {setting.value!r} is no time at all")
    return duration


# ── files ────────────────────────────────────────────────────────────────────────────────


_File = tuple[str, Mapping[str, str], Mapping[str, Mapping[str, str]]]
"""A file's path, its values by name, and its limits by host and key."""


def _read(path: Path, *, required: bool) -> _File:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if required:
            raise InvalidValue(f"no configuration file {path}") from None
        return str(path), {}, {}
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidValue(f"{path} cannot be read: {error}") from error
    import tomllib  # noqa: PLC0415 - most people have no file

    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidValue(f"{path} is not TOML: {error}") from error
    hosts = content.pop(_HOSTS, None)
    for name, value in content.items():
        if name not in _VARIABLES:
            raise InvalidValue(
                f"{path}: unknown setting {name!r}",
                hint=f"known: {', '.join((*_VARIABLES, _HOSTS))}",
            )
        if not isinstance(value, str):
            raise InvalidValue(f"{path}: {name} must be a string")
    if hosts is None:
        return str(path), content, {}
    from pkgharvest.settings.hosts import read_host_tables  # noqa: PLC0415 - fewer still have such tables

    return str(path), content, read_host_tables(hosts, str(path))
