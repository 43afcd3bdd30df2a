"""What browsers, phones and programs ask before any rule is asked: bodies, cursors, moments, lines to the writer."""

from __future__ import annotations

import asyncio
import base64
import re
from concurrent.futures import Future
from typing import Any
from unittest import mock

from fuzz.target import Finding, Target, tree_of
from fuzz.targets.field import _loop
from safeconduct.api.problems import Problem
from safeconduct.records import moments
from safeconduct.records.refusals import Malformed
from safeconduct.risk import days


def _request(data: bytes, media_type: str = "application/json") -> Any:
    from django.test import RequestFactory

    return RequestFactory().generic("POST", "/api/v1/x", data, content_type=media_type)


def _api_body(data: bytes) -> Any:
    from safeconduct.api import gate

    request = _request(data)
    gate._read_body(request, gate.JSON_LIMIT)
    return gate._json(request)


def _outbox(data: bytes) -> Any:
    from safeconduct.shell import outbox

    return outbox.sent(_request(data))


def _muster_answer(data: bytes) -> Any:
    from safeconduct.watch import muster_route

    return muster_route._said(data)


def _alert_answer(data: bytes) -> Any:
    from safeconduct.watch import alert_phone

    return alert_phone._of_outbox(_request(data))


def _positions(data: bytes) -> Any:
    """A batch of a phone; who it is and what it may send are decided elsewhere."""
    from safeconduct.positions import sending
    from safeconduct.positions.sending import BatchRefused

    with (
        mock.patch.object(sending, "keep_days", return_value=30),
        mock.patch.object(sending, "here"),
        mock.patch.object(sending, "_originator", return_value="pk"),
    ):
        given = tree_of(data, object)
        try:
            batch = sending.read_batch(mock.Mock(person="p"), given)
        except BatchRefused:
            return None
    return batch.positions, [why for _, why in batch.refused]


def _cursor(data: bytes) -> Any:
    from safeconduct.records import find

    return find._open_cursor(data.decode("latin-1"), "time")


def _cursor_inside(data: bytes) -> Any:
    return _cursor(base64.urlsafe_b64encode(data).rstrip(b"="))


def _search_cursor(data: bytes) -> Any:
    from safeconduct.records import everywhere

    return everywhere._open_cursor(data.decode("latin-1"))


def _search_cursor_inside(data: bytes) -> Any:
    return _search_cursor(base64.urlsafe_b64encode(data).rstrip(b"="))


def _moment(data: bytes) -> Any:
    return moments.instant(data.decode("utf-8", "replace"))


def _moments_of_pages(data: bytes) -> Any:
    from safeconduct.oversight import ledger_views, who_knew_views
    from safeconduct.reports import gathering, views

    text = data.decode("utf-8", "replace")
    found: list[Any] = [ledger_views._parsed(text)]
    for read in (who_knew_views.moment_of, views.moment_of):
        try:
            found.append(read(text))
        except Malformed:
            continue
    if isinstance(found[0], type(None)):
        return found
    return [*found, found[0].timestamp(), gathering.__name__]


def _day(data: bytes) -> Any:
    return days.day_named(data.decode("utf-8", "replace"))


