"""Settings: where values come from, what is derived, and what is invalid."""

import datetime as dt
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkgharvest.model.errors import InvalidValue
from pkgharvest.model.locators import parse_locator
from pkgharvest.model.origin import Origin
from pkgharvest.settings.hosts import HostLimits, host_limits, read_host_tables
from pkgharvest.settings.load import PYPISTATS_URL, Setting, Settings, load
from pkgharvest.settings.spec import all_settings

DEFAULT = "default"
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Person:
    """Somebody with a file for the project, one of their own, and variables."""

    def __init__(self, directory: Path) -> None:
        self.here = directory / "here"
        self.projects = self.here / "pkgharvest.toml"
        self.users = directory / "config" / "pkgharvest" / "config.toml"
        for file in (self.projects, self.users):
            file.parent.mkdir(parents=True)
        self.variables = {"XDG_CONFIG_HOME": str(directory / "config"), "PKGHARVEST_DB": "x.db"}

    def settings(self, variables: Mapping[str, str] | None = None) -> Settings:
        return load({}, {**self.variables, **(variables or {})}, directory=self.here)

    def refusal(self, content: str) -> InvalidValue:
        self.projects.write_text(content)
        with pytest.raises(InvalidValue) as caught:
            self.settings()
        return caught.value


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(tmp_path)


def plain(variables: Mapping[str, str] | None = None) -> Settings:
    """Return settings without files."""
    nowhere = {"XDG_CONFIG_HOME": "/nowhere", "PKGHARVEST_DB": "x.db"}
    return load({}, {**nowhere, **(variables or {})}, directory=Path("/nowhere"))


# ── who wins ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "variable", "default"),
    [
        ("github_api_url", "GITHUB_API_URL", "https://api.github.com"),
        ("github_graphql_url", "GITHUB_GRAPHQL_URL", ""),
        ("pypi_url", "PKGHARVEST_PYPI_URL", "https://pypi.org"),
        ("pypistats_url", "PKGHARVEST_PYPISTATS_URL", ""),
        ("backoff_first", "PKGHARVEST_BACKOFF_FIRST", "1h"),
        ("backoff_most", "PKGHARVEST_BACKOFF_MOST", "7d"),
    ],
)
def test_a_setting_comes_from_its_variable_then_files_then_its_default(
    person: Person, name: str, variable: str, default: str
) -> None:
    (spec,) = (spec for spec in all_settings() if spec.name == name)

    def told() -> Setting:
        return person.settings().lookup(spec)

    assert told() == (default, DEFAULT)
    person.users.write_text(f'{name} = "users"\n')
    assert told() == ("users", str(person.users))
    person.projects.write_text(f'{name} = "projects"\n')
    assert told() == ("projects", str(person.projects))
    person.variables[variable] = "variables"
    assert told() == ("variables", variable)
    person.variables[variable] = ""
    assert told() == ("projects", str(person.projects))


@pytest.mark.parametrize("name", ["github_graphql_url", "pypistats_url", "backoff_first"])
def test_a_setting_in_a_file_must_be_a_string(person: Person, name: str) -> None:
    refusal = person.refusal(f"{name} = 3600\n")
    assert refusal.message == f"{person.projects}: {name} must be a string"


def test_an_unknown_setting_is_an_error_that_lists_all_settings(person: Person) -> None:
    refusal = person.refusal('backoff = "1h"\n')
    assert refusal.message == f"{person.projects}: unknown setting 'backoff'"
    assert refusal.hint is not None
    assert refusal.hint.endswith("pypistats_url, backoff_first, backoff_most, hosts")


def test_loading_settings_without_files_imports_nothing_heavy() -> None:
    """Without a file, that is, and without a fetch."""
    script = (
        "import sys; from pkgharvest.settings.load import Setting, load; from pathlib import Path; "
        "load({'db': Setting('x.db', '--db')}, {'XDG_CONFIG_HOME': '/nowhere'}, "
        "directory=Path('/nowhere')); "
        "heavy = {'tomllib', 'dataclasses', 'httpx', 'platformdirs', 'pkgharvest.settings.hosts', "
        "'pkgharvest.model.forges.base'}; print(*sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run((sys.executable, "-c", script), capture_output=True, check=True)
    assert done.stdout.decode().split() == []


# ── addresses that follow from others ────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "https://api.github.com/graphql"),
        ({"GITHUB_API_URL": "https://api.github.com/"}, "https://api.github.com/graphql"),
        ({"GITHUB_API_URL": "https://ghe.test/api/v3"}, "https://ghe.test/api/graphql"),
        ({"GITHUB_API_URL": "http://127.0.0.1:8080"}, "http://127.0.0.1:8080/graphql"),
        ({"GITHUB_GRAPHQL_URL": "https://g.test/query"}, "https://g.test/query"),
        (
            {"GITHUB_API_URL": "https://ghe.test/api/v3", "GITHUB_GRAPHQL_URL": "https://g.test"},
            "https://g.test",
        ),
    ],
)
def test_the_graphql_url_is_derived_from_the_api_url(
    variables: dict[str, str], expected: str
) -> None:
    host = plain(variables).host_table.hosts["github.com"]
    assert host.urls[1] == expected


