"""The tables, and the migrations that make them.

``PRAGMA user_version`` is the number of migrations that have run; all pending ones run in one
transaction. Names are plain, so that the file makes sense in Datasette or ``sqlite-utils``. A
released migration never changes, so the ones written here do not use the registry in ``columns``.
A new plain column of ``packages`` needs only an entry there: its migration is made from it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from pkgharvest.catalog.columns import PACKAGE_COLUMNS, Column

if TYPE_CHECKING:
    from sqlite_utils import Database

APPLICATION_ID = 0x706B6768
"""``PRAGMA application_id`` of a catalog: "pkgh"."""

Migration = Callable[["Database"], None]

MIGRATIONS: list[Migration] = []
"""In order; the version of the schema is the number of those that have run."""


def migration(step: Migration) -> Migration:
    """Register ``step`` as the next migration."""
    add_column_migrations(MIGRATIONS, PACKAGE_COLUMNS)
    MIGRATIONS.append(step)
    return step


def add_column_migrations(migrations: list[Migration], columns: Iterable[Column]) -> None:
    """Append a migration for each next version that only adds plain columns to ``packages``.

    The registry says which columns those are, so that a plain new field needs no migration written
    by hand.
    """
    by_version: dict[int, list[Column]] = defaultdict(list)
    for column in columns:
        by_version[column.since].append(column)
    while added := by_version.get(len(migrations) + 1):

        def add_columns(db: "Database", added: Sequence[Column] = tuple(added)) -> None:
            for column in added:
                db.execute(f"ALTER TABLE packages ADD COLUMN {column.definition}")

        migrations.append(add_columns)


@migration
def first_tables(db: "Database") -> None:
    """Make the tables of packages, collections, fetches and runs."""
    for statement in _FIRST_TABLES:
        db.execute(statement)


@migration
def downloads(db: "Database") -> None:
    """Add download counts of PyPI projects; null is unknown."""
    for period in ("day", "week", "month"):
        db.execute(f"ALTER TABLE packages ADD COLUMN downloads_last_{period} INTEGER")


@migration
def user_fields_search_and_history(db: "Database") -> None:
    """Add user fields, values that only imports have, full-text search, and history."""
    for statement in _USER_FIELDS_SEARCH_AND_HISTORY:
        db.execute(statement)


@migration
def scores_and_user_fields_of_collections(db: "Database") -> None:
    """Add scores, user fields of collections, and an index for selecting what to fetch."""
    for table in ("categories", "grids"):
        # Names of the columns that a user has set, as a JSON list.
        db.execute(f"ALTER TABLE {table} ADD COLUMN edited TEXT NOT NULL DEFAULT '[]'")
        # An import has used its id, and none has described it yet.
        db.execute(f"ALTER TABLE {table} ADD COLUMN by_number INTEGER NOT NULL DEFAULT 0")
        noun = "category" if table == "categories" else "grid"
        db.execute(
            f"UPDATE {table} SET by_number = 1"  # noqa: S608 - ours
            f" WHERE slug = '{noun}-' || id OR slug LIKE '{noun}-' || id || '-%'"
        )
    db.execute("ALTER TABLE packages ADD COLUMN score INTEGER NOT NULL DEFAULT 0")
    # More licenses have an SPDX id than before, so every project must be read again.
    db.execute("UPDATE packages SET pypi_serial = NULL")
    db.execute("CREATE INDEX packages_score ON packages(score)")
    db.execute(
        "CREATE INDEX packages_asked"
        " ON packages(status, repo_key, pypi_choice, pypi_key, last_fetched)"
    )


@migration
def plain_names_and_identity(db: "Database") -> None:
    """Give five columns their plain names, and let packages share a repository.

    A package is identified by its repository and its PyPI project together, so that a monorepo
    can hold several packages. No value is rewritten; only the search index is rebuilt, because
    the columns of an FTS5 table cannot be renamed.
    """
    for statement in _PLAIN_NAMES_AND_IDENTITY:
        db.execute(statement)


_FIRST_TABLES = (
    """
    CREATE TABLE properties (   -- of the catalog itself
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE categories (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        title TEXT NOT NULL,
        slug TEXT NOT NULL UNIQUE,
        description TEXT NOT NULL DEFAULT '',
        title_plural TEXT NOT NULL DEFAULT '',
        show_pypi INTEGER NOT NULL DEFAULT 1,
        created TEXT NOT NULL,
        modified TEXT NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE grids (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        title TEXT NOT NULL,
        slug TEXT NOT NULL UNIQUE,
        description TEXT NOT NULL DEFAULT '',
        is_locked INTEGER NOT NULL DEFAULT 0,
        header INTEGER NOT NULL DEFAULT 0,
        created TEXT NOT NULL,
        modified TEXT NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE packages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        slug TEXT NOT NULL UNIQUE,
        title TEXT NOT NULL,
        category_id INTEGER REFERENCES categories(id),
        created TEXT NOT NULL,
        modified TEXT NOT NULL,
        last_fetched TEXT,
        repo_url TEXT NOT NULL DEFAULT '',
        repo_key TEXT,              -- the same for all spellings of repo_url
        repo_host TEXT,
        repo_id TEXT,               -- the host's own id, which survives renames
        repo_description TEXT NOT NULL DEFAULT '',
        repo_watchers INTEGER NOT NULL DEFAULT 0,
        repo_forks INTEGER NOT NULL DEFAULT 0,
        open_issues INTEGER,
        homepage TEXT,
        topics TEXT NOT NULL DEFAULT '[]',
        license TEXT,
        archived INTEGER,
        archived_at TEXT,
        status TEXT NOT NULL DEFAULT 'active',
        default_branch TEXT,
        head TEXT,                  -- the commit that commit_days were counted from
        last_updated TEXT,
        commit_count INTEGER,
        days_known INTEGER NOT NULL DEFAULT 0,
        days_since TEXT,            -- the last reading of commit_days began here; null: complete
        commits_over_52 TEXT NOT NULL DEFAULT '[]',
        commits_until TEXT,         -- the day after those weeks
        contributors_read TEXT,
        pypi_choice TEXT NOT NULL DEFAULT 'auto',
        pypi_name TEXT,
        pypi_key TEXT,              -- pypi_name, normalized by PEP 503
        pypi_url TEXT NOT NULL DEFAULT '',
        pypi_version TEXT,
        pypi_serial TEXT,
        pypi_tried TEXT,
        pypi_status TEXT,
        pypi_requires_python TEXT,
        pypi_license TEXT,
        pypi_classifiers TEXT NOT NULL DEFAULT '[]',
        pypi_summary TEXT,
        pypi_documentation_url TEXT,
        documentation_url TEXT      -- set by a user
    ) STRICT
    """,
    "CREATE UNIQUE INDEX packages_repo_key ON packages(repo_key) WHERE repo_key IS NOT NULL",
    "CREATE INDEX packages_pypi_key ON packages(pypi_key) WHERE pypi_key IS NOT NULL",
    "CREATE INDEX packages_category ON packages(category_id)",
    """
    CREATE TABLE grid_packages (
        package_id INTEGER NOT NULL REFERENCES packages(id) ON DELETE CASCADE,
        grid_id INTEGER NOT NULL REFERENCES grids(id) ON DELETE CASCADE,
        position INTEGER NOT NULL,  -- the package's grids, in the order it was added to them
        PRIMARY KEY (package_id, grid_id)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX grid_packages_grid ON grid_packages(grid_id)",
    """
    CREATE TABLE previous_urls (
        package_id INTEGER NOT NULL REFERENCES packages(id) ON DELETE CASCADE,
        url TEXT NOT NULL,
        key TEXT NOT NULL,
        until TEXT NOT NULL,
        PRIMARY KEY (package_id, key)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX previous_urls_key ON previous_urls(key)",
    """
    CREATE TABLE participants (
        package_id INTEGER NOT NULL REFERENCES packages(id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        name TEXT NOT NULL,
        commits INTEGER NOT NULL,
        PRIMARY KEY (package_id, position)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE commit_days (
        package_id INTEGER NOT NULL REFERENCES packages(id) ON DELETE CASCADE,
        day TEXT NOT NULL,
        commits INTEGER NOT NULL,
        PRIMARY KEY (package_id, day)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE versions (
        package_id INTEGER NOT NULL REFERENCES packages(id) ON DELETE CASCADE,
        position INTEGER NOT NULL,  -- newest first by PEP 440
        number TEXT NOT NULL,
        upload_time TEXT,
        yanked INTEGER NOT NULL,
        yanked_reason TEXT,
        is_prerelease INTEGER NOT NULL,
        requires_python TEXT,
        PRIMARY KEY (package_id, position)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        started TEXT NOT NULL,
        finished TEXT,              -- null: it was killed, or is at work
        whole INTEGER NOT NULL,     -- it is for every package
        continues INTEGER REFERENCES runs(id) ON DELETE SET NULL,
        stopped TEXT,
        report TEXT
    ) STRICT
    """,
    "CREATE INDEX runs_continues ON runs(continues)",
    """
    CREATE TABLE fetches (
        package_id INTEGER NOT NULL REFERENCES packages(id) ON DELETE CASCADE,
        source TEXT NOT NULL,
        last_success TEXT,
        last_attempt TEXT,
        last_error TEXT,
        message TEXT,
        consecutive_failures INTEGER NOT NULL DEFAULT 0,
        not_found_in_a_row INTEGER NOT NULL DEFAULT 0,
        next_due TEXT,
        run_id INTEGER REFERENCES runs(id) ON DELETE SET NULL,
        PRIMARY KEY (package_id, source)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX fetches_run ON fetches(run_id)",
    """
    CREATE TABLE validators (
        package_id INTEGER NOT NULL REFERENCES packages(id) ON DELETE CASCADE,
        source TEXT NOT NULL,
        key TEXT NOT NULL,          -- the requested URL
        etag TEXT,
        last_modified TEXT,
        parser INTEGER NOT NULL,    -- revision of the code that read the response
        PRIMARY KEY (package_id, source, key)
    ) STRICT, WITHOUT ROWID
    """,
)

_SEARCHED = ("title", "slug", "repo_description", "topics", "pypi_summary")
_FIRST_TRIGGERS = ("packages_found", "packages_lost", "packages_told")
_SEARCH_TRIGGERS = ("packages_fts_insert", "packages_fts_delete", "packages_fts_update")


def _search_index(columns: tuple[str, ...], triggers: tuple[str, str, str]) -> tuple[str, ...]:
    """Return the statements that create ``packages_fts``, fill it, and keep it up to date.

    ``triggers``: the names of those for insertions, deletions and updates.
    """
    on_insert, on_delete, on_update = triggers
    listed = ", ".join(columns)
    old, new = (", ".join(f"{row}.{column}" for column in columns) for row in ("old", "new"))
    delete = (
        f"INSERT INTO packages_fts (packages_fts, rowid, {listed})"  # noqa: S608 - our own names
        f" VALUES ('delete', old.id, {old})"
    )
    insert = f"INSERT INTO packages_fts (rowid, {listed}) VALUES (new.id, {new})"  # noqa: S608
    return (
        f"""
        CREATE VIRTUAL TABLE packages_fts USING fts5(
            {listed}, content="packages", content_rowid="id", prefix="2 3"
        )
        """,
        "INSERT INTO packages_fts (packages_fts) VALUES ('rebuild')",
        f"CREATE TRIGGER {on_insert} AFTER INSERT ON packages BEGIN {insert}; END",
        f"CREATE TRIGGER {on_delete} AFTER DELETE ON packages BEGIN {delete}; END",
        f"""
        CREATE TRIGGER {on_update} AFTER UPDATE OF {listed} ON packages
        BEGIN {delete}; {insert}; END
        """,
    )


_COMMITS = "(SELECT sum(value) FROM json_each(CASE WHEN json_valid({0}) THEN {0} END))"
_CHANGED_WEEKS = (
    "UPDATE OF commits_over_52 ON packages WHEN new.commits_over_52 <> old.commits_over_52"
)

_USER_FIELDS_SEARCH_AND_HISTORY = (
    # The rules for licenses have changed, so every project must be read again.
    "UPDATE packages SET pypi_serial = NULL",
    # Names of the fields that a user has set, as a JSON list.
    "ALTER TABLE packages ADD COLUMN edited TEXT NOT NULL DEFAULT '[]'",
    # Values of imports that have no column, as a JSON object.
    "ALTER TABLE packages ADD COLUMN extra TEXT NOT NULL DEFAULT '{}'",
    "ALTER TABLE categories ADD COLUMN extra TEXT NOT NULL DEFAULT '{}'",
    "ALTER TABLE grids ADD COLUMN extra TEXT NOT NULL DEFAULT '{}'",
    # All commit_days from the first to the day before the second are known; 0001-01-01: all.
    "ALTER TABLE packages ADD COLUMN days_from TEXT",
    "ALTER TABLE packages ADD COLUMN days_until TEXT",
    """
    UPDATE packages
    SET days_from = coalesce(days_since, '0001-01-01'), days_until = commits_until
    WHERE days_known
    """,
    # The names of the participants for full-text search, one on each line.
    "ALTER TABLE packages ADD COLUMN people TEXT NOT NULL DEFAULT ''",
    """
    UPDATE packages SET people = coalesce((
        SELECT group_concat(name, char(10)) FROM participants WHERE package_id = packages.id
    ), '')
    """,
    *_search_index((*_SEARCHED, "people"), _FIRST_TRIGGERS),
    # The sum of commits_over_52, null for unknown, to sort by it without reading the lists.
    "ALTER TABLE packages ADD COLUMN commits INTEGER",
    f"UPDATE packages SET commits = {_COMMITS.format('commits_over_52')}",  # noqa: S608 - ours
    *(
        f"""
        CREATE TRIGGER packages_{name} AFTER {event} BEGIN
            UPDATE packages SET commits = {_COMMITS.format("new.commits_over_52")}
            WHERE id = new.id;
        END
        """  # noqa: S608 - ours
        for name, event in (
            ("counted", "INSERT ON packages"),
            ("recounted", _CHANGED_WEEKS),
        )
    ),
    *(
        f"CREATE INDEX packages_{name} ON packages({columns})"
        for name, columns in (
            ("title", "title COLLATE NOCASE"),
            ("stars", "repo_watchers"),
            ("updated", "last_updated"),
            ("fetched", "last_fetched"),
            ("commits", "commits"),
            ("downloads", "downloads_last_month"),
            ("status", "status"),
        )
    ),
    "CREATE INDEX fetches_failing ON fetches(package_id) WHERE consecutive_failures > 0",
    # It is for every package, but limited to some of them or to some sources.
    "ALTER TABLE runs ADD COLUMN partial INTEGER NOT NULL DEFAULT 0",
    """
    CREATE TABLE snapshots (        -- one for each change
        package_id INTEGER NOT NULL REFERENCES packages(id) ON DELETE CASCADE,
        at TEXT NOT NULL,
        repo_id TEXT,               -- different: another repository, no growth
        stars INTEGER,
        forks INTEGER,
        open_issues INTEGER,
        commits INTEGER,            -- of the 52 weeks before
        version TEXT,
        downloads INTEGER,          -- of the 30 days before
        status TEXT,
        PRIMARY KEY (package_id, at)
    ) STRICT, WITHOUT ROWID
    """,
)

_PLAIN_NAMES_AND_IDENTITY = (
    *(f"DROP TRIGGER {name}" for name in _FIRST_TRIGGERS),
    "DROP TABLE packages_fts",
    *(
        f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}"
        for table, old, new in (
            ("packages", "edited", "user_fields"),
            ("categories", "edited", "user_fields"),
            ("grids", "edited", "user_fields"),
            ("categories", "by_number", "is_placeholder"),
            ("grids", "by_number", "is_placeholder"),
            ("packages", "people", "participant_names"),
            ("packages", "pypi_tried", "pypi_lookup_note"),
            ("packages", "pypi_choice", "pypi_source"),
        )
    ),
    *_search_index((*_SEARCHED, "participant_names"), _SEARCH_TRIGGERS),
    "DROP INDEX packages_repo_key",
    "CREATE INDEX packages_repo_key ON packages(repo_key) WHERE repo_key IS NOT NULL",
    """
    CREATE UNIQUE INDEX packages_identity ON packages(repo_key, coalesce(pypi_key, ''))
    WHERE repo_key IS NOT NULL
    """,
    # The host's own id finds a repository that two packages name differently.
    "CREATE INDEX packages_repo_id ON packages(repo_id, repo_host) WHERE repo_id IS NOT NULL",
)

add_column_migrations(MIGRATIONS, PACKAGE_COLUMNS)
SCHEMA_VERSION = len(MIGRATIONS)
