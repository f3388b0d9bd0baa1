"""Locators: one parser for every spelling. Its errors say why, and keep secrets."""

import string
import subprocess
import sys
from pathlib import PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pkgharvest.model.errors import LocatorError
from pkgharvest.model.locators import (
    Locator,
    Scheme,
    normalize_name,
    parse_locator,
    points_back,
    redact,
)

BASE = PurePosixPath("/base/dir")
HOME = PurePosixPath("/home/me")


def read(text: str) -> Locator:
    return parse_locator(text, base=BASE, home=HOME)


def refusal(text: str) -> LocatorError:
    with pytest.raises(LocatorError) as caught:
        read(text)
    return caught.value


# ── GitHub ──────────────────────────────────────────────────────────────────────────────────

GITHUB_SPELLINGS = [
    "{o}/{n}",
    "{o}/{n}/",
    "{o}/{n}.git",
    "{o}/{n}#readme",
    "  {o}/{n}\r\n",
    "https://github.com/{o}/{n}",
    "https://github.com/{o}/{n}.git",
    "https://github.com/{o}/{n}.GIT/",
    "https://github.com/{o}/{n}//",
    "https://github.com//{o}/./{n}",
    "https://github.com/{o}/{n}/tree/main/src",
    "https://github.com/{o}/{n}.git/tree/main",
    "https://github.com/{o}/{n}/issues",
    "https://github.com/{o}/{n}/issues?q=is%3Aopen",
    "https://github.com/{o}/{n}/blob/main/app/[id]/page.tsx#L10-L20",
    "https://github.com/{o}/{n}/blob/main/caf\u00e9.md",
    "https://github.com/{o}/{n}?tab=readme-ov-file",
    "https://github.com/{o}/{n}#installation",
    "https://github.com:443/{o}/{n}",
    "https://github.com./{o}/{n}",
    "http://github.com/{o}/{n}",
    "http://www.github.com/{o}/{n}/",
    "HTTPS://GitHub.COM/{o}/{n}",
    "https://WWW.GITHUB.COM/{o}/{n}",
    "github.com/{o}/{n}",
    "GitHub.com/{o}/{n}/pull/3",
    "www.github.com/{o}/{n}",
    "git@github.com:{o}/{n}.git",
    "git@github.com:{o}/{n}",
    "git@github.com:/{o}/{n}.git",
    "org-1234@github.com:{o}/{n}.git",
    "github.com:{o}/{n}.git",
    "ssh://git@github.com/{o}/{n}.git",
    "ssh://git@github.com:22/{o}/{n}.git",
    "ssh://github.com/{o}/{n}",
    "ssh://git@ssh.github.com:443/{o}/{n}.git",
    "ssh://git@github.com:{o}/{n}.git",
    "git://github.com/{o}/{n}.git",
    "git+https://github.com/{o}/{n}.git@v1.0#egg=x",
    "git+https://github.com/{o}/{n}@feature/x#egg=x&subdirectory=y",
    "git+https://github.com/{o}/{n}.git#main",
    "git+http://github.com/{o}/{n}",
    "git+ssh://git@github.com/{o}/{n}.git@abc123",
    "git+git://github.com/{o}/{n}.git",
    "pkg:github/{o}/{n}",
    "pkg:github/{o}/{n}@244fd47e07d1004f0aed9c",
    "pkg:GitHub/{o}/{n}@v1%2F2?arch=any#src/main",
    "pkg://github/{o}/{n}/",
    "https://api.github.com/repos/{o}/{n}",
    "https://api.github.com/repos/{o}/{n}/commits?since=2024-01-01",
    "api.github.com/repos/{o}/{n}",
    "gh:{o}/{n}",
    "github:{o}/{n}",
    "github:{o}/{n}.git#v1",
    "git+gh:{o}/{n}",
]


