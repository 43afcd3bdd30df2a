"""What is wrong with a node, in words, and what whoever runs it does about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from django.utils.translation import gettext as _

from safeconduct.notify.status import FAULTS
from safeconduct.oversight.link import LinkHealth
from safeconduct.oversight.vitals import Vitals
from safeconduct.oversight.wording import ago

DISK_LEAST, DISK_SHARE = 2 * 1024**3, 0.1
"""Bytes, and the share of the disk, of which one must be free."""
MESSAGE_WAITS, NOTIFIER_SILENT = 120.0, 60.0
"""Seconds after which a message outside, and the notifier's silence, are no delay any more."""
BUS_LOST = 15.0
UNCOSIGNED, LINK_DOWN = 3_600.0, 600.0
BACKUP_AGE = 36 * 3_600.0
DRILL_AGE = 45 * 86_400.0
CERTIFICATE, PAGES_CERTIFICATE = 60 * 86_400.0, 30 * 86_400.0


@dataclass(frozen=True)
class Ailment:
    """`code` names it for machines; `grave`: people are without something now, else it is about to come to that."""

    code: str
    severity: Literal["grave", "caution"]
    what: str
    do: str


def ailments(found: Vitals) -> list[Ailment]:
    """The grave ones first."""
    every = [
        *_disk(found),
        *_damage(found),
        *_timers(found),
        *_messages(found),
        *_bus(found),
        *_upkeep(found),
        *_devices(found),
    ]
    for link in found.links:
        every += _link(link, found.at, found.vital)
    return sorted(every, key=lambda each: each.severity != "grave")


def _disk(found: Vitals) -> Iterator[Ailment]:
    if found.disk_free >= DISK_LEAST and found.disk_free >= DISK_SHARE * found.disk_size:
        return
    free = f"{found.disk_free / 1024**3:.1f}"
    yield Ailment(
        "disk",
        "grave" if found.disk_free < DISK_LEAST else "caution",
        _("%(free)s GB are free on the disk. When it is full the node refuses every change.")
        % {"free": free},
        _("Make room, or move the home to a larger disk."),
    )


def _damage(found: Vitals) -> Iterator[Ailment]:
    """What did not hold when it was recomputed, and that it was not recomputed in time."""
    known = found.recompute
    restore = _("Stop the node, keep a copy of its home, test the disk and restore the last backup.")
    for each in known.get("faults", ()):
        place, _colon, name = each["where"].partition(":")
        told = {"n": each["index"], "name": name}
        match place:
            case "ledger":
                yield Ailment("damaged", "grave", _("The ledger is damaged at entry %(n)s.") % told, restore)
            case "mirror":
                what = _("What was taken in from %(name)s is damaged at entry %(n)s.")
                yield Ailment("damaged", "grave", what % told, restore)
            case "feed":
                what = _("The feed to %(name)s is damaged at entry %(n)s; nothing is added to it.")
                yield Ailment("damaged", "grave", what % told, restore)
            case "tables":
                what = _("The tables are not what the ledger says (%(name)s).")
                yield Ailment(
                    "damaged",
                    "grave",
                    what % told,
                    _("Stop the node, test the disk and run `safeconduct rebuild`."),
                )
            case _:
                what = _("The key store %(name)s is damaged at slot %(n)s: parts that it seals may not open.")
                do = _("Stop the node, test the disk and put back the copy of its keys.")
                yield Ailment("damaged", "grave", what % told, do)
    last = max(known.get("finished", 0.0), known.get("begun", 0.0))
    if last and found.at - last > 2 * 3_600 * known["hours"]:
        yield Ailment(
            "recompute",
            "caution",
            _("The node has not gone through its ledger and feeds in time; it began %(age)s.")
            % {"age": ago(found.at - last)},
            _(
                "Look whether the machine is overloaded, or allow more hours with `recompute_hours` in node.toml."
            ),
        )


def _timers(found: Vitals) -> Iterator[Ailment]:
    if found.timers["late"]:
        yield Ailment(
            "timers_late",
            "grave",
            _("%(n)s timers are late: reminders and escalations come too late.")
            % {"n": found.timers["late"]},
            _("Look whether the machine is overloaded, and at the writer's log."),
        )
    for each in found.timers["failing"]:
        yield Ailment(
            "timer_failing",
            "grave",
            _("The timer %(name)s fails (%(fault)s).") % {"name": each["name"], "fault": each["fault"]},
            _("It is tried again by itself. Keep the writer's log and report the fault."),
        )


