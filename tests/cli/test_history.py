"""``pkgharvest history`` and ``list --trending``: what earlier fetches stored."""

import csv
import datetime as dt
import io
from pathlib import Path

import pytest

from pkgharvest.catalog.columns import encode_instant
from pkgharvest.formats.fields import FULL_FIELDS
from pkgharvest.model.clock import FixedClock
from tests.support import histories
from tests.support.catalogs import empty_catalog
from tests.support.command_line import CommandLine
from tests.support.github_case import NOW, days_ago
from tests.support.world import World

KEYS = ["at", "stars", "forks", "commits", "version", "downloads", "open_issues", "status"]


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """Return a catalog with a package that was fetched four times and changed three times."""
    with World() as world:
        shell = CommandLine(tmp_path_factory.mktemp("past"), world.variables())
        shell.clock = FixedClock(days_ago(40))
        shell.ok("add", "octo/cat", "octo/dog")
        for ago, stars, version in ((40, 60, "1.0"), (20, 90, "1.0"), (10, 90, "1.0"), (0, 72, "")):
            world.repo.stars = stars
            if not version:
                world.update_source("pypi")
            shell.clock = FixedClock(days_ago(ago))
            shell.ok("fetch", "cat")
        shell.variables.clear()
        shell.variables |= CommandLine(tmp_path_factory.mktemp("home")).variables
        shell.variables["PKGHARVEST_DB"] = str(shell.db)
    return shell


@pytest.fixture
def shell(tmp_path: Path) -> CommandLine:
    shell = CommandLine(tmp_path)
    shell.create_catalog(empty_catalog())
    shell.ok("add", "octo/cat")
    return shell


def test_history_has_a_row_for_every_change(fetched: CommandLine) -> None:
    rows = fetched.ok("history", "cat", "--json").json()
    assert [list(row) for row in rows] == [KEYS] * len(rows)
    assert [row["stars"] for row in rows] == [60, 90, 72]
    assert [row["version"] for row in rows] == ["1.1", "1.1", "1.2"]
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    assert rows[-1]["downloads"] == 3
    assert rows[-1]["status"] == "active"


def test_the_last_row_of_history_is_the_current_record(fetched: CommandLine) -> None:
    record = fetched.show("cat", "--full")
    last = fetched.ok("history", "cat", "--json").json()[-1]
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
def test_history_drops_columns_on_a_narrow_terminal(
    fetched: CommandLine, monkeypatch: pytest.MonkeyPatch, columns: int, shown: list[str]
) -> None:
    monkeypatch.setitem(fetched.variables, "COLUMNS", str(columns))
    head, *lines = fetched.ok("history", "cat").out.splitlines()
    assert head.split() == shown
    assert len(lines) == 3
    assert max(map(len, lines)) <= columns


def test_history_of_selected_fields(fetched: CommandLine) -> None:
    rows = fetched.ok("history", "cat", "--field", "version", "--field", "stars", "--json").json()
    assert [list(row) for row in rows] == [["at", "stars", "version"]] * 3
    assert [row["stars"] for row in rows] == [60, 90, 72]  # no line where neither changed
    versions = fetched.ok("history", "cat", "--field", "version", "--json").json()
    assert [row["version"] for row in versions] == ["1.1", "1.2"]


def test_history_rejects_an_unknown_field(fetched: CommandLine) -> None:
    for words in (["colour"], ["stars,colour"], ["stars", "--field", "colour"]):
        result = fetched.run("history", "cat", "--field", *words)
        assert result.code == 2
        assert result.error == "no field is called 'colour'"
        assert result.hint == f"valid fields: {', '.join(KEYS[1:])}"
    assert fetched.run("history", "cat", "--field", ",").code == 2


def test_history_field_accepts_a_comma_separated_list(fetched: CommandLine) -> None:
    expected = fetched.ok(
        "history", "cat", "--field", "status", "--field", "commits", "--json"
    ).json()
    assert list(expected[0]) == ["at", "commits", "status"]
    for words in (["status,commits"], [" commits, status,status"], ["commits", "--field=status"]):
        assert fetched.ok("history", "cat", "--field", *words, "--json").json() == expected
    drawn = fetched.ok("history", "cat", "--plot", "--field", "downloads,stars").out.splitlines()
    assert [line for line in drawn if line.startswith("cat: ")] == ["cat: downloads", "cat: stars"]


