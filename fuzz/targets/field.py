"""What phones, trackers, alarm systems, radios and other agencies send."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any

from fuzz.target import Target
from safeconduct.field import alarms, cot_events, mqtt_wire, osmand, owntracks, roll_answers, route, sms
from safeconduct.field.said import NotUnderstood
from safeconduct.notify import provider
from safeconduct.watch import cap, cap_reading

OWNTRACKS = (
    b'{"_type":"location","lat":24.9,"lon":67.1,"tst":1728237600,"acc":5,"vel":60,"cog":90,"poi":"safe",'
    b'"inregions":["home"],"t":"u"}',
    b'{"_type":"transition","desc":"sos","event":"enter","tst":1728237600,"lat":24.9,"lon":67.1}',
    b'{"_type":"waypoints"}',
)
TRACCAR = (
    b'{"device_id":"abc","location":{"timestamp":"2024-10-06T18:00:00Z","coords":{"latitude":24.9,"longitude":67.1,'
    b'"accuracy":5,"speed":-1,"heading":-1},"extras":{"alarm":"sos","answer":"safe"}},"alarm":"sos"}',
)
QUERIES = (
    b"id=abc&lat=24.9&lon=67.1&timestamp=1728237600&speed=10&bearing=90&accuracy=5&alarm=sos&answer=safe",
    b"deviceid=abc&location=24.9,67.1&timestamp=2024-10-06T18:00:00Z",
)
ALARMS = (
    b'{"event":"panic","at":"2024-10-06T18:00:00Z","text":"north gate","id":"7","exercise":true}',
    b'{"event":"gate-forced","state":"","at":"","text":"","id":17}',
)
FORMS = (b"event=panic&at=2024-10-06T18%3A00%3A00Z&text=north+gate&id=7&exercise=yes",)
TEXTS = (b'{"from":"+92 300 1234567","text":"SAFE","at":"2024-10-06T18:00:00Z","id":"m1"}',)
WORDS = ("safe", "help", "sos", "\u200f", "محفوظ", "مدد", "安全", "救命", "٣")


def _alarm(data: bytes) -> Any:
    return alarms.read(alarms.fields_of("application/json", data))


def _alarm_form(data: bytes) -> Any:
    return alarms.read(alarms.fields_of("application/x-www-form-urlencoded", data))


def _sms(data: bytes) -> Any:
    return sms.read(alarms.fields_of("application/json", data))


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def _mqtt(data: bytes) -> Any:
    """A whole connection's bytes: packets one after the other, each read as what its type says."""
    return _loop().run_until_complete(_packets(data))


async def _packets(data: bytes) -> list[Any]:
    stream, found = asyncio.StreamReader(), []
    stream.feed_data(data)
    stream.feed_eof()
    while not stream.at_eof():
        kind, flags, body = await mqtt_wire.read_packet(stream)
        match kind:
            case mqtt_wire.CONNECT:
                found.append(mqtt_wire.read_connect(body))
            case mqtt_wire.PUBLISH:
                found.append(mqtt_wire.read_publish(flags, body))
            case mqtt_wire.SUBSCRIBE | mqtt_wire.UNSUBSCRIBE:
                found.append(mqtt_wire.read_topics(body, kind == mqtt_wire.SUBSCRIBE))
            case _:
                mqtt_wire.read_number(body) if body else None
    return found


def _packet(kind: int, body: bytes, flags: int = 0) -> bytes:
    return bytes((kind << 4 | flags, len(body))) + body


def _text(text: bytes) -> bytes:
    return len(text).to_bytes(2) + text


def _connections() -> list[bytes]:
    connect = (
        _text(b"MQTT") + bytes((4, 0xC2)) + b"\0\x3c" + _text(b"phone") + _text(b"user") + _text(b"secret")
    )
    will = (
        _text(b"MQIsdp")
        + bytes((3, 0xC6))
        + b"\0\x3c"
        + _text(b"c")
        + _text(b"t")
        + _text(b"w")
        + _text(b"u") * 2
    )
    publish = _packet(3, _text(b"owntracks/user/phone") + b"\0\1" + OWNTRACKS[1][:60], 2)
    rest = _packet(8, b"\0\2" + _text(b"owntracks/+/+") + b"\1", 2) + _packet(10, b"\0\3" + _text(b"x"), 2)
    return [
        _packet(1, connect) + publish + rest + _packet(6, b"\0\1", 2) + _packet(12, b"") + _packet(14, b""),
        _packet(1, will),
    ]


def events() -> list[bytes]:
    detail = (
        '<contact callsign="Alpha"/><track speed="3.1" course="90"/><emergency type="911 Alert"/>'
        "<remarks>safe</remarks><safeconduct token='x'/>"
    )
    told = [
        cot_events.write_event(uid, kind, 1.7e9, 1.7e9 + 60, 24.9, 67.1, detail, 12.0, 4.0)
        for uid, kind in (("ANDROID-1", "a-f-G"), ("x", "b-t-f"), ("p", "t-x-c-t"), ("e", "b-a-o-tbl"))
    ]
    return [told[0], b"".join(told), b'<?xml version="1.0"?>\n' + told[3]]


