"""``pkgharvest add``."""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pkgharvest.cli.exit_codes import ExitCode
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation, write
from pkgharvest.cli.messages import error_hint
from pkgharvest.cli.parameters import TEXT
from pkgharvest.formats.sanitize import sanitize
from pkgharvest.settings.load import prepare_default_directory

if TYPE_CHECKING:
    from pkgharvest.app.packages import AddResult

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
def command(
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
    from pkgharvest.app.packages import add_packages, parse_repository_list  # noqa: PLC0415

    if pypi is not None and no_pypi:
        raise click.UsageError("--pypi and --no-pypi exclude each other")
    if "-" in repositories:
        listed = parse_repository_list(sys.stdin.read().removeprefix(_BYTE_ORDER_MARK).splitlines())
        first = repositories.index("-")
        after = tuple(name for name in repositories[first:] if name != "-")
        repositories = repositories[:first] + listed + after
    for option, value in (("--pypi", pypi), ("--title", title), ("--slug", slug)):
        if value is not None and len(repositories) != 1:
            raise click.UsageError(f"{option} goes with one REPO")
    prepare_default_directory(invocation.settings())
    results = add_packages(
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
    invocation: Invocation, results: "Sequence[AddResult]", *, as_json: bool
) -> None:
    if as_json:
        write([json.dumps([result.to_dict() for result in results], indent=4) + "\n"])
    for result in results:
        if result.outcome == "refused":
            click.echo(f"error: {result.message}", err=True)
        elif not as_json and not invocation.quiet:
            label = "added" if result.outcome == "added" else "already in the catalog:"
            write([f"{label} {result.slug}  {sanitize(result.repo_url or '')}\n"])
    errors = (result.error for result in results if result.error is not None)
    for hint in dict.fromkeys(filter(None, map(error_hint, errors))):
        click.echo(f"\nhint: {hint}", err=True)
