"""Recording requests and responses into a HAR 1.2 archive, without anything secret."""

import base64
import contextlib
import datetime as dt
import gzip
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from operator import itemgetter
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from pkgharvest.model.clock import Clock
from pkgharvest.model.errors import ArchiveError
from pkgharvest.model.instants import format_instant
from pkgharvest.model.origin import strip_userinfo
from pkgharvest.transport.base import FRAMING_HEADERS, Request, Response, Transport
from pkgharvest.transport.credentials import REDACTED, Credentials

_SENSITIVE_HEADERS = frozenset(
    {
        "authorization",
        "cookie",
        "github-authentication-token-expiration",
        "job-token",
        "private-token",
        "proxy-authorization",
        "set-cookie",
        "x-accepted-github-permissions",
        "x-accepted-oauth-scopes",
        "x-github-sso",
        "x-oauth-client-id",
        "x-oauth-scopes",
    }
)
"""Headers that hold credentials or cookies, or describe them."""

_PAGE_ID = "run"
_PHRASES: Mapping[int, str] = {status.value: status.phrase for status in HTTPStatus}


class HarRecorder:
    """The transport that records. Call ``write`` when the run is over.

    Credentials and cookies are left out: headers by their names, and the tokens of ``credentials``
    wherever they occur. A request without a response leaves no entry.
    """

    def __init__(
        self,
        inner: Transport,
        *,
        clock: Clock,
        creator_version: str,
        hosts: Mapping[str, str],
        credentials: Credentials,
    ) -> None:
        self._inner = inner
        self._clock = clock
        self._creator_version = creator_version
        self._hosts = {name: strip_userinfo(url) for name, url in hosts.items()}
        self._credentials = credentials
        self._started = clock.now()
        self._entries: list[tuple[dt.datetime, dict[str, object]]] = []
        """Each with the time of its request."""

    async def send(self, request: Request) -> Response:
        """Send ``request``, and record it with its response."""
        sent_at, started = self._clock.now(), self._clock.monotonic()
        response = await self._inner.send(request)
        milliseconds = round((self._clock.monotonic() - started) * 1000, 3)
        entry: dict[str, object] = {
            "pageref": _PAGE_ID,
            "startedDateTime": format_instant(sent_at),
            "time": milliseconds,
            "request": self._har_request(request),
            "response": self._har_response(response),
            "cache": {},
            "timings": {"send": 0, "wait": milliseconds, "receive": 0},
        }
        self._entries.append((sent_at, entry))
        return response

    def har(self) -> dict[str, object]:
        """Return the archive so far as a JSON object.

        Entries are recorded as they end, but sorted by their start, as HAR 1.2 prefers.
        """
        return {
            "log": {
                "version": "1.2",
                "creator": {"name": "pkgharvest", "version": self._creator_version},
                "pages": [
                    {
                        "startedDateTime": format_instant(self._started),
                        "id": _PAGE_ID,
                        "title": "pkgharvest",
                        "pageTimings": {},
                    }
                ],
                "entries": [entry for _, entry in sorted(self._entries, key=itemgetter(0))],
                "_pkgharvest": {"hosts": dict(self._hosts)},
            }
        }

    def discard_hosts(self, names: Iterable[str]) -> None:
        """Leave the base addresses of these names out of the archive."""
        for name in names:
            self._hosts.pop(name, None)

    def write(self, path: Path) -> None:
        """Write the archive to ``path`` atomically; a name that ends in ``.gz`` is compressed.

        Raises ArchiveError if it cannot be written.
        """
        # Lone surrogates, which UTF-8 cannot encode, become JSON escapes.
        raw = json.dumps(self.har(), ensure_ascii=False, indent=1).encode(
            "utf-8", "backslashreplace"
        )
        if path.suffix == ".gz":
            raw = gzip.compress(raw, mtime=0)
        _write_atomically(path, raw)

    def _har_request(self, request: Request) -> dict[str, object]:
        url = self._credentials.redact(strip_userinfo(request.url))
        har_request: dict[str, object] = {
            "method": request.method,
            "url": url,
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": self._headers(request.headers),
            "queryString": [
                {"name": name, "value": value}
                for name, value in parse_qsl(urlsplit(url).query, keep_blank_values=True)
            ],
            "headersSize": -1,
            "bodySize": len(request.body or b""),
        }
        if request.body is not None:
            headers = {name.lower(): value for name, value in request.headers.items()}
            har_request["postData"] = {
                "mimeType": headers.get("content-type", ""),
                # HAR itself has encodings in responses only.
                **self._encode_body(request.body, encoding_key="_encoding"),
            }
        return har_request

    def _har_response(self, response: Response) -> dict[str, object]:
        return {
            "status": response.status,
            "statusText": _PHRASES.get(response.status, ""),
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": self._headers(response.headers),
            "content": {
                "size": len(response.body),
                "mimeType": response.headers.get("content-type", ""),
                **self._encode_body(response.body, encoding_key="encoding"),
            },
            "redirectURL": self._credentials.redact(response.headers.get("location", "")),
            "headersSize": -1,
            "bodySize": -1,
        }

    def _headers(self, headers: Mapping[str, str]) -> list[dict[str, str]]:
        redact = self._credentials.redact
        return [
            {
                "name": name,
                "value": REDACTED if name.lower() in _SENSITIVE_HEADERS else redact(value),
            }
            for name, value in headers.items()
            if name.lower() not in FRAMING_HEADERS
        ]

    def _encode_body(self, body: bytes, *, encoding_key: str) -> dict[str, str]:
        """Return the members for ``body``: UTF-8 as it is, anything else as base64."""
        body = self._credentials.redact_body(body)
        try:
            return {"text": body.decode()}
        except UnicodeDecodeError:
            return {"text": base64.b64encode(body).decode("ascii"), encoding_key: "base64"}


def ensure_writable(path: Path) -> None:
    """Check that ``path`` can be written, before hours of work. Raises ArchiveError."""
    try:
        if path.is_dir():
            raise IsADirectoryError(0, "is a directory")
        temporary = _temporary_path(path)
        temporary.touch(exist_ok=False)
        temporary.unlink()
    except OSError as error:
        raise _write_error(path, error) from error


def _write_atomically(path: Path, raw: bytes) -> None:
    temporary = _temporary_path(path)
    try:
        try:
            with temporary.open("xb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(os.path.realpath(path))
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise _write_error(path, error) from error


def _temporary_path(path: Path) -> Path:
    """Return the path of a temporary file next to the file that ``path`` leads to."""
    target = Path(os.path.realpath(path))
    return target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")


def _write_error(path: Path, error: OSError) -> ArchiveError:
    return ArchiveError(f"cannot write {path}: {(error.strerror or str(error)).lower()}")
