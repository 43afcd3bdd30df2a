"""What a device is told when it is enrolled, in the form that its program reads from a QR code."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import segno

from safeconduct.field.credentials import name_of


@dataclass(frozen=True)
class Doors:
    """Where devices reach this node: its own address, and its ports for MQTT and TAK (0: not open)."""

    base: str
    mqtt_port: int = 0
    cot_port: int = 0
    tls: bool = True

    @property
    def host(self) -> str:
        return urlsplit(self.base).hostname or "localhost"


def invitation(identity: dict[str, Any], credential: str, doors: Doors) -> str:
    """The text of the QR code for one device.

    OwnTracks opens `owntracks:///config?inline=` with its configuration in base64; Traccar Client takes its settings
    from the server's address; a TAK client takes "name,host,port,protocol". A webhook has its address and token.
    """
    user = name_of(credential)
    match identity["protocol"]:
        case "owntracks_http":
            return _owntracks(
                {"mode": 3, "url": f"{doors.base}/field/owntracks", "deviceId": user}, user, credential
            )
        case "owntracks_mqtt":
            broker = {"mode": 0, "host": doors.host, "port": doors.mqtt_port, "tls": doors.tls, "ws": False}
            topic = f"owntracks/{user}/{user}"
            return _owntracks(
                {**broker, "deviceId": user, "clientId": user, "pubTopicBase": topic, "mqttProtocolLevel": 4},
                user,
                credential,
            )
        case "osmand":
            return f"{doors.base}/field/osmand?" + urlencode({"id": credential, "interval": 60})
        case "cot":
            return f"{identity['name']},{doors.host},{doors.cot_port},ssl"
        case _:
            return f"{doors.base}/field/{'sms' if identity['category'] == 'sms_gateway' else 'alarm'}"


def qr_svg(text: str) -> str:
    """The text as a QR code: an SVG document that says what it is to nobody but a camera."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", scale=5, border=4, light="#fff", xmldecl=False
    )
    return out.getvalue().decode()


def _owntracks(settings: dict[str, Any], user: str, credential: str) -> str:
    whole = {
        "_type": "configuration",
        "auth": True,
        "username": user,
        "password": credential,
        "tid": user[:2],
        "monitoring": 1,
        "pubQos": 1,
        "cmd": False,
        "remoteConfiguration": False,
        **settings,
    }
    inline = base64.urlsafe_b64encode(json.dumps(whole, separators=(",", ":")).encode()).decode()
    return f"owntracks:///config?inline={inline}"
