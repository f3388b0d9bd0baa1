"""What one call of the program carries: its global options, its settings, its streams."""

import functools
import os
import stat
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, TypeVar

import click

from pkgharvest.model.clock import Clock, SystemClock
from pkgharvest.settings.load import Settings, load

Command = TypeVar("Command", bound=Callable[..., Any])

_DATABASES = (b"SQLite format 3\0", b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
"""How SQLite's files begin, and its logs (sqlite.org/fileformat.html)."""


class Invocation:
    """The global options, wherever they stood, and what follows from them."""

    def __init__(self) -> None:
        self.flags: dict[str, str | None] = {}
        self.config: str | None = None
        self.quiet = False
        self.verbosity = 0
        self.clock: Clock = SystemClock()
        self._settings: Settings | None = None

    def settings(self) -> Settings:
        """Return the settings of this call, which are read once.

        What a person should know about them is said when they are read.
        """
        if self._settings is None:
            self._settings = load(self.flags, os.environ, config=self.config)
            for note in self._settings.notes:
                self.say(f"note: {note}")
        return self._settings

    @property
    def db_path(self) -> Path:
        """Where the catalogue is."""
        return self.settings().db_path

    def say(self, line: str) -> None:
        """Tell the person something, on standard error; nothing with ``--quiet``."""
        if not self.quiet:
            click.echo(line, err=True)


def write(pieces: Iterable[str], output: str | None = None) -> None:
    """Write data to standard output, or to the file ``output``.

    A file is there whole, or as it was before. A reader that has seen enough (``| head``) ends
    the program silently.
    """
    if output is not None:
        _require_no_database(Path(output))
        try:
            _replace(Path(output), pieces)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise click.ClickException(f"{output} cannot be written: {reason}") from error
        return
    try:
        for piece in pieces:
            sys.stdout.write(piece)
        sys.stdout.flush()
    except BrokenPipeError:
        drop_unwritten()
        raise click.exceptions.Exit(0) from None


def _replace(path: Path, pieces: Iterable[str]) -> None:
    """Write ``pieces`` beside the file at ``path``, then in its place, with its rights."""
    real = path.resolve()
    is_device = path.parts[:2] == ("/", "dev") or (path.exists() and not path.is_file())
    if is_device or (path.exists() and not os.access(real.parent, os.W_OK)):
        _fill(path, "w", pieces)  # it has no place beside it
        return
    aside = real.with_name(f".{real.name[:100]}-{os.getpid()}")
    try:
        _fill(aside, "x", pieces)
        if path.exists():
            aside.chmod(stat.S_IMODE(real.stat().st_mode))
        aside.replace(real)
    finally:
        aside.unlink(missing_ok=True)


def _fill(path: Path, how: Literal["w", "x"], pieces: Iterable[str]) -> None:
    with path.open(how, encoding="utf-8", newline="") as file:
        file.writelines(pieces)


def _require_no_database(path: Path) -> None:
    """Refuse to write text over a catalogue, be it this one, another, or a part of one."""
    if not path.is_file():
        return  # to open a pipe is to wait for whoever writes into it
    try:
        with path.open("rb") as file:
            beginning = file.read(16)
    except OSError:
        return  # whoever writes will say what is wrong
    if beginning.startswith(_DATABASES):
        raise click.ClickException(f"{path} is a database, which nothing is written over")


def drop_unwritten() -> None:
    """Let what standard output does not take go where nobody complains, Python's exit neither."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _flag(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None and parameter.name is not None:
        context.ensure_object(Invocation).flags[parameter.name] = value


def _config(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.ensure_object(Invocation).config = value


def _quiet(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Invocation).quiet = True


def _verbose(context: click.Context, _parameter: click.Parameter, value: int) -> None:
    context.ensure_object(Invocation).verbosity += value


def global_options(command: Command) -> Command:
    """Add the options that may stand before the command or after it."""
    return global_options_about("The catalogue.  [env: PKGHARVEST_DB; default: see db path]")(
        command
    )


def global_options_about(catalogue: str) -> Callable[[Command], Command]:
    """Return ``global_options`` with another help for ``--db``."""
    return functools.partial(_add_options, catalogue)


def _add_options(catalogue: str, command: Command) -> Command:
    for option in (
        click.option(
            "-v", "--verbose", count=True, expose_value=False, callback=_verbose,
            help="Say more: -v a line per request, -vv tracebacks too.",
        ),
        click.option(
            "-q", "--quiet", is_flag=True, expose_value=False, callback=_quiet,
            help="Say nothing unless something is wrong.",
        ),
        click.option(
            "--config", metavar="PATH", expose_value=False, callback=_config,
            help="Configuration file.  [env: PKGHARVEST_CONFIG; default: ./pkgharvest.toml]",
        ),
        click.option(
            "--db", metavar="PATH", expose_value=False, callback=_flag,
            help=catalogue,
        ),
    ):  # fmt: skip
        command = option(command)
    return command


pass_invocation = click.make_pass_decorator(Invocation, ensure=True)
