"""How the exchange's ledger entries change the tables: received records, and the list of what others hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from safeconduct.records.kinds import all_kinds
from safeconduct.records.projection import (
    Tables,
    clear_parts,
    epoch,
    index_reading,
    note_past,
    note_policy_change,
    projects,
    put_row,
    values_of,
    withdraw_row,
)

OWN, SENT, RECEIVED = "own", "sent", "received"
"""Whose move an entry tells of: on an own record, told to a partner, told by a partner."""

Header = Mapping[str, Any]
Disclosures = Sequence[str | None]


@projects("received")
def _received(tables: Tables, index: int, header: Header, disclosures: Disclosures) -> None:
    put_row(tables, index, header, disclosures, header["agreement"])
    held, came = header.get("held", 0), header["received"]
    _note_taken(tables, index, header, header["originator"], held, came, header["feed_index"])
    kind = all_kinds().get(header["kind"])
    if kind is not None and kind.crosses_by_pairing:
        note_policy_change(tables, index)
    if header["kind"] == "reading":
        _index_told(tables, header, values_of(disclosures)[0])


def _index_told(tables: Tables, header: Header, what: Mapping[str, Any] | None) -> None:
    """A partner's reading of own records names them as they were sent to that partner, and no other."""

    def known(item: Mapping[str, Any]) -> tuple[str, int] | None:
        found = tables.one(
            "SELECT record, version FROM exchange_holding WHERE key = %s",
            [f"{header['originator']}/{item.get('sent_as', '')}/{item['version']}"],
        )
        return (found[0], found[1]) if found else None

    index_reading(tables, header["record"], what, known)


@projects("disclosure")
def _disclosure(tables: Tables, index: int, header: Header, disclosures: Disclosures) -> None:
    key = f"{header['partner']}/{header['sent_as']}/{header['sent_version']}"
    _note_given(tables, index, header, header["feed_index"])
    if header["more"]:
        tables.execute(
            "UPDATE exchange_holding SET parts = parts | %s, sealed = sealed & ~%s, withdrawn = withdrawn & ~%s "
            "WHERE key = %s",
            [header["mask"], header["mask"], header["mask"], key],
        )
        return
    tables.execute(
        "INSERT INTO exchange_holding (key, partner, record, kind, version, sent_as, sent_version, parts, "
        "withdrawn, asked, removed, retained, because, clauses, sealed, since, asked_at, answered_at, "
        "ledger_index, feed_index) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 0, 0, 0, 0, '', %s, 0, %s, NULL, NULL, %s, %s) "
        "ON CONFLICT (key) DO UPDATE SET parts = excluded.parts, version = excluded.version, "
        "sealed = exchange_holding.sealed & ~excluded.parts, "
        "withdrawn = exchange_holding.withdrawn & ~excluded.parts, "
        "clauses = excluded.clauses, since = excluded.since, ledger_index = excluded.ledger_index, "
        "feed_index = excluded.feed_index",
        [
            key,
            header["partner"],
            header["record"],
            header["kind"],
            header["version"],
            header["sent_as"],
            header["sent_version"],
            header["mask"],
            " ".join(header["clauses"]),
            epoch(header["at"]),
            index,
            header["feed_index"],
        ],
    )


def _note_given(tables: Tables, index: int, header: Header, feed_index: int) -> None:
    tables.execute(
        "INSERT INTO exchange_disclosure (ledger_index, partner, record, kind, version, mask, clauses, at, "
        "feed_index) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            index,
            header["partner"],
            header["record"],
            header["kind"],
            header["version"],
            header["mask"],
            " ".join(header["clauses"]),
            epoch(header["at"]),
            feed_index,
        ],
    )


def _note_taken(
    tables: Tables, index: int, header: Header, partner: str, mask: int, at: str, feed_index: int
) -> None:
    tables.execute(
        "INSERT INTO exchange_taken (ledger_index, partner, record, kind, version, mask, clauses, at, feed_index) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            index,
            partner,
            header["record"],
            header["kind"],
            header["version"],
            mask,
            " ".join(header["clauses"]),
            epoch(at),
            feed_index,
        ],
    )


