"""What devices send over HTTP, answered before Django sees it: OwnTracks, Traccar Client, site alarms, SMS gateways.

An answer of 2xx means that it is durable, or that it is none of what is kept. A device is known by its credential
alone; a wrong one costs its address part of a small allowance, so that nobody tries many. 256 random bits are not
guessed, and a right credential is heard however many wrong ones came from its address.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http.request import split_domain_port, validate_host

from safeconduct.field import alarms, osmand, owntracks, sms
from safeconduct.field.intake import Intake, TooMuch
from safeconduct.field.said import NotUnderstood, Said
from safeconduct.ledger.database import FAULTS
from safeconduct.positions.limits import Bucket
from safeconduct.positions.route import Receive, Send, body_of
from safeconduct.records.kinds import PartRefused
from safeconduct.records.refusals import Malformed, NotFound, Refused, Unavailable

MAX_BODY = 64 * 1024
PATHS = ("/field/owntracks", "/field/osmand", "/field/alarm", "/field/sms")
WRONG_AT_ONCE, WRONG_A_SECOND = 20, 0.2


class Devices:
    """The routes of one web process. `moved` is told of each journey that has a new position."""

    def __init__(self, moved: Callable[[str], None] = lambda _movement: None) -> None:
        self.intake = Intake(moved)
        self._wrong = Bucket("wrong", WRONG_AT_ONCE, WRONG_A_SECOND)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1").lower(): v.decode("latin-1") for name, v in scope["headers"]}
        domain, _port = split_domain_port(headers.get("host", ""))
        if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
            await answer(send, 400, {"error": "no such host"})
            return
        path, get = scope["path"], scope["method"] == "GET"
        if scope["method"] not in ("POST", "GET") or (get and path != "/field/osmand"):
            await answer(send, 405, {"error": "POST"})
            return
        body = b"" if get else await body_of(receive, headers.get("content-length", ""), MAX_BODY)
        if body is None:
            await answer(send, 413, {"error": f"at most {MAX_BODY} bytes"})
            return
        query = scope["query_string"].decode("latin-1")
        try:
            await self._answer(path, headers, query, body, _address(scope), send)
        except NotUnderstood as fault:
            await answer(send, 400, {"error": str(fault)})
        except TooMuch as fault:
            await answer(send, 429, {"error": "too much"}, retry=fault.wait)
        except NotFound:
            await self._stranger(send, _address(scope))
        except (Refused, Malformed, PartRefused) as fault:
            await answer(send, 422, {"error": type(fault).__name__})
        except (Unavailable, *FAULTS, DatabaseError):
            await answer(send, 503, {"error": "try again"}, retry=5)

    async def _answer(
        self, path: str, headers: dict[str, str], query: str, body: bytes, address: str, send: Send
    ) -> None:
        media = headers.get("content-type", "").partition(";")[0].strip().lower()
        if path == "/field/osmand":
            await self._osmand(media, query, body, address, send)
            return
        user, credential = _basic(headers.get("authorization", ""))
        device = await self._known(credential, user, address)
        if device is None:
            await self._stranger(send, address)
        elif path == "/field/owntracks":
            await self.intake.take(device, owntracks.read(body))
            await answer(send, 200, [])
        elif path == "/field/alarm":
            await self._alarm(device, alarms.read(alarms.fields_of(media, body)), send)
        elif (await self.intake.about(device))["category"] != "sms_gateway":
            await answer(send, 403, {"error": "not an SMS gateway"})
        else:
            said = sms.read(alarms.fields_of(media, body))
            await answer(send, 200, await self.intake.door().call("field_sms", {"device": device, **said}))

    async def _osmand(self, media: str, query: str, body: bytes, address: str, send: Send) -> None:
        said: Said
        if media == "application/json":
            credential, said = osmand.read_json(body)
        else:
            text = query or body.decode("utf-8", "replace")
            credential, said = osmand.read_query(text)
        device = await self._known(credential, "", address)
        if device is None:
            # As Traccar's own server answers an unknown device.
            await answer(send, 404 if media == "application/json" else 400, {"error": "unknown device"})
            return
        await self.intake.take(device, said)
        await answer(send, 200, None)

    async def _alarm(self, device: str, alarm: alarms.Alarm, send: Send) -> None:
        about = await self.intake.about(device)
        if about["category"] != "site_alarm":
            await answer(send, 403, {"error": "not a site alarm"})
        elif alarm.sos:
            text = f"{alarm.what}: {alarm.text}" if alarm.text else alarm.what
            made = await self.intake.call_for_help(
                device, None, alarm.at or None, text, alarm.exercise, alarm.key
            )
            await answer(send, 202, {"sos": made.get("record", "")})
        elif not alarm.category:
            await answer(send, 200, {"kept": False})
        else:
            report = {n: getattr(alarm, n) for n in ("category", "what", "at", "text", "key", "exercise")}
            made = await self.intake.alarm(device, report)
            await answer(send, 201, {"incident": made["record"]})

    async def _known(self, credential: str, user: str, address: str) -> str | None:
        """The device, or None. Whoever is wrong too often is told to wait; who is right never is, for many devices and
        whoever tries them may share an address."""
        device = await self.intake.device_of(credential, user)
        if device is None and self._wrong.take(address, 1, time.monotonic()):
            raise TooMuch(int(1 / WRONG_A_SECOND))
        return device

    async def _stranger(self, send: Send, address: str) -> None:
        basic = (b"www-authenticate", b'Basic realm="Safeconduct devices", charset="UTF-8"')
        await answer(send, 401, {"error": "no such device"}, extra=(basic,))

    async def close(self) -> None:
        await self.intake.close()


async def answer(
    send: Send, status: int, body: Any, retry: int = 0, extra: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    raw = b"" if body is None else json.dumps(body).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(raw)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *extra,
    ]
    if retry:
        headers.append((b"retry-after", str(retry).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": raw, "more_body": False})


def _basic(authorization: str) -> tuple[str, str]:
    """(user, credential) of HTTP Basic, or ("", token) of a bearer token; ("", "") for anything else."""
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return "", value.strip()
    if scheme.lower() == "basic":
        try:
            user, _, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return "", ""
        return user, secret
    return "", ""


def _address(scope: dict[str, Any]) -> str:
    return str((scope.get("client") or ("",))[0])
