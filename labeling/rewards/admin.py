"""Labels that the current reward model contradicts: looked at, and given to somebody else to rank as well.

What programs asked of the reward model, and what became of it.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from labeling.base.admin.columns import excerpt
from labeling.base.admin.confirmation import Confirmation, confirm
from labeling.base.admin.filters import by_choice, by_day, by_relation, yes_or_no
from labeling.base.admin.model_admins import BaseAdmin, RecordAdmin, button, column, shown
from labeling.base.admin.notes_in_words import note_in_words
from labeling.base.admin.refusals_in_words import refusal_in_words
from labeling.base.admin.state_labels import STATE_COLOURS, state_label
from labeling.base.markdown import TEXT_HEADINGS_FROM, render_markdown
from labeling.base.messages import turns_of
from labeling.base.refusals import Refusal
from labeling.base.text import whole_number
from labeling.campaigns.managers.admin import OfCampaigns
from labeling.campaigns.managers.queries import within_campaigns_of
from labeling.desk.ranking.models import RankedCompletion
from labeling.model_versions.queries import current_reward_model
from labeling.ranking_tasks.models.tasks import RankingTask
from labeling.ranking_tasks.services.tasks import ask_for_another_ranking
from labeling.rewards.models import PreferenceMargin, RewardScore, ScoringRequest
from labeling.rewards.queries import doubtful, scores_of_task


@admin.register(PreferenceMargin)
class DoubtfulLabelAdmin(OfCampaigns, RecordAdmin):
    campaign_paths = ("ranking__task__campaign",)
    list_display = ("ranking_number", "opening", "labeler", "mean_margin", "worst", "seen", "another")
    list_display_links = ("ranking_number", "opening")
    list_filter = (
        *yes_or_no("trained_on", "ranking__simulated"),
        *by_relation("ranking__task__campaign", "model_version__reward_model"),
    )
    list_select_related = ("ranking__task__prompt", "ranking__labeler__user", "model_version")
    search_fields = ("ranking__labeler__user__username", "ranking__task__prompt__messages")
    search_help_text = lazy("A labeler's name, or words of the prompt")
    ordering = ("mean",)
    list_per_page = 50
    list_before_template = "rewards/admin/doubtful_labels.html"
    change_form_outer_before_template = "rewards/admin/doubtful_label.html"
    fields = ("ranking", "model_version", "pairs", "measured_at")
    actions = ("ask_again_ticked",)
    actions_detail = ("ask_again",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PreferenceMargin]:
        return doubtful(super().get_queryset(request))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:  # noqa: ARG002
        """Finds rows that left the list as well, after a new model or a second label."""
        pk = whole_number(object_id, highest=2**63 - 1)
        if pk is None:
            return None
        found = PreferenceMargin.objects.select_related(*self.list_select_related).filter(pk=pk)
        return within_campaigns_of(request.user, found, *self.campaign_paths).first()

    def page_context(self, request: HttpRequest, margin: PreferenceMargin) -> dict[str, Any]:
        task = margin.ranking.task
        scores = scores_of_task(task, margin.model_version)
        ranked = margin.ranking.ranked_completions.select_related("completion").order_by("rank", "completion")
        return super().page_context(request, margin) | {
            "margin": margin,
            "task": task,
            "turns": turns_of(task.prompt.messages),
            "tiers": [
                (rank, [_scored(each, scores) for each in together])
                for rank, together in groupby(ranked, key=lambda each: each.rank)
            ],
            "others": task.rankings.exclude(assignment=margin.ranking.assignment_id).select_related("labeler__user"),
        }

    def buttons_for(self, row: PreferenceMargin) -> Iterable[str]:
        task = row.ranking.task
        return self.actions_detail if task.rankings_done >= task.rankings_needed else ()

    @column("#", ordering="ranking")
    def ranking_number(self, margin: PreferenceMargin) -> int:
        return margin.ranking_id

    @column(lazy("Prompt"))
    def opening(self, margin: PreferenceMargin) -> str:
        return excerpt(margin.ranking.task.prompt.last_user_text(), language=margin.ranking.task.prompt.language)

    @column(lazy("Labeler"), ordering="ranking__labeler__user__username")
    def labeler(self, margin: PreferenceMargin) -> str:
        return str(margin.ranking.labeler)

    @column(lazy("Mean difference"), ordering="mean")
    def mean_margin(self, margin: PreferenceMargin) -> str:
        return f"{margin.mean:+.2f}"

    @column(lazy("Worst comparison"), ordering="lowest")
    def worst(self, margin: PreferenceMargin) -> str:
        return f"{margin.lowest:+.2f}"

    @column(lazy("Trained on it"), label={"yes": "warning", "no": "success", "unknown": "default"})
    def seen(self, margin: PreferenceMargin) -> tuple[str, str]:
        words = {True: ("yes", _("Yes")), False: ("no", _("No")), None: ("unknown", _("Unknown"))}
        return words[margin.trained_on]

    @column(lazy("Rankings"))
    def another(self, margin: PreferenceMargin) -> str:
        task = margin.ranking.task
        done = f"{task.rankings_done} / {task.rankings_needed}"
        if task.rankings_done >= task.rankings_needed:
            return done
        return format_html('{} <span class="cc-chip">{}</span>', done, _("another is on its way"))

    @button(lazy("Ask for another ranking"), icon="group_add", primary=True)
    def ask_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        margin = self.find(request, object_id)

        def act(_cleaned: dict[str, Any]) -> str:
            task = ask_for_another_ranking(task=margin.ranking.task)
            return _("Ranking task %(task)d waits for one more ranking.") % {"task": task.pk}

        confirmation = Confirmation(
            title=_("Have task %(task)d ranked by somebody else as well?") % {"task": margin.ranking.task_id},
            consequences=[
                _("A labeler who has not met it is offered it, without a word of the first ranking or of any reward."),
                _("The first ranking stays as it is, and both are in the next snapshot."),
            ],
            button=_("Ask for another ranking"),
            back=self.page_of(margin),
            about=[margin.ranking.task],
        )
        return confirm(self, request, confirmation, act)

    @admin.action(description=lazy("Ask for another ranking"), permissions=["operate"])
    def ask_again_ticked(self, request: HttpRequest, ticked: QuerySet[PreferenceMargin]) -> None:
        """Asks for another ranking of every ticked row for which that is possible, and shows each refusal."""
        asked = 0
        for margin in ticked.select_related("ranking__task"):
            try:
                task = ask_for_another_ranking(task=margin.ranking.task)
            except Refusal as refusal:
                messages.error(request, refusal_in_words(refusal))
            else:
                self.log_change(request, task, _("Asked for another ranking."))
                asked += 1
        if asked:
            said = ngettext("%(count)d more ranking asked for.", "%(count)d more rankings asked for.", asked)
            messages.success(request, said % {"count": asked})


@dataclass(frozen=True, kw_only=True)
class ScoredCompletion:
    """A ranked completion beside what the model says of it."""

    number: int
    quality: int | None
    score: RewardScore | None
    html: str


def _scored(ranked: RankedCompletion, scores: dict[int, RewardScore]) -> ScoredCompletion:
    return ScoredCompletion(
        number=ranked.completion_id,
        quality=ranked.quality,
        score=scores.get(ranked.completion_id),
        html=render_markdown(ranked.completion.text, headings_from=TEXT_HEADINGS_FROM),
    )


class TaskRewards(BaseAdmin):
    """What the current reward model says of a task's completions."""

    def page_context(self, request: HttpRequest, task: RankingTask) -> dict[str, Any]:
        context = super().page_context(request, task)
        scores = scores_of_task(task, current_reward_model())
        rewards = [score.reward for score in scores.values() if score.reward is not None]
        scored = [(completion, html, scores.get(completion.pk)) for completion, html in context["completions"]]
        return context | {"completions": scored, "best_reward": max(rewards, default=math.inf)}


