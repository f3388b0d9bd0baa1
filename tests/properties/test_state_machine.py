"""No sequence of commands breaks a catalogue: Hypothesis makes sequences, the command line runs."""

import contextlib
import datetime as dt
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from pkgharvest.model.clock import FixedClock
from pkgharvest.model.locators import normalize_name, parse_locator
from tests.standins.pypi import released
from tests.standins.server import Fault
from tests.support.command_line import CommandLine, Result
from tests.support.github_case import commits, repository
from tests.support.hosts import Hosts, some
from tests.support.invariants import (
    State,
    look,
    number_of,
    require_contract,
    require_kept,
    require_past,
    require_whole,
    settable,
)

EXAMPLES = int(os.environ.get("PKGHARVEST_TEST_EXAMPLES", "6"))
STEPS = 25

SPELLINGS = [
    *("octo/r000", "Octo/R000", "https://github.com/octo/r000.git", "git@github.com:octo/r000"),
    *("octo/r001", "octo/r002", "https://github.com/octo/r003/", "other/r000", "octo/123"),
    *("octo/missing", "octo/moved", "octo/again"),
]
NAMES = ["r000", "r001", "r002", "mine", "yours", "other-r000", "Not a slug", "12", "moved"]
SHELVES = ["apps", "apps", "pets", "pets", "wild", "category-2", "grid-2"]
PROJECTS = ["r000", "R.001", "tiger", "lost", "../x"]
DOCS = ["https://d.test/", "https://e.test/a", "no address"]
FAULTS = [
    *(Fault(status=status) for status in (401, 403, 404, 410, 429, 451, 500)),
    Fault(body=b"[1"),
    Fault(body=b"{}"),
    Fault(body=b"[]"),
    Fault(body=b"null"),
    Fault(drop=True),
    Fault(cut=20),
]
PARTS = [".", "/commits", "/contributors", "/graphql", "^/repos/octo/r000", "/json", "^/simple"]

_NOBODY = 9
indexes = st.integers(0, 9)
titles = st.sampled_from(["A Cat", "-x", "=1+1", "cat\u0301", " ", "\U0001f408 cat"]) | st.text(
    st.characters(exclude_categories=["Cs", "Cc"]), max_size=6
)
maybe = st.none()
shelves = st.sampled_from(SHELVES)
fields = st.sampled_from(["title", "slug", "repo", "pypi", "docs", "category", "grids"])
spellings = st.sampled_from([*SPELLINGS, "no repository"])
chosen = st.one_of(
    st.just("--no-pypi"),
    titles.map("--title={}".format),
    st.sampled_from(NAMES).map("--slug={}".format),
    st.sampled_from(PROJECTS).map("--pypi={}".format),
    st.sampled_from(DOCS).map("--docs={}".format),
    st.sampled_from(["--category=apps", "--category=category-2", "--no-category"]),
    st.sampled_from(["--grid=pets", "--grid=wild", "--grid=grid-2"]),
    st.sampled_from(["--no-grid=pets", "--no-grid", "--no-grid=wild"]),
    fields.map("--reset={}".format),
)
_FIELDS = {"no-pypi": "pypi", "no-category": "category", "grid": "grids", "no-grid": "grids"}
"""The fields of the options that are not called as they are."""
_EDIT_ONLY = ("--reset", "--no-grid", "--no-category")


def links(resource: str) -> st.SearchStrategy[str]:
    return st.integers(1, 3).map(lambda number: f"/api/v4/{resource}/{number}/")


generated = st.fixed_dictionaries(
    {
        "category": maybe | links("categories"),
        "grids": st.lists(links("grids"), unique=True, max_size=2),
        "id": st.integers(1, 6),
        "title": st.sampled_from(["Told", "A Cat"]),
        "slug": st.sampled_from(["r000", "r001", "r002", "mine", "told"]),
        "last_updated": maybe | st.just("2024-01-02T03:04:05Z"),
        "last_fetched": maybe
        | st.sampled_from(["2024-02-02T03:04:05Z", "2026-02-15T18:08:42+00:00"]),
        "repo_url": st.just("")
        | st.sampled_from([*SPELLINGS[2:4], "https://github.com/octo/r001/", "no place"]),
        "pypi_version": maybe | st.just("0.9"),
        "created": st.just("2010-01-01T00:00:00Z"),
        "modified": st.sampled_from(["2010-01-01T00:00:00Z", "2026-01-01T00:00:00Z"]),
        "repo_forks": st.integers(0, 9),
        "repo_description": st.sampled_from(["", "told"]),
        "pypi_url": st.sampled_from(["", "https://pypi.org/project/r001/", "tiger", "x y"]),
        "documentation_url": maybe | st.just("https://told.test/"),
        "repo_watchers": st.integers(0, 2**62),
        "commits_over_52": st.just([]) | st.just([1] * 52),
        "participants": st.lists(st.sampled_from(["mona", "\u00e9va", ""]), unique=True),
    }
)