@pytest.mark.parametrize(
    "pypi",
    [
        "https://pypi.org",
        "https://pypi.org/",
        "https://pypi.org:443",
        "HTTPS://PyPI.org",
        "https://me:secret@pypi.org/",
    ],
)
def test_the_public_pypi_has_the_public_pypistats(pypi: str) -> None:
    assert plain({"PKGHARVEST_PYPI_URL": pypi}).pypistats == PYPISTATS_URL


@pytest.mark.parametrize(
    "pypi",
    [
        "https://mirror.test",
        "https://pypi.org.mirror.test",
        "https://test.pypi.org",
        "https://pypi.org:8443",
        "http://pypi.org",
        "http://127.0.0.1:8080",
        "https://pypi.org@mirror.test",
        "pypi.org",
        "https://[pypi.org",
        "https://pypi.org:x",
        "nonsense",
    ],
)
def test_another_index_has_no_pypistats_unless_it_is_set(pypi: str) -> None:
    variables = {"PKGHARVEST_PYPI_URL": pypi}
    assert plain(variables).pypistats is None
    stats = {**variables, "PKGHARVEST_PYPISTATS_URL": "https://stats.test"}
    assert plain(stats).pypistats == "https://stats.test"
    assert plain({**variables, "PKGHARVEST_PYPISTATS_URL": ""}).pypistats is None


def test_an_empty_pypistats_url_in_a_file_turns_downloads_off(person: Person) -> None:
    person.projects.write_text('pypistats_url = ""\n')
    assert person.settings().pypistats is None


# ── backoff ──────────────────────────────────────────────────────────────────────────────


def test_backoff_defaults() -> None:
    assert plain().backoff == (dt.timedelta(hours=1), dt.timedelta(days=7))


SPELLED = st.tuples(st.integers(1, 500), st.sampled_from(sorted(UNITS)))


@given(SPELLED, SPELLED)
def test_any_two_durations_in_order_are_a_backoff(
    one: tuple[int, str], other: tuple[int, str]
) -> None:
    def told(first: tuple[int, str], most: tuple[int, str]) -> Settings:
        texts = {"FIRST": f"{first[0]}{first[1]}", "MOST": f"{most[0]}{most[1]}"}
        return plain({f"PKGHARVEST_BACKOFF_{name}": text for name, text in texts.items()})

    def length(spelled: tuple[int, str]) -> dt.timedelta:
        return dt.timedelta(seconds=spelled[0] * UNITS[spelled[1]])

    shorter, longer = sorted((one, other), key=length)
    assert told(shorter, longer).backoff == (length(shorter), length(longer))
    if length(shorter) < length(longer):
        with pytest.raises(InvalidValue, match="is longer than"):
            _ = told(longer, shorter).backoff


@given(st.text())
def test_any_text_is_a_backoff_or_an_error(text: str) -> None:
    settings = plain()._replace(backoff_first=Setting(text, "f"), backoff_most=Setting("9d", "m"))
    try:
        first, most = settings.backoff
    except InvalidValue:
        return
    assert dt.timedelta(0) < first <= most == dt.timedelta(days=9)


@pytest.mark.parametrize("variable", ["PKGHARVEST_BACKOFF_FIRST", "PKGHARVEST_BACKOFF_MOST"])
@pytest.mark.parametrize("value", ["soon", "1", "-1h", "1.5h", "0s", "0w", "99999999w"])
def test_an_invalid_backoff_is_an_error(variable: str, value: str) -> None:
    settings = plain({variable: value})  # who does not fetch is not bothered with it
    with pytest.raises(InvalidValue) as caught:
        _ = settings.backoff
    assert caught.value.message.startswith(f"{variable}: '{value}' is ")


def test_an_invalid_backoff_in_a_file_is_named_with_the_file_and_the_key(person: Person) -> None:
    person.users.write_text('backoff_most = "soon"\n')
    with pytest.raises(InvalidValue) as caught:
        _ = person.settings().backoff
    assert caught.value.message == f"{person.users}: backoff_most: 'soon' is not a duration"
    assert caught.value.hint


