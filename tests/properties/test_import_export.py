"""Whatever a record holds, it is shown as it came; whatever a catalogue holds, it comes back."""

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

BASE = "https://site.example"
PLAIN = OutputStyle(now=NOW, base_url=BASE)

# Half characters become U+FFFD: no encoding holds them.
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
    return ids.map(lambda number: f"{BASE}/api/v4/{resource}/{number}/")


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
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "catalog.db"
        path.write_bytes(empty_catalog())
        yield path


def ignored(_: object) -> None:
    """Hear what becomes of it, and do nothing."""


def take(path: Path, data: str) -> list[ImportResult]:
    told: list[ImportResult] = []
    Importer(path, NOW, on_result=told.append).import_stream("data", io.BytesIO(data.encode()))
    return told


def taken(path: Path, *told: object) -> list[ImportResult]:
    return take(path, "".join(json.dumps(one) + "\n" for one in told))


def exported(path: Path) -> str:
    return "".join(exports.export_jsonl(path, packages.PackageFilter()))


def problems(path: Path) -> tuple[str, ...]:
    with database.open_reader(path) as conn:
        return maintenance.check_catalog(conn, path).problems


@given(record=resource_packages, extra=extras)
@settings(max_examples=40, deadline=None)
def test_a_record_is_shown_as_it_came(record: dict[str, Any], extra: dict[str, Any]) -> None:
    with place() as path:
        [told] = taken(path, record | extra)
        assert told.outcome == "added", told
        with database.open_reader(path) as conn:
            [package] = packages.read_packages(conn, [record["id"]])
        shown = json.loads(json.dumps(record_values(package, RECORD_FIELDS, PLAIN)))
        wanted = record | {
            key: record[key] and record[key].replace(".000000Z", "Z")
            for key in ("created", "modified", "last_updated", "last_fetched")
        }
        assert shown == wanted
        assert [one.outcome for one in taken(path, record | extra)] == ["unchanged"]


@given(some=st.lists(st.tuples(resources, extras), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_what_is_exported_comes_back(some: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    told = [extra | resource for resource, extra in some]
    with place() as path, place() as other:
        first = taken(path, *told)
        assert len(first) == len(told)
        assert first[0].outcome == "added"
        assert problems(path) == ()
        data = exported(path)
        assert all(one.outcome == "added" for one in take(other, data))
        assert exported(other) == data
        assert problems(other) == ()
        assert all(one.outcome == "unchanged" for one in take(other, data))


@given(value=documents)
def test_no_document_upsets_the_reader(value: object) -> None:
    with contextlib.suppress(DecodeError):
        decode.decode_resource(JsonNode(value, "data"))


@given(
    record=resources,
    key=st.integers(0, 20),
    value=documents,
)
@settings(max_examples=40, deadline=None)
def test_a_strange_value_is_taken_or_refused(
    record: dict[str, Any], key: int, value: object
) -> None:
    odd = record | {list(record)[key % len(record)]: value}
    with place() as path:
        [told, *_] = taken(path, odd, category(6))
        assert told.outcome in {"added", "skipped"}
        assert (told.message != "") >= (told.outcome == "skipped")
        assert problems(path) == ()
        assert exported(path)


@given(data=st.binary(max_size=60))
def test_no_bytes_upset_the_reader(data: bytes) -> None:
    with place() as path, contextlib.suppress(Malformed):
        Importer(path, NOW, on_result=ignored).import_stream("data", io.BytesIO(data))


def category(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "title": "A",
        "slug": "a-category-of-its-own",
        "show_pypi": True,
        "created": "2020-01-01T00:00:00Z",
        "modified": "2020-01-01T00:00:00Z",
    }
