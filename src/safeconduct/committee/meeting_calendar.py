"""A meeting as a calendar file (RFC 5545, iTIP of RFC 5546): published, published anew when it moves, cancelled.

A calendar is a third party: unless a grant names the channel, the entry says only that there is something to open
Safeconduct for, and an opaque number. Its hour is what a calendar cannot do without.
"""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime

from django.utils.translation import gettext as _
from icalendar import Calendar, Event, vCalAddress, vText

from safeconduct.agreement.policy import Subject
from safeconduct.committee.meeting_kinds import MEETING
from safeconduct.records import here
from safeconduct.records.moments import instant
from safeconduct.records.release import Released, heading

CHANNEL = "calendar"


def calendar_file(reader: Subject, meeting: Released) -> bytes:
    """The file for one meeting as the reader may see it; its version is the sequence, so a later one replaces it."""
    notice, venue = meeting.parts["notice"], meeting.parts.get("venue")
    open_parts = _outside(reader, meeting)
    over = meeting.state == "cancelled" or meeting.withdrawn
    event = Event()
    number = number_of(meeting.id)
    event.add("uid", f"{number}@safeconduct.invalid")
    event.add("sequence", meeting.version - 1)
    event.add("dtstamp", datetime.fromtimestamp(time.time(), UTC).replace(microsecond=0))
    event.add("last-modified", meeting.at.replace(microsecond=0))
    event.add("dtstart", instant(notice["starts"]))
    event.add("dtend", instant(notice["ends"]))
    event.add("status", "CANCELLED" if over else "CONFIRMED")
    event.add("class", "CONFIDENTIAL")
    event.add("organizer", _organizer())
    if open_parts & 1 << MEETING.bit("notice"):
        event.add("summary", notice["title"])
    else:
        event.add("summary", _("Open Safeconduct: %(number)s") % {"number": number})
    if venue and open_parts & 1 << MEETING.bit("venue"):
        event.add("location", venue["place"])
    calendar = Calendar()
    calendar.add("prodid", "-//Safeconduct//Meetings//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "CANCEL" if over else "PUBLISH")
    calendar.add_component(event)
    found: bytes = calendar.to_ical()
    return found


def number_of(record: str) -> str:
    """The opaque number of a record in calendars: the same in every file about it, and nothing can be read from it."""
    drawn = hashlib.sha256(f"safeconduct/calendar\n{here.home().party}\n{record}".encode()).hexdigest()
    return f"{drawn[:5]}-{drawn[5:10]}".upper()


def _outside(reader: Subject, meeting: Released) -> int:
    found = heading(meeting.id)
    return here.state().policy.outside(reader, found[0], CHANNEL, time.time()) if found else 0


def _organizer() -> vCalAddress:
    address = vCalAddress("MAILTO:nobody@safeconduct.invalid")
    address.params["cn"] = vText("Safeconduct")
    return address
