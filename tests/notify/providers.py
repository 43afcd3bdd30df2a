"""Providers of messages as their documentation says they are, over HTTPS under their own names with a certificate
authority of the test's own: what they ask of a request, and how they say no."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TELEGRAM, WECOM = "api.telegram.org", "qyapi.weixin.qq.com"
FEISHU, DINGTALK, GATEWAY = "open.feishu.cn", "oapi.dingtalk.com", "gateway.example"
BOT = "123456789:abcdefghijklmnopqrstuvwxyz0123456789-"
KEY = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa".replace("x", "b").replace("s", "c")
HOOK = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
ROBOT, ROBOT_SECRET = "a" * 64, "SEC" + "b" * 61
URLS = {
    "telegram": f"tgram://{BOT}/{{address}}",
    "wecom": f"wecombot://{KEY}/",
    "feishu": f"feishu://{HOOK}/",
    "dingtalk": f"dingtalk://{ROBOT_SECRET}@{ROBOT}/",
    "sms": f"jsons://node:gate-secret@{GATEWAY}/send?:to={{address}}&+Idempotency-Key={{number}}",
}

Answer = tuple[int, dict[str, Any]]


class Asked:
    """One request: where it went, what it brought."""

    def __init__(self, host: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        split = urlsplit(path)
        self.host, self.path, self.headers = host, split.path.rstrip("/"), headers
        self.query = {name: values[0] for name, values in parse_qs(split.query).items()}
        self.said: dict[str, Any] = json.loads(body)


def telegram(asked: Asked) -> Answer:
    """https://core.telegram.org/bots/api#sendmessage"""
    if asked.path != f"/bot{BOT}/sendMessage":
        return 401, {"ok": False, "error_code": 401, "description": "Unauthorized"}
    if asked.said.get("chat_id") in (404, "404"):
        return 400, {"ok": False, "error_code": 400, "description": "Bad Request: chat not found"}
    assert asked.said["text"]
    return 200, {"ok": True, "result": {"message_id": 7, "text": asked.said["text"]}}


def telegram_busy(_asked: Asked) -> Answer:
    text = "Too Many Requests: retry after 5"
    return 429, {"ok": False, "error_code": 429, "description": text, "parameters": {"retry_after": 5}}


def telegram_no(_asked: Asked) -> Answer:
    return 200, {"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked by the user"}


def wecom(asked: Asked) -> Answer:
    """https://developer.work.weixin.qq.com/document/path/91770"""
    if asked.path != "/cgi-bin/webhook/send" or asked.query.get("key") != KEY:
        return 200, {"errcode": 93000, "errmsg": "invalid webhook url"}
    assert asked.said["msgtype"] in ("text", "markdown")
    assert asked.said[asked.said["msgtype"]]["content"]
    return 200, {"errcode": 0, "errmsg": "ok"}


def wecom_busy(_asked: Asked) -> Answer:
    return 200, {"errcode": 45009, "errmsg": "api freq out of limit"}


def feishu(asked: Asked) -> Answer:
    """https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot"""
    if asked.path != f"/open-apis/bot/v2/hook/{HOOK}":
        return 200, {"code": 19001, "msg": "param invalid: incoming webhook access token invalid"}
    assert asked.said["msg_type"] == "text" and asked.said["content"]["text"]
    return 200, {"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"}


def feishu_busy(_asked: Asked) -> Answer:
    return 200, {"code": 11232, "msg": "frequency limited psm[lark.oapi.app_platform_runtime]"}


def dingtalk(asked: Asked) -> Answer:
    """https://open.dingtalk.com/document/robots/customize-robot-security-settings"""
    if asked.path != "/robot/send" or asked.query.get("access_token") != ROBOT:
        return 200, {"errcode": 300005, "errmsg": "token is not exist"}
    moment = asked.query.get("timestamp", "0")
    text = f"{moment}\n{ROBOT_SECRET}".encode()
    sign = base64.b64encode(hmac.new(ROBOT_SECRET.encode(), text, hashlib.sha256).digest()).decode()
    if abs(time.time() * 1000 - int(moment)) > 3_600_000 or asked.query.get("sign") != sign:
        return 200, {"errcode": 310000, "errmsg": "sign not match"}
    assert asked.said[asked.said["msgtype"]]
    return 200, {"errcode": 0, "errmsg": "ok"}


def dingtalk_busy(_asked: Asked) -> Answer:
    return 200, {"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"}


