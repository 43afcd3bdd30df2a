"""A browser that is led astray, and someone who asks what they should not: each attack, against every address."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

import ready
from safeconduct.node.processes import ORDER
from safeconduct.people.models import Account
from safeconduct.people.roles import assign_role
from safeconduct.records import here
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject

from .test_processes import free_port, until

PASSWORD = "correct-horse-battery"
EVIL = "evil.example"
EXAMPLES = {"int": "1", "uuid": "00000000-0000-4000-8000-000000000000", "slug": "x", "str": "x", "path": "x"}
DESCRIPTIONS = ("/api/v1/openapi.json", "/api/v1/docs", "/api/v1/")
"""What the API says of itself to everybody."""

ROLES = ("coordinator", "watch_officer", "auditor", "administrator", "signatory")


def addresses(patterns: list[Any] | None = None, prefix: str = "/") -> Iterator[str]:
    """Every address of the url conf, with an example for each of its arguments."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        piece = re.sub(
            r"<(\w+:)?\w+>", lambda m: EXAMPLES.get((m[1] or "str:")[:-1], "x"), str(pattern.pattern)
        )
        piece = piece.removeprefix("^").removesuffix("$").removesuffix("\\Z")
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, prefix + piece)
        elif isinstance(pattern, URLPattern):
            yield prefix + piece


@pytest.fixture
def account(node: Home, quick_hashes: None) -> Account:
    """Somebody who may do a great deal here."""
    from django.core.cache import cache

    cache.clear()
    made = Account.objects.create_account("sana", PASSWORD, clearance=3)
    for role in ROLES:
        assign_role(system_subject(node.party), made, role)
    return made


def browser(account: Account | None = None, **more: Any) -> Client:
    made = Client(SERVER_NAME="localhost", raise_request_exception=False, **more)
    if account is not None:
        made.force_login(account)
    return made


def ledger_size() -> int:
    writer = here.door().writer
    assert writer is not None
    return writer.log.size


# --- another site's page speaks for its reader


PASS = "/watch/sos/pass/"


def test_no_address_takes_a_form_that_another_site_sent(account: Account) -> None:
    led = browser(account, enforce_csrf_checks=True)
    size, checked = ledger_size(), 0
    for address in addresses():
        for method in ("post", "put", "patch", "delete"):
            answer = getattr(led, method)(
                address, {"x": "1"} if method == "post" else "{}", headers={"Origin": f"https://{EVIL}"}
            )
            if address in DESCRIPTIONS:
                assert answer.status_code in (200, 401, 405), (method, address, answer.status_code)
            elif address == PASS:
                # What opens it stands in the body, and no page elsewhere knows it.
                assert answer.status_code in (400, 401, 405), (method, answer.status_code)
            elif address.startswith("/api/"):
                assert answer.status_code in (401, 403, 404, 405), (method, address, answer.status_code)
            else:
                assert answer.status_code == 403, (method, address, answer.status_code)
            checked += 1
    assert checked > 200
    assert ledger_size() == size
    assert Session.objects.count() == 1


def test_a_token_of_another_browser_opens_no_form(account: Account) -> None:
    own, led = browser(account, enforce_csrf_checks=True), browser(account, enforce_csrf_checks=True)
    page = own.get("/account/").content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token
    form = {"language": "ur", "csrfmiddlewaretoken": token[1]}
    assert own.post("/i18n/setlang/", form).status_code == 302
    led.get("/account/")
    assert led.post("/i18n/setlang/", form).status_code == 403
    assert own.post("/i18n/setlang/", form, headers={"Origin": f"http://{EVIL}"}).status_code == 403


# --- sessions


def test_a_session_that_somebody_else_planted_is_not_signed_in(account: Account) -> None:
    name = settings.SESSION_COOKIE_NAME
    attacker = browser()
    attacker.get("/accounts/login/?next=/account/")
    planted = attacker.session
    planted["trace"] = "attacker"
    planted.save()
    for key in (planted.session_key, "a" * 32):
        victim = browser()
        victim.cookies[name] = key
        answer = victim.post("/accounts/login/", {"login": "sana", "password": PASSWORD})
        assert answer.status_code == 302
        assert victim.cookies[name].value != key
        assert victim.get("/account/").status_code == 200
        attacker.cookies[name] = key
        assert attacker.get("/account/").status_code == 302


def test_a_session_ends_with_signing_out(account: Account) -> None:
    name = settings.SESSION_COOKIE_NAME
    own = browser()
    own.post("/accounts/login/", {"login": "sana", "password": PASSWORD})
    stolen = own.cookies[name].value
    own.post("/accounts/logout/")
    thief = browser()
    thief.cookies[name] = stolen
    assert thief.get("/account/").status_code == 302


# --- where an answer leads


ASTRAY = (
    f"https://{EVIL}/", f"//{EVIL}/", f"///{EVIL}/", f"/\\{EVIL}/", f"\\\\{EVIL}", f"https:{EVIL}", f"http:///{EVIL}",
    "javascript:alert(1)", "data:text/html,x", f"https://localhost@{EVIL}/", f"https://localhost.{EVIL}/",
    f" //{EVIL}", f"\t//{EVIL}", f"/%0d%0aLocation:https://{EVIL}/", f"/\r\nLocation: https://{EVIL}/",
)  # fmt: skip