@projects("withdrawal")
def _withdrawal(tables: Tables, index: int, header: Header, disclosures: Disclosures) -> None:
    if header["side"] == SENT:
        tables.execute(
            "UPDATE exchange_holding SET withdrawn = withdrawn | ((parts | sealed) & %s) "
            "WHERE partner = %s AND record = %s",
            [header["mask"], header["partner"], header["record"]],
        )
    elif header["whole"]:
        withdraw_row(tables, header["record"], index, epoch(header["at"]) or 0.0)


@projects("erasure")
def _erasure(tables: Tables, index: int, header: Header, disclosures: Disclosures) -> None:
    if header["side"] == SENT:
        tables.execute(
            "UPDATE exchange_holding SET asked = asked | ((parts | sealed) & %s), asked_at = %s "
            "WHERE partner = %s AND record = %s AND ((parts | sealed) & %s) <> 0",
            [header["mask"], epoch(header["at"]), header["partner"], header["record"], header["mask"]],
        )
    else:
        record, at = header["record"], epoch(header["at"]) or 0.0
        found = tables.one("SELECT version FROM records_row WHERE id = %s", [record])
        if header.get("up_to") and found is not None and found[0] > header["up_to"]:
            # What is shown came after the erasure was asked for, which a hold had kept waiting.
            note_past(tables, index, record, "erased", 0, header["mask"], at)
        else:
            clear_parts(tables, record, header["mask"], index, at)


@projects("receipt")
def _receipt(tables: Tables, index: int, header: Header, disclosures: Disclosures) -> None:
    if header["side"] == SENT:
        return
    mask, at = header["mask"], epoch(header["at"])
    where = "WHERE partner = %s AND record = %s AND (asked & %s) <> 0"
    if header["outcome"] == "removed":
        tables.execute(
            "UPDATE exchange_holding SET removed = removed | (asked & %s), retained = retained & ~%s, "
            f"because = '', answered_at = %s {where}",
            [mask, mask, at, header["partner"], header["record"], mask],
        )
    else:
        tables.execute(
            "UPDATE exchange_holding SET retained = retained | (asked & ~removed & %s), because = %s, "
            f"answered_at = %s {where}",
            [mask, header["because"], at, header["partner"], header["record"], mask],
        )


@projects("checkpoint")
def _checkpoint(tables: Tables, index: int, header: Header, disclosures: Disclosures) -> None:
    if header["what"] == "cosigned_by":
        tables.execute(
            "INSERT INTO exchange_cosigned (ledger_index, partner, size, at) VALUES (%s, %s, %s, %s)",
            [index, header["partner"], header["size"], epoch(header["at"])],
        )


UNSENT, LIVE = -1, -2
"""The feed index of what did not come by the feed: given in a sealed bundle, or flowing live."""


@projects("flow")
def _flow(tables: Tables, index: int, header: Header, disclosures: Disclosures) -> None:
    """What begins to flow counts as given, or as taken in, from then on."""
    if header["what"] != "opened":
        return
    if header["side"] == SENT:
        _note_given(tables, index, header, LIVE)
    else:
        _note_taken(tables, index, header, header["partner"], header["mask"], header["at"], LIVE)


@projects("sealed")
def _sealed(tables: Tables, index: int, header: Header, disclosures: Disclosures) -> None:
    """What was given in advance counts as given from then on."""
    if header["what"] != "made":
        return
    _note_given(tables, index, header, UNSENT)
    tables.execute(
        "INSERT INTO exchange_holding (key, partner, record, kind, version, sent_as, sent_version, parts, "
        "withdrawn, asked, removed, retained, because, clauses, sealed, since, asked_at, answered_at, "
        "ledger_index, feed_index) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, 0, 0, 0, 0, 0, '', %s, %s, %s, NULL, NULL, %s, %s) "
        "ON CONFLICT (key) DO UPDATE SET sealed = exchange_holding.sealed | excluded.sealed",
        [
            f"{header['partner']}/{header['sent_as']}/{header['sent_version']}",
            header["partner"],
            header["record"],
            header["kind"],
            header["version"],
            header["sent_as"],
            header["sent_version"],
            " ".join(header["clauses"]),
            header["mask"],
            epoch(header["at"]),
            index,
            UNSENT,
        ],
    )
