"""Clause files: TOML front matter over the treaty text in its authentic languages.

A clause only permits. One grant is one numbered sentence, present in every language of the text; a clause
without a grant is text alone, recorded with its status and with nothing behind it. House rules have the same
format, clause numbers "H1", "H2" ..., grants `to = "own"` and red lines. The status never stands in the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from safeconduct.agreement.fields import Fields, clause_number, item_id
from safeconduct.agreement.source import ClauseError, Source, read_source
from safeconduct.agreement.treaty import TreatyText, read_treaty
from safeconduct.agreement.vocabulary import ACTS, CHANNELS, FACTS, LANGUAGES, LEVELS, ROLES, Vocabulary

__all__ = ["Assurance", "Clause", "ClauseError", "Grant", "RedLine", "load_folder", "parse_clause"]

ALL = ("*",)
COUNTED_ACTS = ("read", "export")
"""Acts of which the records shown are counted."""


@dataclass(frozen=True)
class Grant:
    """One permission. `to` and `whose` are words of the file (host, partner, both, other, own).

    `parts` is ("*",) for every part of the kind. `up_to` is a level number. `states` is None when any state
    will do. `logged` holds the acts whose use must be noted before the part is shown. The limits after it
    outlive the grant for what was already given; days and hours, None = no limit. `opens_hours` is how long
    before a record's own time its time lock opens. `two_person_above` is how many records of a kind one person alone
    may use within an hour (None: no limit; 0: none without a second person).
    """

    id: str
    to: str
    roles: tuple[str, ...]
    may: tuple[str, ...]
    kinds: tuple[str, ...]
    parts: tuple[str, ...]
    whose: str
    up_to: int
    states: tuple[str, ...] | None = None
    when: tuple[str, ...] = ()
    logged: tuple[str, ...] = ()
    life_safety: bool = False
    onward: bool = False
    retention_days: int | None = None
    lead_time_hours: int | None = None
    erase_after_days: int | None = None
    opens_hours: int | None = None
    two_person_above: int | None = None
    channels: tuple[str, ...] = ()

    def parts_of(self, kind: str, vocabulary: Vocabulary) -> tuple[str, ...]:
        """The parts this grant opens in a kind, in the kind's order."""
        shape = vocabulary.kinds[kind]
        return shape.parts if self.parts == ALL else tuple(p for p in shape.parts if p in self.parts)


@dataclass(frozen=True)
class Assurance:
    """What no clause may ever permit unless the clauses in `unless` are agreed; checked, never run.

    Empty tuples mean any; `above` counts only parts labelled higher than that level.
    """

    id: str
    party: str
    may: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    whose: str = ""
    above: int = -1
    unless: tuple[str, ...] = ()


@dataclass(frozen=True)
class RedLine:
    """Own records' parts labelled above `above` are never disclosed, whatever is agreed."""

    id: str
    kinds: tuple[str, ...]
    parts: tuple[str, ...]
    above: int


@dataclass(frozen=True)
class Clause:
    """A clause file. `digest` is "sha256:" and the hash of its exact bytes: what a signature pins."""

    number: str
    version: int
    title: str
    languages: tuple[str, ...]
    grants: tuple[Grant, ...]
    assurances: tuple[Assurance, ...]
    red_lines: tuple[RedLine, ...]
    digest: str
    replaces: str
    titles: Mapping[str, str] = field(compare=False)
    texts: Mapping[str, str] = field(compare=False, repr=False)
    sentences: Mapping[str, Mapping[str, str]] = field(compare=False, repr=False)
    raw: bytes = field(compare=False, repr=False)
    file: str = field(default="", compare=False)

    @property
    def house(self) -> bool:
        """True for a party's own rule, which needs nobody else's signature."""
        return self.number.startswith("H")


