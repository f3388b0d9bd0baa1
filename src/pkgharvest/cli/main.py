"""The entry point: the group of commands, and what is printed however a command ends."""

import functools
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, NoReturn

import click

from pkgharvest import __version__
from pkgharvest.cli.errors import (
    ExitCode,
    error_hint,
    error_message,
    exit_code_for_error,
    os_error_reason,
    print_error,
)
from pkgharvest.cli.invocation import Invocation, drop_unwritten, global_options
from pkgharvest.model.errors import PkgharvestError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_COMMANDS = {
    "add": (
        "packages.add",
        "Add repositories: owner/name, a URL, a path to a clone, or - to read a list.",
    ),
    "category": ("collections.category", "Sort packages into categories."),
    "completion": (
        "completion.command",
        "Print the script that completes commands and options in SHELL.",
    ),
    "config": ("config.command", "Look at the settings."),
    "db": ("db.command", "Look after the catalog's file."),
    "demo": (
        "demo.command",
        "Show what pkgharvest does, from recorded responses, without a network.",
    ),
    "edit": ("packages.edit", "Change the editable fields of a package."),
    "export": (
        "transfer.export",
        "Write the whole catalog as it is now, even while a fetch is at work.",
    ),
    "fetch": (
        "fetch.command",
        "Fetch the metadata of packages: each SLUG, or with --all every package.",
    ),
    "grid": ("collections.grid", "Compare packages in grids."),
    "history": (
        "history.command",
        "Show what a package was before; history backfill reads older commits.",
    ),
    "import": (
        "transfer.import_",
        "Import packages, grids and categories: data of the API v4, or what export wrote.",
    ),
    "list": ("listing.command", "List the packages of the catalog."),
    "remove": (
        "packages.remove",
        "Remove packages and everything known about them: history, HTTP cache validators, clones.",
    ),
    "search": ("search.command", "Find packages and grids by words, best first."),
    "show": ("show.command", "Show packages, each by slug, id, PyPI name or repository URL."),
    "status": (
        "status.command",
        "Show how fresh the catalog is, what fails, the quotas left and the last runs.",
    ),
}
"""Where each command is, imported when it is used, and the first sentence of its help."""

_SUMMARIES = click.Group(
    commands=[click.Command(name, help=summary) for name, (_, summary) in _COMMANDS.items()]
)
"""The commands for lists that need no more than their names and help."""

_TRACEBACK_VERBOSITY = 2
"""The number of -v that asks for tracebacks."""


class _Group(click.Group):
    """A group that imports a command when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name][0].partition(".")
        command: click.Command = getattr(import_module(f"pkgharvest.cli.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _SUMMARIES.format_commands(ctx, formatter)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return _SUMMARIES.shell_complete(click.Context(_SUMMARIES), incomplete)

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
    for stream, errors in (
        (sys.stdout, "backslashreplace"),
        (sys.stderr, "backslashreplace"),
        (sys.stdin, "surrogateescape"),
    ):
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
        path = error.ctx.command_path if error.ctx else None
        print_error(_usage_message(error), path and f"{path} --help shows the usage")
        return ExitCode.USAGE
    except click.ClickException as error:
        print_error(error.format_message())
        return ExitCode.ERROR
    except (click.exceptions.Abort, KeyboardInterrupt) as error:
        # The terminal shows ^C; click has ended that line only if it raised from another error.
        if error.__cause__ is None and sys.stderr.isatty():
            click.echo(err=True)
        print_error("interrupted")
        return ExitCode.INTERRUPTED
    except PkgharvestError as error:
        _print_traceback(invocation, error)
        print_error(error_message(error), error_hint(error))
        return exit_code_for_error(error)
    except OSError as error:
        _print_traceback(invocation, error)
        drop_unwritten()
        place = f"{error.filename}: " if error.filename else ""
        print_error(place + os_error_reason(error))
        return ExitCode.ERROR


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


def _usage_message(error: click.UsageError) -> str:
    message = " ".join(error.format_message().split())
    if message[1:2].islower():  # a sentence of click, not a name such as SLUG
        message = message[:1].lower() + message[1:]
    return message.removesuffix(".")


def _report_bug(
    invocation: Invocation,
    kind: type[BaseException],
    error: BaseException,
    _traceback: TracebackType | None,
) -> None:
    """Print an unexpected exception in one line; -vv prints the traceback."""
    _print_traceback(invocation, error)
    print_error(f"internal error: {kind.__name__}: {error} (this is a bug; -vv shows where)")
