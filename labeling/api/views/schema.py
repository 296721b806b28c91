"""How the API's description (OpenAPI 3) is made from its code: what drf-spectacular can't see."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

from labeling.people.tokens.views import ApiTokenAuthentication

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="The same key with the same request within a day: answered the same, done once. A UUID is good.",
)
PROBLEM_SCHEMA = {
    "type": "object",
    "description": "RFC 9457: what was refused, where, and what to do.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}
PROBLEM = {
    "description": "Refused, or failed: the status and the detail say why.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = ApiTokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:  # noqa: ARG002
        return {"type": "http", "scheme": "bearer", "description": "An API token, made in the admin: concord_…"}


class Described(AutoSchema):
    def get_description(self) -> str:  # type: ignore[override]  # drf-spectacular's own
        """Says which scope and which permission it needs."""
        scope, permission = self.view.needs[self.method]  # type: ignore[attr-defined]  # of ApiView
        return f"{super().get_description()}\n\nScope `{scope}`, permission `{permission}`."

    def get_tags(self) -> list[str]:
        return [self.path.removeprefix("/api/v1/").partition("/")[0]]


def only_for_programs(endpoints: list[tuple[str, ...]], **_: object) -> list[tuple[str, ...]]:
    """Leaves out what pages of Concord ask by themselves, such as drafts: (path, its pattern, method, view) of each."""
    return [each for each in endpoints if each[0].startswith("/api/")]


def with_problems(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """Whatever is answered otherwise than described is a problem."""
    result["components"]["schemas"]["Problem"] = PROBLEM_SCHEMA
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"]["default"] = PROBLEM
    return result