def gateway(asked: Asked) -> Answer:
    """An SMS gateway that speaks JSON, and takes a number only once."""
    secret = base64.b64encode(b"node:gate-secret").decode()
    if asked.headers.get("Authorization") != f"Basic {secret}":
        return 401, {"error": "who are you"}
    assert asked.path.startswith("/send") and asked.headers["Idempotency-Key"] and asked.said["to"]
    return 200, {"status": "queued"}


WORKING: dict[str, Callable[[Asked], Answer]] = {
    TELEGRAM: telegram, WECOM: wecom, FEISHU: feishu, DINGTALK: dingtalk, GATEWAY: gateway,
}  # fmt: skip
ENDLESS, HANGING, CUT_OFF = "endless", "hanging", "cut off"


class Providers:
    """All of them in one server, told apart by the name under which they are asked. `answers` may be replaced."""

    def __init__(self, folder: Path) -> None:
        self.answers: dict[str, Any] = dict(WORKING)
        self.got: list[Asked] = []
        self.folder = folder
        self.authority = folder / "authority.pem"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*_certificates(folder))
        self.context = context
        providers = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked = Asked(self.headers["Host"], self.path, dict(self.headers), body)
                providers.got.append(asked)
                answer = providers.answers[asked.host]
                if answer == HANGING:
                    threading.Event().wait(40)
                elif answer == CUT_OFF:
                    self.close_connection = True
                elif answer == ENDLESS:
                    self._endless()
                else:
                    self._say(*(answer(asked) if callable(answer) else answer))

            def _say(self, status: int, said: dict[str, Any], **headers: str) -> None:
                raw = json.dumps(said).encode()
                self.send_response(status)
                for name, value in {
                    "Content-Length": str(len(raw)),
                    **headers,
                    **said.get("headers", {}),
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)

            def _endless(self) -> None:
                self.send_response(200)
                self.send_header("Connection", "close")
                self.end_headers()
                self.close_connection = True
                for _ in range(4_000):
                    self.wfile.write(b"x" * 65_536)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: Any) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = int(self.server.server_address[1])
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def environment(self) -> dict[str, str]:
        """What a process needs so that it finds the providers here and trusts them."""
        return {
            "PYTHONPATH": str(Path(__file__).parent / "redirected"),
            "PROVIDERS_PORT": str(self.port),
            "REQUESTS_CA_BUNDLE": str(self.authority),
            "SSL_CERT_FILE": str(self.authority),
        }

    def hosts(self) -> list[str]:
        return [each.host for each in self.got]


@contextmanager
def providers(folder: Path) -> Iterator[Providers]:
    running = Providers(folder)
    try:
        yield running
    finally:
        running.server.shutdown()
        running.server.server_close()


SENDER = """
import json, sys
from safeconduct.notify.channels import Channel
from safeconduct.notify.sending import send
for line in sys.stdin:
    given = json.loads(line)
    message = {"delivery": "d", "number": "AB2CD-EF3GH", "title": "Safeconduct", "exercise": False, **given["message"]}
    print(json.dumps(send(Channel(given["name"], given["url"]), message)), flush=True)
"""


class Sender:
    """A process of its own that sends as the notifier does."""

    def __init__(self, environment: dict[str, str]) -> None:
        import os

        self.process = subprocess.Popen(
            [sys.executable, "-c", SENDER],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def send(
        self, name: str, url: str, address: str = "42", body: str = "Open Safeconduct."
    ) -> tuple[str, str]:
        assert self.process.stdin and self.process.stdout
        given = {"name": name, "url": url, "message": {"address": address, "body": body}}
        self.process.stdin.write(json.dumps(given) + "\n")
        self.process.stdin.flush()
        outcome, fault = json.loads(self.process.stdout.readline())
        return outcome, fault

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(20)


def _certificates(folder: Path) -> tuple[Path, Path]:
    """A server's certificate for all providers' names, and its key."""
    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    now = datetime.now(UTC)

    def certificate(subject: x509.Name, key: Any, *extensions: tuple[Any, bool]) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(name).public_key(key.public_key())
        )
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(root, hashes.SHA256())

    authority = certificate(
        name,
        root,
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (x509.SubjectKeyIdentifier.from_public_key(root.public_key()), False),
    )
    hosts = [x509.DNSName(host) for host in (*WORKING, "mail.example", "localhost")]
    served = certificate(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "providers")]),
        leaf,
        (x509.SubjectAlternativeName(hosts), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), False),
    )
    (folder / "authority.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    (folder / "server.pem").write_bytes(served.public_bytes(serialization.Encoding.PEM))
    secret = leaf.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.key").write_bytes(secret)
    return folder / "server.pem", folder / "server.key"
