"""One call of the program: its global options, its settings and its output streams."""

import json
import os
import stat
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, TypeVar

import click

from pkgharvest.cli.errors import os_error_reason
from pkgharvest.model.clock import Clock, SystemClock
from pkgharvest.settings.load import Settings, load
from pkgharvest.settings.spec import Setting

Command = TypeVar("Command", bound=Callable[..., Any])

_SQLITE_MAGIC = (b"SQLite format 3\0", b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
"""The first bytes of SQLite's files and logs (https://sqlite.org/fileformat.html)."""


class Invocation:
    """The global options, given before the command or after it, and what follows from them."""

    def __init__(self) -> None:
        self.db: str | None = None
        self.config: str | None = None
        self.quiet = False
        self.verbosity = 0
        self.clock: Clock = SystemClock()
        self._settings: Settings | None = None

    def settings(self) -> Settings:
        """Return the settings of this call; reads them once, and prints notes about them."""
        if self._settings is None:
            flags = {} if self.db is None else {"db": Setting(self.db, "--db")}
            self._settings = load(flags, os.environ, config=self.config)
            for note in self._settings.notes:
                self.say(f"note: {note}, only one named with --config")
        return self._settings

    @property
    def db_path(self) -> Path:
        """The path of the catalog."""
        return self.settings().db_path

    def say(self, line: str) -> None:
        """Print a line for people on standard error, unless ``--quiet`` was given."""
        if not self.quiet:
            click.echo(line, err=True)


def write(pieces: Iterable[str], output: str | None = None) -> None:
    """Write data to standard output, or to the file ``output``.

    A file is replaced as a whole or stays as it was. A closed pipe (``| head``) ends the program
    silently.
    """
    if output is not None:
        _refuse_database(Path(output))
        try:
            _replace(Path(output), pieces)
        except OSError as error:
            reason = os_error_reason(error)
            raise click.ClickException(f"{output} cannot be written: {reason}") from error
        return
    try:
        for piece in pieces:
            sys.stdout.write(piece)
        sys.stdout.flush()
    except BrokenPipeError:
        drop_unwritten()
        raise click.exceptions.Exit(0) from None


def write_json(value: object) -> None:
    """Write ``value`` to standard output as indented JSON."""
    write([json.dumps(value, indent=4) + "\n"])


def _replace(path: Path, pieces: Iterable[str]) -> None:
    """Write ``pieces`` to a file beside ``path``, which then takes its place and permissions."""
    real = path.resolve()
    is_device = path.parts[:2] == ("/", "dev") or (path.exists() and not path.is_file())
    if is_device or (path.exists() and not os.access(real.parent, os.W_OK)):
        _write_pieces(path, "w", pieces)  # no file can be put beside it
        return
    temporary = real.with_name(f".{real.name[:100]}-{os.getpid()}")
    try:
        _write_pieces(temporary, "x", pieces)
        if path.exists():
            temporary.chmod(stat.S_IMODE(real.stat().st_mode))
        temporary.replace(real)
    finally:
        temporary.unlink(missing_ok=True)


def _write_pieces(path: Path, mode: Literal["w", "x"], pieces: Iterable[str]) -> None:
    with path.open(mode, encoding="utf-8", newline="") as file:
        file.writelines(pieces)


def _refuse_database(path: Path) -> None:
    """Refuse to write text over any SQLite database or its logs."""
    if not path.is_file():
        return  # opening a pipe would wait for its writer
    try:
        with path.open("rb") as file:
            magic = file.read(16)
    except OSError:
        return  # writing will tell what is wrong
    if magic.startswith(_SQLITE_MAGIC):
        raise click.ClickException(f"{path} is a database and is not overwritten")


def drop_unwritten() -> None:
    """Discard what standard output no longer takes, so that exiting does not fail."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _keep(context: click.Context, parameter: click.Parameter, value: str | bool | None) -> None:
    """Keep the value of a global option; the one after the command wins."""
    if value is not None:
        setattr(context.ensure_object(Invocation), str(parameter.name), value)


def _verbose(context: click.Context, _parameter: click.Parameter, value: int) -> None:
    context.ensure_object(Invocation).verbosity += value


def global_options(
    command: Command, db_help: str = "The catalog.  [env: PKGHARVEST_DB; default: see db path]"
) -> Command:
    """Add the options that may stand before the command or after it."""
    for option in (
        click.option(
            "-v", "--verbose", count=True, expose_value=False, callback=_verbose,
            help="Print more: -v a line per request, -vv tracebacks too.",
        ),
        click.option(
            "-q", "--quiet", is_flag=True, default=None, expose_value=False, callback=_keep,
            help="Print nothing unless something goes wrong.",
        ),
        click.option(
            "--config", metavar="PATH", expose_value=False, callback=_keep,
            help="Configuration file.  [env: PKGHARVEST_CONFIG; default: ./pkgharvest.toml]",
        ),
        click.option(
            "--db", metavar="PATH", expose_value=False, callback=_keep,
            help=db_help,
        ),
    ):  # fmt: skip
        command = option(command)
    return command


pass_invocation = click.make_pass_decorator(Invocation, ensure=True)


def require_names_or_all(names: tuple[str, ...], *, everything: bool) -> None:
    """Raise a usage error unless either names or ``--all`` were given."""
    if bool(names) == everything:
        raise click.UsageError(
            "SLUG and --all exclude each other" if names else "name a SLUG, or use --all"
        )