class _Out:
    """The writer's side of a connection, kept in memory."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def write(self, line: bytes) -> None:
        self.lines.append(line)

    async def drain(self) -> None:
        return

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        return


def _socket(data: bytes) -> Any:
    """A connection to the writer: whatever is said on it ends that connection at most."""
    from safeconduct.records import service

    class Writer:
        def submit(self, job: str, payloads: Any) -> Future[list[Any]]:
            answers: Future[list[Any]] = Future()
            answers.set_result([{"job": job} for _ in payloads])
            return answers

    async def connection() -> list[bytes]:
        served = service.WriterService.__new__(service.WriterService)
        served.writer, served.subscribers = Writer(), set()  # type: ignore[assignment]
        served._process = lambda out: ""  # type: ignore[method-assign]
        reader, out = asyncio.StreamReader(limit=1 << 20), _Out()
        reader.feed_data(data)
        reader.feed_eof()
        await served._serve(reader, out)  # type: ignore[arg-type]
        return out.lines

    lines = _loop().run_until_complete(connection())
    asked = sum(
        1 for line in data.split(b"\n") if re.match(rb'\{"id":\d+,"job":"\w+","payload":\{\}\}$', line)
    )
    if data.count(b"\n") == asked and len(lines) != asked:
        raise Finding("a job on the writer's socket was not answered")
    return lines


def _topics(data: bytes) -> Any:
    from urllib.parse import parse_qs

    query = parse_qs(data.decode("latin-1"))
    return frozenset(filter(None, ",".join(query.get("topics", [])).split(",")))


JOBS = b'{"id":1,"job":"a","payload":{}}\n{"id":2,"job":"b","payloads":[{},{}]}\n'
WORD = b'{"key":"abcdefgh","category":"safe","at":"2024-10-06T18:00:00Z","latitude":24.9,"longitude":67.1,"owner":"x"}'
BATCH = b'{"movement":"ab","positions":[{"at":1728237600,"latitude":24.9,"longitude":67.1,"speed":3.5},{"at":"2024-10-06"}]}'
TARGETS = (
    Target(
        "body of the API",
        _api_body,
        (Problem,),
        lambda: [b'{"parts":{"summary":{"title":"x","n":1.5}}}'],
        ("api.gate:_json",),
        form="json",
        stored=False,
    ),
    Target(
        "word of a phone",
        _outbox,
        (ValueError,),
        lambda: [WORD],
        ("shell.outbox:sent",),
        form="json",
        stored=False,
    ),
    Target(
        "answer of a phone to a muster",
        _muster_answer,
        (),
        lambda: [WORD],
        ("watch.muster_route:_said",),
        form="json",
    ),
    Target(
        "answer of a phone to an alert",
        _alert_answer,
        (ValueError,),
        lambda: [WORD],
        ("watch.alert_phone:_of_outbox",),
        form="json",
    ),
    Target(
        "positions of a phone",
        _positions,
        (),
        lambda: [BATCH],
        ("positions.taking:Taking._read",),
        form="json",
    ),
    Target(
        "cursor",
        _cursor,
        (Malformed,),
        lambda: [base64.urlsafe_b64encode(b'["time",1.5,"r"]').rstrip(b"=")],
        ("records.find:_open_cursor",),
    ),
    Target(
        "inside of a cursor", _cursor_inside, (Malformed,), lambda: [b'["time",1.5,"r"]'], (), form="json"
    ),
    Target(
        "cursor of a search",
        _search_cursor,
        (Malformed,),
        lambda: [base64.urlsafe_b64encode(b"born 12").rstrip(b"=")],
        ("records.everywhere:_open_cursor",),
    ),
    Target("inside of a search's cursor", _search_cursor_inside, (Malformed,), lambda: [b"born 12"], ()),
    Target(
        "moment",
        _moment,
        (moments.MomentRefused,),
        lambda: [b"2024-10-06T18:00:00+05:00", b"2024-10-06"],
        ("records.moments:instant",),
        again=lambda found: found.isoformat().encode(),
        words=(b"+23:59", b"0001", b"9999"),
    ),
    Target(
        "moment of an address",
        _moments_of_pages,
        (),
        lambda: [b"2024-10-06T18:00:00+05:00", b"2024-10-06T18:00"],
        ("oversight.ledger_views:_parsed", "oversight.who_knew_views:moment_of", "reports.views:moment_of"),
        words=(b"0001-01-01T00:00:00+23:59", b"9999-12-31T23:59:59-23:59", b"W53", b" "),
    ),
    Target("day", _day, (ValueError,), lambda: [b"2024-10-06"], ("risk.days:day_named",)),
    Target(
        "writer's socket",
        _socket,
        (),
        lambda: [JOBS],
        ("records.service:WriterService._converse",),
        stored=False,
        words=(b"\n", b'{"subscribe":true}\n', b"[]\n", b"null\n", b'{"payloads":[1]}\n', b"[" * 5000),
        weight=4,
    ),
    Target(
        "topics of a stream",
        _topics,
        (),
        lambda: [b"topics=board,alerts&last_event_id=3"],
        ("shell.live:Live.__call__", "positions.stream:Following.serve"),
    ),
)
