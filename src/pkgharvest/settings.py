"""Settings, and where each comes from.

Flag, then environment, then the project's ``pkgharvest.toml`` (or ``--config``), then the
user's own file, then the default.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from pkgharvest.errors import InvalidValue

APP = "pkgharvest"
PROJECT_FILE = "pkgharvest.toml"

GITHUB_API_URL = "https://api.github.com"
PYPI_URL = "https://pypi.org"

_VARIABLES: dict[str, str] = {
    "db": "PKGHARVEST_DB",
    "base_url": "PKGHARVEST_BASE_URL",
    "tz": "PKGHARVEST_TZ",
    "github_api_url": "GITHUB_API_URL",
    "pypi_url": "PKGHARVEST_PYPI_URL",
}

_DEFAULTS: dict[str, str] = {
    "base_url": "",
    "tz": "UTC",
    "github_api_url": GITHUB_API_URL,
    "pypi_url": PYPI_URL,
}

_OTHER_TABLES = {"hosts"}
"""Tables of the file that are not settings of one value."""


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
    pypi_url: Setting

    @property
    def db_path(self) -> Path:
        """Where the catalogue is; InvalidValue where that is in a home that nobody has."""
        if self.db.origin == "default" and not self.db.value:
            raise InvalidValue(
                "no home directory to keep the catalogue in",
                hint="name its file with --db, or in PKGHARVEST_DB",
            )
        path = in_home(self.db.value)
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
        (str(path), _read(path, required=path is project and bool(named)))
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
        for path, content in files:
            if name in content:
                return Setting(value=content[name], origin=path)
        return Setting(value=_DEFAULTS[name] if name != "db" else _default_db(), origin="default")

    return Settings(
        db=setting("db"),
        base_url=setting("base_url"),
        tz=setting("tz"),
        github_api_url=setting("github_api_url"),
        pypi_url=setting("pypi_url"),
    )


def in_home(path: str) -> Path | None:
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
        return in_home(f"{environ.get('XDG_CONFIG_HOME') or '~/.config'}/{APP}/config.toml")
    import platformdirs  # noqa: PLC0415

    directory = _usual(platformdirs.user_config_dir)
    return None if directory is None else directory / "config.toml"


def _usual(directory: Callable[..., str]) -> Path | None:
    """Return what platformdirs says; None without a home, where it fails or leaves a ``~``."""
    try:
        return Path(directory(APP, appauthor=False)).expanduser()
    except RuntimeError:
        return None


def _read(path: Path, *, required: bool) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if required:
            raise InvalidValue(f"no configuration file {path}") from None
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidValue(f"{path} cannot be read: {error}") from error
    import tomllib  # noqa: PLC0415 - most people have no file

    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidValue(f"{path} is not TOML: {error}") from error
    for name, value in content.items():
        if name in _OTHER_TABLES:
            continue
        if name not in _VARIABLES:
            raise InvalidValue(
                f"{path}: unknown setting {name!r}", hint=f"known: {', '.join(_VARIABLES)}"
            )
        if not isinstance(value, str):
            raise InvalidValue(f"{path}: {name} must be a string")
    return {name: value for name, value in content.items() if name not in _OTHER_TABLES}
