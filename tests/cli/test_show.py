"""``pkgharvest show`` and ``list``: every format in which packages are printed."""

import csv
import datetime as dt
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pkgharvest.formats.fields import FULL_FIELDS
from pkgharvest.model.clock import FixedClock
from tests.standins.github import FakeRepository
from tests.standins.server import Fault
from tests.support.command_line import CommandLine
from tests.support.github_case import DAY, repository
from tests.support.histories import TRUTH
from tests.support.hosts import Hosts, make_repositories

RECORD_KEYS = list(json.loads((TRUTH / "seed-record.json").read_text(encoding="utf-8")))

FULL_KEYS = [field.name for field in FULL_FIELDS[len(RECORD_KEYS) :]]
"""What ``--full`` adds; ``tests/formats/test_fields.py`` lists the names."""


def repositories() -> list[FakeRepository]:
    return [
        *make_repositories(2),
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
def filled(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """Return a catalog of four packages, one of them never fetched."""
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
def shell(filled: CommandLine) -> Iterator[CommandLine]:
    variables, clock = dict(filled.variables), filled.clock
    yield filled
    filled.variables, filled.clock = variables, clock


def list_slugs(shell: CommandLine, *options: str) -> list[str]:
    records = shell.ok("list", "--json", "--fields", "slug", *options).json()
    return [record["slug"] for record in records]


# ── JSON ──


def test_show_json_has_the_eighteen_keys(shell: CommandLine) -> None:
    assert list(shell.show("zed")) == RECORD_KEYS


def test_show_full_has_all_keys(shell: CommandLine) -> None:
    record = shell.show("zed", "--full")
    assert list(record) == [*RECORD_KEYS, *FULL_KEYS]
    assert list(record["versions"][0]) == [
        "number",
        "upload_time",
        "yanked",
        "yanked_reason",
        "is_prerelease",
        "requires_python",
    ]
    assert [version["number"] for version in record["versions"]] == ["1.1", "1.0"]
    assert set(record["fetches"]) == {"repo", "pypi"}
    assert list(record["fetches"]["repo"]) == [
        "last_success",
        "last_attempt",
        "last_error",
        "consecutive_failures",
        "next_due",
    ]


def test_show_json_is_an_object_for_one_package_and_a_list_for_several(shell: CommandLine) -> None:
    assert isinstance(shell.ok("show", "zed", "--json").json(), dict)
    several = shell.ok("show", "zed", "r000", "--json").json()
    assert [record["slug"] for record in several] == ["zed", "r000"]
    assert isinstance(shell.ok("list", "--json", "--limit", "1").json(), list)
    assert shell.ok("list", "--json", "--limit", "0").json() == []


def test_show_json_lists_a_package_named_twice_once(shell: CommandLine) -> None:
    records = shell.ok("show", "zed", "ZED", "--json").json()
    assert [record["slug"] for record in records] == ["zed"]


def test_format_json_equals_the_json_option(shell: CommandLine) -> None:
    assert shell.ok("show", "zed", "--format", "json").out == shell.ok("show", "zed", "--json").out


def test_list_as_json_lines(shell: CommandLine) -> None:
    lines = shell.ok("list", "--format", "jsonl").out.splitlines()
    assert [json.loads(line) for line in lines] == shell.ok("list", "--json").json()


def test_downloads_are_numbers_or_null(shell: CommandLine) -> None:
    records = shell.ok("list", "--json", "--fields", "slug,downloads").json()
    unknown = {"last_day": None, "last_week": None, "last_month": None}
    assert {record["slug"]: record["downloads"] for record in records} == {
        "never": unknown,
        "r000": {"last_day": 9, "last_week": 20, "last_month": 30},
        "r001": unknown,
        "zed": {"last_day": 5, "last_week": 50, "last_month": 12345},
    }
    assert re.search(r"downloads +12,345 last month", shell.ok("show", "zed").out)
    assert "download" not in shell.ok("show", "r001").out


# ── CSV, TSV and Markdown ──


def test_list_as_csv(shell: CommandLine) -> None:
    text = shell.ok("list", "--format", "csv", "--full").out
    rows = list(csv.DictReader(io.StringIO(text)))
    records = shell.ok("list", "--json", "--full").json()
    assert list(rows[0]) == [*RECORD_KEYS, *FULL_KEYS]
    for row, record in zip(rows, records, strict=True):
        for name, value in record.items():
            if value is None:
                assert row[name] == ""
            elif isinstance(value, str):
                assert row[name] == value
            else:
                assert json.loads(row[name]) == value


def test_list_as_tsv(shell: CommandLine) -> None:
    lines = shell.ok("list", "--format", "tsv").out.splitlines()
    assert lines[0].split("\t") == RECORD_KEYS
    assert {len(line.split("\t")) for line in lines} == {len(RECORD_KEYS)}
    fields = dict(zip(RECORD_KEYS, lines[-1].split("\t"), strict=True))
    assert json.loads(fields["participants"]) == ["mona", "hubot"]
    assert fields["category"] == ""


def test_show_as_markdown(shell: CommandLine) -> None:
    lines = shell.ok("show", "zed", "--format", "md", "--fields", "slug,repo_description").out
    header, rule, row = lines.splitlines()
    assert header == "| slug | repo_description |"
    assert set(rule) <= set("|- :")
    assert row.count("|") - row.count("\\|") == 3
    assert "<tags>" not in row


# ── cards and tables ──


def test_show_prints_a_card(shell: CommandLine) -> None:
    text = shell.ok("show", "zed").out
    assert "Zed" in text
    assert "★ 50, 19 forks" in text
    assert "1.1" in text
    assert "█" in text  # the sparkline
    assert "fetched 24 h ago" in text
    assert "[bold]too[/]" in text


def test_list_prints_a_table(shell: CommandLine) -> None:
    lines = shell.ok("list").out.splitlines()
    assert lines[0].split()[0] == "package"
    assert [line.split()[0] for line in lines[1:]] == ["never", "r000", "r001", "zed"]
    assert "never" in lines[1].split()[1:]
    assert "failing" in lines[3]


def test_list_prints_a_table_of_chosen_fields(shell: CommandLine) -> None:
    lines = shell.ok("list", "--fields", "slug,repo_watchers").out.splitlines()
    assert [line.split() for line in lines][:2] == [["slug", "repo_watchers"], ["never", "0"]]


def test_list_of_no_packages(shell: CommandLine) -> None:
    assert shell.ok("list", "--limit", "0").out == (
        "nothing to list: no package matches, or none was added yet\n"
    )
    assert shell.ok("list", "--limit", "0", "--format", "jsonl").out == ""
    assert shell.ok("list", "--limit", "0", "--format", "csv", "--fields", "id").out == "id\n"


# ── fields ──


def test_show_prints_fields_in_the_given_order(shell: CommandLine) -> None:
    record = shell.show("zed", "--fields", "slug, repo_watchers,slug,versions,license")
    assert list(record) == ["slug", "repo_watchers", "versions", "license"]
    assert record["license"] == "MIT"
    assert len(record["versions"]) == 2


@pytest.mark.parametrize("command", [("show", "zed"), ("list",)])
@pytest.mark.parametrize("fields", ["slug,stars", "", ",", "Slug"])
def test_an_unknown_field_is_rejected(
    shell: CommandLine, command: tuple[str, ...], fields: str
) -> None:
    result = shell.run(*command, "--json", "--fields", fields)
    assert result.code == 2
    assert result.out == ""
    assert result.hint == f"valid fields: {', '.join([*RECORD_KEYS, *FULL_KEYS])}"


# ── zones and links ──


def test_instants_in_utc_keep_microseconds(shell: CommandLine) -> None:
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
def test_instants_in_a_time_zone(shell: CommandLine, zone: str, fetched: str) -> None:
    assert shell.show("zed", "--tz", zone)["last_fetched"] == fetched
    shell.variables["PKGHARVEST_TZ"] = zone
    assert shell.show("zed")["last_fetched"] == fetched


def test_instants_in_the_local_time_zone(shell: CommandLine) -> None:
    shell.variables["TZ"] = "America/New_York"
    result = shell.process("show", "zed", "--json", "--tz", "local")
    assert result.json()["last_fetched"] == "2026-02-15T13:08:42.136634-05:00"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "/etc/localtime", "a\x00b"])
