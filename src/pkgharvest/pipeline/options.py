"""What a fetch was asked to do, and where it is done."""

import datetime as dt
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pkgharvest.model.clock import Clock
from pkgharvest.model.errors import InvalidValue
from pkgharvest.model.events import Listener
from pkgharvest.model.observations import SOURCES, SourceName
from pkgharvest.settings.load import Settings

History = Literal["auto", "api", "git"]
"""Where GitHub's commits are read: auto and api from its API, git from a clone."""

_DOWNLOADS_LAST = dt.timedelta(hours=22)
"""New figures come once a day: a day, less what a nightly run may be earlier than the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOptions:
    """What a fetch was asked to do."""

    names: tuple[str, ...] = ()
    """Packages by any name that ``show`` takes; none of them: every package."""
    sources: tuple[SourceName, ...] = SOURCES
    stale: dt.timedelta | None = None
    limit: int | None = None
    time_budget: dt.timedelta | None = None
    request_budget: int | None = None
    jobs: int = 8
    """Requests at once to each host."""
    as_of: dt.datetime | None = None
    history: History = "auto"
    wait: bool = False
    retry_failed: bool = False
    record: Path | None = None
    replay: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.as_of is not None and self.history == "api":
            raise InvalidValue("--as-of reads git, and --history api forbids it")
        if self.as_of is not None and "repo" not in self.sources:
            raise InvalidValue("--as-of reads repositories, and --source leaves them out")
        if self.record is not None and self.replay is not None:
            raise InvalidValue("--record and --replay exclude each other")

    @property
    def is_whole(self) -> bool:
        """Whether it is a run for every package, which goes on with one that did not end."""
        return not self.names and self.as_of is None

    @property
    def is_partial(self) -> bool:
        """Whether it leaves something out on purpose, and so does not end what others left."""
        return self.limit is not None or len(self.sources) < len(SOURCES)

    @property
    def asks_api(self) -> bool:
        """Whether GitHub's API may be asked in whatever way is best.

        A recording and its replay must ask the same, whatever else is asked at the time.
        """
        return self.as_of is None and self.record is None and self.replay is None

    def oldest(self, source: SourceName, now: dt.datetime) -> dt.datetime | None:
        """Return before when ``source`` must have succeeded last to be due; None: it always is."""
        age = self.stale
        if source == "downloads" and self.record is None:
            on_purpose = self.sources == ("downloads",) and (self.names or self.stale is not None)
            if not on_purpose:
                age = max(age or _DOWNLOADS_LAST, _DOWNLOADS_LAST)
        return None if age is None else now - age


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What a run takes from where it runs."""

    settings: Settings
    environ: Mapping[str, str]
    clock: Clock
    listener: Listener
    stop_signals: tuple[signal.Signals, ...] = ()
    """Signals that stop the run cleanly; they reach the main thread only."""
