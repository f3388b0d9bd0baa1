"""Recording every exchange into a HAR 1.2 archive, with nothing secret in it."""

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

_REDACTED = "REDACTED"

_SENSITIVE = frozenset(
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
"""Headers that hold credentials or cookies, or tell of them."""

_PAGE = "run"


class HarRecorder:
    """The link that takes note of every exchange; ``write`` it when all is done.

    Nothing that is a credential or a cookie is noted: headers by their names, and each of
    ``secret_texts`` wherever it stands. An exchange that brought no answer leaves no entry.
    """

    def __init__(
        self,
        inner: Transport,
        *,
        clock: Clock,
        creator_version: str,
        hosts: Mapping[str, str],
        secret_texts: Iterable[str] = (),
    ) -> None:
        self._inner = inner
        self._clock = clock
        self._creator_version = creator_version
        self._hosts = {name: strip_userinfo(url) for name, url in hosts.items()}
        self._secrets = sorted(filter(None, secret_texts), key=len, reverse=True)
        self._started = clock.now()
        self._entries: list[tuple[dt.datetime, dict[str, object]]] = []
        """Each with when it began."""

    async def send(self, request: Request) -> Response:
        """Send ``request``, and note it with its answer."""
        begun, started = self._clock.now(), self._clock.monotonic()
        answer = await self._inner.send(request)
        milliseconds = round((self._clock.monotonic() - started) * 1000, 3)
        entry: dict[str, object] = {
            "pageref": _PAGE,
            "startedDateTime": format_instant(begun),
            "time": milliseconds,
            "request": self._request(request),
            "response": self._response(answer),
            "cache": {},
            "timings": {"send": 0, "wait": milliseconds, "receive": 0},
        }
        self._entries.append((begun, entry))
        return answer

    def har(self) -> dict[str, object]:
        """Return the archive so far, as the JSON object that it is; entries as they began.

        They are noted as they end; HAR 1.2 prefers the oldest first.
        """
        began = sorted(self._entries, key=itemgetter(0))
        return {
            "log": {
                "version": "1.2",
                "creator": {"name": "pkgharvest", "version": self._creator_version},
                "pages": [
                    {
                        "startedDateTime": format_instant(self._started),
                        "id": _PAGE,
                        "title": "pkgharvest",
                        "pageTimings": {},
                    }
                ],
                "entries": [entry for _, entry in began],
                "_pkgharvest": {"hosts": dict(self._hosts)},
            }
        }

    def write(self, path: Path) -> None:
        """Write the archive to ``path``, whole or not at all; gzip where it ends in ``.gz``.

        Raises ArchiveError where that cannot be done.
        """
        # Lone surrogates, which UTF-8 has not, become the escapes that JSON has for them.
        text = json.dumps(self.har(), ensure_ascii=False, indent=1)
        raw = text.encode("utf-8", "backslashreplace")
        if path.suffix == ".gz":
            raw = gzip.compress(raw, mtime=0)
        _replace(path, raw)

    def _request(self, request: Request) -> dict[str, object]:
        url = self._clean(strip_userinfo(request.url))
        noted: dict[str, object] = {
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
            kind = {name.lower(): value for name, value in request.headers.items()}
            text, encoding = self._text(request.body)
            posted = {"mimeType": kind.get("content-type", ""), "text": text}
            if encoding:
                posted["_encoding"] = encoding  # HAR has encodings in answers only
            noted["postData"] = posted
        return noted

    def _response(self, answer: Response) -> dict[str, object]:
        text, encoding = self._text(answer.body)
        content = {
            "size": len(answer.body),
            "mimeType": answer.headers.get("content-type", ""),
            "text": text,
        }
        if encoding:
            content["encoding"] = encoding
        return {
            "status": answer.status,
            "statusText": _phrase(answer.status),
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": self._headers(answer.headers),
            "content": content,
            "redirectURL": self._clean(answer.headers.get("location", "")),
            "headersSize": -1,
            "bodySize": -1,
        }

    def _headers(self, headers: Mapping[str, str]) -> list[dict[str, str]]:
        return [
            {
                "name": name,
                "value": _REDACTED if name.lower() in _SENSITIVE else self._clean(value),
            }
            for name, value in headers.items()
            if name.lower() not in FRAMING_HEADERS
        ]

    def _text(self, body: bytes) -> tuple[str, str | None]:
        """Return ``body`` as HAR holds it: text where it is UTF-8, else base64."""
        for secret in self._secrets:
            body = body.replace(secret.encode(), _REDACTED.encode())
        try:
            return body.decode(), None
        except UnicodeDecodeError:
            return base64.b64encode(body).decode("ascii"), "base64"

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, _REDACTED)
        return text


def ensure_writable(path: Path) -> None:
    """Find out whether ``path`` can be written, before hours of work: ArchiveError where not."""
    try:
        if path.is_dir():
            raise IsADirectoryError(0, "is a directory")
        draft = _draft(path)
        draft.touch(exist_ok=False)
        draft.unlink()
    except OSError as error:
        raise _unwritable(path, error) from error


def _replace(path: Path, raw: bytes) -> None:
    draft = _draft(path)
    try:
        try:
            with draft.open("xb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(os.path.realpath(path))
        finally:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error


def _draft(path: Path) -> Path:
    """Return a name beside the file that ``path`` leads to, for what is not whole yet."""
    target = Path(os.path.realpath(path))
    return target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")


def _unwritable(path: Path, error: OSError) -> ArchiveError:
    return ArchiveError(f"cannot write {path}: {(error.strerror or str(error)).lower()}")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