@pytest.mark.parametrize("spelling", GITHUB_SPELLINGS)
def test_every_spelling_of_a_github_repository_is_the_same(spelling: str) -> None:
    locator = read(spelling.format(o="Some-Owner", n="Some.Name_x"))
    assert locator == Locator(scheme="https", host="github.com", path="Some-Owner/Some.Name_x")


def test_a_github_locator_has_a_url_a_clone_url_and_a_key() -> None:
    locator = read("Some-Owner/Django_LTree")
    assert locator.url == "https://github.com/Some-Owner/Django_LTree"
    assert locator.clone_url == "https://github.com/Some-Owner/Django_LTree.git"
    assert locator.key == "github.com/some-owner/django_ltree"
    assert (locator.owner, locator.name) == ("Some-Owner", "Django_LTree")
    assert not locator.is_local


def test_percent_encoding_in_a_package_url_is_decoded() -> None:
    assert read("pkg:github/s%6fme/n%2Ex").url == "https://github.com/some/n.x"


owners = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,38}", fullmatch=True).map(
    lambda o: f"o{o}"[:39]
)
names = st.from_regex(r"[A-Za-z0-9._-]{1,90}", fullmatch=True).filter(
    lambda name: name not in {".", ".."} and not name.lower().endswith(".git")
)


@given(owners, names, st.sampled_from(GITHUB_SPELLINGS), st.booleans())
def test_all_spellings_of_a_repository_share_one_key(
    owner: str, name: str, spelling: str, shout: bool
) -> None:
    if spelling.startswith("github.com:") and owner.isdigit():
        return
    plain = read(f"{owner}/{name}")
    if shout:
        owner, name = owner.upper(), name.upper()
    assert read(spelling.format(o=owner, n=name)).key == plain.key


def test_a_github_owner_may_be_all_digits() -> None:
    assert read("git@github.com:1234/n.git").path == "1234/n"
    assert read("007/n").path == "007/n"


def test_github_names_may_start_with_a_dot_or_a_hyphen() -> None:
    assert read("o/.github").name == ".github"
    assert read("o/-").name == "-"
    assert read(f"o/{'n' * 100}").name == "n" * 100
    assert read(f"{'o' * 39}/n").owner == "o" * 39


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("https://github.com", "no owner"),
        ("https://github.com/", "no owner"),
        ("https://github.com/django", "an owner without a name"),
        ("github.com/django/", "an owner without a name"),
        ("gh:django", "an owner without a name"),
        ("pkg:github/django", "an owner without a name"),
        ("https://api.github.com/repos/django", "an owner without a name"),
        ("https://api.github.com/users/django", "not a repository"),
        ("https://github.com/orgs/django/repositories", "a page of GitHub"),
        ("https://github.com/topics/python", "a page of GitHub"),
        ("https://github.com/Sponsors/someone", "a page of GitHub"),
        ("https://github.com/settings/profile", "a page of GitHub"),
        ("https://github.com/search?q=x", "a page of GitHub"),
        ("https://github.com/login", "a page of GitHub"),
        ("features/actions", "a page of GitHub"),
        ("-o/n", "starts with -"),
        ("https://github.com/-o/n", "an owner"),
        ("o.o/n", "neither owner/name nor a URL"),
        ("https://github.com/o.o/n", "an owner"),
        (f"{'o' * 40}/n", "an owner"),
        (f"o/{'n' * 101}", "a name"),
        ("o/n!", "a name"),
        ("o/n@v1", "a name"),
        ("o/caf\u00e9", "a name"),
        ("o/.", "an owner without a name"),
        ("o/..", ".. in a URL"),
        ("o/.git", "a name"),
        ("o/..git", "a name"),
        ("https://github.com/o/.git", "a name"),
        ("https://github.com/o%2Fn", "an owner without"),
        ("https://github.com/o/%2e%2e/n", ".. in a URL"),
        ("https://github.com/o/n/../../x/y", ".. in a URL"),
        ("https://github.com:8443/o/n", "a port"),
        ("git@github.com:443/o/n", "more than"),
        ("pkg:github/o/n/x", "more than"),
        ("o/n/tree/main", "more than"),
        ("pkg:github/o/n?repository_url=git.example.org", "another host"),
        ("pkg:pypi/django", "names no repository"),
        ("pkg:", "names no repository"),
    ],
)
def test_a_locator_that_github_cannot_have_is_refused(text: str, why: str) -> None:
    assert why in refusal(text).message


