"""What a TAK client is given when it is enrolled: its certificate, packed as the client imports it, this once."""

from __future__ import annotations

import secrets

from safeconduct.field.cot_authority import Authority
from safeconduct.field.credentials import bind_certificate
from safeconduct.records.home import Home

TLS_PORT = "cot_port"


def data_package(home: Home, device: str, host: str) -> bytes | None:
    """A data package (zip) for an enrolled device with a certificate of its own; None where the node does not speak
    Cursor on Target over TLS. An earlier certificate of the device no longer opens anything. Its key is kept nowhere
    here. `host` is where the device reaches the node, unless node.toml says `field_host`."""
    port = int(home.settings.get(TLS_PORT, 0))
    if not port:
        return None
    authority = Authority(home)
    issued = authority.issue(device)
    bind_certificate(device, issued.fingerprint)
    reached = str(home.settings.get("field_host", host))
    return authority.data_package(issued, reached, port, secrets.token_urlsafe(12))
