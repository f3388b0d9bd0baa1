"""The state machine without its rules: its state, its invariant, and shared steps."""

import contextlib
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path

from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
)

from pkgharvest.model.locators import normalize_name, parse_locator
from tests.standins.pypi import released
from tests.support.command_line import CommandLine, Result
from tests.support.github_case import repository
from tests.support.hosts import Hosts, make_repositories
from tests.support.invariants import (
    State,
    look,
    require_contract,
    require_kept,
    require_past,
    require_whole,
    settable,
)

_NO_PACKAGE = 9
_FIELDS_OF_OPTIONS = {
    "no-pypi": "pypi",
    "no-category": "category",
    "grid": "grids",
    "no-grid": "grids",
}
"""Options whose name differs from their field."""


class CatalogMachine(RuleBasedStateMachine):
    """A catalog with hosts, and the values that are expected in it."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = contextlib.ExitStack()
        self._directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        repositories = [
            *make_repositories(4),
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
        self._used_ids: set[int] = set()
        self._edited: dict[int, dict[str, object]] = {}
        """Edited values of each package, by field."""
        self._exports: list[str] = []
        """Exports of earlier states of this catalog, for later imports."""
        self._state = State(
            records={}, collections={"categories": {}, "grids": {}}, rows={}, snapshots={}
        )

    def teardown(self) -> None:
        self._stack.close()

    def _run(self, *arguments: str, stdin: bytes = b"") -> Result:
        result = self._shell.run(*arguments, stdin=stdin)
        require_contract(result)
        return result

    def _update_state(self) -> tuple[State, State]:
        """Read the catalog again; return its previous and its current state."""
        before, self._state = self._state, look(self._shell)
        require_past(before, self._state)
        return before, self._state

    def _check(self, result: Result, codes: set[int]) -> tuple[State, State]:
        """Require an exit code, the same packages, and no change after an error."""
        assert result.code in codes, result
        before, after = self._update_state()
        assert before.records.keys() == after.records.keys()
        if result.code in {1, 2}:
            assert before == after, result
        return before, after

    def _slug(self, index: int) -> str:
        slugs = [record["slug"] for record in self._state.records.values()]
        return str(slugs[index % len(slugs)]) if slugs and index != _NO_PACKAGE else "absent"

    def _id(self, slug: str) -> int | None:
        return next(
            (number for number, record in self._state.records.items() if record["slug"] == slug),
            None,
        )

    @invariant()
    def catalog_is_consistent(self) -> None:
        """The catalog is consistent, and edited values are unchanged."""
        if not self._shell.db.exists():
            return
        state = look(self._shell)
        require_whole(self._shell, state)
        assert state == self._state, "a step looked away"
        for number, edited in self._edited.items():
            shown = settable(state, number)
            assert {name: shown[name] for name in edited} == edited
            assert set(json.loads(state.rows[number]["user_fields"])) == edited.keys()

    @initialize()
    def begin(self) -> None:
        for arguments in (
            ("category", "add", "apps"),
            ("grid", "add", "pets"),
            ("grid", "add", "wild"),
            ("add", "octo/r000", "octo/r001", "--grid", "pets"),
        ):
            self._shell.ok(*arguments)
        self._update_state()
        self._used_ids |= self._state.records.keys()
        self._read_edited(self._state)
        self._export()

    def _edit(self, name: str, options: list[str]) -> None:
        number = self._id(name)
        result = self._run("edit", name, *options)
        _, after = self._check(result, {0, 1, 2})
        if result.code != 0 or number is None:
            assert result.code
            return
        edited = self._edited.setdefault(number, {})
        for option in options:
            name, _, value = option.removeprefix("--").partition("=")
            if name != "reset":
                field = _FIELDS_OF_OPTIONS.get(name, name)
                edited[field] = self._expected_value(number, name, value)
        for option in options:
            if option.startswith("--reset="):
                edited.pop(option.removeprefix("--reset="), None)
        assert set(json.loads(after.rows[number]["user_fields"])) == edited.keys()

    def _expected_value(self, number: int, option: str, value: str) -> object:
        """Return the value of a field after an option of ``edit``."""
        match option:
            case "repo":
                return parse_locator(value).url
            case "pypi":
                return normalize_name(value)
            case "category":
                slugs = self._state.collections["categories"].items()
                return next(category_id for category_id, slug in slugs if slug == value)
            case "no-pypi" | "no-category":
                return "none" if option == "no-pypi" else None
            case "grid" | "no-grid":
                return self._state.records[number]["grids"]
            case _:
                return value

    def _follow_renames(
        self, before: State, after: State, failed: set[tuple[str, str]] | None = None
    ) -> None:
        """Follow renames, the only change that a fetch makes to edited values."""
        if failed is not None:
            require_kept(before, after, failed)
        for number, edited in self._edited.items():
            now = after.records[number]["repo_url"]
            if edited.get("repo", now) != now:
                query = "SELECT 1 FROM previous_urls WHERE package_id = ? AND url = ?"
                former = str(edited["repo"])
                is_same = (
                    parse_locator(former).key == parse_locator(now).key
                )  # the host's spelling of it
                assert is_same or self._shell.rows(query, number, former)
                edited["repo"] = now

    def _export(self) -> None:
        for words in (("export",), ("list", "--json")):
            self._exports.append(self._run(*words).out)

    def _import(self, text: str) -> None:
        is_export = text.startswith('{"type": "catalogue"')
        edited_before = {} if is_export else self._edited_collections()
        result = self._run("import", "-", "--json", stdin=text.encode())
        assert result.code in {0, 3} or not text.strip(), result
        before, after = self._update_state()
        new = after.records.keys() - before.records.keys()
        assert before.records.keys() <= after.records.keys()
        self._used_ids |= new
        results = result.json()
        assert (result.code == 3) == any(entry["outcome"] == "skipped" for entry in results)
        added = [
            entry["slug"]
            for entry in results
            if (entry["outcome"], entry["type"]) == ("added", "package")
        ]
        assert sorted(added) == sorted(after.records[number]["slug"] for number in new), results
        if all(entry["outcome"] == "unchanged" for entry in results):
            assert before == after
        repeated = self._run("import", "-", "--json", stdin=text.encode())
        assert {entry["outcome"] for entry in repeated.json()} <= {"unchanged", "skipped"}, repeated
        assert look(self._shell) == after
        now = self._edited_collections()
        assert all(now[key] == values for key, values in edited_before.items())
        if is_export:  # it contains the edited values
            self._read_edited(after)

    def _edited_collections(self) -> dict[tuple[str, int], dict[str, object]]:
        """Return the edited values of categories and grids, by column."""
        columns = ("id", "user_fields", "title", "slug", "description")
        edited_values: dict[tuple[str, int], dict[str, object]] = {}
        for table in ("categories", "grids"):
            for row in self._shell.rows(f"SELECT {', '.join(columns)} FROM {table}"):
                values = dict(zip(columns, row, strict=True))
                edited_fields = json.loads(values["user_fields"])
                edited_values[table, values["id"]] = {
                    key: values[key] for key in columns if key in edited_fields
                }
        return edited_values

    def _read_edited(self, state: State) -> None:
        """Read all edited values from the catalog."""
        self._edited = {}
        self._read_edited_of(state, state.rows)

    def _read_edited_of(self, state: State, numbers: Iterable[int]) -> None:
        for number in numbers:
            edited_fields = json.loads(state.rows[number]["user_fields"])
            if edited_fields:
                shown = settable(state, number)
                self._edited[number] = {name: shown[name] for name in edited_fields}