@pytest.mark.parametrize("target", ASTRAY)
def test_no_answer_leads_to_another_site(account: Account, target: str) -> None:
    def check(answer: Any, where: str) -> None:
        to = answer.headers.get("Location", "")
        own = to == "" or (to.startswith("/") and not to.startswith(("//", "/\\")))
        assert own and "\n" not in to and "\r" not in to, (where, to)

    for name in ("next", "redirect", "return", "url", "back"):
        form = {"login": "sana", "password": PASSWORD, name: target}
        check(browser().post("/accounts/login/", form), "login")
        check(browser().post(f"/accounts/login/?{urlencode({name: target})}", form), "login by query")
        own = browser(account)
        check(own.post("/i18n/setlang/", {"language": "en", name: target}), "language")
        check(own.post("/accounts/logout/", {name: target}), "logout")
    known = browser(account)
    for address in addresses():
        if not address.startswith(("/api/", "/accounts/logout")):
            query = urlencode({"next": target})
            check(known.get(f"{address}?{query}"), address)
            if address.startswith(("/journeys/", "/account", "/oversight/")):
                check(known.post(address, {"next": target}), address)


def test_a_strange_host_is_refused_and_never_repeated(account: Account) -> None:
    for host in (
        EVIL,
        f"localhost@{EVIL}",
        f"localhost.{EVIL}",
        "localhost:80@evil",
        "",
        "localhost/../evil",
        "[::2]",
    ):
        for address in ("/accounts/login/", "/account/", "/", "/healthz", "/api/v1/me", "/no-such"):
            answer = browser(account).get(address, SERVER_NAME=host, headers={"Host": host})
            assert answer.status_code == 400, (host, address, answer.status_code)
            assert EVIL not in answer.content.decode()
    led = {
        "X-Forwarded-Host": EVIL,
        "X-Host": EVIL,
        "Forwarded": f"host={EVIL}",
        "X-Original-URL": "/account/",
    }
    for address in ("/accounts/login/", "/account/", "/", "/incidents/"):
        for known in (browser(), browser(account)):
            answer = known.get(address, headers=led)
            assert EVIL not in answer.content.decode() and EVIL not in answer.headers.get("Location", "")


# --- what is kept, and what frames it


def test_every_answer_says_that_it_is_not_kept_and_not_framed(account: Account) -> None:
    checked = 0
    for known in (browser(), browser(account)):
        for address in (*addresses(), "/no-such-page", "/incidents/%00", "/account/?x=" + "a" * 5000):
            answer = known.get(address)
            if address.startswith("/static/") or answer.headers.get("Location", "").startswith("/static/"):
                continue
            # A service worker is a file like any other, the same for everybody, but is looked for again each time.
            kept = "no-cache" if address.endswith("/worker.js") and answer.status_code == 200 else "no-store"
            assert kept in answer.headers.get("Cache-Control", ""), (address, answer.headers)
            assert answer.headers["X-Frame-Options"] == "DENY", address
            policy = answer.headers["Content-Security-Policy"]
            assert "frame-ancestors 'none'" in policy and "unsafe" not in policy, address
            assert answer.headers["X-Content-Type-Options"] == "nosniff", address
            assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin", address
            assert answer.headers.get("Access-Control-Allow-Origin") is None, address
            assert answer.status_code != 500, address
            checked += 1
    assert checked > 100


# --- a live node tells nothing of itself


SECRETS = {
    "password": "canary-password-" + "k" * 12,
    "query": "canary-query",
    "cookie": "canary-cookie",
    "token": "canary-bearer-token",
    "body": "canary-body",
}


@pytest.fixture(scope="module")
def live(
    prepared: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Home, Path, subprocess.Popen[bytes]]]:
    """(home, its log, its process): a node as `safeconduct serve` starts it."""
    folder = tmp_path_factory.mktemp("live")
    ready.copy(prepared, folder / "home")
    before = Home.load(folder / "home")
    given = {**before.settings, "port": free_port(), "exchange_port": free_port()}
    home = Home(before.path, before.party, before.side, before.name, {}, given)
    home.save()
    log = folder / "log"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SAFECONDUCT", "DJANGO"))}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "safeconduct", "--home", str(home.path), "serve"],
            stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=environment,
        )  # fmt: skip
        try:
            until(lambda: process.poll() is not None or reaches(home), 180)
            yield home, log, process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(90)


def reaches(home: Home) -> bool:
    try:
        return ask(home, "GET", "/healthz")[0] == 200
    except OSError:
        return False


def ask(
    home: Home, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], str]:
    line = http.client.HTTPConnection("127.0.0.1", int(home.settings["port"]), timeout=90)
    try:
        line.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = line.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode(errors="replace")
    finally:
        line.close()


