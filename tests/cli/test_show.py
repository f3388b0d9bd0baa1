"""``pkgharvest show`` and ``list``: every way in which packages are printed."""

import csv
import datetime as dt
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pkgharvest.model.clock import FixedClock
from tests.standins.github import FakeRepository
from tests.standins.server import Fault
from tests.support.command_line import CommandLine
from tests.support.github_case import DAY, repository
from tests.support.histories import TRUTH
from tests.support.hosts import Hosts, some

RECORD = list(json.loads((TRUTH / "seed-record.json").read_text(encoding="utf-8")))

FULL = """repo_host repo_id default_branch commit_count archived archived_at status previous_urls
topics license homepage open_issues pypi_name pypi_status pypi_requires_python pypi_license
pypi_classifiers pypi_summary supports_python versions downloads score fetches""".split()  # noqa: SIM905


def repositories() -> list[FakeRepository]:
    return [
        *some(2),
        repository(
            owner="octo",
            name="Zed",
            stars=50,
            description="Says “hi”, | and <tags> [bold]too[/]",
            topics=["a", "b"],
            license="MIT",
        ),
    ]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """A catalogue of four packages, one of them never fetched."""
    shell = CommandLine(tmp_path_factory.mktemp("made"))
    with Hosts(*repositories()) as hosts:
        shell.variables |= hosts.variables
        shell.ok("add", "octo/r000", "octo/r001", "octo/Zed", "octo/never")
        shell.clock = FixedClock(shell.clock.now() + dt.timedelta(microseconds=136634))
        shell.ok("fetch", "r000", "zed")
        shell.clock = FixedClock(shell.clock.now() + DAY)
        hosts.pypi.fault("r001", Fault(status=404))
        shell.ok("fetch", "r001", "--source", "repo")
        hosts.pypi.heal()
        hosts.pypi.fault("r001", Fault(status=500))
        assert shell.run("fetch", "r001", "--source", "pypi").code == 3
    shell.write("UPDATE packages SET status = 'archived' WHERE slug = 'r000'")
    for slug, day, week, month in (("r000", 9, 20, 30), ("zed", 5, 50, 12345)):
        shell.write(
            f"UPDATE packages SET downloads_last_day = {day}, downloads_last_week = {week},"
            f" downloads_last_month = {month} WHERE slug = '{slug}'"
        )
    return shell


@pytest.fixture
def shell(made: CommandLine) -> Iterator[CommandLine]:
    variables, clock = dict(made.variables), made.clock
    yield made
    made.variables, made.clock = variables, clock


def listed(shell: CommandLine, *options: str) -> list[str]:
    found = shell.ok("list", "--json", "--fields", "slug", *options).json()
    return [one["slug"] for one in found]


# ── JSON ──


def test_the_eighteen_keys(shell: CommandLine) -> None:
    assert list(shell.show("zed")) == RECORD


def test_all_keys(shell: CommandLine) -> None:
    record = shell.show("zed", "--full")
    assert list(record) == [*RECORD, *FULL]
    assert list(record["versions"][0]) == [
        "number",
        "upload_time",
        "yanked",
        "yanked_reason",
        "is_prerelease",
        "requires_python",
    ]
    assert [one["number"] for one in record["versions"]] == ["1.1", "1.0"]
    assert set(record["fetches"]) == {"repo", "pypi"}
    assert list(record["fetches"]["repo"]) == [
        "last_success",
        "last_attempt",
        "last_error",
        "consecutive_failures",
        "next_due",
    ]


def test_one_is_an_object_and_several_are_a_list(shell: CommandLine) -> None:
    assert isinstance(shell.ok("show", "zed", "--json").json(), dict)
    several = shell.ok("show", "zed", "r000", "--json").json()
    assert [one["slug"] for one in several] == ["zed", "r000"]
    assert isinstance(shell.ok("list", "--json", "--limit", "1").json(), list)
    assert shell.ok("list", "--json", "--limit", "0").json() == []


def test_the_same_twice_is_a_list_of_it(shell: CommandLine) -> None:
    found = shell.ok("show", "zed", "ZED", "--json").json()
    assert [one["slug"] for one in found] == ["zed"]


def test_format_json_is_json(shell: CommandLine) -> None:
    assert shell.ok("show", "zed", "--format", "json").out == shell.ok("show", "zed", "--json").out


def test_json_lines(shell: CommandLine) -> None:
    lines = shell.ok("list", "--format", "jsonl").out.splitlines()
    assert [json.loads(line) for line in lines] == shell.ok("list", "--json").json()


def test_downloads_are_figures_or_null(shell: CommandLine) -> None:
    found = shell.ok("list", "--json", "--fields", "slug,downloads").json()
    unknown = {"last_day": None, "last_week": None, "last_month": None}
    assert {one["slug"]: one["downloads"] for one in found} == {
        "never": unknown,
        "r000": {"last_day": 9, "last_week": 20, "last_month": 30},
        "r001": unknown,
        "zed": {"last_day": 5, "last_week": 50, "last_month": 12345},
    }
    assert re.search(r"downloads +12,345 last month", shell.ok("show", "zed").out)
    assert "download" not in shell.ok("show", "r001").out


