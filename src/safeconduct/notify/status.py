"""How the messages outside stand, in a few lines for the command line."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from safeconduct.records.door import Door

FAULTS = {
    "channels_missing": _("there is no channels.toml: nothing goes out, what waits stays"),
    "channels_open": _("channels.toml can be read by others and is not used: chmod 600 channels.toml"),
    "channels_wrong": _("channels.toml cannot be understood; the notifier's log says where"),
}


def describe(door: Door) -> Iterator[str]:
    """How many messages wait, the real and the practised apart, and whether the notifier asks for them."""
    found = door.call("notify", {})
    since = f", the oldest since {found['since']}" if found["since"] else ""
    practised = f"; of exercises {found['exercise_waiting']:,}" if found["exercise_waiting"] else ""
    asked = (
        f"the notifier last asked at {found['asked']}" if found["asked"] else "the notifier has never asked"
    )
    yield f"messages outside: {found['waiting']:,} wait{since}{practised}; {asked}"
    if found["fault"]:
        yield f"  {FAULTS.get(found['fault'], found['fault'])}"