@pytest.mark.parametrize("since", ["25d", "2026-01-22", "2026-01-22T00:00:00+05:00"])
def test_history_since(fetched: CommandLine, since: str) -> None:
    rows = fetched.ok("history", "cat", "--since", since, "--json").json()
    assert [row["stars"] for row in rows] == [90, 72]


def test_history_since_rejects_an_invalid_date(fetched: CommandLine) -> None:
    result = fetched.run("history", "cat", "--since", "lately")
    assert result.code == 2
    assert "lately" in result.error
    result = fetched.ok("history", "cat", "--since", "2030-01-01", "--json")
    assert result.json() == []
    assert result.err == "no change of cat is known since then\n"


def test_history_in_a_time_zone(fetched: CommandLine) -> None:
    rows = fetched.ok("history", "cat", "--json", "--tz", "Asia/Tokyo").json()
    assert all(row["at"].endswith("+09:00") for row in rows)


@pytest.mark.parametrize("name", ["cat", "1", "https://github.com/octo/cat"])
def test_history_accepts_every_name_of_a_package(fetched: CommandLine, name: str) -> None:
    assert len(fetched.ok("history", name, "--json").json()) == 3


def test_history_of_an_unknown_package(fetched: CommandLine) -> None:
    result = fetched.run("history", "cta")
    assert result.code == 1
    assert result.error == "no package 'cta' in the catalog"
    assert "cat" in result.hint


def test_history_of_a_package_without_snapshots(fetched: CommandLine) -> None:
    for arguments in ((), ("--plot",), ("--json",)):
        result = fetched.ok("history", "dog", *arguments)
        assert result.out == ("[]\n" if arguments == ("--json",) else "")
        assert result.err == "no history of dog yet: each fetch adds to it\n"


def test_history_without_snapshots_suggests_weeks(shell: CommandLine) -> None:
    nothing = "no history of cat yet: each fetch adds to it\n"
    today = NOW.date()
    for weeks, shown_weeks in ((0, 0), (30, 30), (260, 260), (1000, 260)):
        first = today - dt.timedelta(weeks=weeks, days=3)
        shell.write("UPDATE packages SET days_from = ?, days_until = ?", str(first), str(today))
        for arguments in ((), ("--plot",)):
            result = shell.ok("history", "cat", *arguments)
            hint = f"\nhint: pkgharvest history cat --weeks {shown_weeks} shows its commits\n"
            assert result.err == nothing + (hint if shown_weeks else "")
    assert len(shell.ok("history", "cat", "--weeks", "260", "--json").json()) == 260
    assert shell.ok("history", "cat", "-q").err == ""


def test_a_plot_without_snapshots(fetched: CommandLine) -> None:
    assert fetched.run("history", "dog", "--plot", "--field", "status").error.startswith("--plot: ")
    result = fetched.ok("history", "cat", "--plot", "--since", "2030-01-01")
    assert result.err == "no change of cat is known since then\n"


def test_a_plot_of_an_unknown_value(shell: CommandLine) -> None:
    shell.write(
        "INSERT INTO snapshots (package_id, at, stars) VALUES (1, ?, 1)", encode_instant(NOW)
    )
    result = shell.ok("history", "cat", "--plot", "--field", "forks,downloads")
    assert (result.out, result.err) == ("", "no forks or downloads of cat are known\n")
    assert shell.ok("history", "cat", "--plot").out.splitlines()[1].startswith("1 |")


def test_history_in_every_format(fetched: CommandLine) -> None:
    rows = list(csv.reader(io.StringIO(fetched.ok("history", "cat", "--format", "csv").out)))
    assert rows[0] == KEYS
    assert [row[1] for row in rows[1:]] == ["60", "90", "72"]
    assert len(fetched.ok("history", "cat", "--format", "jsonl").out.splitlines()) == 3
    assert fetched.ok("history", "cat", "--format", "tsv").out.startswith("\t".join(KEYS) + "\n")
    assert fetched.ok("history", "cat", "--format", "md").out.startswith(
        f"| {' | '.join(KEYS)} |\n"
    )
    table = fetched.ok("history", "cat").out.splitlines()
    assert table[0].split() == KEYS
    assert len(table) == 4


