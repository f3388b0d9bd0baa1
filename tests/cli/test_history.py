"""``pkgharvest history`` and ``list --trending``: what runs of fetch have left."""

import csv
import datetime as dt
import io
from pathlib import Path

import pytest

from pkgharvest.catalog.encoding import encode_instant
from pkgharvest.formats.fields import FULL_FIELDS
from pkgharvest.model.clock import FixedClock
from tests.support import histories
from tests.support.command_line import CommandLine
from tests.support.github_case import NOW, days_ago
from tests.support.world import World

KEYS = ["at", "stars", "forks", "commits", "version", "downloads", "open_issues", "status"]


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """A catalogue with a package that was fetched four times, and had changed for three of them."""
    with World() as world:
        shell = CommandLine(tmp_path_factory.mktemp("past"), world.variables())
        shell.clock = FixedClock(days_ago(40))
        shell.ok("add", "octo/cat", "octo/dog")
        for ago, stars, version in ((40, 60, "1.0"), (20, 90, "1.0"), (10, 90, "1.0"), (0, 72, "")):
            world.repo.stars = stars
            if not version:
                world.tell("pypi")
            shell.clock = FixedClock(days_ago(ago))
            shell.ok("fetch", "cat")
        shell.variables.clear()
        shell.variables |= CommandLine(tmp_path_factory.mktemp("home")).variables
        shell.variables["PKGHARVEST_DB"] = str(shell.db)
    return shell


@pytest.fixture
def shell(tmp_path: Path) -> CommandLine:
    shell = CommandLine(tmp_path)
    shell.ok("add", "octo/cat")
    return shell


def test_a_line_for_every_change(past: CommandLine) -> None:
    found = past.ok("history", "cat", "--json").json()
    assert [list(one) for one in found] == [KEYS] * len(found)
    assert [one["stars"] for one in found] == [60, 90, 72]
    assert [one["version"] for one in found] == ["1.1", "1.1", "1.2"]
    assert [one["at"] for one in found] == sorted(one["at"] for one in found)
    assert found[-1]["downloads"] == 3
    assert found[-1]["status"] == "active"


def test_the_last_line_is_the_present(past: CommandLine) -> None:
    record = past.show("cat", "--full")
    last = past.ok("history", "cat", "--json").json()[-1]
    assert last["stars"] == record["repo_watchers"]
    assert last["forks"] == record["repo_forks"]
    assert last["commits"] == sum(record["commits_over_52"])
    assert last["version"] == record["pypi_version"]
    assert last["downloads"] == record["downloads"]["last_month"]
    assert (last["open_issues"], last["status"]) == (record["open_issues"], record["status"])


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (100, KEYS),
        (60, ["at", "stars", "commits", "version", "downloads", "status"]),
        (40, ["at", "stars", "commits"]),
    ],
)
def test_on_a_narrow_screen_the_least_telling_goes_first(
    past: CommandLine, monkeypatch: pytest.MonkeyPatch, columns: int, shown: list[str]
) -> None:
    monkeypatch.setitem(past.variables, "COLUMNS", str(columns))
    head, *lines = past.ok("history", "cat").out.splitlines()
    assert head.split() == shown
    assert len(lines) == 3
    assert max(map(len, lines)) <= columns


def test_fields(past: CommandLine) -> None:
    found = past.ok("history", "cat", "--field", "version", "--field", "stars", "--json").json()
    assert [list(one) for one in found] == [["at", "stars", "version"]] * 3
    assert [one["stars"] for one in found] == [60, 90, 72]  # no line where neither changed
    versions = past.ok("history", "cat", "--field", "version", "--json").json()
    assert [one["version"] for one in versions] == ["1.1", "1.2"]


def test_an_unknown_field(past: CommandLine) -> None:
    for words in (["colour"], ["stars,colour"], ["stars", "--field", "colour"]):
        result = past.run("history", "cat", "--field", *words)
        assert result.code == 2
        assert result.error == "no field is called 'colour'"
        assert result.hint == f"valid fields: {', '.join(KEYS[1:])}"
    assert past.run("history", "cat", "--field", ",").code == 2


