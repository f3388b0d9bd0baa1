"""``pkgharvest add``: which repositories it accepts, and what it prints for each."""

from pathlib import Path

import pytest

from tests.support.command_line import CommandLine
from tests.support.histories import git
from tests.support.hosts import Hosts, make_repositories

ACCEPTED_FORMS = "accepted: owner/name, a GitHub URL"


def make_repository(shell: CommandLine, name: str, *options: str) -> Path:
    path = shell.cwd / name
    path.mkdir(parents=True)
    git(path, "init", "-q", *options)
    return path


def slugs(shell: CommandLine) -> list[str]:
    records = shell.ok("list", "--json", "--fields", "slug").json()
    return [record["slug"] for record in records]


# ── output ──


def test_add_prints_one_line_per_package(shell: CommandLine) -> None:
    result = shell.ok("add", "Octo/Cat", "https://github.com/octo/dog")
    assert result.out == (
        "added cat  https://github.com/Octo/Cat\nadded dog  https://github.com/octo/dog\n"
    )
    assert result.err == ""
    assert slugs(shell) == ["cat", "dog"]


def test_an_added_package_has_a_complete_record(shell: CommandLine) -> None:
    shell.ok("add", "Octo/Cat")
    assert shell.show("cat") == {
        "category": None,
        "grids": [],
        "id": 1,
        "title": "Cat",
        "slug": "cat",
        "last_updated": None,
        "last_fetched": None,
        "repo_url": "https://github.com/Octo/Cat",
        "pypi_version": None,
        "created": "2026-02-15T18:08:42Z",
        "modified": "2026-02-15T18:08:42Z",
        "repo_forks": 0,
        "repo_description": "",
        "pypi_url": "",
        "documentation_url": None,
        "repo_watchers": 0,
        "commits_over_52": [],
        "participants": [],
    }


@pytest.mark.parametrize(
    "spelling",
    [
        "Octo/Cat",
        "HTTP://www.GitHub.com/OCTO/cat.git",
        "https://github.com/octo/cat/",
        "https://github.com/octo/cat/tree/main/src?tab=x#readme",
        "https://github.com/octo/cat/issues",
        "git@github.com:octo/cat.git",
        "ssh://git@github.com/octo/cat",
        "git://github.com/octo/cat",
        "git+https://github.com/octo/cat.git@v1",
        "pkg:github/octo/cat",
    ],
)
def test_two_spellings_of_a_url_are_one_package(shell: CommandLine, spelling: str) -> None:
    shell.ok("add", "octo/cat")
    before = shell.show("cat")
    result = shell.ok("add", spelling)
    assert result.out.startswith("already in the catalog: cat  ")
    assert shell.show("cat") == before
    assert slugs(shell) == ["cat"]


def test_add_json_has_exactly_these_keys(shell: CommandLine) -> None:
    shell.ok("add", "octo/cat")
    result = shell.run("add", "octo/dog", "octo/cat", "word", "--json")
    assert result.code == 2
    added, exists, refused = result.json()
    url = "https://github.com/octo/"
    keys = ["input", "slug", "repo_url", "outcome", "message"]
    assert [list(entry) for entry in (added, exists, refused)] == [keys] * 3
    assert list(added.values()) == ["octo/dog", "dog", f"{url}dog", "added", ""]
    assert list(exists.values())[:4] == ["octo/cat", "cat", f"{url}cat", "exists"]
    assert exists["message"]
    assert list(refused.values())[:4] == ["word", None, None, "refused"]
    assert "'word'" in refused["message"]


def test_add_skips_invalid_repositories_and_adds_the_others(shell: CommandLine) -> None:
    result = shell.run("add", "octo/cat", "word", "octo/dog", "-C")
    assert result.code == 2  # -C reads as an option
    result = shell.run("add", "octo/cat", "word", "octo/dog", "--", "-C")
    assert result.code == 2
    assert result.out.count("added ") == 2
    assert "error: 'word': " in result.err
    assert "error: '-C': " in result.err
    assert ACCEPTED_FORMS in result.err.partition("\n\nhint: ")[2]
    assert slugs(shell) == ["cat", "dog"]