def test_history_into_a_file(fetched: CommandLine) -> None:
    assert fetched.ok("history", "cat", "--json", "-o", "past.json").out == ""
    assert (fetched.cwd / "past.json").read_text() == fetched.ok("history", "cat", "--json").out


def test_history_plot(fetched: CommandLine) -> None:
    drawn = fetched.ok("history", "cat", "--plot").out.splitlines()
    assert drawn[0] == "cat: stars"
    assert drawn[1].startswith("90 |")
    assert drawn[-2].startswith("60 |")
    assert drawn[-1].split() == [days_ago(40).date().isoformat(), NOW.date().isoformat()]
    two = fetched.ok("history", "cat", "--plot", "--field", "stars", "--field", "downloads").out
    assert [line for line in two.splitlines() if line.startswith("cat: ")] == [
        "cat: stars",
        "cat: downloads",
    ]


def test_history_plot_in_ascii(fetched: CommandLine) -> None:
    fetched.variables["PYTHONIOENCODING"] = "ascii"
    result = fetched.process("history", "cat", "--plot")
    del fetched.variables["PYTHONIOENCODING"]
    assert result.code == 0
    assert result.out.isascii()
    assert "***" in result.out


def test_history_plot_rejects_fields_that_are_not_numbers(fetched: CommandLine) -> None:
    result = fetched.run("history", "cat", "--plot", "--field", "version")
    assert result.code == 2
    assert result.error == "--plot: not a number: version"
    assert fetched.run("history", "cat", "--plot", "--json").code == 2


def test_history_weeks(fetched: CommandLine) -> None:
    weeks = fetched.ok("history", "cat", "--weeks", "52", "--json").json()
    record = fetched.show("cat")
    assert [row["commits"] for row in weeks] == record["commits_over_52"]
    assert weeks[-1]["week"] == days_ago(7).date().isoformat()
    further = fetched.ok("history", "cat", "--weeks", "260", "--json")
    assert 52 <= len(further.json()) < 60
    assert further.json()[-52:] == weeks
    assert "history backfill cat --weeks 260" in further.err
    unknown = fetched.ok("history", "dog", "--weeks", "4", "--json")
    assert unknown.json() == []
    assert unknown.err.startswith("the commits of dog are not known: ")
    assert fetched.run("history", "cat", "--weeks", "4", "--field", "commits").code == 2


def test_history_weeks_plot(fetched: CommandLine) -> None:
    drawn = fetched.ok("history", "cat", "--weeks", "52", "--plot").out.splitlines()
    assert drawn[0] == "cat: commits by week"
    assert drawn[-2].strip().startswith("0 |")
    assert fetched.ok("history", "cat", "--weeks", "2").out.splitlines()[0].split() == [
        "week",
        "commits",
    ]


def test_help_of_history(fetched: CommandLine) -> None:
    for arguments in (("-h",), ("cat", "--help"), ("--db", "x", "--help")):
        text = fetched.ok("history", *arguments).out
        assert text.startswith("Usage: pkgharvest history [OPTIONS] SLUG\n")
        for word in ("--field", "--since", "--weeks", "--plot", "--tz", "--db", "history backfill"):
            assert word in text
    text = fetched.ok("history", "--db", "x", "backfill", "--help").out
    assert text.startswith("Usage: pkgharvest history backfill ")
    result = fetched.run("history")
    assert result.code == 2
    assert result.hint == "pkgharvest history --help shows the usage"


def test_as_of_stores_no_snapshot(tmp_path: Path) -> None:
    shell = CommandLine(tmp_path)
    (shell.cwd / "x").mkdir()
    histories.build(histories.load("django-ltree"), shell.cwd / "x" / "ltree.git")
    shell.ok("add", "./x/ltree.git", "--no-pypi")
    shell.ok("fetch", "ltree", "--as-of", "2024-01-01")
    assert shell.ok("history", "ltree", "--json").json() == []
    shell.ok("fetch", "ltree")
    [row] = shell.ok("history", "ltree", "--json").json()
    assert (row["stars"], row["forks"], row["downloads"], row["version"]) == (None,) * 4
    assert row["commits"] == sum(shell.show("ltree")["commits_over_52"])


