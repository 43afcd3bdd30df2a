"""Filters and tags: what a reader sees of times, places, levels and parts that are not shown."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.template import Context, Template
from django.utils import timezone, translation

from safeconduct.shell.context import Node

NODE = Node(
    "pk", "Host", "host", {"pk": "Host", "cn": "China <b>"}, {"pk": "host", "cn": "partner"}, "de-facto", ""
)
AT = datetime(2024, 10, 6, 19, 30, tzinfo=UTC)


def drawn(source: str, **context: object) -> str:
    return Template("{% load shell %}" + source).render(Context({"node": NODE, **context}))


@pytest.mark.parametrize("value", [AT, AT.timestamp(), "2024-10-06T19:30:00Z", datetime(2024, 10, 6, 19, 30)])
def test_an_instant_is_told_in_utc_however_it_came(value: object) -> None:
    text = drawn("{{ value|moment }}", value=value)
    assert '<time datetime="2024-10-06T19:30:00Z">' in text
    assert "6 October 2024" in text and "19:30 UTC" in text
    assert "(" not in text  # the local time would say the same again


def test_local_time_names_its_day_when_that_differs() -> None:
    with timezone.override("Asia/Karachi"):
        text = drawn("{{ value|moment }}", value=AT)
    assert "7 October" in text and "00:30 PKT" in text


def test_a_day_has_no_hour() -> None:
    with timezone.override("Asia/Karachi"):
        text = drawn('{{ value|moment:"day" }}', value=AT)
    assert text == '<time datetime="2024-10-06">6 October 2024</time>'


@pytest.mark.parametrize("value", [None, "", "yesterday", True, [], float("nan"), 1e30, -1e30, "9" * 400])
def test_what_is_no_instant_is_shown_as_nothing(value: object) -> None:
    assert drawn("{{ value|moment }}", value=value) == ""


@pytest.mark.parametrize(
    ("language", "date"), [("en", "6 October 2024"), ("ur", "6 اکتوبر 2024"), ("zh-hans", "2024年10月6日")]
)
def test_dates_follow_the_language(language: str, date: str) -> None:
    with translation.override(language):
        assert date in drawn("{{ value|moment }}", value=AT)


def test_coordinates_are_isolated_with_latitude_first() -> None:
    expected = '<bdi dir="ltr" class="number nowrap">34.0153, 71.9747</bdi>'
    assert drawn("{{ a|coordinates:b }}", a=34.0153, b=71.97473) == expected
    assert drawn("{{ pair|coordinates }}", pair=(34.0153, 71.97473)) == expected
    assert drawn("{{ a|coordinates:b }}", a=None, b=71) == ""
    assert "0.0000, 0.0000" in drawn("{{ a|coordinates:b }}", a=0, b=0)


def test_references_and_ranges_keep_their_order_and_are_escaped() -> None:
    assert drawn("{{ x|ltr }}", x="<i>+92") == '<bdi dir="ltr">&lt;i&gt;+92</bdi>'
    assert drawn("{{ a|between:b }}", a=1, b=3) == '<bdi dir="ltr" class="number nowrap">1–3</bdi>'
    assert ">2<" in drawn("{{ a|between:b }}", a=2, b=2)


@pytest.mark.parametrize(("level", "word"), [(0, "OPEN"), ("RESTRICTED", "RESTRICTED"), (3, "SECRET")])
def test_a_level_is_told_by_word(level: object, word: str) -> None:
    assert f'data-level="{word}">{word}<' in drawn("{{ level|level_badge }}", level=level)


@pytest.mark.parametrize("level", [None, "", "secret", 4, -1, True, '"><script>'])
def test_what_is_no_level_is_treated_as_the_highest(level: object) -> None:
    text = drawn("{% label_banner level %}", level=level)
    assert 'data-level=""' in text and "SECRET" in text and "<script>" not in text


def test_states_and_words_have_names() -> None:
    assert 'data-status="under_discussion">under discussion<' in drawn(
        '{{ "under_discussion"|status_badge }}'
    )
    assert ">In force<" in drawn('{{ "agreed"|status_badge:"In force" }}')
    assert drawn('{{ "liaison"|role_name }} {{ "disclose"|act_name }}') == "liaison officer disclose"
    assert drawn('{{ "some_other"|role_name }}') == "some other"


def test_parties_are_named_and_escaped() -> None:
    assert drawn('{% party_name "cn" %}, {% party_side "cn" %}') == "China &lt;b&gt;, partner"
    assert drawn('{% party_name "xx" %}{% party_side "xx" %}') == "xx"


def test_a_withheld_part_is_drawn_with_its_reason() -> None:
    would = [("pk-cn/4.1", "suspended")]
    text = drawn("{% withheld name reason would %}", name="<Response>", reason="no clause", would=would)
    assert "&lt;Response&gt;" in text and "no clause" in text
    assert "pk-cn/4.1" in text and "suspended" in text


def test_the_map_escapes_its_options_and_says_how_it_draws_borders() -> None:
    text = drawn('{% map points=points fit=True counter="" css="small" %}', points='/p?a="><script>')
    assert "<script>" not in text and "data-fit" in text and "map small" in text
    assert "held in fact" in text and 'data-viewpoint="de-facto"' in text


def test_a_viewpoint_needs_its_country() -> None:
    ours = Node("pk", "Pakistan", "host", {}, {}, "host", "pk")
    without = Node("pk", "Pakistan", "host", {}, {}, "host", "")
    text = Template("{% load shell %}{% map %}").render(Context({"node": ours}))
    assert 'data-viewpoint="host" data-country="pk"' in text and "viewpoint set for Pakistan" in text
    assert 'data-viewpoint="de-facto"' in Template("{% load shell %}{% map %}").render(
        Context({"node": without})
    )
