"""``pkgharvest demo``: a fetch replayed from recorded responses."""

import json

import pytest

from tests.support.command_line import CommandLine
from tests.support.histories import TRUTH, records

DEMO_SLUGS = [
    *("dj-stripe", "django-cacheops", "django-comments-xtd", "django-extra-settings"),
    *("django-ltree", "django-otp", "django-rest-registration", "django-select2"),
]
DEMO_DB = ("--db", "pkgharvest-demo.db")

PUBLISHED_FIELDS = """title slug last_updated repo_url repo_forks repo_watchers repo_description
commits_over_52 participants"""


def slugs(shell: CommandLine, *options: str) -> list[str]:
    listed = shell.ok("list", "--json", "--fields", "slug", *options).json()
    return [record["slug"] for record in listed]


def test_demo_in_an_empty_directory(shell: CommandLine) -> None:
    result = shell.ok("demo")
    assert (shell.cwd / "pkgharvest-demo.db").is_file()
    lines = result.out.splitlines()
    assert [line.split()[0] for line in lines[1:9]] == DEMO_SLUGS
    assert all("█" in line for line in lines[1:9])  # sparklines
    assert "─ django-ltree ─" in lines[9]  # one complete record
    assert "8 packages, 8 updated; 40 requests" in result.err
    assert not shell.db.exists()
    shell.ok("db", "check", *DEMO_DB)


def test_demo_gives_the_published_record(shell: CommandLine) -> None:
    shell.ok("demo")
    record = shell.show("django-ltree", *DEMO_DB, "--tz", "America/New_York")
    published = json.loads((TRUTH / "seed-record.json").read_text(encoding="utf-8"))
    assert list(record) == list(published)
    for name in PUBLISHED_FIELDS.split():
        assert record[name] == published[name], name
    assert record["last_fetched"] == published["last_fetched"]
    assert record["pypi_url"] == "https://pypi.org/project/django-ltree/"
    assert record["pypi_version"]


def test_demo_gives_every_package_its_published_values(shell: CommandLine) -> None:
    shell.ok("demo")
    published = {record["repo_url"].lower(): record for record in records()}
    compared = 0
    for record in shell.ok("list", "--json", *DEMO_DB).json():
        assert record["pypi_version"]
        expected = published.get(record["repo_url"].lower())
        if expected is not None and record["slug"] != "django-ltree":  # compared above
            compared += 1
            for name in ("repo_forks", "repo_watchers", "repo_description", "participants"):
                assert record[name] == expected[name], (record["slug"], name)
    assert compared == 7


def test_demo_replaces_its_own_catalog(shell: CommandLine) -> None:
    shell.ok("demo")
    shell.ok("remove", *DEMO_DB, "django-ltree", "--yes")
    shell.ok("demo")
    assert slugs(shell, *DEMO_DB) == DEMO_SLUGS
    shell.ok("db", "check", *DEMO_DB)


def test_demo_with_another_db(shell: CommandLine) -> None:
    shell.ok("demo", "--db", "mine.db")
    shell.ok("--db", "other.db", "demo")
    assert slugs(shell, "--db", "mine.db") == slugs(shell, "--db", "other.db") == DEMO_SLUGS
    assert not (shell.cwd / "pkgharvest-demo.db").exists()


@pytest.mark.parametrize("content", [b"", b"my letters", b"SQLite format 3\x00" + b"\0" * 4080])
def test_demo_does_not_overwrite_another_file(shell: CommandLine, content: bytes) -> None:
    precious = shell.cwd / "pkgharvest-demo.db"
    precious.write_bytes(content)
    result = shell.run("demo")
    assert result.code == 1
    assert result.out == ""
    assert result.error == "pkgharvest-demo.db already exists and was not made by the demo"
    assert precious.read_bytes() == content


def test_demo_does_not_overwrite_another_catalog(shell: CommandLine) -> None:
    shell.ok("add", "octo/cat", "--db", "mine.db")
    result = shell.run("demo", "--db", "mine.db")
    assert result.code == 1
    assert "mine.db already exists" in result.error
    assert slugs(shell, "--db", "mine.db") == ["cat"]


def test_demo_does_not_overwrite_a_directory(shell: CommandLine) -> None:
    (shell.cwd / "pkgharvest-demo.db").mkdir()
    result = shell.run("demo")
    assert result.code == 1
    assert result.error


def test_demo_ignores_the_environment(shell: CommandLine) -> None:
    shell.variables |= {
        "PKGHARVEST_DB": str(shell.cwd / "real.db"),
        "GITHUB_API_URL": "http://127.0.0.1:1",
        "PKGHARVEST_PYPI_URL": "http://127.0.0.1:1",
        "GH_TOKEN": "ghp_secret" + "0" * 30,
        "HTTPS_PROXY": "http://127.0.0.1:1",
    }
    shell.ok("add", "octo/cat")
    before = (shell.cwd / "real.db").read_bytes()
    result = shell.ok("demo")
    assert slugs(shell, *DEMO_DB) == DEMO_SLUGS
    assert (shell.cwd / "real.db").read_bytes() == before
    assert "ghp_secret" not in result.out + result.err
    assert b"ghp_secret" not in (shell.cwd / "pkgharvest-demo.db").read_bytes()


def test_demo_quiet(shell: CommandLine) -> None:
    assert shell.ok("demo", "-q").err == ""


def test_demo_into_a_closed_pipe(shell: CommandLine) -> None:
    result = shell.shell("pkgharvest demo -q | head -1")
    assert (result.err, result.out.split()[0]) == ("", "package")


def test_demo_does_not_disturb_a_running_demo(shell: CommandLine) -> None:
    shell.ok("demo")
    before = (shell.cwd / "pkgharvest-demo.db").read_bytes()
    with shell.locked(shell.cwd / "pkgharvest-demo.db"):
        assert shell.run("demo").code == 6
    assert (shell.cwd / "pkgharvest-demo.db").read_bytes() == before
