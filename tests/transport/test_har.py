"""HAR archives: recording, replaying, secrets, and archives written by browsers."""

import asyncio
import datetime as dt
import gzip
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkgharvest.model.clock import FixedClock
from pkgharvest.model.errors import ArchiveError, NotRecorded
from pkgharvest.transport.base import FRAMING_HEADERS, Request, Response
from pkgharvest.transport.credentials import Credentials
from pkgharvest.transport.har.recorder import _SENSITIVE_HEADERS, HarRecorder, ensure_writable
from pkgharvest.transport.har.replay import HarArchive, HarReplay

START = dt.datetime(2026, 2, 15, 18, 8, 42, 123456, tzinfo=dt.UTC)
URL = "https://api.github.com/repos/a/b"
SECRET = "ghp_0123456789abcdef"

TEXT = {"type": "string"}
WHOLE = {"type": "integer"}
PAIRS = {"type": "array", "items": {"required": ["name", "value"], "properties": {"value": TEXT}}}


def shape(**properties: object) -> dict[str, object]:
    """Return the JSON schema of an object that must have ``properties``."""
    return {"type": "object", "required": list(properties), "properties": properties}


HAR = shape(
    log=shape(
        version={"const": "1.2"},
        creator=shape(name=TEXT, version=TEXT),
        pages={
            "type": "array",
            "items": shape(startedDateTime=TEXT, id=TEXT, title=TEXT, pageTimings=shape()),
        },
        entries={
            "type": "array",
            "items": shape(
                pageref=TEXT,
                startedDateTime={"pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"},
                time={"type": "number", "minimum": 0},
                request=shape(
                    method=TEXT,
                    url={"pattern": "^https?://"},
                    httpVersion=TEXT,
                    cookies=PAIRS,
                    headers=PAIRS,
                    queryString=PAIRS,
                    headersSize=WHOLE,
                    bodySize=WHOLE,
                ),
                response=shape(
                    status=WHOLE,
                    statusText=TEXT,
                    httpVersion=TEXT,
                    cookies=PAIRS,
                    headers=PAIRS,
                    content=shape(size=WHOLE, mimeType=TEXT, text=TEXT),
                    redirectURL=TEXT,
                    headersSize=WHOLE,
                    bodySize=WHOLE,
                ),
                cache=shape(),
                timings=shape(send=WHOLE, wait={"type": "number"}, receive=WHOLE),
            ),
        },
    )
)
"""The schema of HAR 1.2."""


class Script:
    """Gives the scripted responses in turn."""

    def __init__(self, *responses: Response) -> None:
        self.responses = list(responses)

    async def send(self, _request: Request) -> Response:
        return self.responses.pop(0)


def response(body: bytes = b"{}", *, status: int = 200, url: str = URL, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, headers=named, body=body, url=url)


def test_recorded_entries_are_sorted_by_their_start() -> None:
    clock = FixedClock(START.replace(microsecond=0))  # so that one has no fraction of a second

    class Slow:
        """Answers the first request after the second."""

        def __init__(self) -> None:
            self.was_answered = asyncio.Event()

        async def send(self, request: Request) -> Response:
            if request.url == f"{URL}/0":
                await self.was_answered.wait()
            self.was_answered.set()
            return Response(url=request.url, status=200, headers={}, body=b"{}")

    async def run() -> list[str]:
        recorder = HarRecorder(
            Slow(), clock=clock, creator_version="1", hosts={}, credentials=Credentials.none()
        )
        first = asyncio.create_task(recorder.send(Request(url=f"{URL}/0")))
        await asyncio.sleep(0)
        await clock.sleep(0.5)
        await recorder.send(Request(url=f"{URL}/1"))
        await first
        log: Any = recorder.har()["log"]
        return [entry["request"]["url"] for entry in log["entries"]]

    assert asyncio.run(run()) == [f"{URL}/0", f"{URL}/1"]


