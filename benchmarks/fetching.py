"""What a fetch costs: requests per package, wall time, processor time, memory; and how it grows.

The hosts are stand-ins on the loopback interface, each in its own process, with a fixed latency.
They are Python too and share the machine, so the times are upper bounds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.hosts import Seen
from benchmarks.measurement import Measurement, at_most
from benchmarks.testbed import LATENCY_SECONDS, Run, Testbed, open_testbed

_MAX_MEGABYTES = 150
_FIRST, _AGAIN = "first run", "nothing changed"
_GITHUB, _PYPI = {_FIRST: 1.1, _AGAIN: 0.04}, {_FIRST: 2.0, _AGAIN: 1.0}
"""The maximum of requests per package, with a token."""

_AT = f"{LATENCY_SECONDS * 1e3:.0f} ms"

_REST_A_MINUTE, _GRAPHQL_A_MINUTE = 900, 2_000
"""What GitHub allows, in requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A run, and the requests that the hosts saw."""

    run: Run
    count: int
    github: Seen
    pypi: Seen
    reported: int
    """Requests, as the report of the run counts them."""

    @property
    def sent(self) -> int:
        """Requests, as the hosts saw them."""
        return self.github.rest + self.github.graphql + self.pypi.rest

    @property
    def github_ratio(self) -> float:
        """Requests to GitHub, by both its APIs, per package."""
        return (self.github.rest + self.github.graphql) / self.count

    @property
    def pypi_ratio(self) -> float:
        """Requests to PyPI per package."""
        return self.pypi.rest / self.count

    @property
    def ratio(self) -> float:
        """Requests per package."""
        return self.sent / self.count


def measure(testbed: Testbed) -> Measured:
    """Fetch everything that is due, and ask the hosts what they saw."""
    run = testbed.run()
    return Measured(
        run=run,
        count=testbed.count,
        github=testbed.github.seen(),
        pypi=testbed.pypi.seen(),
        reported=run.requests(testbed.github) + run.requests(testbed.pypi),
    )


def with_token(count: int) -> list[Measurement]:
    """Measure a first run and an unchanged one, under GitHub's limits."""
    with open_testbed(count, token=True, limited=True) as testbed:
        first, again = measure(testbed), measure(testbed)
    title = f"{count:,} packages, token"
    allowed = 60 * max(first.github.rest / _REST_A_MINUTE, first.github.graphql / _GRAPHQL_A_MINUTE)
    return [
        *_ratios(title, _FIRST, first),
        *_ratios(title, _AGAIN, again),
        _bound(f"{title}, {_FIRST}: wall time at {_AT}", first, allowed),
        at_most(f"{title}, {_AGAIN}: wall time at {_AT}", again.run.seconds, "s", 10),
        at_most(
            f"{title}, both runs: refused by GitHub",
            sum(again.github.refused.values()),  # a sum since the host began
            "requests",
            0,
        ),
        at_most(
            f"{title}, both runs: requests the reports miscount",
            sum(abs(sample.reported - sample.sent) for sample in (first, again)),
            "requests",
            0,
        ),
        at_most(f"{title}, both runs: at once at GitHub", again.github.busiest, "requests", 100),
    ]


def _ratios(title: str, name: str, measured: Measured) -> list[Measurement]:
    unit = "requests a package"
    return [
        at_most(f"{title}, {name}: GitHub", measured.github_ratio, unit, _GITHUB[name]),
        at_most(f"{title}, {name}: PyPI", measured.pypi_ratio, unit, _PYPI[name]),
    ]


def _bound(what: str, measured: Measured, allowed: float) -> Measurement:
    share = 100 * allowed / measured.run.seconds
    return Measurement(
        what=what,
        measured=f"{measured.run.seconds:.1f} s, {share:.0f} % of the rate that GitHub allows",
        values={"s": measured.run.seconds, "%": share},
        target=">= 90 %",
        met=share >= 90,  # noqa: PLR2004
    )


def with_young(count: int) -> list[Measurement]:
    """Measure a first run where the commits in the window name every author."""
    with open_testbed(count, token=True, young=True) as testbed:
        first = measure(testbed)
    what = f"{count:,} packages, token, {_FIRST}, all authors in the window: GitHub"
    return [at_most(what, first.github_ratio, "requests a package", _GITHUB[_FIRST])]


def without_token(count: int) -> list[Measurement]:
    """Measure a first run and an unchanged one, without a token."""
    with open_testbed(count, token=False) as testbed:
        first, again = measure(testbed), measure(testbed)
    title = f"{count:,} packages, no token"
    return [
        at_most(f"{title}, {_FIRST}: GitHub", first.github_ratio, "requests a package", 3),
        at_most(f"{title}, {_AGAIN}: GitHub", again.github_ratio, "requests a package", 3),
    ]


def growth(counts: Sequence[int]) -> list[Measurement]:
    """Measure each of ``counts``, with a token and without limits, which would take hours."""
    measurements = []
    peaks = {}
    for count in counts:
        with open_testbed(count, token=True) as testbed:
            runs = {_FIRST: measure(testbed), _AGAIN: measure(testbed)}
        measurements += [
            _costs(
                f"{count:,} packages, token, no limits, {name}", sample, _GITHUB[name] + _PYPI[name]
            )
            for name, sample in runs.items()
        ]
        peaks[count] = max(sample.run.megabytes for sample in runs.values())
        measurements.append(
            at_most(f"{count:,} packages: peak memory", peaks[count], "MB", _MAX_MEGABYTES)
        )
    few, many = min(counts), max(counts)
    measurements.append(
        Measurement(
            what=f"peak memory, {many:,} packages beside {few:,}",
            measured=f"{peaks[many] - peaks[few]:+.0f} MB",
            values={"MB": peaks[many] - peaks[few]},
        )
    )
    return measurements


def _costs(what: str, measured: Measured, most: float) -> Measurement:
    """Return the costs of a run per package, with ``most`` requests as the target."""
    run, count = measured.run, measured.count
    cpu = run.cpu_seconds / count * 1e3
    return Measurement(
        what=what,
        measured=f"{measured.ratio:.2f} requests, {cpu:.1f} ms of CPU a package;"
        f" {run.seconds:.0f} s",
        values={
            "requests a package": measured.ratio,
            "ms of CPU a package": cpu,
            "s": run.seconds,
            "MB": run.megabytes,
        },
        target=f"<= {most:g} requests",
        met=measured.ratio <= most,
    )


def with_faults(count: int, share: float = 0.01) -> list[Measurement]:
    """Measure a first run where each host answers random requests with a 502."""
    with open_testbed(count, token=True, faults=share) as testbed:
        measured = measure(testbed)
    title = f"{count:,} packages, token, {share:.0%} of responses a 502"
    failed, seen = measured.run.packages("failed"), measured.github.failed + measured.pypi.failed
    return [
        at_most(f"{title}: requests", measured.ratio, "a package"),
        Measurement(
            what=f"{title}: packages that failed",
            measured=f"{failed:,} with {seen:,} faults",
            values={"packages": failed, "faults": seen},
            target="0",
            met=failed == 0,
        ),
    ]
