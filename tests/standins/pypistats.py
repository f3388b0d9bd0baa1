"""A pypistats of one's own: ``recent`` downloads, and its manners.

``LoopbackServer(stats.reply)`` serves it. It admits 30 requests a minute and 5 a second, in windows
that slide, and refuses the others as pypistats does: 429 with a page of HTML and no header that
says until when. 404 is plain text. Names are looked up as they come, but for ``.`` and ``_``.
Standard library only.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from threading import Lock

from tests.standins.server import Call, Reply

PER_MINUTE, PER_SECOND = 30, 5

Figures = tuple[int, int, int]
"""Downloads of the last day, week and month."""


class FakePyPIStats:
    """Figures by canonical name; ``downloads`` may be changed at any time."""

    def __init__(
        self,
        downloads: Mapping[str, Figures] | None = None,
        *,
        etags: bool = False,
        limited: bool = True,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.downloads = dict(downloads or {})
        self.etags = etags
        self.limited = limited
        self.admitted: list[float] = []
        """When the requests came that were not refused."""
        self.refused = 0
        self._now = now
        self._lock = Lock()

    def reply(self, call: Call) -> Reply:
        """Answer a request as pypistats would."""
        if self.limited and not self._admits():
            return _text(429, "<!doctype html><title>429 Too Many Requests</title>", "text/html")
        match call.path.split("/"):
            case ["", "api", "packages", name, "recent"]:
                return self._recent(call, name.replace(".", "-").replace("_", "-"))
            case _:
                return _text(404, "404")

    def _admits(self) -> bool:
        with self._lock:
            now = self._now()
            minute = sum(moment > now - 60 for moment in self.admitted)
            second = sum(moment > now - 1 for moment in self.admitted)
            if minute >= PER_MINUTE or second >= PER_SECOND:
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
