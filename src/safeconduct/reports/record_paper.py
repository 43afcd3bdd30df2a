"""The paper of one record and of all that is about it, as known at a moment: what goes on a committee's table.

It knows no room: parts, fields and states are said in the words that the rooms gave for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from safeconduct.agreement.policy import Subject
from safeconduct.records import here
from safeconduct.records.as_of import Past, Recalled
from safeconduct.records.kinds import Kind, all_kinds
from safeconduct.records.refusals import NotFound
from safeconduct.records.shown import related
from safeconduct.reports import words as named
from safeconduct.reports.gathering import Gathering, at_minute, in_words, recorded
from safeconduct.shell.papers import Facts, Paper, Section, Text, isolated, words
from safeconduct.shell.terms import CODE_NAMES, LEVEL_NAMES, listed, plain

DEEPEST = 6
TITLES = ("title", "headline", "subject", "name", "reference", "question")
BESIDE = ("reading", "attachment", "report")
"""Kinds that belong to no paper: who read, files, and papers themselves."""


def record_paper(reader: Subject, record: str, moment: Past, act: str = "read") -> tuple[Paper, Gathering]:
    """The paper in the language in force. Raises NotFound for what the reader may not know of, or was not there."""
    known = {each.id: each for each in related(reader, record) if each.known}
    if record not in known:
        raise NotFound(record)
    taken = Gathering(reader, moment, act)
    by_kind: dict[str, list[str]] = {}
    for each in known.values():
        if each.kind not in BESIDE and all_kinds()[each.kind].parts:
            by_kind.setdefault(each.kind, []).append(each.id)
    found: dict[str, Recalled] = {}
    for kind, ids in by_kind.items():
        tabled = [name for name, model in all_kinds()[kind].parts.items() if model.tabled]
        found |= {each.found.id: each for each in taken.take(kind, tabled, ids=ids)}
    if record not in found:
        raise NotFound(record)
    below: dict[str, list[Recalled]] = {}
    for one in found.values():
        below.setdefault(one.found.about, []).append(one)
    ordered = list(_under(found[record], below, 0))
    level = taken.level
    paper = Paper(
        title=heading(found[record]),
        subtitle=_("%(party)s. As known on %(moment)s")
        % {"party": isolated(here.home().name), "moment": in_words(moment.at)},
        level=level,
        label=plain(LEVEL_NAMES, level),
        language=get_language() or "en",
        moment=moment.at.timestamp(),
        standing=taken.standing(),
        sections=[_section(each, depth) for each, depth in ordered] + [taken.gaps()],
    )
    return paper, taken


def heading(each: Recalled) -> str:
    """What a record is called: its kind, and its title in the reader's language."""
    kind = named.kind(each.found.kind)
    suffix = {"ur": "_ur", "zh-hans": "_zh"}.get(get_language() or "", "")
    for fields in each.found.parts.values():
        for name in TITLES:
            if title := fields.get(f"{name}{suffix}") or fields.get(name):
                return f"{kind}: {isolated(str(title))}"
    return f"{kind} {each.found.id[:8]}"


def _under(
    each: Recalled, below: Mapping[str, Sequence[Recalled]], depth: int
) -> Iterable[tuple[Recalled, int]]:
    yield each, depth
    if depth < DEEPEST:
        following = sorted(below.get(each.found.id, ()), key=lambda one: (one.found.at, one.found.id))
        for one in following:
            if one.found.id != each.found.id:
                yield from _under(one, below, depth + 1)


def _section(each: Recalled, depth: int) -> Section:
    found, kind = each.found, all_kinds()[each.found.kind]
    pairs: list[tuple[str, Text]] = [
        (_("State"), words(named.state(found.state))),
        (_("Recorded (UTC)"), recorded(found)),
        (_("Version"), words(found.version, ltr=True)),
    ]
    blocks: list[Facts | Text] = [Facts(pairs)]
    for name in kind.part_names:
        if name in found.parts:
            level = plain(LEVEL_NAMES, found.levels[name])
            blocks.append(words(f"{named.part(name)} · {level}", strong=True))
            blocks.append(Facts(list(_fields(kind, name, found.parts[name]))))
        elif name in found.erased:
            blocks.append(words(_("erased: %s") % named.part(name), soft=True))
    title = heading(each)
    return Section(title if depth < 2 else f"{'› ' * (depth - 1)}{title}", blocks)


def _fields(kind: Kind, part: str, fields: Mapping[str, Any]) -> Iterable[tuple[str, Text]]:
    for name in kind.parts[part].model_fields:
        value = fields.get(name)
        if value not in (None, "", [], {}):
            yield named.field(name), _value(name, value)


def _value(name: str, value: Any) -> Text:
    if isinstance(value, bool):
        return words(_("yes") if value else _("no"))
    if isinstance(value, (int, float)):
        return words(f"{value:g}" if isinstance(value, float) else value, ltr=True)
    if isinstance(value, str):
        if len(value) >= 16 and value[4:5] == "-" and value[10:11] == "T":
            return at_minute(value)
        return words(named.code(name, value) if value in CODE_NAMES.get(name, {}) else value)
    if isinstance(value, Sequence):
        return words(listed(_value(name, each).text for each in value))
    pairs = (
        (named.field(key), _value(key, each).text) for key, each in value.items() if each not in (None, "")
    )
    return words("; ".join(f"{key}: {text}" for key, text in pairs))
