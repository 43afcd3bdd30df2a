"""What every template knows: whose node this is, who reads, the navigation, the theme."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from safeconduct.agreement.vocabulary import ROLES
from safeconduct.records import here
from safeconduct.shell import navigation
from safeconduct.shell.under import agreements

THEMES = ("auto", "light", "dark")
VIEWPOINTS = ("de-facto", "host", "partner")


@dataclass(frozen=True)
class Node:
    """The node as its pages name it. `names` and `sides` are by party id, this node's own party included."""

    party: str
    name: str
    side: str
    names: Mapping[str, str]
    sides: Mapping[str, str]
    viewpoint: str
    country: str


def node() -> Node:
    """Read from the home: `map_viewpoint` and `map_country` (ISO 3166 alpha-2) stand in its `[node]` table."""
    home = here.home()
    other = "partner" if home.side == "host" else "host"
    viewpoint = str(home.settings.get("map_viewpoint", "de-facto"))
    return Node(
        party=home.party,
        name=home.name,
        side=home.side,
        names={
            home.party: home.name,
            **{p.party: p.name for p in (*home.former.values(), *home.partners.values())},
        },
        sides={home.party: home.side, **dict.fromkeys((*home.former, *home.partners), other)},
        viewpoint=viewpoint if viewpoint in VIEWPOINTS else "de-facto",
        country=str(home.settings.get("map_country", "")).lower(),
    )


def theme_cookie() -> str:
    """Named like the node's other cookies: two nodes on one machine may have different themes."""
    return str(settings.SESSION_COOKIE_NAME).removesuffix("_session") + "_theme"


def shell(request: HttpRequest) -> dict[str, Any]:
    """The context processor. Nothing is looked up before a template asks for it."""
    chosen = request.COOKIES.get(theme_cookie(), "")
    principal = getattr(request, "principal", None)
    roles = principal.roles if principal is not None else None
    return {
        "node": SimpleLazyObject(node),
        "principal": principal,
        "roles": [role for role in ROLES if role in (roles or ())],
        "navigation": SimpleLazyObject(
            lambda: [] if roles is None else navigation.links(request.path, roles)
        ),
        "ledger_line": SimpleLazyObject(lambda: "" if roles is None else navigation.ledger_line(request)),
        "working_agreements": SimpleLazyObject(lambda: [] if roles is None else agreements(request)),
        "live_since": getattr(request, "live_since", None),
        "theme": chosen if chosen in THEMES else "auto",
        "theme_cookie": theme_cookie(),
        "sign_on": settings.OIDC,
    }