def test_the_first_backoff_must_not_be_longer_than_the_longest(person: Person) -> None:
    person.projects.write_text('backoff_most = "30m"\n')
    with pytest.raises(InvalidValue) as caught:
        _ = person.settings().backoff
    assert caught.value.message == (
        f"backoff_first (1h, default) is longer than backoff_most (30m, {person.projects})"
    )


# ── kinds of hosts ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("address", "kind", "url"),
    [
        ("https://github.com/o/n", "github", "https://github.com/o/n"),
        ("https://gitlab.com/g/s/n", "gitlab", "https://gitlab.com/g/s/n"),
        ("https://ghe.test/Team/Tool.git", "github", "https://ghe.test/Team/Tool"),
        ("https://ghe.test/Team/Tool/issues", "github", "https://ghe.test/Team/Tool"),
        ("git@ghe.test:Team/Tool.git", "github", "https://ghe.test/Team/Tool"),
        ("ssh://git@ghe.test:2222/Team/Tool.git", "github", "https://ghe.test/Team/Tool"),
        ("http://ghe.test/Team/Tool", "github", "https://ghe.test/Team/Tool"),
        ("https://ghe.test:8443/Team/Tool", "git", None),
        ("https://other.test:8443/o/n", "github", "https://other.test:8443/o/n"),
        ("https://other.test/o/n", "git", None),
        ("https://lab.test/g/s/n", "gitlab", "https://lab.test/g/s/n"),
        ("https://plain.test/o/n", "git", None),
        ("https://unknown.test/o/n", "git", None),
        ("/srv/x", "git", None),
    ],
)
def test_the_kind_of_a_host_is_built_in_or_configured(
    person: Person, address: str, kind: str, url: str | None
) -> None:
    locator = parse_locator(address)
    key = locator.key
    person.users.write_text(
        '[hosts."ghe.test"]\nkind = "github"\n[hosts."other.test:8443"]\nkind = "github"\n'
        '[hosts."lab.test"]\nkind = "gitlab"\n[hosts."plain.test"]\nkind = "git"\n'
    )
    table = person.settings().host_table
    assert table.kind_of(locator) == kind
    host = table.find(locator)
    found = None if host is None else host.locator(locator.path, exact=False)
    assert (None if found is None else found.url) == url
    assert found is None or found.key in {key, key.partition("/issues")[0]}


def test_the_api_of_a_configured_host_is_derived_from_its_kind(person: Person) -> None:
    person.users.write_text(
        '[hosts."ghe.test"]\nkind = "github"\n'
        '[hosts."other.test:8443"]\nkind = "github"\napi = "https://api.test/v3/"\n'
    )
    hosts = person.settings().host_table.hosts
    assert hosts["ghe.test"].urls == ("https://ghe.test/api/v3", "https://ghe.test/api/graphql")
    assert hosts["other.test:8443"].urls[1] == "https://api.test/v3/graphql"


# ── limits of hosts ──────────────────────────────────────────────────────────────────────


def test_no_host_has_limits_by_default() -> None:
    assert plain().host_limits == {}


def test_host_limits_are_read_from_a_file(person: Person) -> None:
    person.projects.write_text(
        '[hosts."api.github.com"]\nrequests_per_minute = 300\nconcurrency = 4\n'
        '[hosts."127.0.0.1:8080"]\nrequests_per_minute = 0.5\n'
        '[hosts."[::1]:8080"]\nconcurrency = 100\n'
        "[hosts.localhost]\n"
    )
    assert person.settings().host_limits == {
        "api.github.com": HostLimits(300, 4),
        "127.0.0.1:8080": HostLimits(0.5, None),
        "[::1]:8080": HostLimits(None, 100),
    }


def test_the_projects_file_overrides_host_limits_key_by_key(person: Person) -> None:
    person.users.write_text(
        '[hosts."API.GitHub.com:443"]\nrequests_per_minute = 60\nconcurrency = 2\n'
        '[hosts."pypi.org"]\nconcurrency = 3\n'
    )
    person.projects.write_text('[hosts."api.github.com"]\nrequests_per_minute = 300\n')
    settings = person.settings()
    assert settings.host_limits == {
        "api.github.com": HostLimits(300, 2),
        "pypi.org": HostLimits(None, 3),
    }
    assert settings.host_settings == {
        "api.github.com": {
            "concurrency": Setting("2", str(person.users)),
            "requests_per_minute": Setting("300", str(person.projects)),
        },
        "pypi.org": {"concurrency": Setting("3", str(person.users))},
    }