@pytest.mark.parametrize(
    "repository",
    [
        "",
        "word",
        "octo/",
        "https://github.com/octo",
        "https://me:secret@github.com/octo/cat",
        "ext::sh -c id",
        "octo/c\x07at",
        "octo/" + "c" * 5000,
        "./nowhere",
    ],
)
def test_a_rejected_repository_is_an_error_with_a_hint(shell: CommandLine, repository: str) -> None:
    result = shell.run("add", "--", repository)
    assert result.code == 2
    assert result.out == ""
    assert result.error
    assert "secret" not in result.err
    assert "\x07" not in result.err
    assert max(map(len, result.err.splitlines())) < 250
    assert not shell.db.exists()


def test_add_quiet_prints_nothing(shell: CommandLine) -> None:
    result = shell.ok("add", "octo/cat", "-q")
    assert (result.out, result.err) == ("", "")
    assert slugs(shell) == ["cat"]


# ── a list on standard input ──


def test_add_reads_a_list_with_comments(shell: CommandLine) -> None:
    lines = b"# ours\nocto/cat\n\n  octo/dog   # the dog\r\nhttps://github.com/octo/owl#readme\n"
    assert shell.ok("add", "-", "octo/ant", stdin=lines).out.count("added ") == 4
    assert slugs(shell) == ["ant", "cat", "dog", "owl"]


def test_add_reads_an_empty_list(shell: CommandLine) -> None:
    assert shell.ok("add", "-", "--json", stdin=b"# none yet\n").json() == []


def test_add_rejects_a_line_that_is_not_utf8(shell: CommandLine) -> None:
    result = shell.process("add", "-", stdin=b"octo/caf\xe9\nocto/cat\n")
    assert result.code == 2
    assert result.error.startswith("'octo/caf")
    assert slugs(shell) == ["cat"]


# ── options ──


def test_add_accepts_every_option(shell: CommandLine) -> None:
    shell.ok("add", "octo/zero")
    timestamps = "'2026-02-15T00:00:00.000000Z', '2026-02-15T00:00:00.000000Z'"
    for table in ("categories", "grids"):
        for slug in ("apps", "tools"):
            shell.write(
                f"INSERT INTO {table} (title, slug, created, modified)"
                f" VALUES ('x', '{slug}', {timestamps})"
            )
    shell.ok(
        *("add", "octo/cat", "--title", "The Cat", "--slug", "kitty", "--pypi", "Kit.Ty"),
        *("--category", "tools", "--grid", "tools", "--grid", "apps", "--docs", "https://d.test/"),
    )
    record = shell.show("kitty", "--full")
    assert record["title"] == "The Cat"
    assert record["category"] == "/api/v4/categories/2/"
    assert record["grids"] == ["/api/v4/grids/2/", "/api/v4/grids/1/"]
    assert record["documentation_url"] == "https://d.test/"
    assert record["pypi_name"] == "Kit.Ty"


@pytest.mark.parametrize("option", ["--slug", "--title", "--pypi"])
@pytest.mark.parametrize("repositories", [("octo/cat", "octo/dog"), ("-",)])
def test_an_option_for_one_package_is_rejected_with_several(
    shell: CommandLine, option: str, repositories: tuple[str, ...]
) -> None:
    result = shell.run("add", *repositories, option, "x", stdin=b"octo/cat\nocto/dog\n")
    assert result.code == 2
    assert option in result.error
    assert not shell.db.exists()


def test_pypi_and_no_pypi_exclude_each_other(shell: CommandLine) -> None:
    result = shell.run("add", "octo/cat", "--pypi", "cat", "--no-pypi")
    assert result.code == 2
    assert "--no-pypi" in result.error


@pytest.mark.parametrize("option", ["--category", "--grid"])
@pytest.mark.parametrize("repository", ["octo/cat", "octo/new"])
def test_add_rejects_an_unknown_category_or_grid(
    shell: CommandLine, option: str, repository: str
) -> None:
    shell.ok("add", "octo/cat")
    result = shell.run("add", repository, option, "nowhere")
    assert result.code == 1
    assert "'nowhere'" in result.error
    assert slugs(shell) == ["cat"]


@pytest.mark.parametrize("slug", ["cat", "Upper", "42", "-x", "a b", ""])
def test_add_rejects_an_invalid_slug(shell: CommandLine, slug: str) -> None:
    shell.ok("add", "octo/cat")
    result = shell.run("add", "octo/dog", f"--slug={slug}")
    assert result.code == 2
    assert result.error
    assert slugs(shell) == ["cat"]


