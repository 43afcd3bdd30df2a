"""A device: a phone, a tracker, a radio or a site's alarm that may speak to this node, and for whom it speaks.

Its credential is not part of the record: only a digest of it is kept, with the accounts.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import StringConstraints

from safeconduct.records.checks import requires
from safeconduct.records.fields import Code, Name, Named, RecordId
from safeconduct.records.kinds import Kind, PartModel, register

DeviceCategory = Literal["phone", "tracker", "tak", "site_alarm", "sms_gateway"]
CATEGORIES: tuple[str, ...] = get_args(DeviceCategory)
Protocol = Literal["owntracks_http", "owntracks_mqtt", "osmand", "cot", "webhook"]
PROTOCOLS: tuple[str, ...] = get_args(Protocol)
Plate = Annotated[str, StringConstraints(max_length=32)]


class Identity(PartModel):
    """What kind of device it is, and the site, vehicle or movement it is at."""

    name: Named
    category: DeviceCategory
    protocol: Protocol
    site: RecordId = ""
    vehicle: Plate = ""
    movement: RecordId = ""


class Link(PartModel):
    """Whose device it is; `account` is the person id of the account that carries it, `holder` who was handed it."""

    level: ClassVar[str] = "CONFIDENTIAL"
    person: RecordId = ""
    account: Code = ""
    holder: Name = ""


DEVICE = register(
    Kind(
        name="device",
        parts={"identity": Identity, "link": Link},
        states=("enrolled", "revoked"),
        final=("revoked",),
        check=requires("identity", "a device has its identity"),
        dimensions={"category": ("identity", "category")},
        searched=("identity.name", "identity.vehicle"),
    )
)
