"""``pkgharvest edit``."""

import click

from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation, write
from pkgharvest.cli.parameters import TEXT


@click.command("edit")
@click.argument("name", metavar="SLUG", type=TEXT)
@click.option("--title", type=TEXT, help="Its title.")
@click.option("--slug", "new_slug", type=TEXT, help="Its slug; the old one no longer finds it.")
@click.option(
    "--repo", type=TEXT, help="Its repository: of another one all figures are fetched anew."
)
@click.option("--pypi", type=TEXT, metavar="NAME", help="The project's name at PyPI.")
@click.option("--no-pypi", is_flag=True, help="It has no project at PyPI.")
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
    flag_value="*",  # see catalog.edits.EVERY
    help="Take it out of a grid, without SLUG out of all; may be repeated.",
)
@click.option(
    "--reset",
    type=TEXT,
    metavar="FIELD",
    multiple=True,
    help="As if nobody had set it: title, slug, repo, pypi, docs, category, grids; may be"
    " repeated. A repository stays, and category and grids are none, until an import brings them.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the record as it is then.")
@global_options
@pass_invocation
def command(
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
    """Change what a person may set of a package. No fetch overwrites it, until it is reset."""
    if pypi is not None and no_pypi:
        raise click.UsageError("--pypi and --no-pypi exclude each other")
    if category is not None and no_category:
        raise click.UsageError("--category and --no-category exclude each other")
    if category == "":
        raise click.UsageError("--category: no category has an empty slug")
    given = (title, new_slug, repo, pypi, docs, category)
    if not (any(one is not None for one in given) or no_pypi or no_category) and not (
        grids or not_grids or reset
    ):
        raise click.UsageError("nothing to edit: say what is to be otherwise")
    from pkgharvest.app import edit  # noqa: PLC0415 - not for edit --help to pay

    edited = edit.edit(
        invocation.db_path,
        name,
        edit.EditRequest(
            title=title,
            slug=new_slug,
            repository=repo,
            pypi_source="none" if no_pypi else None if pypi is None else "set",
            pypi_name=pypi,
            documentation_url=docs,
            category="" if no_category else category,
            grids=grids,
            not_grids=not_grids,
            reset=reset,
        ),
        invocation.clock.now(),
    )
    if as_json:
        _print_record(invocation, edited.package_id)
    elif not invocation.quiet:
        write([f"{edited.slug}: {', '.join(edited.changed) or 'nothing changed'}\n"])
    given_back = [field for field in edited.given_back if field not in edited.changed]
    if given_back:
        names = ", ".join(given_back)
        invocation.say(f"an import may change it again: {names}")


def _print_record(invocation: Invocation, package_id: int) -> None:
    from pkgharvest.catalog import database, packages  # noqa: PLC0415 - as above
    from pkgharvest.cli.output import Output, print_one  # noqa: PLC0415

    output = Output(format="json", fields=None, full=False, file=None, tz=None, base_url=None)
    with database.open_reader(invocation.db_path) as conn:
        for package in packages.read_packages(conn, [package_id]):
            print_one(invocation, package, output)
