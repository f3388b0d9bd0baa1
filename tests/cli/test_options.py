"""Invalid option values: rejected before anything is stored."""

import pytest

from tests.support.command_line import CommandLine


@pytest.mark.parametrize(
    "name",
    ["../evil", " ", "", "a/b", "-x", "x-", "h\xe9\xe9", "a\nb", "cat\n", "x" * 5000, "\u212aat"],
)
def test_add_rejects_an_invalid_pypi_name(shell: CommandLine, name: str) -> None:
    result = shell.run("add", "octo/cat", f"--pypi={name}")
    assert result.code == 2
    assert "--pypi" in result.error
    assert len(result.error) < 200
    assert not shell.db.exists()


@pytest.mark.parametrize("name", ["x", "Kit.Ty", "a__b-2", "7zip", "x" * 200])
def test_add_accepts_a_valid_pypi_name(shell: CommandLine, name: str) -> None:
    shell.ok("add", "octo/cat", "--pypi", name)
    assert shell.show("cat", "--full")["pypi_name"] == name


@pytest.mark.parametrize(
    "url",
    [
        *("", "word", "docs.test/cat", "/srv/docs", "javascript:alert(1)", "ftp://docs.test/"),
        *("https://", "https:///x", "https://[x", "https://h:port/", "https://d.test/a b"),
        *("https://d.test/\n", "http://d.test/\x1b[31m"),
    ],
)
def test_add_rejects_an_invalid_documentation_url(shell: CommandLine, url: str) -> None:
    result = shell.run("add", "octo/cat", f"--docs={url}")
    assert result.code == 2
    assert "--docs" in result.error
    assert not shell.db.exists()


@pytest.mark.parametrize("url", ["http://d.test", "HTTPS://d.test:8443/a?b=c#d"])
def test_add_accepts_a_valid_documentation_url(shell: CommandLine, url: str) -> None:
    shell.ok("add", "octo/cat", "--docs", url)
    assert shell.show("cat")["documentation_url"] == url


def test_a_password_in_a_rejected_url_is_not_printed(shell: CommandLine) -> None:
    result = shell.run("add", "octo/cat", "--docs", "ftp://me:hunter2@docs.test/")
    assert result.code == 2
    assert "hunter2" not in result.out + result.err


@pytest.mark.parametrize("title", ["", " ", "\t \u3000", "\u200b"])
def test_add_rejects_a_blank_title(shell: CommandLine, title: str) -> None:
    result = shell.run("add", "octo/cat", f"--title={title}")
    assert result.code == 2
    assert "--title" in result.error
    assert not shell.db.exists()


# ── lists on standard input ──


def test_a_list_may_begin_with_a_byte_order_mark(shell: CommandLine) -> None:
    added = shell.ok("add", "-", "--json", stdin=b"\xef\xbb\xbfocto/cat\nocto/dog\n").json()
    assert [entry["slug"] for entry in added] == ["cat", "dog"]


def test_a_list_keeps_its_place_among_arguments(shell: CommandLine) -> None:
    added = shell.ok("add", "octo/a", "-", "octo/d", "--json", stdin=b"octo/b\nocto/c\n").json()
    assert [entry["input"] for entry in added] == ["octo/a", "octo/b", "octo/c", "octo/d"]


def test_a_list_on_standard_input_is_read_once(shell: CommandLine) -> None:
    assert len(shell.ok("add", "-", "-", "--json", stdin=b"octo/b\n").json()) == 1


# ── secrets in rejected values ──


def test_a_revision_is_not_masked(shell: CommandLine) -> None:
    result = shell.run("add", "octo/cat@v1.2", "octo/cat@")
    assert result.code == 2
    assert "'octo/cat@v1.2'" in result.err
    assert "'octo/cat@'" in result.err


@pytest.mark.parametrize(
    "text",
    [
        *("me:hunter2@host/x", "https://me/hunter2@host/x", "me/hunter2@host/x"),
        *("me:x/hunter2@host", "hunter2@host", "me/hunter2%40host", "a/hunter2/b@host"),
    ],
)
def test_a_possible_secret_is_masked(shell: CommandLine, text: str) -> None:
    result = shell.run("add", text)
    assert "hunter2" not in result.err
