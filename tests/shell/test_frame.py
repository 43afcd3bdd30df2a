"""The frame of every page: languages, side, label, navigation, headers, what an error page tells."""

from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.utils import translation

from safeconduct.agreement.policy import Subject
from safeconduct.records.home import Home
from safeconduct.shell import navigation
from safeconduct.shell.context import theme_cookie
from safeconduct.shell.security import SecurityHeaders


class Somebody:
    is_authenticated = True

    def __str__(self) -> str:
        return "<S. Malik>"


def page(language: str = "en", theme: str = "", **context: object) -> str:
    request = RequestFactory().get("/incidents/?q=%22%3E%3Cscript%3E")
    request.COOKIES[theme_cookie()] = theme
    request.principal = Subject("pk", frozenset({"liaison"}), 3, frozenset(), frozenset(), "p")
    request.user = Somebody()
    with translation.override(language):
        return render_to_string("shell/base.html", {"user": request.user, **context}, request)


@pytest.mark.parametrize(
    ("language", "direction", "skip"),
    [("en", "ltr", "Skip to the content"), ("ur", "rtl", "مواد پر جائیں"), ("zh-hans", "ltr", "跳到正文")],
)
def test_the_page_speaks_and_runs_in_the_reader_s_language(
    node: Home, language: str, direction: str, skip: str
) -> None:
    text = page(language)
    assert f'<html lang="{language}" dir="{direction}"' in text
    assert skip in text


def test_the_side_stands_in_colour_and_words(node: Home) -> None:
    text = page()
    assert 'data-side="host"' in text and ">Host Party<" in text and node.name in text


def test_a_page_states_its_label(node: Home) -> None:
    assert 'data-level="CONFIDENTIAL"' in page(page_level=2)
    assert "treat as SECRET" in page()


def test_names_and_addresses_are_escaped(node: Home) -> None:
    text = page()
    assert "&lt;S. Malik&gt;" in text and "<S. Malik>" not in text
    assert '"><script>' not in text


@pytest.mark.parametrize(
    ("sent", "used"), [("dark", "dark"), ("light", "light"), ('"><x', "auto"), ("", "auto")]
)
def test_only_known_themes_are_taken_from_the_cookie(node: Home, sent: str, used: str) -> None:
    assert f'data-theme="{used}"' in page(theme=sent)


def test_nothing_is_written_inline(node: Home) -> None:
    text = page(live_url="/live?topics=incident")
    assert "<style" not in text and " style=" not in text and " onclick=" not in text
    assert text.count("<script") == text.count('<script type="module" src="/static/')


def test_every_answer_carries_the_headers() -> None:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse("<p>")

    answer = SecurityHeaders(view)(RequestFactory().get("/"))
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy and "style-src 'self';" in policy and "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy and answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_view_may_be_stricter() -> None:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse("", headers={"Referrer-Policy": "no-referrer"})

    assert SecurityHeaders(view)(RequestFactory().get("/")).headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("language", ["en", "ur", "zh-hans"])
@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "500"])
def test_error_pages_need_nothing_and_tell_nothing(name: str, language: str) -> None:
    with translation.override(language):
        text = render_to_string(f"{name}.html", {"exception": "CANARY", "reason": "CANARY"})
    assert "CANARY" not in text and 'data-level="OPEN"' in text and f'lang="{language}"' in text


def test_an_unknown_address_answers_with_the_page_and_the_headers(node: Home) -> None:
    answer = Client(SERVER_NAME="localhost", raise_request_exception=False).get("/accounts/nothing/")
    assert answer.status_code == 404 and b'data-level="OPEN"' in answer.content
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


@pytest.fixture
def items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(navigation, "_items", {})


@pytest.mark.usefixtures("items")
def test_navigation_is_ordered_and_shows_what_exists_to_whom_it_concerns() -> None:
    navigation.register(navigation.NavItem("second", "Second", "account_login", 20))
    navigation.register(navigation.NavItem("first", "First", "set_language", 10))
    navigation.register(navigation.NavItem("gone", "Gone", "no_such_page", 5))
    navigation.register(navigation.NavItem("theirs", "Theirs", "home", 30, roles=frozenset({"auditor"})))
    found = navigation.links("/accounts/login/", frozenset({"liaison"}))
    assert [link.name for link in found] == ["first", "second"]
    assert [link.current for link in found] == [False, True]
    assert "theirs" in [link.name for link in navigation.links("/", frozenset({"auditor"}))]


@pytest.mark.usefixtures("items")
def test_a_page_below_a_room_s_address_belongs_to_that_room_and_the_root_only_to_itself() -> None:
    navigation.register(navigation.NavItem("home", "Home", "home", 1))
    navigation.register(navigation.NavItem("login", "Login", "account_login", 2))
    below = navigation.links("/accounts/login/more/", frozenset())
    assert [link.current for link in below] == [False, True]
    assert [link.current for link in navigation.links("/", frozenset())] == [True, False]
    assert not any(link.current for link in navigation.links("/elsewhere/", frozenset()))


@pytest.mark.usefixtures("items")
def test_pages_elsewhere_belong_to_the_room_that_claims_them() -> None:
    navigation.register(navigation.NavItem("home", "Home", "home", 1, also=("account_login",)))
    assert [link.current for link in navigation.links("/accounts/login/more/", frozenset())] == [True]
    navigation.register(navigation.NavItem("login", "Login", "account_login", 2))
    assert [link.current for link in navigation.links("/accounts/login/", frozenset())] == [False, True]


@pytest.mark.usefixtures("items")
def test_two_rooms_cannot_take_one_name() -> None:
    item = navigation.register(navigation.NavItem("room", "Room", "home", 1))
    assert navigation.register(item) is item
    with pytest.raises(ValueError, match="room"):
        navigation.register(navigation.NavItem("room", "Other", "home", 1))
