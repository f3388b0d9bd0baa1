"""The stages of a run: which source each one reads, how wide it is, and what it passes on.

    plan -> repository -> index -> downloads
                 \\          \\         \\
                  +----------+---------+--> writer

What crosses a queue is a ``FetchTarget`` on the way in and a ``FetchOutcome`` on the way out. Both
can be pickled, so that an ``Executor`` may run a read in another process. How the stages are joined
is in ``engine.py``.
"""

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from pkgharvest.model.observations import (
    FetchOutcome,
    FetchTarget,
    ProjectResult,
    RepositoryResult,
    SourceName,
    SourceResult,
)


class Executor(Protocol):
    """Runs one read of one source."""

    async def read(self, source: SourceName, target: FetchTarget) -> SourceResult:
        """Read ``source`` of ``target``.

        Raises SourceError where nothing could be read, and BudgetSpent.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step of a run: every package that has ``source`` due passes through it."""

    source: SourceName
    concurrency: int
    """How many packages the stage reads at once."""
    timeout_seconds: float
    """The longest that one read may take, waits for the host included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundStage:
    """A stage for a slow host: it runs beside the others and never delays the run."""

    stage: Stage
    package_ids: Iterable[int]
    """The packages it starts with; the index stage adds those whose project it finds."""
    load: Callable[[int], FetchTarget | None]
    """Read a package's target from the catalog; None if nothing is left to read."""
    linger_seconds: Callable[[int], float]
    """How long the stage may go on once the others are done, given how many packages are left.
    Reads still running after that are dropped without an outcome."""
    starts_last: bool = False
    """Wait for the other stages, which have the first claim on a request budget."""


@dataclass(slots=True)
class StageItem:
    """A package on its way through the stages."""

    selected: FetchTarget
    """As it was selected: the writer checks against this that nobody changed it meanwhile."""
    target: FetchTarget = field(init=False)
    """With what earlier stages of this run have learned."""

    def __post_init__(self) -> None:
        """Start with what is known."""
        self.target = self.selected

    def learn(self, outcome: FetchOutcome) -> None:
        """Let later stages look for the project under the repository's new name, then its old."""
        match outcome.result:
            case RepositoryResult(repository=facts) if facts is not None:
                known = self.target.locator
                if known is not None and facts.locator != known:
                    self.target = dataclasses.replace(
                        self.target,
                        locator=facts.locator,
                        previous=(known, *self.target.previous),
                    )
            case _:
                pass


def found_project(outcome: FetchOutcome) -> bool:
    """Tell whether the index stage found a project, whose downloads nobody could ask for before."""
    match outcome.result:
        case ProjectResult(project=project):
            return project is not None and outcome.target.pypi_name is None
        case _:
            return False