def test_kind_and_token_keys_of_a_host_are_not_limits(person: Person) -> None:
    person.projects.write_text(
        '[hosts."git.example.org"]\nkind = "forgejo"\napi = "https://git.example.org/api/v1"\n'
        'token_env = "T"\ntoken_file = "~/t"\nconcurrency = 1\n'
    )
    assert person.settings().host_limits == {"git.example.org": HostLimits(None, 1)}


RATE = 'hosts."h.test": requests_per_minute must be a number above 0, 1000000 at most'
AT_ONCE = 'hosts."h.test": concurrency must be a whole number from 1 to 100'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        *(
            (f'[hosts."h.test"]\nrequests_per_minute = {value}', RATE)
            for value in ('"30"', "0", "-1", "0.0", "true", "nan", "inf", "[1]", "1" + "0" * 400)
        ),
        *(
            (f'[hosts."h.test"]\nconcurrency = {value}', AT_ONCE)
            for value in ('"8"', "0", "-8", "101", "8.0", "true", "{}", "2026-01-01")
        ),
        ('[hosts."h.test"]\nnope = 1', "hosts.\"h.test\": unknown key 'nope'"),
        ("[hosts.api.github.com]\nconcurrency = 1", "hosts.\"api\": unknown key 'github'"),
        ('hosts = "h.test"', "hosts must be a table of tables"),
        ('[[hosts]]\nname = "h.test"', "hosts must be a table of tables"),
        ('[hosts]\n"h.test" = 30', 'hosts."h.test" must be a table'),
        ("[hosts]\nconcurrency = 3", 'hosts."concurrency" must be a table'),
    ],
)
def test_an_invalid_host_table_is_an_error(person: Person, content: str, said: str) -> None:
    assert person.refusal(content).message == f"{person.projects}: {said}"


def test_errors_in_host_tables_have_hints(person: Person) -> None:
    known = "known: requests_per_minute, concurrency, kind, api, token_env, token_file"
    assert person.refusal('[hosts."h.test"]\nnope = 1').hint == known
    unquoted = person.refusal("[hosts.api.github.com]\nconcurrency = 1").hint
    assert unquoted == 'a name with dots stands in quotes: [hosts."api.github.com"]'


@pytest.mark.parametrize(
    "host",
    [
        *("", " ", "h.test ", "a b", "https://h.test", "h.test/api", "h.test?q", "h.test#f"),
        *("me@h.test", ":8080", "h.test:x", "h.test:99999", "::1", "[::1", "a\\b", 'a"b', "a\x1bb"),
        *("a\nb", "a\tb", "münchen.de", "h.test:0"),
    ],
)
def test_an_invalid_host_name_is_an_error(host: str) -> None:
    with pytest.raises(InvalidValue, match="is not a host") as caught:
        read_host_tables({host: {"concurrency": 1}}, "f.toml")
    assert caught.value.message.isprintable()


def test_two_tables_for_one_host_are_an_error() -> None:
    tables = {"H.test:443": {"concurrency": 1}, "h.test": {"concurrency": 2}}
    with pytest.raises(InvalidValue, match="another table is for the same host"):
        read_host_tables(tables, "f.toml")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("h.test", "https://h.test/x"),
        ("H.test:443", "https://h.test/x"),
        ("h.test:", "https://h.test/x"),
        ("h.test", "http://h.test/x"),
        ("h.test:8443", "https://H.test:8443/x"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("[::1]:443", "https://[::1]/"),
        ("[::1]:8080", "http://[::1]:8080/"),
    ],
)
def test_host_names_are_normalized_as_origins_are(host: str, url: str) -> None:
    assert read_host_tables({host: {"concurrency": 1}}, "f.toml") == {
        str(Origin.of(url)): {"concurrency": "1"}
    }


@given(st.text() | st.from_regex(r"[a-z.\[:]{1,8}(:[0-9]{1,6})?", fullmatch=True))
def test_any_text_is_a_host_name_or_an_error(host: str) -> None:
    try:
        (found,) = read_host_tables({host: {"concurrency": 1}}, "f.toml")
    except InvalidValue:
        return
    assert str(Origin.of(f"https://{host}/")) == found


@given(st.floats(0, 10**6, exclude_min=True) | st.integers(1, 10**6), st.integers(1, 100))
def test_host_limits_keep_their_values(rate: float, at_once: int) -> None:
    table = {"requests_per_minute": rate, "concurrency": at_once}
    read = read_host_tables({"h.test": table}, "f.toml")["h.test"]
    settings = {key: Setting(value, "f.toml") for key, value in read.items()}
    assert host_limits({"h.test": settings}) == {"h.test": HostLimits(rate, at_once)}
