"""Downloads in the background: they delay nothing, and pypistats refuses nothing."""

import datetime as dt

from benchmarks.measurement import Measurement
from benchmarks.testbed import Testbed, open_testbed

_BUDGET = "20s"
"""The time budget of the run; downloads are slow and use all of it."""


def measure(count: int) -> list[Measurement]:
    """Fetch ``count`` packages without and with downloads."""
    with open_testbed(count, token=True) as testbed:
        without = _others_done(testbed)
    with open_testbed(count, token=True, downloads=True) as testbed:
        with_them = _others_done(testbed)
        assert testbed.pypistats is not None
        seen = testbed.pypistats.seen()
    title = f"{count:,} packages, token, downloads for {_BUDGET}"
    return [
        Measurement(
            what=f"{title}: everything else takes",
            measured=f"{with_them:.1f} s, without downloads {without:.1f} s",
            values={"s": with_them, "s without": without},
        ),
        Measurement(
            what=f"{title}: refused by pypistats",
            measured=f"{seen.refused['pace']} of {seen.rest} requests",
            values={"refused": seen.refused["pace"], "requests": seen.rest},
            target="0",
            met=seen.refused["pace"] == 0,
        ),
    ]


def _others_done(testbed: Testbed) -> float:
    """Run, and return the seconds until all repositories and projects were saved."""
    run = testbed.run("--time-budget", _BUDGET)
    began = dt.datetime.fromisoformat(run.report["started"])
    moments = [at for (_, source), at in testbed.committed().items() if source != "downloads"]
    if len(moments) != 2 * testbed.count:
        raise AssertionError(f"{len(moments)} sources are done of {testbed.count} packages")
    return (max(moments) - began).total_seconds()