# ── the other forges ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://gitlab.com/G/sub/n.git", "https://gitlab.com/G/sub/n"),
        ("https://gitlab.com/g/sub/n/-/tree/main?ref=x", "https://gitlab.com/g/sub/n"),
        ("gitlab.com/g/n/-/issues", "https://gitlab.com/g/n"),
        ("git@gitlab.com:g/sub/n.git", "https://gitlab.com/g/sub/n"),
        ("ssh://git@altssh.gitlab.com:443/g/n.git", "https://gitlab.com/g/n"),
        ("git://gitlab.com/g/n.git", "https://gitlab.com/g/n"),
        ("git+ssh://git@gitlab.com/g/n.git@v1", "https://gitlab.com/g/n"),
        ("pkg:gitlab/g/sub/n@1", "https://gitlab.com/g/sub/n"),
        ("http://www.gitlab.com/g/n", "https://gitlab.com/g/n"),
        ("https://codeberg.org/o/n/src/branch/main", "https://codeberg.org/o/n"),
        ("ssh://git@codeberg.org/o/n.git", "https://codeberg.org/o/n"),
        ("codeberg.org/o/n", "https://codeberg.org/o/n"),
        ("git@bitbucket.org:w/n.git", "https://bitbucket.org/w/n"),
        ("https://bitbucket.org/w/n/src/master/", "https://bitbucket.org/w/n"),
        ("pkg:bitbucket/w/n@1#sub", "https://bitbucket.org/w/n"),
    ],
)
def test_known_forges_have_one_https_url(text: str, url: str) -> None:
    locator = read(text)
    assert locator.url == locator.clone_url == url
    assert locator.key == url.removeprefix("https://").lower()


def test_gitlab_groups_nest() -> None:
    locator = read("https://gitlab.com/Top/Sub/Name")
    assert (locator.owner, locator.name) == ("Sub", "Name")


@pytest.mark.parametrize(
    "text",
    [
        "https://gitlab.com/g",
        "https://gitlab.com/-/explore",
        "https://codeberg.org/o",
        "https://codeberg.org/o/n!",
        "https://codeberg.org:3000/o/n",
        "pkg:gitlab/n",
        "https://bitbucket.org/-w/n",
        "https://codeberg.org/o/.git",
    ],
)
def test_a_locator_that_its_forge_cannot_have_is_refused(text: str) -> None:
    refusal(text)


