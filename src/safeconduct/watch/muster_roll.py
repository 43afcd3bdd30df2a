"""The roll of a muster: who should be asked after, from the registry and from the open journeys, and how old that is.

Somebody on a journey is asked after there and not at the site he left. A person of whom it is not known where he is
belongs to a muster of the country: not knowing is what a muster is for. Of a journey that gave only a number, or that
is the other party's, the number is on the roll.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from safeconduct.agreement.policy import Subject
from safeconduct.geo.sphere import Point, distance
from safeconduct.records.kept import belongs_to, marks
from safeconduct.records.own import own_rows, rows_of
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx
from safeconduct.records.under import party_under, within_which

MUSTER = "muster"
UNDER_WAY = ("under_way", "overdue")


@dataclass(frozen=True)
class Line:
    """One line of the roll: `who` as the entry tells it, `person` the own record of who it is, if any, `at` when its
    source was last said, seconds since 1970, and `place` the record of the site or journey, if any."""

    who: Mapping[str, Any]
    person: str
    at: float
    place: str = ""

    @property
    def heads(self) -> int:
        return int(self.who.get("heads", 1))


def roll_of(tx: Tx, scope: str, target: Mapping[str, Any]) -> list[Line]:
    """Everybody whom a muster of this scope asks after, by this node's own records and the journeys it knows."""
    people = {row.id: row for row in own_rows(tx, "person", states=("active",))}
    accounts = {link["account"]: key for key, row in people.items() if (link := _link(row)).get("account")}
    moving = rows_of(tx, "movement", UNDER_WAY)
    aboard = {movement.id: _on_board(tx, movement, accounts) for movement in moving}
    meant = [movement for movement in moving if _asks_on_the_road(scope, target, movement)]
    travelling = _once(line for movement in meant for line in aboard[movement.id])
    if scope == "journeys":
        return travelling
    if scope == "organisation":
        employed = {key for key, row in people.items() if _employer(row) == target.get("organisation")}
        travelling = [line for line in travelling if line.person in employed]
    sites = {row.id: row for row in own_rows(tx, "site")}
    stays = _stays(tx)
    away = {line.person for lines in aboard.values() for line in lines}
    staying = [
        _staying(person, site, since)
        for person in people.values()
        if person.id not in away
        for where, since in (stays.get(person.id, ("", person.at)),)
        for site in (sites.get(where),)
        if _within(scope, target, person, where, site)
    ]
    return [*staying, *travelling]


def _on_board(tx: Tx, movement: RowView, accounts: Mapping[str, str]) -> list[Line]:
    """The lines of one journey: its names as far as they are here, and the number of those who are not. Who has no
    record but an account is the person who has that account."""
    notice = movement.values().get("notice") or {}
    reference = notice.get("reference") or movement.id[:8]
    lines = []
    for row in tx.rows_about(movement.id, "manifest_entry"):
        who, link = row.values().get("who") or {}, _link(row)
        if row.state == "named" and who:
            account = link.get("account", "")
            told = {key: who[key] for key in ("name", "name_ur", "name_zh") if who.get(key)}
            told |= {"account": account, "journey": reference}
            lines.append(Line(told, link.get("person") or accounts.get(account, ""), row.at, movement.id))
    unnamed = int(notice.get("persons", 0)) - len(lines)
    if unnamed > 0:
        whole = {"name": reference, "journey": reference, "heads": unnamed}
        lines.append(Line(whole, "", movement.at, movement.id))
    return lines


def _asks_on_the_road(scope: str, target: Mapping[str, Any], movement: RowView) -> bool:
    """Whether a muster means those on a journey: a site's does not, a district's if the journey touches it."""
    if scope == "area":
        notice = movement.values().get("notice") or {}
        ends = (notice.get("origin_district"), notice.get("destination_district"))
        return bool(target.get("district")) and target["district"] in {*ends, *notice.get("districts", ())}
    return scope != "site"