@admin.register(ScoringRequest)
class ScoringRequestAdmin(RecordAdmin):
    list_display = (
        "number",
        shown("asked_by", lazy("Account")),
        "show_state",
        "size",
        shown("model_version", lazy("Model")),
        shown("asked_at", lazy("Asked")),
        "waited",
    )
    list_filter = (*by_choice("state"), *by_relation("model_version"), *by_day("asked_at"))
    list_select_related = ("asked_by", "model_version")
    search_fields = ("asked_by__username", "failure")
    list_per_page = 50
    fields = (
        "asked_by", "state", "why_failed", "wanted", "model_version", "asked_at", "dispatched_at", "finished_at",
        "worker", "items", "scores",
    )  # fmt: skip
    readonly_fields = ("why_failed",)

    @column("#", ordering="pk")
    def number(self, asked: ScoringRequest) -> str:
        return f"{asked.pk}"

    @column(lazy("State"), label=STATE_COLOURS, ordering="state")
    def show_state(self, asked: ScoringRequest) -> tuple[str, str]:
        return state_label(asked)

    @column(lazy("failure"))
    def why_failed(self, asked: ScoringRequest) -> str:
        return note_in_words(asked.failure) or "-"

    @column(lazy("Completions"))
    def size(self, asked: ScoringRequest) -> int:
        return sum(len(item["completions"]) for item in asked.items)

    @column(lazy("Waited"))
    def waited(self, asked: ScoringRequest) -> str:
        return f"{(asked.finished_at - asked.asked_at).total_seconds():,.1f} s" if asked.finished_at else "…"
