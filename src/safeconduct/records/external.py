"""Own records by the identifier they bear in the data set they came from, so that an import can be repeated.

What is answered is where each record stands and a digest of its content, never the content: an import
compares it with what it is about to write.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from safeconduct.agreement.policy import Subject
from safeconduct.records import here, principals
from safeconduct.records.door import Door
from safeconduct.records.hooks import job
from safeconduct.records.kinds import all_kinds
from safeconduct.records.principals import SYSTEM
from safeconduct.records.refusals import Malformed
from safeconduct.records.rows import COLUMNS, RowView
from safeconduct.records.transaction import Tx

MAX_ASKED = 500


class Known(NamedTuple):
    """A record under an external identifier; `digests` has the `content_digest` of each part it has now.

    `gone` says that it was withdrawn or that parts of it were erased: an import must not bring that back.
    `amended` says that somebody other than the asker made the latest version: an import must not undo that.
    """

    record: str
    version: int
    digests: Mapping[str, str]
    gone: bool = False
    amended: bool = False


def content_digest(value: Any) -> str:
    """A digest of a part's value, by which unchanged content is known again."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def known(actor: Subject, kind: str, externals: Sequence[str], door: Door | None = None) -> dict[str, Known]:
    """Which of these identifiers this party's records of a kind bear already.

    Only records that the actor may write in every part they have are answered for. Raises Malformed for more
    than MAX_ASKED identifiers or a kind that has none.
    """
    payload = {"actor": principals.to_wire(actor), "kind": kind, "externals": list(externals)}
    answer = (door or here.door()).call("known", payload)
    return {external: Known(*found) for external, found in answer["known"].items()}


@job("known")
def known_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """The writer's side of known()."""
    subject = tx.subject(payload["actor"])
    kind, externals = all_kinds().get(payload["kind"]), payload["externals"]
    if kind is None or "external" not in kind.dimensions or len(externals) > MAX_ASKED:
        raise Malformed(f"at most {MAX_ASKED} identifiers of a kind that has them")
    if not externals:
        return {"known": {}}
    rows = tx.tables.all(
        f"SELECT external, {', '.join(COLUMNS)} FROM records_row WHERE kind = %s AND originator = %s "
        f"AND external IN ({', '.join(['%s'] * len(externals))})",
        [kind.name, tx.home.party, *externals],
    )
    found = {}
    for external, *columns in rows:
        row = RowView(*columns)
        may = tx.policy.mask(subject, "write", tx.item(row), tx.now)
        if subject.person == SYSTEM or row.present & ~may == 0:
            found[external] = Known(
                row.id,
                row.version,
                {name: content_digest(value) for name, value in row.values().items()},
                gone=bool(row.withdrawn or row.erased),
                amended=tx.header(row.ledger_index)["by"] != subject.person,
            )
    return {"known": found}
