"""Errors in the words of the command line: fields become options, advice becomes commands."""

from pkgharvest.model.errors import InvalidValue, PkgharvestError, Remedy

OPTIONS = {
    "as_of": "--as-of",
    "category": "--category",
    "docs": "--docs",
    "documentation_url": "--docs",
    "grids": "--grid",
    "history": "--history",
    "pypi": "--pypi",
    "pypi_name": "--pypi",
    "record": "--record",
    "replay": "--replay",
    "repo": "--repo",
    "reset": "--reset",
    "slug": "--slug",
    "sources": "--source",
    "title": "--title",
}
"""The option that sets a field. An error about any other field is printed without a name."""

_REMEDIES: dict[Remedy, str] = {
    "add_package": "pkgharvest add OWNER/NAME makes one",
    "choose_catalog": "name a file with --db or in PKGHARVEST_DB",
    "choose_directory": "make it first, or name another file with --db",
    "choose_other_catalog": "name another file with --db",
    "list_categories": "pkgharvest category list shows them all, category add makes one",
    "list_grids": "pkgharvest grid list shows them all, grid add makes one",
    "list_packages": "pkgharvest list shows them all",
    "restore_backup": "restore a copy made by pkgharvest db backup",
    "set_title": "start with a letter from a to z; --title takes any text",
    "show_package": "pkgharvest show {} shows it; one repository is one package",
    "unlock_grid": "pkgharvest grid edit {} --unlocked unlocks it",
}


def error_message(error: PkgharvestError) -> str:
    """Return the message of ``error``, after the options that it is about."""
    if not isinstance(error, InvalidValue):
        return error.message
    fields = (error.field, error.other_field)
    names = " and ".join(OPTIONS[field] for field in fields if field in OPTIONS)
    return f"{names}: {error.message}" if names else error.message


def error_hint(error: PkgharvestError) -> str | None:
    """Return what helps against ``error``: its hint, else its advice as a command."""
    if error.hint is None and error.advice is not None:
        return _REMEDIES[error.advice.remedy].format(error.advice.subject)
    return error.hint
