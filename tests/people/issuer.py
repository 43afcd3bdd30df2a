"""An OpenID Connect issuer that lies as a test tells it to. The honest one in the tests is `oidc-provider-mock`."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey


class Liar:
    """Gives whatever code it is asked for, and an ID token that `claims` and `header` change. `asked` are the requests
    that reached it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://localhost:{port}"
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.other = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.be_honest()
        self.asked: list[str] = []
        self.forms: list[dict[str, list[str]]] = []
        self.nonce = ""
        self.answer: tuple[int, bytes] | None = None

    def be_honest(self) -> None:
        """Tell no lie until told to."""
        self.metadata: dict[str, Any] = {}
        self.claims: dict[str, Any] = {}
        self.dropped: set[str] = set()
        self.raw: Any = None
        self.sign_with = "key"

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "id_token_signing_alg_values_supported": ["RS256", "none"],
            **self.metadata,
        }

    def id_token(self) -> Any:
        if self.raw is not None:
            return self.raw
        now = int(time.time())
        claims = {"iss": self.url, "aud": "safeconduct", "sub": "s-1", "exp": now + 300, "iat": now}
        claims |= {"nonce": self.nonce, **self.claims}
        claims = {name: value for name, value in claims.items() if name not in self.dropped}
        if self.sign_with == "none":
            return jwt.encode({"alg": "none"}, claims, OctKey.generate_key(256), algorithms=["none"])
        if self.sign_with == "public key as a secret":
            public = self.key.as_pem(private=False)
            return jwt.encode(
                {"alg": "HS256", "kid": "one"}, claims, OctKey.import_key(public), algorithms=["HS256"]
            )
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, getattr(self, self.sign_with))

    def code_for(self, address: str) -> dict[str, str]:
        """What the browser comes back with after it was sent to this address."""
        asked = parse_qs(urlsplit(address).query)
        self.nonce = asked["nonce"][0]
        return {"code": "c", "state": asked["state"][0]}


@contextmanager
def liar() -> Iterator[Liar]:
    """A running one."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            """Say nothing."""

        def _give(self, body: bytes, status: int = 200) -> None:
            self.send_response(status)
            if status in (301, 302, 307):
                self.send_header("Location", body.decode())
                body = b""
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            lies.asked.append(self.path)
            if lies.answer is not None:
                self._give(lies.answer[1], lies.answer[0])
            elif self.path == "/keys":
                self._give(json.dumps({"keys": [lies.key.as_dict(private=False)]}).encode())
            else:
                self._give(json.dumps(lies.discovery()).encode())

        def do_POST(self) -> None:
            lies.asked.append(self.path)
            raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
            lies.forms.append(parse_qs(raw))
            self._give(
                json.dumps(
                    {"access_token": "a", "token_type": "Bearer", "id_token": lies.id_token()}
                ).encode()
            )

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    lies = Liar(server.server_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield lies
    finally:
        server.shutdown()
        server.server_close()
        thread.join(90)
