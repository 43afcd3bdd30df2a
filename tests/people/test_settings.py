"""How a node's web process is set up: what a browser, a neighbour on the machine and a log get from it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connections
from django.test import Client

import ready
from safeconduct.node.secret import secret_key
from safeconduct.records.home import Home

from .conftest import PASSWORD, MakeAccount, new_browser

SHOWN = """
import json, sys
from safeconduct.node import settings as s
names = [n for n in dir(s) if n.isupper()]
kept = {n: getattr(s, n) for n in names if isinstance(getattr(s, n), (str, int, bool, list, tuple, type(None)))}
kept["DATABASES"] = s.DATABASES
json.dump(kept, sys.stdout, default=str)
"""


def settings_of(home: Home, process: str = "web") -> dict[str, Any]:
    environment = {**os.environ, "SAFECONDUCT_HOME": str(home.path), "SAFECONDUCT_PROCESS": process}
    done = subprocess.run([sys.executable, "-c", SHOWN], env=environment, capture_output=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_two_nodes_on_one_machine_have_no_cookie_name_in_common(tmp_path: Path) -> None:
    host = settings_of(Home.create(tmp_path / "a", "pk", "host", "Host", port=8001))
    partner = settings_of(Home.create(tmp_path / "b", "cn", "partner", "Partner", port=8002))
    same = settings_of(Home.create(tmp_path / "c", "pk", "host", "Host", port=8003))
    names = [n for n in host if n.endswith("_COOKIE_NAME")]
    assert {"SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "LANGUAGE_COOKIE_NAME"} <= set(names)
    cookies = [found[n] for found in (host, partner, same) for n in names]
    assert len(set(cookies)) == len(cookies)
    assert host["SESSION_COOKIE_NAME"] == "sc_pk_8001_session"
    assert host["SECRET_KEY"] != partner["SECRET_KEY"]
    assert "Session" in host["MESSAGE_STORAGE"], "messages in a cookie would collide"


def test_with_tls_cookies_travel_only_over_it(tmp_path: Path) -> None:
    keys = {"tls_certificate": "keys/web.crt", "tls_key": "keys/web.key"}
    found = settings_of(Home.create(tmp_path / "a", "pk", "host", "Host", port=443, **keys))
    assert found["SESSION_COOKIE_SECURE"] and found["CSRF_COOKIE_SECURE"] and found["LANGUAGE_COOKIE_SECURE"]
    assert found["SESSION_COOKIE_NAME"].startswith("__Host-")
    assert found["SECURE_HSTS_SECONDS"] >= 31536000
    assert not found["SECURE_PROXY_SSL_HEADER"], "nobody in front may claim that a request came over TLS"


def test_nothing_is_trusted_or_shown_by_default() -> None:
    assert settings.DEBUG is False
    assert "*" not in settings.ALLOWED_HOSTS
    assert settings.SECOND_FACTOR_REQUIRED is False, "the test home says optional"
    assert settings.PASSWORD_HASHERS[0].endswith("Argon2PasswordHasher")
    assert settings.SESSION_COOKIE_HTTPONLY and settings.CSRF_COOKIE_HTTPONLY
    assert settings.CSRF_COOKIE_SAMESITE == "Strict" and settings.SESSION_COOKIE_SAMESITE == "Lax"


def test_a_second_factor_is_required_unless_the_node_says_otherwise(tmp_path: Path) -> None:
    assert settings_of(Home.create(tmp_path / "a", "pk", "host", "Host"))["SECOND_FACTOR_REQUIRED"] is True


def test_the_deployment_checks_pass(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "a", "pk", "host", "Host", port=443, tls_certificate="c", tls_key="k")
    environment = {**os.environ, "SAFECONDUCT_HOME": str(home.path)}
    del environment["DJANGO_ALLOW_ASYNC_UNSAFE"]
    command = [sys.executable, "-m", "django", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "no issues" in done.stdout, done.stderr


def test_the_secret_is_the_nodes_own(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "a", "pk", "host", "Host")
    first = secret_key(home)
    assert len(first) > 60 and secret_key(home) == first
    assert stat.S_IMODE((home.keys / "django").stat().st_mode) == 0o600
    assert [p.name for p in home.keys.iterdir()] == ["django"]


def test_processes_that_start_together_agree_on_the_secret(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "a", "pk", "host", "Host")
    code = "from safeconduct.records.home import Home; from safeconduct.node.secret import secret_key\n"
    code += f"print(secret_key(Home.load({str(home.path)!r})))"
    running = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(4)]
    assert len({process.communicate()[0] for process in running}) == 1


def test_pages_cannot_write_the_tables(prepared: Path) -> None:
    found = settings_of(Home.load(prepared))["DATABASES"]["tables"]
    if ready.POSTGRESQL:
        assert found["USER"] == "safeconduct_web" and "default_transaction_read_only=on" in str(
            found["OPTIONS"]
        )
        return
    assert found["NAME"].endswith("?mode=ro")
    alias = connections["tables"]
    before = dict(alias.settings_dict)
    alias.close()
    alias.settings_dict.update(NAME=found["NAME"], OPTIONS=found["OPTIONS"])
    try:
        cursor = alias.cursor()
        cursor.execute("SELECT count(*) FROM records_row")
        with pytest.raises(OperationalError, match="readonly"):
            cursor.execute("DELETE FROM records_row")
    finally:
        alias.close()
        alias.settings_dict.clear()
        alias.settings_dict.update(before)


def test_tables_and_accounts_are_apart(prepared: Path) -> None:
    def tables(alias: str) -> set[str]:
        return set(connections[alias].introspection.table_names())

    assert "people_account" in tables("default") and "records_row" in tables("tables")
    assert tables("default") & tables("tables") <= {"django_migrations"}


def test_a_form_without_its_token_is_refused(person: MakeAccount) -> None:
    person("sana")
    browser = Client(SERVER_NAME="localhost", enforce_csrf_checks=True)
    form = {"login": "sana", "password": PASSWORD}
    assert browser.post("/accounts/login/", form).status_code == 403


def test_pages_forbid_what_they_do_not_need(person: MakeAccount) -> None:
    answer = new_browser().get("/accounts/login/")
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert answer["X-Frame-Options"] == "DENY" and answer["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in answer["Cache-Control"]


def test_cookies_say_what_they_may_be_used_for(person: MakeAccount) -> None:
    person("sana")
    browser = new_browser()
    browser.get("/accounts/login/")
    browser.post("/accounts/login/", {"login": "sana", "password": PASSWORD})
    session = browser.cookies["sc_pk_8001_session"]
    assert session["httponly"] and session["samesite"] == "Lax" and not session["max-age"]
    token = browser.cookies["sc_pk_8001_csrf"]
    assert token["httponly"] and token["samesite"] == "Strict"


def test_another_host_name_is_refused(person: MakeAccount) -> None:
    assert Client(SERVER_NAME="evil.example").get("/accounts/login/").status_code == 400
