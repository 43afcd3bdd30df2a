"""The catalogues: what is collected, and that nothing lacks its Urdu or its Chinese."""

from __future__ import annotations

import re

import pytest
from babel.messages.catalog import Catalog

from safeconduct.records.kinds import all_kinds
from safeconduct.shell import messages, terms

PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|(?<!%)%[sd]|\{\w+\}")


@pytest.fixture(scope="module")
def wanted() -> Catalog:
    return messages.template_of(messages.collect())


def test_templates_give_up_their_strings() -> None:
    source = (
        '{% load i18n %}{% translate "One" %}{% translate "Live" context "link" %}'
        "{% blocktranslate with a=b %}Two {{ a }}, 100%{% endblocktranslate %}"
        "{% blocktranslate count n=n trimmed %}\n  {{ n }} day\n{% plural %}\n  {{ n }} days\n{% endblocktranslate %}"
        '{{ _("Three")|upper }}{% comment %}{% translate "Never" %}{% endcomment %}'
    )
    found = {(item.text, item.context) for item in messages.from_template(source, "x.html")}
    assert found == {
        ("One", None),
        ("Live", "link"),
        ("Two %(a)s, 100%%", None),
        (("%(n)s day", "%(n)s days"), None),
        ("Three", None),
    }


def test_sources_give_up_their_strings() -> None:
    source = (
        b'_("One" " and on")\npgettext_lazy("role", "warden")\nngettext("%(n)s day", "%(n)s days", n)\n'
        b"gettext_noop('Four')\n_(variable)\n"
    )
    found = {(item.text, item.context) for item in messages.from_python(source, "x.py")}
    assert found == {
        ("One and on", None),
        ("warden", "role"),
        (("%(n)s day", "%(n)s days"), None),
        ("Four", None),
    }


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_no_string_lacks_its_translation(wanted: Catalog, language: str) -> None:
    missing = [message.id for message in messages.lacking(language, wanted)]
    assert missing == []


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_translations_keep_what_is_filled_in(language: str) -> None:
    wrong = []
    for message in messages.load(language):
        if not message.id or not messages.is_whole(message):
            continue
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        texts = [message.string] if isinstance(message.string, str) else list(message.string)
        # A singular may leave its number out; every other form says all that the plural says.
        full = sorted(PLACEHOLDER.findall(ids[-1]))
        if sorted(PLACEHOLDER.findall(texts[-1])) != full:
            wrong.append(message.id)
    assert wrong == []


@pytest.mark.parametrize(("language", "script"), [("ur", r"[؀-ۿ]"), ("zh_Hans", r"[一-鿿]")])
def test_translations_are_in_the_script_of_their_language(language: str, script: str) -> None:
    foreign = [
        message.id
        for message in messages.load(language)
        if message.id
        and messages.is_whole(message)
        and re.search(r"[a-z]{4}", re.sub(PLACEHOLDER, "", str(message.id)))
        and not re.search(script, str(message.string))
    ]
    assert [text for text in foreign if text not in UNTRANSLATED] == []


UNTRANSLATED = {
    "Cursor on Target", "Feishu", "GeoJSON", "OwnTracks over HTTP", "OwnTracks over MQTT", "Safeconduct", "Telegram",
    "Traccar Client (OsmAnd)", "Webhook",
}  # fmt: skip
"""Names of formats and products that are written the same in every language."""


def test_every_kind_part_and_state_has_a_name() -> None:
    nameless = [
        (shape.name, word)
        for shape in all_kinds().values()
        for known, words in (
            (terms.KIND_NAMES, [shape.name]),
            (terms.PART_NAMES, shape.part_names),
            (terms.STATE_NAMES, shape.states),
        )
        for word in words
        if word not in known
    ]
    assert nameless == []
