"""What a paper is made of, gathered for one reader at one moment, and what is to be said about the gaps in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from safeconduct.agreement.policy import Subject
from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.exchange.passings import Covers
from safeconduct.records import here
from safeconduct.records.as_of import Past, Recalled, Then, find_as_of
from safeconduct.records.release import Released
from safeconduct.reports import words as named
from safeconduct.shell.papers import Section, Table, Text, isolated, words
from safeconduct.shell.terms import listed

MOST = 5_000
"""Records of one kind that a paper holds at most."""
MOST_LISTED = 200


@dataclass
class Gathering:
    """Everything that was taken for a paper. `act` is "read" for the screen and "export" for a file."""

    reader: Subject
    moment: Past
    act: str
    taken: list[Recalled] = field(default_factory=list)
    cut: set[str] = field(default_factory=set)

    def take(
        self,
        kind: str,
        parts: Sequence[str],
        since: float | None = None,
        until: float | None = None,
        about: Sequence[str] | None = None,
        ids: Sequence[str] | None = None,
        states: Sequence[str] = (),
    ) -> list[Recalled]:
        """The records of a kind as they were, without those that were withdrawn by then."""
        if about is not None and not about:
            return []
        wanted = Then(kind, parts, since, until, about, ids, states, MOST)
        found, more = find_as_of(self.reader, self.moment, wanted, self.act)
        if more:
            self.cut.add(kind)
        standing = [each for each in found if not each.found.withdrawn]
        self.taken += standing
        return standing

    @property
    def level(self) -> str:
        """The highest label of anything taken."""
        found = (LEVELS.index(level) for each in self.taken for level in each.found.levels.values())
        return LEVELS[max(found, default=LEVELS.index("RESTRICTED"))]

    @property
    def sources(self) -> list[str]:
        """The records that something of was taken, each once."""
        return sorted({each.found.id for each in self.taken})

    def standing(self) -> str:
        """Whose ledger this is from, how long it was, and how far it was cosigned: worded as what it is."""
        size, party = self.moment.size, isolated(here.home().name)
        said = _("As logged by %(party)s, %(size)s entries") % {"party": party, "size": f"{size:,}"}
        cover = Covers(size - 1).over(size - 1) if size else None
        if cover is None:
            return f"{said}; " + _("not cosigned so far")
        partner = here.home().partners.get(cover.partner)
        return f"{said}; " + _("cosigned by %(partner)s to %(size)s at %(time)s") % {
            "partner": isolated(partner.name if partner else cover.partner),
            "size": f"{cover.size:,}",
            "time": isolated(cover.at.strftime("%Y-%m-%d %H:%M UTC")),
        }

    def gaps(self) -> Section:
        """What the paper does not say, and what has become of its sources since."""
        lines: list[Text] = []
        withheld: Counter[str] = Counter()
        for each in self.taken:
            withheld[each.found.kind] += len(each.found.withheld)
        if hidden := +withheld:
            counts = listed(f"{named.kind(kind)} {count}" for kind, count in sorted(hidden.items()))
            lines.append(words(_("Parts of these records that are withheld from this reader: %s") % counts))
        if self.cut:
            kinds = listed(named.kind(kind) for kind in sorted(self.cut))
            text = _("Only the first %(most)s are in this paper of: %(kinds)s")
            lines.append(words(text % {"most": f"{MOST:,}", "kinds": kinds}))
        if self.act == "export":
            lines.append(
                words(
                    _(
                        "This file holds what the agreement and the house rules let out of the node; "
                        "on the screen the reader may be shown more."
                    )
                )
            )
        changed = sum(1 for each in self.taken if each.changed)
        text = ngettext(
            "%(n)s record has a later version than the one in this paper.",
            "%(n)s records have later versions than those in this paper.",
            changed,
        )
        if changed:
            lines.append(words(text % {"n": changed}))
        rows = list(self._undone())
        if not lines and not rows:
            lines.append(
                words(_("Nothing is withheld from this reader, and nothing was erased or withdrawn since."))
            )
        table = Table([_("Record"), _("What became of it"), _("When (UTC)")], rows[:MOST_LISTED], [2, 4, 2])
        if len(rows) > MOST_LISTED:
            lines.append(words(_("%s more were erased or withdrawn since.") % (len(rows) - MOST_LISTED)))
        return Section(_("What is missing, and what has changed since"), [*lines, *([table] if rows else [])])

    def _undone(self) -> Iterable[list[Text]]:
        for each in sorted(self.taken, key=lambda one: (one.found.kind, one.found.id)):
            name = words(f"{named.kind(each.found.kind)} {each.found.id[:8]}")
            for part, at in sorted(each.erased.items()):
                yield [name, words(_("erased: %s") % named.part(part)), at_minute(at)]
            if each.withdrawn_since:
                yield [name, words(_("withdrawn: do not use"), strong=True), at_minute(each.withdrawn_since)]


def at_minute(at: datetime | float | str | None) -> Text:
    """A moment in UTC as papers write it; "" for none."""
    if isinstance(at, str):
        try:
            at = datetime.fromisoformat(at)
        except ValueError:
            return words(at)
    if at is None:
        return words("")
    if isinstance(at, (int, float)):
        at = datetime.fromtimestamp(at, UTC)
    moment = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    return words(moment.strftime("%Y-%m-%d %H:%M"), ltr=True)


def recorded(found: Released) -> Text:
    """When a record was recorded; the day alone where the other party told no more."""
    if found.at_precision == "day":
        return words(found.at.date().isoformat(), ltr=True)
    return at_minute(found.at)


def in_words(at: datetime) -> str:
    """A moment in UTC, its day in the words of the language."""
    return f"{date_format(at.date(), 'DATE_FORMAT')} {isolated(at.strftime('%H:%M UTC'))}"