# ── lines of cells ──


def test_csv(shell: CommandLine) -> None:
    text = shell.ok("list", "--format", "csv", "--full").out
    rows = list(csv.DictReader(io.StringIO(text)))
    records = shell.ok("list", "--json", "--full").json()
    assert list(rows[0]) == [*RECORD, *FULL]
    for row, record in zip(rows, records, strict=True):
        for name, value in record.items():
            if value is None:
                assert row[name] == ""
            elif isinstance(value, str):
                assert row[name] == value
            else:
                assert json.loads(row[name]) == value


def test_tsv(shell: CommandLine) -> None:
    lines = shell.ok("list", "--format", "tsv").out.splitlines()
    assert lines[0].split("\t") == RECORD
    assert {len(line.split("\t")) for line in lines} == {len(RECORD)}
    fields = dict(zip(RECORD, lines[-1].split("\t"), strict=True))
    assert json.loads(fields["participants"]) == ["mona", "hubot"]
    assert fields["category"] == ""


def test_markdown(shell: CommandLine) -> None:
    lines = shell.ok("show", "zed", "--format", "md", "--fields", "slug,repo_description").out
    header, rule, row = lines.splitlines()
    assert header == "| slug | repo_description |"
    assert set(rule) <= set("|- :")
    assert row.count("|") - row.count("\\|") == 3
    assert "<tags>" not in row


# ── for people ──


def test_the_table_of_one(shell: CommandLine) -> None:
    text = shell.ok("show", "zed").out
    assert "Zed" in text
    assert "★ 50, 19 forks" in text
    assert "1.1" in text
    assert "█" in text  # the sparkline
    assert "fetched 24 h ago" in text
    assert "[bold]too[/]" in text


def test_the_table_of_many(shell: CommandLine) -> None:
    lines = shell.ok("list").out.splitlines()
    assert lines[0].split()[0] == "package"
    assert [line.split()[0] for line in lines[1:]] == ["never", "r000", "r001", "zed"]
    assert "never" in lines[1].split()[1:]
    assert "failing" in lines[3]


def test_the_table_of_chosen_fields(shell: CommandLine) -> None:
    lines = shell.ok("list", "--fields", "slug,repo_watchers").out.splitlines()
    assert [line.split() for line in lines][:2] == [["slug", "repo_watchers"], ["never", "0"]]


def test_an_empty_list(shell: CommandLine) -> None:
    assert shell.ok("list", "--limit", "0").out == (
        "nothing to list: no package matches, or none was added yet\n"
    )
    assert shell.ok("list", "--limit", "0", "--format", "jsonl").out == ""
    assert shell.ok("list", "--limit", "0", "--format", "csv", "--fields", "id").out == "id\n"


# ── fields ──


def test_fields_in_their_order(shell: CommandLine) -> None:
    record = shell.show("zed", "--fields", "slug, repo_watchers,slug,versions,license")
    assert list(record) == ["slug", "repo_watchers", "versions", "license"]
    assert record["license"] == "MIT"
    assert len(record["versions"]) == 2


@pytest.mark.parametrize("command", [("show", "zed"), ("list",)])
@pytest.mark.parametrize("fields", ["slug,stars", "", ",", "Slug"])
def test_an_unknown_field(shell: CommandLine, command: tuple[str, ...], fields: str) -> None:
    result = shell.run(*command, "--json", "--fields", fields)
    assert result.code == 2
    assert result.out == ""
    assert result.hint == f"valid fields: {', '.join([*RECORD, *FULL])}"


# ── zones and links ──


def test_utc_keeps_microseconds(shell: CommandLine) -> None:
    record = shell.show("zed")
    assert record["last_fetched"] == "2026-02-15T18:08:42.136634Z"
    assert record["last_updated"] == "2026-02-13T18:08:42Z"


@pytest.mark.parametrize(
    ("zone", "fetched"),
    [
        ("America/New_York", "2026-02-15T13:08:42.136634-05:00"),
        ("Asia/Kolkata", "2026-02-15T23:38:42.136634+05:30"),
        ("utc", "2026-02-15T18:08:42.136634Z"),
    ],
)
def test_zones(shell: CommandLine, zone: str, fetched: str) -> None:
    assert shell.show("zed", "--tz", zone)["last_fetched"] == fetched
    shell.variables["PKGHARVEST_TZ"] = zone
    assert shell.show("zed")["last_fetched"] == fetched


def test_the_machines_zone(shell: CommandLine) -> None:
    shell.variables["TZ"] = "America/New_York"
    result = shell.process("show", "zed", "--json", "--tz", "local")
    assert result.json()["last_fetched"] == "2026-02-15T13:08:42.136634-05:00"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "/etc/localtime", "a\x00b"])
def test_an_unknown_zone(shell: CommandLine, zone: str) -> None:
    result = shell.run("show", "zed", "--json", "--tz", zone)
    assert result.code == 2
    assert "America/New_York" in result.hint


