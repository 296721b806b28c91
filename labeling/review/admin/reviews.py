"""Reviews and adjudications to be read, and the button with which an admin asks for a review of a label."""

from collections.abc import Iterable
from typing import Any, TypedDict

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.columns import excerpt
from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.fields import ReasonForm
from labeling.base.admin.filters import by_choice, by_day, by_relation
from labeling.base.admin.model_admins import BaseAdmin, RecordAdmin, button, column, shown, written
from labeling.base.admin.state_labels import STATE_COLOURS, state_label
from labeling.base.states import CompositionState, ReviewReason
from labeling.campaigns.managers.admin import OfCampaigns
from labeling.desk.demonstrating.models import Demonstration
from labeling.desk.ranking.models import Ranking
from labeling.review.models.reviews import Adjudication, Review
from labeling.review.queries.queue import REVIEWED_WRITING, kind_of, words_of
from labeling.review.services.reviews import request_review, request_review_of_own
from labeling.review.views.words import KIND_WORDS
from labeling.writing.models import Composition

NOTE = written("note", lazy("note"))
SAID = written("text", lazy("text"))


@admin.register(Review)
class ReviewAdmin(OfCampaigns, RecordAdmin):
    campaign_paths = ("prompt__campaign",)
    list_display = (
        "number",
        "opening",
        "what",
        "labeler",
        "why",
        "show_state",
        shown("reviewer", lazy("Reviewer")),
        shown("asked_at", lazy("Asked")),
        shown("decided_at", lazy("Decided")),
    )
    list_display_links = ("number", "opening")
    list_filter = (*by_choice("state"), *by_relation("prompt__campaign", "reviewer"), *by_day("asked_at"))
    list_select_related = ("prompt__campaign", "assignment__labeler__user", "composition__labeler__user", "reviewer")
    search_fields = (
        "assignment__labeler__user__username", "composition__labeler__user__username", "reviewer__username", "text",
        "prompt__messages",
    )  # fmt: skip
    search_help_text = lazy("A name, or words of the prompt or of what the reviewer said")
    list_per_page = 50
    fields = (
        "page", "what", "labeler", "assignment", "composition", "task", "why", NOTE, "asked_by", "asked_at", "state",
        "reviewer", "decided_at", "revision", SAID, "follows",
    )  # fmt: skip
    readonly_fields = ("page", "what", "labeler", "why", NOTE, SAID)

    @column("#", ordering="pk")
    def number(self, review: Review) -> str:
        return f"{review.pk}"

    @column(lazy("Prompt"))
    def opening(self, review: Review) -> str:
        return excerpt(review.prompt.last_user_text(), language=review.prompt.language)

    @column(lazy("Kind"))
    def what(self, review: Review) -> str:
        return str(KIND_WORDS[kind_of(review)])

    @column(lazy("Labeler"), ordering="assignment__labeler__user__username")
    def labeler(self, review: Review) -> str:
        return str(review.work.labeler) if review.work else "–"

    @column(lazy("Why"))
    def why(self, review: Review) -> str:
        return ", ".join(words_of(review.reasons))

    @column(lazy("State"), label=STATE_COLOURS, ordering="state")
    def show_state(self, review: Review) -> tuple[str, str]:
        return state_label(review)

    @column(lazy("Page of the reviewers"))
    def page(self, review: Review) -> str:
        return format_html('<a href="{}">{}</a>', reverse("review", args=[review.token]), _("Open"))


@admin.register(Adjudication)
class AdjudicationAdmin(OfCampaigns, RecordAdmin):
    campaign_paths = ("task__campaign",)
    list_display = (
        "number_of_task",
        "opening",
        shown("adjudicator", lazy("Reviewer")),
        "order",
        shown("decided_at", lazy("Decided")),
    )
    list_display_links = ("number_of_task", "opening")
    list_filter = (*by_relation("task__campaign", "adjudicator"), *by_day("decided_at"))
    list_select_related = ("task__prompt", "adjudicator")
    search_fields = ("adjudicator__username", "note", "task__prompt__messages")
    list_per_page = 50
    fields = ("task", "number", "adjudicator", "order", "none_acceptable", NOTE, "rankings", "review", "decided_at")
    readonly_fields = ("order", NOTE)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Adjudication]:
        found: QuerySet[Adjudication] = super().get_queryset(request)
        return found.prefetch_related("completions")

    @column(lazy("Ranking task"), ordering="task")
    def number_of_task(self, adjudication: Adjudication) -> str:
        return f"{adjudication.task_id} ({adjudication.number})"

    @column(lazy("Prompt"))
    def opening(self, adjudication: Adjudication) -> str:
        prompt = adjudication.task.prompt
        return excerpt(prompt.last_user_text(), language=prompt.language)

    @column(lazy("Completions by rank"))
    def order(self, adjudication: Adjudication) -> str:
        rows = sorted((each.rank, each.completion_id) for each in adjudication.completions.all())
        return " · ".join(f"{rank}: {completion}" for rank, completion in rows)


class Asked(TypedDict):
    reason: ReviewReason
    note: str
    by: User


def can_be_reviewed(composition: Composition) -> bool:
    return composition.state == CompositionState.SUBMITTED and composition.kind in REVIEWED_WRITING


class AskingForReview(BaseAdmin):
    """What one labeler handed in, with the button that puts it into the reviewers' queue."""

    def buttons_for(self, row: Ranking | Demonstration | Composition) -> Iterable[str]:
        others = (name for name in super().buttons_for(row) if name != "ask_for_review")
        may = can_be_reviewed(row) if isinstance(row, Composition) else row.assignment_id is not None
        return [*(["ask_for_review"] if may else []), *others]

    @button(lazy("Ask for a review"), icon="rate_review")
    def ask_for_review(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.find(request, object_id)
        asker = request.user
        assert isinstance(asker, User)  # who may press it

        def act(cleaned: dict[str, Any]) -> str:
            why: Asked = {"reason": ReviewReason.ASKED_FOR, "note": cleaned["reason"], "by": asker}
            own = isinstance(row, Composition)
            asked = request_review_of_own(composition=row, **why) if own else request_review(label=row, **why)
            if asked is None:
                return _("It was returned to its labeler already; it comes back to the reviewers with the answer.")
            return _("It waits for a reviewer.")

        confirmation = Confirmation(
            title=_("Have this reviewed?"),
            consequences=[
                _("A reviewer sees it with your words, and accepts it, returns it to its labeler or fixes it.")
            ],
            button=_("Ask for a review"),
            back=self.page_of(row),
            about=[row],
            form=ReasonForm,
        )
        return confirm(self, request, confirmation, act)
