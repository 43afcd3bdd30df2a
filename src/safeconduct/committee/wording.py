"""A clause in the reader's words: its title, its sentences, and its grants as the rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import get_language, gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from safeconduct.agreement.clauses import ALL, Assurance, Clause, Grant, RedLine
from safeconduct.agreement.vocabulary import LEVELS, Vocabulary
from safeconduct.shell.terms import ACT_NAMES, KIND_NAMES, PART_NAMES, ROLE_NAMES, STATE_NAMES, listed, plain

PARTY_WORDS: Mapping[str, Promise] = {
    "host": _("Host Party"),
    "partner": _("Partner Party"),
    "both": _("each Party"),
    "own": _("this Party"),
    "other": _("the other Party"),
}

FACT_NAMES: Mapping[str, Promise] = {
    "assigned": _("the reader is the duty bearer"),
    "not_before": _("its time lock has opened"),
    "authorised_by": _("a disclosure authorisation names the reader and the record"),
    "emergency": _("the reader has broken the glass for this record"),
}

CHANNEL_NAMES: Mapping[str, Promise] = {
    "email": pgettext_lazy("channel", "e-mail"),
    "sms": pgettext_lazy("channel", "SMS"),
    "chat": pgettext_lazy("channel", "chat"),
    "calendar": pgettext_lazy("channel", "calendar files"),
}

LANGUAGE_NAMES = {"en": "English", "ur": "اردو", "zh-hans": "简体中文"}
RIGHT_TO_LEFT = frozenset({"ur"})


@dataclass(frozen=True)
class Sentence:
    """A text in one language, with what a page needs to set it."""

    language: str
    name: str
    direction: str
    text: str


@dataclass(frozen=True)
class GrantRow:
    """One grant as a row: who may do what with what, on which conditions, within which limits."""

    id: str
    to: str
    roles: tuple[str, ...]
    acts: tuple[str, ...]
    kinds: tuple[str, ...]
    parts: tuple[str, ...]
    whose: str
    up_to: str
    conditions: tuple[str, ...]
    limits: tuple[str, ...]
    sentence: Sentence
    life_safety: bool


@dataclass(frozen=True)
class RuleRow:
    """An assurance or a red line: its number, its sentence, and for an assurance what would lift it."""

    id: str
    sentence: Sentence
    unless: tuple[str, ...] = ()


def kind_name(kind: str) -> str:
    return plain(KIND_NAMES, kind)


def title_of(clause: Clause) -> Sentence:
    """The title in the reader's language, else in the clause's first one."""
    return _in_readers_language(clause.titles, clause.languages, clause.title)


def sentence_of(clause: Clause, item: str) -> Sentence:
    """The numbered sentence in the reader's language, else in the clause's first one."""
    return _in_readers_language(clause.sentences.get(item, {}), clause.languages, "")


def texts_of(clause: Clause) -> list[Sentence]:
    """The whole text in each authentic language, side by side."""
    return [_sentence(language, clause.texts[language]) for language in clause.languages]


def grant_rows(clause: Clause, words: Vocabulary) -> list[GrantRow]:
    return [_row(clause, grant, words) for grant in clause.grants]


def assurance_rows(clause: Clause) -> list[RuleRow]:
    return [_rule(clause, each) for each in clause.assurances]


def red_line_rows(clause: Clause) -> list[RuleRow]:
    return [_rule(clause, each) for each in clause.red_lines]


def _rule(clause: Clause, rule: Assurance | RedLine) -> RuleRow:
    unless = rule.unless if isinstance(rule, Assurance) else ()
    return RuleRow(rule.id, sentence_of(clause, rule.id), unless)


def _row(clause: Clause, grant: Grant, words: Vocabulary) -> GrantRow:
    every = grant.parts == ALL
    parts = () if every else tuple(dict.fromkeys(p for k in grant.kinds for p in grant.parts_of(k, words)))
    return GrantRow(
        id=grant.id,
        to=plain(PARTY_WORDS, grant.to),
        roles=tuple(plain(ROLE_NAMES, role) for role in grant.roles),
        acts=tuple(plain(ACT_NAMES, act) for act in grant.may),
        kinds=tuple(kind_name(kind) for kind in grant.kinds),
        parts=tuple(plain(PART_NAMES, part) for part in parts),
        whose=plain(PARTY_WORDS, grant.whose),
        up_to=LEVELS[grant.up_to],
        conditions=tuple(_conditions(grant)),
        limits=tuple(_limits(grant)),
        sentence=sentence_of(clause, grant.id),
        life_safety=grant.life_safety,
    )


def _conditions(grant: Grant) -> list[str]:
    found = [plain(FACT_NAMES, fact) for fact in grant.when]
    if grant.states is not None:
        states = listed(plain(STATE_NAMES, state) for state in grant.states)
        found.insert(0, gettext("while the record is: %(states)s") % {"states": states})
    return found


def _limits(grant: Grant) -> list[str]:
    found = []
    if grant.life_safety:
        found.append(gettext("lives depend on it"))
    if grant.logged:
        acts = listed(plain(ACT_NAMES, act) for act in grant.logged)
        found.append(gettext("logged before it is shown: %(acts)s") % {"acts": acts})
    if grant.retention_days is not None:
        days = grant.retention_days
        found.append(ngettext("kept for %(n)s day", "kept for %(n)s days", days) % {"n": days})
    if grant.erase_after_days is not None:
        days = grant.erase_after_days
        found.append(ngettext("erased after %(n)s day", "erased after %(n)s days", days) % {"n": days})
    if grant.lead_time_hours is not None:
        hours = grant.lead_time_hours
        text = ngettext("%(n)s hour of notice", "%(n)s hours of notice", hours)
        found.append(text % {"n": hours})
    if grant.opens_hours is not None:
        hours = grant.opens_hours
        text = ngettext(
            "opens %(n)s hour before the record's time", "opens %(n)s hours before the record's time", hours
        )
        found.append(text % {"n": hours})
    if grant.two_person_above is not None:
        most = grant.two_person_above
        text = ngettext(
            "above %(n)s record within an hour only with a second person",
            "above %(n)s records within an hour only with a second person",
            most,
        )
        each = gettext("giving or widening only with a second person")
        found.append(each if grant.may == ("write",) else text % {"n": most})
    if grant.onward:
        found.append(gettext("may be passed on"))
    if grant.channels:
        names = listed(plain(CHANNEL_NAMES, channel) for channel in grant.channels)
        found.append(gettext("may leave by: %(channels)s") % {"channels": names})
    return found


def _in_readers_language(texts: Mapping[str, str], languages: tuple[str, ...], otherwise: str) -> Sentence:
    wanted = get_language() or "en"
    for language in (wanted, *languages):
        if language in texts:
            return _sentence(language, texts[language])
    return _sentence(languages[0], otherwise)


def _sentence(language: str, text: str) -> Sentence:
    direction = "rtl" if language in RIGHT_TO_LEFT else "ltr"
    return Sentence(language, LANGUAGE_NAMES.get(language, language), direction, text)