# ── any other host ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://git.example.org/x/Y.git", "https://git.example.org/x/Y.git"),
        ("https://git.example.org/x/Y/", "https://git.example.org/x/Y"),
        ("HTTPS://Git.Example.ORG:443//x/./Y", "https://git.example.org/x/Y"),
        ("https://git.example.org/x?a=b#c", "https://git.example.org/x"),
        ("https://git.example.org/x@v1", "https://git.example.org/x@v1"),
        ("git+https://git.example.org/x@v1", "https://git.example.org/x"),
        ("git+https://git.example.org/@g/x", "https://git.example.org/@g/x"),
        ("http://forge:3000/x", "http://forge:3000/x"),
        ("http://10.0.0.1:80/x", "http://10.0.0.1/x"),
        ("https://[2001:DB8::0:1]:8443/x", "https://[2001:db8::1]:8443/x"),
        ("git://git.example.org:9418/x", "git://git.example.org/x"),
        ("ssh://me@git.example.org:22/x", "ssh://me@git.example.org/x"),
        ("ssh://me@git.example.org:2222/~me/x", "ssh://me@git.example.org:2222/~me/x"),
        ("git@git.example.org:x/y.git", "ssh://git@git.example.org/x/y.git"),
        ("me@git.example.org:x/y.git", "ssh://me@git.example.org/~/x/y.git"),
        ("me@git.example.org:./x", "ssh://me@git.example.org/~/x"),
        ("me@git.example.org:~/x", "ssh://me@git.example.org/~/x"),
        ("me@git.example.org:~you/x", "ssh://me@git.example.org/~you/x"),
        ("git@git.example.org:~/x", "ssh://git@git.example.org/~/x"),
        ("me@forge:/srv/x", "ssh://me@forge/srv/x"),
        ("git.example.org:x", "ssh://git.example.org/x"),
        ("git@[::1]:x", "ssh://git@[::1]/x"),
        ("https://gist.github.com/o/0123abc", "https://gist.github.com/o/0123abc"),
        ("https://h/caf\u00e9", "https://h/caf%C3%A9"),
        ("https://h/caf%c3%a9/%7ex", "https://h/caf%C3%A9/~x"),
        ("https://h/a%20b", "https://h/a%20b"),
        ("https://xn--bcher-kva.example/x", "https://xn--bcher-kva.example/x"),
        ("https://git.example.org./x", "https://git.example.org/x"),
    ],
)
def test_urls_of_other_hosts_are_normalized(text: str, url: str) -> None:
    locator = read(text)
    assert locator.url == locator.clone_url == url
    assert read(url) == locator


@pytest.mark.parametrize(
    "text",
    [
        "https://h.org/a/x.git",
        "http://H.ORG/a/x/",
        "ssh://git@h.org/a/x",
        "ssh://h.org:2222/a/x.git/",
        "git://h.org/a/x/",
        "git@h.org:a/x.git",
        "h.org:/a/x",
        "me@h.org:a/x.git",
        "me@h.org:~/a/x",
        "me@h.org:/a/x",
        "ssh://me@h.org/~/a/x.git",
        "git+ssh://me@h.org/a/x.git@v2",
        "https://h.org:443/a/x",
        "https://h.org/a/x/.git",
    ],
)
def test_all_ways_to_a_repository_on_another_host_share_one_key(text: str) -> None:
    assert read(text).key == "h.org/a/x"
    assert (read(text).owner, read(text).name) == ("a", "x")


def test_port_and_case_make_another_key_on_other_hosts() -> None:
    keys = {
        read(text).key
        for text in [
            "https://h.org/a/x",
            "https://h.org/A/x",
            "https://h.org:8443/a/x",
            "https://i.org/a/x",
            "https://h.org/x",
            "/a/x",
            "/a/x.git",
        ]
    }
    assert len(keys) == 7
    assert read("http://h.org:8443/a/x").key == read("https://h.org:8443/a/x").key


# ── local paths ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/srv/x", "/srv/x"),
        ("//srv//x/", "/srv/x"),
        ("/srv/a/../x/.", "/srv/x"),
        ("/srv/x/.git", "/srv/x"),
        ("/srv/x/.git/", "/srv/x"),
        ("/srv/x.git", "/srv/x.git"),
        ("/srv/my repo?#%41", "/srv/my repo?#%41"),
        ("/", "/"),
        (".", "/base/dir"),
        ("..", "/base"),
        ("./x", "/base/dir/x"),
        ("./o/n", "/base/dir/o/n"),
        ("../x", "/base/x"),
        ("../../../../x", "/x"),
        ("~", "/home/me"),
        ("~/x", "/home/me/x"),
        ("file:///srv/x", "/srv/x"),
        ("FILE://localhost/srv/x/", "/srv/x"),
        ("file:/srv/x", "/srv/x"),
        ("file:///srv/my%20repo/caf%C3%A9", "/srv/my repo/caf\u00e9"),
        ("git+file:///srv/x@v1#egg=y", "/srv/x"),
    ],
)
def test_local_paths_are_normalized(text: str, path: str) -> None:
    locator = read(text)
    assert locator == Locator(scheme="file", host="", path=path)
    assert locator.is_local
    assert locator.key == locator.url == locator.clone_url
    assert read(locator.url) == locator


