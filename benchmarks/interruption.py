"""A run that is stopped in its middle, and the next: is anything asked twice?"""

from benchmarks.figures import Figure, at_most
from benchmarks.hosts import Seen
from benchmarks.stage import Stage, stage

_SOURCE_OF = {"github": "repo", "pypi": "pypi"}


def measure(count: int) -> list[Figure]:
    """SIGTERM a first run when a third of it is committed; run again; hear what was asked."""
    with stage(count, token=True) as place:
        first, seconds = place.fetch(stop_when=lambda: len(place.committed()) >= 2 * count // 3)
        _seen(place)
        kept = place.committed()
        second = place.run()
        seen = _seen(place)
        missing = 2 * count - len(place.committed())
    repeated = sum(
        times
        for host, source in _SOURCE_OF.items()
        for slug, times in seen[host].about.items()
        if (slug, source) in kept
    )
    title = f"{count:,} packages, SIGTERM"
    figures = [
        Figure(
            what=f"{title}: asked again of what was committed",
            measured=f"{repeated:,} requests, with {len(kept):,} sources committed",
            values={"requests": repeated, "sources committed": len(kept)},
            target="0",
            met=repeated == 0 < len(kept) < 2 * count,
        ),
        Figure(
            what=f"{title}: missing after the next run",
            measured=f"{missing:,} sources, exits {first.exit_code} and {second.exit_code}",
            values={"sources": missing},
            target="0",
            met=missing == 0,
        ),
    ]
    if seconds is not None:
        figures.append(at_most(f"{title}: from the signal to the end", seconds, "s", 2))
    return figures


def _seen(place: Stage) -> dict[str, Seen]:
    return {"github": place.github.seen(), "pypi": place.pypi.seen()}