def _messages(found: Vitals) -> Iterator[Ailment]:
    said = found.messages
    if said["fault"]:
        yield Ailment(
            "channels",
            "grave",
            _("Nothing goes out to telephones and mailboxes: %(fault)s.")
            % {"fault": FAULTS.get(said["fault"], said["fault"])},
            _("Put channels.toml in order; the notifier reads it again by itself."),
        )
    silent = found.notifier_silent
    if said["waiting"] and (silent is None or silent > NOTIFIER_SILENT):
        yield Ailment(
            "notifier",
            "grave",
            _("%(n)s messages wait, and the notifier does not ask for them.") % {"n": said["waiting"]},
            _("Start the notifier, or see in its log why it ends."),
        )
    elif said["waiting"] and found.messages_oldest > MESSAGE_WAITS:
        yield Ailment(
            "messages",
            "grave",
            _("%(n)s messages wait; the oldest was queued %(age)s.")
            % {"n": said["waiting"], "age": ago(found.messages_oldest)},
            _("See under Deliveries which channel does not take them."),
        )


def _upkeep(found: Vitals) -> Iterator[Ailment]:
    if found.backup is None or found.at - found.backup > BACKUP_AGE:
        age = _("never") if found.backup is None else ago(found.at - found.backup)
        yield Ailment(
            "backup",
            "caution",
            _("The last backup of this node: %(age)s.") % {"age": age},
            _("Run `safeconduct backup` to another disk, every day."),
        )
    if found.drill is None or found.at - found.drill > DRILL_AGE:
        age = _("never") if found.drill is None else ago(found.at - found.drill)
        yield Ailment(
            "restore_drill",
            "caution",
            _("A restore was last tried: %(age)s. Whether the backups can be used is not known.")
            % {"age": age},
            _("Run `safeconduct restore-drill`, every month."),
        )
    if (ends := found.pages_certificate) is not None and ends - found.at < PAGES_CERTIFICATE:
        yield Ailment(
            "pages_certificate",
            "grave" if ends < found.at else "caution",
            _("The certificate of the pages ends in %(days)s days; then browsers refuse them.")
            % {"days": max(0, int((ends - found.at) // 86_400))},
            _("Run `safeconduct certificate` and restart the web process."),
        )
    for party, ends in sorted(found.certificates.items()):
        if ends - found.at < CERTIFICATE:
            yield Ailment(
                "certificate",
                "grave" if ends < found.at else "caution",
                _("The certificate of %(party)s ends in %(days)s days; then the link is down.")
                % {"party": party, "days": max(0, int((ends - found.at) // 86_400))},
                _("Ask for a new card and accept it."),
            )


def _devices(found: Vitals) -> Iterator[Ailment]:
    if count := found.unconfirmed.get("count", 0):
        what = _(
            "Devices that show things without their bearers' word: %(n)s. From %(day)s on they show nothing."
        )
        yield Ailment(
            "devices_unconfirmed",
            "caution",
            what % {"n": count, "day": str(found.unconfirmed["until"])[:10]},
            _(
                "Ask their bearers to look at “Your devices”; a house rule has to let them acknowledge a device."
            ),
        )


def _bus(found: Vitals) -> Iterator[Ailment]:
    if found.bus_lost is not None and found.at - found.bus_lost > BUS_LOST:
        yield Ailment(
            "bus",
            "caution",
            _(
                "There is no connection with NATS; it was lost %(age)s. Screens hear of changes from the writer itself."
            )
            % {"age": ago(found.at - found.bus_lost)},
            _("Nothing is lost. See whether the NATS server runs, and what its log says."),
        )


def _link(link: LinkHealth, now: float, vital: frozenset[str]) -> Iterator[Ailment]:
    name = {"partner": link.partner.name}
    if link.frozen:
        yield Ailment(
            "frozen",
            "grave",
            _("The exchange with %(partner)s is frozen: %(why)s") % {**name, "why": link.frozen},
            _("Nothing crosses until both parties have signed a new epoch: see the operator's handbook."),
        )
    elif link.failing_since and now - link.failing_since.timestamp() > LINK_DOWN:
        yield Ailment(
            "link",
            "grave",
            _("No connection with %(partner)s; it was lost %(age)s: %(error)s")
            % {**name, "age": ago(now - link.failing_since.timestamp()), "error": link.error},
            _("Work goes on here. Telephone the other room; what is urgent goes on a memory stick."),
        )
    if link.waiting and (link.acknowledged_at is None or now - link.acknowledged_at.timestamp() > UNCOSIGNED):
        yield Ailment(
            "unacknowledged",
            "caution",
            _("%(n)s entries wait for %(partner)s to take them.") % {**name, "n": link.waiting},
            _("Ask the other side whether its node runs."),
        )
    for kind, count in link.unread:
        yield Ailment(
            "unread",
            "grave" if kind in vital else "caution",
            _("%(n)s entries from %(partner)s (%(kind)s) are understood only by a later version.")
            % {**name, "n": count, "kind": kind},
            _("Upgrade this node; they are taken in then."),
        )
