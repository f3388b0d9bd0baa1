"""``pkgharvest edit``."""

import click

from pkgharvest.cli.invocation import Invocation, global_options, pass_invocation, write
from pkgharvest.cli.parameters import TEXT


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
    """Change the editable fields of a package. No fetch overwrites them until they are reset."""
    from pkgharvest.app import packages  # noqa: PLC0415 - not for --help

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
        from pkgharvest.app.queries import show_packages  # noqa: PLC0415
        from pkgharvest.cli.output import Output, print_package  # noqa: PLC0415

        for package in show_packages(invocation.db_path, [str(result.package_id)]):
            print_package(package, Output(invocation, format="json"))
    elif not invocation.quiet:
        write([f"{result.slug}: {', '.join(result.changed) or 'nothing changed'}\n"])
    released = [field for field in result.given_back if field not in result.changed]
    if released:
        invocation.say(f"imports may change again: {', '.join(released)}")