def test_the_url_of_a_local_path_is_quoted() -> None:
    locator = read("/srv/caf\u00e9 & co")
    assert locator.url == "file:///srv/caf%C3%A9%20%26%20co"
    assert (locator.owner, locator.name) == ("srv", "caf\u00e9 & co")
    assert (read("/x.git").owner, read("/x.git").name) == ("", "x")


@pytest.mark.parametrize("text", [".", "./x", "../x", "~", "~/x"])
def test_a_relative_path_needs_a_base_directory(text: str) -> None:
    with pytest.raises(LocatorError, match="relative path") as caught:
        parse_locator(text)
    assert caught.value.hint == "give an absolute path"


def test_a_relative_base_directory_is_refused() -> None:
    with pytest.raises(LocatorError, match="not absolute"):
        parse_locator("./x", base=PurePosixPath("y"))


def test_an_unprintable_base_directory_is_refused() -> None:
    with pytest.raises(LocatorError, match="control character"):
        parse_locator("./x", base=PurePosixPath("/a\nb"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("file://server/srv/x", "a file URL with a host"),
        ("file://srv", "a file URL with a host"),
        ("file:x", "without an absolute path"),
        ("file://", "without an absolute path"),
        ("file:///srv/x?y", "? or #"),
        ("file:///srv/x#y", "? or #"),
        ("file:///srv/%00", "control character"),
        ("file:///srv/%0a", "control character"),
        ("file:///srv/%ff", "not UTF-8"),
        ("file:///srv/my repo", "white space"),
        ("/srv/\x1b[31m", "control character"),
    ],
)
def test_an_invalid_local_path_is_refused(text: str, why: str) -> None:
    assert why in refusal(text).message


# ── refusals ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "nothing given"),
        (" \t\n", "nothing given"),
        ("django", "a single word"),
        ("django/", "an owner without a name"),
        ("me@example.org", "without a repository"),
        ("--upload-pack=x", "starts with -"),
        ("-", "starts with -"),
        ("ext::sh -c touch% /tmp/x", "white space"),
        ("ext::sh", "transport::"),
        ("EXT::sh", "transport::"),
        ("fd::17", "transport::"),
        ("git+ext::sh", "transport::"),
        ("ftp://example.org/x", "an unknown scheme"),
        ("svn+ssh://example.org/x", "an unknown scheme"),
        ("git+ftp://example.org/x", "an unknown scheme"),
        ("C:/x", "an unknown scheme"),
        ("mailto:me", "an unknown scheme"),
        ("https:/h/x", "a URL without //"),
        ("https://", "a URL without a host"),
        ("https:///x", "a URL without a host"),
        ("https://h", "a host without a path"),
        ("https://h/", "a host without a path"),
        ("https://h/?x", "a host without a path"),
        ("me@h:", "a host without a path"),
        ("me@h:.", "a host without a path"),
        ("https://h/a/../b", ".. in a URL"),
        ("https://h/a b", "white space"),
        ("https://h/a\u00a0b", "white space"),
        ("https://h/a\nb", "control character"),
        ("https://h/a\x7fb", "control character"),
        ("https://h/a%00b", "control character"),
        ("https://h/a%0Ab", "control character"),
        ("o/n\ud800", "unpaired surrogate"),
        ("https://h/a\\b", "invalid character in the path"),
        ("https://h/a%zz", "invalid character in the path"),
        ("https://h/<x>", "invalid character in the path"),
        ("https://h/-x", "starts with -"),
        ("https://h/%2Dx", "starts with -"),
        ("https://-h/x", "invalid character in the host"),
        ("ssh://-oProxyCommand=x/y", "invalid character in the host"),
        ("ssh://-oProxyCommand@h/y", "the user name"),
        ("ssh://@h/y", "the user name"),
        ("-oProxyCommand@h:y", "starts with -"),
        ("https://h!/x", "invalid character in the host"),
        ("https://h..org/x", "invalid character in the host"),
        ("https://h%2e/x", "invalid character in the host"),
        ("https://b\u00fccher.example/x", "not ASCII"),
        ("https://[::1/x", "invalid character in the host"),
        ("https://[::1]x/x", "invalid character in the host"),
        ("https://[::1%25eth0]/x", "invalid character in the host"),
        ("https://[1:2]/x", "invalid IPv6 address"),
        ("https://h:x/y", "a port that is not a number"),
        ("https://h:0/y", "port out of range (1-65535)"),
        ("https://h:65536/y", "port out of range (1-65535)"),
        ("https://h:\u0661/y", "a port that is not a number"),
        ("git.example.org/o/n", "neither owner/name nor a URL"),
        ("git.example.org:8443/o/n", "no scheme"),
        ("https://user@h/x", "credentials in a URL"),
        ("https://user:pass@h/x", "credentials in a URL"),
        ("git://user@h/x", "credentials in a URL"),
        ("ssh://user:pass@h/x", "credentials in a URL"),
        ("git+https://token@github.com/o/n", "credentials in a URL"),
        ("o/n" * 700, "longer than 2,048"),
        ("https://h/" + "\u00e9" * 1000, "longer than 2,048"),
    ],
)
def test_an_invalid_locator_is_refused_with_a_reason_and_a_hint(text: str, why: str) -> None:
    error = refusal(text)
    assert why in error.message
    assert error.hint
    assert "\n" not in error.message
    assert len(error.message) < 200


