"""Who the token stands for."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpResponse
from ninja import Router, Schema

from safeconduct.agreement.vocabulary import LEVELS
from safeconduct.api import wire
from safeconduct.api.asked import Asked
from safeconduct.api.listing import only, reader
from safeconduct.api.schemas import Level
from safeconduct.records import here

router = Router(tags=["account"])


class TokenInUse(Schema):
    """The token of this request, by the beginning that its owner knows it by."""

    name: str
    prefix: str
    scope: str
    expires_at: datetime


class Me(Schema):
    """The owner of the token with the roles that it has now: those it was made with, as far as still held."""

    person: str
    party: str
    node: str
    roles: list[str]
    units: list[str]
    clearance: Level
    token: TokenInUse


@router.get("/me", response=Me, summary="Who am I")
def me(request: Asked) -> HttpResponse:
    only(request)
    who, token = reader(request), request.bearer.token
    return wire.answer(
        {
            "person": who.person,
            "party": who.party,
            "node": here.home().name,
            "roles": sorted(who.roles),
            "units": sorted(who.units),
            "clearance": LEVELS[who.clearance],
            "token": {
                "name": token.name,
                "prefix": f"sc_{token.prefix}",
                "scope": token.scope,
                "expires_at": wire.moment(token.expires_at),
            },
        }
    )
