"""Tokens: where they are found, where they are sent, and that nothing shows them."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkgharvest.model.errors import InvalidValue, Malformed
from pkgharvest.model.origin import Origin, strip_userinfo
from pkgharvest.transport.credentials import Credentials, last_four
from tests.support.github_case import github_host

API = "https://api.github.com"
TOKEN = "ghp_0123456789abcdef"


def header(credentials: Credentials, url: str) -> str | None:
    return credentials.header(Origin.of(url))


def test_a_token_is_sent_to_its_exact_origin_only() -> None:
    credentials = Credentials.of({API: TOKEN})
    assert header(credentials, f"{API}/graphql") == f"Bearer {TOKEN}"
    assert header(credentials, "https://API.github.com:443/x?y") == f"Bearer {TOKEN}"
    for other in (
        "http://api.github.com/",
        "https://api.github.com:444/",
        "https://github.com/",
        "https://api.github.com.example.org/",
        "https://api.github.com./",
        "https://api.github.com@example.org/",
        "https://example.org/https://api.github.com/",
    ):
        assert header(credentials, other) is None


def test_credentials_never_show_a_token() -> None:
    credentials = Credentials.of({API: TOKEN})
    assert repr(credentials) == "Credentials(api.github.com)"
    assert TOKEN not in str(credentials)
    assert credentials.redact(f"said {TOKEN}!") == "said REDACTED!"
    assert credentials.secrets == {TOKEN}


@pytest.mark.parametrize("token", ["abc\ndef", "abcdef\n", "ab cd", "ab\x00cd", "caf\xe9", "", " "])
def test_an_invalid_token_is_an_error_that_does_not_repeat_it(token: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        Credentials.of({API: token})
    shown = f"{caught.value.message} {caught.value.hint}"
    assert "api.github.com" in shown
    assert not token.strip() or token not in shown


def test_last_four_characters_of_a_token() -> None:
    assert last_four(TOKEN) == "cdef"
    assert last_four("short") == ""
    credentials = Credentials.of({API: TOKEN})
    assert credentials.last_four(f"{API}/repos/a/b") == "cdef"
    assert credentials.last_four("https://pypi.org/") == ""


@pytest.mark.parametrize(
    ("environ", "token"),
    [
        ({"GH_TOKEN": "one", "GITHUB_TOKEN": "two"}, "one"),
        ({"GH_TOKEN": "", "GITHUB_TOKEN": "two"}, "two"),
        ({"GITHUB_TOKEN": "two"}, "two"),
        ({"GH_TOKEN": "", "GITHUB_TOKEN": ""}, None),
        ({}, None),
    ],
)
def test_gh_token_is_tried_before_github_token(environ: dict[str, str], token: str | None) -> None:
    credentials = Credentials.find([github_host(API)], environ)
    assert header(credentials, API) == (f"Bearer {token}" if token else None)


def test_the_token_goes_to_the_api_that_is_set() -> None:
    credentials = Credentials.find(
        [github_host("http://127.0.0.1:8000/api/v3")], {"GH_TOKEN": "one"}
    )
    assert header(credentials, "http://127.0.0.1:8000/api/graphql") == "Bearer one"
    assert header(credentials, API) is None


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://ghe.example.org/api/v3", True),
        ("http://ghe.example.org/api/v3", False),
        ("http://localhost.example.org", False),
        ("http://127.0.0.1.example.org", False),
        ("http://0.0.0.0:8000", False),
        ("http://localhost:8000", True),
        ("http://127.0.0.2:8000", True),
        ("http://[::1]:8000", True),
    ],
)
def test_a_token_goes_over_plain_http_to_this_machine_only(url: str, sent: bool) -> None:
    credentials = Credentials.find([github_host(url)], {"GH_TOKEN": "one"})
    assert header(credentials, url) == ("Bearer one" if sent else None)


def test_two_hosts_at_one_origin_share_the_first_ones_token() -> None:
    other = github_host(API)._replace(token_variables=("OTHER",))
    environ = {"GH_TOKEN": "one", "OTHER": "two"}
    assert header(Credentials.find([github_host(API), other], environ), API) == "Bearer one"
    assert header(Credentials.find([other, github_host(API)], environ), API) == "Bearer two"


def test_a_forge_may_have_a_header_of_its_own() -> None:
    host = github_host(API)
    assert host.forge.api is not None
    api = dataclasses.replace(host.forge.api, authorization="token {token}")
    host = host._replace(forge=dataclasses.replace(host.forge, api=api))
    assert header(Credentials.find([host], {"GH_TOKEN": "one"}), API) == "token one"


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("machine api.github.com login x password one\n", "one"),
        ("machine github.com login x password two\n", "two"),
        ("machine github.com password two machine api.github.com password one\n", "one"),
        ("machine example.org login x password three\ndefault login x password four\n", None),
        ("", None),
    ],
)
def test_a_token_in_the_netrc(text: str, token: str | None, tmp_path: Path) -> None:
    path = tmp_path / ".netrc"
    path.write_text(text, encoding="utf-8")
    for environ, given_path in (
        ({}, path),
        ({"NETRC": str(path)}, None),
        ({"HOME": str(tmp_path)}, None),
    ):
        credentials = Credentials.find([github_host(API)], environ, given_path)
        assert header(credentials, API) == (f"Bearer {token}" if token else None)
    before = Credentials.find([github_host(API)], {"GH_TOKEN": "mine"}, path)
    assert header(before, API) == "Bearer mine"


def test_another_api_does_not_get_the_netrc_token_of_github_com(tmp_path: Path) -> None:
    path = tmp_path / "netrc"
    path.write_text("machine github.com login x password two\n", encoding="utf-8")
    url = "https://github.example.org/api/v3"
    assert header(Credentials.find([github_host(url)], {}, path), url) is None


def test_an_invalid_netrc_is_an_error_that_does_not_repeat_it(tmp_path: Path) -> None:
    path = tmp_path / "netrc"
    path.write_text("machine github.com hunter2 hunter3\n", encoding="utf-8")
    with pytest.raises(InvalidValue, match="cannot be understood") as caught:
        Credentials.find([github_host(API)], {}, path)
    assert "hunter" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_missing_netrc_is_empty(tmp_path: Path) -> None:
    assert not Credentials.find([github_host(API)], {}, tmp_path / "none").secrets
    assert not Credentials.find([github_host(API)], {}, tmp_path).secrets


def test_strip_userinfo() -> None:
    assert (
        strip_userinfo("https://me:pw@example.org:8443/a%2Fb?c=d#e")
        == "https://example.org:8443/a%2Fb?c=d"
    )


@given(st.text())
def test_any_text_is_an_origin_or_malformed(text: str) -> None:
    for url in (text, f"https://{text}", f"https://example.org:{text}/"):
        try:
            origin = Origin.of(url)
        except Malformed:
            continue
        else:
            assert origin.host
            assert Origin.of(strip_userinfo(url)) == origin
