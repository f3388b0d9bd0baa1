"""The entry point: the group of commands, and what is printed however a command ends."""

import functools
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from types import FrameType, TracebackType
from typing import NoReturn

import click

from pkgharvest import __version__
from pkgharvest.cli.exit_codes import ExitCode, exit_code_for_error
from pkgharvest.cli.invocation import Invocation, drop_unwritten, global_options
from pkgharvest.formats.sanitize import sanitize
from pkgharvest.model.errors import PkgharvestError

_COMMANDS = {
    "add": "pkgharvest.cli.add",
    "category": "pkgharvest.cli.category",
    "completion": "pkgharvest.cli.completion",
    "config": "pkgharvest.cli.config",
    "db": "pkgharvest.cli.db",
    "demo": "pkgharvest.cli.demo",
    "edit": "pkgharvest.cli.edit",
    "export": "pkgharvest.cli.export",
    "fetch": "pkgharvest.cli.fetch",
    "grid": "pkgharvest.cli.grid",
    "history": "pkgharvest.cli.history",
    "import": "pkgharvest.cli.import_",
    "list": "pkgharvest.cli.listing",
    "remove": "pkgharvest.cli.remove",
    "search": "pkgharvest.cli.search",
    "show": "pkgharvest.cli.show",
    "status": "pkgharvest.cli.status",
}
"""Modules whose ``command`` is imported when it is used."""

_TRACEBACK_VERBOSITY = 2
"""The number of -v that asks for tracebacks."""


class _Group(click.Group):
    """A group that imports a command when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = import_module(_COMMANDS[cmd_name]).command
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; for an interrupt click would print an empty line, terminal or not."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.Abort from None


@click.group(
    cls=_Group,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 error, 2 usage, 3 some packages failed, 4 credentials,"
    " 5 stopped early, 6 another fetch is at work, 130 interrupted.",
)
@global_options
@click.version_option(__version__, message="pkgharvest %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Track repository and PyPI metadata for many packages in one SQLite file.

    \b
    pkgharvest add django/django      add a repository
    pkgharvest fetch --all            fetch its metadata
    pkgharvest show django            show it (--json for programs)
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit."""
    invocation = Invocation()
    sys.excepthook = functools.partial(_report_bug, invocation)
    code = main(arguments, invocation)
    if code == ExitCode.INTERRUPTED:
        # Python would wait for threads, and one may be waiting for a resolver that never answers.
        drop_unwritten()
        os._exit(code)
    sys.exit(code)


def main(arguments: Sequence[str] | None = None, invocation: Invocation | None = None) -> int:
    """Run the command line and return its exit code. Errors are printed on standard error.

    ``invocation`` is given to use another clock than the machine's.
    """
    # Names and descriptions may have characters that the terminal's encoding lacks, and lists
    # from standard input bytes that are not valid in any encoding.
    _open_missing_streams()
    streams = ((sys.stdout, "backslashreplace"), (sys.stderr, "backslashreplace"))
    for stream, errors in (*streams, (sys.stdin, "surrogateescape")):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=errors)
    invocation = invocation or Invocation()
    try:
        # SIGTERM ends a command as Ctrl-C does, unless the parent process ignored it.
        if signal.getsignal(signal.SIGTERM) is not signal.SIG_IGN:
            signal.signal(signal.SIGTERM, _interrupt)
        code = cli.main(
            None if arguments is None else list(arguments),
            prog_name="pkgharvest",
            standalone_mode=False,
            obj=invocation,
        )
        return code if isinstance(code, int) else ExitCode.OK
    except click.UsageError as error:
        return _report(_usage_message(error), _usage_hint(error), ExitCode.USAGE)
    except click.ClickException as error:
        return _report(error.format_message(), None, ExitCode.ERROR)
    except (click.exceptions.Abort, KeyboardInterrupt) as error:
        # The terminal shows ^C; click has ended that line only if it raised from another error.
        if error.__cause__ is None and sys.stderr.isatty():
            click.echo(err=True)
        return _report("interrupted", None, ExitCode.INTERRUPTED)
    except PkgharvestError as error:
        from pkgharvest.cli.messages import error_hint, error_message  # noqa: PLC0415

        _print_traceback(invocation, error)
        return _report(error_message(error), error_hint(error), exit_code_for_error(error))
    except OSError as error:
        _print_traceback(invocation, error)
        drop_unwritten()
        place = f"{error.filename}: " if error.filename else ""
        return _report(place + (error.strerror or str(error)).lower(), None, ExitCode.ERROR)


def _open_missing_streams() -> None:
    """Open the null device for each standard stream that is closed.

    In this order each gets its own file descriptor, so that the catalog's file never does.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            number = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _print_traceback(invocation: Invocation, error: BaseException) -> None:
    if invocation.verbosity >= _TRACEBACK_VERBOSITY:
        sys.__excepthook__(type(error), error, error.__traceback__)


def _report(message: str, hint: str | None, code: ExitCode) -> ExitCode:
    click.echo(f"error: {sanitize(message)}", err=True)
    if hint:
        click.echo(f"\nhint: {sanitize(hint)}", err=True)
    return code


def _usage_message(error: click.UsageError) -> str:
    message = " ".join(error.format_message().split())
    if message[1:2].islower():  # a sentence of click, not a name such as SLUG
        message = message[:1].lower() + message[1:]
    return message.removesuffix(".")


def _usage_hint(error: click.UsageError) -> str | None:
    if error.ctx is None:
        return None
    return f"{error.ctx.command_path} --help shows the usage"


def _report_bug(
    invocation: Invocation,
    kind: type[BaseException],
    error: BaseException,
    _traceback: TracebackType | None,
) -> None:
    """Print an unexpected exception in one line; -vv prints the traceback."""
    _print_traceback(invocation, error)
    _report(
        f"internal error: {kind.__name__}: {error} (this is a bug; -vv shows where)",
        None,
        ExitCode.ERROR,
    )