def raw(home: Home, request: bytes) -> bytes:
    """What the node says to bytes that are no request; it may hang up before the last of them is sent."""
    import socket

    found = b""
    with socket.create_connection(("127.0.0.1", int(home.settings["port"])), 20) as line:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            line.sendall(request)
        with contextlib.suppress(OSError):  # not connected any more
            line.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            while piece := line.recv(65536):
                found += piece
    return found


def family(pid: int) -> set[int]:
    """A process and all that it started."""
    found = {pid}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        if parent in found:
            found |= family(int(entry.name))
    return found


def test_no_page_of_a_live_node_tells_of_its_insides(live: tuple[Home, Path, Any]) -> None:
    home = live[0]
    told = re.compile(r"Traceback|site-packages|\.py\b|DEBUG|sqlite3|Django|granian|ORDER BY|/home/", re.I)
    for method, path in (
        ("GET", "/no-such"), ("GET", "/incidents/%00"), ("GET", "/%ff%fe"), ("GET", "/api/v1/records/%27"),
        ("POST", "/accounts/login/"), ("DELETE", "/"), ("TRACE", "/"), ("GET", "/static/../node.toml"),
        ("GET", "/static/%2e%2e/%2e%2e/node.toml"), ("POST", "/positions"), ("GET", "/live"), ("OPTIONS", "/"),
        ("GET", "/?" + "a" * 60_000), ("GET", "/.git/config"), ("GET", "/node.toml"), ("GET", "/keys/ledger.key"),
    ):  # fmt: skip
        status, headers, body = ask(home, method, path, b"{" if method == "POST" else None)
        assert 300 <= status < 500, (method, path, status)
        assert not told.search(re.sub(r"<script[^>]*>|<link[^>]*>", "", body)), (method, path, body[:400])
        assert not re.search(r"\d", headers.get("server", "")), headers
    for noise in (
        b"\x00" * 64 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"X" * 10_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    ):
        assert not told.search(raw(home, noise).decode(errors="replace"))
    assert ask(home, "GET", "/healthz")[0] == 200


def test_another_sites_page_sends_no_positions_and_opens_no_stream(live: tuple[Home, Path, Any]) -> None:
    home = live[0]
    for headers in ({"Origin": f"https://{EVIL}"}, {"Content_Type": "text/plain"}, {"Host": EVIL}):
        given = {"Content_Type": "application/json", **headers}
        assert ask(home, "POST", "/positions", b"{}", **given)[0] in (400, 403, 415), headers
    assert ask(home, "GET", "/positions/stream", Host=EVIL)[0] == 400
    assert ask(home, "GET", "/live", Host=EVIL)[0] == 400


def test_nothing_secret_stands_in_arguments_or_logs(live: tuple[Home, Path, Any]) -> None:
    home, log, process = live
    form = urlencode({"login": "sana", "password": SECRETS["password"]}).encode()
    cookie = (
        f"{SECRETS['cookie']}={SECRETS['cookie']}; sc_pk_{home.settings['port']}_session={SECRETS['cookie']}"
    )
    for _ in range(3):
        ask(
            home,
            "POST",
            "/accounts/login/",
            form,
            Content_Type="application/x-www-form-urlencoded",
            Cookie=cookie,
        )
        ask(home, "GET", f"/incidents/?text={SECRETS['query']}", Cookie=cookie)
        ask(home, "GET", f"/no-such?text={SECRETS['query']}", Authorization=f"Bearer {SECRETS['token']}")
        ask(
            home,
            "POST",
            "/api/v1/incidents",
            SECRETS["body"].encode(),
            Authorization=f"Bearer {SECRETS['token']}",
        )
        ask(
            home,
            "GET",
            f"/api/v1/incidents?text={SECRETS['query']}",
            Authorization=f"Bearer {SECRETS['token']}",
        )
        ask(
            home,
            "POST",
            "/positions",
            SECRETS["body"].encode(),
            Content_Type="application/json",
            Cookie=cookie,
        )
    keys = [path for path in home.keys.rglob("*") if path.is_file() and path.stat().st_size < 10_000]
    private = [path.read_bytes().strip() for path in keys]
    assert private and all(path.stat().st_mode & 0o077 == 0 for path in keys)
    running = family(process.pid)
    assert len(running) >= len(ORDER)
    for pid in running:
        for place in ("cmdline", "environ"):
            seen = Path(f"/proc/{pid}/{place}").read_bytes()
            for secret in (*(s.encode() for s in SECRETS.values()), *private):
                assert secret not in seen, (pid, place)
    written = log.read_bytes()
    for name, secret in SECRETS.items():
        assert secret.encode() not in written, (name, written.decode(errors="replace")[-2000:])
    assert b"Traceback" not in written, written.decode(errors="replace")


def test_the_code_of_a_sealed_bundle_is_no_argument() -> None:
    from safeconduct.node.cli import main

    for command in ("seal", "open"):
        options = main.commands["exchange"].commands[command].params  # type: ignore[attr-defined]
        assert all(getattr(p, "is_flag", False) for p in options if "code" in str(p.name)), command
