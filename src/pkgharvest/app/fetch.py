"""Fetch packages: the options of a run, the run itself, and what it would do.

The pipeline does the work; entry points reach it through this module.
"""

from typing import NamedTuple

from pkgharvest.model.observations import SourceName
from pkgharvest.pipeline.options import FetchOptions, History, RunContext
from pkgharvest.pipeline.plan import IdleReason, explain_idle, preview_plan
from pkgharvest.pipeline.report import RunReport, SourceFailure
from pkgharvest.pipeline.run import afetch, fetch

__all__ = [
    "FetchOptions",
    "History",
    "IdleReason",
    "PlannedFetch",
    "RunContext",
    "RunReport",
    "SourceFailure",
    "afetch",
    "explain_idle",
    "fetch",
    "preview",
]


class PlannedFetch(NamedTuple):
    """A package that a run would fetch, and the sources that it would read."""

    slug: str
    sources: tuple[SourceName, ...]

    def to_dict(self) -> dict[str, object]:
        """Return the object that ``fetch --dry-run --json`` prints.

        >>> PlannedFetch("django", ("repo", "pypi")).to_dict()
        {'slug': 'django', 'sources': ['repo', 'pypi']}
        """
        return {"slug": self.slug, "sources": list(self.sources)}


def preview(options: FetchOptions, context: RunContext) -> list[PlannedFetch]:
    """Return what a run with ``options`` would fetch now. Nothing is requested or written.

    Raises UnknownPackage, CatalogError, ArchiveError and InvalidValue.
    """
    return [PlannedFetch(*planned) for planned in preview_plan(options, context)]
