"""Exit codes, and which error means which."""

from enum import IntEnum
from typing import TYPE_CHECKING

from pkgharvest.errors import HarvestLocked, InvalidValue, PkgharvestError

if TYPE_CHECKING:
    from pkgharvest.app.report import RunReport


class Exit(IntEnum):
    """What a command's end means to a shell, to cron or to a monitor."""

    OK = 0
    ERROR = 1
    USAGE = 2
    SOME_FAILED = 3
    CREDENTIALS = 4
    STOPPED = 5
    LOCKED = 6
    INTERRUPTED = 130


def exit_of(error: PkgharvestError) -> Exit:
    """Return the code for an error that ended a command."""
    match error:
        case InvalidValue():
            return Exit.USAGE
        case HarvestLocked():
            return Exit.LOCKED
        case _:
            return Exit.ERROR


def exit_of_run(report: "RunReport") -> Exit:
    """Return the code for a run that came to its end; of several, the gravest."""
    if report.stopped == "interrupted":
        return Exit.INTERRUPTED
    if any(failure.error == "unauthorized" for failure in report.failures):
        return Exit.CREDENTIALS
    if report.stopped is not None:
        return Exit.STOPPED
    if report.failed:
        return Exit.SOME_FAILED
    return Exit.OK
