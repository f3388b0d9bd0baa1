"""Hypothesis strategies for the state machine: names, options, faults and API records."""

from hypothesis import strategies as st

from tests.standins.server import Fault

SPELLINGS = [
    *("octo/r000", "Octo/R000", "https://github.com/octo/r000.git", "git@github.com:octo/r000"),
    *("octo/r001", "octo/r002", "https://github.com/octo/r003/", "other/r000", "octo/123"),
    *("octo/missing", "octo/moved", "octo/again"),
]
SLUGS = ["r000", "r001", "r002", "mine", "yours", "other-r000", "Not a slug", "12", "moved"]
COLLECTIONS = ["apps", "apps", "pets", "pets", "wild", "category-2", "grid-2"]
PROJECTS = ["r000", "R.001", "tiger", "lost", "../x"]
DOCS = ["https://d.test/", "https://e.test/a", "no address"]
FAULTS = [
    *(Fault(status=status) for status in (401, 403, 404, 410, 429, 451, 500)),
    Fault(body=b"[1"),
    Fault(body=b"{}"),
    Fault(body=b"[]"),
    Fault(body=b"null"),
    Fault(drop=True),
    Fault(cut=20),
]
REQUEST_PATTERNS = [
    ".",
    "/commits",
    "/contributors",
    "/graphql",
    "^/repos/octo/r000",
    "/json",
    "^/simple",
]

indexes = st.integers(0, 9)
titles = st.sampled_from(["A Cat", "-x", "=1+1", "cat\u0301", " ", "\U0001f408 cat"]) | st.text(
    st.characters(exclude_categories=["Cs", "Cc"]), max_size=6
)
none = st.none()
collection_slugs = st.sampled_from(COLLECTIONS)
fields = st.sampled_from(["title", "slug", "repo", "pypi", "docs", "category", "grids"])
spellings = st.sampled_from([*SPELLINGS, "no repository"])
edit_options = st.one_of(
    st.just("--no-pypi"),
    titles.map("--title={}".format),
    st.sampled_from(SLUGS).map("--slug={}".format),
    st.sampled_from(PROJECTS).map("--pypi={}".format),
    st.sampled_from(DOCS).map("--docs={}".format),
    st.sampled_from(["--category=apps", "--category=category-2", "--no-category"]),
    st.sampled_from(["--grid=pets", "--grid=wild", "--grid=grid-2"]),
    st.sampled_from(["--no-grid=pets", "--no-grid", "--no-grid=wild"]),
    fields.map("--reset={}".format),
)


def links(resource: str) -> st.SearchStrategy[str]:
    return st.integers(1, 3).map(lambda number: f"/api/v4/{resource}/{number}/")


api_records = st.fixed_dictionaries(
    {
        "category": none | links("categories"),
        "grids": st.lists(links("grids"), unique=True, max_size=2),
        "id": st.integers(1, 6),
        "title": st.sampled_from(["Told", "A Cat"]),
        "slug": st.sampled_from(["r000", "r001", "r002", "mine", "told"]),
        "last_updated": none | st.just("2024-01-02T03:04:05Z"),
        "last_fetched": none
        | st.sampled_from(["2024-02-02T03:04:05Z", "2026-02-15T18:08:42+00:00"]),
        "repo_url": st.just("")
        | st.sampled_from([*SPELLINGS[2:4], "https://github.com/octo/r001/", "no place"]),
        "pypi_version": none | st.just("0.9"),
        "created": st.just("2010-01-01T00:00:00Z"),
        "modified": st.sampled_from(["2010-01-01T00:00:00Z", "2026-01-01T00:00:00Z"]),
        "repo_forks": st.integers(0, 9),
        "repo_description": st.sampled_from(["", "told"]),
        "pypi_url": st.sampled_from(["", "https://pypi.org/project/r001/", "tiger", "x y"]),
        "documentation_url": none | st.just("https://told.test/"),
        "repo_watchers": st.integers(0, 2**62),
        "commits_over_52": st.just([]) | st.just([1] * 52),
        "participants": st.lists(st.sampled_from(["mona", "\u00e9va", ""]), unique=True),
    }
)
