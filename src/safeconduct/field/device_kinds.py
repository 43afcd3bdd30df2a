"""A device: a phone, a tracker, a radio or a site's alarm that may speak to this node, and for whom it speaks.

Its credential is not part of the record: only a digest of it is kept, with the accounts.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import StringConstraints

from safeconduct.field.device_word import REVOKED, STATES, needs_their_word
from safeconduct.records.checks import all_of, requires
from safeconduct.records.fields import Code, Name, Named, RecordId
from safeconduct.records.kinds import Kind, PartModel, register
from safeconduct.records.moments import Instant

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
    """Whose device it is; `account` is the person id of the account that carries it, `holder` who was handed it.
    `until`: so long a device goes on showing things that was enrolled before its person was asked (`device_term`)."""

    level: ClassVar[str] = "CONFIDENTIAL"
    person: RecordId = ""
    account: Code = ""
    holder: Name = ""
    until: Instant | None = None


DEVICE = register(
    Kind(
        name="device",
        parts={"identity": Identity, "link": Link},
        states=STATES,
        final=(REVOKED,),
        check=all_of(requires("identity", "a device has its identity"), needs_their_word),
        dimensions={"category": ("identity", "category")},
        searched=("identity.name", "identity.vehicle"),
    )
)
