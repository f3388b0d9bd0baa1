"""Records of the API v4, and their import through the command line."""

import json
from typing import Any

from tests.support.command_line import CommandLine, Result

BASE_URL = "https://site.example"


def record(number: int = 7, name: str = "cat", **changes: Any) -> dict[str, Any]:
    return {
        "category": f"{BASE_URL}/api/v4/categories/1/",
        "grids": [f"{BASE_URL}/api/v4/grids/9/", f"{BASE_URL}/api/v4/grids/3/"],
        "id": number,
        "title": name.title(),
        "slug": name,
        "last_updated": "2026-01-03T17:13:40-05:00",
        "last_fetched": "2026-02-10T18:04:11.230084-05:00",
        "repo_url": f"https://github.com/octo/{name}",
        "pypi_version": "1.1",
        "created": "2020-02-13T11:09:23.697029-05:00",
        "modified": "2026-01-28T14:23:45.386202-05:00",
        "repo_forks": 3,
        "repo_description": "A cat",
        "pypi_url": f"http://pypi.python.org/pypi/{name}",
        "documentation_url": None,
        "repo_watchers": 7,
        "commits_over_52": [0] * 51 + [2],
        "participants": ["ann", "bob"],
    } | changes


def category(number: int = 1, slug: str = "apps", **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "title": slug.title(),
        "slug": slug,
        "description": "Small ones",
        "title_plural": f"{slug.title()}s",
        "show_pypi": True,
        "created": "2010-08-14T22:47:52Z",
        "modified": "2022-03-04T12:18:15.544000Z",
    } | changes


def grid(number: int = 3, slug: str = "cms", **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "title": slug.upper(),
        "slug": slug,
        "description": "Compared",
        "is_locked": False,
        "packages": [f"{BASE_URL}/api/v4/packages/7/"],
        "header": True,
        "created": "2010-08-14T22:47:52Z",
        "modified": "2022-03-04T12:18:15.544000Z",
    } | changes


def page(*results: dict[str, Any], next_url: str | None = None) -> dict[str, Any]:
    return {"count": len(results), "next": next_url, "previous": None, "results": list(results)}


def encode(*documents: object, indent: int | None = None) -> bytes:
    return b"".join(json.dumps(document, indent=indent).encode() + b"\n" for document in documents)


def import_documents(shell: CommandLine, *documents: object) -> list[dict[str, Any]]:
    """Import documents, all of them valid; return the result of each."""
    results: list[dict[str, Any]] = shell.ok(
        "import", "-", "--json", stdin=encode(*documents)
    ).json()
    return results


def outcomes(results: list[dict[str, Any]]) -> list[str]:
    return [result["outcome"] for result in results]


def skip_message(result: Result) -> str:
    """Return the error message of an import that skipped one entry."""
    assert result.code == 3, result
    return result.error
