"""Ranking tasks: how far each is, what it holds, who works at it; set aside and put back."""

import math
from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from labeling.base.admin.columns import bar, excerpt
from labeling.base.admin.filters import LanguageFilter, by_choice, by_relation
from labeling.base.admin.nouns import column, shown
from labeling.base.admin.setting_aside import SetAsideAdmin
from labeling.base.admin.state_labels import STATE_COLOURS, state_label
from labeling.base.markdown import TEXT_HEADINGS_FROM, render_markdown
from labeling.base.states import TaskState
from labeling.desk.queries.work import turns_of
from labeling.model_versions.queries import current_reward_model
from labeling.ranking_tasks.models import RankingTask
from labeling.ranking_tasks.services.setting_aside import restore_task, set_task_aside
from labeling.rewards.queries import scores_of_task

CONSEQUENCES = [lazy("No labeler is offered it any more. Whoever holds it now may finish; it can be put back.")]


@admin.register(RankingTask)
class RankingTaskAdmin(SetAsideAdmin):
    list_display = (
        "number",
        "opening",
        shown("campaign", lazy("Campaign")),
        "show_state",
        "completions",
        "places",
        "holding",
        "reason",
    )
    list_display_links = ("number", "opening")
    list_filter = (*by_choice("state"), *by_relation("campaign"), LanguageFilter)
    list_select_related = ("campaign", "prompt")
    search_fields = ("prompt__messages", "set_aside_reason")
    search_help_text = lazy("Words of the prompt or of the reason")
    list_per_page = 50
    change_form_outer_before_template = "ranking_tasks/admin/ranking_task.html"
    fields = (
        "campaign", "prompt", "language", "state", "set_aside_reason", "k_requested", "k", "rankings_needed",
        "rankings_open", "rankings_done", "created_at", "dispatched_at", "ready_at",
    )  # fmt: skip
    consequences = CONSEQUENCES

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        task = self.find(request, object_id)
        completions = task.completions.select_related("run__model_version").order_by("pk")
        scores = scores_of_task(task, current_reward_model())
        rewards = [score.reward for score in scores.values() if score.reward is not None]
        shown = {
            "task": task,
            "turns": turns_of(task.prompt.messages),
            "completions": [
                (
                    completion,
                    render_markdown(completion.text, headings_from=TEXT_HEADINGS_FROM),
                    scores.get(completion.pk),
                )
                for completion in completions
            ],
            "best_reward": max(rewards, default=math.inf),
            "assignments": task.assignments.select_related("labeler__user").order_by("-id"),
            "sampling_runs": task.sampling_runs.select_related("model_version").order_by("-id"),
            "rankings": task.rankings.select_related("labeler__user").order_by("-id"),
        }
        return super().change_view(request, object_id, form_url, (extra_context or {}) | shown)

    def sensible_doors(self, row: RankingTask) -> Iterable[str]:
        if row.state == TaskState.SET_ASIDE:
            return ["restore"]
        return [] if row.state == TaskState.DONE else ["set_aside"]

    @column("#", ordering="pk")
    def number(self, task: RankingTask) -> int:
        return task.pk

    @column(lazy("Prompt"))
    def opening(self, task: RankingTask) -> str:
        return excerpt(task.prompt.last_user_text(), language=task.prompt.language)

    @column(lazy("State"), label=STATE_COLOURS, ordering="state")
    def show_state(self, task: RankingTask) -> tuple[str, str]:
        return state_label(task)

    @column("K", ordering="k")
    def completions(self, task: RankingTask) -> str:
        return str(task.k) if task.k else f"({task.k_requested})"

    @column(lazy("Rankings"), ordering="rankings_done")
    def places(self, task: RankingTask) -> str:
        return bar(task.rankings_done, task.rankings_needed)

    @column(lazy("Held"), ordering="rankings_open")
    def holding(self, task: RankingTask) -> str:
        if not task.rankings_open:
            return "–"
        query = {"task__id__exact": task.pk, "state__exact": "open"}
        link = reverse("admin:labeling_assignment_changelist", query=query)
        return format_html('<a href="{}">{}</a>', link, task.rankings_open)

    @column(lazy("Why set aside"))
    def reason(self, task: RankingTask) -> str:
        return format_html('<span class="cc-excerpt">{}</span>', task.set_aside_reason)

    def put_aside(self, row: RankingTask, *, reason: str) -> None:
        set_task_aside(task=row, reason=reason)

    def take_back(self, row: RankingTask) -> str:
        task = restore_task(task=row)
        return _("Ranking task %(number)d is %(state)s.") % {"number": task.pk, "state": task.get_state_display()}

    def restoring(self, row: RankingTask) -> tuple[str, list[str]]:
        title = _("Put ranking task %(number)d back into the queue?") % {"number": row.pk}
        return title, [_("With enough completions it is ready at once; otherwise the missing ones are sampled.")]
