"""Signing out: the session ends here, and nothing of what it was shown stays in the browser."""

from __future__ import annotations

from allauth.account import views as account
from django.http import HttpRequest, HttpResponse

CLEARED = '"storage"'
"""What a browser forgets (W3C Clear Site Data): pages and words that a phone keeps for when it has no network."""


def sign_out(request: HttpRequest) -> HttpResponse:
    """Ask, and on POST sign out, from whichever page it was asked."""
    answer: HttpResponse = account.logout(request)
    if request.method == "POST" and not request.user.is_authenticated:
        answer["Clear-Site-Data"] = CLEARED
    return answer
