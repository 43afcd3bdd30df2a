"""The writer's side of a beacon that is switched off: the SOS which that very device raised is stood down."""

from __future__ import annotations

from typing import Any

from safeconduct.field.device_writer import enrolled
from safeconduct.records.hooks import job
from safeconduct.records.principals import SYSTEM
from safeconduct.records.transaction import Tx, iso
from safeconduct.watch.sos_kinds import SOS
from safeconduct.watch.sos_writer import stand_down_job


@job("cot_stand_down")
def cot_stand_down_job(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Stand down the open SOS of a device; {} when it has none. Raises NotFound for a device that is not enrolled."""
    row, identity, _link = enrolled(tx, str(payload["device"]))
    device, name = row.id, str(identity["name"])
    for sos in tx.rows_open(SOS.name, device):
        if sos.originator == tx.home.party and (sos.values().get("caller") or {}).get("device") == device:
            word = {"at": iso(tx.now), "by": name, "category": "device"}
            told = {"actor": {"person": SYSTEM}, "sos": sos.id, "parts": {"word": word}, "key": device}
            return stand_down_job(tx, told)
    return {}
