"""Devices against running processes: curl as Traccar Client and OwnTracks, mosquitto_pub and paho over MQTT."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

import ready
from conftest import using
from field.device_node import SYSTEM, Field, field, until
from safeconduct.records.commit import Draft, commit
from safeconduct.records.home import Home
from safeconduct.records.transaction import iso

CURL, MOSQUITTO = shutil.which("curl"), shutil.which("mosquitto_pub")
assert CURL, "missing: curl"
assert MOSQUITTO, "missing: mosquitto_pub, of the package mosquitto-clients"


@pytest.fixture(scope="module")
def node(ruled: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    home = tmp_path_factory.mktemp("field") / "home"
    ready.copy(ruled("partner"), home)
    with using(Home.load(home)), field(Home.load(home)) as running:
        yield running


def curl(*arguments: str, data: bytes | None = None) -> tuple[int, str]:
    """(status, body) of one request."""
    more = ["--data-binary", "@-"] if data is not None else []
    command = [str(CURL), "-s", "-m", "90", "-w", "\n%{http_code}", *more, *arguments]
    out = subprocess.run(command, input=data, capture_output=True, check=True).stdout.decode()
    body, _, status = out.rpartition("\n")
    return int(status), body


def owntracks(node: Field, user: str, secret: str, message: Any) -> tuple[int, str]:
    data = message if isinstance(message, bytes) else json.dumps(message).encode()
    return curl(
        "-u",
        f"{user}:{secret}",
        "-H",
        "Content-Type: application/json",
        node.url("/field/owntracks"),
        data=data,
    )


def location(at: float | None = None, **more: Any) -> dict[str, Any]:
    return {"_type": "location", "lat": 24.95, "lon": 67.1, "tst": int(at or time.time()), "tid": "JJ", "acc": 8,
            "vel": 36, "cog": 90, "batt": 80, "t": "u", **more}  # fmt: skip


def traccar(device: str, at: float | None = None, **more: Any) -> dict[str, Any]:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(at or time.time()))
    coords = {
        "latitude": 24.95,
        "longitude": 67.1,
        "accuracy": 5.0,
        "speed": 10.0,
        "heading": 90.0,
        "altitude": 3.0,
    }
    return {"location": {"timestamp": stamp, "coords": coords, "is_moving": True, "odometer": 100, "event": "motion",
            "battery": {"level": 0.8, "is_charging": False}, "activity": {"type": "in_vehicle"}, "extras": {}, **more},
            "device_id": device}  # fmt: skip


def post_json(node: Field, path: str, body: Any, *more: str) -> tuple[int, str]:
    return curl("-H", "Content-Type: application/json", *more, node.url(path), data=json.dumps(body).encode())


def publish(node: Field, user: str, secret: str, message: Any, topic: str = "", qos: int = 1) -> int:
    command = [
        str(MOSQUITTO), "-h", "127.0.0.1", "-p", str(node.mqtt), "-u", user, "-P", secret, "-V", "mqttv311",
        "-q", str(qos), "-t", topic or f"owntracks/{user}/phone", "-m", json.dumps(message),
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, timeout=90).returncode


def test_owntracks_over_http_reports_the_journey_of_the_person_who_carries_it(node: Field) -> None:
    movement = node.journey("jane")
    _record, user, secret = node.device("owntracks_http", account="jane")
    status, body = owntracks(node, user, secret, location())
    assert (status, json.loads(body)) == (200, [])
    (fix,) = node.track(movement)
    assert (fix.person, fix.latitude, fix.speed, fix.heading) == ("jane", 24.95, 10.0, 90.0)


def test_what_says_nothing_of_a_journey_is_answered_and_not_kept(node: Field) -> None:
    movement = node.journey("mute")
    _record, user, secret = node.device("owntracks_http", account="mute")
    for message in (
        b"",
        {"_type": "lwt", "tst": 1},
        {"_type": "waypoint", "desc": "Office", "lat": 1, "lon": 2, "rad": 100, "tst": 1_500_000_000},
        {"_type": "transition", "event": "enter", "desc": "Home", "wtst": 1, "tst": 1, "acc": 1, "t": "c"},
        location(time.time() + 86_400),
        location(1_500_000_000),
    ):
        assert owntracks(node, user, secret, message)[0] == 200, message
    assert node.track(movement) == []


def test_the_same_report_sent_again_is_one(node: Field) -> None:
    movement = node.journey("twice")
    _record, user, secret = node.device("owntracks_http", account="twice")
    message = location()
    assert [owntracks(node, user, secret, message)[0] for _ in range(3)] == [200] * 3
    assert len(node.track(movement)) == 1


@pytest.mark.parametrize(
    "message",
    [
        b"{", b"[]", b"null", b"\xff\xfe", b"[" * 50_000, {"_type": "x"}, {"lat": 1},
        location(lat=91), location(lon="NaN"), location(lat=True), location(tst="Infinity"), location(tst=-1),
        location(lat=[1]), location(lon="9" * 5_000),
    ],
)  # fmt: skip
def test_what_is_no_report_is_refused(node: Field, message: Any) -> None:
    if not hasattr(node, "hostile"):
        node.hostile = (node.journey("hostile"), node.device("owntracks_http", account="hostile"))  # type: ignore[attr-defined]
    movement, (_record, user, secret) = node.hostile  # type: ignore[attr-defined]
    assert owntracks(node, user, secret, message)[0] == 400
    assert node.track(movement) == []


def test_an_encrypted_report_is_refused_and_says_why(node: Field) -> None:
    _record, user, secret = node.device("owntracks_http")
    status, body = owntracks(node, user, secret, {"_type": "encrypted", "data": "AAAA"})
    assert status == 400
    assert "encryption" in json.loads(body)["error"]


def test_a_huge_report_is_refused(node: Field) -> None:
    _record, user, secret = node.device("owntracks_http")
    assert owntracks(node, user, secret, b" " * 200_000)[0] == 413


def test_without_a_journey_nothing_is_kept_anywhere(node: Field) -> None:
    _record, user, secret = node.device("owntracks_http", account="idle")
    over = node.journey("idle", state="arrived")
    before = node.kept()
    assert owntracks(node, user, secret, location())[0] == 200
    assert node.kept() == before
    assert over not in before


def test_traccar_client_reports_for_its_vehicle(node: Field) -> None:
    movement = node.journey(vehicles={"vehicles": [{"plate": "ABC-123", "type": "car"}]})
    _record, _user, secret = node.device("osmand", "tracker", vehicle="ABC-123")
    assert post_json(node, "/field/osmand", traccar(secret))[0] == 200
    now = int(time.time())
    for query in (
        f"id={secret}&lat=24.9&lon=67.1&timestamp={now - 60}&speed=10&bearing=90&altitude=5&accuracy=9&batt=80",
        f"id={secret}&lat=24.9&lon=67.1&timestamp={(now - 120) * 1000}&hdop=1",
    ):
        assert curl(node.url(f"/field/osmand?{query}"))[0] == 200
        assert curl("-X", "POST", node.url("/field/osmand"), "-d", query)[0] == 200
    fixes = node.track(movement)
    assert [round(fix.at) for fix in fixes[:2]] == [now - 120, now - 60]
    assert [fix.speed for fix in fixes] == [None, pytest.approx(5.14444), 10.0]


def test_traccar_answers_an_unknown_device_as_its_own_server_does(node: Field) -> None:
    assert post_json(node, "/field/osmand", traccar("123456"))[0] == 404
    assert curl(node.url("/field/osmand?id=123456&lat=1&lon=2&timestamp=1"))[0] == 400


def test_an_alarm_of_a_tracker_is_an_sos_with_or_without_a_journey(node: Field) -> None:
    record, _user, secret = node.device("osmand", "tracker", vehicle="SOS-1")
    for _ in range(3):
        assert post_json(node, "/field/osmand", traccar(secret, alarm="sos"))[0] == 200
    mine = [(s, p) for s, p in node.records("sos") if p["caller"]["device"] == record]
    ((state, parts),) = mine
    assert (state, parts["call"]["means"], parts["call"]["category"]) == ("raised", "device", "vehicle")
    assert parts["place"]["latitude"] == 24.95
    assert node.track(record) == []


def test_owntracks_region_named_sos_is_one(node: Field) -> None:
    record, user, secret = node.device("owntracks_http", account="sosjane")
    movement = node.journey("sosjane")
    message = {
        "_type": "transition",
        "event": "enter",
        "desc": "SOS",
        "tst": int(time.time()),
        "lat": 1.5,
        "lon": 2.5,
    }
    assert owntracks(node, user, secret, message)[0] == 200
    ((_state, parts),) = [(s, p) for s, p in node.records("sos") if p["caller"]["device"] == record]
    assert parts["caller"]["person"] == "sosjane"
    assert len(node.track(movement)) == 1


def test_a_site_alarm_becomes_an_incident_and_a_panic_an_sos(node: Field) -> None:
    _record, user, secret = node.device("webhook", "site_alarm", site="S-1", name="North gate")
    bearer = ("-H", f"Authorization: Bearer {secret}")
    report = {"event": "perimeter", "at": "2026-11-20T10:00:00Z", "text": "zone 4", "id": "77"}
    for _ in range(2):
        assert post_json(node, "/field/alarm", report, *bearer)[0] == 201
    titles = [p["summary"]["title"] for _, p in node.records("incident")]
    assert titles == ["North gate: perimeter alarm"]
    status, body = curl("-u", f"{user}:{secret}", "-d", "event=panic&text=gate+2", node.url("/field/alarm"))
    assert status == 202
    assert json.loads(body)["sos"]
    assert ("site", "panic: gate 2") in [
        (p["call"]["category"], p.get("words", {}).get("text")) for _, p in node.records("sos")
    ]
    assert post_json(node, "/field/alarm", {"event": "perimeter", "state": "restored"}, *bearer)[0] == 200
    assert post_json(node, "/field/alarm", {"event": "nonsense"}, *bearer)[0] == 400
    assert len(node.records("incident")) == 1


def test_a_muster_is_answered_by_sms_by_the_number_of_who_is_asked(node: Field) -> None:
    person = node.person("smsjane", "protected_person")
    address = {"channel": "sms", "address": "+923001234567"}
    commit(
        SYSTEM, Draft("contact_point", {"address": address}, assigned=[person], state="in_use", releasable=())
    )
    now = time.time()
    call = {"title": "All", "scope": "country", "since": iso(now), "due": iso(now + 600)}
    muster = commit(SYSTEM, Draft("muster", {"call": call}, state="open")).record
    entry = Draft("roll_entry", {"who": {"name": "Jane"}, "link": {"account": person}}, about=muster, assigned=[person],
                  state="unaccounted")  # fmt: skip
    commit(SYSTEM, entry)
    _record, user, secret = node.device("webhook", "sms_gateway")

    def sms(number: str, text: str) -> Any:
        status, body = curl(
            "-u", f"{user}:{secret}", "--data-urlencode", f"from={number}", "--data-urlencode", f"text={text}",
            node.url("/field/sms"),
        )  # fmt: skip
        return status, json.loads(body)

    assert sms("+92 300 7654321", "SAFE") == (200, {"understood": True, "answered": 0})
    assert sms("+92 300 1234567", "what is this") == (200, {"understood": False, "answered": 0})
    assert [state for state, _ in node.records("roll_entry")] == ["unaccounted"]
    assert sms("0092 300 1234567", "Safe at the hotel") == (200, {"understood": False, "answered": 0})
    assert sms("0092 300 1234567", "Safe!")[1]["answered"] == 1
    ((state, parts),) = node.records("roll_entry")
    assert (state, parts["reply"]["means"], parts["reply"]["remark"]) == (
        "accounted",
        "sms",
        "Safe!",
    )
    assert sms("12", "SAFE")[0] == 400
    _phone, user, secret = node.device("owntracks_http")
    assert sms("+923001234567", "help")[0] == 403


def asked(node: Field, name: str) -> Callable[[], tuple[str, dict[str, Any]]]:
    """A muster that asks after a person; what the roll says of him now."""
    person = node.person(name, "protected_person")
    now = time.time()
    call = {"title": "All", "scope": "country", "since": iso(now - 5), "due": iso(now + 600)}
    muster = commit(SYSTEM, Draft("muster", {"call": call}, state="open")).record
    who = {"who": {"name": name}, "link": {"account": person}}
    commit(SYSTEM, Draft("roll_entry", who, about=muster, assigned=[person], state="unaccounted"))

    def entry() -> tuple[str, dict[str, Any]]:
        found = [
            (state, parts) for state, parts in node.records("roll_entry") if parts["who"]["name"] == name
        ]
        return found[0][0], found[0][1].get("reply") or {}

    return entry


def test_a_device_answers_a_muster_for_whoever_bears_it(node: Field) -> None:
    entry = asked(node, "bearer")
    unique = node.device("osmand", account="bearer")[2]
    base = f"/field/osmand?id={unique}&lat=24.9&lon=67.1&timestamp={int(time.time())}"
    assert curl(node.url(f"{base}&answer=on+my+way"))[0] == 200
    assert entry()[0] == "unaccounted", "what says neither safe nor help is not guessed at"
    assert curl(node.url(f"{base}&answer=safe"))[0] == 200
    state, reply = entry()
    assert (state, reply["means"], reply["remark"]) == ("accounted", "device", "safe")
    _record, user, secret = node.device("owntracks_http", account="bearer")
    assert owntracks(node, user, secret, location(poi="help, two hurt"))[0] == 200
    assert entry()[0] == "needs_help"
    _record, user, secret = node.device("owntracks_mqtt", account="bearer")
    time.sleep(1.1)  # OwnTracks counts whole seconds; the later word holds
    assert publish(node, user, secret, location(poi="安全")) == 0
    until(lambda: entry()[0] == "accounted")


def test_a_device_answers_for_nobody_else_and_not_without_end(node: Field) -> None:
    entry = asked(node, "other-bearer")
    _record, user, secret = node.device("owntracks_http", account="somebody-else")
    assert owntracks(node, user, secret, location(poi="safe"))[0] == 200
    _record, user, secret = node.device("owntracks_http")
    answers = [owntracks(node, user, secret, location(poi="safe"))[0] for _ in range(35)]
    assert set(answers) == {200, 429}
    for hostile in ("safe " * 5_000, ["safe"], {"poi": "safe"}, 7, None, "not safe"):
        assert (
            owntracks(
                node, *node.device("owntracks_http", account="other-bearer")[1:], location(poi=hostile)
            )[0]
            == 200
        )
    assert entry()[0] == "unaccounted"


def test_a_phone_is_no_site_alarm(node: Field) -> None:
    _record, user, secret = node.device("owntracks_http")
    assert curl("-u", f"{user}:{secret}", "-d", "event=gate", node.url("/field/alarm"))[0] == 403


def test_a_credential_opens_nothing_once_it_is_revoked(node: Field) -> None:
    movement = node.journey("gone")
    record, user, secret = node.device("owntracks_http", account="gone")
    for ago in (3, 2, 1):
        assert owntracks(node, user, secret, location(time.time() - ago))[0] == 200
    node.revoke(record)
    assert owntracks(node, user, secret, location(time.time() - 5))[0] == 401
    assert post_json(node, "/field/osmand", traccar(secret))[0] == 404
    assert len(node.track(movement)) == 3


def test_mosquitto_pub_speaks_for_its_own_topic_alone(node: Field) -> None:
    movement = node.journey("mqtt")
    _record, user, secret = node.device("owntracks_mqtt", account="mqtt")
    _other, foreign, _secret = node.device("owntracks_mqtt", account="foreign")
    now = time.time()
    for qos in (0, 1, 2):
        assert publish(node, user, secret, location(now - qos), qos=qos) == 0
    until(lambda: len(node.track(movement)) == 3)
    assert publish(node, user, secret, location(now - 9), topic=f"owntracks/{foreign}/phone") != 0
    assert publish(node, foreign, secret, location(now - 9)) != 0
    assert publish(node, user, "sd_wrong", location(now - 9)) != 0
    assert len(node.track(movement)) == 3


def test_over_mqtt_a_report_is_acknowledged_when_it_is_stored_and_a_revoked_device_is_cut_off(
    node: Field,
) -> None:
    movement = node.journey("paho")
    record, user, secret = node.device("owntracks_mqtt", account="paho")
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=user, protocol=paho.MQTTv311)
    client.username_pw_set(user, secret)
    gone, codes = threading.Event(), []
    client.on_disconnect = lambda *_: gone.set()
    client.on_subscribe = lambda _c, _u, _m, reasons, _p: codes.extend(r.is_failure for r in reasons)
    client.connect("127.0.0.1", node.mqtt)
    client.loop_start()
    client.subscribe([(f"owntracks/{user}/phone/cmd", 1), ("owntracks/#", 1), ("#", 0)])
    until(lambda: len(codes) == 3)
    assert codes == [False, True, True]
    now = time.time()
    for number in range(20):
        client.publish(f"owntracks/{user}/phone", json.dumps(location(now - number)), 1).wait_for_publish(10)
        assert len(node.track(movement)) == number + 1
    node.revoke(record)
    assert gone.wait(5)
    client.loop_stop()
    assert len(node.track(movement)) == 20


@pytest.mark.parametrize(
    "noise",
    [b"", b"\x00" * 64, b"GET / HTTP/1.1\r\n\r\n", b"\x10\xff\xff\xff\xff\x7f", b"\x10\x02\x00\x04",
     b"\x30\x02\x00\x00",     b"\x10\x0c\x00\x04MQTT\x05\x02\x00\x0a\x00\x00", b"\x10\x7f" + b"\xff" * 127],
)  # fmt: skip
def test_noise_on_the_mqtt_port_ends_its_connection_and_nothing_else(node: Field, noise: bytes) -> None:
    with socket.create_connection(("127.0.0.1", node.mqtt), 5) as stranger:
        stranger.sendall(noise)
        stranger.shutdown(socket.SHUT_WR)
        stranger.settimeout(15)
        try:
            answer = stranger.recv(64)
        except ConnectionResetError:
            answer = b""
        assert answer in (b"", b"\x20\x02\x00\x01")
    _record, user, secret = node.device("owntracks_mqtt")
    assert publish(node, user, secret, location()) == 0


def test_who_tries_many_credentials_is_slowed_down_and_no_device_behind_the_same_address(node: Field) -> None:
    """Last of this file: the address of the tests has used up its allowance after it."""
    _record, user, secret = node.device("owntracks_http")
    answers = [owntracks(node, user, "sd_wrong", location())[0] for _ in range(25)]
    assert set(answers) == {401, 429}
    assert owntracks(node, user, secret, location())[0] == 200
    assert publish(node, user, secret, location()) == 0
