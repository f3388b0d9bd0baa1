"""Exit codes, and the errors and runs that cause them."""

from enum import IntEnum
from typing import TYPE_CHECKING

from pkgharvest.model.errors import FetchLocked, InvalidValue, PkgharvestError

if TYPE_CHECKING:
    from pkgharvest.app.fetch import RunReport


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
    match error:
        case InvalidValue():
            return ExitCode.USAGE
        case FetchLocked():
            return ExitCode.LOCKED
        case _:
            return ExitCode.ERROR


def exit_code_for_run(report: "RunReport") -> ExitCode:
    """Return the code of a finished run; the gravest of several."""
    if report.stopped == "interrupted":
        return ExitCode.INTERRUPTED
    if any(failure.error == "unauthorized" for failure in report.failures):
        return ExitCode.CREDENTIALS
    if report.stopped is not None:
        return ExitCode.STOPPED
    if report.failed:
        return ExitCode.SOME_FAILED
    return ExitCode.OK
