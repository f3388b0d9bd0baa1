"""No sequence of commands breaks a catalog: Hypothesis generates sequences and runs them."""

import contextlib
import datetime as dt
import json
import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    rule,
    run_state_machine_as_test,
)

from pkgharvest.model.clock import FixedClock
from pkgharvest.model.locators import parse_locator
from tests.properties.catalog_machine import CatalogMachine
from tests.properties.strategies import (
    FAULTS,
    PROJECTS,
    REQUEST_PATTERNS,
    api_records,
    collection_slugs,
    edit_options,
    fields,
    indexes,
    none,
    spellings,
    titles,
)
from tests.standins.pypi import released
from tests.standins.server import Fault
from tests.support.github_case import commits, repository
from tests.support.invariants import (
    look,
    number_of,
)

EXAMPLES = int(os.environ.get("PKGHARVEST_TEST_EXAMPLES", "6"))
STEPS = 25

_EDIT_ONLY = ("--reset", "--no-grid", "--no-category")
"""Options of ``edit`` that ``add`` does not have."""


class UsageMachine(CatalogMachine):
    """A user, a cron job, and hosts that change and fail at random."""

    # ── adding and removing ──

    @rule(
        names=st.lists(spellings, min_size=1, max_size=3),
        options=st.lists(edit_options, max_size=1),
        fetch=st.booleans(),
    )
    def add(self, names: list[str], options: list[str], fetch: bool) -> None:
        options = [option for option in options if not option.startswith(_EDIT_ONLY)]
        if any(option.startswith(("--slug", "--title", "--pypi")) for option in options):
            names = names[:1]
        result = self._run("add", *names, *options, "--json", *(["--fetch"] if fetch else []))
        assert result.code in {0, 1, 2} or fetch, result
        before, after = self._update_state()
        assert before.records.keys() <= after.records.keys()
        new = after.records.keys() - before.records.keys()
        assert new.isdisjoint(self._used_ids), "an id was used again"
        self._read_edited_of(after, new)
        if result.out:
            results = result.json()
            added = [entry["slug"] for entry in results if entry["outcome"] == "added"]
            assert sorted(added) == sorted(after.records[number]["slug"] for number in new)
        else:
            assert not new
        self._used_ids |= new
        if fetch:
            self._follow_renames(before, after)

    @rule(picked=st.lists(indexes, min_size=1, max_size=2), yes=st.booleans())
    def remove(self, picked: list[int], yes: bool) -> None:
        slugs = [self._slug(index) for index in picked]
        ids = {self._id(slug) for slug in slugs}
        result = self._run("remove", *slugs, *(["--yes"] if yes else []))
        assert result.code == (1 if None in ids else 0 if yes else 2), result
        before, after = self._update_state()
        if result.code == 0:
            assert after.records.keys() == before.records.keys() - ids
            for number in ids:
                self._edited.pop(number or 0, None)
        else:
            assert before == after

    # ── edits ──

    @rule(index=indexes, options=st.lists(edit_options, min_size=1, max_size=2))
    def edit(self, index: int, options: list[str]) -> None:
        self._edit(self._slug(index), options)

    @rule(index=indexes, which=fields)
    def reset(self, index: int, which: str) -> None:
        self._edit(self._slug(index), [f"--reset={which}"])

    @rule(index=indexes, name=spellings)
    def edit_repository(self, index: int, name: str) -> None:
        self._edit(self._slug(index), [f"--repo={name}"])

    # ── categories and grids ──

    @rule(
        kind=st.sampled_from(["category", "grid"]),
        slug=collection_slugs,
        title=none | titles,
        locked=st.sampled_from([None, None, "--locked", "--unlocked"]),
    )
    def add_collection(self, kind: str, slug: str, title: str | None, locked: str | None) -> None:
        options = [f"--title={title}"] if title is not None else []
        options += [locked] if locked and kind == "grid" else []
        self._check(self._run(kind, "add", slug, *options), {0, 2})

    @rule(
        kind=st.sampled_from(["category", "grid"]),
        name=collection_slugs,
        slug=none | collection_slugs,
        title=none | titles,
        locked=st.sampled_from([None, None, "--locked", "--unlocked"]),
        added=st.lists(indexes, max_size=2),
        removed=st.lists(indexes, max_size=1),
    )
    def edit_collection(
        self,
        kind: str,
        name: str,
        slug: str | None,
        title: str | None,
        locked: str | None,
        added: list[int],
        removed: list[int],
    ) -> None:
        given = {"slug": slug, "title": title}
        options = [f"--{key}={value}" for key, value in given.items() if value is not None]
        if kind == "grid":
            options += [locked] if locked else []
            options += [f"--add={self._slug(index)}" for index in added]
            options += [f"--remove={self._slug(index)}" for index in removed]
        before, after = self._check(self._run(kind, "edit", name, *options), {0, 1, 2})
        for number, record in after.records.items():
            if record["grids"] != before.records[number]["grids"]:
                self._edited.setdefault(number, {})["grids"] = record["grids"]
        for number, edited in self._edited.items():
            if "grids" in edited:
                edited["grids"] = after.records[number]["grids"]

    @rule(kind=st.sampled_from(["category", "grid"]), name=collection_slugs, yes=st.booleans())
    def remove_collection(self, kind: str, name: str, yes: bool) -> None:
        result = self._run(kind, "remove", name, *(["--yes"] if yes else []))
        before, after = self._check(result, {0, 1, 2})
        table = "categories" if kind == "category" else "grids"
        removed_ids = before.collections[table].keys() - after.collections[table].keys()
        assert len(removed_ids) == (result.code == 0)
        for edited in self._edited.values():
            if table == "categories" and edited.get("category") in removed_ids:
                edited["category"] = None
            if table == "grids" and isinstance(links := edited.get("grids"), list):
                edited["grids"] = [
                    link for link in links if number_of(link, "grids") not in removed_ids
                ]

    # ── hosts and time ──

    @rule(hours=st.sampled_from([0.001, 1, 30, 24 * 8, 24 * 400]))
    def wait(self, hours: float) -> None:
        self._shell.clock = FixedClock(self._shell.clock.now() + dt.timedelta(hours=hours))

    @rule(
        at_pypi=st.booleans(),
        pattern=st.sampled_from(REQUEST_PATTERNS),
        fault=st.sampled_from(FAULTS),
        times=st.sampled_from([None, 1, 3]),
    )
    def fail(self, at_pypi: bool, pattern: str, fault: Fault, times: int | None) -> None:
        host = self._hosts.pypi if at_pypi else self._hosts.github
        host.fault(pattern, fault, times=times)

    @rule()
    def heal(self) -> None:
        for host in (self._hosts.github, self._hosts.pypi, self._hosts.pypistats):
            host.heal()

    @rule(
        which=indexes,
        event=st.sampled_from(["rename", "again", "gone", "blocked", "back"]),
        number=st.integers(0, 50),
    )
    def move_repository(self, which: int, event: str, number: int) -> None:
        repo = self._repositories[which % len(self._repositories)]
        match event:
            case "rename":
                with contextlib.suppress(KeyError):  # its name was taken by another repository
                    self._hosts.github.rename(repo, f"octo/moved-{which}-{number}")
            case "again":  # another repository under the old name
                old = parse_locator(repo.renamed_from[0]) if repo.renamed_from else None
                if old is not None:
                    other = repository(owner=old.owner, name=old.name, id=5000 + which)
                    self._hosts.github.add(other)
            case "gone":
                repo.gone = True
            case "blocked":
                repo.blocked = True
            case "back":
                repo.gone = repo.blocked = False

    @rule(
        which=indexes,
        event=st.sampled_from(["archived", "stars", "commit", "empty", "large", "people"]),
        number=st.integers(0, 50),
    )
    def change_repository(self, which: int, event: str, number: int) -> None:
        repo = self._repositories[which % len(self._repositories)]
        now = self._shell.clock.now()
        match event:
            case "large":
                repo.too_large = not repo.too_large
            case "archived":
                repo.archived = not repo.archived
            case "stars":
                repo.stars, repo.updated_at = number, now
            case "people":
                repo.contributors = repo.contributors[::-1][: number % 3]
            case "commit":
                repo.commits = [*commits(-number, start=1000 + number * 9), *repo.commits]
                repo.pushed_at = repo.updated_at = now
            case "empty":
                repo.empty = not repo.empty

    @rule(name=st.sampled_from(PROJECTS[:3]), event=st.sampled_from(["gone", "new", "linked"]))
    def change_project(self, name: str, event: str) -> None:
        projects = self._hosts.projects
        with contextlib.suppress(KeyError):
            projects.remove(name)
        if event != "gone":
            self._count += 1
            link = {"Source": "https://github.com/octo/r000"} if event == "linked" else {}
            project = released(name, ["1.0", f"2.{self._count}"], project_urls=link)
            project.serial = 100 + self._count
            projects.add(project)

    @rule(is_set=st.booleans())
    def token(self, is_set: bool) -> None:
        self._shell.variables.pop("GH_TOKEN", None)
        if is_set:
            self._shell.variables["GH_TOKEN"] = "t"

    # ── fetching ──

    @rule(
        index=none | indexes,
        source=st.sampled_from([None, None, "repo", "pypi", "downloads"]),
        option=st.sampled_from(
            ["--no-wait", "--retry-failed", "--limit=1", "--request-budget=2", "--stale=1d"]
        ),
    )
    def fetch(self, index: int | None, source: str | None, option: str) -> None:
        name = "--all" if index is None else self._slug(index)
        sources = [f"--source={source}"] if source else []
        result = self._run("fetch", name, *sources, option, "--json")
        before, after = self._check(result, {0, 1, 3, 4, 5})
        assert (result.code == 1) == (name == "absent"), result
        if result.code != 1:
            failures = result.json()["failures"]
            self._follow_renames(
                before, after, {(failure["slug"], failure["source"]) for failure in failures}
            )

    @rule()
    def fetch_all(self) -> None:
        self.fetch(None, None, "--retry-failed")

    @rule()
    def dry_run(self) -> None:
        before, after = self._check(self._run("fetch", "--all", "--dry-run"), {0})
        assert before == after

    # ── import, export, search ──

    @rule()
    def export(self) -> None:
        """Export the current catalog, for a later import."""
        self._export()

    @rule(index=indexes)
    def import_earlier(self, index: int) -> None:
        self._import(self._exports[index % len(self._exports)])

    @rule(record=api_records, omitted=st.lists(st.integers(0, 17), max_size=3))
    def import_record(self, record: dict[str, Any], omitted: list[int]) -> None:
        omitted_keys = {list(record)[position] for position in omitted} - {
            "id",
            "slug",
            "title",
            "created",
        }
        self._import(json.dumps({k: v for k, v in record.items() if k not in omitted_keys}))

    @rule()
    def export_and_import(self) -> None:
        self._count += 1
        fresh = ("--db", str(self._directory / f"fresh-{self._count}.db"))
        lines = self._shell.ok("export").out
        self._shell.ok("import", "-", *fresh, stdin=lines.encode())
        assert self._shell.ok("export", *fresh).out == lines
        assert self._shell.ok("list", "--json", *fresh).json() == list(
            look(self._shell).records.values()
        )
        self._shell.ok("db", "check", *fresh)

    @rule()
    def export_and_import_v4(self) -> None:
        self._count += 1
        fresh = ("--db", str(self._directory / f"fresh-{self._count}.db"))
        directory = self._directory / f"v4-{self._count}"
        self._shell.ok("export", "--format", "v4", "-o", str(directory))
        files = [str(directory / f"{name}.json") for name in ("categories", "grids", "packages")]
        self._shell.ok("import", *files, *fresh)
        for words in (("list",), ("grid", "list"), ("category", "list")):
            own = self._shell.ok(*words, "--json").out
            assert self._shell.ok(*words, "--json", *fresh).out == own

    @rule(index=indexes)
    def look_up(self, index: int) -> None:
        slug = self._slug(index)
        number = self._id(slug)
        if number is None:
            assert self._run("show", slug).code == 1
            return
        record = self._state.records[number]
        for name in (slug, str(number)):
            assert self._shell.show(name) == record
        hits = self._shell.ok("search", slug, "--json").out
        assert f'"{slug}"' in hits
        history = self._shell.ok("history", slug, "--json").json()
        assert history is not None

    @rule(query=st.sampled_from(['"', "r00*", "AND", "cat OR", "mona", "-", "(", "told NEAR"]))
    def search(self, query: str) -> None:
        assert self._run("search", query, "--json").code in {0, 2}


def test_no_sequence_of_commands_breaks_a_catalog() -> None:
    run_state_machine_as_test(
        UsageMachine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            derandomize="PKGHARVEST_TEST_EXAMPLES" not in os.environ,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        ),
    )
