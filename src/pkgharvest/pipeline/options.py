"""What a fetch is asked to do, and what it takes from where it runs."""

import datetime as dt
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pkgharvest.model.clock import Clock
from pkgharvest.model.errors import InvalidValue
from pkgharvest.model.events import Listener
from pkgharvest.model.observations import SOURCES, SourceName
from pkgharvest.settings.load import Settings

History = Literal["auto", "api", "git"]
"""Where to read the commits of a host with an API: from it (``auto``, ``api``) or from a clone."""

MAX_JOBS = 64

_DOWNLOADS_MIN_AGE = dt.timedelta(hours=22)
"""New figures come once a day: a day, less what a nightly run may start earlier than the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOptions:
    """What a fetch is asked to do.

    Raises InvalidValue for a value out of its range, and for options that contradict each other.
    """

    names: tuple[str, ...] = ()
    """Packages by slug, id, URL or PyPI name; empty for every package."""
    sources: tuple[SourceName, ...] = SOURCES
    stale: dt.timedelta | None = None
    """Read only sources whose last success is older than this."""
    limit: int | None = None
    """At most this many packages."""
    time_budget: dt.timedelta | None = None
    request_budget: int | None = None
    jobs: int = 8
    """Requests at once to each host, from 1 to `MAX_JOBS`."""
    as_of: dt.datetime | None = None
    """Read the history as it was at this instant, from git, and nothing else."""
    history: History = "auto"
    wait: bool = False
    """Sleep until a used-up quota resets instead of stopping."""
    retry_failed: bool = False
    """Also read sources that are backing off."""
    record: Path | None = None
    """Write every request and answer to this HAR file."""
    replay: Path | None = None
    """Take the answers from this HAR file; no network is used."""

    def __post_init__(self) -> None:
        """Refuse values out of range, and options that contradict each other."""
        ranges = {"jobs": (1, MAX_JOBS), "limit": (1, None), "request_budget": (0, None)}
        for name, (lowest, highest) in ranges.items():
            value = getattr(self, name)
            if value is not None and not lowest <= value <= (highest or value):
                most = f" to {highest}" if highest else ""
                raise InvalidValue(f"{value} is not a number from {lowest}{most}", field=name)
        if not self.sources or not set(self.sources) <= set(SOURCES):
            raise InvalidValue(f"give one or more of {', '.join(SOURCES)}", field="sources")
        if self.history not in get_args(History):
            raise InvalidValue(f"{self.history!r} is not auto, api or git", field="history")
        if self.as_of is not None and self.history == "api":
            raise InvalidValue(
                "the past is read from git only", field="as_of", other_field="history"
            )
        if self.as_of is not None and "repo" not in self.sources:
            raise InvalidValue("no repository is read", field="as_of", other_field="sources")
        if self.record is not None and self.replay is not None:
            raise InvalidValue("choose one of them", field="record", other_field="replay")

    @property
    def is_whole(self) -> bool:
        """Whether it is a run over every package, which continues one that did not finish."""
        return not self.names and self.as_of is None

    @property
    def is_partial(self) -> bool:
        """Whether it leaves something out on purpose, and so does not end an unfinished run."""
        return self.limit is not None or len(self.sources) < len(SOURCES)

    @property
    def may_batch(self) -> bool:
        """Whether many repositories may share a request.

        A recording and its replay must send the same requests, whatever else is read at the time.
        """
        return self.as_of is None and self.record is None and self.replay is None

    def due_before(self, source: SourceName, now: dt.datetime) -> dt.datetime | None:
        """Return the instant before which ``source`` must have succeeded last to be due.

        None if it is always due.
        """
        age = self.stale
        if source == "downloads" and self.record is None:
            asked_for = self.sources == ("downloads",) and (self.names or self.stale is not None)
            if not asked_for:
                age = max(age or _DOWNLOADS_MIN_AGE, _DOWNLOADS_MIN_AGE)
        return None if age is None else now - age


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What a run takes from where it runs."""

    settings: Settings
    environ: Mapping[str, str]
    clock: Clock
    listener: Listener
    stop_signals: tuple[signal.Signals, ...] = ()
    """Signals that stop the run cleanly; only the main thread receives them."""