def _once(lines: Iterable[Line]) -> list[Line]:
    """Nobody is asked after twice because he is on the manifests of two journeys."""
    found: dict[str, Line] = {}
    for number, line in enumerate(lines):
        found.setdefault(line.person or line.who.get("account") or str(number), line)
    return list(found.values())


def _link(row: RowView) -> Mapping[str, Any]:
    found: Mapping[str, Any] = row.values().get("link") or {}
    return found


def _stays(tx: Tx) -> dict[str, tuple[str, float]]:
    """Where each person is said to be, and when that was said: the latest arrival that has no end."""
    found: dict[str, tuple[str, float]] = {}
    for row in own_rows(tx, "presence", states=("arrived",)):
        stay = row.values().get("stay") or {}
        if stay and not stay.get("until") and row.about:
            found[row.about] = (stay["site"], row.at)
    return found


def stays_of(tx: Tx, account: str) -> list[RowView]:
    """The sites where the person who signs in with this account is said to stay."""
    stays = _stays(tx)
    people = (
        row.id for row in own_rows(tx, "person", states=("active",)) if _link(row).get("account") == account
    )
    sites = (tx.row(stays[person][0]) for person in people if person in stays)
    return [site for site in sites if site is not None]


class Reach(NamedTuple):
    """The parties that may have a muster and its figures, and whom at home it is kept for where nobody may."""

    told: list[str] | None
    kept_for: list[str] | None = None


def one_agreement(tx: Tx, subject: Subject, lines: Sequence[Line]) -> tuple[list[Line], Reach]:
    """The roll of a muster on a node with several agreements, and how far it goes.

    Under an agreement the muster asks after those whom that party knows of, and after those of whom nobody knows where
    they are; so does one of somebody who musters for some agreements alone. Else it asks after everybody, and nobody
    has it but who may know of each place on it: a figure over two countries would tell either of the other.
    """
    if len(tx.home.partners) < 2:
        return list(lines), Reach(None)
    known = {place: _known_to(tx, place) for place in {line.place for line in lines if line.place}}
    if tx.under:
        party = party_under(tx.home, tx.under) or ""
        return [line for line in lines if not line.place or party in known[line.place]], Reach([party])
    within = within_which(tx.policy, subject, "write", MUSTER)
    asked = [line for line in lines if within is None or not line.place or within & known[line.place]]
    places = [known[place] for place in {line.place for line in asked if line.place}]
    told = frozenset(tx.home.partners).intersection(within or tx.home.partners, *places) if places else ()
    return asked, Reach(sorted(told), None if told else marks(places))


def _known_to(tx: Tx, place: str) -> frozenset[str]:
    row = tx.row(place)
    return frozenset() if row is None else belongs_to(row, tx.home.party)


def _staying(person: RowView, site: RowView | None, at: float) -> Line:
    values = person.values()
    name, link = values.get("name") or {}, _link(person)
    identity = (site.values().get("identity") or {}) if site is not None else {}
    who = {key: name[key] for key in ("name", "name_ur", "name_zh") if name.get(key)}
    told = {
        "name": person.id[:8],
        **who,
        "account": link.get("account", ""),
        "site_name": identity.get("name", ""),
    }
    return Line(told, person.id, at, site.id if site is not None else "")


def _within(scope: str, target: Mapping[str, Any], person: RowView, where: str, site: RowView | None) -> bool:
    if scope == "country":
        return True
    if scope == "site":
        return where in target.get("sites", ())
    if scope == "organisation":
        return _employer(person) == target.get("organisation")
    place = (site.values().get("place") or {}) if site is not None else {}
    if not place:
        return False
    if target.get("district"):
        return bool(place.get("district") == target["district"])
    here, there = (Point(each["latitude"], each["longitude"]) for each in (target, place))
    return distance(here, there) <= float(target["radius_m"])


def _employer(person: RowView) -> str:
    return str((person.values().get("employment") or {}).get("employer", ""))