def _stream(data: bytes) -> list[Any]:
    """One connection's bytes in pieces of uneven length: the same events whatever the pieces."""
    framer, found = cot_events.Framer(), []
    step = 1 + len(data) % 97
    for at in range(0, len(data), step):
        for raw in framer.feed(data[at : at + step]):
            try:
                found.append(cot_events.read_event(raw))
            except cot_events.NotAnEvent:
                continue
    return found


def _written(event: cot_events.Event) -> bytes:
    return cot_events.write_event(
        event.uid, event.type, event.at, event.stale, event.latitude, event.longitude
    )


def _same_event(one: cot_events.Event, other: cot_events.Event) -> bool:
    near = all(
        abs(getattr(one, name) - getattr(other, name)) < 0.002
        for name in ("at", "stale", "latitude", "longitude")
    )
    return near and (one.uid, one.type) == (other.uid, other.type)


def alerts() -> list[bytes]:
    plain = (
        '<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>a1</identifier><sender>met@example.org</sender>'
        "<sent>2024-10-06T18:00:00+05:00</sent><status>Actual</status><msgType>Update</msgType><scope>Public</scope>"
        "<references>met@example.org,a0,2024-10-06T17:00:00+05:00</references><info><language>en-US</language>"
        "<category>Met</category><event>Flood</event><urgency>Immediate</urgency><severity>Severe</severity>"
        "<certainty>Likely</certainty><onset>2024-10-06T19:00:00+05:00</onset><headline>Flood</headline><area>"
        "<areaDesc>Malir</areaDesc><polygon>24.9,67.0 24.9,67.2 25.0,67.2 24.9,67.0</polygon>"
        "<circle>24.9,67.1 12.5</circle><geocode><valueName>X</valueName><value>1</value></geocode></area></info></alert>"
    )
    return [plain.encode(), b'<?xml version="1.0" encoding="UTF-8"?>\n' + plain.encode()]


def _basic(data: bytes) -> Any:
    return route._basic(data.decode("latin-1"))


CAP_WORDS = (
    b"<!DOCTYPE alert>", b'<!ENTITY a "b">', b"&a;", b"&#0;", b"&#xD800;", b"<![CDATA[", b"]]>", b"<!--", b"-->",
    b'encoding="UTF-16"', b'encoding="utf-7"', b'encoding="x"', b"<info>", b"</info>", b"<polygon>", b"nan,nan",
    b"1e400,0", b"inf", b"9999-12-31T23:59:59-23:59", b"0001-01-01T00:00:00+23:59", b"\xff\xfe", b"xmlns:a='b'",
)  # fmt: skip
TARGETS = (
    Target(
        "OwnTracks",
        owntracks.read,
        (NotUnderstood,),
        lambda: OWNTRACKS,
        ("field.said:json_object",),
        form="json",
    ),
    Target("OwnTracks as bytes", owntracks.read, (NotUnderstood,), lambda: OWNTRACKS, ()),
    Target("Traccar", osmand.read_json, (NotUnderstood,), lambda: TRACCAR, (), form="json"),
    Target(
        "Traccar query",
        lambda data: osmand.read_query(data.decode("utf-8", "replace")),
        (NotUnderstood,),
        lambda: QUERIES,
        ("field.osmand:read_query",),
        words=(b"&", b"=", b"%ff", b"%ed%a0%80", b"&id=" * 70),
    ),
    Target("alarm", _alarm, (NotUnderstood,), lambda: ALARMS, (), form="json"),
    Target(
        "alarm form",
        _alarm_form,
        (NotUnderstood,),
        lambda: FORMS,
        ("field.alarms:fields_of",),
        words=(b"%ff", b"&&", b"%00", b"="),
    ),
    Target("short message", _sms, (NotUnderstood,), lambda: TEXTS, (), form="json"),
    Target(
        "answer to a muster",
        lambda data: roll_answers.state_of(data.decode("utf-8", "replace")),
        (),
        lambda: [word.encode() for word in WORDS],
        (),
        words=[word.encode() for word in WORDS],
    ),
    Target(
        "credentials of a device",
        _basic,
        (),
        lambda: [b"Basic dXNlcjpzZWNyZXQ=", b"Bearer abc"],
        ("field.route:_basic",),
    ),
    Target("MQTT", _mqtt, (mqtt_wire.NotMqtt, EOFError), _connections, (), weight=2),
    Target(
        "Cursor on Target",
        cot_events.read_event,
        (cot_events.NotAnEvent,),
        events,
        ("field.cot_events:read_event", "field.cot_events:_moment"),
        again=_written,
        same=_same_event,
        words=CAP_WORDS,
    ),
    Target("stream of events", _stream, (cot_events.NotAnEvent,), events, (), words=CAP_WORDS, weight=2),
    Target(
        "CAP",
        cap_reading.read,
        (cap_reading.CapRefused,),
        alerts,
        ("watch.cap_reading:read", "watch.cap:read_moment"),
        again=cap.write,
        words=CAP_WORDS,
        weight=2,
    ),
    Target(
        "answer of a provider",
        lambda data: provider.says_no("https://open.feishu.cn/x", data),
        (),
        lambda: [b'{"errcode":0,"ok":true,"code":0}'],
        ("notify.provider:says_no",),
        form="json",
    ),
)