class Machine(RuleBasedStateMachine):
    """A person, a cron job, and hosts that do as they like."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = contextlib.ExitStack()
        self._directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        repositories = [
            *some(4),
            repository(owner="other", name="r000", id=2000, stars=5),
            repository(owner="octo", name="123", id=2001, contributors=[], commits=[]),
        ]
        self._hosts = self._stack.enter_context(Hosts(*repositories, downloads=True))
        self._repositories = repositories
        self._hosts.projects.add(released("r002", ["2.0"]))
        self._hosts.projects.add(
            released("tiger", ["3.0"], project_urls={"Documentation": "https://t.test"})
        )
        self._shell = CommandLine(self._directory, self._hosts.variables)
        self._count = 0
        self._ever: set[int] = set()
        self._theirs: dict[int, dict[str, object]] = {}
        """What persons set: of each package, by field."""
        self._kept: list[str] = []
        """Texts that an import takes: earlier states of this catalogue."""
        self._state = State(
            records={}, collections={"categories": {}, "grids": {}}, rows={}, snapshots={}
        )

    def teardown(self) -> None:
        self._stack.close()

    # ── what all steps have in common ──

    def _run(self, *arguments: str, stdin: bytes = b"") -> Result:
        result = self._shell.run(*arguments, stdin=stdin)
        require_contract(result)
        return result

    def _look(self) -> tuple[State, State]:
        """Look again; return the catalogue as it was and as it is."""
        before, self._state = self._state, look(self._shell)
        require_past(before, self._state)
        return before, self._state

    def _settle(self, result: Result, codes: set[int]) -> tuple[State, State]:
        """Require a code, that no package came or went, and that what is refused is not done."""
        assert result.code in codes, result
        before, after = self._look()
        assert before.records.keys() == after.records.keys()
        if result.code in {1, 2}:
            assert before == after, result
        return before, after

    def _slug(self, index: int) -> str:
        slugs = [one["slug"] for one in self._state.records.values()]
        return str(slugs[index % len(slugs)]) if slugs and index != _NOBODY else "absent"

    def _id(self, slug: str) -> int | None:
        return next((n for n, one in self._state.records.items() if one["slug"] == slug), None)

    @invariant()
    def whole(self) -> None:
        """The catalogue is whole, and persons have what they set."""
        if not self._shell.db.exists():
            return
        state = look(self._shell)
        require_whole(self._shell, state)
        assert state == self._state, "a step looked away"
        for number, theirs in self._theirs.items():
            shown = settable(state, number)
            assert {name: shown[name] for name in theirs} == theirs
            assert set(json.loads(state.rows[number]["user_fields"])) == theirs.keys()

    # ── coming and going ──

    @initialize()
    def begin(self) -> None:
        for arguments in (
            ("category", "add", "apps"),
            ("grid", "add", "pets"),
            ("grid", "add", "wild"),
            ("add", "octo/r000", "octo/r001", "--grid", "pets"),
        ):
            self._shell.ok(*arguments)
        self._look()
        self._ever |= self._state.records.keys()
        self._learn(self._state)
        self._keep()

    @rule(
        names=st.lists(spellings, min_size=1, max_size=3),
        options=st.lists(chosen, max_size=1),
        fetch=st.booleans(),
    )
    def add(self, names: list[str], options: list[str], fetch: bool) -> None:
        options = [one for one in options if not one.startswith(_EDIT_ONLY)]
        if any(one.startswith(("--slug", "--title", "--pypi")) for one in options):
            names = names[:1]
        result = self._run("add", *names, *options, "--json", *(["--fetch"] if fetch else []))
        assert result.code in {0, 1, 2} or fetch, result
        before, after = self._look()
        assert before.records.keys() <= after.records.keys()
        new = after.records.keys() - before.records.keys()
        assert new.isdisjoint(self._ever), "an id was used again"
        self._learn_of(after, new)
        if result.out:
            told = result.json()
            added = [one["slug"] for one in told if one["outcome"] == "added"]
            assert sorted(added) == sorted(after.records[number]["slug"] for number in new)
        else:
            assert not new
        self._ever |= new
        if fetch:
            self._follow(before, after)

    @rule(picked=st.lists(indexes, min_size=1, max_size=2), yes=st.booleans())
    def remove(self, picked: list[int], yes: bool) -> None:
        slugs = [self._slug(index) for index in picked]
        ids = {self._id(slug) for slug in slugs}
        result = self._run("remove", *slugs, *(["--yes"] if yes else []))
        assert result.code == (1 if None in ids else 0 if yes else 2), result
        before, after = self._look()
        if result.code == 0:
            assert after.records.keys() == before.records.keys() - ids
            for number in ids:
                self._theirs.pop(number or 0, None)
        else:
            assert before == after

    # ── what a person sets ──

    @rule(index=indexes, options=st.lists(chosen, min_size=1, max_size=2))
    def edit(self, index: int, options: list[str]) -> None:
        self._edit(self._slug(index), options)

    @rule(index=indexes, which=fields)
    def reset(self, index: int, which: str) -> None:
        self._edit(self._slug(index), [f"--reset={which}"])

    @rule(index=indexes, name=spellings)
    def edit_place(self, index: int, name: str) -> None:
        self._edit(self._slug(index), [f"--repo={name}"])

    def _edit(self, name: str, options: list[str]) -> None:
        number = self._id(name)
        result = self._run("edit", name, *options)
        _, after = self._settle(result, {0, 1, 2})
        if result.code != 0 or number is None:
            assert result.code
            return
        theirs = self._theirs.setdefault(number, {})
        for option in options:
            name, _, value = option.removeprefix("--").partition("=")
            if name != "reset":
                field = _FIELDS.get(name, name)
                theirs[field] = self._meant(number, name, value)
        for option in options:
            if option.startswith("--reset="):
                theirs.pop(option.removeprefix("--reset="), None)
        assert set(json.loads(after.rows[number]["user_fields"])) == theirs.keys()

    def _meant(self, number: int, option: str, value: str) -> object:
        """Return what an option of edit makes of a field."""
        match option:
            case "repo":
                return parse_locator(value).url
            case "pypi":
                return normalize_name(value)
            case "category":
                slugs = self._state.collections["categories"].items()
                return next(one for one, slug in slugs if slug == value)
            case "no-pypi" | "no-category":
                return "none" if option == "no-pypi" else None
            case "grid" | "no-grid":
                return self._state.records[number]["grids"]
            case _:
                return value

    # ── categories and grids ──

    @rule(
        kind=st.sampled_from(["category", "grid"]),
        slug=shelves,
        title=maybe | titles,
        locked=st.sampled_from([None, None, "--locked", "--unlocked"]),
    )
    def add_shelf(self, kind: str, slug: str, title: str | None, locked: str | None) -> None:
        options = [f"--title={title}"] if title is not None else []
        options += [locked] if locked and kind == "grid" else []
        self._settle(self._run(kind, "add", slug, *options), {0, 2})

    @rule(
        kind=st.sampled_from(["category", "grid"]),
        name=shelves,
        slug=maybe | shelves,
        title=maybe | titles,
        locked=st.sampled_from([None, None, "--locked", "--unlocked"]),
        wanted=st.lists(indexes, max_size=2),
        unwanted=st.lists(indexes, max_size=1),
    )
    def edit_shelf(
        self,
        kind: str,
        name: str,
        slug: str | None,
        title: str | None,
        locked: str | None,
        wanted: list[int],
        unwanted: list[int],
    ) -> None:
        given = {"slug": slug, "title": title}
        options = [f"--{key}={value}" for key, value in given.items() if value is not None]
        if kind == "grid":
            options += [locked] if locked else []
            options += [f"--add={self._slug(index)}" for index in wanted]
            options += [f"--remove={self._slug(index)}" for index in unwanted]
        before, after = self._settle(self._run(kind, "edit", name, *options), {0, 1, 2})
        for number, record in after.records.items():
            if record["grids"] != before.records[number]["grids"]:
                self._theirs.setdefault(number, {})["grids"] = record["grids"]
        for number, theirs in self._theirs.items():
            if "grids" in theirs:
                theirs["grids"] = after.records[number]["grids"]

    @rule(kind=st.sampled_from(["category", "grid"]), name=shelves, yes=st.booleans())
    def remove_shelf(self, kind: str, name: str, yes: bool) -> None:
        result = self._run(kind, "remove", name, *(["--yes"] if yes else []))
        before, after = self._settle(result, {0, 1, 2})
        table = "categories" if kind == "category" else "grids"
        gone = before.collections[table].keys() - after.collections[table].keys()
        assert len(gone) == (result.code == 0)
        for theirs in self._theirs.values():
            if table == "categories" and theirs.get("category") in gone:
                theirs["category"] = None
            if table == "grids" and isinstance(links := theirs.get("grids"), list):
                theirs["grids"] = [one for one in links if number_of(one, "grids") not in gone]

    # ── the hosts, and time ──

    @rule(hours=st.sampled_from([0.001, 1, 30, 24 * 8, 24 * 400]))
    def wait(self, hours: float) -> None:
        self._shell.clock = FixedClock(self._shell.clock.now() + dt.timedelta(hours=hours))

    @rule(
        at_pypi=st.booleans(),
        part=st.sampled_from(PARTS),
        fault=st.sampled_from(FAULTS),
        times=st.sampled_from([None, 1, 3]),
    )
    def fail(self, at_pypi: bool, part: str, fault: Fault, times: int | None) -> None:
        host = self._hosts.pypi if at_pypi else self._hosts.github
        host.fault(part, fault, times=times)

    @rule()
    def heal(self) -> None:
        for host in (self._hosts.github, self._hosts.pypi, self._hosts.pypistats):
            host.heal()

    @rule(
        which=indexes,
        event=st.sampled_from(["rename", "again", "gone", "blocked", "back"]),
        number=st.integers(0, 50),
    )
    def move(self, which: int, event: str, number: int) -> None:
        repo = self._repositories[which % len(self._repositories)]
        match event:
            case "rename":
                with contextlib.suppress(KeyError):  # it has another's name by now
                    self._hosts.github.rename(repo, f"octo/moved-{which}-{number}")
            case "again":  # another repository where that one was
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
    def work(self, which: int, event: str, number: int) -> None:
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
    def something_happens_at_pypi(self, name: str, event: str) -> None:
        projects = self._hosts.projects
        with contextlib.suppress(KeyError):
            projects.remove(name)
        if event != "gone":
            self._count += 1
            link = {"Source": "https://github.com/octo/r000"} if event == "linked" else {}
            project = released(name, ["1.0", f"2.{self._count}"], project_urls=link)
            project.serial = 100 + self._count
            projects.add(project)

    @rule(there=st.booleans())
    def token(self, there: bool) -> None:
        self._shell.variables.pop("GH_TOKEN", None)
        if there:
            self._shell.variables["GH_TOKEN"] = "t"

    # ── fetching ──

    @rule(
        index=maybe | indexes,
        source=st.sampled_from([None, None, "repo", "pypi", "downloads"]),
        option=st.sampled_from(
            ["--no-wait", "--retry-failed", "--limit=1", "--request-budget=2", "--stale=1d"]
        ),
    )
    def fetch(self, index: int | None, source: str | None, option: str) -> None:
        name = "--all" if index is None else self._slug(index)
        sources = [f"--source={source}"] if source else []
        result = self._run("fetch", name, *sources, option, "--json")
        before, after = self._settle(result, {0, 1, 3, 4, 5})
        assert (result.code == 1) == (name == "absent"), result
        if result.code != 1:
            failures = result.json()["failures"]
            self._follow(before, after, {(one["slug"], one["source"]) for one in failures})

    @rule()
    def fetch_all(self) -> None:
        self.fetch(None, None, "--retry-failed")

    @rule()
    def plan(self) -> None:
        before, after = self._settle(self._run("fetch", "--all", "--dry-run"), {0})
        assert before == after

    def _follow(
        self, before: State, after: State, failed: set[tuple[str, str]] | None = None
    ) -> None:
        """Follow renames, which is what a fetch may do to what a person set."""
        if failed is not None:
            require_kept(before, after, failed)
        for number, theirs in self._theirs.items():
            now = after.records[number]["repo_url"]
            if theirs.get("repo", now) != now:
                query = "SELECT 1 FROM previous_urls WHERE package_id = ? AND url = ?"
                former = str(theirs["repo"])
                is_same = (
                    parse_locator(former).key == parse_locator(now).key
                )  # as the host spells it
                assert is_same or self._shell.rows(query, number, former)
                theirs["repo"] = now

    # ── import, export, search ──

    @rule()
    def keep(self) -> None:
        """Keep the catalogue as it is now, for an import later on."""
        self._keep()

    def _keep(self) -> None:
        for words in (("export",), ("list", "--json")):
            self._kept.append(self._run(*words).out)

    @rule(index=indexes)
    def import_earlier(self, index: int) -> None:
        self._import(self._kept[index % len(self._kept)])

    @rule(record=generated, left_out=st.lists(st.integers(0, 17), max_size=3))
    def import_record(self, record: dict[str, Any], left_out: list[int]) -> None:
        dispensable = {list(record)[at] for at in left_out} - {"id", "slug", "title", "created"}
        self._import(json.dumps({k: v for k, v in record.items() if k not in dispensable}))

    def _import(self, text: str) -> None:
        is_export = text.startswith('{"type": "catalogue"')
        kept = {} if is_export else self._set_of_shelves()
        result = self._run("import", "-", "--json", stdin=text.encode())
        assert result.code in {0, 3} or not text.strip(), result
        before, after = self._look()
        new = after.records.keys() - before.records.keys()
        assert before.records.keys() <= after.records.keys()
        self._ever |= new
        told = result.json()
        assert (result.code == 3) == any(one["outcome"] == "skipped" for one in told)
        added = [
            one["slug"] for one in told if (one["outcome"], one["type"]) == ("added", "package")
        ]
        assert sorted(added) == sorted(after.records[number]["slug"] for number in new), told
        if all(one["outcome"] == "unchanged" for one in told):
            assert before == after
        again = self._run("import", "-", "--json", stdin=text.encode())
        assert {one["outcome"] for one in again.json()} <= {"unchanged", "skipped"}, again
        assert look(self._shell) == after
        now = self._set_of_shelves()
        assert all(now[each] == theirs for each, theirs in kept.items())
        if is_export:  # what a person set is in it
            self._learn(after)

    def _set_of_shelves(self) -> dict[tuple[str, int], dict[str, object]]:
        """Return what persons set of categories and grids, by column."""
        columns = ("id", "user_fields", "title", "slug", "description")
        found: dict[tuple[str, int], dict[str, object]] = {}
        for table in ("categories", "grids"):
            for row in self._shell.rows(f"SELECT {', '.join(columns)} FROM {table}"):
                told = dict(zip(columns, row, strict=True))
                edited = json.loads(told["user_fields"])
                found[table, told["id"]] = {key: told[key] for key in columns if key in edited}
        return found

    def _learn(self, state: State) -> None:
        """Take it from the catalogue what persons set."""
        self._theirs = {}
        self._learn_of(state, state.rows)

    def _learn_of(self, state: State, numbers: Iterable[int]) -> None:
        for number in numbers:
            edited = json.loads(state.rows[number]["user_fields"])
            if edited:
                shown = settable(state, number)
                self._theirs[number] = {name: shown[name] for name in edited}

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
    def find(self, index: int) -> None:
        slug = self._slug(index)
        number = self._id(slug)
        if number is None:
            assert self._run("show", slug).code == 1
            return
        record = self._state.records[number]
        for name in (slug, str(number)):
            assert self._shell.show(name) == record
        found = self._shell.ok("search", slug, "--json").out
        assert f'"{slug}"' in found
        history = self._shell.ok("history", slug, "--json").json()
        assert history is not None

    @rule(query=st.sampled_from(['"', "r00*", "AND", "cat OR", "mona", "-", "(", "told NEAR"]))
    def search(self, query: str) -> None:
        assert self._run("search", query, "--json").code in {0, 2}


def test_no_sequence_of_commands_breaks_a_catalogue() -> None:
    run_state_machine_as_test(
        Machine,
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
