"""The API attacked by its own schema: whatever a program with a token sends, no fault of ours and no other answer than
the schema describes.

Every operation, with what fits the schema and what does not, by tokens of several roles, about records that exist and
others. `API_EXAMPLES` is how many requests each operation gets; they are the same in each run unless it is set.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.transport import Response

from fuzz.mutation import json_changed
from safeconduct.records.home import Home

from .conftest import INCIDENT, MakeProgram, Program, programs_of
from .journey_programs import NAMES, moment, movement

EXAMPLES = int(os.environ.get("API_EXAMPLES", "0"))
ROLES = (
    ("watch_officer", "coordinator"),
    ("security_manager", "analyst"),
    ("auditor",),
    ("protected_person",),
    ("liaison", "commander", "security_officer"),
)
PARTNER_ROLES = (
    ("security_manager", "coordinator"),
    ("security_officer", "warden"),
    ("watch_officer", "analyst"),
    ("protected_person",),
    ("auditor",),
)
FIGURE = {"figure": {"what": "killed", "low": 2}, "source": {"outlet": "Daily", "party": "press"}}
REAL: dict[str, Any] = {
    "POST /api/v1/incidents": {"parts": INCIDENT},
    "PATCH /api/v1/incidents/{incident}": {"parts": {"people": {"killed_best": 3}}},
    "POST /api/v1/incidents/{incident}/claims": {"parts": FIGURE},
    "POST /api/v1/sites": {"parts": {"identity": {"name": "Port"}, "place": {"district": "Gwadar"}}},
    "PATCH /api/v1/sites/{site}": {"parts": {"identity": {"name": "Port of Gwadar"}}},
    "POST /api/v1/persons": {"parts": {"name": {"name": "Li Na"}, "link": {"account": "li-na"}}},
    "PATCH /api/v1/persons/{person}": {"parts": {"name": {"name": "Li Na Wei"}}},
    "POST /api/v1/presences": {"person": "", "site": "", "since": moment(-2)},
    "POST /api/v1/persons/{person}/departure": {"until": moment(-1)},
    "POST /api/v1/headcounts": {"site": "", "figure": {"count": 40, "as_of": moment(-3)}},
    "POST /api/v1/movements": {"parts": movement(), "travellers": NAMES},
    "PATCH /api/v1/movements/{movement}": {"parts": {"notice": movement(70)["notice"]}},
    "POST /api/v1/movements/{movement}/travellers": {"parts": {"who": {"name": "Chen"}}},
    "POST /api/v1/movements/{movement}/check-ins": {"category": "departed"},
    "POST /api/v1/movements/{movement}/comments": {"text": "Late"},
}
"""Bodies of real requests, in the order in which they can be made; an empty text stands for the id of a record."""

KINDS = {
    "POST /api/v1/incidents": "incident",
    "POST /api/v1/sites": "site",
    "POST /api/v1/persons": "person",
    "POST /api/v1/movements": "movement",
    "POST /api/v1/movements/{movement}/travellers": "traveller",
    "POST /api/v1/incidents/{incident}/claims": "claim",
}
ASKED_FOR = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


class Asgi:
    """The node's own application, asked in this thread."""

    def __init__(self) -> None:
        from safeconduct.node.asgi import application

        self.application, self.loop = application, asyncio.new_event_loop()

    def __call__(self, prepared: requests.PreparedRequest) -> Response:
        return self.loop.run_until_complete(self._ask(prepared))

    async def _ask(self, prepared: requests.PreparedRequest) -> Response:
        path, _, query = prepared.path_url.partition("?")
        body = prepared.body or b""
        raw = body.encode() if isinstance(body, str) else body
        given_headers = [(n.lower().encode(), _latin(v)) for n, v in prepared.headers.items()]
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": prepared.method,
            "path": requests.utils.unquote(path), "raw_path": path.encode(), "query_string": query.encode(),
            "headers": [(b"host", b"localhost"), *given_headers], "server": ("localhost", 80),
            "client": ("127.0.0.1", 1), "scheme": "http",
        }  # fmt: skip
        pieces = [{"type": "http.request", "body": raw, "more_body": False}]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if pieces:
                return pieces.pop()
            await asyncio.sleep(3600)
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.application(scope, receive, send)
        headers: dict[str, list[str]] = {}
        for name, value in sent[0]["headers"]:
            headers.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
        whole = b"".join(message.get("body", b"") for message in sent[1:])
        return Response(sent[0]["status"], headers, whole, prepared, elapsed=0.0, verify=True)

    def close(self) -> None:
        self.loop.close()