def record(*pairs: tuple[Request, Response], secret: str = SECRET) -> HarRecorder:
    recorder = HarRecorder(
        Script(*(given_response for _, given_response in pairs)),
        clock=FixedClock(START),
        creator_version="1.0",
        hosts={"github": "https://api.github.com", "pypi": "https://me:pw@pypi.org"},
        credentials=Credentials.of({URL: secret}),
    )

    async def run() -> None:
        for request, _ in pairs:
            await recorder.send(request)

    asyncio.run(run())
    jsonschema.validate(recorder.har(), HAR)
    return recorder


def reread(recorder: HarRecorder, tmp_path: Path) -> HarArchive:
    path = tmp_path / "run.har"
    recorder.write(path)
    return HarArchive.read(path)


def replay(archive: HarArchive, *requests: Request) -> list[Response]:
    link = HarReplay(archive)

    async def run() -> list[Response]:
        return [await link.send(request) for request in requests]

    return asyncio.run(run())


def get(url: str = URL, **headers: str) -> Request:
    return Request(url=url, headers={name.replace("_", "-"): v for name, v in headers.items()})


# ── there and back ───────────────────────────────────────────────────────────────────────

names = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True).filter(
    lambda name: name not in FRAMING_HEADERS | _SENSITIVE_HEADERS
)
values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=30)


@settings(max_examples=60, deadline=None)
@given(
    status=st.integers(100, 599).filter(lambda status: status != 304),
    headers=st.dictionaries(names, values, max_size=5),
    body=st.binary(max_size=200) | st.text(max_size=50).map(str.encode),
    posted=st.none() | st.binary(min_size=1, max_size=50),
)
def test_a_replay_returns_what_was_recorded(
    tmp_path_factory: pytest.TempPathFactory,
    status: int,
    headers: dict[str, str],
    body: bytes,
    posted: bytes | None,
) -> None:
    request = Request(url=f"{URL}?q=%20", method="POST" if posted else "GET", body=posted)
    given_response = Response(status=status, headers=headers, body=body, url=request.url)
    recorder = record((request, given_response))
    archive = reread(recorder, tmp_path_factory.mktemp("har"))
    assert replay(archive, request, request) == [given_response, given_response]


@pytest.mark.parametrize("name", ["run.har", "run.har.gz"])
def test_an_archive_keeps_its_start_hosts_and_entries(name: str, tmp_path: Path) -> None:
    recorder = record((get(), response("naïve ☃".encode(), content_type="text/plain")))
    path = tmp_path / name
    recorder.write(path)
    assert path.read_bytes().startswith(b"\x1f\x8b") == name.endswith(".gz")
    archive = HarArchive.read(path)
    assert archive.started == START
    assert archive.hosts == {"github": "https://api.github.com", "pypi": "https://pypi.org"}
    assert len(archive.entries) == 1
    first = path.read_bytes()
    recorder.write(path)
    assert path.read_bytes() == first
    assert [found.name for found in tmp_path.iterdir()] == [name]


def test_an_archive_without_requests(tmp_path: Path) -> None:
    archive = reread(record(), tmp_path)
    assert (archive.started, archive.entries) == (START, ())


def test_a_replay_repeats_the_last_of_several_responses(tmp_path: Path) -> None:
    archive = reread(
        record((get(), response(status=503)), (get(), response(b"1")), (get(), response(b"2"))),
        tmp_path,
    )
    responses = replay(archive, *[get()] * 4)
    assert [(found.status, found.body) for found in responses] == [
        (503, b"{}"),
        (200, b"1"),
        (200, b"2"),
        (200, b"2"),
    ]
    assert replay(archive, get())[0].status == 503  # a new replay begins anew


