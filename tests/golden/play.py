"""Runs a scenario on a stage and returns its results."""

from typing import Any

from tests.golden.cases import Case, Scenario
from tests.golden.stage import Stage

Json = Any


def play(scenario: Scenario) -> dict[str, Json]:
    """Run all steps of ``scenario``; return their results as JSON values."""
    results: list[Json] = []
    slugs: set[str] = set()
    with Stage(scenario.world) as stage:
        for step in scenario.steps:
            if isinstance(step, Case):
                code, out, err = stage.run(step.argv, step.stdin)
                results.append({"name": step.name, "code": code, "out": out, "err": err})
                slugs |= stage.slugs()
            else:
                stage.do(step.action, *step.arguments)
        return {
            "scenario": scenario.name,
            "cases": results,
            "slugs": sorted(slugs),
            "files": stage.files(),
            "catalogs": {name: stage.catalog(name) for name in ("", *scenario.catalogs)},
        }
