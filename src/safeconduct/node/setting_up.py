"""Making a node: its home, its keys, its databases."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safeconduct.agreement.signatures import file_signatory
from safeconduct.exchange.identity import Keys, hpke_key, party_id, tls_files
from safeconduct.records.home import Home
from safeconduct.records.users import permit_all


def create_home(
    path: Path,
    party: str,
    side: str,
    name: str,
    port: int,
    exchange_port: int,
    signatories: Mapping[str, str],
    **settings: object,
) -> Home:
    """A new home with its keys. `signatories` maps the names of the first signatories to their public keys.

    Raises HomeError when there is one already, ValueError for a party's id or key that is none.
    """
    first = [file_signatory(party_id(party), who, public).to_dict() for who, public in signatories.items()]
    home = Home.create(
        path,
        party,
        side,
        name,
        port=port,
        exchange_port=exchange_port,
        exchange_url=f"https://127.0.0.1:{exchange_port}",
        signatories=first,
        **settings,
    )
    Keys.of(home)
    tls_files(home)
    hpke_key(home)
    return home


def prepare_databases(home: Home) -> None:
    """Create or upgrade the databases. The process belongs to this home from here on."""
    from safeconduct.node.django_start import migrate, start_django

    start_django(home)
    migrate()
    permit_all(home)


def web_address(home: Home) -> str:
    scheme = "https" if home.settings.get("tls_certificate") else "http"
    address = str(home.settings.get("address", "127.0.0.1"))
    name = "localhost" if address == "127.0.0.1" else address
    return f"{scheme}://{name}:{home.settings.get('port', 8001)}/"
