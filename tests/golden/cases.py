"""The golden scenarios: command lines in order, each scenario with a catalog of its own.

Placeholders such as ``<HERE>`` and ``<GITHUB>`` stand for values that differ in each run.
"""

import itertools
import json
import shlex
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.support import api_records

Comparison = Literal["exact", "dump", "tokens", "frame", "streams"]
"""Which parts of the output must not change.

``exact``: every byte; ``dump``: every value of an export; ``tokens``: numbers and slugs;
``frame``: the numbers of errors and hints; ``streams``: whether a stream has output at all.
"""

_SITE = "https://djangopackages.org/api/v4"
_TOKEN = "ghp_" + "x" * 36


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A command line."""

    name: str
    argv: tuple[str, ...]
    stdin: str
    comparison: Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class Do:
    """An action between two command lines: a method ``do_…`` of the stage."""

    action: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Command lines that share a catalog and hosts."""

    name: str
    steps: tuple[Case | Do, ...]
    world: str = "none"
    """Which repositories GitHub has."""
    catalogs: tuple[str, ...] = field(default=())
    """Catalogs in the working directory whose content is compared, too."""

    @property
    def cases(self) -> list[Case]:
        """The command lines among the steps."""
        return [step for step in self.steps if isinstance(step, Case)]


def run(line: str, stdin: str = "", *, comparison: Comparison | None = None) -> Case:
    """Return a case for a command line in shell syntax; the line is its name."""
    argv = tuple(shlex.split(line))
    return Case(name=line, argv=argv, stdin=stdin, comparison=comparison or _comparison(argv))


def do(action: str, *arguments: Any) -> Do:
    """Return an action between command lines."""
    return Do(action=action, arguments=arguments)


def _comparison(argv: tuple[str, ...]) -> Comparison:
    if {"--help", "-h", "--version", "completion"} & set(argv):
        return "streams"
    if {"check", "vacuum", "backup", "demo", "sqlite"} & set(argv):
        return "frame"
    formats = {after for before, after in itertools.pairwise(argv) if before == "--format"}
    if "export" in argv and formats <= {"jsonl"}:
        return "dump"
    if "export" in argv or "--json" in argv or formats & {"json", "jsonl", "csv", "tsv", "md"}:
        return "exact"
    return "tokens"


def _record(number: int = 7, name: str = "cat", **changes: Any) -> dict[str, Any]:
    """Return a package as in the API v4, with the values of the recorded output."""
    values = {
        "title": name.upper(),
        "last_fetched": "2026-02-15T18:04:11.230084-05:00",
        "pypi_version": "1.0",
        "repo_description": f"A {name}",
    }
    return api_records.record(number, name, **(values | changes))


def _lines(*documents: object) -> str:
    return "".join(json.dumps(document) + "\n" for document in documents)


def _page(*results: object, following: str | None = None) -> str:
    page = {"count": len(results), "next": following, "previous": None, "results": results}
    return json.dumps(page)


_GROUPS = ("category", "grid", "config", "db", "history")
_COMMANDS = (
    "add", "fetch", "show", "list", "edit", "remove", "search", "history", "import", "export",
    "status", "completion", "demo", *_GROUPS,
    *(f"{group} {verb}" for group in ("category", "grid")
      for verb in ("add", "list", "show", "edit", "remove")),
    "config show", "db path", "db check", "db backup", "db vacuum", "history backfill",
)  # fmt: skip

_FILL_CATALOG: tuple[Case | Do, ...] = (
    run("category add 'Web Apps'"),
    run("category add tools --title 'The Tools' --no-show-pypi"),
    run("grid add trees --description 'Trees in a database'"),
    run("grid add empty-grid --title 'Nothing in it' --locked"),
    run(
        "add octo/r000 octo/r001 octo/r002 octo/attic octo/old-name octo/hollow octo/huge"
        " --category web-apps"
    ),
    run(
        "add octo/cat --title 'The Cat' --category tools --grid trees --docs https://cat.example/d"
    ),
    run("add https://git.example.org/some/thing --no-pypi --grid trees"),
    run("edit r001 --grid trees"),
    run("edit r002 --grid trees --grid empty-grid"),
    run("edit r002 --grid trees"),
    # Downloads apart: they wait between requests, and the clock is that of all.
    run(
        "fetch r000 r001 r002 attic old-name hollow huge cat --json --jobs 1"
        " --source repo --source pypi"
    ),
    run("fetch r000 r001 r002 attic old-name hollow huge cat --json --source downloads"),
)
"""Steps that create a catalog with one package of every kind."""

SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        name="help",
        steps=(
            run("--version"),
            run("--help"),
            run("-h"),
            run("", comparison="streams"),
            *(run(f"{command} --help") for command in dict.fromkeys(_COMMANDS)),
            *(run(f"completion {shell}") for shell in ("bash", "zsh", "fish")),
        ),
    ),
    Scenario(
        name="usage",
        steps=(
            run("frobnicate"),
            run("lisst"),
            run("--frobnicate"),
            run("list --frobnicate"),
            run("list surplus"),
            run("show"),
            run("add"),
            run("fetch"),
            run("fetch cat --all"),
            run("fetch --all --stale soon"),
            run("fetch --all --stale -5s"),
            run("fetch --all --time-budget 5"),
            run("fetch --all --limit 0"),
            run("fetch --all --limit many"),
            run("fetch --all --request-budget -1"),
            run("fetch --all --jobs 0"),
            run("fetch --all --jobs 65"),
            run("fetch --all --source gitlab"),
            run("fetch --all --history svn"),
            run("fetch --all --as-of yesterday"),
            run("fetch --all --as-of 2026-01-01 --history api"),
            run("fetch --all --as-of 2026-01-01 --source pypi"),
            run("fetch --all --record x.har --replay y.har"),
            run("list --sort colour"),
            run("list --limit -1"),
            run("list --status asleep"),
            run("list --format xml"),
            run("list --json --format csv"),
            run("list --trending soon"),
            run("show cat --fields slug,colour --json"),
            run("show cat --fields , --json"),
            run("show cat --tz Mars/Olympus"),
            run("show cat --base-url nowhere"),
            run("completion powershell"),
            run("completion"),
            run("category"),
            run("category add"),
            run("category frobnicate"),
            run("db"),
            run("db backup"),
            run("config"),
            run("history backfill"),
            run("history backfill --all --weeks 0"),
            run("status --runs -1"),
            run("status --stale soon"),
            run("import"),
            run("export --format xml"),
            run("search"),
            run("edit"),
        ),
    ),
    Scenario(
        name="no catalog",
        steps=(
            run("list"),
            run("list --json"),
            run("show cat"),
            run("fetch --all"),
            run("fetch cat --dry-run"),
            run("status --json"),
            run("export"),
            run("search cat"),
            run("history cat"),
            run("history backfill cat"),
            run("edit cat --title x"),
            run("remove cat --yes"),
            run("category list"),
            run("grid show trees"),
            run("db path"),
            run("db path --db elsewhere.db"),
            run("db check"),
            run("db backup copy.db"),
            run("db vacuum"),
            run("list --db missing/there.db"),
            do("directory", "folder"),
            run("list --db folder"),
            do("write", "given.db", "this is no database, however long it may be\n" * 20),
            run("list --db given.db"),
            run("add octo/cat --db given.db"),
            do("write", "given-empty.db", ""),
            run("list --db given-empty.db"),
            do("strange_database", "strange.db"),
            run("list --db strange.db"),
            run("add octo/cat --db strange.db"),
            run("add octo/cat"),
            run("list --json"),
            do("sql", "PRAGMA user_version = 99"),
            run("list", comparison="frame"),
            run("list --json", comparison="frame"),
            run("add octo/dog", comparison="frame"),
            run("export", comparison="frame"),
        ),
    ),
    Scenario(
        name="config",
        steps=(
            run("config show"),
            run("config show --json"),
            do("variable", "GH_TOKEN", _TOKEN),
            do("variable", "PKGHARVEST_TZ", "Europe/Berlin"),
            do("variable", "PKGHARVEST_BACKOFF_FIRST", "2h"),
            run("config show --db other.db --json"),
            do(
                "write",
                "pkgharvest.toml",
                'tz = "Asia/Tokyo"\nbase_url = "https://a.example"\n'
                'pypistats_url = ""\nbackoff_most = "3d"\n[hosts."git.example.org"]\n'
                "requests_per_minute = 300\nconcurrency = 4\n",
            ),
            run("config show"),
            run("config show --json"),
            do("variable", "PKGHARVEST_TZ", None),
            run("config show --json"),
            do("write", "given.toml", 'db = "third.db"\n'),
            run("config show --config given.toml --json"),
            run("db path --config given.toml"),
            run("config show --config missing.toml"),
            do("write", "given.toml", "tz = [\n"),
            run("config show --config given.toml"),
            do("write", "given.toml", 'colour = "red"\n'),
            run("config show --config given.toml"),
            do("write", "given.toml", "tz = 5\n"),
            run("list --config given.toml"),
            do("write", "given.toml", '[hosts."x"]\nconcurrency = 0\n'),
            run("list --config given.toml"),
            do("variable", "PKGHARVEST_BACKOFF_FIRST", "soon"),
            run("list"),
            run("config show"),
        ),
    ),
    Scenario(
        name="add",
        steps=(
            run("add octo/r000"),
            run("add octo/r000"),
            run("add https://github.com/octo/r001.git"),
            run("add git@github.com:octo/r002.git --json"),
            run("add pkg:github/octo/purl"),
            run("add ssh://git@codeberg.org/forgejo/forgejo.git"),
            run("add https://gitlab.com/group/sub/project/-/tree/main"),
            run("add http://GitHub.com/Octo/CAPS/ --title Capitals --slug caps"),
            run("add github.com/octo/plain --pypi Plain_Name"),
            run("add octo/without --no-pypi --docs https://docs.example/"),
            run("add - --json", "octo/one\n# a comment\n\nocto/two\nocto/one\nno such thing\n"),
            run("add -", "octo/three\n"),
            run("add octo/r000 octo/four"),
            run("add octo/five 'bad one' https://github.com/octo octo/r000 --json"),
            run("add octo/six octo/seven --title both"),
            run("add octo/six octo/seven --slug both"),
            run("add octo/six --pypi x --no-pypi"),
            run("add octo/six --slug caps"),
            run("add octo/six --slug 'Not A Slug'"),
            run("add other/r000"),
            run("add octo/six --category nothing"),
            run("add octo/six --grid nothing"),
            run("add octo/six --pypi 'not a name!'"),
            run("add octo/six --docs 'javascript:alert(1)'"),
            run("add octo/six --title ''"),
            run("category add apps"),
            run("grid add cms"),
            run("grid add forms"),
            run("add octo/six --category apps --grid cms --grid forms --grid cms --json"),
            run("add octo/seven --quiet"),
            run("add ''"),
            run("add https://user:secret@github.com/octo/eight"),
            do("history", "django-postpone-index", "local.git"),
            run("add ./local.git"),
            run("add <HERE>/local.git --json"),
            run("add file://<HERE>/local.git"),
            run("add ./missing.git"),
            run("add 'https://[broken'"),
            run("list --json --full"),
            run("list"),
            run("list --format csv"),
        ),
    ),
    Scenario(
        name="fetch",
        world="mixed",
        steps=(
            run("add octo/r000 octo/r001 octo/r002"),
            run("fetch --all --dry-run"),
            run("fetch --all --dry-run --json"),
            run("fetch --all --request-budget 0 --json"),
            run("fetch r000 --request-budget 0"),
            run("fetch r00x"),
            run("fetch r002 --source pypi"),
            run("fetch --all --limit 1 --json --jobs 1"),
            run("fetch --all --source repo --dry-run"),
            run("fetch --all --json --jobs 1"),
            run("fetch --all"),
            run("fetch --all -q"),
            do("later", 2),
            run("fetch --all --stale 3h --dry-run"),
            run("fetch --all --stale 1h --dry-run --json"),
            run("fetch --all --json --jobs 1"),
            do("later", 24),
            run("fetch r000 -v"),
            do("repository", "octo/r001", {"stars": 50, "description": "News"}),
            do("push", "octo/r001"),
            do("release", "octo/r001", "1.0", "2.0"),
            do("downloads", "r001", 100, 700, 3000),
            run("fetch r001 --json"),
            run("fetch r002 --source downloads --json"),
            run("fetch r002 --source repo --source pypi --json"),
            run("show r001 --full --json"),
            run("fetch r001 2 https://github.com/octo/r001 --json"),
            do("lock"),
            run("fetch --all"),
            do("lock"),
            run("fetch r000 --json"),
            run("add octo/cat --fetch"),
            run("add octo/huge --fetch --json"),
            run("show cat --full --json"),
            run("show cat"),
            run("show cat --full"),
            run("show huge --full"),
            run("list --json --full"),
            run("history r001 --json"),
            run("status --json"),
        ),
    ),
    Scenario(
        name="failures",
        world="mixed",
        steps=(
            run("add octo/r000 octo/r001 octo/fallen octo/barred octo/banned octo/nowhere"),
            run("fetch r000 r001 --jobs 1"),
            run("fetch fallen"),
            run("fetch fallen --json"),
            run("fetch barred --json"),
            run("fetch banned"),
            run("fetch nowhere --json"),
            run("fetch nowhere --json"),
            run("fetch nowhere"),
            run("show nowhere --full --json"),
            run("show fallen"),
            run("show barred"),
            run("list --failing"),
            run("list --failing --json --fields slug,status,fetches"),
            run("list --status gone --format csv"),
            run("list --status blocked --json"),
            run("fetch --all --dry-run --json"),
            run("fetch --all --retry-failed --dry-run --json"),
            do("later", 24),
            do("garble", "pypi", "/simple/r000/"),
            run("fetch r000 --json"),
            do("heal"),
            do("fault", "github", "/repos/octo/r001$", 500),
            run("fetch r001 --json --source repo"),
            run("fetch r001 --source repo"),
            run("fetch r001 -v --source repo"),
            do("heal"),
            do("fault", "pypi", "/simple/r000/", 404),
            run("fetch r000 --json --source pypi"),
            run("fetch r000 --source pypi"),
            do("heal"),
            do("fault", "pypistats", "", 503),
            run("fetch r000 --source downloads"),
            do("heal"),
            run("status"),
            run("status --json"),
            run("status --failures 1 --runs 2 --stale 1h"),
            run("status --failures 0 --runs 0 --json --tz America/New_York"),
            run("list --json --full"),
            run("fetch r001 --json"),
            do("rename", "octo/r001", "team/moved"),
            do("later", 1),
            run("fetch r001 --json"),
            run("show r001 --full --json"),
            run("show https://github.com/octo/r001 --json"),
            run("history r001"),
            run("status --json --failures 3"),
        ),
    ),
    Scenario(
        name="credentials and quota",
        world="three",
        steps=(
            run("add octo/r000 octo/r001 octo/r002"),
            do("tokens", "another"),
            do("variable", "GITHUB_TOKEN", "ghp_wrong" + "0" * 30),
            run("fetch r000 --source repo --source pypi"),
            run("fetch r001 --json --source repo --source pypi"),
            run("fetch r000 --request-budget 1 --jobs 1 --json --source repo"),
            do("variable", "GITHUB_TOKEN", None),
            do("tokens"),
            do("quota", 0),
            run("fetch r000 --json --source repo"),
            run("fetch r000 --source repo"),
            run("status --json"),
            run("status"),
            do("quota", 0, 429),
            run("fetch r002 --json --source repo"),
            do("quota", 4),
            run("fetch --all --json --jobs 1 --source repo"),
            run("fetch --all --dry-run"),
            do("quota", 5000),
            do("later", 2),
            do("variable", "GH_TOKEN", _TOKEN),
            run("fetch r000 --json --source repo --source pypi"),
            run("fetch r000 --json --source repo --source pypi"),
            do("later", 2),
            do("push", "octo/r000"),
            run("fetch r000 --json --source repo --source pypi"),
            run("show r000 --full --json"),
            do("later", 2),
            do("fault", "github", "", 401),
            run("fetch r001 --source repo --source pypi"),
            run("list --failing --json --full"),
        ),
    ),
    Scenario(
        name="record and replay",
        world="mixed",
        catalogs=("other.db",),
        steps=(
            run("add octo/r000 octo/cat octo/old-name octo/hollow octo/fallen"),
            run("fetch r000 cat --record run.har --json --jobs 1"),
            run("fetch hollow fallen --record more.har.gz"),
            run("fetch old-name --record run-2.har -q"),
            run("add octo/r000 octo/cat --db other.db"),
            run("fetch --all --db other.db --replay run.har --json --jobs 1"),
            run("fetch r000 --db other.db --replay run.har"),
            run("fetch r000 --db other.db --replay more.har.gz --json"),
            run("list --json --full --db other.db"),
            run("fetch r000 --replay missing.har"),
            do("write", "given.har", "{}"),
            run("fetch r000 --replay given.har"),
            do("write", "given.har", "no json"),
            run("fetch r000 --replay given.har"),
            run("fetch r000 --record missing/run.har"),
            run("list --json --full"),
        ),
    ),
    Scenario(
        name="git",
        world="three",
        steps=(
            do("history", "django-ltree", "ltree.git"),
            do("history", "django-postpone-index", "postpone.git"),
            do("empty_git", "void.git"),
            run("add ./ltree.git --no-pypi --slug ltree"),
            run("add ./postpone.git ./void.git --no-pypi"),
            run("fetch ltree postpone void --json --jobs 1"),
            run("show ltree --full --json"),
            run("show void --full --json"),
            run("show ltree"),
            run("fetch ltree --json"),
            run("fetch ltree --as-of 2026-02-15T18:08:42-05:00 --json"),
            run("show ltree --json"),
            run("fetch ltree --as-of 2024-01-01 --history git"),
            run("show ltree --json --fields commits_over_52,last_updated,commit_count"),
            run("fetch ltree --as-of 1999-12-31T23:59:59+05:00"),
            run("show ltree --json --fields commits_over_52,last_updated,commit_count"),
            run("fetch --all --as-of 2025-06-01 --dry-run"),
            run("fetch ltree --history git --json"),
            run("history ltree --weeks 60 --json"),
            run("history backfill ltree --weeks 104"),
            run("history backfill ltree --weeks 104 --json"),
            run("history backfill ltree --weeks 520 --json"),
            run("history backfill ltree --again -q"),
            run("history backfill --all --weeks 52 --json --jobs 1"),
            run("history backfill nothing"),
            run("history ltree --weeks 260 --json"),
            run("history ltree --weeks 260 --format csv"),
            run("history ltree --weeks 260"),
            run("history ltree --weeks 260 --plot"),
            run("history ltree --weeks 30 --since 90d --json"),
            do("move", "postpone.git", "given-away.git"),
            do("later", 1),
            run("fetch postpone --json"),
            run("fetch postpone"),
            run("history backfill postpone --weeks 60 --again --json"),
            run("list --json --full"),
        ),
    ),
    Scenario(
        name="show and list",
        world="mixed",
        steps=(
            *_FILL_CATALOG,
            do("repository", "octo/cat", {"stars": 90, "forks": 21}),
            do("repository", "octo/r002", {"stars": 1}),
            do("later", 100),
            run("fetch r000 r002 cat --json --jobs 1"),
            *(
                run(f"show cat --format {how}")
                for how in ("table", "json", "jsonl", "csv", "tsv", "md")
            ),
            *(
                run(f"show cat r000 thing --full --format {how}")
                for how in ("table", "json", "jsonl", "csv", "tsv", "md")
            ),
            run("show cat attic --json"),
            run("show r000"),
            run("show attic"),
            run("show hollow"),
            run("show old-name"),
            run("show thing --full"),
            run("show 1 --json"),
            run("show https://github.com/octo/old-name --json --fields id,repo_url,previous_urls"),
            run("show cat --json --fields slug,versions,downloads,fetches,score"),
            run("show cat --fields slug,repo_watchers"),
            run("show cat --json --tz America/New_York"),
            run("show cat --tz local --fields last_fetched,modified --format csv"),
            run("show cat --json --base-url https://packages.example/x/ --fields category,grids"),
            run("show cat --json -o cat.json"),
            run("show cat -o missing/cat.json"),
            run("show ct"),
            run("show cat nothing --json"),
            run("show ''"),
            run("list"),
            run("list --full --json"),
            *(run(f"list --format {how}") for how in ("json", "jsonl", "csv", "tsv", "md")),
            run("list --full --format csv"),
            run("list --full --format md"),
            *(
                run(f"list --sort {order} --format csv --fields slug,repo_watchers,score,downloads")
                for order in (
                    "name",
                    "stars",
                    "updated",
                    "fetched",
                    "commits",
                    "score",
                    "downloads",
                )
            ),
            run("list --sort stars --reverse --json --fields slug"),
            run("list --sort name --reverse --format tsv --fields title,slug"),
            run("list --sort stars"),
            run("list --sort gained"),
            run("list --limit 2 --json"),
            run("list --limit 0 --format csv"),
            run("list --limit 0"),
            run("list --category web-apps --format csv --fields slug"),
            run("list --category tools"),
            run("list --category nothing"),
            run("list --grid trees --json --fields slug,grids"),
            run("list --grid nothing"),
            *(
                run(f"list --status {status} --format csv --fields slug,status")
                for status in ("active", "archived", "moved", "gone", "blocked", "empty")
            ),
            run("list --status archived --category web-apps --sort score --json --fields slug"),
            run("list --stale 24h --format csv --fields slug,last_fetched"),
            run("list --failing --json"),
            run("list --failing"),
            run("list --trending 30d"),
            run("list --trending 30d --json"),
            run("list --trending 1w --sort percent --format csv"),
            run("list --trending 30d --sort gained --reverse --limit 1 --format md"),
            run("list --trending 1h --json"),
            run("list --trending 30d --fields slug"),
            run("list --format csv -o list.csv"),
            run("list --tz Asia/Tokyo --json --fields slug,last_fetched"),
            run("search cat"),
            run("search 'tree' --json"),
            run("search mona --format csv"),
            run("search 'everybody OR x' --json"),
            run("search gross --json --fields slug"),
            run("search r0 --limit 2 --format tsv"),
            run("search r0 --limit 0 --json"),
            run("search zzz"),
            run("search zzz --json"),
            run("search ''"),
            run("search r0 --format md"),
            run("search 'r0' --format jsonl"),
            run("search trees -o found.txt"),
            run("status"),
            run("status --json"),
        ),
    ),
    Scenario(
        name="edit",
        world="mixed",
        steps=(
            *_FILL_CATALOG,
            do("later", 1),
            run("edit cat --title 'Another Cat'"),
            run("edit cat --title 'Another Cat'"),
            run("edit cat --slug kitty --json"),
            run("show cat --json"),
            run("show kitty --json"),
            run("edit kitty --docs https://elsewhere.example/ --json"),
            run("edit kitty --docs 'no address'"),
            run("edit kitty --category web-apps --json"),
            run("edit kitty --no-category --json"),
            run("edit kitty --category nothing"),
            run("edit kitty --category tools --no-category"),
            run("grid add more"),
            run("edit kitty --no-grid trees --json"),
            run("edit kitty --grid trees --grid more --json"),
            run("edit kitty --grid nothing"),
            run("edit kitty --no-grid"),
            run("edit r002 --no-grid empty-grid"),
            run("edit kitty --pypi Other.Name --json"),
            run("edit kitty --no-pypi --json"),
            run("edit kitty --pypi x --no-pypi"),
            run("show kitty --full --json"),
            run("show kitty"),
            do("later", 30),
            run("fetch kitty --json"),
            run("edit kitty --reset title --reset docs --reset pypi --json"),
            run("edit kitty --reset slug --json"),
            run("edit cat --reset category --reset grids --json"),
            run("edit cat --reset colour"),
            run("edit cat --reset title --title x"),
            run("edit r000 --repo octo/r001"),
            run("edit r000 --repo octo/brand-new --json"),
            run("edit r000 --reset repo --json"),
            run("edit r001 --slug cat"),
            run("edit r001 --slug 'Not A Slug'"),
            run("edit r001"),
            run("edit nothing --title x"),
            run("edit r001 --title 'Quiet' -q"),
            run("fetch cat --json"),
            run("remove hollow --yes"),
            run("remove nothing --yes"),
            run("remove r000 nothing -y"),
            run("remove huge attic -y -q"),
            run("remove r002", "n\n"),
            run("remove r002", "y\n"),
            run("remove r002"),
            run("list --json --full"),
        ),
    ),
    Scenario(
        name="shelves",
        world="mixed",
        steps=(
            *_FILL_CATALOG,
            run("category add 'Web Apps'"),
            run("category add ''"),
            run("category add x --title '' "),
            run("category add plural --title-plural Plurals --description 'Many | of *them*'"),
            run("category list"),
            *(
                run(f"category list --format {how}")
                for how in ("json", "jsonl", "csv", "tsv", "md")
            ),
            run("category list --json --fields slug,title"),
            run("category list --fields colour"),
            run("category show web-apps"),
            *(
                run(f"category show web-apps --format {how}")
                for how in ("json", "jsonl", "csv", "tsv", "md")
            ),
            run("category show 2 --json --base-url https://x.example"),
            run("category show nothing"),
            run("category edit tools --title 'New Tools' --description Useful --show-pypi"),
            run("category edit tools --slug new-tools --title-plural 'Many Tools'"),
            run("category edit new-tools"),
            run("category edit new-tools --slug web-apps"),
            run("category edit nothing --title x"),
            run("category edit new-tools --reset title --reset slug --reset show_pypi"),
            run("category edit new-tools --reset colour"),
            run("category show new-tools --json"),
            run("category remove plural"),
            run("category remove nothing -y"),
            run("category remove web-apps", "n\n"),
            run("category remove web-apps --yes"),
            run("grid list"),
            *(run(f"grid list --format {how}") for how in ("json", "jsonl", "csv", "tsv", "md")),
            run("grid list --format csv --fields slug,packages -o grids.csv"),
            run("grid show trees"),
            *(
                run(f"grid show trees --format {how}")
                for how in ("json", "jsonl", "csv", "tsv", "md")
            ),
            run("grid show empty-grid"),
            run("grid show 1 --json --tz Europe/Berlin --base-url https://x.example/"),
            run("grid show tres"),
            run("grid add trees"),
            run("grid add 'Web Forms' --header --unlocked"),
            run("grid edit web-forms --add cat --add https://github.com/octo/r000 --add 2"),
            run("grid edit web-forms --remove r001 --title Forms --no-header --locked"),
            run("grid edit web-forms --add nothing"),
            run("grid edit web-forms --remove huge"),
            run("grid edit web-forms --slug forms --description 'All forms'"),
            run("grid edit forms --add attic"),
            run("grid edit forms --unlocked --add attic"),
            run("grid edit forms --reset title --reset is_locked --reset header"),
            run("grid edit forms"),
            run("grid show forms --json"),
            run("grid remove forms", "n\n"),
            run("grid remove empty-grid -y"),
            run("grid remove nothing -y"),
            run("list --json --full"),
        ),
    ),
    Scenario(
        name="history",
        world="three",
        steps=(
            run("add octo/r000 octo/r001"),
            run("history r000"),
            run("history r000 --json"),
            run("history r000 --weeks 4"),
            run("fetch --all --jobs 1"),
            do("repository", "octo/r001", {"stars": 40, "forks": 20}),
            do("later", 24 * 5),
            run("fetch --all --jobs 1"),
            do("push", "octo/r001"),
            do("release", "octo/r001", "1.0", "2.0", "3.0"),
            do("downloads", "r001", 9, 99, 999),
            do("repository", "octo/r001", {"stars": 44, "archived": True}),
            do("later", 24 * 7),
            run("fetch --all --jobs 1"),
            run("history r001"),
            *(run(f"history r001 --format {how}") for how in ("json", "jsonl", "csv", "tsv", "md")),
            run("history r001 --field stars"),
            run("history r001 --field stars,forks --field version --json"),
            run("history r001 --field colour"),
            run("history r001 --plot"),
            run("history r001 --field stars --plot"),
            run("history r001 --field stars --field downloads --plot"),
            run("history r001 --since 8d --json"),
            run("history r001 --since 2026-02-20 --format csv"),
            run("history r001 --since soon"),
            run("history r001 --weeks 8 --json"),
            run("history r001 --weeks 8 --format md"),
            run("history r001 --weeks 8 --field stars"),
            run("history r001 --tz Asia/Kolkata --json"),
            run("history r001 -o past.json --json"),
            run("history nothing"),
            run("history r000 --plot"),
            run("list --trending 30d --json"),
            run("list --trending 8d"),
        ),
    ),
    Scenario(
        name="import",
        steps=(
            do("truth", "given-records.jsonl", 0, 30),
            do("truth", "given-more.jsonl", 25, 40),
            run("import given-records.jsonl"),
            run("import given-records.jsonl"),
            run("import given-more.jsonl --json"),
            run("import missing.jsonl"),
            run("list --format csv"),
            run("list --json --full --limit 3"),
            run("show django-extra-settings --json"),
            run(
                "show django-extra-settings --json --tz America/New_York"
                " --base-url https://djangopackages.org"
            ),
            run("show django-extra-settings"),
            run("grid list --json"),
            run("category list --format csv"),
            run("search settings --json"),
            run("status --json"),
            run("import - --json", _lines(_record(9_007, "cat-of-mine"))),
            run("import -", json.dumps([_record(9_007, "cat-of-mine"), _record(9_008, "dog")])),
            run(
                "import - --json",
                _lines(api_records.category(), api_records.grid(), api_records.grid(9, "wide")),
            ),
            run("import - --json", _lines(api_records.category(77, "apps"))),
            run("import - --json", "this is no json\n" + _lines(_record(9_009, "fox"))),
            run("import -", _lines(_record(9_010, "owl", repo_forks="many"))),
            run("import - --json", _lines(_record(9_011, "elk", slug=None), {"x": 1})),
            run("import - --json", _lines(_record(9_007, "another-name"))),
            run(
                "import - --json",
                _lines(
                    _record(
                        9_007,
                        "cat-of-mine",
                        repo_watchers=99,
                        last_fetched="2026-06-01T00:00:00Z",
                        participants=["zoe"],
                    )
                ),
            ),
            run("import -", ""),
            run("import -", "[]"),
            run("import -", _page(_record(9_012, "yak"))),
            run("import -", _page(_record(9_013, "gnu"), following=f"{_SITE}/packages/?offset=1")),
            run("import - --json", _lines({"type": "catalogue", "version": 99})),
            run("edit cat-of-mine --title Mine --grid cms"),
            run("import - --json", _lines(_record(9_007, "cat-of-mine", title="Theirs"))),
            run("grid edit wide --title Narrow"),
            run(
                "import - --json",
                _lines(api_records.grid(9, "wide", title="Wide again", packages=[])),
            ),
            run("show cat-of-mine --full --json"),
            do(
                "page",
                "/api/v4/packages/",
                _page(_record(9_020, "ant"), following="http://<SITE>/api/v4/packages/?offset=1"),
            ),
            do("page", "/api/v4/packages/?offset=1", _page(_record(9_021, "bee"))),
            do("page", "/api/v4/packages/9022/", json.dumps(_record(9_022, "gnat"))),
            do("page", "/circle/", _page(_record(9_020, "ant"), following="http://<SITE>/circle/")),
            do("page", "/away/", _page(following="http://127.0.0.1:1/away/")),
            run("import http://<SITE>/api/v4/packages/"),
            run("import http://<SITE>/api/v4/packages/9022/ --json"),
            run("import http://<SITE>/circle/"),
            run("import http://<SITE>/away/"),
            run("import http://<SITE>/nothing/"),
            run("import ftp://example.org/x"),
            run("list --format csv --fields id,slug,title,grids,category"),
        ),
    ),
    Scenario(
        name="export",
        world="mixed",
        catalogs=("copy.db", "backup.db", "restored.db"),
        steps=(
            *_FILL_CATALOG,
            run("export"),
            run("export --format jsonl -o all.jsonl"),
            run("export --format v4 -o api"),
            run("export --format v4 -o api-abroad --tz Asia/Tokyo --base-url https://x.example"),
            run("export --format v4"),
            run("export --format csv"),
            run("export --format csv -o all.csv --category web-apps"),
            run("export --format csv --grid trees --tz America/New_York"),
            run("export --grid trees"),
            run("export --category tools -o tools.jsonl"),
            run("export --category nothing"),
            run("export --format sqlite -o copy.db"),
            run("export --format sqlite"),
            run("export --format sqlite -o copy.db --grid trees"),
            run("export -o copy.db"),
            run("export -o missing/all.jsonl"),
            run("import all.jsonl"),
            run("import all.jsonl --db restored.db"),
            run("import all.jsonl --json --db restored.db"),
            run("export --db restored.db"),
            run("list --json --full --db restored.db"),
            run("list --json --full --db copy.db"),
            run("db path"),
            run("db check"),
            run("db backup backup.db"),
            run("db backup backup.db"),
            run("db backup missing/backup.db"),
            run("db check --db backup.db"),
            run("db vacuum"),
            run("db vacuum -q"),
            run("db check -q"),
            run("list --json --full --db backup.db"),
            do("sql", "UPDATE packages SET commits_over_52 = '[1, 2]' WHERE slug = 'r001'"),
            run("db check"),
        ),
    ),
    Scenario(
        name="demo",
        catalogs=("pkgharvest-demo.db",),
        steps=(
            run("demo"),
            run("show django-ltree --db pkgharvest-demo.db --json"),
            run("list --db pkgharvest-demo.db --full --json"),
            do("write", "given.txt", "somebody's text"),
            run("demo --db given.txt"),
        ),
    ),
    Scenario(
        name="kept catalog of schema 4",
        catalogs=(),
        steps=(
            do("unpack", "catalog-schema-4.db.gz"),
            do("later", 48),
            run("list --full --json"),
            run("show cat r001 --full --json"),
            run("show cat --full"),
            run("list --format csv"),
            run("list --failing --json"),
            run("grid list --json"),
            run("category list --json"),
            run("grid show trees --json"),
            run("history r001 --json"),
            run("history r001 --weeks 60 --json"),
            run("search tree --json"),
            run("list --trending 30d --json"),
            run("status --json --runs 20"),
            run("export"),
            run("db check"),
            run("fetch --all --dry-run --json"),
            run("edit cat --docs https://new.example/ --json"),
            run("edit r001 --reset title --json"),
            run("grid edit trees --reset title"),
            run(
                "import - --json",
                _lines(api_records.grid(3, "cms", packages=[]), api_records.category()),
            ),
            run("category list --json"),
            run("list --full --json"),
        ),
    ),
    Scenario(
        name="kept catalog of schema 1",
        steps=(
            do("unpack", "catalog-schema-1.db.gz"),
            run("list --full --json"),
            run("show cat --full --json"),
            run("show cat"),
            run("search ann --json"),
            run("status --json"),
            run("history cat --json"),
            run("export"),
            run("edit cat --title Tom --json"),
            run("list --full --json"),
            run("search ann --json"),
            run("db check"),
        ),
    ),
    Scenario(
        name="kept dump of version 2",
        steps=(
            do("unpack", "dump-version-2.jsonl.gz", "given-dump.jsonl"),
            run("import given-dump.jsonl --json"),
            run("import given-dump.jsonl"),
            run("list --full --json"),
            run("show cat r001 --full --json"),
            run("grid list --json"),
            run("category list --json"),
            run("grid show trees --json"),
            run("history r001 --json"),
            run("status --json"),
            run("export"),
        ),
    ),
    Scenario(
        name="kept recording",
        steps=(
            do("unpack", "recording.har.gz", "given.har"),
            run(
                "add octo/r000 octo/r001 octo/cat octo/attic octo/old-name octo/hollow octo/fallen"
                " octo/barred octo/huge"
            ),
            run("fetch --all --replay given.har --json --jobs 1"),
            run("list --full --json"),
            run("show cat r001 --full --json"),
            run("show old-name --full --json"),
        ),
    ),
)