def test_the_hint_lists_the_accepted_forms() -> None:
    hint = refusal("word").hint
    assert hint is not None
    for form in ["owner/name", "GitHub", "https", "ssh", "git", "file://", "path"]:
        assert form in hint


def test_a_locator_error_quotes_the_text() -> None:
    assert refusal("django").message == "'django': a single word, not a repository"
    assert refusal("a\x1b[1mb/c").message.startswith("'a\\x1b[1mb/c': a control character")


# ── secrets ─────────────────────────────────────────────────────────────────────────────────

SECRET_PLACES = [
    "https://{s}@h.org/x",
    "https://{s}@h.org\nx",
    "https://me:{s}@github.com/o/n",
    "https://{s}:x-oauth-basic@github.com/o/n",
    "http://me:{s}@h.org:99999/x",
    "git://me:{s}@h.org/x",
    "git+https://{s}@github.com/o/n.git@v1#egg=x",
    "git+https://me:{s}@h.org/@x",
    "ssh://me:{s}@h.org/x",
    "ssh://-{s}@h.org/x",
    "ftp://me:{s}@h.org/x",
    "unknown://{s}@h.org/x",
    "https:/me:{s}@h.org/x",
    "https:\\\\me:{s}@h.org/x",
    "//me:{s}@h.org/\x00",
    "me:{s}@h.org:x",
    "first.last:{s}@h.org:x",
    "me:{s}@github.com/o/n",
    "{s}@github.com/o/n",
    "-c https://me:{s}@h.org/x",
    "ext::https://me:{s}@h.org/x",
    "file://me:{s}@h.org/x",
    "https://me:{s}%40h.org/x",
    "https://a.org/https://me:{s}@h.org/x\n!",
    "https://me:{s}@h.org/" + "x" * 3000,
    "x" * 60 + "https://me:{s}@h.org/\x00",
    "https://h.org/?access_token={s}",
]


def message_of(text: str) -> str | None:
    try:
        read(text)
    except LocatorError as error:
        return error.message
    return None