def test_framing_headers_are_not_recorded() -> None:
    headers = dict.fromkeys(("Content-Encoding", "Content-Length", "Transfer-Encoding"), "x")
    held = Response(status=200, headers=headers | {"etag": '"1"'}, body=b"", url=URL)
    recorded: Any = record((Request(url=URL, headers=headers), held)).har()
    entry = recorded["log"]["entries"][0]
    assert entry["request"]["headers"] == []
    assert entry["response"]["headers"] == [{"name": "etag", "value": '"1"'}]


# ── secrets ──────────────────────────────────────────────────────────────────────────────


def test_no_secret_is_recorded(tmp_path: Path) -> None:
    sensitive = {name: f"hidden-{number}" for number, name in enumerate(sorted(_SENSITIVE_HEADERS))}
    request = Request(
        url=f"https://me:hidden-pw@api.github.com/?token={SECRET}#hidden-part",
        method="POST",
        headers={name.title(): value for name, value in sensitive.items()},
        body=f'{{"a": "{SECRET}"}}'.encode(),
    )
    texts = Response(
        status=302,
        headers=sensitive | {"location": f"/?{SECRET}", "x-echo": f"Bearer {SECRET}"},
        body=f"you are {SECRET}".encode(),
        url=request.url,
    )
    binary = response(b"\xff" + SECRET.encode(), url=request.url)
    path = tmp_path / "run.har"
    record((request, texts), (request, binary)).write(path)
    written = path.read_text(encoding="utf-8")
    assert SECRET not in written
    assert "hidden" not in written
    assert "me:" not in written
    assert SECRET.encode() not in HarArchive.read(path).entries[1].response.body
    for name in _SENSITIVE_HEADERS:
        assert re.search(rf'"{name}",\s*"value": "REDACTED"', written)


# ── finding the answer ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("recorded", "asked"),
    [
        (f"{URL}?a=1&b=2", f"{URL}?b=2&a=1"),
        (f"{URL}?a=x%20y", f"{URL}?a=x+y"),
        ("https://API.github.com:443/r", "https://api.github.com/r"),
        ("https://pypi.org/simple/%7ex%2fy/", "https://pypi.org/simple/~x%2Fy/"),
        ("https://pypi.org/é", "https://pypi.org/%C3%A9"),
        ("https://pypi.org", "https://pypi.org/"),
        (URL, f"{URL}#part"),
    ],
)
def test_a_replay_finds_all_spellings_of_a_url(recorded: str, asked: str, tmp_path: Path) -> None:
    archive = reread(record((get(recorded), response(b"x", url=recorded))), tmp_path)
    assert replay(archive, get(asked))[0].body == b"x"


@pytest.mark.parametrize(
    "asked",
    [
        get(f"{URL}/"),
        get(f"{URL}?a=1"),
        get(URL.replace("https", "http")),
        get("https://pypi.org/simple/x/y/"),
        Request(url=URL, method="POST", body=b"{}"),
    ],
)
def test_a_request_that_differs_is_not_recorded(asked: Request, tmp_path: Path) -> None:
    slashed = "https://pypi.org/simple/x%2Fy/"
    archive = reread(record((get(), response()), (get(slashed), response(url=slashed))), tmp_path)
    with pytest.raises(NotRecorded) as caught:
        replay(archive, asked)
    said = f"the archive does not hold {asked.method} {asked.url}"
    assert caught.value.message.startswith(said)


def test_a_replay_compares_posted_json_by_its_meaning(tmp_path: Path) -> None:
    def post(body: str) -> Request:
        return Request(url=URL, method="POST", body=body.encode())

    archive = reread(
        record(
            (post('{"query": "a", "variables": {"x": 1}}'), response(b"1")),
            (post('{"query": "b"}'), response(b"2")),
        ),
        tmp_path,
    )
    found = replay(archive, post('{"variables":{"x":1},"query":"a"}'), post('{"query":"b"}'))
    assert [response.body for response in found] == [b"1", b"2"]
    with pytest.raises(NotRecorded, match=r"with this body$"):
        replay(archive, post('{"query": "c"}'))


# ── validators ───────────────────────────────────────────────────────────────────────────