def parse_clause(raw: bytes, vocabulary: Vocabulary, file: str = "") -> Clause:
    """Read one clause file. Raises ClauseError with file, line and reason at the first fault."""
    source = read_source(raw, file)
    top = Fields(source, source.front)
    top.keys(
        {"clause", "version", "title", "texts"},
        {"titles", "replaces", "grant", "assurance", "red_line"},
    )
    number = clause_number(top, "clause")
    version = top.count("version", 1, 1_000_000)
    title = top.text("title")
    languages = top.words("texts", LANGUAGES)
    titles = {languages[0]: title} | _titles(top, languages)
    replaces = top.digest("replaces") if "replaces" in source.front else ""
    house = number.startswith("H")
    reader = _Reader(source, number, house, vocabulary)
    grants = tuple(map(reader.grant, top.tables("grant")))
    assurances = tuple(map(reader.assurance, top.tables("assurance")))
    red_lines = tuple(map(reader.red_line, top.tables("red_line")))
    treaty = read_treaty(source, number, languages, top.line("texts"))
    for table in ("grant", "assurance", "red_line"):
        for index, fields in enumerate(top.tables(table)):
            _require_sentence(source, treaty, languages, table, index, fields.values["id"])
    return Clause(
        number=number,
        version=version,
        title=title,
        languages=languages,
        grants=grants,
        assurances=assurances,
        red_lines=red_lines,
        digest="sha256:" + hashlib.sha256(raw).hexdigest(),
        replaces=replaces,
        titles=titles,
        texts=treaty.texts,
        sentences=treaty.sentences,
        raw=raw,
        file=file,
    )


def load_folder(path: str | Path, vocabulary: Vocabulary) -> tuple[Clause, ...]:
    """Every `*.md` clause file of a folder, by number and version.

    Several versions of a clause may lie side by side. Raises one ClauseError naming every fault found; the
    same version of a clause in two files is a fault.
    """
    faults: list[ClauseError] = []
    clauses: list[Clause] = []
    seen: dict[tuple[str, int], str] = {}
    for entry in sorted(Path(path).glob("*.md")):
        try:
            clause = parse_clause(entry.read_bytes(), vocabulary, str(entry))
        except ClauseError as fault:
            faults.append(fault)
            continue
        key = (clause.number, clause.version)
        if other := seen.get(key):
            line = read_source(clause.raw, str(entry)).line_of(key="clause")
            reason = f"clause {key[0]} version {key[1]} stands in {other} already"
            faults.append(ClauseError(str(entry), line, reason))
            continue
        seen[key] = str(entry)
        clauses.append(clause)
    if faults:
        raise ClauseError(faults[0].file, faults[0].line, faults[0].reason, faults[1:])
    return tuple(sorted(clauses, key=lambda clause: (by_number(clause.number), clause.version)))


def by_number(number: str) -> tuple[bool, int]:
    """Sort key of a clause number: agreement clauses first, 2 before 10."""
    return (number.startswith("H"), int(number.removeprefix("H")))


def _titles(top: Fields, languages: tuple[str, ...]) -> dict[str, str]:
    if "titles" not in top.values:
        return {}
    inner = top.table("titles")
    inner.keys(set(), set(languages))
    return {language: inner.text(language) for language in inner.values}


def _require_sentence(
    source: Source, treaty: TreatyText, languages: Iterable[str], table: str, index: int, item: str
) -> None:
    for language in languages:
        if language not in treaty.sentences.get(item, {}):
            what = f"{table.replace('_', ' ')} {item} has no numbered sentence in the text ({language})"
            raise source.error(source.line_of(table, index, "id"), what)