def test_a_taken_slug_gets_its_owner_then_a_number(shell: CommandLine) -> None:
    other = "https://git.example.org/two/my-cat"
    names = ("one/My.Cat", "two/my-cat", "three/42", other)
    assert [entry["slug"] for entry in shell.ok("add", *names, "--json").json()] == [
        "my-cat",
        "two-my-cat",
        "three-42",
        "two-my-cat-2",
    ]


# ── local repositories ──


def test_add_accepts_local_repositories(shell: CommandLine) -> None:
    make_repository(shell, "work tree")
    make_repository(shell, "bare.git", "--bare")
    shell.ok("add", "./work tree", "./nowhere/../bare.git")
    assert slugs(shell) == ["bare", "work-tree"]
    assert shell.show("work-tree")["title"] == "work tree"


def test_every_path_to_a_local_repository_is_one_package(
    shell: CommandLine, tmp_path: Path
) -> None:
    path = make_repository(shell, "bare.git", "--bare")
    (tmp_path / "link").symlink_to(path)
    result = shell.ok("add", "./bare.git", str(path), path.as_uri(), f"{path}/", f"{tmp_path}/link")
    assert result.out.count("added bare  ") == 1
    assert result.out.count("already in the catalog: bare  ") == 4
    assert shell.show("bare")["repo_url"] == path.as_uri()


def test_a_tilde_is_the_home_directory(shell: CommandLine) -> None:
    (shell.home / "mine").mkdir()
    git(shell.home / "mine", "init", "-q")
    shell.ok("add", "~/mine")
    assert shell.show("mine")["repo_url"] == (shell.home / "mine").as_uri()


def test_add_rejects_a_directory_that_is_not_a_repository(shell: CommandLine) -> None:
    (shell.cwd / "plain").mkdir()
    result = shell.run("add", "./plain")
    assert result.code == 2
    assert "not a git repository" in result.error


# ── credentials ──


@pytest.mark.parametrize(
    "repository",
    [
        "https://me:hunter22@github.com/octo/cat",
        "https://hunter22@github.com/octo/cat",
        "https://me:hunter22@git.example.org/cat.git",
        "me:hunter22@github.com/octo/cat",
        "https://me:hunter22/x@github.com/octo/cat",
        "https://github.com/octo/cat/?access_token=hunter22\x07",
    ],
)
def test_add_never_prints_or_stores_credentials(shell: CommandLine, repository: str) -> None:
    for result in (
        shell.run("add", repository, "octo/dog", "--json"),
        shell.run("add", repository),
        shell.run("add", "-", stdin=repository.encode()),
        shell.run("-vv", "add", repository),
    ):
        assert result.code == 2
        assert "hunter22" not in result.out + result.err
    assert b"hunter22" not in shell.db.read_bytes()


# ── --fetch ──


def test_add_fetch_fetches_what_was_added(shell: CommandLine) -> None:
    with Hosts(*make_repositories(2)) as hosts:
        shell.variables |= hosts.variables
        result = shell.run("add", "octo/r000", "octo/r001", "--fetch")
    assert result.code == 0
    assert result.out.count("added ") == 2
    assert [shell.show(slug)["repo_watchers"] for slug in ("r000", "r001")] == [0, 1]


def test_add_fetch_continues_when_one_repository_is_rejected(shell: CommandLine) -> None:
    with Hosts(*make_repositories(2)) as hosts:
        shell.variables |= hosts.variables
        result = shell.run("add", "octo/r001", "word", "--fetch")
    assert result.code == 2
    assert shell.show("r001")["repo_watchers"] == 1


def test_add_fetch_reports_a_missing_repository(shell: CommandLine) -> None:
    with Hosts() as hosts:
        shell.variables |= hosts.variables
        result = shell.run("add", "octo/none", "--fetch")
    assert result.code == 3
    assert "not_found" in result.err


def test_add_alone_fetches_nothing(shell: CommandLine) -> None:
    with Hosts(*make_repositories(1)) as hosts:
        shell.variables |= hosts.variables
        shell.ok("add", "octo/r000")
        assert hosts.request_counts() == (0, 0)