MODIFIED = "Sun, 15 Feb 2026 00:00:00 GMT"
LATER = "Mon, 16 Feb 2026 00:00:00 GMT"
EARLIER = "Sat, 14 Feb 2026 00:00:00 GMT"


@pytest.mark.parametrize(
    ("conditions", "status"),
    [
        ({"if-none-match": 'W/"a,b"'}, 304),
        ({"if-none-match": '"a,b"'}, 304),
        ({"if-none-match": '"x", W/"a,b"'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"if-none-match": '"a"'}, 200),
        ({"if-none-match": ""}, 200),
        ({"if-none-match": '"x"', "if-modified-since": LATER}, 200),
        ({"if-modified-since": MODIFIED}, 304),
        ({"if-modified-since": LATER}, 304),
        ({"if-modified-since": EARLIER}, 200),
        ({"if-modified-since": "yesterday"}, 200),
        ({}, 200),
    ],
)
def test_a_replay_responses_conditional_requests(
    conditions: dict[str, str], status: int, tmp_path: Path
) -> None:
    held = response(
        b"body",
        etag='W/"a,b"',
        last_modified=MODIFIED,
        x_ratelimit_remaining="7",
        content_type="text/plain",
    )
    archive = reread(record((get(), held)), tmp_path)
    found = replay(archive, Request(url=URL, headers=conditions))[0]
    assert found.status == status
    assert found.headers["etag"] == 'W/"a,b"'
    assert found.headers["x-ratelimit-remaining"] == "7"
    assert found.body == (b"" if status == 304 else b"body")
    assert ("content-type" in found.headers) == (status == 200)


def test_a_replay_responses_304_only_in_place_of_a_200(tmp_path: Path) -> None:
    archive = reread(record((get(), response(status=404, etag='"a"'))), tmp_path)
    assert replay(archive, get(if_none_match='"a"'))[0].status == 404


def test_a_recorded_304_responses_conditional_requests_only(tmp_path: Path) -> None:
    unchanged = response(b"", status=304, etag='"a"')
    archive = reread(record((get(), unchanged), (get(), response(b"x", etag='"a"'))), tmp_path)
    assert [found.status for found in replay(archive, get(), get(if_none_match='"a"'))] == [
        200,
        304,
    ]
    archive = reread(record((get(), unchanged)), tmp_path)
    assert replay(archive, get(if_none_match='"a"'))[0].status == 304
    with pytest.raises(NotRecorded):
        replay(archive, get())


# ── archives made by others, and what is none ────────────────────────────────────────────


def browser_har(**log: Any) -> dict[str, Any]:
    """Return an archive as a browser saves it, shortened."""
    entry = {
        "_initiator": {"type": "script"},
        "_priority": "High",
        "startedDateTime": "2026-02-15T19:08:42.123+01:00",
        "time": 12.5,
        "request": {
            "method": "GET",
            "url": URL,
            "httpVersion": "h2",
            "headers": [{"name": ":authority", "value": "api.github.com"}],
        },
        "response": {
            "status": 200,
            "headers": [
                {"name": "ETag", "value": '"a"'},
                {"name": "Content-Encoding", "value": "br"},
                {"name": "link", "value": "<a>"},
                {"name": "Link", "value": "<b>"},
            ],
            "content": {"size": 3, "text": "eHl6", "encoding": "base64"},
            "_error": None,
        },
    }
    return {"log": {"version": "1.2", "entries": [entry]} | log}


def written(tmp_path: Path, har: object) -> Path:
    path = tmp_path / "theirs.har"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(har).encode())
    return path


def test_an_archive_written_by_a_browser_is_read(tmp_path: Path) -> None:
    archive = HarArchive.read(written(tmp_path, browser_har()))
    assert archive.started == dt.datetime(2026, 2, 15, 18, 8, 42, 123000, tzinfo=dt.UTC)
    assert archive.hosts == {}
    found = replay(archive, get())[0]
    assert found == response(b"xyz", etag='"a"', link="<a>, <b>")


