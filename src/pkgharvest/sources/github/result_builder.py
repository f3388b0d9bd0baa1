"""What one look at a GitHub repository is put together from, whichever of its APIs tells it."""

import dataclasses
import datetime as dt

from pkgharvest.model.errors import Malformed, SourceError
from pkgharvest.model.observations import (
    Activity,
    Contributor,
    FetchTarget,
    RepositoryFacts,
    RepositoryResult,
    Validator,
)

LOOKBACK = dt.timedelta(weeks=53)
"""How far back commits are asked for: ``since`` looks at committer dates, the histogram at author
dates, and a week's difference between the two is borne."""

_WITHDRAWN = 0
"""A revision that no code has: what carries it vouches for nothing."""


@dataclasses.dataclass(slots=True)
class ResultBuilder:
    """A reading that is being put together."""

    activity: Activity | None = None
    contributors: tuple[Contributor, ...] | None = None
    asked: bool = False
    """The host answered for its contributors."""
    validators: list[Validator] = dataclasses.field(default_factory=list)
    problems: list[SourceError] = dataclasses.field(default_factory=list)

    def vouch(self, validator: Validator | None) -> None:
        """Keep what the host gave to ask with next time, if it gave anything."""
        if validator is not None:
            self.validators.append(validator)

    def withdraw(self, validator: Validator) -> None:
        """Let ``validator`` vouch no longer: what it stood for was read anew by another way."""
        self.validators.append(
            Validator(key=validator.key, etag=None, last_modified=None, parser=_WITHDRAWN)
        )

    def reading(self, repository: RepositoryFacts | None) -> RepositoryResult:
        """Return the whole; of several problems the first."""
        return RepositoryResult(
            repository=repository,
            activity=self.activity,
            contributors=self.contributors,
            contributors_asked=self.asked,
            validators=tuple(self.validators),
            problem=self.problems[0] if self.problems else None,
        )


def moved_result(target: FetchTarget, found: RepositoryFacts) -> RepositoryResult:
    """Say that the name is somebody else's now; nothing of theirs is taken over."""
    problem = Malformed(
        f"{found.locator.path} is another repository now: its id is {found.repo_id}, "
        f"that of the package's was {target.repo_id}"
    )
    return RepositoryResult(status="moved", problem=problem)


def empty_activity(branch: str | None) -> Activity:
    """Return the activity of an empty repository; ``branch`` is where commits would be."""
    return Activity(
        head=None, committed_at=None, default_branch=branch, commit_count=0, since=None, days={}
    )


def repository_name(target: FetchTarget) -> str:
    """Return ``owner/name`` of the repository of ``target``, which must have one."""
    assert target.locator is not None
    return target.locator.path
