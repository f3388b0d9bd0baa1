"""``pkgharvest add``, ``edit`` and ``remove``."""

import sys
from collections.abc import Sequence

import click

from pkgharvest.app import packages, queries
from pkgharvest.cli.errors import ExitCode, error_hint, print_error
from pkgharvest.cli.invocation import (
    Invocation,
    global_options,
    pass_invocation,
    write,
    write_json,
)
from pkgharvest.cli.output import Output, print_package
from pkgharvest.cli.parameters import TEXT
from pkgharvest.formats.sanitize import sanitize
from pkgharvest.settings.load import prepare_default_directory

_BYTE_ORDER_MARK = "\ufeff"
"""Some editors put it at the start of a UTF-8 file."""


@click.command("add")
@click.argument("repositories", metavar="REPO...", nargs=-1, required=True)
@click.option("--pypi", type=TEXT, metavar="NAME", help="The name of its PyPI project.")
@click.option("--no-pypi", is_flag=True, help="It has no PyPI project.")
@click.option("--title", type=TEXT, help="Its title.  [default: the repository's name]")
@click.option("--slug", type=TEXT, help="Its slug.  [default: from the repository's name]")
@click.option("--category", type=TEXT, metavar="SLUG", help="Its category.")
@click.option(
    "--grid", "grids", type=TEXT, metavar="SLUG", multiple=True, help="A grid; may be repeated."
)
@click.option("--docs", type=TEXT, metavar="URL", help="Its documentation.")
@click.option("--fetch", "fetch_now", is_flag=True, help="Fetch its metadata right away.")
@click.option("--json", "as_json", is_flag=True, help="Print the result of each REPO as JSON.")
@global_options
@pass_invocation
def add(
    invocation: Invocation,
    repositories: tuple[str, ...],
    pypi: str | None,
    no_pypi: bool,
    title: str | None,
    slug: str | None,
    category: str | None,
    grids: tuple[str, ...],
    docs: str | None,
    fetch_now: bool,
    as_json: bool,
) -> int:
    """Add repositories: owner/name, a URL, a path to a clone, or - to read a list.

    If some of several cannot be understood, the others are added.
    """
    if pypi is not None and no_pypi:
        raise click.UsageError("--pypi and --no-pypi exclude each other")
    if "-" in repositories:
        listed = packages.parse_repository_list(
            sys.stdin.read().removeprefix(_BYTE_ORDER_MARK).splitlines()
        )
        first = repositories.index("-")
        after = tuple(name for name in repositories[first:] if name != "-")
        repositories = repositories[:first] + listed + after
    for option, value in (("--pypi", pypi), ("--title", title), ("--slug", slug)):
        if value is not None and len(repositories) != 1:
            raise click.UsageError(f"{option} goes with one REPO")
    prepare_default_directory(invocation.settings())
    results = packages.add_packages(
        invocation.db_path,
        repositories,
        invocation.clock.now(),
        title=title,
        slug=slug,
        category=category,
        grids=grids,
        documentation_url=docs,
        pypi_source="none" if no_pypi else "auto" if pypi is None else "set",
        pypi_name=pypi,
    )
    _print_results(invocation, results, as_json=as_json)
    is_refused = any(result.outcome == "refused" for result in results)
    code = ExitCode.USAGE if is_refused else ExitCode.OK
    slugs = tuple(result.slug for result in results if result.slug is not None)
    if fetch_now and slugs:
        from pkgharvest.app.fetch import FetchOptions  # noqa: PLC0415 - brings the whole engine
        from pkgharvest.cli.fetch import run_fetch  # noqa: PLC0415

        fetched = run_fetch(invocation, FetchOptions(names=slugs))
        return code or fetched
    return code


def _print_results(
    invocation: Invocation, results: Sequence[packages.AddResult], *, as_json: bool
) -> None:
    if as_json:
        write_json([result.to_dict() for result in results])
    for result in results:
        if result.outcome == "refused":
            print_error(result.message)
        elif not as_json and not invocation.quiet:
            label = "added" if result.outcome == "added" else "already in the catalog:"
            write([f"{label} {result.slug}  {sanitize(result.repo_url or '')}\n"])
    errors = (result.error for result in results if result.error is not None)
    for hint in dict.fromkeys(filter(None, map(error_hint, errors))):
        click.echo(f"\nhint: {hint}", err=True)