def _latin(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")


@pytest.fixture
def asgi() -> Iterator[Asgi]:
    made = Asgi()
    yield made
    made.close()


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token may ask as often as it likes: this is not about rates."""
    monkeypatch.setattr("safeconduct.api.gate.per_minute", lambda: 10**9)


@pytest.fixture
def partner_program(partner_home: Home) -> Iterator[MakeProgram]:
    from safeconduct.records import here
    from safeconduct.records.door import Door

    with Door.open(partner_home) as door, here.at(partner_home, door):
        yield from programs_of(partner_home)


def test_nothing_that_is_sent_breaks_the_host_s_api(
    node: Home, program: MakeProgram, asgi: Asgi, unhurried: None
) -> None:
    attack = Attack([program(*roles) for roles in ROLES], asgi)
    attack.everything()
    assert attack.wrong == {}
    assert attack.asked > 300 and {status // 100 for _, status in attack.seen} >= {2, 4}


def test_nothing_that_is_sent_breaks_the_partner_s_api(
    partner_program: MakeProgram, asgi: Asgi, unhurried: None
) -> None:
    """Sites, persons and journeys are the Partner's own."""
    attack = Attack([partner_program(*roles) for roles in PARTNER_ROLES], asgi)
    attack.everything()
    assert attack.wrong == {}
    assert attack.asked > 300 and {status // 100 for _, status in attack.seen} >= {2, 4}


def test_the_attack_sees_what_is_wrong(
    node: Home, program: MakeProgram, asgi: Asgi, unhurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safeconduct.api import incidents, me

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(incidents.finding, "find", broken)
    attack = Attack([program("watch_officer")], asgi)
    attack.everything(only=("GET /api/v1/incidents", "GET /api/v1/me"))
    assert list(attack.wrong) == ["GET /api/v1/incidents 500"] and me.__name__


class Attack:
    """Every operation asked by every program; `wrong` holds the first fault of each kind, `seen` what was answered."""

    def __init__(self, programs: list[Program], asgi: Asgi) -> None:
        self.programs, self.asgi = programs, asgi
        self.known = ["house", "4", "none", "pk"]
        self.of_kind: dict[str, str] = {}
        self.of_label: dict[str, Any] = {}
        self.asked, self.seen, self.wrong = 0, set[tuple[str, int]](), dict[str, str]()
        load_all_checks()
        self.checks = [CHECKS.get_one(name) for name in ASKED_FOR]

    def real(self) -> None:
        """What a program that is no attacker asks; what it makes is known from then on."""
        for label, body in REAL.items():
            for who in self.programs:
                self._send(who, label, self._named(label), json.dumps(self._filled(body)).encode())

    def _named(self, label: str) -> str:
        path = label.partition(" ")[2]
        return re.sub(r"\{(\w+)\}", lambda found: self.of_kind.get(found[1], "none"), path)

    def _filled(self, body: Any) -> Any:
        if not isinstance(body, dict):
            return body
        return {k: self.of_kind.get(k, "none") if v == "" else self._filled(v) for k, v in body.items()}

    def _send(self, who: Program, label: str, path: str, body: bytes) -> None:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {who.secret}"}
        if label.startswith("PATCH"):
            headers["If-Match"] = '"1"'
        asked = requests.Request(
            label.partition(" ")[0], f"http://localhost{path}", headers=headers, data=body
        )
        self._answered(label, self.asgi(asked.prepare()), None)

    def everything(self, only: tuple[str, ...] = ()) -> None:
        document = self.programs[0].get("/openapi.json").json()
        operations = [found.ok() for found in schemathesis.openapi.from_dict(document).get_all_operations()]
        self.of_label = {operation.label: operation for operation in operations}
        self.real()
        for operation in operations:
            if not only or operation.label in only:
                self._one(operation)

        operations, taken = {label for label, _ in self.seen}, {label for label, s in self.seen if s < 300}
        print(
            f"{self.asked:,} requests, {len(operations)} operations, {len(taken)} of them answered with 2xx"
        )
        print("never taken:", ", ".join(sorted(operations - taken)))

    def _one(self, operation: Any) -> None:
        strategies = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]

        @settings(
            max_examples=EXAMPLES or 9,
            derandomize=not EXAMPLES,
            database=None,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )
        @given(data=st.data())
        def attack(data: Any) -> None:
            who, label = data.draw(st.sampled_from(self.programs)), operation.label
            if label in REAL and data.draw(st.booleans()):
                random = data.draw(st.randoms(use_true_random=False))
                body = json_changed(json.dumps(self._filled(REAL[label])).encode(), random)
                self._send(who, label, self._named(label), body)
                return
            case = data.draw(st.one_of(*strategies))
            for name in case.path_parameters or {}:
                if data.draw(st.booleans()):
                    case.path_parameters[name] = data.draw(
                        st.sampled_from([self.of_kind.get(name, name), *self.known])
                    )
            self._ask(operation.label, case, who)

        attack()

    def _ask(self, label: str, case: Any, who: Program) -> None:
        sent = case.as_transport_kwargs(base_url="http://localhost")
        sent["headers"] = {**dict(sent.get("headers") or {}), "Authorization": f"Bearer {who.secret}"}
        try:
            prepared = requests.Request(**{k: v for k, v in sent.items() if k in _TAKEN}).prepare()
        except (requests.RequestException, ValueError):
            return  # no client could send it
        self._answered(label, self.asgi(prepared), case)

    def _answered(self, label: str, answer: Response, case: Any) -> None:
        self.asked += 1
        self.seen.add((label, answer.status_code))
        if answer.status_code == 201 and label in REAL:
            made = json.loads(answer.content).get("record", "none")
            self.known.append(made)
            self.of_kind.setdefault(KINDS.get(label, ""), made)
        try:
            if case is None:
                assert answer.status_code < 500
                self.of_label[label].validate_response(answer)
            else:
                case.validate_response(answer, checks=self.checks)
        except (AssertionError, BaseExceptionGroup) as fault:
            told = (
                f"{answer.request.url} {answer.request.body!r}: {fault!r} {getattr(fault, 'exceptions', '')}"
            )
            self.wrong.setdefault(f"{label} {answer.status_code}", told)


_TAKEN = {"method", "url", "headers", "files", "data", "params", "auth", "cookies", "json"}
