"""Prompts in, and what became of them."""

from typing import Any

from django.db import transaction
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.forms.sent import AddedPromptsSerializer, PageQuery, PromptsSerializer, StoredPromptSerializer
from labeling.api.services.idempotency import Answer
from labeling.api.views.base import ApiView
from labeling.api.views.schema import IDEMPOTENCY_KEY
from labeling.base.language import detect_language
from labeling.base.refusals import InvalidCompletions, PromptRefused, SkillRefused
from labeling.base.states import ApiScope, ContentWarning, PromptSource, UseCase
from labeling.base.text import UnstorableText
from labeling.campaigns.managers.queries import campaigns_of, within_campaigns_of
from labeling.campaigns.models.campaigns import Campaign
from labeling.campaigns.models.prompts import Prompt
from labeling.campaigns.services.prompts import add_prompt
from labeling.imports.services.incoming_texts import IncomingTexts
from labeling.ranking_tasks.rules import GivenCompletion
from labeling.ranking_tasks.services.tasks import make_task_of_given
from lm.errors import UnusablePrompt

READ = (ApiScope.PROMPTS_READ, "labeling.view_prompt")
ADD = (ApiScope.PROMPTS_WRITE, "labeling.add_prompt")


class CampaignPromptsView(ApiView):
    needs = {"GET": READ, "POST": ADD}
    query_class = PageQuery
    serializer_class = StoredPromptSerializer

    @extend_schema(operation_id="prompts_list", responses=StoredPromptSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """The campaign's prompts, newest first."""
        campaign = get_object_or_404(campaigns_of(request.user), slug=slug)
        prompts = Prompt.objects.filter(campaign=campaign).select_related("campaign", "submitter", "opening")
        return self.get_paginated_response(StoredPromptSerializer(self.paginate_queryset(prompts), many=True).data)

    @extend_schema(
        operation_id="prompts_add",
        parameters=[IDEMPOTENCY_KEY],
        request=PromptsSerializer,
        responses={200: AddedPromptsSerializer},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Adds prompts. Each is taken, or refused with the reason (a near-duplicate, too long for the current model).

        Send an Idempotency-Key: where the answer got lost, the same request is answered the same and adds nothing.
        """
        campaign = get_object_or_404(campaigns_of(request.user), slug=slug)
        sent = PromptsSerializer(data=request.data)
        sent.is_valid(raise_exception=True)

        def work() -> Answer:
            texts = IncomingTexts(max_new_tokens=campaign.max_new_tokens)
            results = [_add(campaign, each, texts) for each in sent.validated_data["prompts"]]
            added = sum(result["id"] is not None for result in results)
            return 200, {"added": added, "results": results}

        return self.once(request, work)


class PromptView(ApiView):
    needs = {"GET": READ}
    serializer_class = StoredPromptSerializer

    @extend_schema(operation_id="prompts_get", parameters=[OpenApiParameter("id", int, "path")])
    def get(self, request: Request, pk: int) -> Response:
        """One prompt, with how much of what it needs is done."""
        found = Prompt.objects.select_related("campaign", "submitter", "opening")
        prompts = within_campaigns_of(request.user, found, "campaign")
        return Response(StoredPromptSerializer(get_object_or_404(prompts, pk=pk)).data)


def _language_of(messages: list[dict[str, str]], campaign: Campaign) -> str:
    """Of the last turn; "" where it can't be told, which is refused."""
    return detect_language(messages[-1]["content"], expected=campaign.languages) or ""


def _add(campaign: Campaign, sent: dict[str, Any], texts: IncomingTexts) -> dict[str, Any]:
    given = [GivenCompletion(text=each["text"], model=each["model"]) for each in sent.get("completions", [])]
    try:
        with transaction.atomic():
            prompt = add_prompt(
                campaign=campaign,
                messages=sent["messages"],
                submitter=sent["submitter"],
                source=PromptSource.API,
                use_case=UseCase(sent["use_case"]),
                language=sent.get("language") or _language_of(sent["messages"], campaign),
                content_warnings=[ContentWarning(warning) for warning in sent["content_warnings"]],
                required_skills=sent["required_skills"],
                ranking_tasks_needed=0 if given else None,  # what came with the prompt need not be made again
            )
            texts.refuse_unanswerable(prompt.messages)
            if given:
                make_task_of_given(prompt=prompt, completions=given)
    except (PromptRefused, InvalidCompletions, SkillRefused, UnstorableText, UnusablePrompt) as refused:
        return {"id": None, "refused": str(refused), "twin": getattr(refused, "twin_id", None), "warnings": []}
    warnings = list(texts.warnings(prompt.messages, [each.text for each in given]))
    return {"id": prompt.pk, "refused": "", "twin": None, "warnings": warnings}
