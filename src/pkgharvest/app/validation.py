"""What a person may choose for a package: the values of options, read and refused in one place."""

from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from pkgharvest.model.errors import InvalidValue, LocatorError
from pkgharvest.model.locators import Locator, parse_locator, redact
from pkgharvest.settings.load import expand_home

_LONGEST_NAME = 200
"""Characters of a project's name: no file of a longer one could be stored, its version included."""


def check(*, title: str | None, pypi_name: str | None, documentation_url: str | None) -> None:
    """Refuse, as InvalidValue, what no package can have; None is always fine."""
    if pypi_name is not None and not _is_project_name(pypi_name):
        raise InvalidValue(
            f"not a valid project name: '{redact(pypi_name)}'",
            field="pypi_name",
            hint="ASCII letters and digits, with . _ or - between them",
        )
    if documentation_url is not None and not _is_web_address(documentation_url):
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
    """Read any spelling of a repository; one on disk must be there, and goes by its real path.

    Raises LocatorError, in which no credential is repeated.
    """
    home = expand_home("~")
    locator = parse_locator(
        text,
        base=PurePosixPath(Path.cwd()),
        home=None if home is None else PurePosixPath(home),
    )
    return _on_disk(locator) if locator.is_local else locator


def _on_disk(locator: Locator) -> Locator:
    """Return the local repository by its real path: a link to it is the same package."""
    path = Path(locator.path)
    if not path.is_dir():
        raise LocatorError(f"no directory {redact(locator.path)}")
    real = path.resolve()
    if not ((real / ".git").exists() or (real / "HEAD").is_file()):
        raise LocatorError(
            f"{redact(locator.path)} is not a git repository",
            hint="name the directory that holds .git, or a bare repository",
        )
    return parse_locator(str(real))


def _is_project_name(text: str) -> bool:
    """Say whether a project may be called that: what its source would ask for, and not too long."""
    from pkgharvest.sources.pypi.decode import canonical_name  # noqa: PLC0415 - for --pypi alone

    return canonical_name(text) is not None and len(text) <= _LONGEST_NAME


def _is_web_address(text: str) -> bool:
    # Looked at first, as urlsplit takes line breaks out silently.
    if not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
        _ = parts.port  # ValueError where it is none
    except ValueError:
        return False
    if parts.username is not None or parts.password is not None:
        return False  # it would be kept, and shown to everybody
    return parts.scheme in {"https", "http"} and bool(parts.hostname)