def test_an_unknown_time_zone_is_rejected(shell: CommandLine, zone: str) -> None:
    result = shell.run("show", "zed", "--json", "--tz", zone)
    assert result.code == 2
    assert "America/New_York" in result.hint


def test_links_with_a_base_url(shell: CommandLine) -> None:
    timestamps = "'2026-02-15T00:00:00.000000Z', '2026-02-15T00:00:00.000000Z'"
    shell.write(
        "INSERT OR IGNORE INTO categories (id, title, slug, created, modified)"
        f" VALUES (7, 'x', 'x', {timestamps})"
    )
    shell.write("UPDATE packages SET category_id = 7 WHERE slug = 'zed'")
    assert shell.show("zed")["category"] == "/api/v4/categories/7/"
    base = "https://packages.example.org"
    assert shell.show("zed", "--base-url", base)["category"] == f"{base}/api/v4/categories/7/"
    shell.variables["PKGHARVEST_BASE_URL"] = base
    assert shell.show("zed")["category"] == f"{base}/api/v4/categories/7/"
    assert shell.show("zed", "--base-url", "")["category"] == "/api/v4/categories/7/"
    assert list_slugs(shell, "--category", "x") == ["zed"]
    assert re.search("catalog +id 3, category x ", shell.ok("show", "zed").out)
    shell.write("UPDATE packages SET category_id = NULL WHERE slug = 'zed'")


