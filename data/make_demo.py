"""Make ``demo.har.gz``, the recording that ``pkgharvest demo`` replays.

    python data/make_demo.py

The GitHub half is made from published facts (``tests/truth``): a loopback stand-in serves the
histories as they were at each record's instant, pkgharvest records it, and the addresses are then
written as GitHub's own. The PyPI half is recorded live, with ``fetch --record``. It needs PyPI, and
the project installed with its test extra.
"""

import datetime as dt
import gzip
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

GITHUB_API_URL = "https://api.github.com"
HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from pkgharvest.app.demo import REPOSITORIES, SLUG  # noqa: E402
from pkgharvest.app.packages import add_packages  # noqa: E402
from pkgharvest.model.clock import Clock, FixedClock, SystemClock  # noqa: E402
from pkgharvest.model.events import ignore_events  # noqa: E402
from pkgharvest.model.observations import SourceName  # noqa: E402
from pkgharvest.pipeline.options import FetchOptions, RunContext  # noqa: E402
from pkgharvest.pipeline.run import fetch  # noqa: E402
from pkgharvest.settings.load import PYPI_URL  # noqa: E402
from pkgharvest.settings.load import load as load_settings  # noqa: E402
from pkgharvest.settings.spec import Setting  # noqa: E402
from tests.standins.github import FakeContributor, FakeRepository, GitHubStandIn, repository_of  # noqa: E402
from tests.support.histories import head_at, load, records  # noqa: E402


def seed() -> dict[str, Any]:
    """Return the one record whose participants are published under their own names."""
    text = (HERE.parent / "tests" / "truth" / "seed-record.json").read_text(encoding="utf-8")
    published: dict[str, Any] = json.loads(text)
    return published


def published_at(full_name: str) -> dict[str, Any]:
    """Return the published record of a repository."""
    url = f"https://github.com/{full_name}".lower()
    if seed()["repo_url"].lower() == url:
        return seed()
    return next(record for record in records() if record["repo_url"].lower() == url)


def repository(full_name: str) -> FakeRepository:
    """Make a repository of its published record and its history, as it was at that instant."""
    facts = published_at(full_name)
    owner, name = full_name.split("/")
    history = load(facts["slug"])
    instant = dt.datetime.fromisoformat(facts["last_fetched"])
    participants = facts["participants"]
    return repository_of(
        history.commits,
        head_at(history, instant),
        owner=owner,
        name=name,
        description=facts["repo_description"],
        stars=facts["repo_watchers"],
        forks=facts["repo_forks"],
        # Their order is published, their numbers are not: these only keep the order.
        contributors=[
            FakeContributor(name=login, contributions=len(participants) - rank)
            for rank, login in enumerate(participants)
        ],
    )


def recorded(
    source: SourceName, clock: Clock, variables: Mapping[str, str], directory: Path
) -> dict[str, Any]:
    """Fetch one source of all packages into a new catalog; return the archive of it."""
    har = directory / f"{source}.har"
    db = directory / f"{source}.db"
    settings = load_settings({"db": Setting(str(db), "db")}, variables, directory=directory)
    add_packages(db, REPOSITORIES, clock.now())
    context = RunContext(settings=settings, environ={}, clock=clock, listener=ignore_events)
    report = fetch(FetchOptions(sources=(source,), record=har), context)
    if report.failed or report.stopped:
        raise SystemExit(f"{source}: {report.to_dict()}")
    archive: dict[str, Any] = json.loads(har.read_text(encoding="utf-8"))
    return archive


def main() -> None:
    """Record both halves, join them, and write the archive."""
    instant = FixedClock(dt.datetime.fromisoformat(seed()["last_fetched"]))
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        stand_in = GitHubStandIn(
            [repository(full_name) for full_name in REPOSITORIES],
            now=lambda: int(instant.now().timestamp()),
        )
        with stand_in as github:
            archive = recorded("repo", instant, {"GITHUB_API_URL": github.url}, directory)
            archive = json.loads(json.dumps(archive).replace(github.url, GITHUB_API_URL))
        live = recorded("pypi", SystemClock(), {}, directory)
    log, pypi = archive["log"], live["log"]
    log["pages"][0] |= {"id": "github", "title": "GitHub: made from published facts"}
    pypi["pages"][0] |= {"id": "pypi", "title": "PyPI: recorded live"}
    log["pages"] += pypi["pages"]
    for half, page in ((log, "github"), (pypi, "pypi")):
        for entry in half["entries"]:
            entry["pageref"] = page
    log["entries"] += pypi["entries"]  # each half as it began, and GitHub's is the older one
    log["_pkgharvest"] = {"hosts": {"github": GITHUB_API_URL, "pypi": PYPI_URL}}
    text = json.dumps(archive, ensure_ascii=False, indent=1).encode()
    out = HERE / "demo.har.gz"
    out.write_bytes(gzip.compress(text, compresslevel=9, mtime=0))
    print(f"{out.name}: {len(log['entries'])} entries, {out.stat().st_size:,} bytes; shows {SLUG}")


if __name__ == "__main__":
    main()