@pytest.mark.parametrize(
    ("where", "change"),
    [
        ("response", {"status": 0}),
        ("response", {"content": {"size": 3}}),
        ("request", {"url": "data:text/plain,x"}),
    ],
)
def test_archive_entries_without_a_response_are_skipped(
    where: str, change: dict[str, object], tmp_path: Path
) -> None:
    har = browser_har()
    har["log"]["entries"][0][where].update(change)
    assert HarArchive.read(written(tmp_path, har)).entries == ()


def test_the_first_page_of_an_archive_is_its_start(tmp_path: Path) -> None:
    har = browser_har(pages=[{"startedDateTime": "2020-01-01T00:00:00Z"}])
    assert HarArchive.read(written(tmp_path, har)).started.year == 2020


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "not a HAR archive: HAR: not valid JSON"),
        (b"{", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[]", "HAR: expected an object"),
        (b'{"log": {}}', "HAR.log.entries: expected a value"),
        (b'{"log": {"entries": [1]}}', "HAR.log.entries[0]: expected an object"),
        (b'{"log": {"entries": []}}', "does not say when it was recorded"),
        (gzip.compress(b"{}", mtime=0)[:-4], "damaged gzip"),
        (b"\x1f\x8bnonsense", "damaged gzip"),
    ],
)
def test_a_file_that_is_not_an_archive_is_an_error(raw: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "none.har"
    path.write_bytes(raw)
    with pytest.raises(ArchiveError, match=re.escape(said)) as caught:
        HarArchive.read(path)
    assert "\n" not in caught.value.message
    assert str(path) in caught.value.message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"text": "x", "encoding": "rot13"}, "unknown encoding 'rot13'"),
        ({"text": "x", "encoding": "base64"}, "not base64"),
        ({"text": 1}, "expected a string"),
    ],
)
def test_an_archive_with_an_unreadable_body_is_an_error(
    content: dict[str, object], said: str, tmp_path: Path
) -> None:
    har = browser_har()
    har["log"]["entries"][0]["response"]["content"] = content
    with pytest.raises(ArchiveError, match=said):
        HarArchive.read(written(tmp_path, har))


def test_a_missing_or_unreadable_archive_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"^cannot read .*: no such file"):
        HarArchive.read(tmp_path / "none.har")
    with pytest.raises(ArchiveError, match="is a directory"):
        HarArchive.read(tmp_path)


# ── writing ──────────────────────────────────────────────────────────────────────────────


def test_an_archive_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    recorder = record((get(), response()))
    for path, said in (
        (tmp_path / "none" / "run.har", "no such file or directory"),
        (tmp_path, "is a directory"),
    ):
        with pytest.raises(ArchiveError, match=f"^cannot write .*{said}"):
            recorder.write(path)
        with pytest.raises(ArchiveError, match=f"^cannot write .*{said}"):
            ensure_writable(path)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="nothing is read-only to this user"
)
def test_an_archive_in_a_read_only_directory_is_an_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ArchiveError, match="permission denied"):
        ensure_writable(tmp_path / "run.har")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no /dev/full")
def test_a_full_disk_leaves_the_old_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.har"
    record((get(), response(b"old"))).write(path)

    def full(_number: int) -> None:
        with Path("/dev/full").open("wb", buffering=0) as file:
            file.write(b"x")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArchiveError, match="no space left"):
        record((get(), response(b"new"))).write(path)
    assert replay(HarArchive.read(path), get())[0].body == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_archive_is_written_through_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "run.har"
    try:
        link.symlink_to(tmp_path / "there" / "real.har")
    except OSError:
        pytest.skip("links cannot be made here")
    ensure_writable(link)
    record((get(), response())).write(link)
    assert link.is_symlink()
    assert HarArchive.read(tmp_path / "there" / "real.har").started == START