# ── files ──


@pytest.mark.parametrize("format_", ["table", "json", "jsonl", "csv", "tsv", "md"])
@pytest.mark.parametrize("command", [("list",), ("show", "zed")])
def test_output_into_a_file(shell: CommandLine, command: tuple[str, ...], format_: str) -> None:
    printed = shell.ok(*command, "--format", format_).out
    result = shell.ok(*command, "--format", format_, "-o", "out.txt")
    assert result.out == ""
    assert (shell.cwd / "out.txt").read_text(encoding="utf-8") == printed


def test_output_into_a_missing_directory(shell: CommandLine) -> None:
    result = shell.run("list", "-o", "nowhere/out.txt")
    assert result.code == 1
    assert result.error == "nowhere/out.txt cannot be written: no such file or directory"


# ── names of packages ──


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
def test_show_accepts_every_name_of_a_package(shell: CommandLine, name: str) -> None:
    assert shell.show(name)["slug"] == "zed"


def test_show_accepts_the_pypi_name(shell: CommandLine) -> None:
    shell.ok("add", "octo/hidden", "--slug", "other", "--pypi", "My.Pypi_Name")
    try:
        for name in ("my-pypi-name", "MY_PYPI.NAME", "My.Pypi_Name"):
            assert shell.show(name)["slug"] == "other"
    finally:
        shell.ok("remove", "other", "--yes")


@pytest.mark.parametrize(
    ("name", "suggestion"), [("r00", "r000"), ("zet", "zed"), ("nevr", "never")]
)
def test_show_suggests_similar_names(shell: CommandLine, name: str, suggestion: str) -> None:
    for arguments in ((name,), ("r001", name)):
        result = shell.run("show", *arguments)
        assert result.code == 1
        assert result.out == ""
        assert result.error == f"no package '{name}' in the catalog"
        assert suggestion in result.hint
        assert result.hint.startswith("did you mean ")


def test_show_suggests_list_for_an_unknown_name(shell: CommandLine) -> None:
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
def test_list_sort(shell: CommandLine, sort: str, slugs: str) -> None:
    assert list_slugs(shell, "--sort", sort) == slugs.split()
    assert list_slugs(shell, "--sort", sort, "--limit", "2") == slugs.split()[:2]


def test_list_reverse_keeps_unknown_values_last(shell: CommandLine) -> None:
    assert list_slugs(shell, "--reverse") == ["zed", "r001", "r000", "never"]
    assert list_slugs(shell, "--sort", "fetched", "--reverse") == ["r000", "zed", "r001", "never"]
    assert list_slugs(shell, "--sort", "downloads", "--reverse") == ["r000", "zed", "never", "r001"]


def test_list_filters(shell: CommandLine) -> None:
    assert list_slugs(shell, "--status", "archived") == ["r000"]
    assert list_slugs(shell, "--failing") == ["r001"]
    assert list_slugs(shell, "--stale", "12h") == ["never", "r000", "zed"]
    assert list_slugs(shell, "--stale", "2d") == ["never"]
    assert list_slugs(shell, "--stale", "12h", "--status", "active") == ["never", "zed"]


@pytest.mark.parametrize("option", ["--category", "--grid"])
def test_list_rejects_an_unknown_category_or_grid(shell: CommandLine, option: str) -> None:
    result = shell.run("list", option, "nope")
    assert result.code == 1
    assert "'nope'" in result.error


def test_a_read_only_catalog_can_be_read(shell: CommandLine, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    shell.ok("db", "backup", str(copy))
    copy.chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        assert shell.show("zed", "--db", str(copy)) == shell.show("zed")
    finally:
        tmp_path.chmod(0o755)
    assert [path.name for path in tmp_path.iterdir()] == ["copy.db"]