def test_removing_a_package_removes_its_snapshots(shell: CommandLine) -> None:
    shell.write("INSERT INTO snapshots (package_id, at, stars) VALUES (1, '2026', 1)")
    shell.ok("remove", "cat", "--yes")
    assert shell.rows("SELECT count(*) FROM snapshots") == [(0,)]


# ── list --trending ──


def test_list_trending(fetched: CommandLine) -> None:
    assert fetched.ok("list", "--trending", "30d", "--json").json() == [
        {
            "slug": "cat",
            "stars": 72,
            "gained": 12,
            "percent": 20.0,
            "since": days_ago(30).isoformat().replace("+00:00", "Z"),
        }
    ]
    [lately] = fetched.ok("list", "--trending", "15d", "--json").json()
    assert (lately["gained"], lately["percent"]) == (-18, -20.0)
    [ever] = fetched.ok("list", "--trending", "5w", "--json", "--tz", "Asia/Tokyo").json()
    assert (ever["gained"], ever["since"][-6:]) == (12, "+09:00")
    [first] = fetched.ok("list", "--trending", "520w", "--json").json()
    assert (first["gained"], first["since"]) == (
        12,
        fetched.ok("history", "cat", "--json").json()[0]["at"],
    )


def test_trending_with_fields_and_filters(fetched: CommandLine) -> None:
    [row] = fetched.ok("list", "--trending", "30d", "--fields", "title,id", "--json").json()
    assert row == {"title": "cat", "id": 1}
    for arguments in (("--sort", "percent"), ("--sort", "name"), ("--status", "active")):
        assert (
            fetched.ok("list", "--trending", "30d", *arguments, "--json").json()[0]["gained"] == 12
        )


def test_trending_prints_the_selected_fields(fetched: CommandLine) -> None:
    def printed(fields: str, *arguments: str) -> str:
        return fetched.ok("list", "--trending", "30d", "--fields", fields, *arguments).out

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
    [full] = fetched.ok("list", "--trending", "30d", "--full", "--json").json()
    gains = ("gained", "percent", "since")
    assert list(full) == [*(field.name for field in FULL_FIELDS), *gains]
    assert {name: full[name] for name in fetched.show("cat", "--full")} == fetched.show(
        "cat", "--full"
    )
    names = [field.name for field in FULL_FIELDS]
    for option, valid in ((("--trending", "30d"), [*names, *gains]), ((), names)):
        for wrong in ("slug,stars", *(() if option else gains)):
            result = fetched.run("list", *option, "--fields", wrong)
            assert result.code == 2
            assert result.error == f"no field is called {wrong.removeprefix('slug,')!r}"
            assert result.hint == f"valid fields: {', '.join(valid)}"


def test_trending_explains_an_empty_list(fetched: CommandLine) -> None:
    def messages(*arguments: str) -> str:
        result = fetched.ok("list", "--trending", *arguments)
        assert result.out == ""
        assert fetched.ok("list", "--trending", *arguments, "--json").json() == []
        return result.err

    for filters in (("--status", "gone"), ("--failing",)):
        for options in ((), ("--sort", "name"), ("--sort", "percent", "--limit", "3")):
            assert messages("30d", *filters, *options) == "nothing to list: no package matches\n"
    assert messages("30d", "--limit", "0") == messages("30d", "--limit", "0", "--failing") == ""
    since = f"since {NOW:%Y-%m-%d %H:%M} UTC\n"
    assert messages("0s") == f"no package is known to have gained or lost stars {since}"
    assert messages("0s", "--status", "active") == (
        f"no matching package is known to have gained or lost stars {since}"
    )


def test_trending_as_a_table(fetched: CommandLine) -> None:
    lines = fetched.ok("list", "--trending", "30d").out.splitlines()
    assert lines[0].split() == ["slug", "stars", "gained", "percent", "since"]
    assert lines[1].split()[:5] == ["cat", "72", "+12", "+20.0", "%"]
    text = fetched.ok("list", "--trending", "30d", "--format", "csv").out
    assert text.splitlines()[0] == "slug,stars,gained,percent,since"


def test_trending_sorts(fetched: CommandLine) -> None:
    assert fetched.run("list", "--sort", "gained").error == "--sort gained goes with --trending"
    assert fetched.run("list", "--sort", "gained").code == 2
    assert fetched.run("list", "--trending", "soon").code == 2
