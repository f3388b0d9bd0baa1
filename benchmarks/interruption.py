"""An interrupted run and the next one: is anything requested twice?"""

from benchmarks.hosts import Seen
from benchmarks.measurement import Measurement, at_most
from benchmarks.testbed import Testbed, open_testbed

_SOURCE_OF = {"github": "repo", "pypi": "pypi"}


def measure(count: int) -> list[Measurement]:
    """Send SIGTERM when a third of a first run is saved, run again, and compare the requests."""
    with open_testbed(count, token=True) as testbed:
        first, seconds = testbed.fetch(stop_when=lambda: len(testbed.committed()) >= 2 * count // 3)
        _seen(testbed)
        kept = testbed.committed()
        second = testbed.run()
        seen = _seen(testbed)
        missing = 2 * count - len(testbed.committed())
    repeated = sum(
        times
        for host, source in _SOURCE_OF.items()
        for slug, times in seen[host].about.items()
        if (slug, source) in kept
    )
    title = f"{count:,} packages, SIGTERM"
    measurements = [
        Measurement(
            what=f"{title}: requests repeated for saved packages",
            measured=f"{repeated:,} requests, with {len(kept):,} sources committed",
            values={"requests": repeated, "sources committed": len(kept)},
            target="0",
            met=repeated == 0 < len(kept) < 2 * count,
        ),
        Measurement(
            what=f"{title}: missing after the next run",
            measured=f"{missing:,} sources, exits {first.exit_code} and {second.exit_code}",
            values={"sources": missing},
            target="0",
            met=missing == 0,
        ),
    ]
    if seconds is not None:
        measurements.append(at_most(f"{title}: from the signal to the end", seconds, "s", 2))
    return measurements


def _seen(testbed: Testbed) -> dict[str, Seen]:
    return {"github": testbed.github.seen(), "pypi": testbed.pypi.seen()}
