"""Checks of the values that a package may have, and of the repositories that may be added."""

from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from pkgharvest.model.errors import InvalidValue, LocatorError
from pkgharvest.model.locators import Locator, parse_locator, redact
from pkgharvest.settings.load import expand_home

_MAX_NAME_CHARACTERS = 200
"""Of a PyPI project: a file of a longer name, with its version, could not be stored."""


def check(*, title: str | None, pypi_name: str | None, documentation_url: str | None) -> None:
    """Raise InvalidValue for a value that no package can have; None is always valid."""
    if pypi_name is not None and not _is_project_name(pypi_name):
        raise InvalidValue(
            f"not a valid project name: '{redact(pypi_name)}'",
            field="pypi_name",
            hint="ASCII letters and digits, with . _ or - between them",
        )
    if documentation_url is not None and not _is_web_url(documentation_url):
        raise InvalidValue(
            f"not the URL of a web page: '{redact(documentation_url)}'",
            field="documentation_url",
            hint="it starts with https:// or http://",
        )
    if title is not None and not any(
        character.isprintable() and not character.isspace() for character in title
    ):
        raise InvalidValue("title is empty", field="title")


def read_repository(text: str) -> Locator:
    """Parse any spelling of a repository; a local one must exist, and is known by its real path.

    Raises LocatorError, whose message repeats no credential.
    """
    home = expand_home("~")
    locator = parse_locator(
        text,
        base=PurePosixPath(Path.cwd()),
        home=None if home is None else PurePosixPath(home),
    )
    return _resolve_local(locator) if locator.is_local else locator


def _resolve_local(locator: Locator) -> Locator:
    """Return a local repository by its real path: a symbolic link to it is the same package."""
    path = Path(locator.path)
    if not path.is_dir():
        raise LocatorError(f"no directory {redact(locator.path)}")
    real = path.resolve()
    if not ((real / ".git").exists() or (real / "HEAD").is_file()):
        raise LocatorError(
            f"{redact(locator.path)} is not a git repository",
            hint="name the directory that contains .git, or a bare repository",
        )
    return parse_locator(str(real))


def _is_project_name(text: str) -> bool:
    """Return whether PyPI may have a project of this name."""
    from pkgharvest.sources.pypi.source import canonical_name  # noqa: PLC0415 - rarely needed

    return canonical_name(text) is not None and len(text) <= _MAX_NAME_CHARACTERS


def _is_web_url(text: str) -> bool:
    # Checked first, because urlsplit silently removes line breaks.
    if not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises ValueError for an invalid port
    except ValueError:
        return False
    if parts.username is not None or parts.password is not None:
        return False  # it would be stored and shown
    return parts.scheme in {"https", "http"} and bool(parts.hostname)