def test_several_fields_at_once(past: CommandLine) -> None:
    apart = past.ok("history", "cat", "--field", "status", "--field", "commits", "--json").json()
    assert list(apart[0]) == ["at", "commits", "status"]
    for words in (["status,commits"], [" commits, status,status"], ["commits", "--field=status"]):
        assert past.ok("history", "cat", "--field", *words, "--json").json() == apart
    drawn = past.ok("history", "cat", "--plot", "--field", "downloads,stars").out.splitlines()
    assert [line for line in drawn if line.startswith("cat: ")] == ["cat: downloads", "cat: stars"]


@pytest.mark.parametrize("since", ["25d", "2026-01-22", "2026-01-22T00:00:00+05:00"])
def test_since(past: CommandLine, since: str) -> None:
    found = past.ok("history", "cat", "--since", since, "--json").json()
    assert [one["stars"] for one in found] == [90, 72]


def test_since_when(past: CommandLine) -> None:
    result = past.run("history", "cat", "--since", "lately")
    assert result.code == 2
    assert "lately" in result.error
    late = past.ok("history", "cat", "--since", "2030-01-01", "--json")
    assert late.json() == []
    assert late.err == "nothing of cat has changed since then, as far as is known\n"


def test_zone(past: CommandLine) -> None:
    found = past.ok("history", "cat", "--json", "--tz", "Asia/Tokyo").json()
    assert all(one["at"].endswith("+09:00") for one in found)


@pytest.mark.parametrize("name", ["cat", "1", "https://github.com/octo/cat"])
def test_any_name(past: CommandLine, name: str) -> None:
    assert len(past.ok("history", name, "--json").json()) == 3


def test_an_unknown_package(past: CommandLine) -> None:
    result = past.run("history", "cta")
    assert result.code == 1
    assert result.error == "no package 'cta' in the catalog"
    assert "cat" in result.hint


def test_nothing_known(past: CommandLine) -> None:
    for arguments in ((), ("--plot",), ("--json",)):
        result = past.ok("history", "dog", *arguments)
        assert result.out == ("[]\n" if arguments == ("--json",) else "")
        assert result.err == "nothing is known of what dog was: each fetch adds to it\n"


def test_what_else_is_known_is_pointed_to(shell: CommandLine) -> None:
    nothing = "nothing is known of what cat was: each fetch adds to it\n"
    today = NOW.date()
    for weeks, told in ((0, 0), (30, 30), (260, 260), (1000, 260)):
        first = today - dt.timedelta(weeks=weeks, days=3)
        shell.write("UPDATE packages SET days_from = ?, days_until = ?", str(first), str(today))
        for arguments in ((), ("--plot",)):
            result = shell.ok("history", "cat", *arguments)
            hint = f"\nhint: pkgharvest history cat --weeks {told} shows its commits\n"
            assert result.err == nothing + (hint if told else "")
    assert len(shell.ok("history", "cat", "--weeks", "260", "--json").json()) == 260
    assert shell.ok("history", "cat", "-q").err == ""


def test_a_plot_of_what_is_not_known(past: CommandLine) -> None:
    assert past.run("history", "dog", "--plot", "--field", "status").error.startswith("--plot: ")
    late = past.ok("history", "cat", "--plot", "--since", "2030-01-01")
    assert late.err == "nothing of cat has changed since then, as far as is known\n"


def test_a_plot_of_a_figure_that_nobody_told(shell: CommandLine) -> None:
    shell.write(
        "INSERT INTO snapshots (package_id, at, stars) VALUES (1, ?, 1)", encode_instant(NOW)
    )
    result = shell.ok("history", "cat", "--plot", "--field", "forks,downloads")
    assert (result.out, result.err) == ("", "no forks or downloads of cat are known\n")
    assert shell.ok("history", "cat", "--plot").out.splitlines()[1].startswith("1 |")


def test_formats(past: CommandLine) -> None:
    rows = list(csv.reader(io.StringIO(past.ok("history", "cat", "--format", "csv").out)))
    assert rows[0] == KEYS
    assert [row[1] for row in rows[1:]] == ["60", "90", "72"]
    assert len(past.ok("history", "cat", "--format", "jsonl").out.splitlines()) == 3
    assert past.ok("history", "cat", "--format", "tsv").out.startswith("\t".join(KEYS) + "\n")
    assert past.ok("history", "cat", "--format", "md").out.startswith(f"| {' | '.join(KEYS)} |\n")
    table = past.ok("history", "cat").out.splitlines()
    assert table[0].split() == KEYS
    assert len(table) == 4


