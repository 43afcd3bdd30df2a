"""channels.toml: how a node reaches people outside. Nobody but its owner may read it, for it holds passwords.

    [email]
    url = "mailtos://node:PASSWORD@mail.example.org?from=watch@example.org&to={address}"
    per_minute = 60

    [sms]
    url = "jsons://gateway.example.org/send?:to={address}&+Idempotency-Key={number}"
    once = true

Each section is a channel, as contact points name it. `url` is one that the notifications library Apprise knows
(mailtos, tgram, wecombot, feishu, dingtalk, json, xml, form, smpp, twilio and more); `{address}` and `{number}` stand
for the address and the opaque number, and are escaped. `once` says that the receiver takes a number only once, so
that a message of which nobody knows whether it left may go again. `exercise_url` is where exercises go instead,
`per_minute` how much the provider bears. What is wrong is said by section and key, never with a value.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

FILE = "channels.toml"
MAX_BYTES = 256 * 1024
MAX_CHANNELS = 50
USUAL_RATE = 60
_KEYS = {"url", "exercise_url", "per_minute", "once"}


class ChannelsRefused(ValueError):
    """The file cannot be used; `code` is what the writer is told, the text is for the log and holds no secret."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        super().__init__(text)


@dataclass(frozen=True)
class Channel:
    """One way out. Its URLs are secrets and are not shown."""

    name: str
    url: str = field(repr=False)
    exercise_url: str = field(default="", repr=False)
    per_minute: int = USUAL_RATE
    once: bool = False

    def address_url(self, address: str, number: str, exercise: bool) -> str:
        """The URL for one message; what is put in cannot reach beyond its place."""
        url = self.exercise_url if exercise and self.exercise_url else self.url
        for name, value in (("{address}", address), ("{number}", number)):
            url = url.replace(name, quote(value, safe=""))
        return url


def load(home: Path) -> Mapping[str, Channel]:
    """The channels of a node. Raises ChannelsRefused where the file is missing, open to others, or wrong."""
    text = _read(home / FILE)
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError):  # a number of too many digits is no TOMLDecodeError
        # The fault's own words quote the line.
        raise ChannelsRefused("channels_wrong", f"{FILE} is no TOML") from None
    if len(data) > MAX_CHANNELS:
        raise ChannelsRefused("channels_wrong", f"{FILE} has more than {MAX_CHANNELS} channels")
    return {name: _channel(name, section) for name, section in data.items()}


def _read(path: Path) -> str:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise ChannelsRefused("channels_missing", f"there is no {FILE}") from None
    except OSError as fault:
        raise ChannelsRefused("channels_wrong", f"{FILE} cannot be read: {fault.strerror}") from None
    with open(handle, "rb") as source:  # noqa: PTH123 - what was checked is what is read
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_BYTES:
            raise ChannelsRefused("channels_wrong", f"{FILE} is no file of at most {MAX_BYTES} bytes")
        if found.st_mode & 0o077 or found.st_uid != os.geteuid():
            raise ChannelsRefused(
                "channels_open", f"{FILE} holds passwords and can be read by others: chmod 600 {FILE}"
            )
        try:
            return source.read(MAX_BYTES + 1).decode("utf-8")
        except UnicodeDecodeError:
            raise ChannelsRefused("channels_wrong", f"{FILE} is not UTF-8") from None


def _channel(name: str, section: Any) -> Channel:
    where = f"{FILE}: [{name[:40]}]"
    if not (name.isidentifier() and name.isascii() and name == name.lower() and len(name) <= 32):
        raise ChannelsRefused("channels_wrong", f"{where} is no name of a channel")
    if not isinstance(section, dict) or set(section) - _KEYS:
        raise ChannelsRefused("channels_wrong", f"{where} has keys other than {', '.join(sorted(_KEYS))}")
    url, exercise_url = section.get("url"), section.get("exercise_url", "")
    rate, once = section.get("per_minute", USUAL_RATE), section.get("once", False)
    if not isinstance(url, str) or not isinstance(exercise_url, str) or "://" not in url:
        raise ChannelsRefused("channels_wrong", f"{where} url is none")
    if type(rate) is not int or not 1 <= rate <= 100_000 or type(once) is not bool:
        raise ChannelsRefused("channels_wrong", f"{where} per_minute is a number, once true or false")
    return Channel(name, url, exercise_url, rate, once)
