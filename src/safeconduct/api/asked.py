"""A request as the views meet it: past the middleware that reads the token, and past the gate."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from safeconduct.people.tokens import Bearer


class Asked(HttpRequest):
    """`bearer` is whose token came with it, `json_body` what its body says."""

    bearer: Bearer
    json_body: Any
