"""The closed list of fields, and what each reads off a package."""

import datetime as dt
import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pkgharvest.api_v4.encode import RECORD_FIELDS, Json, OutputStyle, record_values
from pkgharvest.formats.fields import FULL_FIELDS, choose_fields
from pkgharvest.model.errors import InvalidValue
from pkgharvest.model.package import Package
from tests.support.packages import NOW, package

STYLE = OutputStyle(now=NOW)


def words(text: str) -> list[str]:
    return text.split()


KEYS = words("""category grids id title slug last_updated last_fetched repo_url pypi_version created
modified repo_forks repo_description pypi_url documentation_url repo_watchers commits_over_52
participants""")
MORE = words("""repo_host repo_id default_branch commit_count archived archived_at status
previous_urls topics license homepage open_issues pypi_name pypi_status pypi_requires_python
pypi_license pypi_classifiers pypi_summary supports_python versions downloads score fetches""")


def read(name: str, of: Package, style: OutputStyle = STYLE) -> Json:
    (field,) = choose_fields(name)
    return field.read(of, style)


def test_field_names_have_the_published_order() -> None:
    assert [field.name for field in RECORD_FIELDS] == KEYS
    assert [field.name for field in FULL_FIELDS] == KEYS + MORE
    assert list(record_values(package(), FULL_FIELDS, STYLE)) == KEYS + MORE


def test_every_field_has_a_summary() -> None:
    assert all(field.summary for field in FULL_FIELDS)


@pytest.mark.parametrize("base", ["", "https://djangopackages.org", "https://djangopackages.org/"])
def test_link_fields_begin_with_the_base_url(base: str) -> None:
    style = OutputStyle(now=NOW, base_url=base)
    root = base.rstrip("/")
    assert read("category", package(), style) == f"{root}/api/v4/categories/1/"
    assert read("grids", package(grid_ids=(7, 5)), style) == [
        f"{root}/api/v4/grids/7/",
        f"{root}/api/v4/grids/5/",
    ]


def test_fields_of_no_category_are_null_and_of_no_grid_an_empty_list() -> None:
    assert read("category", package(category_id=None)) is None
    assert read("grids", package(grid_ids=())) == []


def test_timestamp_fields_are_in_the_chosen_zone() -> None:
    moment = dt.datetime(2026, 2, 15, 23, 8, 42, 136634, tzinfo=dt.UTC)
    assert read("modified", package(modified=moment)) == "2026-02-15T23:08:42.136634Z"
    new_york = OutputStyle(now=NOW, zone=ZoneInfo("America/New_York"))
    assert (
        read("modified", package(modified=moment), new_york) == "2026-02-15T18:08:42.136634-05:00"
    )
    assert read("last_updated", package(last_updated=None)) is None


@pytest.mark.parametrize(
    ("kept", "printed"), [("193379013", 193379013), ("{b1-2}", "{b1-2}"), ("²", "²"), (None, None)]
)
def test_the_repo_id_field_is_a_number_if_it_has_only_digits(
    kept: str | None, printed: Json
) -> None:
    assert read("repo_id", package(repo_id=kept)) == printed


def test_the_versions_and_fetches_fields_are_objects() -> None:
    assert read("versions", package()) == [
        {
            "number": "0.6.0",
            "upload_time": "2025-10-02T09:10:11.000123Z",
            "yanked": False,
            "yanked_reason": None,
            "is_prerelease": False,
            "requires_python": ">=3.10",
        },
        {
            "number": "0.6.0rc1",
            "upload_time": None,
            "yanked": True,
            "yanked_reason": "broken wheel",
            "is_prerelease": True,
            "requires_python": None,
        },
    ]
    assert read("fetches", package()) == {
        "repo": {
            "last_success": "2026-02-15T20:08:42Z",
            "last_attempt": "2026-02-15T20:08:42Z",
            "last_error": None,
            "consecutive_failures": 0,
            "next_due": "2026-02-16T20:08:42Z",
        },
        "pypi": {
            "last_success": "2026-02-13T20:08:42Z",
            "last_attempt": "2026-02-15T20:08:42Z",
            "last_error": "unavailable",
            "consecutive_failures": 2,
            "next_due": "2026-02-16T00:08:42Z",
        },
        "downloads": {
            "last_success": "2026-02-15T20:08:42Z",
            "last_attempt": "2026-02-15T20:08:42Z",
            "last_error": None,
            "consecutive_failures": 0,
            "next_due": None,
        },
    }
    known = {"last_day": 431, "last_week": 2987, "last_month": 12345}
    assert read("downloads", package()) == known
    assert read("downloads", package(downloads=None)) == dict.fromkeys(known)


def test_the_score_field_assumes_python_3_unless_the_project_excludes_it() -> None:
    fresh = package(last_updated=NOW, last_fetched=NOW, repo_watchers=100)
    silent = package(
        last_updated=NOW,
        last_fetched=NOW,
        repo_watchers=100,
        pypi_requires_python=None,
        pypi_classifiers=(),
    )
    old = package(
        last_updated=NOW,
        last_fetched=NOW,
        repo_watchers=100,
        pypi_requires_python=None,
        pypi_classifiers=("Programming Language :: Python :: 2.7",),
    )
    assert read("supports_python", old) == ("2.7",)
    assert [read("score", each) for each in (fresh, silent, old)] == [100, 100, 70]


def test_the_score_field_is_as_of_the_last_fetch_or_else_the_last_change() -> None:
    year_ago = NOW - dt.timedelta(days=366)
    stale = package(last_updated=year_ago, last_fetched=year_ago, repo_watchers=100)
    never = package(last_updated=year_ago, last_fetched=None, modified=NOW, repo_watchers=100)
    assert read("score", stale) == 100
    assert read("score", never) == 60


def test_chosen_fields_keep_their_order_and_are_listed_once() -> None:
    assert [field.name for field in choose_fields("slug, repo_forks,slug,,score")] == [
        "slug",
        "repo_forks",
        "score",
    ]


@pytest.mark.parametrize("names", ["stars", "slug,Stars", "", " , ", "slug repo_forks"])
def test_an_unknown_field_is_rejected_with_a_list_of_valid_names(names: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        choose_fields(names)
    assert all(name in str(refused.value.hint) for name in KEYS + MORE)
    assert "\n" not in refused.value.message


def test_json_fields_import_no_rich_csv_or_packaging() -> None:
    code = (
        "import sys, pkgharvest.formats.json_text, pkgharvest.formats.fields\n"
        "sys.exit(', '.join({'rich', 'csv', 'packaging', 'httpx', 'click'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


def test_record_fields_import_no_packaging() -> None:
    code = (
        "import sys, datetime as dt\n"
        "from tests.support.packages import NOW, package\n"
        "from pkgharvest.api_v4.encode import RECORD_FIELDS, OutputStyle\n"
        "from pkgharvest.formats import json_text\n"
        "json_text.object_text(package(score=72), RECORD_FIELDS, OutputStyle(now=NOW))\n"
        "sys.exit('packaging' if 'packaging' in sys.modules else None)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.stderr.strip() == ""
