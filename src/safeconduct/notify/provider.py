"""What a provider really answered, heard beside the notifications library.

The library takes an HTTP 200 of some providers for a delivery although its body says no, a lost answer for a refusal,
and over SMPP no answer at all for a delivery. So each exchange of a message is listened to here, below the library:
the status, the body as far as it matters, and whether a failure left the request unsent or its fate unknown. An answer
is never longer than `MOST_BODY`, nor waited for longer than `LONGEST_BODY` seconds.
"""

from __future__ import annotations

import contextlib
import json
import re
import smtplib
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
import smpplib.client
import smpplib.exceptions
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError

MOST_BODY = 64 * 1024
LONGEST_BODY = 20.0
GATEWAY_TIMED_OUT = 504

DINGTALK = "oapi.dingtalk.com"


@dataclass
class Heard:
    """What came of the exchanges of one message: whether a provider said no, whether one of them may have gone through
    although nobody said so, and whether a short message centre took it, however the connection ended."""

    refused: bool = False
    doubtful: bool = False
    accepted: bool = False

    def verdict(self, taken: bool) -> tuple[str, str]:
        """The outcome and, if the message did not go, why as a code; `taken` is what the library says."""
        if (taken or (self.accepted and not self.doubtful)) and not self.refused:
            return "delivered", ""
        return ("uncertain", "timed_out") if self.doubtful else ("failed", "refused")


@contextlib.contextmanager
def listening() -> Iterator[Heard]:
    """Listen to what is exchanged with providers meanwhile, in this thread and those begun from it."""
    heard = Heard()
    before = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(before)


_heard: ContextVar[Heard | None] = ContextVar("heard", default=None)


def says_no(url: str, body: bytes) -> bool:
    """Whether the body of a successful answer refuses: `errcode` (WeCom, DingTalk), `ok` (Telegram), and at Feishu
    and Lark, where it means this and nothing else, `code`."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return False
    if not isinstance(said, dict):
        return False
    host = urlsplit(url).hostname or ""
    code = said.get("code") if host.endswith((".feishu.cn", ".larksuite.com")) else 0
    return bool(said.get("errcode") or code) or said.get("ok") is False


def _signed_once(url: str) -> str:
    """The address with DingTalk's signature escaped once: the library does it twice, and DingTalk finds it wrong."""
    if urlsplit(url).hostname != DINGTALK:
        return url
    return re.sub(r"(?<=[?&]sign=)[^&]*%25[^&]*", lambda found: unquote(found[0]), url)


def _never_left(fault: BaseException) -> bool:
    """Whether a connection failed before anything was sent over it."""
    inner = fault.args[0] if fault.args else None
    cause = inner.reason if isinstance(inner, MaxRetryError) else inner
    early = isinstance(cause, NewConnectionError | ConnectTimeoutError)
    return early or isinstance(fault, requests.ConnectTimeout | requests.exceptions.SSLError)


def _body(response: requests.Response) -> bytes:
    """The body up to its limits; what is longer is no answer of a provider of messages."""
    body, until = b"", time.monotonic() + LONGEST_BODY
    while len(body) <= MOST_BODY and time.monotonic() < until:
        piece: bytes = response.raw.read1(8_192, decode_content=True)
        if not piece:
            return body
        body += piece
    return body[:MOST_BODY]


_plain_send = HTTPAdapter.send
_plain_data = smtplib.SMTP.data
_plain_message = smpplib.client.Client.send_message


def _send(
    adapter: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **more: Any
) -> requests.Response:
    heard = _heard.get()
    if heard is None:
        return _plain_send(adapter, request, *args, **more)
    request.url = _signed_once(str(request.url))
    try:
        response = _plain_send(adapter, request, *args, **{**more, "stream": True})
    except requests.RequestException as fault:
        heard.doubtful |= not _never_left(fault)
        raise
    try:
        body = _body(response)
    except (HTTPError, OSError) as fault:
        heard.doubtful = True
        raise requests.ConnectionError(type(fault).__name__) from None
    finally:
        response.close()
    response._content, response._content_consumed = body, True
    heard.doubtful |= response.status_code == GATEWAY_TIMED_OUT
    heard.refused |= response.ok and says_no(str(request.url), body)
    return response


def _data(server: smtplib.SMTP, *args: Any, **more: Any) -> Any:
    try:
        return _plain_data(server, *args, **more)
    except (OSError, smtplib.SMTPServerDisconnected):
        heard = _heard.get()
        if heard is not None:
            heard.doubtful = True
        raise


def _message(client: Any, *args: Any, **more: Any) -> Any:
    """Wait for the centre's answer to each part of a message, which the library does not."""
    heard = _heard.get()
    sent = _plain_message(client, *args, **more)
    try:
        while heard is not None:
            answer = client.read_pdu()
            if answer.command == "submit_sm_resp" and answer.sequence == sent.sequence:
                said_no = bool(answer.is_error())
                heard.refused, heard.accepted = heard.refused or said_no, not said_no
                break
            if answer.command == "unbind":
                raise smpplib.exceptions.ConnectionError("unbound")
    except (OSError, smpplib.exceptions.ConnectionError, smpplib.exceptions.PDUError):
        if heard is not None:
            heard.doubtful = True
        raise
    return sent


# The library opens its sessions itself and lets nobody hand it one; other threads are left as they were.
setattr(HTTPAdapter, "send", _send)  # noqa: B010
setattr(smtplib.SMTP, "data", _data)  # noqa: B010
setattr(smpplib.client.Client, "send_message", _message)  # noqa: B010
