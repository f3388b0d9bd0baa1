"""Downloads beside the rest of a run: they hold nobody up, and pypistats refuses nothing."""

import datetime as dt

from benchmarks.figures import Figure
from benchmarks.stage import Stage, stage

_BUDGET = "20s"
"""The run's time budget: downloads are slow, and go on until then."""


def measure(count: int) -> list[Figure]:
    """Fetch ``count`` packages without downloads, and with them."""
    with stage(count, token=True) as place:
        without = _others_done(place)
    with stage(count, token=True, downloads=True) as place:
        with_them = _others_done(place)
        assert place.pypistats is not None
        seen = place.pypistats.seen()
    title = f"{count:,} packages, token, downloads for {_BUDGET}"
    return [
        Figure(
            what=f"{title}: all else is done after",
            measured=f"{with_them:.1f} s, without downloads {without:.1f} s",
            values={"s": with_them, "s without": without},
        ),
        Figure(
            what=f"{title}: refused by pypistats",
            measured=f"{seen.refused['pace']} of {seen.rest} requests",
            values={"refused": seen.refused["pace"], "requests": seen.rest},
            target="0",
            met=seen.refused["pace"] == 0,
        ),
    ]


def _others_done(place: Stage) -> float:
    """Run, and return after how many seconds repositories and projects were all committed."""
    run = place.run("--time-budget", _BUDGET)
    began = dt.datetime.fromisoformat(run.report["started"])
    moments = [at for (_, source), at in place.committed().items() if source != "downloads"]
    if len(moments) != 2 * place.count:
        raise AssertionError(f"{len(moments)} sources are done of {place.count} packages")
    return (max(moments) - began).total_seconds()
