"""Errors of git, translated into SourceErrors."""

import pickle

import pytest

from pkgharvest.git.errors import error_line, from_disk, from_host
from pkgharvest.git.process import GitError
from pkgharvest.model.errors import NotFound, RateLimited, SourceError, Unauthorized, Unavailable
from pkgharvest.model.locators import parse_locator

LOCATOR = parse_locator("https://example.org/owner/timeout-tls")


def host_error(stderr: str, *, networked: bool = True) -> SourceError | None:
    return from_host(GitError(128, stderr, networked=networked), LOCATOR)


@pytest.mark.parametrize(
    ("stderr", "kind"),
    [
        ("fatal: repository 'https://example.org/x/' not found", "not_found"),
        ("remote: Not Found\nfatal: repository 'https://example.org/x/' not found", "not_found"),
        (
            "fatal: could not read Username for 'https://example.org': terminal prompts disabled",
            "not_found",
        ),
        ("ERROR: Repository not found.\nfatal: Could not read from remote", "not_found"),
        ("fatal: Authentication failed for 'https://example.org/x/'", "unauthorized"),
        (
            (
                "git@example.org: Permission denied (publickey).\n"
                "fatal: Could not read from remote repository."
            ),
            "unauthorized",
        ),
        (
            "fatal: unable to access 'https://e/': The requested URL returned error: 403",
            "unauthorized",
        ),
        ("fatal: unable to access 'https://e/': The requested URL returned error: 410", "gone"),
        ("fatal: unable to access 'https://e/': The requested URL returned error: 451", "blocked"),
        (
            "fatal: unable to access 'https://e/': The requested URL returned error: 429",
            "rate_limited",
        ),
        (
            "fatal: unable to access 'https://e/': The requested URL returned error: 503",
            "unavailable",
        ),
        ("fatal: unable to access 'https://e/': Could not resolve host: e", "unavailable"),
        (
            (
                "ssh: Could not resolve hostname e: Name or service not known\n"
                "fatal: Could not read from remote repository."
            ),
            "unavailable",
        ),
        (
            (
                "ssh: connect to host e port 22: Connection timed out\n"
                "fatal: Could not read from remote repository."
            ),
            "timeout",
        ),
        (
            "fatal: unable to access 'https://e/': Operation too slow. Less than 1000 bytes/sec",
            "timeout",
        ),
        ("fatal: transport 'file' not allowed", "malformed"),
        ("fatal: https://e/x/info/refs not valid: is this a git repository?", "malformed"),
        ("fatal: the remote end hung up unexpectedly", "unavailable"),
        ("fatal: write error: No space left on device", "unavailable"),
    ],
)
def test_git_messages_of_hosts_become_source_errors(stderr: str, kind: str) -> None:
    error = host_error(stderr)
    assert error is not None
    assert error.kind == kind


def test_a_request_for_a_user_name_after_a_password_is_unauthorized() -> None:
    asked = "fatal: could not read Username for 'https://example.org': terminal prompts disabled"
    error = GitError(128, asked, networked=True)
    assert isinstance(from_host(error, LOCATOR), NotFound)
    assert isinstance(from_host(error, LOCATOR, signed_in=True), Unauthorized)
    missing = GitError(128, "fatal: repository 'https://e/' not found", networked=True)
    assert isinstance(from_host(missing, LOCATOR, signed_in=True), NotFound)


def test_the_name_of_a_repository_does_not_decide_the_error() -> None:
    damage = "fatal: bad object refs/heads/default in /cache/owner-timeout-tls-00.git/x"
    assert host_error(damage) is None
    assert (
        host_error("fatal: Unable to create '/c/not-exported/shallow.lock': File exists.") is None
    )


def test_an_error_of_a_local_command_is_never_the_hosts() -> None:
    assert host_error("fatal: early EOF", networked=False) is None
    assert isinstance(host_error("fatal: early EOF"), Unavailable)


def test_a_rate_limited_git_host_is_named() -> None:
    error = host_error("The requested URL returned error: 429")
    assert isinstance(error, RateLimited)
    assert error.host == "example.org"


def test_git_messages_become_one_printable_line() -> None:
    error = GitError(
        128,
        "warning: x\nfatal: unable to access 'https://me:s3cret@example.org/': \x1b[31mred\r\n"
        "Please make sure you have the correct access rights\n",
        networked=False,
    )
    assert error_line(error) == "unable to access 'https://***@example.org/': ?[31mred"
    assert "s3cret" not in from_disk(error, LOCATOR).message
    assert len(error_line(GitError(1, "fatal: " + "x" * 9000, networked=True))) == 160
    assert error_line(GitError(1, "", networked=True)) == "git exited with 1"


def test_a_git_error_survives_pickle() -> None:
    error = GitError(128, "fatal: early EOF", networked=True)
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.code, copy.stderr, copy.networked) == (128, "fatal: early EOF", True)
    assert str(copy) == str(error)
