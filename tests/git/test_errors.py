"""git's complaints, told as errors."""

import pytest

from pkgharvest.git.errors import error_line, from_disk, from_host
from pkgharvest.git.process import GitError
from pkgharvest.model.errors import NotFound, RateLimited, SourceError, Unauthorized, Unavailable
from pkgharvest.model.locators import parse_locator

WHERE = parse_locator("https://example.org/owner/timeout-tls")


def refused(stderr: str, *, networked: bool = True) -> SourceError | None:
    return from_host(GitError(128, stderr, networked=networked), WHERE)


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
def test_what_hosts_say(stderr: str, kind: str) -> None:
    error = refused(stderr)
    assert error is not None
    assert error.kind == kind


def test_who_has_a_password_was_refused() -> None:
    asked = "fatal: could not read Username for 'https://example.org': terminal prompts disabled"
    error = GitError(128, asked, networked=True)
    assert isinstance(from_host(error, WHERE), NotFound)
    assert isinstance(from_host(error, WHERE, signed_in=True), Unauthorized)
    missing = GitError(128, "fatal: repository 'https://e/' not found", networked=True)
    assert isinstance(from_host(missing, WHERE, signed_in=True), NotFound)


def test_the_name_of_a_repository_says_nothing() -> None:
    damage = "fatal: bad object refs/heads/default in /cache/owner-timeout-tls-00.git/x"
    assert refused(damage) is None
    assert refused("fatal: Unable to create '/c/not-exported/shallow.lock': File exists.") is None


def test_what_does_not_go_to_the_network_is_never_the_hosts_fault() -> None:
    assert refused("fatal: early EOF", networked=False) is None
    assert isinstance(refused("fatal: early EOF"), Unavailable)


def test_a_quota_names_its_host() -> None:
    error = refused("The requested URL returned error: 429")
    assert isinstance(error, RateLimited)
    assert error.host == "example.org"


def test_complaints_are_one_clean_line() -> None:
    error = GitError(
        128,
        "warning: x\nfatal: unable to access 'https://me:s3cret@example.org/': \x1b[31mred\r\n"
        "Please make sure you have the correct access rights\n",
        networked=False,
    )
    assert error_line(error) == "unable to access 'https://***@example.org/': ?[31mred"
    assert "s3cret" not in from_disk(error, WHERE).message
    assert len(error_line(GitError(1, "fatal: " + "x" * 9000, networked=True))) == 160
    assert error_line(GitError(1, "", networked=True)) == "git exited with 1"
