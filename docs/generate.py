"""The pages that are generated: commands from the program, tables from a new catalog.

``python -m docs.generate DIRECTORY`` writes them; Sphinx does the same on every build, so they are
not kept in the repository.
"""

import contextlib
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from pkgharvest.catalog import database
from pkgharvest.cli.main import cli

TABLES = {
    "properties": "Facts about the catalog itself, by name.",
    "packages": "One row per package: what its repository, its project at PyPI and people say.",
    "categories": "Categories; a package is in one at most.",
    "grids": "Grids, which compare packages.",
    "grid_packages": "Which packages are in which grids, in order.",
    "participants": "Contributors of a package, most commits first.",
    "commit_days": "Commits per UTC day of author date, from which the 52 weeks are computed.",
    "versions": "Releases at PyPI.",
    "fetches": "How each source of each package is doing: successes, failures, when it is due.",
    "validators": "HTTP cache validators: the ETag or date to send with the next request.",
    "snapshots": "Past values, one row for each run that found a change.",
    "runs": "Runs of `fetch`, with their reports.",
    "previous_urls": "Former addresses of repositories that were renamed.",
    "packages_fts": "The full-text index of packages.",
}
"""What each table holds."""

_SCHEMA_INTRODUCTION = """# Tables

The catalog is one SQLite file; this is schema {version}. Instants are text, ISO 8601 in UTC with
six digits of microseconds, so that they sort as time.
"""


def write_pages(directory: Path) -> None:
    """Write the generated pages into ``directory``."""
    directory.mkdir(exist_ok=True)
    (directory / "commands.md").write_text(commands_page(), encoding="utf-8")
    (directory / "schema.md").write_text(schema_page(), encoding="utf-8")


def commands_page() -> str:
    """Return the reference of commands: the help of each, by name."""
    parts = ["# Commands\n\nThis is what `pkgharvest COMMAND --help` prints.\n"]
    for words, help_text in command_helps():
        parts.append(f"{'##' if len(words) < 3 else '###'} {' '.join(words)}\n")  # noqa: PLR2004
        parts.append(f"```text\n{help_text}\n```\n")
    return "\n".join(parts)


def command_helps() -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield every command, as its words, with its help, parents first."""
    yield from _helps(cli, click.Context(cli, info_name="pkgharvest", **_SETTINGS))


_SETTINGS = {**cli.context_settings, "max_content_width": 98}
"""Those of the command line, because click keeps the first help option that it makes."""


def _helps(command: click.Command, context: click.Context) -> Iterator[tuple[tuple[str, ...], str]]:
    yield tuple(context.command_path.split()), command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            part = command.get_command(context, name)
            assert part is not None
            inner = click.Context(part, info_name=name, parent=context, **_SETTINGS)
            yield from _helps(part, inner)


def schema_page() -> str:
    """Return the reference of tables, as a new catalog has them."""
    with new_catalog() as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        parts = [_SCHEMA_INTRODUCTION.format(version=version)]
        for name in table_names(connection):
            parts.append(f"## {name}\n\n{TABLES[name]}\n")
            parts.append("| column | type | null | references |\n|---|---|---|---|")
            references = {
                row[3]: f"{row[2]}.{row[4]}"
                for row in connection.execute(f"PRAGMA foreign_key_list({name})")
            }
            for _, column, kind, not_null, _, key in connection.execute(
                f"PRAGMA table_info({name})"
            ):
                null = "key" if key else "no" if not_null else "yes"
                parts.append(f"| `{column}` | {kind} | {null} | {references.get(column, '')} |")
            parts.append("")
    return "\n".join(parts)


def table_names(connection: sqlite3.Connection) -> list[str]:
    """Return the names of the tables, without the parts of full-text indexes."""
    rows = connection.execute("PRAGMA table_list").fetchall()
    return sorted(
        name
        for _, name, kind, *_ in rows
        if kind in {"table", "virtual"} and not name.startswith("sqlite_")
    )


@contextlib.contextmanager
def new_catalog() -> Iterator[sqlite3.Connection]:
    """Create a catalog in a temporary directory."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "new.db"
        with database.open_writer(path, create=True) as connection:
            yield connection


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