def test_base_url(shell: CommandLine) -> None:
    when = "'2026-02-15T00:00:00.000000Z', '2026-02-15T00:00:00.000000Z'"
    shell.write(
        "INSERT OR IGNORE INTO categories (id, title, slug, created, modified)"
        f" VALUES (7, 'x', 'x', {when})"
    )
    shell.write("UPDATE packages SET category_id = 7 WHERE slug = 'zed'")
    assert shell.show("zed")["category"] == "/api/v4/categories/7/"
    base = "https://packages.example.org"
    assert shell.show("zed", "--base-url", base)["category"] == f"{base}/api/v4/categories/7/"
    shell.variables["PKGHARVEST_BASE_URL"] = base
    assert shell.show("zed")["category"] == f"{base}/api/v4/categories/7/"
    assert shell.show("zed", "--base-url", "")["category"] == "/api/v4/categories/7/"
    assert listed(shell, "--category", "x") == ["zed"]
    assert re.search("catalog +id 3, category x ", shell.ok("show", "zed").out)
    shell.write("UPDATE packages SET category_id = NULL WHERE slug = 'zed'")


# ── files ──


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv", "tsv", "md"])
@pytest.mark.parametrize("command", [("list",), ("show", "zed")])
def test_into_a_file(shell: CommandLine, command: tuple[str, ...], form: str) -> None:
    printed = shell.ok(*command, "--format", form).out
    result = shell.ok(*command, "--format", form, "-o", "out.txt")
    assert result.out == ""
    assert (shell.here / "out.txt").read_text(encoding="utf-8") == printed


def test_into_a_file_that_cannot_be(shell: CommandLine) -> None:
    result = shell.run("list", "-o", "nowhere/out.txt")
    assert result.code == 1
    assert result.error == "nowhere/out.txt cannot be written: no such file or directory"


# ── names ──


@pytest.mark.parametrize(
    "name",
    [
        "zed",
        "Zed",
        "3",
        "https://github.com/OCTO/zed/issues",
        "git@github.com:octo/zed.git",
        "octo/zed",
    ],
)
def test_a_package_by_any_name(shell: CommandLine, name: str) -> None:
    assert shell.show(name)["slug"] == "zed"


def test_a_package_by_its_name_at_pypi(shell: CommandLine) -> None:
    shell.ok("add", "octo/hidden", "--slug", "other", "--pypi", "My.Pypi_Name")
    try:
        for name in ("my-pypi-name", "MY_PYPI.NAME", "My.Pypi_Name"):
            assert shell.show(name)["slug"] == "other"
    finally:
        shell.ok("remove", "other", "--yes")


@pytest.mark.parametrize(("name", "near"), [("r00", "r000"), ("zet", "zed"), ("nevr", "never")])
def test_near_names(shell: CommandLine, name: str, near: str) -> None:
    for arguments in ((name,), ("r001", name)):
        result = shell.run("show", *arguments)
        assert result.code == 1
        assert result.out == ""
        assert result.error == f"no package '{name}' in the catalog"
        assert near in result.hint
        assert result.hint.startswith("did you mean ")


def test_a_name_like_no_other(shell: CommandLine) -> None:
    result = shell.run("show", "xyzzy-plugh")
    assert result.code == 1
    assert result.hint == "pkgharvest list shows them all"


# ── list: order and filters ──


@pytest.mark.parametrize(
    ("sort", "slugs"),
    [
        ("name", "never r000 r001 zed"),
        ("stars", "zed r001 never r000"),
        ("updated", "r000 r001 zed never"),
        ("fetched", "r001 r000 zed never"),
        ("commits", "r000 r001 zed never"),
        ("downloads", "zed r000 never r001"),
    ],
)
def test_order(shell: CommandLine, sort: str, slugs: str) -> None:
    assert listed(shell, "--sort", sort) == slugs.split()
    assert listed(shell, "--sort", sort, "--limit", "2") == slugs.split()[:2]


def test_reversed_unknown_stays_last(shell: CommandLine) -> None:
    assert listed(shell, "--reverse") == ["zed", "r001", "r000", "never"]
    assert listed(shell, "--sort", "fetched", "--reverse") == ["r000", "zed", "r001", "never"]
    assert listed(shell, "--sort", "downloads", "--reverse") == ["r000", "zed", "never", "r001"]


def test_filters(shell: CommandLine) -> None:
    assert listed(shell, "--status", "archived") == ["r000"]
    assert listed(shell, "--failing") == ["r001"]
    assert listed(shell, "--stale", "12h") == ["never", "r000", "zed"]
    assert listed(shell, "--stale", "2d") == ["never"]
    assert listed(shell, "--stale", "12h", "--status", "active") == ["never", "zed"]


@pytest.mark.parametrize("option", ["--category", "--grid"])
def test_an_unknown_category_or_grid(shell: CommandLine, option: str) -> None:
    result = shell.run("list", option, "nope")
    assert result.code == 1
    assert "'nope'" in result.error


def test_a_read_only_catalogue_can_be_read(shell: CommandLine, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    shell.ok("db", "backup", str(copy))
    copy.chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        assert shell.show("zed", "--db", str(copy)) == shell.show("zed")
    finally:
        tmp_path.chmod(0o755)
    assert [path.name for path in tmp_path.iterdir()] == ["copy.db"]
