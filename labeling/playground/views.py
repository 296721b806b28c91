"""The playground: people talk with the served models, decide what may be kept, and take it back."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib import messages as notices
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from labeling.base.json_parser import DEEPEST, nests_at_most
from labeling.base.lasting import event_stream, make_room
from labeling.base.markdown import TEXT_HEADINGS_FROM, render_markdown
from labeling.base.refusals import PromptRefused, ServingRefused, ServingUnavailable
from labeling.base.states import LabelerState
from labeling.base.text import whole_number
from labeling.campaigns.rules.messages import check_messages
from labeling.conversations.models import Withdrawal
from labeling.conversations.queries import consent_of_person, kept_of
from labeling.conversations.rules.consent import WORDING
from labeling.conversations.services.consent import answer_consent
from labeling.conversations.services.withdrawing import withdraw
from labeling.model_versions.models import ModelVersion
from labeling.people.queries import labeler_of
from labeling.people.views.access import no_profile, not_active
from labeling.playground.queries import offered_to, offered_versions
from labeling.playground.rules import HIGHEST_TEMPERATURE, MOST_TURNS, NotAskable, read_asked, read_texts
from labeling.playground.services import answer_events, begin_answer

P = ParamSpec("P")
LONGEST_BODY = 4 * 1024 * 1024
"""Bytes: the longest conversation, were each of its characters escaped."""
SHOWN_AT_ONCE = 100
"""Kept conversations on the page of them; more are counted."""


class PersonRequest(HttpRequest):
    user: User


def for_people(
    view: Callable[Concatenate[PersonRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """For labelers, unless their account is paused or not ready yet, and for staff (docs/roles.md)."""

    @wraps(view)
    def checked(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            here = request.get_full_path() if request.method in ("GET", "HEAD") else reverse("playground")
            return redirect_to_login(here)
        labeler = labeler_of(request.user)
        if labeler is not None:
            request.labeler = labeler  # type: ignore[attr-defined]  # the pages' header shows it
        elif not request.user.is_staff:
            return no_profile(request)
        if labeler is not None and labeler.state in (LabelerState.SUSPENDED, LabelerState.INVITED):
            return not_active(request, labeler)
        response = view(request, *args, **kwargs)  # type: ignore[arg-type]
        if not response.streaming:
            add_never_cache_headers(response)
        return response

    return checked  # type: ignore[return-value]


@require_safe
@for_people
def playground(request: PersonRequest) -> HttpResponse:
    offered = offered_to(request.user)
    context = {
        "offered": offered,
        "asked": {str(each.id): each.agreed for each in offered},
        "wording": WORDING,
        "most_turns": MOST_TURNS,
        "highest_temperature": HIGHEST_TEMPERATURE,
    }
    return render(request, "playground/playground.html", context)


@require_POST
@for_people
def answer(request: PersonRequest) -> HttpResponseBase:
    """Answers the conversation that was sent as JSON, as server-sent events; {problem} with a status where it can't."""
    try:
        asked = read_asked(_json(request))
        said = check_messages(asked.messages)
    except NotAskable as refused:
        return _problem(_words_for(refused.why), 422)
    except PromptRefused:
        return _problem(_("Write something to the model first."), 422)
    version = _offered(asked.version)
    if version is None:
        return _problem(_("This model is no longer offered. Choose another; nothing of yours is lost."), 409)
    if consent_of_person(request.user, version) is None:
        return JsonResponse({"problem": _("Answer first whether this may be kept."), "asks": version.pk}, status=409)
    if not make_room(request):
        return _problem(_("Too many people are asking at the moment. Try again in a moment."), 503)
    try:
        stream, kept = begin_answer(user=request.user, version=version, messages=said, temperature=asked.temperature)
    except ServingRefused as refused:
        return _problem(_words_for("too_long" if refused.code == "context_length_exceeded" else refused.code), 422)
    except ServingUnavailable:
        return _problem(_words_for("down"), 503)
    return event_stream(answer_events(stream, version=version, kept=kept, broken=lambda: _words_for("broken")))