def test_into_a_file(past: CommandLine) -> None:
    assert past.ok("history", "cat", "--json", "-o", "past.json").out == ""
    assert (past.here / "past.json").read_text() == past.ok("history", "cat", "--json").out


def test_a_plot(past: CommandLine) -> None:
    drawn = past.ok("history", "cat", "--plot").out.splitlines()
    assert drawn[0] == "cat: stars"
    assert drawn[1].startswith("90 |")
    assert drawn[-2].startswith("60 |")
    assert drawn[-1].split() == [days_ago(40).date().isoformat(), NOW.date().isoformat()]
    two = past.ok("history", "cat", "--plot", "--field", "stars", "--field", "downloads").out
    assert [line for line in two.splitlines() if line.startswith("cat: ")] == [
        "cat: stars",
        "cat: downloads",
    ]


def test_a_plot_without_blocks(past: CommandLine) -> None:
    past.variables["PYTHONIOENCODING"] = "ascii"
    result = past.process("history", "cat", "--plot")
    del past.variables["PYTHONIOENCODING"]
    assert result.code == 0
    assert result.out.isascii()
    assert "***" in result.out


def test_what_cannot_be_drawn(past: CommandLine) -> None:
    result = past.run("history", "cat", "--plot", "--field", "version")
    assert result.code == 2
    assert result.error == "--plot: version cannot be drawn"
    assert past.run("history", "cat", "--plot", "--json").code == 2


def test_weeks(past: CommandLine) -> None:
    weeks = past.ok("history", "cat", "--weeks", "52", "--json").json()
    record = past.show("cat")
    assert [one["commits"] for one in weeks] == record["commits_over_52"]
    assert weeks[-1]["week"] == days_ago(7).date().isoformat()
    further = past.ok("history", "cat", "--weeks", "260", "--json")
    assert 52 <= len(further.json()) < 60
    assert further.json()[-52:] == weeks
    assert "history backfill cat --weeks 260" in further.err
    unknown = past.ok("history", "dog", "--weeks", "4", "--json")
    assert unknown.json() == []
    assert unknown.err.startswith("the commits of dog are not known: ")
    assert past.run("history", "cat", "--weeks", "4", "--field", "commits").code == 2


def test_weeks_drawn(past: CommandLine) -> None:
    drawn = past.ok("history", "cat", "--weeks", "52", "--plot").out.splitlines()
    assert drawn[0] == "cat: commits by week"
    assert drawn[-2].strip().startswith("0 |")
    assert past.ok("history", "cat", "--weeks", "2").out.splitlines()[0].split() == [
        "week",
        "commits",
    ]


def test_help(past: CommandLine) -> None:
    for arguments in (("-h",), ("cat", "--help"), ("--db", "x", "--help")):
        text = past.ok("history", *arguments).out
        assert text.startswith("Usage: pkgharvest history [OPTIONS] SLUG\n")
        for word in ("--field", "--since", "--weeks", "--plot", "--tz", "--db", "history backfill"):
            assert word in text
    text = past.ok("history", "--db", "x", "backfill", "--help").out
    assert text.startswith("Usage: pkgharvest history backfill ")
    result = past.run("history")
    assert result.code == 2
    assert result.hint == "pkgharvest history --help shows what it takes"


def test_as_of_leaves_no_line(tmp_path: Path) -> None:
    shell = CommandLine(tmp_path)
    (shell.here / "x").mkdir()
    histories.build(histories.load("django-ltree"), shell.here / "x" / "ltree.git")
    shell.ok("add", "./x/ltree.git", "--no-pypi")
    shell.ok("fetch", "ltree", "--as-of", "2024-01-01")
    assert shell.ok("history", "ltree", "--json").json() == []
    shell.ok("fetch", "ltree")
    [one] = shell.ok("history", "ltree", "--json").json()
    assert (one["stars"], one["forks"], one["downloads"], one["version"]) == (None,) * 4
    assert one["commits"] == sum(shell.show("ltree")["commits_over_52"])


def test_a_removed_package_takes_its_past_along(shell: CommandLine) -> None:
    shell.write("INSERT INTO snapshots (package_id, at, stars) VALUES (1, '2026', 1)")
    shell.ok("remove", "cat", "--yes")
    assert shell.rows("SELECT count(*) FROM snapshots") == [(0,)]


# ── list --trending ──


