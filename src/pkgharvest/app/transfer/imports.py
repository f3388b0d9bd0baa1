"""Import resources of the API v4, or the lines of an export, into the catalog.

A few hundred resources are committed at a time, so that a fetch at work is not kept waiting. An
interrupted import loses nothing: the next one finds what is already there unchanged.
"""

import contextlib
import datetime as dt
import itertools
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from pkgharvest.api_v4 import decode
from pkgharvest.app.transfer import documents
from pkgharvest.app.transfer.documents import DocumentPart
from pkgharvest.catalog import database
from pkgharvest.catalog.transfer import api_import, dump
from pkgharvest.catalog.transfer.upsert import NOUNS, UpsertOutcome, UpsertResult
from pkgharvest.model.clock import Clock
from pkgharvest.model.errors import Conflict, Malformed
from pkgharvest.model.events import Listener
from pkgharvest.model.json_node import JsonNode
from pkgharvest.pipeline.engine import run_loop
from pkgharvest.transport.client import open_client
from pkgharvest.transport.credentials import Credentials

_RESOURCES_PER_TRANSACTION = 200
_NO_RESOURCE = "{}: neither a package nor a grid nor a category"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """What became of one resource."""

    input: str
    """Where it was: the file, and its line or its index in the list."""
    outcome: UpsertOutcome
    type: str | None = None
    slug: str | None = None
    message: str = ""

    def to_dict(self) -> dict[str, str | None]:
        """Return the object that ``import --json`` prints."""
        return {
            "input": self.input,
            "type": self.type,
            "slug": self.slug,
            "outcome": self.outcome,
            "message": self.message,
        }


@dataclass(frozen=True, slots=True)
class Importer:
    """Imports files and URLs into the catalog, which is created when the first resource comes.

    ``on_result`` is called with the result of each resource once it is committed, ``on_note`` with
    anything else that a person should know.
    """

    db_path: Path
    now: dt.datetime
    on_result: Callable[[ImportResult], None]
    on_note: Callable[[str], None] = lambda _: None

    def import_stream(self, name: str, stream: BinaryIO) -> None:
        """Import the resources in ``stream``; ``name`` says where they are from.

        Raises CatalogError, and Malformed if there is no resource in it.
        """
        with contextlib.ExitStack() as stack:
            batches = _Batches(self, stack)
            parts = documents.split_document(name, stream, self.on_note)
            while batch := list(itertools.islice(parts, _RESOURCES_PER_TRANSACTION)):
                batches.write(batch)
            batches.require_resources(name)

    def import_url(self, url: str, clock: Clock, listener: Listener) -> None:
        """Import what is at ``url``: one resource, or a list with all of its pages.

        Raises CatalogError, SourceError if a page cannot be read (those before it are imported),
        and Malformed if there is no resource.
        """
        run_loop(self._download(url, clock, listener))

    async def _download(self, url: str, clock: Clock, listener: Listener) -> None:
        with contextlib.ExitStack() as stack:
            batches = _Batches(self, stack)
            async with open_client(
                clock=clock,
                listener=listener,
                credentials=Credentials.none(),
            ) as client:
                pages = documents.download_parts(client, url)
                async with contextlib.aclosing(pages):
                    async for page in pages:
                        for start in range(0, len(page), _RESOURCES_PER_TRANSACTION):
                            batches.write(page[start : start + _RESOURCES_PER_TRANSACTION])
            batches.require_resources(url)


@dataclass(slots=True)
class _Batches:
    """Writes batches of resources, each in a transaction; opens the catalog for the first one."""

    importer: Importer
    stack: contextlib.ExitStack
    """What closes the catalog."""
    connection: sqlite3.Connection | None = None
    reader: dump.DumpReader | None = None
    held: list[ImportResult] = field(default_factory=list)
    """Results from before the first resource."""

    def write(self, batch: list[DocumentPart]) -> None:
        """Import a batch; raises Malformed for the dump of a newer program."""
        for part in batch:
            if part.node is not None and dump.is_newer_dump(part.node):
                raise Malformed(
                    f"{part.place}: written by a newer pkgharvest", hint="upgrade pkgharvest"
                )
        if self.connection is None and not any(map(_is_resource, batch)):
            self.held += [
                _skipped(part, part.fault or _NO_RESOURCE.format(part.place)) for part in batch
            ]
            return
        if self.connection is None:
            self.connection = self.stack.enter_context(
                database.open_writer(self.importer.db_path, create=True)
            )
            self.reader = dump.DumpReader(self.connection)
        with (
            database.translate_sqlite_errors(self.importer.db_path),
            database.transaction(self.connection),
        ):
            results = list(self._import_batch(self.connection, batch))
        for result in (*self.held, *results):
            self.importer.on_result(result)
        self.held.clear()

    def require_resources(self, name: str) -> None:
        """Raise Malformed if there was something, and none of it a resource."""
        if self.held:
            raise Malformed(
                f"{name}: neither resources of the API v4 nor an export of pkgharvest",
                hint="a package, grid or category, a list or a page of them, or one a line",
            )

    def _import_batch(
        self, connection: sqlite3.Connection, batch: list[DocumentPart]
    ) -> Iterator[ImportResult]:
        for part in batch:
            if part.node is None:
                yield _skipped(part, part.fault)
                continue
            connection.execute("SAVEPOINT resource")
            result: ImportResult | None
            try:
                result = self._import_resource(connection, part.place, part.node)
            except (Malformed, Conflict, sqlite3.IntegrityError) as error:
                connection.execute("ROLLBACK TO resource")
                # The message about malformed JSON already starts with its place.
                placed = error.message if isinstance(error, Malformed) else f"{part.place}: {error}"
                result = _skipped(part, placed)
            connection.execute("RELEASE resource")
            if result is not None:
                yield result

    def _import_resource(
        self, connection: sqlite3.Connection, place: str, node: JsonNode
    ) -> ImportResult | None:
        upserted: UpsertResult
        if dump.is_dump_line(node):
            assert self.reader is not None
            line = self.reader.read(node)
            if line is None:
                return None
            upserted = dump.restore_line(connection, line, self.importer.now)
            kind, slug = NOUNS[line.table], line.slug
        else:
            resource = decode.decode_resource(node)
            upserted = api_import.import_resource(connection, resource, self.importer.now)
            kind, slug = resource.kind, resource.slug
        return ImportResult(
            input=place, outcome=upserted.outcome, type=kind, slug=slug, message=upserted.message
        )


def _is_resource(part: DocumentPart) -> bool:
    node = part.node
    return node is not None and (dump.is_dump_line(node) or decode.resource_kind(node) is not None)


def _skipped(part: DocumentPart, message: str) -> ImportResult:
    """Return the result of a skipped part, with its type and slug as far as they can be read."""
    value = None if part.node is None else part.node.value
    slug = value.get("slug") if isinstance(value, dict) else None
    kind = None
    if part.node is not None and isinstance(value, dict):
        kind = value["type"] if dump.is_dump_line(part.node) else decode.resource_kind(part.node)
    return ImportResult(
        input=part.place,
        outcome="skipped",
        type=kind,
        slug=slug if isinstance(slug, str) else None,
        message=message,
    )
