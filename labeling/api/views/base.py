"""What all addresses of the API have in common: who may, how often, the form of refusals, what is sent again."""

import json
import logging
from collections.abc import Callable, Mapping
from hashlib import sha256
from http import HTTPStatus
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import APIException, ErrorDetail, Throttled, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, exception_handler, set_rollback

from config.disk import is_disk_full
from labeling.api.forms.sent import MOST_ROWS, NoQuery, Strict
from labeling.api.services.idempotency import Answer, answer_once
from labeling.base.refusals import KeyInUse, KeyReused, NoRewardModel, Refusal, TooManyRequests
from labeling.base.states import ApiScope
from labeling.base.throttling import Throttle
from labeling.people.tokens.views import ApiTokenAuthentication, may

log = logging.getLogger(__name__)

PROBLEM = "application/problem+json"
"""RFC 9457."""
STATUS_OF: Mapping[type[Refusal], int] = {NoRewardModel: 503, KeyInUse: 409, KeyReused: 422}
"""Of refusals by services; 422 for all others: the request was understood and can't be done."""
LONGEST_KEY = 255


class InScope(BasePermission):
    """The account needs the permission; a token needs the scope as well. Labelers have none of these permissions."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        assert isinstance(view, ApiView)
        need = view.needs.get("GET" if request.method == "HEAD" else str(request.method))
        if need is None:  # DRF answers 405 for what the view has no method for
            return request.user.is_authenticated
        scope, permission = need
        self.message = (
            f"This needs the permission {permission} and, of a token, the scope {scope}. Ask an admin for both."
        )
        return may(request, scope, permission)


class PerAccount(Throttle):
    """Requests of one account, by all its tokens together."""

    scope = "api"

    def get_rate(self) -> str:
        return f"{settings.API_REQUESTS_PER_MINUTE}/min"

    def get_cache_key(self, request: Request, view: APIView) -> str | None:  # noqa: ARG002
        return self.cache_format % {"scope": self.scope, "ident": request.user.pk} if request.user.pk else None


class ByKeyset(CursorPagination):
    """Newest first, by what stands in `cursor`: nothing is skipped or seen twice, whatever is added meanwhile."""

    page_size = 50
    max_page_size = MOST_ROWS
    page_size_query_param = "limit"
    ordering = "-id"

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        for each in parameters:
            if each["name"] == self.page_size_query_param:
                each["schema"] |= {"minimum": 1, "maximum": MOST_ROWS}
        return parameters


class ApiView(GenericAPIView[Any]):
    authentication_classes = (ApiTokenAuthentication, SessionAuthentication)
    permission_classes = (InScope,)
    throttle_classes = (PerAccount,)
    pagination_class = ByKeyset
    needs: ClassVar[Mapping[str, tuple[ApiScope, str]]]
    """By method: the scope of a token and the account's permission."""
    query_class: ClassVar[type[Strict]] = NoQuery
    """What may stand behind the question mark of a GET."""
    query: dict[str, Any]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        sent = request.query_params
        if twice := [name for name, values in sent.lists() if len(values) > 1]:
            raise ValidationError(dict.fromkeys(twice, "It is there more than once."))
        checked = (self.query_class if request.method in ("GET", "HEAD") else NoQuery)(data=sent.dict())
        checked.is_valid(raise_exception=True)
        self.query = checked.validated_data

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response | None]:
        return problem_of

    def once(self, request: Request, work: Callable[[], Answer]) -> Response:
        """The response to what `work` does; with an Idempotency-Key it is done once (services/idempotency.py)."""
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            status, answer = work()
            return Response(answer, status=status)
        if len(key) > LONGEST_KEY or not key.isprintable():
            raise ValidationError({"Idempotency-Key": f"It has at most {LONGEST_KEY} printable characters."})
        assert isinstance(request.user, User)  # InScope
        sent = json.dumps(request.data, sort_keys=True)
        (status, answer), again = answer_once(
            user=request.user,
            key=key,
            fingerprint=sha256(f"{request.method} {request.path} {sent}".encode()).hexdigest(),
            work=work,
        )
        return Response(answer, status=status, headers={"Idempotent-Replayed": "true"} if again else None)


def problem_of(error: Exception, context: dict[str, Any]) -> Response:
    """Every refusal and failure as problem+json: what, where, and what to do."""
    if isinstance(error, TooManyRequests):
        error = Throttled(wait=error.wait_seconds, detail=str(error))
    if isinstance(error, Refusal):
        return problem(STATUS_OF.get(type(error), 422), str(error))
    response = exception_handler(error, context)  # headers such as Retry-After and WWW-Authenticate
    if response is None:
        set_rollback()
        if is_disk_full(error):
            return problem(507, "The server has no room left, so nothing was saved. Try again in a while.")
        log.error("%s could not be answered", context["request"].path, exc_info=error)
        return problem(500, "It is our fault, not yours. What was saved before is kept; try again in a while.")
    detail = error.detail if isinstance(error, APIException) else None
    errors = list(_errors(detail, "")) if isinstance(error, ValidationError) else []
    said = (
        "; ".join(each["detail"] for each in errors) if errors else str(detail or "There is nothing at this address.")
    )
    return problem(response.status_code, said, errors=errors, headers=dict(response.headers))


def problem(
    status: int, detail: str, *, errors: list[dict[str, str]] | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    kept = {name: value for name, value in (headers or {}).items() if name != "Content-Type"}
    return Response(problem_body(status, detail, errors), status=status, headers=kept, content_type=PROBLEM)


def problem_body(status: int, detail: str, errors: list[dict[str, str]] | None = None) -> dict[str, Any]:
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return body | ({"errors": errors} if errors else {})


def _errors(detail: Any, pointer: str) -> list[dict[str, str]]:
    """Each complaint of a serializer with a JSON pointer to what it is about."""
    if isinstance(detail, Mapping):
        return [
            each
            for name, inner in detail.items()
            for each in _errors(inner, pointer if name == "non_field_errors" else f"{pointer}/{name}")
        ]
    if isinstance(detail, list) and detail and all(isinstance(each, ErrorDetail) for each in detail):
        return [{"pointer": pointer, "detail": str(each)} for each in detail]
    if isinstance(detail, list):
        return [each for number, inner in enumerate(detail) for each in _errors(inner, f"{pointer}/{number}")]
    return [{"pointer": pointer, "detail": str(detail)}]


@csrf_exempt
def nothing_here(request: HttpRequest) -> HttpResponse:
    said = f"There is nothing at {request.path[:200]}. The API is described at /api/v1/."
    return JsonResponse(problem_body(404, said), status=404, content_type=PROBLEM)
