"""`/v1/…`: the current policy for programs, as OpenAI's API has it."""

from hashlib import sha256

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import path, re_path

from labeling.base.lasting import event_stream, has_left, make_room, release_connection
from labeling.base.refusals import ServingUnavailable
from labeling.conversations.rules.consent import may_be_kept
from labeling.people.tokens.models import ApiToken
from labeling.serving.queries import Program, quota_of, seconds_left_today, servable_versions, usage_of
from labeling.serving.services.answering import Left, Passing
from labeling.serving.services.streaming import POLICY, named
from labeling.serving.views.programs import check_rate, for_programs, json_of
from sampler.chat_contract.answers import Answer, listed
from sampler.chat_contract.errors import ContractError
from sampler.chat_contract.requests import ChatRequest, parse_chat_request

KEPT = "X-Prompt-Kept"
"""Says `yes` where the conversation may be used for labeling and training."""
DAYS = 31
"""Of usage that a program is shown."""
TOO_MANY_WAIT_SECONDS = 2


@for_programs("GET", "HEAD")
def models(_request: HttpRequest, program: Program) -> HttpResponse:
    """`policy`, which is whatever version is current, and each version by its own name."""
    return JsonResponse(listed(_models(program).items()))


@for_programs("GET", "HEAD")
def model(_request: HttpRequest, program: Program, name: str) -> HttpResponse:
    known = _models(program)
    if name not in known:
        raise _no_model(name)
    return JsonResponse(listed([(name, known[name])])["data"][0])


@for_programs("GET", "HEAD")
def usage(_request: HttpRequest, program: Program) -> HttpResponse:
    """What this program has used by day, and its quota."""
    days = [
        {
            "day": used.day.isoformat(),
            "requests": used.requests,
            "prompt_tokens": used.prompt_tokens,
            "completion_tokens": used.completion_tokens,
        }
        for used in usage_of(program.token, DAYS)
    ]
    return JsonResponse({"object": "list", "data": days, "tokens_per_day": quota_of(program.token) or None})


@for_programs("POST")
def chat_completions(request: HttpRequest, program: Program) -> HttpResponseBase:
    check_rate(request, program)
    asked = parse_chat_request(json_of(request))
    version = program.current if asked.model == POLICY else named(asked.model)
    _check_quota(program)
    if not make_room(request):
        said = "Too many answers are on their way. Try again in a moment."
        raise ServingUnavailable(said, wait_seconds=TOO_MANY_WAIT_SECONDS)
    token = program.token
    passing = Passing.begin(token=token, asked=asked, version=version, scope=_scope(token, asked))
    kept = may_be_kept(agreed=program.agreed, store=asked.store) and passing.keep()  # which asks once more
    release_connection()
    response = event_stream(passing.events()) if asked.stream else _whole(request, passing)
    response[KEPT] = "yes" if kept else "no"
    return response


class WholeAnswer(JsonResponse):
    """An answer in one piece; whoever asked has it before it is counted."""

    def __init__(self, passing: Passing, answer: Answer) -> None:
        super().__init__(answer, json_dumps_params={"ensure_ascii": False})
        self._passing = passing

    def close(self) -> None:
        """The web server's last call, also where the connection broke while it sent."""
        try:
            self._passing.end()
        finally:
            super().close()


def _whole(request: HttpRequest, passing: Passing) -> HttpResponse:
    """Raises ServingUnavailable."""
    try:
        return WholeAnswer(passing, passing.whole(lambda: has_left(request)))
    except Left:
        passing.end()
        return HttpResponse(status=499)  # nobody reads it; nginx's number for that, in the log
    except BaseException:
        passing.end()
        raise


@for_programs("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
def nothing_here(request: HttpRequest, _program: Program) -> HttpResponse:
    said = f"There is nothing at {request.path[:200]}. Here are /v1/models, /v1/chat/completions and /v1/usage."
    raise ContractError(said, status=404, code="unknown_url")


def _models(program: Program) -> dict[str, int]:
    """Since which second of the epoch each is there, by name."""
    known = {version.name: int(version.created_at.timestamp()) for version in servable_versions()}
    current = program.current
    return ({POLICY: int(current.created_at.timestamp())} if current else {}) | known


def _check_quota(program: Program) -> None:
    """Raises ContractError. Requests that are on their way are counted when they end, so these may exceed it."""
    quota = quota_of(program.token)
    if quota and program.used_today >= quota:
        raise ContractError(
            f"The {quota} tokens of today (UTC) are used. Go on tomorrow, or ask an admin for more.",
            status=429,
            code="insufficient_quota",
            retry_after=seconds_left_today(),
        )


def _scope(token: ApiToken, asked: ChatRequest) -> str:
    """Neither another program nor another user of this one finds a conversation in the cache."""
    return f"token-{token.pk}-{sha256(asked.user.encode()).hexdigest()[:32]}"


def _no_model(name: str) -> ContractError:
    said = f"There is no model {name[:200]!r}; GET /v1/models lists them."
    return ContractError(said, status=404, param="model", code="model_not_found")


addresses = [
    path("v1/models", models, name="chat_models"),
    path("v1/models/<str:name>", model, name="chat_model"),
    path("v1/chat/completions", chat_completions, name="chat_completions"),
    path("v1/usage", usage, name="chat_usage"),
    re_path(r"^v1/(?:[\s\S]*)\Z", nothing_here),
]
