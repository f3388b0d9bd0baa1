"""Fetch packages: the options of a run, the run itself, and what it would do.

The pipeline does the work; entry points reach it through this module.
"""

from pkgharvest.pipeline.options import FetchOptions, History, RunContext
from pkgharvest.pipeline.plan import IdleReason, PlannedFetch, explain_idle, preview
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
