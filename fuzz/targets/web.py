"""What browsers, phones and programs send before any rule is asked: bodies, cookies, tokens, passes, cursors, moments."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from concurrent.futures import Future
from typing import Any
from unittest import mock

from joserfc import jwt
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry

from fuzz.target import Finding, Target, Unfit, tree_of
from fuzz.targets.field import _loop
from safeconduct.api.problems import Problem
from safeconduct.people import oidc
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


def _token(data: bytes) -> Any:
    from safeconduct.people import tokens

    text = tokens.from_header(data.decode("latin-1"))
    return text, tokens.present(text) if text else None


def _pass(data: bytes) -> Any:
    from safeconduct.people import passes

    return passes.holder_of(data.decode("utf-8", "replace"))


def _signed_pass(data: bytes) -> Any:
    """What a pass would hold if the node itself had signed anything at all."""
    from django.core import signing

    from safeconduct.people import passes

    try:
        text = signing.dumps(tree_of(data, object), salt=passes.SALT)
    except (ValueError, RecursionError):
        raise Unfit from None
    return passes.holder_of(text)


def _cookies(data: bytes) -> Any:
    from safeconduct.people import sessions

    return sessions.session_of_cookies(data.decode("latin-1"))


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


def _enrolled(data: bytes) -> Any:
    from safeconduct.committee import passkeys

    text = data.decode("utf-8", "replace")
    kept = {"challenge": "AAAA", "site": "localhost", "node": "pk", "name": "Chen"}
    try:
        return passkeys.enrolled(text, kept, "pk", "http://localhost")
    except passkeys.AnswerRefused:
        return None


def _assertion(data: bytes) -> Any:
    from safeconduct.committee import passkeys

    try:
        return passkeys.signature_of(data.decode("utf-8", "replace"))
    except passkeys.AnswerRefused:
        return None


def _signature_text(data: bytes) -> Any:
    from safeconduct.committee import rules

    return rules.read_signature(data.decode("utf-8", "replace"))


def _candidate(data: bytes) -> Any:
    from safeconduct.committee import rules

    with mock.patch.object(rules, "here") as here:
        here.home.return_value.party = "cn"
        return rules.candidate(data.decode("utf-8", "replace"))


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


ISSUER = oidc.Issuer("https://issuer.example", "node", "secret", "Office")
SIGNING = ECKey.import_key(
    {
        "kty": "EC",
        "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        "d": "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE",
        "kid": "1",
    }
)


def _subject(token: str) -> str:
    keys = {"keys": [SIGNING.as_dict(private=False)]}
    with (
        mock.patch.object(oidc, "discover", return_value={"jwks_uri": ""}),
        mock.patch.object(oidc, "_fetch", return_value=keys),
    ):
        return oidc.subject_of(ISSUER, token, "nonce")


def _id_token(data: bytes) -> str:
    return _subject(data.decode("latin-1"))


def _id_token_signed(data: bytes) -> str:
    """What an issuer may say that signs anything."""
    parts = [base64.urlsafe_b64encode(part).rstrip(b"=") for part in (b'{"alg":"ES256","kid":"1"}', data)]
    signed = b".".join(parts)
    algorithm = JWSRegistry.algorithms["ES256"]
    signature = base64.urlsafe_b64encode(algorithm.sign(signed, SIGNING)).rstrip(b"=")
    return _subject((signed + b"." + signature).decode())


def _id_tokens() -> list[bytes]:
    return [jwt.encode({"alg": "ES256", "kid": "1"}, json.loads(CLAIMS), SIGNING).encode()]


def _of_issuer(data: bytes) -> Any:
    with mock.patch.object(oidc.requests, "Session") as session:
        answer = session.return_value.__enter__.return_value.get.return_value
        answer.status_code, answer.raw.read.return_value = 200, data
        return oidc._fetch(ISSUER, "https://issuer.example/x")


CLAIMS = (
    b'{"iss":"https://issuer.example","aud":["node"],"nonce":"nonce","exp":9999999999,"iat":1728237600,"sub":"li-na",'
    b'"azp":"node"}'
)


def _topics(data: bytes) -> Any:
    from urllib.parse import parse_qs

    query = parse_qs(data.decode("latin-1"))
    return frozenset(filter(None, ",".join(query.get("topics", [])).split(",")))


JOBS = b'{"id":1,"job":"a","payload":{}}\n{"id":2,"job":"b","payloads":[{},{}]}\n'
WORD = b'{"key":"abcdefgh","category":"safe","at":"2024-10-06T18:00:00Z","latitude":24.9,"longitude":67.1,"owner":"x"}'
BATCH = b'{"movement":"ab","positions":[{"at":1728237600,"latitude":24.9,"longitude":67.1,"speed":3.5},{"at":"2024-10-06"}]}'
CREDENTIAL = (
    b'{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0In0",'
    b'"authenticatorData":"AAAA","signature":"AAAA","attestationObject":"o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YUA"}}'
)
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
        "token",
        _token,
        (),
        lambda: [b"Bearer sc_aaaaaaaaaa_" + b"A" * 43, b"Basic eDpzY19h"],
        ("people.tokens:from_header",),
        weight=4,
    ),
    Target("pass", _pass, (), lambda: [b"WyJhIl0:1t0000:AAAA"], (), weight=2),
    Target(
        "pass signed here",
        _signed_pass,
        (),
        lambda: [b'["00000000000000000000000000000000","aaaaaaaaaaaaaaaa",1]'],
        ("people.passes:holder_of",),
        form="json",
        weight=4,
    ),
    Target(
        "cookies",
        _cookies,
        (),
        lambda: [b"sc_pk_8001_session=abcdefgh; a=b", b'x="y"; __Host-a=1'],
        ("people.sessions:_session_key",),
        weight=4,
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
        "new passkey",
        _enrolled,
        (ValueError,),
        lambda: [CREDENTIAL],
        ("committee.passkeys:_parsed",),
        form="json",
    ),
    Target("passkey's answer", _assertion, (), lambda: [CREDENTIAL], (), form="json"),
    Target(
        "signature as text",
        _signature_text,
        (Malformed,),
        lambda: [b'{"method":"file","signature":"AA"}'],
        ("committee.rules:read_signature",),
        form="json",
    ),
    Target(
        "signatory put forward",
        _candidate,
        (Malformed,),
        lambda: [b'{"party":"cn"}'],
        ("committee.rules:candidate",),
        form="json",
    ),
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
    Target("ID token", _id_token, (oidc.SignOnRefused,), _id_tokens, (), weight=4),
    Target(
        "ID token signed by its issuer",
        _id_token_signed,
        (oidc.SignOnRefused,),
        lambda: [CLAIMS],
        (),
        form="json",
        weight=4,
    ),
    Target(
        "answer of an issuer",
        _of_issuer,
        (oidc.SignOnRefused,),
        lambda: [b'{"issuer":"https://issuer.example","jwks_uri":"https://issuer.example/keys"}'],
        ("people.oidc:_fetch",),
        form="json",
        stored=False,
        weight=8,
    ),
)
