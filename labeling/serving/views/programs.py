"""Which program asks: its token, its scope, how often it may. Refusals are in the shape of OpenAI's API."""

import json
import logging
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework.views import APIView

from labeling.base.json_parser import DEEPEST, TOO_DEEP, nests_at_most
from labeling.base.refusals import ServingRefused, ServingUnavailable
from labeling.base.states import ApiScope
from labeling.base.throttling import Throttle
from labeling.people.tokens.services import use_token
from labeling.serving.queries import PERMISSION, Program, program_with
from sampler.chat_contract.errors import ContractError

log = logging.getLogger(__name__)

View = Callable[..., HttpResponseBase]


class PerAccount(Throttle):
    """Chat completions of one account, by all its tokens together."""

    scope = "chat"

    def get_rate(self) -> str:
        return f"{settings.SERVING_REQUESTS_PER_MINUTE}/min"

    def get_cache_key(self, request: Any, view: APIView) -> str:  # noqa: ARG002
        return self.cache_format % {"scope": self.scope, "ident": request.user.pk}


def for_programs(*methods: str) -> Callable[[View], View]:
    """A view that takes the program as its second argument. What it raises becomes an answer."""

    def decorate(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                _check_method(request, methods)
                return view(request, program_of(request), *args, **kwargs)
            except ContractError as error:
                return refusal(error)
            except ServingRefused as error:
                status = 404 if error.code == "model_not_found" else 400
                return refusal(ContractError(str(error), status=status, param=error.param or None, code=error.code))
            except ServingUnavailable as error:
                return refusal(ContractError(str(error), status=503, retry_after=error.wait_seconds))
            except Exception:
                log.exception("%s could not be answered", request.path)
                return refusal(ContractError("It is our fault, not yours. Try again in a while.", status=500))

        return wrapped

    return decorate


def _check_method(request: HttpRequest, methods: tuple[str, ...]) -> None:
    if request.method not in methods:
        said = f"{request.method} is of no use here; send {' or '.join(methods)}."
        raise ContractError(said, status=405)


def refusal(error: ContractError) -> HttpResponse:
    headers = error.headers | ({"WWW-Authenticate": 'Bearer realm="Concord"'} if error.status == 401 else {})
    return JsonResponse(error.body, status=error.status, headers=headers, json_dumps_params={"ensure_ascii": False})


def program_of(request: HttpRequest) -> Program:
    """Raises ContractError: no token, a wrong one (401), one without the scope or the account's permission (403)."""
    scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
    program = program_with(secret.strip()) if scheme.lower() == "bearer" else None
    if program is None or not use_token(program.token):
        raise ContractError(
            "The API key is missing, not known, was revoked or has expired. Send a token of Concord as “Authorization: "
            "Bearer concord_…”; an admin makes one.",
            status=401,
            code="invalid_api_key",
        )
    if ApiScope.CHAT not in program.token.scopes or not program.may_ask:
        raise ContractError(
            f"This needs the scope {ApiScope.CHAT} of the token and the permission {PERMISSION} of its account. Ask an "
            "admin for both.",
            status=403,
            code="insufficient_permissions",
        )
    return program


def check_rate(request: HttpRequest, program: Program) -> None:
    """Raises ContractError."""
    request.user = program.token.user
    throttle = PerAccount()
    if not throttle.allow_request(request, None):  # it looks at the account alone
        wait = int(throttle.wait() or 1) + 1
        raise ContractError(
            f"More than {settings.SERVING_REQUESTS_PER_MINUTE} requests in a minute. Try again in {wait} seconds.",
            status=429,
            code="rate_limit_exceeded",
            retry_after=wait,
        )


def json_of(request: HttpRequest) -> Mapping[str, Any]:
    """The body, whose length was bounded before (config/request_size.py). Raises ContractError."""
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError) as broken:
        raise ContractError(f"The body is no JSON: {type(broken).__name__}.") from broken
    if not isinstance(body, dict):
        raise ContractError("The body is no JSON object.")
    if not nests_at_most(body, DEEPEST):
        raise ContractError(TOO_DEEP)
    return body
