"""Times as the board writes them: short, in the node's time zone, and for the browser's clock in epoch seconds."""

from __future__ import annotations

from datetime import UTC, datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe


class Clock:
    """Writes moments as seen at `now`: the day is only named when it is another one."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.zone = timezone.get_current_timezone()
        self.today = self._local(now).date()

    def _local(self, at: float) -> datetime:
        return datetime.fromtimestamp(at, UTC).astimezone(self.zone)

    @property
    def zone_name(self) -> str:
        return self._local(self.now).tzname() or ""

    def at(self, at: float) -> SafeString:
        """`21:04`, or `24 November 21:04`, as an element that says the whole instant to machines."""
        local = self._local(at)
        stamp = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        # Digits and colons alone need no escaping, and a board writes thousands of these.
        hours = f'<bdi dir="ltr" class="number">{local:%H:%M}</bdi>'
        if local.date() == self.today:
            return mark_safe(f'<time datetime="{stamp}">{hours}</time>')  # noqa: S308
        day = date_format(local.date(), "MONTH_DAY_FORMAT")
        return format_html('<time datetime="{}">{} {}</time>', stamp, day, mark_safe(hours))  # noqa: S308

    def between(self, since: float, until: float) -> SafeString:
        """`10:00 – 14:30`; the first moment first in every direction of writing, since each is isolated."""
        return format_html("{} – {}", self.at(since), self.at(until))
