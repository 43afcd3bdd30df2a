"""The API as one object: its OpenAPI document, who may use it, and how its errors look."""

from __future__ import annotations

from typing import Any, cast

from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation
from ninja.parser import Parser
from ninja.security import HttpBearer

from safeconduct.api.asked import Asked
from safeconduct.api.problems import MEDIA_TYPE, respond
from safeconduct.api.schemas import ProblemDetails
from safeconduct.people.tokens import Bearer

DESCRIPTION = """\
The doors of a Safeconduct node as JSON. Everything is decided by the agreement, as on the node's pages: parts
that a token's owner may not read are listed under `withheld`; a record of which nothing may be known answers
exactly like one that does not exist. Reading a part that the agreement marks as logged is noted in the ledger
before the answer leaves.

Errors are problem details (RFC 9457). Lists are paged: pass `next_cursor` on as `cursor` until it is null.
Send an `Idempotency-Key` with a write and the same request may be sent again for a day without being made twice.
"""
PROBLEM = {"$ref": "#/components/schemas/ProblemDetails"}
IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "description": "The same key with the same request gets the same answer for 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


class PersonalToken(HttpBearer):
    """A personal token, made on one's account page."""

    def __call__(self, request: HttpRequest) -> Bearer | None:
        return getattr(request, "bearer", None)

    def authenticate(self, request: HttpRequest, token: str) -> Bearer | None:
        return self(request)


class _Body(Parser):
    def parse_body(self, request: HttpRequest) -> Any:
        """What the gate has read."""
        return cast(Asked, request).json_body


class Service(NinjaAPI):
    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        document = super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
        schemas = document["components"]["schemas"]
        schemas["ProblemDetails"] = ProblemDetails.model_json_schema(
            ref_template="#/components/schemas/{model}"
        )
        schemas["ProblemDetails"].pop("$defs", None)
        schemes = document["components"]["securitySchemes"]
        schemes["TokenAsPassword"] = {
            "type": "http",
            "scheme": "basic",
            "description": "For map programs: any user name, the token as the password.",
        }
        for methods in document["paths"].values():
            for method, operation in methods.items():
                operation["security"] = [{"PersonalToken": []}, {"TokenAsPassword": []}]
                problem = {
                    "description": "A problem (RFC 9457)",
                    "content": {MEDIA_TYPE: {"schema": PROBLEM}},
                }
                operation["responses"] = {**operation["responses"], "4XX": problem, "5XX": problem}
                if method != "get":
                    operation["parameters"] = [*operation["parameters"], IDEMPOTENCY_KEY]
        document.pop("servers", None)
        return document


def handler(request: HttpRequest, fault: Exception | type[Exception]) -> HttpResponse:
    return respond(request, fault if isinstance(fault, Exception) else fault())


api = Service(
    title="Safeconduct",
    version="1",
    description=DESCRIPTION,
    urls_namespace="api",
    docs_url=None,
    auth=PersonalToken(),
    parser=_Body(),
)
for _kind in (Exception, Http404, HttpError, ValidationError):
    api.add_exception_handler(_kind, handler)
