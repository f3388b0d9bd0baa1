"""Settings, and where each comes from.

Flag, then environment, then the project's ``pkgharvest.toml`` (or ``--config``), then the
user's own file, then the default.
"""

from collections.abc import Mapping
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
        """Where the catalogue is."""
        return Path(self.db.value).expanduser()


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


def cache_directory() -> Path:
    """Return where clones are kept: the user's cache directory for pkgharvest."""
    import platformdirs  # noqa: PLC0415 - only where the directory is needed

    return Path(platformdirs.user_cache_dir(APP, appauthor=False))


def prepare_default_directory(settings: Settings) -> None:
    """Make the directory of the catalogue where nobody chose it; a chosen one must be there."""
    if settings.db.origin == "default":
        settings.db_path.parent.mkdir(parents=True, exist_ok=True)


def _default_db() -> str:
    import platformdirs  # noqa: PLC0415 - not needed where --db or the environment says it

    return str(Path(platformdirs.user_data_dir(APP, appauthor=False)) / "pkgharvest.db")


def _user_file(environ: Mapping[str, str]) -> Path:
    # Where platformdirs puts it on Linux is found without it, which start-up is grateful for.
    import sys  # noqa: PLC0415

    if sys.platform == "linux":
        home = environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
        return Path(home) / APP / "config.toml"
    import platformdirs  # noqa: PLC0415

    return Path(platformdirs.user_config_dir(APP, appauthor=False)) / "config.toml"


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