@click.command("edit")
@click.argument("name", metavar="SLUG", type=TEXT)
@click.option("--title", type=TEXT, help="Its title.")
@click.option("--slug", "new_slug", type=TEXT, help="Its slug; the old one is forgotten.")
@click.option("--repo", type=TEXT, help="Its repository; the metadata of the old one is dropped.")
@click.option("--pypi", type=TEXT, metavar="NAME", help="The name of its PyPI project.")
@click.option("--no-pypi", is_flag=True, help="It has no PyPI project.")
@click.option("--docs", type=TEXT, metavar="URL", help="Its documentation.")
@click.option("--category", type=TEXT, metavar="SLUG", help="Its category.")
@click.option("--no-category", is_flag=True, help="It is in no category.")
@click.option(
    "--grid",
    "grids",
    type=TEXT,
    metavar="SLUG",
    multiple=True,
    help="Put it into a grid; may be repeated.",
)
@click.option(
    "--no-grid",
    "not_grids",
    type=TEXT,
    metavar="SLUG",
    multiple=True,
    is_flag=False,
    flag_value="*",  # see catalog.edits.ALL_GRIDS
    help="Take it out of a grid, or without SLUG out of all; may be repeated.",
)
@click.option(
    "--reset",
    type=TEXT,
    metavar="FIELD",
    multiple=True,
    help="Release a field that was set: title, slug, repo, pypi, docs, category, grids; may be"
    " repeated. The repository stays; category and grids are empty until an import sets them.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the record after the edit as JSON.")
@global_options
@pass_invocation
def edit(
    invocation: Invocation,
    name: str,
    title: str | None,
    new_slug: str | None,
    repo: str | None,
    pypi: str | None,
    no_pypi: bool,
    docs: str | None,
    category: str | None,
    no_category: bool,
    grids: tuple[str, ...],
    not_grids: tuple[str, ...],
    reset: tuple[str, ...],
    as_json: bool,
) -> None:
    """Change the editable fields of a package. No fetch overwrites them until they are reset."""
    if pypi is not None and no_pypi:
        raise click.UsageError("--pypi and --no-pypi exclude each other")
    if category is not None and no_category:
        raise click.UsageError("--category and --no-category exclude each other")
    if category == "":
        raise click.UsageError("--category: no category has an empty slug")
    changes = packages.PackageChanges(
        title=title,
        slug=new_slug,
        locator=None if repo is None else packages.read_repository(repo),
        pypi_source="none" if no_pypi else None if pypi is None else "set",
        pypi_name=pypi,
        documentation_url=docs,
        category="" if no_category else category,
        grids=grids,
        not_grids=not_grids,
        reset=packages.parse_editable_fields(reset),
    )
    if not (changes.sets or changes.reset):
        raise click.UsageError("nothing to change: give at least one option")
    result = packages.edit_package(invocation.db_path, name, changes, invocation.clock.now())
    if as_json:
        for package in queries.show_packages(invocation.db_path, [str(result.package_id)]):
            print_package(package, Output(invocation, "json"))
    elif not invocation.quiet:
        write([f"{result.slug}: {', '.join(result.changed) or 'nothing changed'}\n"])
    released = [field for field in result.reset if field not in result.changed]
    if released:
        invocation.say(f"imports may change again: {', '.join(released)}")


@click.command("remove")
@click.argument("names", metavar="SLUG...", nargs=-1, required=True)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@global_options
@pass_invocation
def remove(invocation: Invocation, names: tuple[str, ...], yes: bool) -> int:
    """Remove packages and everything known about them: history, HTTP cache validators, clones."""
    found = queries.find_packages(invocation.db_path, names)
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("not a terminal; use --yes to skip the confirmation")
        slugs = ", ".join(found.values())
        if not click.confirm(f"Remove {slugs} and everything known about them?", err=True):
            invocation.say("nothing was removed")
            return ExitCode.ERROR
    for slug in packages.remove_packages(invocation.db_path, found):
        invocation.say(f"removed {slug}")
    return ExitCode.OK