class _Reader:
    """Reads the tables of one file against the closed vocabulary."""

    def __init__(self, source: Source, number: str, house: bool, vocabulary: Vocabulary) -> None:
        self._source = source
        self._number = number
        self._house = house
        self._vocabulary = vocabulary
        self._ids: set[str] = set()

    def grant(self, fields: Fields) -> Grant:
        fields.keys(
            {"id", "to", "roles", "may", "kind", "parts", "whose", "up_to"},
            {
                *("while", "when", "logged", "life_safety", "onward", "channels"),
                *("retention_days", "lead_time_hours", "erase_after_days", "opens_hours", "two_person_above"),
            },
        )
        to = fields.word("to", ("own",) if self._house else ("host", "partner", "both"))
        whose = fields.word("whose", ("own", "other") if self._house else ("host", "partner", "other"))
        if to == "both" and whose != "other":
            raise fields.error("whose", 'a grant to both needs whose = "other"', whose)
        may = fields.words("may", ACTS)
        kinds = self._kinds(fields)
        when = fields.words("when", FACTS) if "when" in fields.values else ()
        if "opens_hours" in fields.values and "not_before" not in when:
            raise fields.error("opens_hours", 'opens_hours needs when = ["not_before"]')
        logged = self._logged(fields, may)
        if "emergency" in when and (may != ("read",) or logged != ("read",)):
            raise fields.error("when", 'an emergency opens may = ["read"], logged, and nothing else')
        self._check_two_person(fields, may, logged)
        return Grant(
            id=self._id(fields),
            to=to,
            roles=fields.words("roles", ROLES),
            may=may,
            kinds=kinds,
            parts=self._parts(fields, kinds),
            whose=whose,
            up_to=LEVELS.index(fields.word("up_to", LEVELS)),
            states=self._states(fields, kinds),
            when=when,
            logged=logged,
            life_safety=fields.flag("life_safety"),
            onward=fields.flag("onward"),
            retention_days=fields.limit("retention_days"),
            lead_time_hours=fields.limit("lead_time_hours"),
            erase_after_days=fields.limit("erase_after_days"),
            opens_hours=fields.limit("opens_hours"),
            two_person_above=fields.limit("two_person_above"),
            channels=fields.words("channels", CHANNELS) if "channels" in fields.values else (),
        )

    def assurance(self, fields: Fields) -> Assurance:
        fields.keys({"id", "never"}, {"unless"})
        assurance = self._id(fields)
        never = fields.table("never")
        never.keys({"party", "may"}, {"kind", "parts", "roles", "whose", "above"})
        parties = ("own",) if self._house else ("host", "partner")
        kinds = self._kinds(never) if "kind" in never.values else ()
        unless = fields.texts("unless") if "unless" in fields.values else ()
        for number in unless:
            clause_number(fields, "unless", number)
        return Assurance(
            id=assurance,
            party=never.word("party", parties),
            may=never.words("may", ACTS, single=True),
            kinds=kinds,
            parts=self._parts(never, kinds) if "parts" in never.values else (),
            roles=never.words("roles", ROLES) if "roles" in never.values else (),
            whose=never.word("whose", parties) if "whose" in never.values else "",
            above=LEVELS.index(never.word("above", LEVELS)) if "above" in never.values else -1,
            unless=unless,
        )

    def red_line(self, fields: Fields) -> RedLine:
        fields.keys({"id", "kind", "parts", "above"}, set())
        if not self._house:
            raise fields.error("id", "a red line may stand in house rules only")
        kinds = ALL if fields.values["kind"] == "*" else self._kinds(fields)
        return RedLine(
            id=self._id(fields),
            kinds=kinds,
            parts=self._parts(fields, kinds),
            above=LEVELS.index(fields.word("above", LEVELS)),
        )

    def _id(self, fields: Fields) -> str:
        value = item_id(fields, self._number)
        if value in self._ids:
            raise fields.error("id", f"id {value} is used twice", value)
        self._ids.add(value)
        return value

    def _kinds(self, fields: Fields) -> tuple[str, ...]:
        return fields.words("kind", tuple(self._vocabulary.kinds), single=True)

    def _parts(self, fields: Fields, kinds: tuple[str, ...]) -> tuple[str, ...]:
        parts = fields.texts("parts")
        if parts == ALL:
            return parts
        if kinds == ALL or not kinds:
            raise fields.error("parts", 'parts of every kind can only be ["*"]')
        for part in parts:
            for kind in kinds:
                if part not in self._vocabulary.kinds[kind].parts:
                    raise fields.error("parts", f"kind {kind} has no part {part!r}", part)
        return parts

    def _states(self, fields: Fields, kinds: tuple[str, ...]) -> tuple[str, ...] | None:
        if "while" not in fields.values:
            return None
        inner = fields.table("while")
        inner.keys({"state"}, set())
        states = inner.texts("state")
        for state in states:
            for kind in kinds:
                if state not in self._vocabulary.kinds[kind].states:
                    raise inner.error("state", f"kind {kind} has no state {state!r}", state)
        return states

    @staticmethod
    def _check_two_person(fields: Fields, may: tuple[str, ...], logged: tuple[str, ...]) -> None:
        """What is counted is what is noted; a second person stands in nobody's way where lives depend on it.

        It says nothing of what one node discloses to the other: there people read, and are counted.
        """
        key = "two_person_above"
        if key not in fields.values:
            return
        if fields.flag("life_safety"):
            raise fields.error(key, f"{key} has no place in a grant that lives depend on")
        for act in may:
            if act in COUNTED_ACTS and act not in logged:
                raise fields.error(key, f"{key} counts what is logged: log the act {act}")
            if act not in (*COUNTED_ACTS, "disclose") and (act != "write" or fields.limit(key) != 0):
                raise fields.error(key, f"{key} is for read and export, or 0 for write; not for {act}")

    @staticmethod
    def _logged(fields: Fields, may: tuple[str, ...]) -> tuple[str, ...]:
        value = fields.values.get("logged", False)
        if isinstance(value, bool):
            return may if value else ()
        return fields.words("logged", may)
