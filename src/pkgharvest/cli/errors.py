"""Exit codes, and errors in the words of the command line.

Fields become options, and advice becomes commands.
"""

from enum import IntEnum
from typing import TYPE_CHECKING

import click

from pkgharvest.formats.sanitize import sanitize
from pkgharvest.model.errors import FetchLocked, InvalidValue, PkgharvestError, Remedy

if TYPE_CHECKING:
    from pkgharvest.app.fetch import RunReport

OPTIONS = {
    "as_of": "--as-of",
    "category": "--category",
    "docs": "--docs",
    "documentation_url": "--docs",
    "grids": "--grid",
    "history": "--history",
    "pypi": "--pypi",
    "pypi_name": "--pypi",
    "record": "--record",
    "replay": "--replay",
    "repo": "--repo",
    "reset": "--reset",
    "slug": "--slug",
    "sources": "--source",
    "title": "--title",
}
"""The option that sets a field. An error about any other field is printed without a name."""

_REMEDIES: dict[Remedy, str] = {
    "add_package": "pkgharvest add OWNER/NAME makes one",
    "choose_catalog": "name a file with --db or in PKGHARVEST_DB",
    "choose_directory": "make it first, or name another file with --db",
    "choose_other_catalog": "name another file with --db",
    "list_categories": "pkgharvest category list shows them all, category add makes one",
    "list_grids": "pkgharvest grid list shows them all, grid add makes one",
    "list_packages": "pkgharvest list shows them all",
    "restore_backup": "restore a copy made by pkgharvest db backup",
    "set_title": "start with a letter from a to z; --title takes any text",
    "show_package": "pkgharvest show {} shows it; one repository is one package",
    "unlock_grid": "pkgharvest grid edit {} --unlocked unlocks it",
}


class ExitCode(IntEnum):
    """How a command ended, for a shell, cron or a monitor."""

    OK = 0
    ERROR = 1
    USAGE = 2
    SOME_FAILED = 3
    CREDENTIALS = 4
    STOPPED = 5
    LOCKED = 6
    INTERRUPTED = 130


def exit_code_for_error(error: PkgharvestError) -> ExitCode:
    """Return the code of an error that ended a command."""
    if isinstance(error, InvalidValue):
        return ExitCode.USAGE
    return ExitCode.LOCKED if isinstance(error, FetchLocked) else ExitCode.ERROR


def exit_code_for_run(report: "RunReport") -> ExitCode:
    """Return the code of a finished run; the gravest of several."""
    if report.stopped == "interrupted":
        return ExitCode.INTERRUPTED
    if any(failure.error == "unauthorized" for failure in report.failures):
        return ExitCode.CREDENTIALS
    if report.stopped is not None:
        return ExitCode.STOPPED
    return ExitCode.SOME_FAILED if report.failed else ExitCode.OK


def error_message(error: PkgharvestError) -> str:
    """Return the message of ``error``, after the options that it is about."""
    if not isinstance(error, InvalidValue):
        return error.message
    fields = (error.field, error.other_field)
    names = " and ".join(OPTIONS[field] for field in fields if field in OPTIONS)
    return f"{names}: {error.message}" if names else error.message


def error_hint(error: PkgharvestError) -> str | None:
    """Return what helps against ``error``: its hint, else its advice as a command."""
    if error.hint is None and error.advice is not None:
        return _REMEDIES[error.advice.remedy].format(error.advice.subject)
    return error.hint


def os_error_reason(error: OSError) -> str:
    """Return what went wrong, in the words of the operating system."""
    return (error.strerror or str(error)).lower()


def print_error(message: str, hint: str | None = None) -> None:
    """Print an error on standard error, and what helps against it."""
    click.echo(f"error: {sanitize(message)}", err=True)
    if hint:
        click.echo(f"\nhint: {sanitize(hint)}", err=True)