@require_POST
@for_people
def rendered(request: PersonRequest) -> HttpResponse:
    """The HTML of answers that are finished, sent as JSON: {texts} in, {html} in their order out."""
    try:
        texts = read_texts(_json(request))
    except NotAskable as refused:
        return _problem(_words_for(refused.why), 422)
    return JsonResponse({"html": [render_markdown(text, headings_from=TEXT_HEADINGS_FROM) for text in texts]})


@require_POST
@for_people
def consent(request: PersonRequest) -> HttpResponse:
    """Notes yes or no for the versions that were named, and leads back; answers scripts with nothing."""
    agreed = {"yes": True, "no": False}.get(request.POST.get("agreed", ""))
    numbers = {whole_number(each) for each in request.POST.getlist("version")}
    versions = [version for version in offered_versions() if version.pk in numbers]
    if agreed is None or not versions or request.POST.get("wording") != WORDING:
        return _problem(_("The page is out of date. Load it again, and answer then."), 409)
    answer_consent(user=request.user, versions=versions, agreed=agreed)
    return HttpResponse(status=204)


@require_safe
@for_people
def kept(request: PersonRequest) -> HttpResponse:
    """What is kept of the person, and what they took back."""
    found = kept_of(request.user)
    context = {
        "conversations": list(found[:SHOWN_AT_ONCE]),
        "count": found.count(),
        "withdrawals": Withdrawal.objects.filter(user=request.user).order_by("-pk"),
    }
    return render(request, "playground/kept.html", context)


@require_POST
@for_people
def take_back(request: PersonRequest) -> HttpResponse:
    """One kept conversation (`conversation`), or with `all` every one of the person's."""
    number = whole_number(request.POST.get("conversation", ""), highest=2**53)
    if "all" not in request.POST and number is None:
        raise Http404
    chosen = None if "all" in request.POST else [number or 0]
    if not kept_of(request.user).filter(**{} if chosen is None else {"pk__in": chosen}).exists():
        notices.info(request, _("There was nothing left to withdraw."))
        return redirect("playground_kept")
    done = withdraw(user=request.user, by=request.user, conversations=chosen)
    said = ngettext(
        "%(count)d conversation is withdrawn.", "%(count)d conversations are withdrawn.", done.conversations
    )
    notices.success(request, said % {"count": done.conversations})
    return redirect("playground_kept")


def _json(request: HttpRequest) -> object:
    """Raises NotAskable. A longer body is not read."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > LONGEST_BODY:
        raise NotAskable("too_long")
    try:
        sent = json.loads(request.body)
    except (ValueError, RecursionError):
        raise NotAskable("malformed") from None
    if not nests_at_most(sent, DEEPEST):
        raise NotAskable("malformed")
    return sent


def _offered(number: int) -> ModelVersion | None:
    return next((version for version in offered_versions() if version.pk == number), None)


def _problem(words: str, status: int) -> JsonResponse:
    return JsonResponse({"problem": words}, status=status)


def _words_for(why: str) -> str:
    if why == "turns":
        return _("This conversation has as many turns as one may have. Begin a new one.")
    if why == "too_long":
        return _("This has grown too long for the model to read. Shorten it, or begin a new conversation.")
    if why == "down":
        return _("No model answers at the moment. What you wrote is still here; send it again in a while.")
    if why == "broken":
        return _("The answer broke off. What came so far is here; have it made again.")
    return _("The model can't take it like this. Load the page again; what you wrote is kept in this browser.")


addresses = [
    path("playground/", playground, name="playground"),
    path("playground/answer/", answer, name="playground_answer"),
    path("playground/rendered/", rendered, name="playground_rendered"),
    path("playground/consent/", consent, name="playground_consent"),
    path("playground/kept/", kept, name="playground_kept"),
    path("playground/withdraw/", take_back, name="playground_withdraw"),
]