def test_trending(past: CommandLine) -> None:
    assert past.ok("list", "--trending", "30d", "--json").json() == [
        {
            "slug": "cat",
            "stars": 72,
            "gained": 12,
            "percent": 20.0,
            "since": days_ago(30).isoformat().replace("+00:00", "Z"),
        }
    ]
    [lately] = past.ok("list", "--trending", "15d", "--json").json()
    assert (lately["gained"], lately["percent"]) == (-18, -20.0)
    [ever] = past.ok("list", "--trending", "5w", "--json", "--tz", "Asia/Tokyo").json()
    assert (ever["gained"], ever["since"][-6:]) == (12, "+09:00")
    [first] = past.ok("list", "--trending", "520w", "--json").json()
    assert (first["gained"], first["since"]) == (
        12,
        past.ok("history", "cat", "--json").json()[0]["at"],
    )


def test_trending_with_fields_and_filters(past: CommandLine) -> None:
    [one] = past.ok("list", "--trending", "30d", "--fields", "title,id", "--json").json()
    assert one == {"title": "cat", "id": 1}
    for arguments in (("--sort", "percent"), ("--sort", "name"), ("--status", "active")):
        assert past.ok("list", "--trending", "30d", *arguments, "--json").json()[0]["gained"] == 12


def test_trending_prints_what_was_named(past: CommandLine) -> None:
    def printed(fields: str, *arguments: str) -> str:
        return past.ok("list", "--trending", "30d", "--fields", fields, *arguments).out

    assert printed("slug", "--format", "csv") == "slug\ncat\n"
    assert printed("slug,gained,percent,repo_watchers", "--format", "md").splitlines() == [
        "| slug | gained | percent | repo_watchers |",
        "| --- | --- | --- | --- |",
        "| cat | 12 | 20.0 | 72 |",
    ]
    assert printed("gained, percent,gained", "--format", "csv") == "gained,percent\n12,20.0\n"
    assert printed("since", "--json", "--tz", "Asia/Tokyo").count("+09:00") == 1
    assert [line.split() for line in printed("percent,grids,slug,gained").splitlines()] == [
        ["percent", "grids", "slug", "gained"],
        ["+20.0", "%", "[]", "cat", "+12"],
    ]
    [full] = past.ok("list", "--trending", "30d", "--full", "--json").json()
    gains = ("gained", "percent", "since")
    assert list(full) == [*(field.name for field in FULL_FIELDS), *gains]
    assert {name: full[name] for name in past.show("cat", "--full")} == past.show("cat", "--full")
    names = [field.name for field in FULL_FIELDS]
    for option, valid in ((("--trending", "30d"), [*names, *gains]), ((), names)):
        for wrong in ("slug,stars", *(() if option else gains)):
            result = past.run("list", *option, "--fields", wrong)
            assert result.code == 2
            assert result.error == f"no field is called {wrong.removeprefix('slug,')!r}"
            assert result.hint == f"valid fields: {', '.join(valid)}"


def test_trending_says_what_is_true(past: CommandLine) -> None:
    def said(*arguments: str) -> str:
        result = past.ok("list", "--trending", *arguments)
        assert result.out == ""
        assert past.ok("list", "--trending", *arguments, "--json").json() == []
        return result.err

    for without in (("--status", "gone"), ("--failing",)):
        for more in ((), ("--sort", "name"), ("--sort", "percent", "--limit", "3")):
            assert said("30d", *without, *more) == "nothing to list: no package matches\n"
    assert said("30d", "--limit", "0") == said("30d", "--limit", "0", "--failing") == ""
    since = f"since {NOW:%Y-%m-%d %H:%M} UTC\n"
    assert said("0s") == f"no stars are known to have come or gone {since}"
    assert said("0s", "--status", "active") == (
        f"no stars of the packages that match are known to have come or gone {since}"
    )


def test_trending_as_a_table(past: CommandLine) -> None:
    lines = past.ok("list", "--trending", "30d").out.splitlines()
    assert lines[0].split() == ["slug", "stars", "gained", "percent", "since"]
    assert lines[1].split()[:5] == ["cat", "72", "+12", "+20.0", "%"]
    text = past.ok("list", "--trending", "30d", "--format", "csv").out
    assert text.splitlines()[0] == "slug,stars,gained,percent,since"


def test_trending_sorts(past: CommandLine) -> None:
    assert past.run("list", "--sort", "gained").error == "--sort gained goes with --trending"
    assert past.run("list", "--sort", "gained").code == 2
    assert past.run("list", "--trending", "soon").code == 2
