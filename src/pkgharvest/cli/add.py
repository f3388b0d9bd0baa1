"""``pkgharvest add``."""

import json
import sys

import click

from pkgharvest.app.packages import AddResult, NewPackages, add_packages, parse_repository_list
from pkgharvest.cli.exit_codes import ExitCode
from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation, write
from pkgharvest.cli.parameters import TEXT
from pkgharvest.formats.sanitize import sanitize
from pkgharvest.settings.load import prepare_default_directory

_BYTE_ORDER_MARK = "\ufeff"
"""What some editors begin a UTF-8 file with."""


@click.command("add")
@click.argument("repositories", metavar="REPO...", nargs=-1, required=True)
@click.option("--pypi", type=TEXT, metavar="NAME", help="The project's name at PyPI.")
@click.option("--no-pypi", is_flag=True, help="It has no project at PyPI.")
@click.option("--title", type=TEXT, help="Its title.  [default: the repository's name]")
@click.option("--slug", type=TEXT, help="Its slug.  [default: from the repository's name]")
@click.option("--category", type=TEXT, metavar="SLUG", help="Its category.")
@click.option(
    "--grid", "grids", type=TEXT, metavar="SLUG", multiple=True, help="A grid; may be repeated."
)
@click.option("--docs", type=TEXT, metavar="URL", help="Its documentation.")
@click.option("--fetch", "fetch_now", is_flag=True, help="Fetch its figures at once.")
@click.option("--json", "as_json", is_flag=True, help="Print what became of each as JSON.")
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
    """Follow repositories: owner/name, a URL, a path to a clone, or - for a list to be read.

    Of several, the good ones are added, and the others refused.
    """
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
    wish = NewPackages(
        repositories=repositories,
        title=title,
        slug=slug,
        category=category,
        grids=grids,
        documentation_url=docs,
        pypi_source="none" if no_pypi else "auto" if pypi is None else "set",
        pypi_name=pypi,
    )
    prepare_default_directory(invocation.settings())
    results = add_packages(invocation.db_path, wish, invocation.clock.now())
    _print(invocation, results, as_json=as_json)
    code = ExitCode.USAGE if any(one.outcome == "refused" for one in results) else ExitCode.OK
    slugs = tuple(one.slug for one in results if one.slug is not None)
    if fetch_now and slugs:
        from pkgharvest.cli.fetch import run_order  # noqa: PLC0415 - brings the whole engine

        fetched = run_order(invocation, names=slugs)
        return code or fetched
    return code


def _print(invocation: Invocation, results: list[AddResult], *, as_json: bool) -> None:
    if as_json:
        write([json.dumps([_as_json(one) for one in results], indent=4) + "\n"])
    for one in results:
        if one.outcome == "refused":
            click.echo(f"error: {one.message}", err=True)
        elif not as_json and not invocation.quiet:
            what = "added" if one.outcome == "added" else "is there already:"
            write([f"{what} {one.slug}  {sanitize(one.repo_url or '')}\n"])
    hints = dict.fromkeys(one.hint for one in results if one.outcome == "refused" and one.hint)
    for hint in hints:
        click.echo(f"\nhint: {hint}", err=True)


def _as_json(one: AddResult) -> dict[str, str | None]:
    return {
        "input": one.input,
        "slug": one.slug,
        "repo_url": one.repo_url,
        "outcome": one.outcome,
        "message": one.message,
    }
