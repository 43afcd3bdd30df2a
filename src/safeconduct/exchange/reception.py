"""Taking in what a partner's feed says: each entry becomes one of the own ledger, and so of the tables.

Everything about an entry that can be checked alone was checked before; here it meets what is already held.
Whatever does not fit raises, and the transaction takes the whole bundle back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from safeconduct.exchange.arrival import Arrival
from safeconduct.exchange.cited import Cited
from safeconduct.exchange.hold_state import Asked, HoldState
from safeconduct.exchange.leaves import REMOVED, RETAINED, LeafRefused
from safeconduct.exchange.limits import follow
from safeconduct.exchange.projection import RECEIVED
from safeconduct.exchange.receipts import erase_received, send_receipt
from safeconduct.exchange.sealed_state import TAKEN_BACK, SealedState
from safeconduct.exchange.state import Received, State, received_id
from safeconduct.exchange.unread import keep_unread, lies_unread
from safeconduct.ledger.tree import leaf_hash
from safeconduct.records.events import log_event
from safeconduct.records.home import Partner
from safeconduct.records.hooks import HOOKS
from safeconduct.records.joined import event_of
from safeconduct.records.kinds import Kind, all_kinds
from safeconduct.records.projection import Disclosed
from safeconduct.records.transaction import Tx, iso

MAX_FOUNDING = 8 * 1024 * 1024
"""Characters of clauses and acts taken from one partner: every process of the node reads all of them."""

TOLD_EACH = 50
"""Records of a kind that one bundle tells the screens of by name."""

UNKNOWN_LEVEL = 3
"""Label given to a part that was not released: none of its readers is let near by mistake."""


@dataclass(frozen=True)
class Ahead:
    """Disclosures by part position that came in a sealed bundle, with the labels of these parts."""

    texts: dict[int, str]
    labels: dict[str, int]


class Reception:
    """Applies one partner's entries, in order, inside one transaction.

    `bundle` is the sealed bundle that they lay in, "" for the feed.
    """

    def __init__(self, tx: Tx, partner: Partner, bundle: str = "") -> None:
        self.bundle = bundle
        self.tx = tx
        self.partner = partner
        self.state = State(tx.db)
        self.cited = Cited(tx, partner)
        self.changed: list[tuple[str, str, int]] = []
        self._founding: int | None = None

    def take(self, arrival: Arrival) -> None:
        """Apply one entry. Raises LeafRefused when it contradicts those before it."""
        if arrival.later or self._follows_what_waits(arrival.header):
            self._keep_waiting(arrival)
        else:
            self.take_known(arrival)

    def _follows_what_waits(self, header: Mapping[str, Any]) -> bool:
        return header["type"] != "receipt" and lies_unread(self.tx, self.partner.party, header["record"])

    def _keep_waiting(self, arrival: Arrival) -> None:
        """Kept as it is. What a recall takes back of the version that is held goes now, the rest where it waits; sealed
        bundles that it names are not opened any more."""
        header = arrival.header
        for bundle in header.get("sealed", ()):
            SealedState(self.tx.db).end(self.partner.party, bundle, TAKEN_BACK, self.tx.now)
        known = self.state.received(self.partner.party, header["record"])
        names = all_kinds()[header["kind"]].parts if header["kind"] in all_kinds() else {}
        understood = [name for name in header.get("parts", ()) if name in names]
        held = known is not None and known.leaf["kind"] == header["kind"] and bool(understood)
        keep_unread(self.tx, self.partner, arrival, answered=held)
        if held and header["type"] in ("withdraw", "erase"):
            self.take_known(replace(arrival, header={**header, "parts": understood}))

    def take_known(self, arrival: Arrival) -> None:
        """Apply one entry of which this version understands everything. Raises LeafRefused as `take` does."""
        match arrival.header["type"]:
            case "version" | "parts":
                self._version(arrival)
            case "withdraw":
                if not self._ended_unopened(arrival):
                    self._withdraw(arrival)
            case "erase":
                if not self._ended_unopened(arrival):
                    self._erase(arrival)
            case "receipt":
                self._receipt(arrival)

    def announce(self) -> None:
        """Tell the screens: each record, or a kind once when there are many of it; a call for help among a thousand
        journeys is told by itself."""
        count = Counter(kind for kind, _, _ in self.changed)
        last = {kind: index for kind, _, index in self.changed}
        for kind, record, index in self.changed:
            if count[kind] <= TOLD_EACH:
                plain = {"topic": kind, "kind": kind, "record": record, "index": index}
                row = self.tx.row(record) if all_kinds()[kind].joins else None
                self.tx.announce(plain if row is None else event_of(self.tx, row, index))
        for kind, index in last.items():
            if count[kind] > TOLD_EACH:
                self.tx.announce({"topic": kind, "kind": kind, "record": "", "index": index})

    # --- versions

    def _version(self, arrival: Arrival) -> None:
        header = arrival.header
        kind = all_kinds()[header["kind"]]
        known = self.state.received(self.partner.party, header["record"])
        if kind.crosses_by_pairing:
            self._check_founding(arrival)
        elif not self.bundle:
            arrival = self._permitted(arrival, kind)
        if header["type"] == "version":
            self._check_next(header, kind, known)
            texts = dict(arrival.texts)
            labels = dict(header["labels"])
        else:
            texts, labels = self._with_earlier(arrival, kind, known)
        record = received_id(self.partner.party, header["record"])
        index = self._store(arrival, kind, record, texts, labels)
        held = sum(1 << bit for bit in texts)
        now_held = {**header, "labels": labels}
        self.state.put_received(
            Received(self.partner.party, header["record"], record, header["version"], index, held, now_held)
        )
        if kind.crosses_by_pairing:
            self.tx.policy_changed = True
            self.cited.forget()
        self.changed.append((kind.name, record, index))
        row = self.tx.row(record)
        for hook in HOOKS.received:
            hook(self.tx, row, index)

    def _permitted(self, arrival: Arrival, kind: Kind) -> Arrival:
        """The entry without what no clause permits: verified, named in the ledger, and let go. The feed goes on."""
        refused = self.cited.unpermitted(arrival.header)
        if not refused:
            return arrival
        positions = {kind.bit(name) for name in refused}
        log_event(
            "link_unpermitted",
            partner=self.partner.party,
            kind=kind.name,
            count=len(refused),
            entry=arrival.index,
        )
        self.tx.announce({"topic": "exchange", "partner": self.partner.party, "alarm": "unpermitted"})
        kept, values = (
            {at: each for at, each in found.items() if at not in positions}
            for found in (arrival.texts, arrival.values)
        )
        return replace(arrival, texts=kept, values=values, unpermitted=refused)

    def _check_next(self, header: dict[str, Any], kind: Kind, known: Received | None) -> None:
        expected = known.version + 1 if known is not None else 1
        if header["version"] != expected:
            raise LeafRefused(f"version {header['version']} follows {expected - 1}")
        if known is not None and kind.crosses_by_pairing:
            raise LeafRefused("a clause or an act is not amended")
        if known is not None and known.leaf["kind"] != kind.name:
            raise LeafRefused("a record does not change its kind")

    def _check_founding(self, arrival: Arrival) -> None:
        if self._founding is None:
            found = self.tx.tables.one(
                "SELECT sum(length(parts)) FROM records_row WHERE kind IN ('clause', 'status_act') "
                "AND originator = %s",
                [self.partner.party],
            )
            self._founding = int(found[0] or 0) if found else 0
        self._founding += sum(map(len, arrival.texts.values()))
        if self._founding > MAX_FOUNDING:
            raise LeafRefused("more clauses and acts than an agreement has")

    def _with_earlier(
        self, arrival: Arrival, kind: Kind, known: Received | None
    ) -> tuple[dict[int, str], dict[str, int]]:
        """More parts of the version that is held: the same digests, so provably the same version."""
        header = arrival.header
        fixed = ("kind", "version", "digests", "commitment", "state", "orcon", "at")
        if known is None or any(header[name] != known.leaf[name] for name in fixed):
            raise LeafRefused("parts of a version that was not sent")
        held = [t if known.held >> b & 1 else None for b, t in enumerate(self._held_texts(known))]
        texts = {bit: text for bit, text in enumerate(held) if text is not None} | arrival.texts
        labels = {
            name: level for name, level in known.leaf["labels"].items() if known.held >> kind.bit(name) & 1
        } | header["labels"]
        return texts, labels

    def _held_texts(self, known: Received) -> Sequence[str | None]:
        return self.tx.disclosures(known.ledger_index)

    def _store(
        self, arrival: Arrival, kind: Kind, record: str, texts: dict[int, str], labels: dict[str, int]
    ) -> int:
        header = arrival.header
        ahead = self._ahead(header, kind, texts)
        texts = texts | ahead.texts
        labels = labels | ahead.labels
        positions = range(len(header["digests"]))
        names = kind.part_names[: len(positions)]
        levels = [labels.get(name, UNKNOWN_LEVEL) for name in names]
        levels += [UNKNOWN_LEVEL] * (len(positions) - len(levels))
        entry = {
            "record": record,
            "version": header["version"],
            "kind": kind.name,
            "originator": self.partner.party,
            "agreement": self.partner.agreement,
            "about": self._about(header.get("about")),
            "act": RECEIVED,
            "at": header["at"],
            "received": iso(self.tx.now),
            "state": header["state"],
            "levels": levels,
            "releasable": [self.tx.home.party],
            "orcon": header["orcon"],
            "assigned": [],
            "opens": "",
            "clauses": header["clauses"],
            "parts": header["digests"],
            "held": sum(1 << bit for bit in texts),
            "commitment": header["commitment"],
            "sent_as": header["record"],
            "feed_index": arrival.index,
            "feed_leaf": leaf_hash(arrival.leaf).hex(),
            **({"sealed": self.bundle} if self.bundle else {}),
            **({"unpermitted": list(arrival.unpermitted)} if arrival.unpermitted else {}),
        }
        disclosures: Sequence[str | None] = [texts.get(bit) for bit in positions]
        if arrival.values and texts == arrival.texts:
            disclosures = Disclosed(disclosures, [arrival.values.get(bit) for bit in positions])
        sealing = [int(not kind.crosses_by_pairing)] * len(levels)
        index = self.tx.append("received", entry, disclosures, sealing)
        if ahead.texts or self.bundle:
            self.state.note_received_entry(record, index, entry["held"])
        return index

    def _ahead(self, header: dict[str, Any], kind: Kind, texts: dict[int, str]) -> Ahead:
        """What a sealed bundle brought of the same version, and the feed has not yet brought."""
        kept = SealedState(self.tx.db)
        known = kept.advance(self.partner.party, header["record"])
        if known is None or self.bundle:
            return Ahead({}, {})
        brought = sum(1 << bit for bit in texts)
        same = known.version == header["version"] and list(known.digests) == header["digests"]
        if not same:
            if header["version"] >= known.version:
                kept.let_go(self.partner.party, header["record"], known.held)
            return Ahead({}, {})
        kept.let_go(self.partner.party, header["record"], brought)
        held = self.tx.disclosures(known.ledger_index)
        left = {b: t for b, t in enumerate(held) if t is not None and (known.held & ~brought) >> b & 1}
        names = {kind.part_names[bit] for bit in left}
        return Ahead(left, {name: level for name, level in known.labels.items() if name in names})

    def _ended_unopened(self, arrival: Arrival) -> bool:
        """Sealed bundles that a recall names end here; True when nothing of the record had come otherwise."""
        header = arrival.header
        kept, partner = SealedState(self.tx.db), self.partner.party
        for bundle in header.get("sealed", ()):
            kept.end(partner, bundle, TAKEN_BACK, self.tx.now)
        if "sealed" not in header or self.state.received(partner, header["record"]) is not None:
            return False
        if header["type"] == "erase":
            kind = all_kinds()[header["kind"]]
            mask = sum(1 << kind.bit(name) for name in header["parts"])
            record = received_id(partner, header["record"])
            unopened = Received(partner, header["record"], record, 0, 0, 0, {})
            send_receipt(self.tx, self.partner, unopened, arrival.index, mask, REMOVED, "")
        return True

    def _about(self, about: dict[str, str] | None) -> str:
        """The own id of what a partner's record is about, "" for one that is lost here; a record never given to it
        cannot be meant."""
        if about is None:
            return ""
        if about["originator"] == self.partner.party:
            found = self.state.received(self.partner.party, about["record"])
            record = found.record if found is not None else ""
            if not record and lies_unread(self.tx, self.partner.party, about["record"]):
                record = received_id(self.partner.party, about["record"])
        else:
            if self.state.lost(self.partner.party, about["record"]):
                return ""
            sent = self.state.sent_as(self.partner.party, about["record"])
            record = sent.record if sent is not None else ""
        if not record:
            raise LeafRefused("about a record that did not cross")
        return record

    # --- recalls

    def _withdraw(self, arrival: Arrival) -> None:
        known, mask = self._recalled(arrival)
        left = known.held & ~mask
        kind = all_kinds()[known.leaf["kind"]]
        index = self.tx.append(
            "withdrawal",
            {
                "side": RECEIVED,
                "record": known.record,
                "partner": self.partner.party,
                "withdrawn": arrival.header["parts"],
                "mask": mask,
                "whole": not left,
                "at": iso(self.tx.now),
                "feed_index": arrival.index,
                "feed_leaf": leaf_hash(arrival.leaf).hex(),
            },
        )
        if left:
            index = self._keep_only(arrival, known, kind, left)
        else:
            self.state.set_received_held(known, 0)
            row = self.tx.row(known.record)
            if row is not None:
                follow(self.tx, row)
                for hook in HOOKS.recalled:
                    hook(self.tx, row)
        self.changed.append((kind.name, known.record, index))

    def _keep_only(self, arrival: Arrival, known: Received, kind: Kind, left: int) -> int:
        """The same version again with what may still be used of it."""
        held = self._held_texts(known)
        texts = {bit: text for bit, text in enumerate(held) if text is not None and left >> bit & 1}
        labels = {n: level for n, level in known.leaf["labels"].items() if left >> kind.bit(n) & 1}
        again = Arrival(arrival.index, arrival.leaf, {**known.leaf, "labels": labels}, texts, {})
        index = self._store(again, kind, known.record, texts, labels)
        self.state.put_received(
            Received(
                known.partner, known.opaque, known.record, known.version, index, left, dict(again.header)
            )
        )
        return index

    def _erase(self, arrival: Arrival) -> None:
        known, mask = self._recalled(arrival)
        holds = HoldState(self.tx.db)
        if because := holds.because(known.record):
            asked = Asked(self.partner.party, arrival.index, mask, self.tx.now, known.version)
            holds.wait(known.record, asked)
            send_receipt(self.tx, self.partner, known, arrival.index, mask, RETAINED, because)
            self.changed.append((known.leaf["kind"], known.record, arrival.index))
            return
        erase_received(self.tx, known, mask, arrival.index)
        send_receipt(self.tx, self.partner, known, arrival.index, mask, REMOVED, "")
        self.changed.append((known.leaf["kind"], known.record, arrival.index))

    def _recalled(self, arrival: Arrival) -> tuple[Received, int]:
        header = arrival.header
        known = self.state.received(self.partner.party, header["record"])
        if known is None or known.leaf["kind"] != header["kind"]:
            raise LeafRefused("a record that was never sent is not recalled")
        kind = all_kinds()[header["kind"]]
        if kind.crosses_by_pairing:
            raise LeafRefused("a clause or an act is not recalled; its status changes by another act")
        mask = sum(1 << kind.bit(name) for name in header["parts"])
        SealedState(self.tx.db).let_go(self.partner.party, header["record"], mask)
        return known, mask

    def _receipt(self, arrival: Arrival) -> None:
        header = arrival.header
        asked = self.tx.db.execute(
            "SELECT record, mask FROM exchange_asked WHERE partner = ? AND idx = ?",
            (self.partner.party, header["erase"]),
        ).fetchone()
        sent = self.state.sent_as(self.partner.party, header["record"])
        lost = self.state.lost(self.partner.party, header["record"])
        if asked is None or not (lost or (sent is not None and sent.record == asked[0])):
            raise LeafRefused("a receipt for what was not asked")
        index = self.tx.append(
            "receipt",
            {
                "side": RECEIVED,
                "record": asked[0],
                "partner": self.partner.party,
                "erase": header["erase"],
                "mask": asked[1],
                "outcome": header["outcome"],
                "because": header["because"],
                "at": iso(self.tx.now),
                "feed_index": arrival.index,
                "feed_leaf": leaf_hash(arrival.leaf).hex(),
            },
        )
        row = self.tx.row(asked[0])
        kind = row.kind if row is not None else ""
        self.tx.announce({"topic": "holdings", "kind": kind, "record": asked[0], "index": index})
