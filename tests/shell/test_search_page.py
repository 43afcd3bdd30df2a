"""The search page: from every page's header, in three languages, never more than its reader may see."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from safeconduct.records.commit import Draft, commit
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from signed_in import signed_in


def incident(title: str, **levels: int) -> str:
    parts = {
        "summary": {"title": title, "category": "attack"},
        "when": {"start": "2024-10-06T18:00:00Z"},
        "where": {"district": "Karachi"},
    }
    return commit(system_subject("pk"), Draft("incident", parts, levels=levels)).record


@pytest.mark.parametrize(
    ("language", "title", "asked"),
    [
        ("en", "Convoy hit at the airport", "airport"),
        ("ur", "ہوائی اڈے پر قافلے پر حملہ", "قافلے"),
        ("zh-hans", "卡拉奇机场外车队遇袭", "机场"),
    ],
)
def test_hits_are_marked_and_lead_to_the_record(node: Home, language: str, title: str, asked: str) -> None:
    made = incident(title)
    client, _ = signed_in("watch_officer")
    client.cookies["django_language"] = language
    body = client.get(reverse("search"), {"q": asked}, headers={"accept-language": language}).content.decode()
    assert f"<mark>{asked}</mark>" in body and reverse("incidents:detail", args=[made]) in body
    assert f'lang="{language}"' in body


def test_every_page_has_the_box(node: Home) -> None:
    client, _ = signed_in("watch_officer")
    body = client.get(reverse("incidents:list")).content.decode()
    assert 'data-shortcut="/"' in body and f'action="{reverse("search")}"' in body
    assert client.get(reverse("search")).content.decode().count('data-shortcut="/"') == 1


def test_hostile_words_come_back_as_text(node: Home) -> None:
    title = '<img src=x onerror=alert(1)> "convoy" </mark>'
    incident(title)
    client, _ = signed_in("watch_officer")
    body = client.get(reverse("search"), {"q": 'convoy"><script>'}).content.decode()
    assert "<script>alert" not in body and "<img src=x" not in body
    body = client.get(reverse("search"), {"q": "convoy"}).content.decode()
    assert "<img src=x" not in body and "<mark>convoy</mark>" in body


@pytest.mark.parametrize(
    "wrong", [{"q": "x" * 201}, {"q": "a", "kind": "no such kind"}, {"q": "a", "since": "soon"}]
)
def test_what_makes_no_sense_is_asked_again(node: Home, wrong: dict[str, str]) -> None:
    client, _ = signed_in("watch_officer")
    assert client.get(reverse("search"), wrong).status_code == 400


def test_the_label_is_the_highest_of_what_is_shown(node: Home) -> None:
    incident("plain convoy")
    incident("grave convoy", summary=2, when=2, where=2)
    client, _ = signed_in("watch_officer")
    high, _ = signed_in("security_officer", "low", clearance=1)
    banner = re.compile(r'class="banner" data-level="(\w+)"')
    assert banner.search(client.get(reverse("search"), {"q": "convoy"}).content.decode())[1] == "CONFIDENTIAL"  # type: ignore[index]
    body = high.get(reverse("search"), {"q": "convoy"}).content.decode()
    assert banner.search(body)[1] == "RESTRICTED" and "grave" not in body  # type: ignore[index]


def test_a_page_for_what_is_seen_is_the_same_whether_or_not_more_is_hidden(node: Home) -> None:
    incident("plain convoy")
    low, _ = signed_in("security_officer", "low", clearance=1)

    def page() -> str:
        body = low.get(reverse("search"), {"q": "convoy"}).content.decode()
        return re.sub(
            r'csrfmiddlewaretoken" value="[^"]+"|X-CSRFToken[^}]+|entries|<footer.*</footer>',
            "",
            body,
            flags=re.S,
        )

    before = page()
    for number in range(8):
        incident(f"hidden convoy {number}", summary=3, when=3, where=3)
    assert page() == before


def test_more_of_one_kind_go_on_page_by_page(node: Home) -> None:
    for number in range(37):
        incident(f"convoy {number}")
    client, _ = signed_in("watch_officer")
    body = client.get(reverse("search"), {"q": "convoy"}).content.decode()
    assert body.count("<h3>") == 5
    more = re.search(r'class="pager"><a href="([^"]+)"', body)
    assert more
    body = client.get(reverse("search") + more[1].replace("&amp;", "&")).content.decode()
    assert body.count("<h3>") == 30
    following = re.search(r'class="pager"><a href="([^"]+)"', body)
    assert following
    body = client.get(reverse("search") + following[1].replace("&amp;", "&")).content.decode()
    assert body.count("<h3>") == 7 and "Back to the first" in body
