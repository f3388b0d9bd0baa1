"""The Python API: what it exports, and each method of a catalog."""

import asyncio
import copy
import datetime as dt
import inspect
import json
import logging
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import pkgharvest
from pkgharvest.app.demo import archive_path
from pkgharvest.model import errors
from pkgharvest.model.clock import FixedClock
from pkgharvest.model.events import Event, RunFinished, RunStarted
from tests.api import example
from tests.support.catalogs import NOW, make_catalog
from tests.support.command_line import CommandLine

ARCHIVE = archive_path()
RECORDED = dt.datetime(2026, 2, 15, 23, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep settings and tokens of whoever runs the tests out."""
    for name in ("GH_TOKEN", "GITHUB_TOKEN", "PKGHARVEST_CONFIG", "PKGHARVEST_DB"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def catalog(tmp_path: Path) -> pkgharvest.Catalog:
    """A catalog with octo/cat, read once."""
    return pkgharvest.open(make_catalog(tmp_path / "cat.db"), clock=FixedClock(NOW))


# ── names ──


def test_all_is_exactly_what_is_exported() -> None:
    assert sorted(pkgharvest.__all__) == dir(pkgharvest)
    for name in pkgharvest.__all__:
        assert getattr(pkgharvest, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = pkgharvest.Nothing


def test_every_error_class_is_exported() -> None:
    classes = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, pkgharvest.PkgharvestError)
    }
    assert classes <= set(pkgharvest.__all__)


def test_the_example_uses_every_public_name() -> None:
    source = Path(example.__file__).read_text(encoding="utf-8")
    assert [name for name in pkgharvest.__all__ if name not in source] == []


def test_importing_the_package_imports_nothing_heavy() -> None:
    program = (
        "import sys; before = set(sys.modules); import pkgharvest;"
        "print(sorted(name for name in set(sys.modules) - before if 'pkgharvest.' in name"
        " or name in {'httpx', 'rich', 'click', 'sqlite3', 'asyncio', 'dataclasses'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout == "[]\n"


# ── a catalog ──


def test_open_refuses_a_missing_file_unless_it_is_to_create_one(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with pytest.raises(pkgharvest.CatalogError):
        pkgharvest.open(path)
    assert not path.exists()
    with pkgharvest.open(path, create=True) as catalog:
        assert len(catalog) == 0
    with pkgharvest.open(str(path)) as catalog:
        assert list(catalog.packages()) == []
        assert repr(catalog) == f"Catalog({str(path)!r})"


def test_open_refuses_what_is_no_catalog(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, and longer than a page header\n" * 10)
    for create in (False, True):
        with pytest.raises(pkgharvest.CatalogError):
            pkgharvest.open(path, create=create)


def test_add_says_what_became_of_a_repository(catalog: pkgharvest.Catalog) -> None:
    added = catalog.add("https://github.com/octo/dog", title="Dog", pypi="doggo")
    assert (added.outcome, added.slug, added.repo_url) == (
        "added",
        "dog",
        "https://github.com/octo/dog",
    )
    assert catalog.add("octo/dog").outcome == "exists"
    assert catalog["dog"].title == "Dog"
    assert catalog["doggo"].slug == "dog"
    with pytest.raises(pkgharvest.LocatorError) as refused:
        catalog.add("https://user:secret@example.org/x")
    assert "secret" not in str(refused.value)
    with pytest.raises(pkgharvest.UnknownCategory):
        catalog.add("octo/bird", category="nowhere")
    assert "bird" not in catalog


def test_a_package_is_found_by_any_name(catalog: pkgharvest.Catalog) -> None:
    for name in ("cat", "1", "https://github.com/octo/cat", "git@github.com:octo/cat.git"):
        assert name in catalog
        assert catalog[name].slug == "cat"
    assert "dog" not in catalog
    assert 1 not in catalog
    with pytest.raises(KeyError, match="dog"):
        _ = catalog["dog"]


@pytest.mark.parametrize("full", [False, True])
def test_a_record_is_key_for_key_what_show_prints(tmp_path: Path, full: bool) -> None:
    shell = CommandLine(tmp_path / "shell")
    shell.db.parent.mkdir(parents=True)
    make_catalog(shell.db)
    options = ("--base-url", "https://example.org", "--tz", "America/New_York")
    printed = shell.show("cat", *options, *(["--full"] if full else []))
    with pkgharvest.open(shell.db) as catalog:
        record = catalog["cat"].to_dict(
            base_url="https://example.org", tz="America/New_York", full=full
        )
    assert record == printed
    assert list(record) == list(printed)
    json.dumps(record)


@pytest.mark.parametrize(
    "options",
    [
        *({"jobs": jobs} for jobs in (0, -1, 65)),
        *({"limit": limit} for limit in (0, -1)),
        *({"sources": sources} for sources in ((), "repo", ["elsewhere"])),
        {"request_budget": -1},
        {"history": "elsewhere"},
        {"stale": "soon"},
    ],
    ids=str,
)
def test_fetch_refuses_a_value_out_of_range(
    catalog: pkgharvest.Catalog, options: dict[str, Any]
) -> None:
    with pytest.raises(pkgharvest.InvalidValue) as caught:
        catalog.fetch(**options)
    assert "--" not in caught.value.message


@pytest.mark.parametrize("options", [{"sort": "size"}, {"status": "lost"}, {"limit": -1}], ids=str)
def test_packages_refuses_a_value_out_of_range(
    catalog: pkgharvest.Catalog, options: dict[str, Any]
) -> None:
    with pytest.raises(pkgharvest.InvalidValue):
        list(catalog.packages(**options))


def test_history_refuses_an_instant_without_a_zone(catalog: pkgharvest.Catalog) -> None:
    with pytest.raises(pkgharvest.InvalidValue, match="has no time zone"):
        catalog.history("cat", since=dt.datetime(2026, 2, 15))  # noqa: DTZ001


def test_only_text_names_a_package(catalog: pkgharvest.Catalog) -> None:
    with pytest.raises(KeyError):
        catalog[1]  # type: ignore[index]


def test_a_record_in_an_unknown_zone_is_refused(catalog: pkgharvest.Catalog) -> None:
    with pytest.raises(pkgharvest.InvalidValue):
        catalog["cat"].to_dict(tz="Mars/Olympus")


def test_packages_come_lazily_filtered_and_sorted(catalog: pkgharvest.Catalog) -> None:
    for name in ("ant", "bee"):
        catalog.add(f"octo/{name}")
    assert [package.slug for package in catalog] == ["ant", "bee", "cat"]
    assert [package.slug for package in catalog.packages(sort="stars", limit=1)] == ["cat"]
    assert [package.slug for package in catalog.packages(stale="1d", reverse=True)] == [
        "bee",
        "ant",
    ]
    assert list(catalog.packages(failing=True)) == []
    with pytest.raises(pkgharvest.UnknownGrid):
        next(catalog.packages(grid="nowhere"))
    first = next(packages := catalog.packages())
    assert isinstance(first, pkgharvest.Package)
    catalog.remove("bee")  # a reader in the middle of a list holds nothing back
    assert [package.slug for package in packages][-1] == "cat"


def test_search_and_history(catalog: pkgharvest.Catalog) -> None:
    assert [hit.slug for hit in catalog.search("ca")] == ["cat"]
    assert catalog.search("giraffe") == []
    assert catalog.history("cat", since="90d") == catalog.history("cat", since=NOW)
    with pytest.raises(pkgharvest.UnknownPackage):
        catalog.history("dog")


def test_edit_sets_and_resets(catalog: pkgharvest.Catalog) -> None:
    edited = catalog.edit("cat", title="The Cat", docs="https://docs.example.org", pypi=False)
    assert set(edited.changed) == {"title", "docs", "pypi"}
    assert catalog["cat"].documentation_url == "https://docs.example.org"
    assert catalog.edit("cat", reset=["title"]).changed == ("title",)
    with pytest.raises(pkgharvest.InvalidValue):
        catalog.edit("cat", docs="javascript:alert(1)")
    with pytest.raises(pkgharvest.InvalidValue):
        catalog.edit("cat", reset=["stars"])


def test_remove_takes_all_or_none(catalog: pkgharvest.Catalog) -> None:
    catalog.add("octo/dog")
    with pytest.raises(pkgharvest.UnknownPackage):
        catalog.remove("dog", "bird")
    assert catalog.remove("dog", "cat") == ["dog", "cat"]
    assert len(catalog) == 0


# ── fetching ──


@pytest.fixture
def fresh(tmp_path: Path) -> pkgharvest.Catalog:
    """A catalog with the package of the recorded archive, never fetched."""
    catalog = pkgharvest.open(tmp_path / "fresh.db", create=True, clock=FixedClock(RECORDED))
    catalog.add("mariocesar/django-ltree")
    return catalog


def test_fetch_reports_logs_and_tells_a_listener(
    fresh: pkgharvest.Catalog, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    heard: list[Event] = []
    fresh.add("octo/unheard-of")
    with caplog.at_level(logging.DEBUG, logger="pkgharvest"):
        report = fresh.fetch(replay=ARCHIVE, listener=heard.append)
    assert (report.updated, report.failed, report.stopped) == (1, 1, None)
    assert isinstance(heard[0], RunStarted)
    assert isinstance(heard[-1], RunFinished)
    requests = [record for record in caplog.records if record.levelno == logging.DEBUG]
    failures = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(requests) == report.traffic.requests
    assert any("unheard-of: repo: not_recorded" in record.getMessage() for record in failures)
    assert capsys.readouterr() == ("", "")
    assert fresh["django-ltree"].repo_watchers == 72


def test_fetch_prints_nothing_in_a_program_without_logging(tmp_path: Path) -> None:
    program = """if True:
        import pkgharvest
        from pkgharvest.app.demo import archive_path
        with pkgharvest.open("packages.db", create=True) as catalog:
            catalog.add("octo/unheard-of")
            assert catalog.fetch(replay=archive_path()).failed == 1
    """
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, cwd=tmp_path, timeout=30, check=True
    )
    assert (done.stdout, done.stderr) == (b"", b"")


def test_fetch_inside_a_running_loop(fresh: pkgharvest.Catalog) -> None:
    async def act() -> pkgharvest.RunReport:
        return await fresh.afetch("django-ltree", replay=str(ARCHIVE))

    assert asyncio.run(act()).updated == 1


@pytest.mark.filterwarnings("error")
def test_fetch_inside_a_running_loop_says_what_to_use(fresh: pkgharvest.Catalog) -> None:
    async def act() -> None:
        fresh.fetch(replay=ARCHIVE)

    with pytest.raises(RuntimeError, match="await afetch"):
        asyncio.run(act())


def test_fetch_takes_the_options_of_the_command(fresh: pkgharvest.Catalog) -> None:
    options = pkgharvest.FetchOptions(jobs=2, replay=ARCHIVE)
    assert fresh.fetch(options=options, limit=1, sources=["repo"], stale="24h").selected == 1
    assert fresh.fetch(options=options, stale=dt.timedelta(days=1), sources=["repo"]).selected == 0
    with pytest.raises(pkgharvest.InvalidValue):
        fresh.fetch(stale="soon")
    with pytest.raises(pkgharvest.InvalidValue):
        fresh.fetch(as_of="2026-01-01", history="api")
    with pytest.raises(pkgharvest.UnknownPackage):
        fresh.fetch("nobody", replay=ARCHIVE)
    with pytest.raises(pkgharvest.ArchiveError):
        fresh.fetch(replay="missing.har")


def test_a_report_can_be_pickled(fresh: pkgharvest.Catalog) -> None:
    report = fresh.fetch(replay=ARCHIVE)
    assert pickle.loads(pickle.dumps(report)).to_dict() == report.to_dict()


def test_every_record_can_be_pickled_and_copied(catalog: pkgharvest.Catalog) -> None:
    locator = pkgharvest.parse_locator("octo/cat")
    records = [catalog["cat"], locator, catalog.search("cat")[0], catalog.add("octo/dog")]
    for record in [*records, pkgharvest.FetchOptions(), *catalog["cat"].versions]:
        assert pickle.loads(pickle.dumps(record)) == record
        assert copy.deepcopy(record) == record
        assert copy.copy(record) == record


def test_threads_share_a_file_with_a_catalog_each(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    pkgharvest.open(path, create=True)
    problems: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with pkgharvest.open(path) as catalog:
                for index in range(5):
                    catalog.add(f"octo/r{number}-{index}")
                    assert f"r{number}-{index}" in catalog
        except BaseException as error:  # noqa: BLE001 - handed to the test
            problems.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert problems == []
    assert len(pkgharvest.open(path)) == 20


def test_the_example_runs(tmp_path: Path) -> None:
    lines = example.main(tmp_path / "example.db", ARCHIVE)
    assert lines[1:4] == ["django-ltree added", "django-otp added", "1 updated, 0 failed"]
    assert lines[-2:] == ["django-otp", "1 left"]