# No full stop in a secret: "a.b/c@d" is a host and a path.
@pytest.mark.parametrize("place", SECRET_PLACES)
@given(st.text(string.ascii_letters + string.digits + "_-!$%^&*/:@#?=~ \t\u00e9", max_size=30))
@example("")
@example("a/b")
@example("a@b/c:d")
@example("a?b@c")
@example("://")
def test_no_locator_error_repeats_a_secret(place: str, middle: str) -> None:
    text = place.format(s=f"Q7{middle}7Q")
    for printed in (message_of(text) or "", redact(text)):
        assert "Q7" not in printed
        assert "7Q" not in printed


def test_the_traceback_of_a_locator_error_has_only_the_message() -> None:
    error = refusal("https://me:pw@h/x")
    assert error.__cause__ is None
    assert error.__suppress_context__


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("o/n", "o/n"),
        ("https://me:pw@h/x", "https://***@h/x"),
        ("git@github.com:o/n.git", "***@github.com:o/n.git"),
        ("git+https://github.com/o/n@v1#egg=x", "git+https://github.com/o/n@v1#egg=x"),
        ("pkg:github/o/n@1.0", "pkg:github/o/n@1.0"),
        ("/srv/a@b/c", "/srv/a@b/c"),
        ("file:///srv/a@b", "file:///srv/a@b"),
        ("https://h/x?token=1", "https://h/x?***"),
        ("a\nb\x1b\ud800\u202e", "a\\nb\\x1b\\ud800\\u202e"),
        ("x" * 80, "x" * 80),
        ("x" * 81, "x" * 79 + "\u2026"),
        ("", ""),
    ],
)
def test_redact_masks_userinfo_and_query(text: str, shown: str) -> None:
    assert redact(text) == shown


# ── properties ──────────────────────────────────────────────────────────────────────────────

any_text = st.text(st.characters(), max_size=60)
pieces = st.lists(
    st.sampled_from(
        (
            *("https", "http", "ssh", "git", "file", "pkg", "ext", "github", "gh", "git+", ":"),
            *(
                "::",
                "//",
                "/",
                ".",
                "..",
                "~",
                "@",
                "-",
                "?",
                "#",
                "%",
                "%00",
                "%2e",
                "%ff",
                "[",
                "]",
            ),
            *("github.com", "gitlab.com", "codeberg.org", "api.github.com", "repos", "h.org", "h"),
            *("::1", "localhost", "o", "n", ".git", "443", "99999", "\u00e9", "\u0130", "\ud800"),
            *("\x00", " "),
        )
    ),
    max_size=12,
).map("".join)


@given(any_text | pieces)
def test_any_text_is_a_locator_or_a_locator_error(text: str) -> None:
    message = message_of(text)
    if message is not None:
        assert message.isprintable()
        return
    locator = read(text)
    assert parse_locator(locator.url) == locator
    assert parse_locator(locator.clone_url).key == locator.key
    assert locator.url.isascii()
    assert locator.url.isprintable()


@given(any_text | pieces)
def test_redact_returns_one_short_printable_line(text: str) -> None:
    assert redact(text).isprintable()
    assert len(redact(text)) <= 80


@st.composite
def remote_locators(draw: st.DrawFn) -> Locator:
    scheme: Scheme = draw(st.sampled_from(("https", "http", "ssh", "git")))
    host = draw(
        st.from_regex(r"[a-z0-9]{1,9}(\.[a-z0-9][a-z0-9-]{0,8}[a-z]){0,3}", fullmatch=True)
        | st.ip_addresses(v=6).map(lambda address: address.compressed)
        | st.ip_addresses(v=4).map(str)
    )
    segment = st.from_regex(
        r"([A-Za-z0-9_~!$&'()*+,;=:@]|%[CE][0-9A-F])+[A-Za-z.-]*", fullmatch=True
    )
    default = {"https": 443, "http": 80, "ssh": 22, "git": 9418}[scheme]
    return Locator(
        scheme=scheme,
        host=host,
        path="/".join(draw(st.lists(segment, min_size=1, max_size=4))),
        port=draw(st.none() | st.integers(1, 65535).filter(lambda port: port != default)),
        user=draw(st.from_regex(r"([a-z0-9_][a-z0-9._+-]{0,8})?", fullmatch=True))
        if scheme == "ssh"
        else "",
    )


