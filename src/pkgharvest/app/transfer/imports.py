"""An import: resources of the API v4, or lines of an export, go into the catalogue.

What came is committed a few hundred at a time, so that a fetch at work is not kept waiting, and
an import that is broken off has lost nothing: the next one finds what is there unchanged.
"""

import contextlib
import datetime as dt
import itertools
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from pkgharvest.api_v4 import decode
from pkgharvest.app.transfer import documents
from pkgharvest.app.transfer.documents import DocumentPart
from pkgharvest.catalog import database
from pkgharvest.catalog.transfer import api_import, dump, restore
from pkgharvest.catalog.transfer.upsert import NOUNS, UpsertOutcome, UpsertResult
from pkgharvest.model.clock import Clock
from pkgharvest.model.errors import Conflict, Malformed
from pkgharvest.model.events import Listener
from pkgharvest.model.json_node import JsonNode
from pkgharvest.pipeline.runner import run_loop
from pkgharvest.transport.client import open_client
from pkgharvest.transport.credentials import Credentials

_AT_ONCE = 200
"""Resources in one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """What became of one resource."""

    input: str
    """Where it stood: the file, and its line or its place in the list."""
    outcome: UpsertOutcome
    type: str | None = None
    slug: str | None = None
    message: str = ""


class Import:
    """One call of ``import``: ``tell`` hears what became of each resource, once it is committed.

    ``note`` hears what a person should know besides.
    """

    def __init__(
        self,
        db_path: Path,
        now: dt.datetime,
        tell: Callable[[ImportResult], None],
        note: Callable[[str], None],
    ) -> None:
        self._db_path = db_path
        self._now = now
        self._tell = tell
        self._note = note

    def file(self, name: str, stream: BinaryIO) -> None:
        """Import what ``stream`` holds.

        Raises CatalogError, and Malformed where it holds nothing of the kind.
        """
        with _Target(self._db_path, self._now, self._tell) as target:
            found = documents.split_document(name, stream, self._note)
            while chunk := list(itertools.islice(found, _AT_ONCE)):
                target.take(chunk)
            target.require_something(name)

    def url(self, url: str, clock: Clock, listener: Listener) -> None:
        """Import what is at ``url``: one resource, or a list with all of its pages.

        Raises CatalogError, SourceError where a page cannot be had (what came before it is
        imported), and Malformed where there is nothing of the kind.
        """
        run_loop(self._download(url, clock, listener))

    async def _download(self, url: str, clock: Clock, listener: Listener) -> None:
        with _Target(self._db_path, self._now, self._tell) as target:
            async with open_client(
                clock=clock,
                listener=listener,
                credentials=Credentials.none(),
            ) as client:
                found = documents.download_parts(client, url)
                async with contextlib.aclosing(found):
                    async for page in found:
                        for start in range(0, len(page), _AT_ONCE):
                            target.take(page[start : start + _AT_ONCE])
            target.require_something(url)


class _Target:
    """The catalogue, opened when there is something for it, and made where it is missing."""

    def __init__(self, path: Path, now: dt.datetime, tell: Callable[[ImportResult], None]) -> None:
        self._path = path
        self._now = now
        self._tell = tell
        self._stack = contextlib.ExitStack()
        self._connection: sqlite3.Connection | None = None
        self._reader: dump.DumpReader | None = None
        self._held: list[ImportResult] = []
        """What was skipped before anything was recognised."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def take(self, chunk: list[DocumentPart]) -> None:
        """Import a few, in one transaction; Malformed for what a newer program wrote."""
        for piece in chunk:
            if piece.node is not None and dump.is_newer_dump(piece.node):
                raise Malformed(
                    f"{piece.place}: written by a newer pkgharvest", hint="upgrade pkgharvest"
                )
        if self._connection is None and not any(map(_is_recognised, chunk)):
            self._held += [_skipped(piece, _what_is_wrong(piece)) for piece in chunk]
            return
        if self._connection is None:
            self._connection = self._stack.enter_context(
                database.open_writer(self._path, create=True)
            )
            self._reader = dump.DumpReader(self._connection)
        with database.translate_sqlite_errors(self._path), database.transaction(self._connection):
            told = list(self._imported(self._connection, chunk))
        for one in (*self._held, *told):
            self._tell(one)
        self._held.clear()

    def require_something(self, name: str) -> None:
        """Raise Malformed where there was something, and nothing of it was recognised."""
        if self._held:
            raise Malformed(
                f"{name}: neither resources of the API v4 nor an export of pkgharvest",
                hint="a package, grid or category, a list or a page of them, or one a line",
            )

    def _imported(
        self, conn: sqlite3.Connection, chunk: list[DocumentPart]
    ) -> Iterator[ImportResult]:
        for piece in chunk:
            if piece.node is None:
                yield _skipped(piece, piece.fault)
                continue
            conn.execute("SAVEPOINT resource")
            try:
                told = self._one(conn, piece.place, piece.node)
            except (Malformed, Conflict, sqlite3.IntegrityError) as error:
                conn.execute("ROLLBACK TO resource")
                told = _skipped(piece, _words(piece.place, error))
            conn.execute("RELEASE resource")
            if told is not None:
                yield told

    def _one(self, conn: sqlite3.Connection, place: str, node: JsonNode) -> ImportResult | None:
        verdict: UpsertResult
        if dump.is_dump_line(node):
            assert self._reader is not None
            line = self._reader.read(node)
            if line is None:
                return None
            verdict = restore.restore_line(conn, line, self._now)
            kind, slug = NOUNS[line.table], line.slug
        else:
            told = decode.decode_resource(node)
            verdict = api_import.import_resource(conn, told, self._now)
            kind, slug = told.kind, told.slug
        return ImportResult(
            input=place, outcome=verdict.outcome, type=kind, slug=slug, message=verdict.message
        )


def _is_recognised(piece: DocumentPart) -> bool:
    node = piece.node
    return node is not None and (dump.is_dump_line(node) or decode.resource_kind(node) is not None)


def _what_is_wrong(piece: DocumentPart) -> str:
    return piece.fault or f"{piece.place}: neither a package nor a grid nor a category"


def _skipped(piece: DocumentPart, message: str) -> ImportResult:
    """Say that it was skipped; who it may have been is told as far as that can be read."""
    value = None if piece.node is None else piece.node.value
    slug = value.get("slug") if isinstance(value, dict) else None
    kind = None
    if piece.node is not None and isinstance(value, dict):
        kind = value["type"] if dump.is_dump_line(piece.node) else decode.resource_kind(piece.node)
    return ImportResult(
        input=piece.place,
        outcome="skipped",
        type=kind,
        slug=slug if isinstance(slug, str) else None,
        message=message,
    )


def _words(place: str, error: Malformed | Conflict | sqlite3.IntegrityError) -> str:
    # What could not be read begins with its place already.
    return error.message if isinstance(error, Malformed) else f"{place}: {error}"
