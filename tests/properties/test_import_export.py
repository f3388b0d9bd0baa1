"""Any record is shown as it was imported, and any catalog survives an export and import."""

import contextlib
import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pkgharvest.api_v4 import decode
from pkgharvest.api_v4.encode import RECORD_FIELDS, OutputStyle, record_values
from pkgharvest.app.transfer import exports
from pkgharvest.app.transfer.imports import Importer, ImportResult
from pkgharvest.catalog import database, maintenance, packages
from pkgharvest.model.errors import Malformed
from pkgharvest.model.json_node import DecodeError, JsonNode
from tests.support.catalogs import NOW, empty_catalog

BASE_URL = "https://site.example"
OUTPUT_STYLE = OutputStyle(now=NOW, base_url=BASE_URL)

# Without surrogates: no encoding has them, and they are replaced by U+FFFD.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
titles = texts.filter(lambda text: text.strip() != "")
slugs = st.from_regex(r"[a-z0-9_-]{1,12}", fullmatch=True)
ids = st.integers(1, 6)
counts = st.integers(0, 2**63 - 1)
instants = st.datetimes(
    min_value=NOW.replace(year=1990, tzinfo=None), max_value=NOW.replace(year=2090, tzinfo=None)
).map(lambda moment: moment.isoformat() + "Z")
documents: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)
extras = st.dictionaries(st.sampled_from(["usage", "score", "\ud800", "caf\u00e9"]), documents)


def links(resource: str) -> st.SearchStrategy[str]:
    return ids.map(lambda number: f"{BASE_URL}/api/v4/{resource}/{number}/")


repositories = (
    st.just("")
    | st.sampled_from(
        [
            *("https://github.com/octo/cat", "https://GitHub.com/Octo/cat/", "git@host.test:a/b"),
            *("https://bitbucket.org/octo/cat/", "https://x.example/l/cat", "no address", "/srv/x"),
        ]
    )
    | texts.filter(lambda text: "@" not in text)
)
projects = st.just("") | st.sampled_from(
    [
        "http://pypi.python.org/pypi/cat",
        "https://pypi.org/project/Cat/",
        "dog",
        "https://x.example/",
    ]
)

resource_packages = st.fixed_dictionaries(
    {
        "category": st.none() | links("categories"),
        "grids": st.lists(links("grids"), unique=True, max_size=4),
        "id": ids,
        "title": titles,
        "slug": slugs,
        "last_updated": st.none() | instants,
        "last_fetched": st.none() | instants,
        "repo_url": repositories,
        "pypi_version": st.none() | texts,
        "created": instants,
        "modified": instants,
        "repo_forks": counts,
        "repo_description": texts,
        "pypi_url": projects,
        "documentation_url": st.none() | texts,
        "repo_watchers": counts,
        "commits_over_52": st.just([]) | st.lists(st.integers(0, 99), min_size=52, max_size=52),
        "participants": st.lists(texts, unique=True, max_size=4),
    }
)
categories = st.fixed_dictionaries(
    {
        "id": ids,
        "title": titles,
        "slug": slugs,
        "description": texts,
        "title_plural": texts,
        "show_pypi": st.booleans(),
        "created": instants,
        "modified": instants,
    }
)
grids = st.fixed_dictionaries(
    {
        "id": ids,
        "title": titles,
        "slug": slugs,
        "description": texts,
        "is_locked": st.booleans(),
        "packages": st.lists(links("packages"), unique=True, max_size=4),
        "header": st.booleans(),
        "created": instants,
        "modified": instants,
    }
)
resources = st.one_of(resource_packages, resource_packages, categories, grids)


@contextlib.contextmanager
def temporary_catalog() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "catalog.db"
        path.write_bytes(empty_catalog())
        yield path


def ignore(_: object) -> None:
    """Ignore the result."""


def import_text(path: Path, data: str) -> list[ImportResult]:
    results: list[ImportResult] = []
    Importer(path, NOW, on_result=results.append).import_stream("data", io.BytesIO(data.encode()))
    return results


def import_documents(path: Path, *given_documents: object) -> list[ImportResult]:
    return import_text(path, "".join(json.dumps(document) + "\n" for document in given_documents))


def export_text(path: Path) -> str:
    return "".join(exports.export_jsonl(path, packages.PackageFilter()))


def problems(path: Path) -> tuple[str, ...]:
    with database.open_reader(path) as conn:
        return maintenance.check_catalog(conn, path).problems


@given(record=resource_packages, extra=extras)
@settings(max_examples=40, deadline=None)
def test_any_imported_record_is_shown_unchanged(
    record: dict[str, Any], extra: dict[str, Any]
) -> None:
    with temporary_catalog() as path:
        [result] = import_documents(path, record | extra)
        assert result.outcome == "added", result
        with database.open_reader(path) as conn:
            [package] = packages.read_packages(conn, [record["id"]])
        shown = json.loads(json.dumps(record_values(package, RECORD_FIELDS, OUTPUT_STYLE)))
        expected = record | {
            key: record[key] and record[key].replace(".000000Z", "Z")
            for key in ("created", "modified", "last_updated", "last_fetched")
        }
        assert shown == expected
        assert [again.outcome for again in import_documents(path, record | extra)] == ["unchanged"]


@given(generated=st.lists(st.tuples(resources, extras), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_any_catalog_survives_an_export_and_import(
    generated: list[tuple[dict[str, Any], dict[str, Any]]],
) -> None:
    given_documents = [extra | resource for resource, extra in generated]
    with temporary_catalog() as path, temporary_catalog() as other:
        results = import_documents(path, *given_documents)
        assert len(results) == len(given_documents)
        assert results[0].outcome == "added"
        assert problems(path) == ()
        data = export_text(path)
        assert all(result.outcome == "added" for result in import_text(other, data))
        assert export_text(other) == data
        assert problems(other) == ()
        assert all(result.outcome == "unchanged" for result in import_text(other, data))


@given(value=documents)
def test_any_json_document_is_decoded_or_rejected(value: object) -> None:
    with contextlib.suppress(DecodeError):
        decode.decode_resource(JsonNode(value, "data"))


@given(
    record=resources,
    key=st.integers(0, 20),
    value=documents,
)
@settings(max_examples=40, deadline=None)
def test_any_value_in_a_record_is_imported_or_skipped(
    record: dict[str, Any], key: int, value: object
) -> None:
    changed = record | {list(record)[key % len(record)]: value}
    with temporary_catalog() as path:
        [result, *_] = import_documents(path, changed, category(6))
        assert result.outcome in {"added", "skipped"}
        assert (result.message != "") >= (result.outcome == "skipped")
        assert problems(path) == ()
        assert export_text(path)


@given(data=st.binary(max_size=60))
def test_any_bytes_are_imported_or_rejected(data: bytes) -> None:
    with temporary_catalog() as path, contextlib.suppress(Malformed):
        Importer(path, NOW, on_result=ignore).import_stream("data", io.BytesIO(data))


def category(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "title": "A",
        "slug": "a-category-of-its-own",
        "show_pypi": True,
        "created": "2020-01-01T00:00:00Z",
        "modified": "2020-01-01T00:00:00Z",
    }
