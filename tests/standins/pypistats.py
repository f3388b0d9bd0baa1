"""A stand-in for pypistats.org: its ``recent`` endpoint and its rate limit.

``LoopbackServer(stats.reply)`` serves it. It admits 30 requests a minute and 5 a second, in sliding
windows, and refuses others as pypistats does: a 429 with a page of HTML, and no header that says
how long to wait. A 404 is plain text. Names are looked up as given, except for ``.`` and ``_``.
Standard library only.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from threading import Lock

from tests.standins.server import Call, Reply

MAX_PER_MINUTE, MAX_PER_SECOND = 30, 5

Counts = tuple[int, int, int]
"""Downloads of the last day, week and month."""


class FakePyPIStats:
    """Download counts by canonical name. ``downloads`` may be changed at any time."""

    def __init__(
        self,
        downloads: Mapping[str, Counts] | None = None,
        *,
        etags: bool = False,
        limited: bool = True,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.downloads = dict(downloads or {})
        self.etags = etags
        self.limited = limited
        self.admitted: list[float] = []
        """Times of the requests that were not refused."""
        self.refused = 0
        self._now = now
        self._lock = Lock()

    def reply(self, call: Call) -> Reply:
        """Return the reply of pypistats to ``call``."""
        if self.limited and not self._admit():
            return _text(429, "<!doctype html><title>429 Too Many Requests</title>", "text/html")
        match call.path.split("/"):
            case ["", "api", "packages", name, "recent"]:
                return self._recent(call, name.replace(".", "-").replace("_", "-"))
            case _:
                return _text(404, "404")

    def _admit(self) -> bool:
        with self._lock:
            now = self._now()
            minute = sum(moment > now - 60 for moment in self.admitted)
            second = sum(moment > now - 1 for moment in self.admitted)
            if minute >= MAX_PER_MINUTE or second >= MAX_PER_SECOND:
                self.refused += 1
                return False
            self.admitted.append(now)
            return True

    def _recent(self, call: Call, name: str) -> Reply:
        if name not in self.downloads:
            return _text(404, "404")
        day, week, month = self.downloads[name]
        page = {
            "data": {"last_day": day, "last_month": month, "last_week": week},
            "package": name,
            "type": "recent_downloads",
        }
        body = json.dumps(page).encode()
        headers = {"Content-Type": "application/json"}
        if self.etags:
            headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:22]}"'
            if call.headers.get("if-none-match") == headers["ETag"]:
                return Reply(status=304, headers={"ETag": headers["ETag"]})
        return Reply(status=200, headers=headers, body=body)


def _text(status: int, text: str, kind: str = "text/plain") -> Reply:
    return Reply(status=status, headers={"Content-Type": kind}, body=text.encode())