@st.composite
def forge_locators(draw: st.DrawFn) -> Locator:
    host = draw(st.sampled_from(("github.com", "gitlab.com", "codeberg.org", "bitbucket.org")))
    groups = draw(st.lists(owners, max_size=3)) if host == "gitlab.com" else []
    name = draw(names.filter(lambda name: not name.startswith("-")))
    return Locator(scheme="https", host=host, path="/".join([*groups, draw(owners), name]))


local_locators = (
    st.lists(
        st.text(st.characters(exclude_categories=("C", "Zl", "Zp"), exclude_characters="/")).filter(
            lambda part: part not in {"", ".", "..", ".git"}
        ),
        max_size=4,
    )
    .map(lambda parts: Locator(scheme="file", host="", path="/" + "/".join(parts)))
    .filter(lambda locator: len(locator.url) < 2048)
)


@given(remote_locators() | forge_locators() | local_locators)
def test_a_printed_locator_parses_to_itself(locator: Locator) -> None:
    assert parse_locator(locator.url) == locator


# ── points_back ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("link", "repository", "answer"),
    [
        ("https://github.com/mariocesar/django-ltree", "mariocesar/django_ltree", True),
        ("https://github.com/MarioCesar/Django.LTree/issues", "mariocesar/django-ltree", True),
        ("git+https://github.com/o/n.git", "o/n", True),
        ("https://github.com/other/n", "o/n", False),
        ("https://github.com/o/n2", "o/n", False),
        ("https://gitlab.com/o/n", "o/n", False),
        ("https://gitlab.com/a/b/n/-/issues", "https://gitlab.com/A/B/n", True),
        ("https://gitlab.com/b/n", "https://gitlab.com/a/b/n", False),
        ("https://git.example.org/o/n", "ssh://git@git.example.org:2222/o/n.git", True),
        ("https://github.com/o", "o/n", False),
        ("https://o.github.io/n", "o/n", False),
        ("https://me:pw@github.com/o/n", "o/n", False),
        ("UNKNOWN", "o/n", False),
        ("", "o/n", False),
        ("\ud800", "o/n", False),
        ("file:///o/n", "/o/n", False),
        ("/o/n", "/o/n", False),
        ("./o", "o/n", False),
    ],
)
def test_points_back_compares_host_owner_and_name(link: str, repository: str, answer: bool) -> None:
    assert points_back([link], [read(repository)]) is answer


def test_points_back_needs_one_link_to_one_repository() -> None:
    repositories = [read("/srv/x"), read("old/name"), read("newer/name")]
    assert points_back(["nonsense", "https://github.com/newer/name"], repositories)
    assert not points_back(["nonsense"], repositories)
    assert not points_back([], repositories)
    assert not points_back(["https://github.com/newer/name"], [])


@given(st.lists(any_text | pieces))
def test_points_back_ignores_links_that_are_not_urls(links: list[str]) -> None:
    assert not points_back(links, [read("an-owner-that-nobody/generates")])


@pytest.mark.parametrize(
    ("name", "normal"),
    [("Django__LTREE", "django-ltree"), ("zope.interface", "zope-interface"), ("a-_.b", "a-b")],
)
def test_normalize_name_follows_pep_503(name: str, normal: str) -> None:
    assert normalize_name(name) == normal


# ── start-up ────────────────────────────────────────────────────────────────────────────────


def test_importing_locators_stays_light() -> None:
    code = "import sys, pkgharvest.model.locators; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    assert not {"urllib.request", "httpx", "sqlite3", "click", "socket"} & set(loaded)