CATALOG_FIXTURE = Scenario(
    name="kept catalog",
    world="mixed",
    steps=(
        *_FILL_CATALOG,
        run("add octo/fallen octo/barred octo/nowhere"),
        run("fetch fallen barred nowhere"),
        run(
            "import - --json",
            _lines(
                _record(
                    900, "imported", repo_url="https://gitlab.com/octo/imported", extra_key=[1]
                ),
            ),
        ),
        run("edit imported --slug by-hand"),
        run("grid edit trees --title 'All Trees' --header"),
        run("edit r001 --title Edited --docs https://docs.example/ --no-pypi"),
        run("edit cat --pypi cat --slug cat --title 'The Cat'"),
        do("later", 24),
        do("rename", "octo/r000", "team/moved"),
        do("repository", "octo/r001", {"stars": 50, "description": "News"}),
        do("push", "octo/r001"),
        do("fault", "pypi", "/simple/cat/", 404),
        run("fetch r000 r001 r002 cat nowhere --json --jobs 1"),
        run("fetch by-hand --source pypi --json"),
        do("heal"),
        run("fetch --all --source pypi --json --jobs 1 --request-budget 1"),
        do("sql", "INSERT INTO runs (started, whole) VALUES ('2026-02-16T20:00:00.000000Z', 1)"),
    ),
)
"""The steps that created ``catalog-schema-4.db.gz``."""

RECORDING_FIXTURE = Scenario(
    name="kept recording",
    world="mixed",
    steps=(
        run(
            "add octo/r000 octo/r001 octo/cat octo/attic octo/old-name octo/hollow octo/fallen"
            " octo/barred octo/huge"
        ),
        run("fetch --all --record recording.har --json --jobs 1"),
    ),
)
"""The steps that created ``recording.har.gz``."""
